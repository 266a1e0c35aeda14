//! The journal and the log as files beside each other.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Holder, Loaded, LockGuard, Store, StoreError, replay};
use crate::name::Name;
use crate::state::{self, Journal, Record};

/// How often journal and log are read again when they do not belong together.
const READS_MAX: usize = 20;

/// A journal at a path; the log and the lock have names derived from it.
#[derive(Clone)]
pub struct FileStore {
    journal: PathBuf,
    log: PathBuf,
    lock: PathBuf,
    project: Name,
    stage: Name,
    open_log: Arc<Mutex<Option<File>>>,
}

impl FileStore {
    /// The store of the journal at `path`.
    #[must_use]
    pub fn new(path: PathBuf, project: Name, stage: Name) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        let stem = stem.strip_suffix(".journal").unwrap_or(stem);
        let log = path.with_file_name(format!("{stem}.log.jsonl"));
        let lock = path.with_file_name(format!("{stem}.lock"));
        Self { journal: path, log, lock, project, stage, open_log: Arc::default() }
    }

    /// The journal's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.journal
    }

    /// Whether a run is under way. Looks, and writes nothing.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let Ok(file) = File::open(&self.lock) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Who writes, as the lock says it. Looks, and writes nothing.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        File::open(&self.lock).ok().and_then(|mut file| read_holder(&mut file))
    }

    /// A reader takes no lock: a run that saves its journal and starts a log between our reading
    /// of the two looks like a log without its journal, until both are read again.
    fn load_now(&self) -> Result<Loaded, StoreError> {
        for _ in 0..READS_MAX {
            match self.read_both() {
                Err(StoreError::Mismatch { .. }) => {}
                answer => return answer,
            }
        }
        self.read_both()
    }

    fn read_both(&self) -> Result<Loaded, StoreError> {
        let text = read_optional(&self.journal)?;
        let mut journal = match &text {
            Some(bytes) => self.parse(bytes)?,
            None => Journal::empty(self.project.clone(), self.stage.clone()),
        };
        let log = read_optional(&self.log)?;
        let existed = text.is_some() || log.is_some();
        let (records, _) = state::read_log(&log.unwrap_or_default())
            .map_err(|source| StoreError::Log { path: self.log.clone(), source })?;
        let serial = journal.serial;
        let replayed = replay(&mut journal, records).map_err(|log| StoreError::Mismatch {
            path: self.log.clone(),
            log,
            journal: serial,
        })?;
        Ok(Loaded { journal, existed, replayed })
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
                .map_err(|error| failed("write", &self.log)(error.into()))?;
        }
        let mut open = self.open_log.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.take() {
            Some(file) => file,
            None => self.open_log_file()?,
        };
        // A write that fails half way leaves a torn end; the file is not used again after it.
        (&file).write_all(&bytes).map_err(failed("write", &self.log))?;
        file.sync_data().map_err(failed("sync", &self.log))?;
        *open = Some(file);
        Ok(())
    }

    /// Opens the log for appending, cutting a torn end off first.
    fn open_log_file(&self) -> Result<File, StoreError> {
        create_folder(&self.log)?;
        let mut file = private(OpenOptions::new().read(true).append(true).create(true))
            .open(&self.log)
            .map_err(failed("open", &self.log))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read", &self.log))?;
        let (_, sound) = state::read_log(&bytes)
            .map_err(|source| StoreError::Log { path: self.log.clone(), source })?;
        if sound < bytes.len() {
            file.set_len(sound as u64).map_err(failed("cut", &self.log))?;
        }
        file.seek(io::SeekFrom::End(0)).map_err(failed("open", &self.log))?;
        sync_folder(&self.log)?;
        Ok(file)
    }

    fn save_now(&self, journal: &Journal) -> Result<(), StoreError> {
        self.keep_foreign_original()?;
        let bytes = state::write_journal(journal)
            .map_err(|error| failed("write", &self.journal)(error.into()))?;
        create_folder(&self.journal)?;
        write_atomic(&self.journal, &bytes)?;
        *self.open_log.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match fs::remove_file(&self.log) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &self.log)(error))
            }
            _ => Ok(()),
        }
    }

    /// A journal that another tool wrote (version 0) is copied aside before it is overwritten.
    fn keep_foreign_original(&self) -> Result<(), StoreError> {
        let Some(bytes) = read_optional(&self.journal)? else { return Ok(()) };
        let is_foreign = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let mut kept = self.journal.clone().into_os_string();
        kept.push(".v0");
        let kept = PathBuf::from(kept);
        if is_foreign && !kept.exists() {
            write_atomic(&kept, &bytes)?;
        }
        Ok(())
    }

    fn lock_now(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        create_folder(&self.lock)?;
        let mut file = private(OpenOptions::new().read(true).write(true).create(true))
            .open(&self.lock)
            .map_err(failed("open", &self.lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Held(read_holder(&mut file))),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &self.lock)(source)),
        }
        let text = serde_json::to_vec(holder).unwrap_or_default();
        file.set_len(0).map_err(failed("write", &self.lock))?;
        file.write_all(&text).map_err(failed("write", &self.lock))?;
        Ok(Box::new(FileLock { _file: file }))
    }
}

/// An open file that the system locks for us; the lock dies with the process.
struct FileLock {
    _file: File,
}

impl LockGuard for FileLock {}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.load_now()
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        self.lock_now(holder)
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        let (store, records) = (self.clone(), records.to_vec());
        let task = tokio::task::spawn_blocking(move || store.append_now(&records));
        task.await.map_err(|error| failed("write", &self.log)(io::Error::other(error)))?
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        self.save_now(journal)
    }

    fn place(&self) -> String {
        self.journal.display().to_string()
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}

fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// The same options for a file that only its owner may read.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600)
    }
    #[cfg(not(unix))]
    options
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    Ok(())
}

/// Makes the folder of `path`; ours are readable by their owner alone.
fn create_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(failed("create", folder))
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|file| file.sync_all()).map_err(failed("sync", folder))
}

/// Replaces a file as a whole, readable by its owner alone: after a crash there is either the old
/// one or the new one.
///
/// # Errors
/// When the new one may not survive a crash.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(path, bytes, 0o600)
}

/// [`write_atomic`] for a file that is committed and read by everybody.
///
/// # Errors
/// When the new one may not survive a crash.
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(path, bytes, 0o644)
}

fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut temporary = tempfile::Builder::new()
        .prefix(".prov-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed("write beside", path))?;
    temporary.write_all(bytes).map_err(failed("write", path))?;
    set_mode(temporary.as_file(), mode).map_err(failed("write", path))?;
    temporary.as_file().sync_all().map_err(failed("sync", path))?;
    temporary.persist(path).map_err(|error| failed("replace", path)(error.error))?;
    sync_folder(path)
}
