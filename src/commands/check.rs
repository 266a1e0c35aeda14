//! `prov check`: the gate for CI.

use provision::plan::Options;

use crate::change::{PARALLELISM, look, make_plan, show_plan};
use crate::cli::Pruning;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::talk;

/// What `prov check` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Also exit with 2 when the journal holds something that is not declared
    #[arg(long)]
    orphans: bool,
    /// Look at what is live first: what is gone is made again, what was edited is brought back
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    pruning: Pruning,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: Args) -> super::Answer {
    let mut project = context.project()?;
    let desired = context.desired(&mut project)?;
    let mut journal = project.load().await?.journal;
    if project.store.is_held() {
        talk("A run is under way: this is what it has recorded so far.\n");
    }
    let prune = args.pruning.resolve(desired.prune);
    let mut options = Options { prune, ..Options::default() };
    if args.refresh {
        let seen = look(&project, journal, PARALLELISM).await?;
        (journal, options.edited, options.gone) = (seen.journal, seen.edited, seen.gone);
    }
    let plan = make_plan(&project, &desired, &journal, options).await?;
    show_plan(context, &plan, false);
    let is_good = plan.is_clean() && (!args.orphans || plan.orphans.is_empty());
    Ok(if is_good { Exit::Done } else { Exit::Changes })
}
