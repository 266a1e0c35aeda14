//! A store whose locks are leases: whoever stops for too long loses his without noticing, and is
//! refused afterwards by the fencing number of what he writes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use provision::name::Name;
use provision::state::{self, Journal, Record};
use provision::store::{Holder, Loaded, LockGuard, Store, StoreError};
use tokio::time::Instant;

use super::fuse::Fuse;

/// How long a lease lasts after its holder wrote last.
pub const LEASE: Duration = Duration::from_secs(15);

/// The store; clones share it.
#[derive(Clone)]
pub struct LeaseStore(Arc<Mutex<Kept>>);

struct Kept {
    journal: Journal,
    log: Vec<Record>,
    lease: Option<(u64, Instant, Holder)>,
}

impl Default for LeaseStore {
    fn default() -> Self {
        let journal = Journal::empty(Name::from("shop"), Name::from("test"));
        Self(Arc::new(Mutex::new(Kept { journal, log: Vec::new(), lease: None })))
    }
}

impl LeaseStore {
    /// The store as one process sees it.
    pub fn seen_by(&self, fuse: Fuse, process: u64) -> Arc<dyn Store> {
        Arc::new(Client { store: self.clone(), fuse, process })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

impl Kept {
    fn refuse(&self, held: u64) -> StoreError {
        StoreError::Fenced { path: "lease".into(), written: self.journal.serial, held }
    }

    /// Whoever still has the lease has it longer now.
    fn renew(&mut self, process: u64) {
        if let Some((holder, until, _)) = &mut self.lease
            && *holder == process
        {
            *until = Instant::now() + LEASE;
        }
    }
}

struct Client {
    store: LeaseStore,
    fuse: Fuse,
    process: u64,
}

struct Lease(LeaseStore, u64);

impl LockGuard for Lease {}

impl Drop for Lease {
    fn drop(&mut self) {
        let lease = &mut self.0.kept().lease;
        if lease.as_ref().is_some_and(|(holder, ..)| *holder == self.1) {
            *lease = None;
        }
    }
}

#[async_trait]
impl Store for Client {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let kept = self.store.kept();
        let mut journal = kept.journal.clone();
        for record in &kept.log {
            state::fold(&mut journal, record.event.clone());
        }
        let (replayed, has_log) = (kept.log.len(), !kept.log.is_empty());
        Ok(Loaded { journal, existed: true, replayed, has_log, unended: None })
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        self.fuse.pass("take the lease").await;
        let mut kept = self.store.kept();
        let now = Instant::now();
        if let Some((_, until, holder)) = &kept.lease
            && *until > now
        {
            return Err(StoreError::Held(Some(holder.clone())));
        }
        kept.lease = Some((self.process, now + LEASE, holder.clone()));
        Ok(Box::new(Lease(self.store.clone(), self.process)))
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.fuse.pass("append").await;
        let mut kept = self.store.kept();
        if let Some(late) = records.iter().find(|record| record.fence != kept.journal.serial) {
            return Err(kept.refuse(late.fence));
        }
        kept.log.extend_from_slice(records);
        kept.renew(self.process);
        Ok(())
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        self.fuse.pass("save").await;
        let mut kept = self.store.kept();
        if journal.serial != kept.journal.serial + 1 {
            return Err(kept.refuse(journal.serial));
        }
        kept.journal = journal.clone();
        kept.log.clear();
        kept.renew(self.process);
        Ok(())
    }

    fn place(&self) -> String {
        "lease".to_owned()
    }
}
