//! `prov state repair`: mends a log that is damaged.

use crate::change::sync_sink;
use crate::cli::Writing;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{ask, can_ask, out, talk};
use crate::view;

/// What `prov state repair` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Cut without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Shows what would be cut, asks, and cuts it.
///
/// # Errors
/// When the journal itself is damaged, or nobody is there to ask.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let _lock = project.lock("prov state repair", args.writing.lock_timeout).await?;
    let is_json = context.global.json;
    let Some(damage) = project.store.examine()? else {
        match is_json {
            true => view::document(&view::repair::whole_json()),
            false => out("The journal and the log are whole: there is nothing to repair."),
        }
        return Ok(Exit::Done);
    };
    if !is_json {
        talk(view::repair::human(&damage));
    }
    let is_wanted = args.yes || (can_ask() && ask("Repair it so?"));
    if !is_wanted {
        let summary = "Nothing was changed.";
        let help = "Read what would be cut, then give `--yes`.";
        let decisions = vec![view::repair::json(&damage, None)];
        let failure = Failure::with_help(Exit::Refused, "decision-needed", summary, help);
        return Err(failure.decisions(decisions));
    }
    let copy = project.store.repair(&damage)?;
    match is_json {
        true => view::document(&view::repair::json(&damage, Some(&copy))),
        false => out(format!(
            "Repaired. The damaged log is kept as {}; `prov plan` shows what is left to do, \
             `prov pull` what is really there.",
            copy.display()
        )),
    }
    sync_sink(&project, project.load().await?.journal, None).await?;
    Ok(Exit::Done)
}
