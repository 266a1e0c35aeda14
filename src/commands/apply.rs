//! `prov apply`: makes it so.

use std::path::PathBuf;

use provision::plan::{Basis, Options};

use crate::change::{Order, execute, look, make_plan};
use crate::cli::{Pruning, Writing};
use crate::context::Context;
use crate::exit::Exit;
use crate::saved;

/// What `prov apply` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A plan saved by `prov plan --out`: executes exactly that, or nothing
    plan: Option<PathBuf>,
    /// Answer every question with yes
    #[arg(short, long, visible_alias = "auto-approve")]
    yes: bool,
    /// Allow to destroy protected instances
    #[arg(long)]
    force: bool,
    /// Look at what is live first: what is gone is made again, what was edited is brought back
    #[arg(long, conflicts_with = "plan")]
    refresh: bool,
    #[command(flatten)]
    pruning: Pruning,
    #[command(flatten)]
    writing: Writing,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let saved = args.plan.as_deref().map(saved::read).transpose()?;
    let mut project = context.project()?;
    let desired = context.desired(&mut project)?;
    let _lock = project.lock("prov apply", args.writing.lock_timeout).await?;
    let loaded = project.load().await?;
    let mut journal = loaded.journal;
    let (mut edited, mut gone) = Default::default();
    let mut is_ahead = loaded.has_log;
    if args.refresh {
        let seen = look(&project, journal.clone(), args.writing.parallelism).await?;
        (edited, gone) = (seen.edited, seen.gone);
        is_ahead |= seen.journal != journal;
        journal = seen.journal;
    }
    let (prune, force) = match &saved {
        Some(saved) => (saved.prune, saved.force),
        None => (args.pruning.resolve(desired.prune), args.force),
    };
    let basis = Basis { desired: &desired, journal: &journal, catalog: &project.world.catalog };
    if let Some(saved) = &saved {
        saved.check_basis(&basis)?;
    }
    let options = Options { prune, force, edited, gone, ..Options::default() };
    let plan = make_plan(&project, &desired, &journal, options).await?;
    if let Some(saved) = &saved {
        saved.check_plan(&plan)?;
    }
    let order = Order {
        command: "prov apply",
        title: "Apply",
        writing: &args.writing,
        // A saved plan was read when it was made.
        yes: args.yes || saved.is_some(),
        force,
        ledger: None,
        is_ahead,
    };
    execute(context, &project, (&plan, Some(&desired)), journal, order).await?;
    Ok(Exit::Done)
}
