//! `prov completions`: a completion script.

use clap::CommandFactory as _;
use serde_json::json;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out_raw;
use crate::view;

/// What `prov completions` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Runs it.
///
/// # Errors
/// None; the signature is every command's.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "prov", &mut script);
    if context.global.json {
        let script = String::from_utf8_lossy(&script);
        view::document(&view::versioned(json!({ "script": script })));
    } else {
        out_raw(&script);
    }
    Ok(Exit::Done)
}
