//! `prov show`: one instance.

use provision::name::closest;
use provision::state::{Instance, Journal};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// What `prov show` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The instance
    #[arg(value_name = "REF")]
    reference: String,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let journal = project.load().await?.journal;
    let instance = find(&journal, &args.reference)?;
    if context.global.json {
        view::document(&view::versioned(view::instances::json(instance)));
    } else {
        out(view::instances::show(instance));
    }
    Ok(Exit::Done)
}

/// The instance of the journal under a ref that was typed.
///
/// # Errors
/// When there is none.
pub fn find<'a>(journal: &'a Journal, reference: &str) -> Result<&'a Instance, Failure> {
    journal.instances.get(reference).ok_or_else(|| {
        let known = journal.instances.iter().map(|instance| instance.reference.as_str());
        let help = match closest(reference, known) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => "`prov status` lists what is there.".to_owned(),
        };
        let summary = format!("The journal has no instance `{reference}`.");
        Failure::with_help(Exit::Error, "unknown-ref", summary, help)
    })
}
