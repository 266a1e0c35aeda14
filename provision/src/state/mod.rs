//! What we believe is live.

mod instance;
mod instances;
mod log;
mod record;
mod salvage;
mod upgrade;
mod wire;

use jiff::Timestamp;

use crate::name::Name;

pub use instance::{DRIFTED, Deposed, Instance, Operation, Origin, Sealed, Status, Verb};
pub use instances::Instances;
pub use log::write_record;
pub use record::{Event, Record, fold};
pub use salvage::{DamagedLine, LogError, Salvage, read_log, salvage_log};
pub use upgrade::{StateError, read_journal};
pub(crate) use wire::serial_of;
pub use wire::{from_json as instance_from_json, to_json as instance_to_json, write_journal};

/// The version of the journal that this program writes.
pub const JOURNAL_VERSION: u64 = 1;

/// Everything believed live in one stage of one project.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Says which journals are one history; made with the first write.
    pub lineage: String,
    /// Counts the writes.
    pub serial: u64,
    /// The project.
    pub project: Name,
    /// The stage.
    pub stage: Name,
    /// The migrations that were applied here.
    pub ledger: Vec<Applied>,
    /// The environment variables that were written to the sink and not yet taken out of it.
    pub bound: Vec<String>,
    /// The instances.
    pub instances: Instances,
}

impl Journal {
    /// The journal of a stage where nothing was ever made.
    #[must_use]
    pub fn empty(project: Name, stage: Name) -> Self {
        Self {
            lineage: String::new(),
            serial: 0,
            project,
            stage,
            ledger: Vec::new(),
            bound: Vec::new(),
            instances: Instances::default(),
        }
    }

    /// Puts what `again` makes of it in the place of everything sealed, that of former instances
    /// included, and answers how much that is. Ids stay, since the values do: whoever reads one is
    /// up to date as before.
    ///
    /// # Errors
    /// The first that `again` has; the journal is of no use then.
    pub fn reseal<E>(
        &mut self,
        mut again: impl FnMut(&Name, &str) -> Result<String, E>,
    ) -> Result<usize, E> {
        let mut count = 0;
        for instance in self.instances.iter_mut() {
            let Instance { reference, sensitive, deposed, .. } = instance;
            let former = deposed.iter_mut().flat_map(|former| former.sensitive.values_mut());
            for known in sensitive.values_mut().chain(former) {
                known.sealed = again(reference, &known.sealed)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Takes an entry out, because whoever looked says that nothing came of it or that it is
    /// somebody else's business. Former objects of it that are still to be destroyed stay known.
    pub fn forget(&mut self, reference: &str) {
        let Some(mut entry) = self.instances.remove(reference) else { return };
        if !entry.exists() && !entry.deposed.is_empty() {
            entry.operation = None;
            entry.status = Status::Failed;
            self.instances.put(entry);
        }
    }
}

/// A migration that was applied in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The migration's tag, e.g. `0000_initial`.
    pub tag: String,
    /// The digest of its snapshot when it was applied.
    pub sha256: String,
    /// When.
    pub applied_at: Timestamp,
    /// By which run.
    pub run: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_of_former_instances_is_sealed_anew_too() {
        let text = r#"{ "version": 1, "lineage": "l", "serial": 1, "project": "p", "stage": "s", "instances": [
            { "ref": "a", "service": "x", "name": "a", "instanceId": "1", "kind": "k", "origin": "created",
              "state": "provisioned", "outputs": {}, "sensitive": { "k": { "id": "1", "sealed": "old" } },
              "fingerprint": "f", "dependsOn": [], "protected": false,
              "deposed": [{ "service": "x", "name": "b", "instanceId": "2", "outputs": {},
                            "sensitive": { "k": { "id": "2", "sealed": "old" } } }] }] }"#;
        let (project, stage) = (Name::from("p"), Name::from("s"));
        let mut journal = read_journal(text, &project, &stage).unwrap();
        let again =
            |reference: &Name, sealed: &str| Ok::<_, ()>(format!("{reference}-{sealed}-new"));
        assert_eq!(journal.reseal(again), Ok(2));
        let written = String::from_utf8(write_journal(&journal).unwrap()).unwrap();
        assert_eq!(written.matches("a-old-new").count(), 2, "{written}");
        assert_eq!(journal.reseal(|_, _| Err("shut")), Err("shut"));
    }
}
