//! `prov rollback`: plans toward an earlier snapshot and goes there.

use provision::migration;

use super::migrate::{Task, ledger_failure, position_of, seeded};
use crate::cli::Writing;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `prov rollback` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The index to go back to; the one before the newest that is applied when not given
    index: Option<u32>,
    /// Do not ask before destroying
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
    let _lock = project.lock("prov rollback", args.writing.lock_timeout).await?;
    let journal = seeded(context, &project, &history).await?;
    migration::pending(&history, &journal.ledger).map_err(|error| ledger_failure(&error))?;
    let applied = journal.ledger.len();
    let goal = match args.index {
        Some(index) => position_of(index, &history)?,
        None => applied.saturating_sub(1),
    };
    if goal == 0 || goal > applied {
        let summary = match args.index {
            Some(index) => format!("{index:04} is not behind this stage."),
            None => "There is no earlier snapshot to go back to.".to_owned(),
        };
        let help = "`prov status` shows what is live; `prov teardown` takes everything down.";
        return Err(Failure::with_help(Exit::Error, "no-rollback", summary, help));
    }
    let task = Task {
        project: &project,
        history: &history,
        writing: &args.writing,
        yes: args.yes,
        force: args.force,
        command: "prov rollback",
    };
    task.go_to(context, journal, goal).await?;
    Ok(Exit::Done)
}
