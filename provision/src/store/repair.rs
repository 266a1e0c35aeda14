//! Mends a log that cannot be trusted: what is whole is kept, what is not is put aside.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::whole::write_whole;
use super::{FileStore, StoreError, replay};
use crate::state::{self, Event, Journal, Salvage};

/// What is wrong with a log, and what would be kept of it.
#[derive(Debug)]
pub struct Damage {
    /// The log.
    pub path: PathBuf,
    /// What is whole in it, and what is not.
    pub salvage: Salvage,
    /// The journal that it was found beside, everything that is whole folded in.
    pub journal: Journal,
    /// Why the log cannot be used as it is.
    pub reason: StoreError,
    bytes: Vec<u8>,
}

impl FileStore {
    /// Looks at the log; `None` when it can be used as it is. Changes nothing.
    ///
    /// # Errors
    /// When the journal itself is damaged, or the log continues another one than that.
    pub fn examine(&self) -> Result<Option<Damage>, StoreError> {
        let reason = match self.load_now() {
            Ok(_) => return Ok(None),
            Err(
                reason @ (StoreError::Log { .. }
                | StoreError::Mismatch { .. }
                | StoreError::Gone { .. }),
            ) => reason,
            Err(error) => return Err(error),
        };
        let mut journal = self.read_journal()?.0;
        let bytes = self.read(&self.log)?.unwrap_or_default();
        let salvage = state::salvage_log(&bytes);
        let lineage = salvage.records.iter().find_map(|record| match &record.event {
            Event::Run { lineage, .. } => Some(lineage),
            _ => None,
        });
        if lineage.is_some_and(|lineage| *lineage != journal.lineage && journal.serial > 0) {
            return Err(reason);
        }
        // A log that the journal has moved past says nothing new.
        let fence = salvage.records.first().map_or(0, |record| record.fence);
        if fence >= journal.serial {
            for record in &salvage.records {
                state::fold(&mut journal, record.event.clone());
            }
            journal.serial = fence;
        }
        Ok(Some(Damage { path: self.log.clone(), salvage, journal, reason, bytes }))
    }

    /// Saves the journal of `damage`, and drops its log, of which a copy is kept; answers where. The
    /// caller holds the lock.
    ///
    /// # Errors
    /// When anything cannot be written; then the log is as it was.
    pub fn repair(&self, damage: &Damage) -> Result<PathBuf, StoreError> {
        let copy = self.free_name()?;
        write_whole(self.disk.as_ref(), &copy, &damage.bytes, 0o600)?;
        *self.open_log.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let serial = damage.journal.serial + 1;
        self.save_now(&Journal { serial, ..damage.journal.clone() })?;
        Ok(copy)
    }

    /// Brings a journal that is put back to where the log of an unfinished run leads, when it is the one
    /// that this continues. Any other log is kept beside it, since the next save drops it; answers where.
    /// The caller holds the lock.
    ///
    /// # Errors
    /// When the log cannot be read or kept.
    pub fn rejoin(&self, journal: &mut Journal) -> Result<Option<PathBuf>, StoreError> {
        let Some(bytes) = self.read(&self.log)?.filter(|bytes| !bytes.is_empty()) else {
            return Ok(None);
        };
        let mut joined = journal.clone();
        let records = state::read_log(&bytes).map(|(records, _)| records);
        if records.is_ok_and(|records| replay(&mut joined, records).is_ok_and(|count| count > 0)) {
            *journal = joined;
            return Ok(None);
        }
        let copy = self.free_name()?;
        write_whole(self.disk.as_ref(), &copy, &bytes, 0o600)?;
        Ok(Some(copy))
    }

    /// A name beside the log that no earlier repair has taken.
    fn free_name(&self) -> Result<PathBuf, StoreError> {
        let mut number = 1_u32;
        loop {
            let mut name = self.log.clone().into_os_string();
            name.push(format!(".damaged-{number}"));
            let name = PathBuf::from(name);
            if self.read(&name)?.is_none() {
                return Ok(name);
            }
            number += 1;
        }
    }
}
