//! `prov version`: the version, and the formats it reads and writes.

use provision::state::JOURNAL_VERSION;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// What `prov version` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// None; the signature is every command's.
pub fn run(context: &mut Context, _args: &Args) -> super::Answer {
    let version = env!("CARGO_PKG_VERSION");
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "version": version,
            "journal_version": JOURNAL_VERSION,
        }));
    } else {
        out(format!("prov {version}"));
    }
    Ok(Exit::Done)
}
