//! `prov status`: what the journal believes is live.

use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{out, talk};
use crate::view;

/// What `prov status` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only instances of this kind, e.g. `database`
    #[arg(long)]
    kind: Option<String>,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let loaded = project.load().await?;
    let journal = &loaded.journal;
    let wanted = |kind: &str| args.kind.as_deref().is_none_or(|wanted| wanted == kind);
    let instances: Vec<_> =
        journal.instances.iter().filter(|instance| wanted(instance.kind.as_str())).collect();
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "project": project.name,
            "stage": context.stage,
            "serial": journal.serial,
            "instances": instances.iter().map(|i| view::instances::json(i)).collect::<Vec<_>>(),
            "migrations": journal.ledger.iter().map(|applied| &applied.tag).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    if instances.is_empty() {
        out(format!("Nothing is provisioned in the stage `{}`.", context.stage));
    } else {
        out(view::instances::list(instances.into_iter()));
    }
    if let Some(last) = journal.ledger.last() {
        out(format!("\nMigrations: {} applied, the last is {}.", journal.ledger.len(), last.tag));
    }
    if project.store.is_held() {
        talk("\nA run is under way.");
    } else if loaded.replayed > 0 {
        talk(format!("\nThe last run did not end: {}", view::way_on(&loaded)));
    }
    Ok(Exit::Done)
}
