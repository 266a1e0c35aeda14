//! The command line of prov: it speaks, the engine decides.

mod change;
mod cli;
mod commands;
mod context;
mod crash;
mod credentials;
mod doctor;
mod exit;
mod failure;
mod holder;
mod prompt;
mod report;
mod saved;
mod sink;
mod terminal;
mod trace;
mod vault;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::ColorWhen;

/// A plan of ten thousand instances is half a million small allocations; the inner allocator takes a
/// third of the time off it. The outer one overwrites what is given back: secrets pass through more
/// texts, requests and answers than could be named one by one.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    crash::leave_no_core();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let color = if cli.global.no_color { ColorWhen::Never } else { cli.global.color };
    terminal::set_color(color);
    trace::start(cli.global.verbose);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        terminal::talk("error: the asynchronous runtime could not be started");
        return Exit::Error.into();
    };
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> ExitCode {
    let is_json = cli.global.json;
    let mut context = match Context::new(cli.global) {
        Ok(context) => context,
        Err(failure) => {
            report::failure(&failure, &provision::diagnostic::Sources::default(), is_json);
            return failure.exit().into();
        }
    };
    match commands::dispatch(&mut context, cli.command).await {
        Ok(_) if terminal::has_lost_data() => {
            terminal::talk("error: Standard output could not be written.");
            Exit::Error.into()
        }
        Ok(exit) => exit,
        Err(failure) => {
            report::failure(&failure, &context.sources, is_json);
            failure.exit().into()
        }
    }
}

/// clap's own code for wrong usage is 2, which here means that there are changes.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}
