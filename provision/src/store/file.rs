//! The journal and the log as files beside each other.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::disk::{Disk, DiskFile, Locked, SystemDisk};
use super::whole::write_whole;
use super::{Holder, Loaded, LockGuard, Store, StoreError, command_of, replay};
use crate::name::Name;
use crate::state::{self, Journal, Record};

/// How often journal and log are read again when they do not belong together.
const READS_MAX: usize = 20;

/// How often the lock is tried again: whoever looks whether somebody holds it, holds it for as long as
/// that takes.
const LOOKS: u32 = 3;
/// How long it may take.
const LOOK: Duration = Duration::from_millis(10);

/// A journal at a path; the log and the lock have names derived from it.
#[derive(Clone)]
pub struct FileStore {
    journal: PathBuf,
    pub(super) log: PathBuf,
    lock: PathBuf,
    project: Name,
    stage: Name,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) open_log: Arc<Mutex<Option<Box<dyn DiskFile>>>>,
}

impl FileStore {
    /// The store of the journal at `path`.
    #[must_use]
    pub fn new(path: PathBuf, project: Name, stage: Name) -> Self {
        Self::on(Arc::new(SystemDisk), path, project, stage)
    }

    /// The store of the journal at `path` of a disk.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>, path: PathBuf, project: Name, stage: Name) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        let stem = stem.strip_suffix(".journal").unwrap_or(stem);
        let log = path.with_file_name(format!("{stem}.log.jsonl"));
        let lock = path.with_file_name(format!("{stem}.lock"));
        Self { journal: path, log, lock, project, stage, disk, open_log: Arc::default() }
    }

    /// The journal's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.journal
    }

    /// The lock's path.
    #[must_use]
    pub fn lock_path(&self) -> &Path {
        &self.lock
    }

    /// What is written beside the journal: the log and the lock.
    #[must_use]
    pub fn beside(&self) -> [&Path; 2] {
        [&self.log, &self.lock]
    }

    /// Whether a run is under way. Looks, and writes nothing.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.disk.is_locked(&self.lock)
    }

    /// Who writes, as the lock says it. Looks, and writes nothing.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        read_holder(&self.read(&self.lock).ok()??)
    }

    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.read(path).map_err(StoreError::io("read", path))
    }

    /// A reader takes no lock: a run that saves its journal and starts a log between our reading
    /// of the two looks like a log without its journal, until both are read again.
    pub(super) fn load_now(&self) -> Result<Loaded, StoreError> {
        for _ in 0..READS_MAX {
            match self.read_both() {
                Err(StoreError::Mismatch { .. } | StoreError::Gone { .. }) => {}
                answer => return answer,
            }
        }
        self.read_both()
    }

    /// The journal without its log, and whether there is one.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read_journal(&self) -> Result<(Journal, bool), StoreError> {
        let Some(bytes) = self.read(&self.journal)? else {
            return Ok((Journal::empty(self.project.clone(), self.stage.clone()), false));
        };
        Ok((self.parse(&bytes)?, true))
    }

    fn read_both(&self) -> Result<Loaded, StoreError> {
        let (mut journal, is_there) = self.read_journal()?;
        let log = self.read(&self.log)?;
        let has_log = log.is_some();
        let (records, _) = state::read_log(&log.unwrap_or_default())
            .map_err(|source| StoreError::Log { path: self.log.clone(), source })?;
        let serial = journal.serial;
        let command = command_of(&records);
        let replayed = replay(&mut journal, records).map_err(|log| match is_there {
            true => StoreError::Mismatch { path: self.log.clone(), log, journal: serial },
            false => StoreError::Gone { journal: self.journal.clone(), log },
        })?;
        let unended = command.filter(|_| replayed > 0);
        Ok(Loaded { journal, existed: is_there || has_log, replayed, has_log, unended })
    }

    fn parse(&self, bytes: &[u8]) -> Result<Journal, StoreError> {
        let damaged = |source| StoreError::State { path: self.journal.clone(), source };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| damaged(state::StateError::Damaged { reason: error.to_string() }))?;
        state::read_journal(text, &self.project, &self.stage).map_err(damaged)
    }

    fn append_now(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut bytes = Vec::with_capacity(records.len() * 512);
        for record in records {
            state::write_record(record, &mut bytes)
                .map_err(|error| StoreError::io("write", &self.log)(error.into()))?;
        }
        let mut open = self.open_log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match open.take() {
            Some(file) => file,
            None => self.open_log_file()?,
        };
        // A write that fails half way leaves a torn end; the file is not used again after it.
        file.write(&bytes).map_err(StoreError::io("write", &self.log))?;
        file.sync().map_err(StoreError::io("sync", &self.log))?;
        *open = Some(file);
        Ok(())
    }

    /// Opens the log for appending, cutting a torn end off first.
    fn open_log_file(&self) -> Result<Box<dyn DiskFile>, StoreError> {
        let log = &self.log;
        self.disk.make_folder(log).map_err(StoreError::io("make the folder of", log))?;
        let mut file = self.disk.open_end(log).map_err(StoreError::io("open", log))?;
        let bytes = self.read(log)?.unwrap_or_default();
        let (_, sound) = state::read_log(&bytes)
            .map_err(|source| StoreError::Log { path: log.clone(), source })?;
        if sound < bytes.len() {
            file.cut(sound as u64).map_err(StoreError::io("cut", log))?;
        }
        self.disk.sync_folder(log).map_err(StoreError::io("sync the folder of", log))?;
        Ok(file)
    }

    pub(super) fn save_now(&self, journal: &Journal) -> Result<(), StoreError> {
        let (path, log) = (&self.journal, &self.log);
        self.disk.make_folder(path).map_err(StoreError::io("make the folder of", path))?;
        let before = self.read(path)?.unwrap_or_default();
        self.refuse_late(journal, &before)?;
        self.keep_foreign_original(&before)?;
        let bytes = state::write_journal(journal)
            .map_err(|error| StoreError::io("write", path)(error.into()))?;
        write_whole(self.disk.as_ref(), path, &bytes, 0o600)?;
        *self.open_log.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.disk.remove(log).map_err(StoreError::io("remove", log))
    }

    /// Whoever takes the lock file away lets two runs write; the one that began first comes too late.
    fn refuse_late(&self, journal: &Journal, before: &[u8]) -> Result<(), StoreError> {
        match state::serial_of(before) {
            Some((lineage, written)) if lineage == journal.lineage && written >= journal.serial => {
                let (path, held) = (self.journal.clone(), journal.serial);
                Err(StoreError::Fenced { path, written, held })
            }
            _ => Ok(()),
        }
    }

    /// A journal that another tool wrote (version 0) is copied aside before it is overwritten.
    fn keep_foreign_original(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let is_foreign = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let mut kept = self.journal.clone().into_os_string();
        kept.push(".v0");
        let kept = PathBuf::from(kept);
        if is_foreign && self.read(&kept)?.is_none() {
            write_whole(self.disk.as_ref(), &kept, bytes, 0o600)?;
        }
        Ok(())
    }

    fn lock_now(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        let lock = &self.lock;
        self.disk.make_folder(lock).map_err(StoreError::io("make the folder of", lock))?;
        let text = serde_json::to_vec(holder).unwrap_or_default();
        match self.disk.lock(lock, &text).map_err(StoreError::io("lock", lock))? {
            Locked::Ours(guard) => {
                // A run that has nothing to save leaves nothing of an earlier one behind either.
                let journal = &self.journal;
                let swept = self.disk.sweep(journal);
                swept.map_err(StoreError::io("clear what a crash left of", journal))?;
                Ok(guard)
            }
            Locked::Theirs(text) => Err(StoreError::Held(read_holder(&text))),
        }
    }
}

fn read_holder(text: &[u8]) -> Option<Holder> {
    serde_json::from_slice(text).ok()
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.load_now()
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        for _ in 0..LOOKS {
            match self.lock_now(holder) {
                Err(StoreError::Held(_)) => tokio::time::sleep(LOOK).await,
                ended => return ended,
            }
        }
        self.lock_now(holder)
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        if !self.disk.is_slow() {
            return self.append_now(records);
        }
        let (store, records) = (self.clone(), records.to_vec());
        let task = tokio::task::spawn_blocking(move || store.append_now(&records));
        task.await.map_err(|error| StoreError::io("write", &self.log)(io::Error::other(error)))?
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        self.save_now(journal)
    }

    fn place(&self) -> String {
        self.journal.display().to_string()
    }
}
