//! `prov schema`: the JSON Schema of the config.

use provision::config::json_schema;

use crate::context::{Context, catalog};
use crate::exit::Exit;
use crate::view;

/// What `prov schema` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// None; the signature is every command's.
pub fn run(context: &mut Context, _args: &Args) -> super::Answer {
    view::document(&json_schema(&catalog(&context.root, context.global.allow_outside)));
    Ok(Exit::Done)
}
