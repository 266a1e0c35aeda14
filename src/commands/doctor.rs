//! `prov doctor`: whether everything is as it has to be.

use crate::context::Context;
use crate::doctor::{Status, examine};
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// What `prov doctor` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Ask no provider
    #[arg(long)]
    offline: bool,
}

/// Runs it.
///
/// # Errors
/// None; what is wrong is what it is there to say.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let findings = examine(context, args.offline).await;
    if context.global.json {
        view::document(&view::doctor::json(&findings));
    } else {
        out(view::doctor::list(&findings));
    }
    let has_problem = findings.iter().any(|finding| finding.status == Status::Problem);
    Ok(if has_problem { Exit::Error } else { Exit::Done })
}
