//! `prov completions`: a completion script.

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out_raw;

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
pub fn run(_context: &mut Context, args: &Args) -> super::Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "prov", &mut script);
    out_raw(&script);
    Ok(Exit::Done)
}
