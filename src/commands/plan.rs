//! `prov plan`: shows what would change.

use std::path::PathBuf;

use provision::plan::{Basis, Options, SavedPlan};

use crate::change::{PARALLELISM, look, make_plan, show_plan};
use crate::cli::Pruning;
use crate::context::Context;
use crate::exit::Exit;
use crate::saved;
use crate::terminal::talk;
use crate::view;

/// What `prov plan` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Save the plan; `prov apply FILE` executes exactly it
    #[arg(short, long, value_name = "FILE", conflicts_with = "refresh")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long, visible_alias = "detailed-exitcode")]
    exit_code: bool,
    /// List the steps that do nothing, too
    #[arg(long)]
    all: bool,
    /// Plan as if protected instances may be destroyed
    #[arg(long)]
    force: bool,
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
    let mut options = Options { prune, force: args.force, ..Options::default() };
    if args.refresh {
        let seen = look(&project, journal, PARALLELISM).await?;
        (journal, options.edited, options.gone) = (seen.journal, seen.edited, seen.gone);
    }
    let plan = make_plan(&project, &desired, &journal, options).await?;
    show_plan(context, &plan, args.all);
    if let Some(path) = &args.out {
        let basis = Basis { desired: &desired, journal: &journal, catalog: &project.world.catalog };
        let shown = view::plan::json(&plan, &context.sources);
        saved::write(
            &context.typed(path)?,
            &SavedPlan::new(&plan, &basis, (prune, args.force), shown),
        )?;
        talk(format!("\nSaved to {0}. Execute it with `prov apply {0}`.", path.display()));
    }
    if !context.global.json {
        for refusal in &plan.refusals {
            talk(format!(
                "`{}` is protected: `prov apply` refuses this without `--force`.",
                refusal.reference
            ));
        }
    }
    Ok(if args.exit_code && !plan.is_clean() { Exit::Changes } else { Exit::Done })
}
