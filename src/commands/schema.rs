//! `prov schema`: the JSON Schema of the config.

use provision::config::json_schema;

use crate::context::Context;
use crate::exit::Exit;
use crate::view;

/// What `prov schema` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// When a manifest of the project or the user is wrong.
pub fn run(context: &mut Context, _args: &Args) -> super::Answer {
    view::document(&json_schema(&context.catalog()?));
    Ok(Exit::Done)
}
