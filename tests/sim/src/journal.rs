//! Random journals: what another config would have left behind, and what may have gone wrong since.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use provision::broker::Catalog;
use provision::config::{Desired, InstanceSpec, OnRemove};
use provision::digest;
use provision::name::Name;
use provision::plan::{Lookup, inputs_of};
use provision::state::{Deposed, Instance, Journal, Operation, Origin, Sealed, Status, Verb};
use serde_json::Value;

use super::Dice;
use super::project::Project;

/// A config that was applied and a seed for what happened since.
pub fn pasts(projects: impl Strategy<Value = Project>) -> impl Strategy<Value = (Project, u64)> {
    (projects, any::<u64>())
}

/// The journal that a past left.
pub fn journal(project: &Project, seed: u64, catalog: &Catalog) -> Journal {
    let desired = project.desired(catalog);
    let mut dice = Dice::new(seed);
    let mut journal = Journal::empty(Name::from("shop"), Name::from("test"));
    for &position in &desired.order {
        let spec = &desired.instances[position];
        if dice.roll(6) > 0 {
            let entry = entry(spec, &desired, &journal, catalog);
            journal.instances.put(spoiled(entry, &mut dice));
        }
    }
    journal
}

/// An entry as a run that went well leaves it.
fn entry(spec: &InstanceSpec, desired: &Desired, journal: &Journal, catalog: &Catalog) -> Instance {
    let service = catalog.service(spec.service.as_str());
    let output = |reference: &str, key: &str| {
        let instance = journal.instances.get(reference)?;
        match instance.sensitive.get(key) {
            Some(sealed) => Some(Value::from(format!("sealed:{}", sealed.id))),
            None => instance.outputs.get(key).cloned(),
        }
    };
    let inputs = inputs_of(spec, service, &Lookup { output: &output, env: &desired.env }, None);
    let fingerprint = digest::fingerprint(spec.name.as_str(), &spec.params, spec.plan.as_ref());
    let service = service.unwrap();
    let keys = |sensitive| service.outputs.iter().filter(move |o| o.sensitive == sensitive);
    let plain = |key: &str| (Name::from(key), Value::from(format!("{key} of {}", spec.reference)));
    let sealed = |key: &str| {
        let id = format!("{key}-{}", spec.reference);
        (Name::from(key), Sealed { sealed: id.clone(), id })
    };
    Instance {
        reference: spec.reference.clone(),
        service: spec.service.clone(),
        plan: spec.plan.clone(),
        name: spec.name.clone(),
        instance_id: format!("id of {}", spec.reference),
        kind: service.kind.clone(),
        origin: if spec.external { Origin::Adopted } else { Origin::Created },
        status: Status::Provisioned,
        outputs: keys(false).map(|output| plain(&output.key)).collect(),
        sensitive: keys(true).map(|output| sealed(&output.key)).collect(),
        params: Some(spec.params.clone()),
        fingerprint: fingerprint.unwrap(),
        inputs: inputs.as_ref().map(|inputs| inputs.digest.clone()),
        identity: inputs.and_then(|inputs| inputs.identity),
        depends_on: spec.needs.clone(),
        bind: Some(spec.bind.clone()),
        protected: spec.protected.unwrap_or(service.is_stateful()),
        retain: spec.on_remove == OnRemove::Retain,
        external: spec.external,
        last_error: None,
        provisioned_at: Some(time()),
        updated_at: Some(time()),
        operation: None,
        deposed: Vec::new(),
    }
}

fn time() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// The entry after whatever may have happened to it.
fn spoiled(mut entry: Instance, dice: &mut Dice) -> Instance {
    if dice.roll(6) == 0 {
        entry.deposed.push(Deposed { instance_id: "former".to_owned(), ..Deposed::from(&entry) });
    }
    match dice.roll(12) {
        0 => fail(&mut entry),
        1 => {
            entry.instance_id.clear();
            entry.outputs.clear();
            fail(&mut entry);
        }
        // Nothing is ever begun with what is somebody else's.
        2..=5 if entry.external => {}
        2 => {
            entry.instance_id.clear();
            entry.outputs.clear();
            begin(&mut entry, Verb::Provision, Status::Provisioning);
        }
        3 => begin(&mut entry, Verb::Provision, Status::Provisioning),
        4 => begin(&mut entry, Verb::Update, Status::Provisioned),
        5 => begin(&mut entry, Verb::Deprovision, Status::Deprovisioning),
        6 => old_version(&mut entry),
        7 => entry.fingerprint = String::new(),
        _ => {}
    }
    entry
}

fn fail(entry: &mut Instance) {
    entry.status = Status::Failed;
    entry.last_error = Some("it did not work".to_owned());
}

fn begin(entry: &mut Instance, verb: Verb, status: Status) {
    let accepted = Some("operation".to_owned()).filter(|_| entry.exists());
    entry.operation = Some(Operation { verb, key: "key".to_owned(), accepted, since: time() });
    entry.status = status;
}

/// What version 0 of the journal did not know.
fn old_version(entry: &mut Instance) {
    entry.inputs = None;
    entry.identity = None;
    entry.bind = None;
    entry.sensitive = BTreeMap::new();
    entry.retain = false;
    entry.external = false;
}
