//! `prov unlock`: for locks that do not die with their holder.

use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// What `prov unlock` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs it: a local lock is either held by a living process, which is named, or free.
///
/// # Errors
/// Who holds the lock.
pub async fn run(context: &mut Context, _args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    if project.store.path().parent().is_some_and(std::path::Path::exists) {
        drop(project.lock("prov unlock", 0).await?);
    }
    if context.global.json {
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "held": false }));
    } else {
        out("The lock is free. A local lock ends with the process that holds it.");
    }
    Ok(Exit::Done)
}
