//! Compares the whole world with what is declared.

use std::collections::BTreeSet;

use provision::config::Desired;
use provision::plan::{Lookup, fill, with_defaults};
use provision::state::{Instance, Journal, Status};
use provision::world::World;
use serde_json::Value;

use super::provider::Provider;

/// Asserts that the provider holds just what is declared, as it is declared, and that the journal
/// knows it.
pub fn is_live(provider: &Provider, world: &World, journal: &Journal, desired: &Desired) {
    assert_eq!(provider.breaches(), BTreeSet::new());
    let objects = provider.objects();
    let mut expected = BTreeSet::new();
    for spec in &desired.instances {
        let entry = journal.instances.get(spec.reference.as_str()).unwrap();
        if world.catalog.service(spec.service.as_str()).unwrap().journal_only {
            continue;
        }
        let object = &objects[&entry.instance_id];
        let params = with_defaults(&spec.params, None);
        let params = filled(&Value::Object(params), desired, journal, world);
        assert_eq!(Value::Object(object.params.clone()), params, "{}", spec.reference);
        assert_eq!((&object.service, &object.plan), (&spec.service, &spec.plan));
        let name = filled(&Value::from(spec.name.as_str()), desired, journal, world);
        assert_eq!(Value::from(object.name.as_str()), name);
        assert!(object.healthy, "{}", spec.reference);
        assert!(expected.insert(entry.instance_id.clone()), "{} is shared", entry.instance_id);
    }
    let live: BTreeSet<String> = objects.into_keys().collect();
    assert_eq!(live, expected, "live and declared differ");
    assert_eq!(journal.instances.len(), desired.instances.len());
}

/// Asserts that nothing of the journal is still open, and that it says what the provider shows.
pub fn is_settled(provider: &Provider, world: &World, journal: &Journal) {
    for entry in journal.instances.iter() {
        let reference = &entry.reference;
        assert_eq!(entry.status, Status::Provisioned, "{reference}");
        assert_eq!(entry.operation, None, "{reference}");
        assert!(entry.deposed.is_empty(), "{reference} has former objects: {entry:#?}");
        if world.catalog.service(entry.service.as_str()).unwrap().journal_only {
            continue;
        }
        let shown = provider.outputs_of(&entry.instance_id);
        assert_eq!(outputs(entry, world), shown, "{reference}");
    }
}

/// The outputs of an entry, secret ones opened.
fn outputs(entry: &Instance, world: &World) -> Vec<(String, Value)> {
    let plain = entry.outputs.iter().map(|(key, value)| (key.to_string(), value.clone()));
    let open = |sealed: &provision::state::Sealed| world.vault.open(&sealed.sealed).unwrap();
    let secret = entry.sensitive.iter().map(|(key, sealed)| (key.to_string(), open(sealed)));
    let mut all: Vec<_> = plain.chain(secret).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn filled(value: &Value, desired: &Desired, journal: &Journal, world: &World) -> Value {
    let output = |reference: &str, key: &str| {
        let entry = journal.instances.get(reference)?;
        match entry.sensitive.get(key) {
            Some(sealed) => world.vault.open(&sealed.sealed).ok(),
            None => entry.outputs.get(key).cloned(),
        }
    };
    fill(value, &Lookup { output: &output, env: &desired.env }).unwrap()
}
