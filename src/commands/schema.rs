//! `prov schema`: the JSON Schema of the config.

use provision::config::json_schema;

use crate::context::Context;
use crate::exit::Exit;
use crate::view;

/// What `prov schema` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print the JSON Schema of manifests instead
    #[arg(long)]
    manifest: bool,
}

/// Runs it.
///
/// # Errors
/// When a manifest of the project or the user is wrong.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    if args.manifest {
        view::document(&brokers::manifest::json_schema());
        return Ok(Exit::Done);
    }
    view::document(&json_schema(&context.brokers().catalog()));
    Ok(Exit::Done)
}
