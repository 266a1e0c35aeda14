//! `prov broker`: looks at, copies, checks and tries single brokers.

mod eject;
mod lint;
mod new;
mod paging;
mod show;
mod test;

use brokers::manifest::{Broken, Manifest};
use provision::name::closest;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `prov broker` does.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Print what a service takes and yields
    Show(show::Args),
    /// Copy a service's manifest into `./brokers/`, where the copy wins
    Eject(eject::Args),
    /// Check manifests
    Lint(lint::Args),
    /// Draft a manifest from the description of an API
    New(new::Args),
    /// Try a service at its provider: make, read, list, change and destroy one
    Test(test::Args),
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, command: Command) -> super::Answer {
    match command {
        Command::Show(args) => show::run(context, &args),
        Command::Eject(args) => eject::run(context, &args),
        Command::Lint(args) => lint::run(context, &args),
        Command::New(args) => new::run(context, &args),
        Command::Test(args) => test::run(context, &args).await,
    }
}

/// The manifest of a service.
///
/// # Errors
/// When there is none of this id.
fn manifest(context: &mut Context, service: &str) -> Result<Manifest, Failure> {
    let is_meant = |broken: &Broken| broken.services.iter().any(|id| id == service);
    if let Some(problems) = context.broken(is_meant) {
        return Err(Failure::of(Exit::Error, problems));
    }
    let brokers = context.brokers();
    let mut all = brokers.rest.iter().flat_map(|broker| broker.manifests());
    if let Some(found) = all.find(|manifest| manifest.service.id == service) {
        return Ok(found.clone());
    }
    let catalog = brokers.catalog();
    if catalog.service(service).is_some() {
        let summary = format!("`{service}` is part of the program and has no manifest.");
        let help = "docs/local-services.md says what it takes.";
        return Err(Failure::with_help(Exit::Error, "no-manifest", summary, help));
    }
    let known = catalog.services().map(|service| service.id.as_str());
    let help = match closest(service, known) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => "`prov brokers` lists every service.".to_owned(),
    };
    let summary = format!("There is no service `{service}`.");
    Err(Failure::with_help(Exit::Error, "unknown-service", summary, help))
}
