//! A world without a clock on the wall, without a disk and without a secret.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use provision::name::Name;
use provision::state::{
    self, Journal, Record, read_journal, read_log, write_journal, write_record,
};
use provision::store::{Holder, Loaded, LockGuard, MemoryStore, Store, StoreError};
use provision::world::Clock;
use std::sync::Mutex;
use tokio::time::Instant;

/// A clock that starts at the same time in every test and advances as tokio's paused one does.
pub struct PausedClock(Instant);

impl Default for PausedClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        start + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A store in memory that holds every record against what it should be: read back from its bytes, the
/// journal as it was saved and the log so far make the journal that is loaded.
#[derive(Clone)]
pub struct WatchedStore {
    inner: MemoryStore,
    written: Arc<Mutex<Written>>,
}

struct Written {
    journal: Journal,
    log: Vec<u8>,
}

impl Default for WatchedStore {
    fn default() -> Self {
        let journal = Journal::empty(Name::from("shop"), Name::from("test"));
        let written = Written { journal: journal.clone(), log: Vec::new() };
        Self { inner: MemoryStore::new(journal), written: Arc::new(Mutex::new(written)) }
    }
}

impl WatchedStore {
    /// The journal as it would be read from disk.
    fn folded(&self) -> Journal {
        let written = self.written.lock().unwrap();
        let (records, sound) = read_log(&written.log).unwrap();
        assert_eq!(sound, written.log.len());
        let bytes = write_journal(&written.journal).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (project, stage) = (&written.journal.project, &written.journal.stage);
        let mut journal = read_journal(&text, project, stage).unwrap();
        assert_eq!(journal, written.journal);
        for record in records {
            state::fold(&mut journal, record.event);
        }
        journal
    }

    /// Asserts that `journal`, which is to be saved, says what the log says.
    fn check_saved(&self, journal: &Journal) {
        let mut expected = self.folded();
        // The first save names the history, and every save counts.
        expected.serial = journal.serial;
        expected.lineage.clone_from(&journal.lineage);
        assert_eq!(*journal, expected);
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load().await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        self.inner.lock(holder).await
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        // A crash may come before the records are durable and after.
        tokio::task::yield_now().await;
        self.inner.append(records).await?;
        for record in records {
            write_record(record, &mut self.written.lock().unwrap().log).unwrap();
        }
        assert_eq!(self.inner.load().await?.journal, self.folded());
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.check_saved(journal);
        *self.written.lock().unwrap() = Written { journal: journal.clone(), log: Vec::new() };
        self.inner.save(journal).await?;
        tokio::task::yield_now().await;
        Ok(())
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
