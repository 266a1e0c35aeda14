//! `prov migrate`: brings a stage from its ledger to the newest index.

use std::collections::HashSet;

use jiff::Timestamp;
use provision::config::{Desired, Document};
use provision::diagnostic::Diagnostics;
use provision::migration::{self, LedgerError, Migration};
use provision::name::Name;
use provision::plan::Options;
use provision::state::{Applied, Journal};
use serde_json::json;

use crate::change::{Order, execute, make_plan, refuse_protected, save};
use crate::cli::Writing;
use crate::context::{Context, Project};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{out, talk};
use crate::view;

/// What `prov migrate` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Bring the stage to this index instead of the newest, forward or back
    #[arg(long, value_name = "NNNN")]
    to: Option<u32>,
    /// Destroy without asking what a migration removes
    #[arg(short, long, visible_alias = "auto-approve")]
    yes: bool,
    /// Allow to destroy protected instances
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let history = context.history()?.load()?;
    let _lock = project.lock("prov migrate", args.writing.lock_timeout).await?;
    let journal = seeded(context, &project, &history).await?;
    let pending =
        migration::pending(&history, &journal.ledger).map_err(|error| ledger_failure(&error))?;
    let applied = history.len() - pending.len();
    let goal = match args.to {
        Some(index) => position_of(index, &history)?,
        None => history.len(),
    };
    let task = Task {
        project: &project,
        history: &history,
        writing: &args.writing,
        yes: args.yes,
        force: args.force,
        command: "prov migrate",
    };
    if goal < applied {
        task.go_to(context, journal, goal).await?;
        return Ok(Exit::Done);
    }
    if goal == applied {
        say_up_to_date(context, history.len());
        return Ok(Exit::Done);
    }
    let mut journal = journal;
    // Where instances are and no ledger tells how they came, there is one way that replays nothing:
    // straight to the goal.
    let first = if is_unplaced(&journal) { goal } else { applied + 1 };
    for count in first..=goal {
        journal = task.go_to(context, journal, count).await?;
    }
    if !context.global.json {
        out(format!("Applied {} migration(s) to the stage `{}`.", goal - applied, context.stage));
    }
    Ok(Exit::Done)
}

fn say_up_to_date(context: &Context, count: usize) {
    if context.global.json {
        out(view::versioned(json!({ "type": "summary", "complete": true, "interrupted": false,
            "added": 0, "changed": 0, "destroyed": 0, "failed": [], "skipped": [], "in_flight": [],
            "not_started": [], "migrations": [] })));
    } else if count == 0 {
        out("There are no migrations. `prov generate` writes one from the config.");
    } else {
        out(format!("The stage `{}` is up to date.", context.stage));
    }
}

/// How many migrations have to be applied for the newest to be `index`.
pub fn position_of(index: u32, history: &[Migration]) -> Result<usize, Failure> {
    let found = history.iter().position(|migration| migration.index == index);
    found.map(|position| position + 1).ok_or_else(|| {
        let summary = format!("There is no migration with the index {index:04}.");
        let tags: Vec<&str> = history.iter().map(|migration| migration.tag.as_str()).collect();
        let help = match tags.is_empty() {
            true => "`prov generate` writes the first from the config.".to_owned(),
            false => format!("There are: {}.", tags.join(", ")),
        };
        Failure::with_help(Exit::Error, "unknown-migration", summary, help)
    })
}

/// A stage's journal with its ledger. One that has instances and no ledger was made by `apply`, or
/// by `@suluk/provision`: its place in the history is taken from `_applied.json`, or is the newest
/// snapshot that is exactly what the journal holds. History is never replayed over live instances.
///
/// # Errors
/// When `_applied.json` leaves one out.
pub async fn seeded(
    context: &Context,
    project: &Project,
    history: &[Migration],
) -> Result<Journal, Failure> {
    let mut journal = project.load().await?.journal;
    if !journal.ledger.is_empty() || journal.instances.is_empty() || history.is_empty() {
        return Ok(journal);
    }
    let is_foreign = journal.lineage.is_empty();
    let listed = if is_foreign { context.history()?.foreign_ledger()? } else { None };
    let (count, source) = match listed {
        Some(listed) => (prefix(listed)?, "meta/_applied.json"),
        None => (fitting(context, project, history, &journal).await?, "what the journal holds"),
    };
    if count == 0 {
        return Ok(journal);
    }
    let now = project.world.clock.now();
    journal.ledger = history.iter().take(count).map(|m| entry(m, now, "imported")).collect();
    if !context.global.json {
        talk(format!("Took over {count} applied migration(s) from {source}."));
    }
    save(project, &mut journal).await?;
    Ok(journal)
}

/// Whether there are instances and no ledger that tells which migrations made them.
fn is_unplaced(journal: &Journal) -> bool {
    journal.ledger.is_empty() && !journal.instances.is_empty()
}

/// How many migrations a list of applied indexes stands for.
fn prefix(mut listed: Vec<u32>) -> Result<usize, Failure> {
    listed.sort_unstable();
    listed.dedup();
    if listed.iter().zip(0..).all(|(index, place)| *index == place) {
        return Ok(listed.len());
    }
    let summary = "meta/_applied.json leaves out a migration before one that it lists.";
    let help = "Nothing was changed. Write the ones that are applied, e.g. `[0, 1]`.";
    Err(Failure::with_help(Exit::Error, "ledger", summary, help))
}

/// After how many migrations the journal is exactly what the snapshot says.
async fn fitting(
    context: &Context,
    project: &Project,
    history: &[Migration],
    journal: &Journal,
) -> Result<usize, Failure> {
    for count in (1..=history.len()).rev() {
        let Some(migration) = history.get(count - 1) else { continue };
        let Ok(desired) = desired_of(context, project, migration) else { continue };
        let options = Options { prune: true, ..Options::default() };
        let plan = make_plan(project, &desired, journal, options).await?;
        if plan.is_clean() && plan.orphans.is_empty() {
            return Ok(count);
        }
    }
    Ok(0)
}

fn desired_of(
    context: &Context,
    project: &Project,
    migration: &Migration,
) -> Result<Desired, Failure> {
    let mut problems = Diagnostics::default();
    let document = Document::from_snapshot(migration.snapshot.clone(), &mut problems);
    if problems.has_errors() {
        return Err(Failure::of(Exit::Error, problems));
    }
    context.desired_of(&document, &project.world.catalog)
}

fn entry(migration: &Migration, applied_at: Timestamp, run: &str) -> Applied {
    Applied {
        tag: migration.tag.clone(),
        sha256: migration.sha256.clone(),
        applied_at,
        run: run.to_owned(),
    }
}

/// Why a ledger does not fit its history.
pub fn ledger_failure(error: &LedgerError) -> Failure {
    let help = "Restore the migrations folder from version control; to change what was migrated, \
        generate a new migration.";
    Failure::with_help(Exit::Error, "ledger", sentence(&error.to_string()), help)
}

/// Brings a stage to a place in the history.
pub struct Task<'a> {
    /// The project.
    pub project: &'a Project,
    /// The whole history.
    pub history: &'a [Migration],
    /// The lock and the parallelism.
    pub writing: &'a Writing,
    /// Whether every question is answered with yes.
    pub yes: bool,
    /// Whether protected instances may be destroyed.
    pub force: bool,
    /// The command, for the log.
    pub command: &'a str,
}

impl Task<'_> {
    /// Plans toward the snapshot after `count` migrations and runs that plan.
    pub async fn go_to(
        &self,
        context: &Context,
        journal: Journal,
        count: usize,
    ) -> Result<Journal, Failure> {
        let Some(migration) = count.checked_sub(1).and_then(|last| self.history.get(last)) else {
            return Ok(journal);
        };
        if context.global.json {
            out(view::versioned(json!({ "type": "migration", "tag": migration.tag })));
        } else {
            talk(format!("▸ {}", migration.tag));
        }
        let desired = desired_of(context, self.project, migration)?;
        let options = Options {
            prune: true,
            prune_only: Some(self.dropped(journal.ledger.len(), count)),
            force: self.force,
            ..Options::default()
        };
        let plan = make_plan(self.project, &desired, &journal, options).await?;
        refuse_protected(&plan)?;
        let order = Order {
            command: self.command,
            title: if count > journal.ledger.len() { "Migration" } else { "Rollback" },
            writing: self.writing,
            // Forward, a migration is the reviewed decision itself.
            yes: self.yes || count > journal.ledger.len() && !is_unplaced(&journal),
            force: self.force,
            ledger: Some(self.ledger(&journal, count)),
            is_ahead: false,
        };
        execute(context, self.project, (&plan, Some(&desired)), journal, order).await
    }

    /// The refs that the snapshots between here and there knew: nothing else is destroyed on the way.
    fn dropped(&self, applied: usize, count: usize) -> HashSet<Name> {
        let range =
            if count > applied { applied.saturating_sub(1)..applied } else { count..applied };
        let snapshots = self.history.get(range).unwrap_or_default().iter();
        snapshots.flat_map(|migration| migration::refs_of(&migration.snapshot)).collect()
    }

    fn ledger(&self, journal: &Journal, count: usize) -> Vec<Applied> {
        let known: Vec<Applied> = journal.ledger.iter().take(count).cloned().collect();
        let now = self.project.world.clock.now();
        let new = self.history.iter().take(count).skip(known.len());
        let run = self.project.world.ids.fresh();
        known.into_iter().chain(new.map(|migration| entry(migration, now, &run))).collect()
    }
}
