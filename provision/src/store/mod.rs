//! Where a stage's journal and log are kept.

mod disk;
mod file;
mod history;
mod memory;
mod repair;
mod whole;

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::{self, Event, Journal, LogError, Record, StateError};

pub use disk::{Disk, DiskFile, Locked, SystemDisk, make_private, make_private_folder};
pub use file::FileStore;
pub use history::{HistoryError, HistoryFolder};
pub use memory::MemoryStore;
pub use repair::Damage;
pub use whole::{write_atomic, write_shared};

/// A journal as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The journal with the log folded in.
    pub journal: Journal,
    /// Whether there was anything at all.
    pub existed: bool,
    /// How many records of a run that did not end were folded in.
    pub replayed: usize,
    /// Whether there is a log, folded in or not: the next write of the journal drops it.
    pub has_log: bool,
    /// The command of the run that did not end.
    pub unended: Option<String>,
}

/// Keeps one journal and the log of the run that changes it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads the journal and folds the log of an unfinished run into it. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be read, or what is there is damaged or newer than this program.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// Becomes the one writer until the answer is dropped.
    ///
    /// # Errors
    /// [`StoreError::Held`] when somebody else is.
    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError>;

    /// Appends records to the log; when this returns they survive a crash.
    ///
    /// Each carries the fencing number of its run, so that a store whose locks can be lost refuses
    /// the records of a run that comes too late.
    ///
    /// # Errors
    /// When they may not survive one; [`StoreError::Fenced`] when a later run has begun.
    async fn append(&self, records: &[Record]) -> Result<(), StoreError>;

    /// Replaces the journal as a whole, then drops the log that is folded into it.
    ///
    /// # Errors
    /// When the new journal may not survive a crash; the old one does. [`StoreError::Fenced`] when
    /// the journal that is there is not an earlier one.
    async fn save(&self, journal: &Journal) -> Result<(), StoreError>;

    /// What to call the place in messages.
    fn place(&self) -> String;
}

/// Held while a run writes.
pub trait LockGuard: Send + Sync {}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The user.
    pub user: String,
    /// What it does.
    pub command: String,
    /// Since when, in RFC 3339.
    pub since: String,
}

impl Holder {
    /// Says who writes since `now`.
    #[must_use]
    pub fn since(now: Timestamp, pid: u32, host: String, user: String, command: String) -> Self {
        Self { pid, host, user, command, since: now.to_string() }
    }
}

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. `read`.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal cannot be used.
    #[error("{}: {source}", path.display())]
    State {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        source: StateError,
    },
    /// The log cannot be used.
    #[error("{}: {source}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What is wrong with it.
        source: LogError,
    },
    /// There is a log, and the journal that it continues is gone.
    #[error("{} is gone: there is only the log of a run that began with its serial {log}", journal.display())]
    Gone {
        /// The journal.
        journal: PathBuf,
        /// The serial that the log continues.
        log: u64,
    },
    /// The log continues another journal.
    #[error("{}: the log continues serial {log}, and the journal beside it has serial {journal}: it is an older copy, or another one", path.display())]
    Mismatch {
        /// The log.
        path: PathBuf,
        /// The serial it continues.
        log: u64,
        /// The serial that is there.
        journal: u64,
    },
    /// A later run has written since: whoever wants to write now has lost the lock without noticing.
    #[error("{}: a later run has written serial {written}, and this one holds {held}", path.display())]
    Fenced {
        /// The journal.
        path: PathBuf,
        /// The serial that is there.
        written: u64,
        /// The serial of the run that comes too late.
        held: u64,
    },
    /// Somebody else writes.
    #[error("the lock is held")]
    Held(Option<Holder>),
}

impl StoreError {
    /// What a failure means while `doing` something to the file at `path`.
    pub(crate) fn io<'a>(
        doing: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// The command of the run that wrote these records.
pub(crate) fn command_of(records: &[Record]) -> Option<String> {
    records.iter().find_map(|record| match &record.event {
        Event::Run { command, .. } => Some(command.clone()),
        _ => None,
    })
}

/// Folds the records of an unfinished run into the journal they continue.
///
/// # Errors
/// The serial the log continues, when that is a later one than the journal's.
pub(crate) fn replay(journal: &mut Journal, records: Vec<Record>) -> Result<usize, u64> {
    let Some(first) = records.first() else { return Ok(0) };
    let Event::Run { lineage, .. } = &first.event else {
        return Err(first.fence);
    };
    let is_foreign = first.fence == journal.serial && *lineage != journal.lineage;
    if first.fence > journal.serial || is_foreign {
        return Err(first.fence);
    }
    if first.fence < journal.serial {
        // The journal was saved and the log could not be dropped any more.
        return Ok(0);
    }
    let count = records.len();
    for record in records {
        state::fold(journal, record.event);
    }
    Ok(count)
}
