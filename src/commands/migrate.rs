//! `prov migrate`: brings a stage from its ledger to the newest index.

use jiff::Timestamp;
use provision::config::{Desired, Document};
use provision::diagnostic::Diagnostics;
use provision::migration::{self, LedgerError, Migration};
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
    let history = context.history().load()?;
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
    for index in applied..goal {
        journal = task.go_to(context, journal, index + 1).await?;
    }
    if !context.global.json {
        out(format!("Applied {} migration(s) to the stage `{}`.", goal - applied, context.stage));
    }
    Ok(Exit::Done)
}

fn say_up_to_date(context: &Context, count: usize) {
    if context.global.json {
        out(json!({ "format_version": view::FORMAT_VERSION, "type": "summary", "complete": true,
            "migrations": [] }));
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

/// A stage's journal, whose ledger is taken over once from `@suluk/provision` when it has none.
pub async fn seeded(
    context: &Context,
    project: &Project,
    history: &[Migration],
) -> Result<Journal, Failure> {
    let mut journal = project.load().await?.journal;
    let is_foreign = journal.lineage.is_empty() && !journal.instances.is_empty();
    if !journal.ledger.is_empty() || !is_foreign {
        return Ok(journal);
    }
    let Some(applied) = context.history().foreign_ledger()? else { return Ok(journal) };
    for index in applied {
        if let Some(migration) = history.iter().find(|migration| migration.index == index) {
            journal.ledger.push(entry(migration, project.world.clock.now(), "imported"));
        }
    }
    if !context.global.json {
        let count = journal.ledger.len();
        talk(format!("Took over {count} applied migration(s) from meta/_applied.json."));
    }
    save(project, &mut journal).await?;
    Ok(journal)
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
        let desired = self.desired(context, migration)?;
        let plan = make_plan(self.project, &desired, &journal, true, self.force).await?;
        refuse_protected(&plan)?;
        let order = Order {
            command: self.command,
            title: "Migration",
            writing: self.writing,
            // Forward, a migration is the reviewed decision itself.
            yes: self.yes || count > journal.ledger.len(),
            force: self.force,
            ledger: Some(self.ledger(&journal, count)),
        };
        execute(context, self.project, (&plan, Some(&desired)), journal, order).await
    }

    fn desired(&self, context: &Context, migration: &Migration) -> Result<Desired, Failure> {
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(migration.snapshot.clone(), &mut problems);
        if problems.has_errors() {
            return Err(Failure::of(Exit::Error, problems));
        }
        context.desired_of(&document, &self.project.world.catalog)
    }

    fn ledger(&self, journal: &Journal, count: usize) -> Vec<Applied> {
        let known: Vec<Applied> = journal.ledger.iter().take(count).cloned().collect();
        let now = self.project.world.clock.now();
        let new = self.history.iter().take(count).skip(known.len());
        let run = self.project.world.ids.fresh();
        known.into_iter().chain(new.map(|migration| entry(migration, now, &run))).collect()
    }
}
