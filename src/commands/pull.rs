//! `prov pull`: the journal beside what is live.

use provision::observe::{self, LiveState, Observation};
use provision::state::{DRIFTED, Journal};
use provision::world::World;
use serde_json::{Value, json};

use crate::change::{refreshed, save, sync_sink};
use crate::cli::Writing;
use crate::context::{Context, Project, environment, names_of};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{out, talk};
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
    let discovered =
        if args.discover { discover(&journal, &project.world).await? } else { Vec::new() };
    show(context, args, &found, &discovered);
    let has_error = found.iter().any(|o| matches!(o.state, LiveState::Error(_)));
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

fn show(context: &Context, args: &Args, found: &[Observation], discovered: &[Value]) {
    let is_clean = found.iter().all(|o| matches!(o.state, LiveState::Live | LiveState::Unknown));
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "clean": is_clean,
            "reconciled": args.reconcile,
            "entries": found.iter().map(view::instances::observation_json).collect::<Vec<_>>(),
            "discovered": discovered,
        }));
        return;
    }
    if found.is_empty() {
        out("The journal is empty.");
    } else {
        out(view::instances::observations(found));
    }
    if args.discover && discovered.is_empty() {
        out("\nNothing else was found at the providers that can list.");
    }
    for object in discovered {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        out(format!("  found    {} · {} ({})", text("service"), text("name"), text("instance_id")));
    }
}

/// Everything the providers list that the journal does not know.
async fn discover(journal: &Journal, world: &World) -> Result<Vec<Value>, Failure> {
    let mut objects = Vec::new();
    for service in world.catalog.services() {
        let Some(broker) = world.catalog.broker(service.id.as_str()) else { continue };
        let listed = broker.list(service.id.as_str()).await.map_err(|error| {
            let summary = format!("{}: {}", service.id, sentence(&error.to_string()));
            Failure::new(Exit::Error, "discover", summary)
        })?;
        for live in listed.unwrap_or_default() {
            let is_known = journal.instances.iter().any(|instance| {
                instance.service == service.id && instance.instance_id == live.instance_id
            });
            if !is_known {
                objects.push(json!({
                    "service": service.id, "name": live.name, "instance_id": live.instance_id,
                }));
            }
        }
    }
    Ok(objects)
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
