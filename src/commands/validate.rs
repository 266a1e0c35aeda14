//! `prov validate`: everything that is wrong with the config.

use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::{GOOD, out, paint};
use crate::view;

/// What `prov validate` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// What is wrong with the config.
pub fn run(context: &mut Context, _args: &Args) -> super::Answer {
    let mut project = context.project()?;
    let desired = context.desired(&mut project)?;
    let count = desired.instances.len();
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "valid": true,
            "instances": count,
            "diagnostics": [],
        }));
    } else {
        let noun = if count == 1 { "instance" } else { "instances" };
        out(format!("{} {count} {noun}.", paint(GOOD, "The config is valid:")));
    }
    Ok(Exit::Done)
}
