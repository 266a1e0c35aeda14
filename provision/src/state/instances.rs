//! The instances of a journal.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::Instance;
use crate::broker::KnownIds;
use crate::name::Name;

/// The instances of a journal, in the order they came, found by ref.
#[derive(Clone, Debug, Default)]
pub struct Instances {
    slots: Vec<Option<Instance>>,
    positions: HashMap<Name, usize>,
    /// The ids of the objects of each service, once somebody asked for them.
    ids: OnceLock<HashMap<Name, KnownIds>>,
}

impl Instances {
    /// The instance under a ref.
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<&Instance> {
        self.positions.get(reference).and_then(|slot| self.slots.get(*slot)?.as_ref())
    }

    /// Puts an instance under its ref, in place of the one that is there.
    pub fn put(&mut self, instance: Instance) {
        if let Some(ids) = self.ids.get_mut() {
            count(ids, &instance);
        }
        let slot = *self.positions.entry(instance.reference.clone()).or_insert(self.slots.len());
        let former = match self.slots.get_mut(slot) {
            Some(place) => place.replace(instance),
            None => {
                self.slots.push(Some(instance));
                None
            }
        };
        self.discount(former.as_ref());
    }

    /// Puts an instance in the place of the one under another ref. What needs it needs it under
    /// its new ref; what had that ref is gone.
    pub fn rename(&mut self, from: &str, instance: Instance) {
        if let Some(slot) = self.positions.remove(from) {
            let taken = self.positions.insert(instance.reference.clone(), slot);
            let taken = taken.and_then(|taken| self.slots.get_mut(taken)?.take());
            self.discount(taken.as_ref());
        }
        for other in self.slots.iter_mut().flatten() {
            for need in other.depends_on.iter_mut().filter(|need| **need == from) {
                *need = instance.reference.clone();
            }
        }
        self.put(instance);
    }

    /// Takes the instance under a ref out.
    pub fn remove(&mut self, reference: &str) -> Option<Instance> {
        let slot = self.positions.remove(reference)?;
        let removed = self.slots.get_mut(slot)?.take();
        self.discount(removed.as_ref());
        removed
    }

    /// The ids of the objects of a service that are held, former ones included. What it costs does not
    /// grow with their number, but for the first time.
    #[must_use]
    pub fn ids(&self, service: &str) -> KnownIds {
        let counted = || {
            let mut ids = HashMap::new();
            self.iter().for_each(|instance| count(&mut ids, instance));
            ids
        };
        self.ids.get_or_init(counted).get(service).cloned().unwrap_or_default()
    }

    fn discount(&mut self, gone: Option<&Instance>) {
        let (Some(ids), Some(gone)) = (self.ids.get_mut(), gone) else { return };
        for (service, id) in objects(gone) {
            if let Some(ids) = ids.get_mut(service) {
                ids.remove(id);
            }
        }
    }

    /// All instances, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Instance> {
        self.slots.iter().flatten()
    }

    /// All instances, oldest first, to be changed in place; their refs and ids stay.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.slots.iter_mut().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

/// The objects that an instance stands for, with their services: its own and those it replaced.
fn objects(instance: &Instance) -> impl Iterator<Item = (&Name, &str)> {
    let own = instance.exists().then_some((&instance.service, instance.instance_id.as_str()));
    let former = instance.deposed.iter();
    own.into_iter().chain(former.map(|former| (&former.service, former.instance_id.as_str())))
}

fn count(ids: &mut HashMap<Name, KnownIds>, instance: &Instance) {
    for (service, id) in objects(instance) {
        ids.entry(service.clone()).or_default().insert(id);
    }
}

impl PartialEq for Instances {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<Instance> for Instances {
    fn from_iter<I: IntoIterator<Item = Instance>>(instances: I) -> Self {
        let mut all = Self::default();
        for instance in instances {
            all.put(instance);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Deposed, Journal, StateError, read_journal, write_journal};

    fn entry(reference: &str) -> String {
        format!(
            r#"{{"ref":"{reference}","service":"s","plan":null,"name":"{reference}",
            "instanceId":"i","kind":"k","origin":"created","state":"provisioned","outputs":{{}},
            "fingerprint":"f","inputs":null,"dependsOn":[]}}"#
        )
    }

    fn read(text: &str) -> Result<Journal, StateError> {
        let name = Name::from("p");
        read_journal(text, &name, &name)
    }

    fn journal(entries: &[String]) -> Journal {
        let entries = entries.join(",");
        read(&format!(
            r#"{{"version":1,"lineage":"l","serial":1,"project":"p","stage":"s","instances":[{entries}]}}"#
        ))
        .unwrap()
    }

    fn instance(reference: &str) -> Instance {
        journal(&[entry(reference)]).instances.get(reference).unwrap().clone()
    }

    #[test]
    fn a_ref_stands_for_one_instance_after_another_took_it() {
        let mut journal = journal(&[entry("a"), entry("b")]);
        let mut moved = journal.instances.get("b").unwrap().clone();
        moved.reference = Name::from("a");
        journal.instances.rename("b", moved);
        let names: Vec<&str> = journal.instances.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["b"]);
        let written = String::from_utf8(write_journal(&journal).unwrap()).unwrap();
        assert_eq!(read(&written), Ok(journal));
    }

    #[test]
    fn ids_are_those_of_what_is_held_however_it_came() {
        let entry = |reference: &str, service: &str, id: &str| {
            let entry = instance(reference);
            Instance { service: Name::from(service), instance_id: id.to_owned(), ..entry }
        };
        let mut instances: Instances = [entry("a", "s", "1")].into_iter().collect();
        let is_known = |instances: &Instances, id: &str| instances.ids("s").contains(id);
        assert!(is_known(&instances, "1") && !is_known(&instances, "2"));

        let before = instances.ids("s");
        instances.put(entry("b", "s", "2"));
        instances.put(entry("c", "other", "3"));
        instances.put(entry("d", "s", ""));
        assert!(is_known(&instances, "2") && !is_known(&instances, "3"));
        assert!(!is_known(&instances, "") && !before.contains("2"), "an answer stays as it was");

        // An object that is replaced is still there; one that two refs name is, until both are gone.
        let mut replaced = entry("a", "s", "4");
        replaced.deposed.push(Deposed::from(&entry("a", "s", "1")));
        instances.put(replaced);
        instances.put(entry("e", "s", "4"));
        assert!(is_known(&instances, "1") && is_known(&instances, "4"));
        instances.remove("a");
        assert!(!is_known(&instances, "1") && is_known(&instances, "4"));
        instances.rename("b", entry("e", "s", "2"));
        assert!(!is_known(&instances, "4") && is_known(&instances, "2"));
    }
}
