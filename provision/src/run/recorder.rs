//! Makes records durable: concurrent steps share one write and one sync.

use std::cell::{Cell, Ref, RefCell};
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::state::{self, Event, Journal, Record};
use crate::store::{Store, StoreError};
use crate::world::Clock;

/// The journal of a run, changed only by records that are durable.
pub(super) struct Recorder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    journal: RefCell<Journal>,
    /// The fencing number of the run.
    fence: u64,
    pending: RefCell<Vec<Record>>,
    next: Cell<u64>,
    /// How many records are durable. Its lock is held by the one who writes.
    durable: Mutex<u64>,
    broken: Cell<bool>,
}

/// A record may not survive a crash; the run must not go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Writing it failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing an earlier one failed.
    #[error("the log could not be written")]
    Broken,
}

impl Recorder {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, journal: Journal) -> Self {
        Self {
            store,
            clock,
            fence: journal.serial,
            journal: RefCell::new(journal),
            pending: RefCell::default(),
            next: Cell::new(0),
            durable: Mutex::new(0),
            broken: Cell::new(false),
        }
    }

    /// The journal as of the last durable record.
    pub(super) fn journal(&self) -> Ref<'_, Journal> {
        self.journal.borrow()
    }

    /// Whether writing failed: then nothing may be done any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Returns when the event is durable and folded into the journal.
    ///
    /// Whoever comes first writes what has gathered; the others find their record written when it
    /// is their turn.
    pub(super) async fn record(&self, event: Event) -> Result<(), RecordError> {
        let seq = self.next.get();
        self.next.set(seq + 1);
        let record = Record { fence: self.fence, seq, durable: 0, at: self.clock.now(), event };
        self.pending.borrow_mut().push(record);
        let mut durable = self.durable.lock().await;
        if self.broken.get() {
            return Err(RecordError::Broken);
        }
        if *durable > seq {
            return Ok(());
        }
        let mut batch = self.pending.take();
        batch.iter_mut().for_each(|record| record.durable = *durable);
        if let Err(error) = self.store.append(&batch).await {
            self.broken.set(true);
            return Err(error.into());
        }
        *durable += batch.len() as u64;
        let mut journal = self.journal.borrow_mut();
        for record in batch {
            state::fold(&mut journal, record.event);
        }
        Ok(())
    }

    pub(super) fn into_journal(self) -> Journal {
        self.journal.into_inner()
    }
}
