//! `prov import`: takes over an object that exists already.

use std::collections::BTreeMap;

use provision::broker::{FindRequest, KnownIds, Live, OnChange, Service};
use provision::config::{Desired, InstanceSpec};
use provision::observe;
use provision::plan::{Lookup, fill, with_defaults};
use provision::state::{Instance, Journal, Origin, Sealed, Status};
use provision::value::Resolved;
use serde_json::{Map, Value};

use crate::change::{save, sync_sink};
use crate::cli::Writing;
use crate::context::{Context, Project};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::out;
use crate::view;

/// What `prov import` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The declared instance
    #[arg(value_name = "REF")]
    reference: String,
    /// The provider's id of the object
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    writing: Writing,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let mut project = context.project()?;
    let desired = context.desired(&mut project)?;
    let spec = declared(&desired, &args.reference)?;
    let _lock = project.lock("prov import", args.writing.lock_timeout).await?;
    let mut journal = project.load().await?.journal;
    refuse_known(&journal, spec, &args.id)?;
    let live = find(&project, &desired, &journal, spec, &args.id).await?;
    let mut instance = entry(&project, spec, live)?;
    // What replacements left behind is still to be destroyed.
    if let Some(known) = journal.instances.get(spec.reference.as_str()) {
        instance.deposed.clone_from(&known.deposed);
    }
    journal.instances.put(instance.clone());
    save(&project, &mut journal).await?;
    sync_sink(&project, journal, Some(&desired)).await?;
    if context.global.json {
        view::document(&view::versioned(view::instances::json(&instance)));
    } else {
        let what = format!("{} · {}", spec.service, instance.instance_id);
        out(format!("Imported {} ({what}). `prov plan` shows what differs.", spec.reference));
    }
    Ok(Exit::Done)
}

fn declared<'a>(desired: &'a Desired, reference: &str) -> Result<&'a InstanceSpec, Failure> {
    desired.instances.iter().find(|spec| spec.reference == reference).ok_or_else(|| {
        let summary = format!("No instance `{reference}` is declared.");
        let help = "Declare it first, as it should be; then import it.";
        Failure::with_help(Exit::Error, "unknown-ref", summary, help)
    })
}

fn refuse_known(journal: &Journal, spec: &InstanceSpec, id: &str) -> Result<(), Failure> {
    let other = journal.instances.iter().find(|known| {
        known.reference == spec.reference && known.exists()
            || known.service == spec.service && known.instance_id == id
    });
    let Some(other) = other else { return Ok(()) };
    let summary =
        format!("`{}` is in the journal already, as {}.", other.reference, other.instance_id);
    let help = format!("`prov state rm {}` forgets it without destroying it.", other.reference);
    Err(Failure::with_help(Exit::Error, "known", summary, help))
}

async fn find(
    project: &Project,
    desired: &Desired,
    journal: &Journal,
    spec: &InstanceSpec,
    id: &str,
) -> Result<Live, Failure> {
    let catalog = &project.world.catalog;
    let output =
        |reference: &str, key: &str| journal.instances.get(reference)?.outputs.get(key).cloned();
    let lookup = Lookup { output: &output, env: &desired.env };
    let params = with_defaults(&spec.params, catalog.service(spec.service.as_str()));
    let params = params.into_iter().filter_map(|(k, v)| fill(&v, &lookup).map(|v| (k, v)));
    let request = FindRequest {
        is_unsure: false,
        known: KnownIds::default(),
        address: observe::spec_address(spec, journal),
        params: Resolved(params.collect()),
        instance_id: Some(id.to_owned()),
        idempotency_key: None,
    };
    let missing = || {
        let summary = format!("There is no {} with the id {id}.", spec.service);
        let help = "Look the id up at the provider; `prov pull --discover` lists what it shows.";
        Failure::with_help(Exit::Error, "not-found", summary, help)
    };
    let broker = catalog.broker(spec.service.as_str()).ok_or_else(missing)?;
    match broker.find(&request).await {
        Ok(Some(live)) if live.instance_id == id => Ok(live),
        Ok(_) => Err(missing()),
        Err(error) => {
            let summary = sentence(&error.to_string());
            let help = error.help.unwrap_or_else(|| "Nothing was changed.".to_owned());
            Err(Failure::with_help(Exit::Error, "import", summary, help))
        }
    }
}

/// The params that say how a thing is handled, and are nothing of the thing itself.
fn handling(spec: &InstanceSpec, service: &Service) -> Map<String, Value> {
    let is_how =
        |key: &str| service.param(key).is_some_and(|param| param.on_change == OnChange::Ignore);
    let params = spec.params.iter().filter(|(key, _)| is_how(key));
    params.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The entry of an adopted object. It has no fingerprint: what it was made of is not known, so the
/// next plan brings it to what is declared.
fn entry(project: &Project, spec: &InstanceSpec, live: Live) -> Result<Instance, Failure> {
    let service = project.world.catalog.service(spec.service.as_str());
    let now = Some(project.world.clock.now());
    let (mut outputs, mut sensitive) = (BTreeMap::new(), BTreeMap::new());
    for (key, output) in live.outputs.0 {
        if output.sensitive {
            let sealed = project.world.vault.seal(&output.value).map_err(|error| {
                Failure::new(Exit::Error, "sealed", sentence(&error.to_string()))
            })?;
            sensitive.insert(key, Sealed { id: project.world.ids.fresh(), sealed });
        } else {
            outputs.insert(key, output.value.clone());
        }
    }
    Ok(Instance {
        reference: spec.reference.clone(),
        service: spec.service.clone(),
        plan: spec.plan.clone(),
        name: spec.name.clone(),
        instance_id: live.instance_id,
        kind: service.map_or_else(|| "".into(), |service| service.kind.clone()),
        origin: Origin::Adopted,
        status: Status::Provisioned,
        outputs,
        sensitive,
        params: service.map(|service| handling(spec, service)),
        fingerprint: String::new(),
        inputs: None,
        identity: None,
        depends_on: spec.needs.clone(),
        bind: Some(spec.bind.clone()),
        protected: spec.protected.unwrap_or_else(|| service.is_some_and(|s| s.is_stateful())),
        retain: false,
        external: spec.external,
        last_error: None,
        provisioned_at: now,
        updated_at: now,
        operation: None,
        deposed: Vec::new(),
    })
}
