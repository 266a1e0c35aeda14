//! `prov pull`: the journal beside what is live.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use provision::broker::Live;
use provision::name::Name;
use provision::observe::{self, LiveState, Observation};
use provision::state::{DRIFTED, Journal};
use provision::value::Resolved;
use provision::world::World;
use serde_json::{Value, json};

use crate::change::{refreshed, save, sync_sink};
use crate::cli::Writing;
use crate::context::{Context, Project, environment, names_of};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{BAD, out, paint, talk};
use crate::view;

/// What `prov pull` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Bring the journal to what is live: missing entries go, drifted outputs are taken over
    #[arg(long)]
    reconcile: bool,
    /// List what is at the providers and not in the journal
    #[arg(long)]
    discover: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let _lock = match args.reconcile {
        true => Some(project.lock("prov pull --reconcile", args.writing.lock_timeout).await?),
        false => None,
    };
    let journal = project.load().await?.journal;
    let env = names_of(environment());
    let found = observe::pull(&journal, &project.world, &env, args.writing.parallelism).await;
    let discovered = match args.discover {
        true => discover(&journal, &project.world, &env, args.writing.parallelism).await,
        false => Discovered::default(),
    };
    show(context, args, &found, &discovered);
    let has_error = !discovered.errors.is_empty()
        || found.iter().any(|o| matches!(o.state, LiveState::Error(_)));
    let has_drift =
        found.iter().any(|o| matches!(o.state, LiveState::Missing | LiveState::Drifted(_)));
    if args.reconcile && has_drift {
        reconcile(&project, journal, &found).await?;
        if !context.global.json {
            talk("\nFolded into the journal. `prov plan` shows what it takes to mend it.");
        }
    } else if has_drift && !context.global.json {
        talk("\n`prov pull --reconcile` folds this into the journal; `prov apply` then mends it.");
    }
    Ok(match (has_error, has_drift && !args.reconcile) {
        (true, _) => Exit::Error,
        (_, true) => Exit::Changes,
        _ => Exit::Done,
    })
}

fn show(context: &Context, args: &Args, found: &[Observation], discovered: &Discovered) {
    let is_clean = found.iter().all(|o| matches!(o.state, LiveState::Live | LiveState::Unknown));
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "clean": is_clean,
            "reconciled": args.reconcile,
            "entries": found.iter().map(view::instances::observation_json).collect::<Vec<_>>(),
            "discovered": discovered.objects,
            "discover_errors": discovered.errors.iter().map(error_json).collect::<Vec<_>>(),
        }));
        return;
    }
    if found.is_empty() {
        out("The journal is empty.");
    } else {
        out(view::instances::observations(found));
    }
    if args.discover && discovered.objects.is_empty() {
        out("\nNothing else was found at the providers that can list.");
    }
    for object in &discovered.objects {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        out(format!("  found    {} · {} ({})", text("service"), text("name"), text("instance_id")));
    }
    for (service, error) in &discovered.errors {
        let word = paint(BAD, "error");
        out(format!("  {word}    {service}: {error}"));
    }
}

fn error_json((service, error): &(String, String)) -> Value {
    json!({ "service": service, "error": error })
}

/// What the providers list.
#[derive(Default)]
struct Discovered {
    /// What the journal does not know.
    objects: Vec<Value>,
    /// Services whose list could not be had, and why.
    errors: Vec<(String, String)>,
}

/// Asks for every list, some at a time.
async fn discover(
    journal: &Journal,
    world: &World,
    env: &BTreeMap<Name, String>,
    parallelism: usize,
) -> Discovered {
    let services = world.catalog.services().map(|service| service.id.to_string());
    let answers = services.map(|service| async move {
        let broker = world.catalog.broker(&service)?;
        let beside = known_params(journal, world, env, &service);
        Some((broker.list(&service, &beside).await, service))
    });
    let answers: Vec<_> = stream::iter(answers).buffered(parallelism.max(1)).collect().await;
    let mut discovered = Discovered::default();
    for (listed, service) in answers.into_iter().flatten() {
        match listed {
            Ok(listed) => {
                let known = journal.instances.ids(&service);
                let is_new = |live: &Live| !known.contains(&live.instance_id);
                for live in listed.unwrap_or_default().into_iter().filter(is_new) {
                    let object = json!({
                        "service": service, "name": live.name, "instance_id": live.instance_id,
                    });
                    discovered.objects.push(object);
                }
            }
            Err(error) => discovered.errors.push((service, sentence(&error.to_string()))),
        }
    }
    discovered
}

/// What each known instance of a service was made with.
fn known_params(
    journal: &Journal,
    world: &World,
    env: &BTreeMap<Name, String>,
    service: &str,
) -> Vec<Resolved> {
    let entries = journal.instances.iter().filter(|entry| entry.service.as_str() == service);
    entries.map(|entry| observe::previous(journal, entry, world, env).params).collect()
}

/// Brings the journal to what is live. What is declared differs from it then, so that the next plan
/// mends it.
async fn reconcile(
    project: &Project,
    journal: Journal,
    found: &[Observation],
) -> Result<(), Failure> {
    let mut refreshed = refreshed(project, journal, found)?;
    for reference in refreshed.edited.keys() {
        if let Some(mut instance) = refreshed.journal.instances.get(reference.as_str()).cloned() {
            instance.inputs = Some(DRIFTED.to_owned());
            refreshed.journal.instances.put(instance);
        }
    }
    save(project, &mut refreshed.journal).await?;
    sync_sink(project, refreshed.journal, None).await?;
    Ok(())
}
