//! `prov teardown`: takes everything down that is not protected.

use provision::plan::{self, Action, Options};

use crate::change::{Order, execute, save, show_plan};
use crate::cli::Writing;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{out, talk};

/// What `prov teardown` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Do it; without it the command only shows what would go
    #[arg(short, long, visible_alias = "auto-approve")]
    yes: bool,
    /// Also destroy what is protected, and what services would rather keep
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
    let _lock = match args.yes {
        true => Some(project.lock("prov teardown", args.writing.lock_timeout).await?),
        false => None,
    };
    let loaded = project.load().await?;
    let mut journal = loaded.journal;
    // A run that was killed may have taken everything down, and left its variables in the sink.
    let is_over = journal.instances.is_empty() && (journal.bound.is_empty() || !args.yes);
    if is_over && !context.global.json {
        if args.yes && loaded.has_log {
            save(&project, &mut journal).await?;
        }
        out(format!("Nothing is provisioned in the stage `{}`.", context.stage));
        return Ok(Exit::Done);
    }
    let options = Options { force: args.force, ..Options::default() };
    let plan = plan::teardown(&journal, &options);
    let (going, kept) = (plan.count(Action::Deprovision), plan.count(Action::Noop));
    if !args.yes {
        show_plan(context, &plan, true);
        if !context.global.json {
            let force = if kept > 0 { " `--force` includes what is protected." } else { "" };
            talk(format!(
                "\nThis was a preview: {going} would go, {kept} would stay. `--yes` does it.{force}"
            ));
        }
        return Ok(Exit::Done);
    }
    let order = Order {
        command: "prov teardown",
        title: "Teardown",
        writing: &args.writing,
        yes: true,
        force: args.force,
        // Where nothing is left, no migration is applied any more.
        ledger: (kept == 0 && !journal.ledger.is_empty()).then(Vec::new),
        is_ahead: loaded.has_log,
    };
    execute(context, &project, (&plan, None), journal, order).await?;
    if kept > 0 && !context.global.json {
        let names: Vec<&str> = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Noop)
            .map(|step| step.reference.as_str())
            .collect();
        out(format!("Kept: {}. `--force` destroys what is protected, too.", names.join(", ")));
    }
    Ok(Exit::Done)
}
