//! Looking at the world without changing it: what a plan wants to know beforehand, and what is live.

mod preflight;
mod refresh;

use std::cell::{LazyCell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Map, Value};

use crate::broker::{
    Address, BrokerError, ErrorKind, FetchRequest, FindRequest, Live, OnChange, Previous, Service,
};
use crate::config::{Desired, InstanceSpec};
use crate::mask::Mask;
use crate::name::Name;
use crate::plan::{Lookup, fill, with_defaults};
use crate::state::{Instance, Journal};
use crate::value::{MASK, Output, Outputs, Resolved, as_text, same};
use crate::world::World;

pub use preflight::preflight;
pub use refresh::{Refreshed, refresh};

/// The path of a [`Drift`] of the name: an output may be called `name`.
const NAME: &str = "$name";

/// How what is live differs: the output, or `params.` and the param, or `$name`; the recorded value;
/// the live value. Secret values are masked.
pub type Drift = (Name, Value, Value);

/// What was found for one entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveState {
    /// It is there, as recorded.
    Live,
    /// It is definitely gone.
    Missing,
    /// It is there and differs.
    Drifted(Vec<Drift>),
    /// Its service cannot be asked.
    Unknown,
    /// It could not be found out.
    Error(String),
}

/// One entry of the journal beside what is live.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The instance.
    pub reference: Name,
    /// Its service.
    pub service: Name,
    /// Its name.
    pub name: Name,
    /// The provider's id.
    pub instance_id: String,
    /// What was found.
    pub state: LiveState,
    /// The live object, when there is one.
    pub live: Option<Live>,
}

/// The outputs of an entry, secrets opened. One that does not open is left out: an identity that
/// was lost must not keep anybody from replacing or destroying what it was for.
fn opened(entry: &Instance, world: &World) -> Map<String, Value> {
    let plain = entry.outputs.iter().map(|(key, value)| (key.to_string(), value.clone()));
    let open = |(key, sealed): (&Name, &crate::state::Sealed)| {
        Some((key.to_string(), world.vault.open(&sealed.sealed).ok()?))
    };
    plain.chain(entry.sensitive.iter().filter_map(open)).collect()
}

/// The address of a journal entry.
#[must_use]
pub fn address(journal: &Journal, entry: &Instance) -> Address {
    Address {
        project: journal.project.clone(),
        stage: journal.stage.clone(),
        reference: entry.reference.clone(),
        service: entry.service.clone(),
        name: entry.name.clone(),
    }
}

/// What the journal knows of an entry, for a broker. References in its params are resolved as far
/// as the journal still knows what they mean.
#[must_use]
pub fn previous(
    journal: &Journal,
    entry: &Instance,
    world: &World,
    env: &BTreeMap<Name, String>,
) -> Previous {
    known(journal, entry, world, env).0
}

/// The same, and the secret texts that its params were resolved with.
fn known(
    journal: &Journal,
    entry: &Instance,
    world: &World,
    env: &BTreeMap<Name, String>,
) -> (Previous, Vec<String>) {
    let secrets: RefCell<Vec<String>> = RefCell::new(env.values().cloned().collect());
    let output = |reference: &str, key: &str| {
        let producer = journal.instances.get(reference)?;
        let Some(sealed) = producer.sensitive.get(key) else {
            return producer.outputs.get(key).cloned();
        };
        let value = world.vault.open(&sealed.sealed).ok()?;
        secrets.borrow_mut().push(as_text(&value));
        Some(value)
    };
    let lookup = Lookup { output: &output, env };
    let params = entry.params.clone().unwrap_or_default();
    let nothing = Lookup { output: &|_, _| None, env: &BTreeMap::new() };
    let refers = |(_, value): &(&String, &Value)| fill(value, &nothing).is_none();
    let referring = params.iter().filter(refers).map(|(key, _)| key.clone()).collect();
    let params = params
        .into_iter()
        .filter_map(|(key, value)| fill(&value, &lookup).map(|value| (key, value)))
        .collect();
    let previous = Previous {
        name: Some(entry.name.clone()),
        plan: entry.plan.clone(),
        params: Resolved(with_defaults(&params, world.catalog.service(entry.service.as_str()))),
        referring,
        outputs: Resolved(opened(entry, world)),
    };
    (previous, secrets.into_inner())
}

/// Holds every entry against what is live, some at a time.
pub async fn pull(
    journal: &Journal,
    world: &World,
    env: &BTreeMap<Name, String>,
    parallelism: usize,
) -> Vec<Observation> {
    let entries = journal.instances.iter().map(|entry| look(journal, entry, world, env));
    stream::iter(entries).buffered(parallelism.max(1)).collect().await
}

async fn look(
    journal: &Journal,
    entry: &Instance,
    world: &World,
    env: &BTreeMap<Name, String>,
) -> Observation {
    let found = fetch(journal, entry, world, env).await;
    let (state, live) = match found {
        Ok(Some((live, declared, secrets))) => {
            let mut drift = compare(entry, &live, world);
            drift.extend(edited(entry, &live, (&declared, &secrets), world));
            let state = if drift.is_empty() { LiveState::Live } else { LiveState::Drifted(drift) };
            (state, Some(live))
        }
        Ok(None) => (LiveState::Missing, None),
        Err(error) if error.kind == ErrorKind::Unsupported => (LiveState::Unknown, None),
        Err(error) => (LiveState::Error(error.to_string()), None),
    };
    Observation {
        reference: entry.reference.clone(),
        service: entry.service.clone(),
        name: entry.name.clone(),
        instance_id: entry.instance_id.clone(),
        state,
        live,
    }
}

async fn fetch(
    journal: &Journal,
    entry: &Instance,
    world: &World,
    env: &BTreeMap<Name, String>,
) -> Result<Option<(Live, Resolved, Vec<String>)>, BrokerError> {
    if !entry.exists() || entry.operation.is_some() {
        // Of what was begun nobody knows yet what became of it; the next apply finds out.
        return Err(BrokerError::new(ErrorKind::Unsupported, "an operation on it has not ended"));
    }
    let broker = world.catalog.broker(entry.service.as_str()).ok_or_else(|| {
        let message = format!("no broker provides the service `{}`", entry.service);
        BrokerError::new(ErrorKind::Unsupported, message)
    })?;
    if world.catalog.service(entry.service.as_str()).is_some_and(|service| service.journal_only) {
        return Ok(Some((recorded(entry), Resolved::default(), Vec::new())));
    }
    let (previous, secrets) = known(journal, entry, world, env);
    let declared = previous.params.clone();
    let request = FetchRequest {
        address: address(journal, entry),
        instance_id: entry.instance_id.clone(),
        previous,
    };
    Ok(broker.fetch(&request).await?.map(|live| (live, declared, secrets)))
}

/// What lives in the journal alone is live as it is recorded.
fn recorded(entry: &Instance) -> Live {
    let outputs = entry
        .outputs
        .iter()
        .map(|(key, value)| (key.clone(), Output { value: value.clone(), sensitive: false }));
    Live::new(&entry.instance_id, entry.name.as_str(), Outputs(outputs.collect()))
}

/// Only outputs that both sides know take part: a provider that shows less is not drift.
fn compare(entry: &Instance, live: &Live, world: &World) -> Vec<Drift> {
    let mut drift = Vec::new();
    for (key, output) in &live.outputs.0 {
        if let Some(sealed) = entry.sensitive.get(key) {
            // A secret that does not open cannot be compared.
            let differs = world.vault.open(&sealed.sealed).is_ok_and(|value| value != output.value);
            if differs {
                let mask = Value::from(MASK);
                drift.push((key.clone(), mask.clone(), mask));
            }
        } else if let Some(recorded) = entry.outputs.get(key)
            && *recorded != output.value
        {
            drift.push((key.clone(), recorded.clone(), output.value.clone()));
        }
    }
    drift
}

/// What the provider shows other than it was given: its name, where that changes in place, and params.
fn edited(
    entry: &Instance,
    live: &Live,
    (declared, secrets): (&Resolved, &[String]),
    world: &World,
) -> Vec<Drift> {
    let service = world.catalog.service(entry.service.as_str());
    let mut drift = Vec::new();
    let is_renamable = service.is_some_and(|service| service.on_rename == OnChange::Update);
    let given = entry.name.as_str();
    if is_renamable && entry.name.is_settled() && live.is_renamed(given) {
        let (given, shown) = (Value::from(given), Value::from(live.name.as_str()));
        drift.push((Name::from(NAME), given, shown));
    }
    let (given, shown) = (declared, &live.params);
    for (key, given, shown) in differing(service, (given, shown), secrets) {
        drift.push((Name::from(format!("params.{key}")), given, shown));
    }
    drift
}

/// The params that are shown otherwise than they were given, with both values, secrets masked. Only
/// what was given takes part.
pub(crate) fn differing(
    service: Option<&Service>,
    (given, shown): (&Resolved, &Resolved),
    secrets: &[String],
) -> Vec<(Name, Value, Value)> {
    let mut differing = Vec::new();
    // Most often nothing differs, and nothing has to be masked.
    let mask = LazyCell::new(|| Mask::of(secrets.iter().map(String::as_str)));
    for (key, shown) in &shown.0 {
        let Some(given) = given.get(key).filter(|given| !same(given, shown)) else { continue };
        let param = service.and_then(|service| service.param(key));
        let (given, shown) = match param.is_some_and(|param| param.sensitive) {
            true => (Value::from(MASK), Value::from(MASK)),
            false => mask.cover_both(given, shown),
        };
        differing.push((Name::from(key.as_str()), given, shown));
    }
    differing
}

/// What a plan needs to know of the world before it is made.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Instances that `adopt` and for which an object is there.
    pub found: HashSet<Name>,
    /// Digests of the local files that instances point at.
    pub contents: HashMap<Name, String>,
    /// What could not be found out.
    pub errors: Vec<(Name, BrokerError)>,
}

/// Finds out what the plan of `desired` needs to know.
pub async fn gather(desired: &Desired, journal: &Journal, world: &World) -> Findings {
    let mut findings = Findings::default();
    for spec in &desired.instances {
        let Some(broker) = world.catalog.broker(spec.service.as_str()) else { continue };
        let params = known_params(spec, desired, journal, world);
        if let Some(params) = &params {
            match broker.contents(spec.service.as_str(), params) {
                Ok(Some(digest)) => {
                    findings.contents.insert(spec.reference.clone(), digest);
                }
                Ok(None) => {}
                Err(error) => findings.errors.push((spec.reference.clone(), error)),
            }
        }
        if spec.adopt && journal.instances.get(spec.reference.as_str()).is_none() {
            let request = FindRequest {
                is_unsure: false,
                known: journal.instances.ids(spec.service.as_str()),
                address: spec_address(spec, journal),
                params: params.unwrap_or_default(),
                instance_id: None,
                idempotency_key: None,
            };
            match broker.find(&request).await {
                Ok(Some(_)) => {
                    findings.found.insert(spec.reference.clone());
                }
                Ok(None) => {}
                Err(error) => findings.errors.push((spec.reference.clone(), error)),
            }
        }
    }
    findings
}

/// The address a declared instance will have.
#[must_use]
pub fn spec_address(spec: &InstanceSpec, journal: &Journal) -> Address {
    Address {
        project: journal.project.clone(),
        stage: journal.stage.clone(),
        reference: spec.reference.clone(),
        service: spec.service.clone(),
        name: spec.name.clone(),
    }
}

/// The params of a spec as far as they can be known before anything runs: secrets stay closed.
fn known_params(
    spec: &InstanceSpec,
    desired: &Desired,
    journal: &Journal,
    world: &World,
) -> Option<Resolved> {
    let service = world.catalog.service(spec.service.as_str())?;
    if service.journal_only {
        return None;
    }
    let output =
        |reference: &str, key: &str| journal.instances.get(reference)?.outputs.get(key).cloned();
    let lookup = Lookup { output: &output, env: &desired.env };
    let params = with_defaults(&spec.params, Some(service));
    let known = params
        .into_iter()
        .filter_map(|(key, value)| fill(&value, &lookup).map(|value| (key, value)));
    Some(Resolved(known.collect()))
}
