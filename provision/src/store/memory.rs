//! A store that forgets with the process: for tests and simulation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Holder, Loaded, LockGuard, Store, StoreError, command_of, replay};
use crate::state::{Journal, Record};

/// A journal and a log in memory. Clones share them.
#[derive(Clone)]
pub struct MemoryStore(Arc<Mutex<Memory>>);

struct Memory {
    journal: Journal,
    log: Vec<Record>,
    holder: Option<Holder>,
}

impl MemoryStore {
    /// A store that holds `journal`.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self(Arc::new(Mutex::new(Memory { journal, log: Vec::new(), holder: None })))
    }

    /// The records since the journal was saved.
    #[must_use]
    pub fn log(&self) -> Vec<Record> {
        self.memory().log.clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryLock(MemoryStore);

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.memory().holder = None;
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let memory = self.memory();
        let mut journal = memory.journal.clone();
        let has_log = !memory.log.is_empty();
        let existed = journal.serial > 0 || has_log;
        let serial = journal.serial;
        let unended = command_of(&memory.log);
        let replayed = replay(&mut journal, memory.log.clone())
            .map_err(|log| StoreError::Mismatch { path: "memory".into(), log, journal: serial })?;
        Ok(Loaded { journal, existed, replayed, has_log, unended })
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        let mut memory = self.memory();
        if let Some(holder) = &memory.holder {
            return Err(StoreError::Held(Some(holder.clone())));
        }
        memory.holder = Some(holder.clone());
        Ok(Box::new(MemoryLock(self.clone())))
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.memory().log.extend_from_slice(records);
        Ok(())
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        let mut memory = self.memory();
        memory.journal = journal.clone();
        memory.log.clear();
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
