//! What a store does to files: so little that a simulation can do each of it badly.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::LockGuard;
use crate::private;

/// The folder in a project that is prov's own.
const OWN_FOLDER: &str = ".prov";

/// Files, as a store needs them.
///
/// What was written is durable once [`DiskFile::sync`] has answered; that a file was made, renamed or
/// removed is durable once [`Disk::sync_folder`] has. Until then a crash may undo any part of it.
pub trait Disk: Send + Sync {
    /// The bytes of a file, `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Opens a file to add to its end. One that is not there is made, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open_end(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes an empty draft of `path` beside it, with rights of this mode.
    ///
    /// # Errors
    /// When it cannot be made.
    fn draft(&self, path: &Path, mode: u32) -> io::Result<(PathBuf, Box<dyn DiskFile>)>;

    /// Removes the drafts of `path` that nobody writes any more.
    ///
    /// # Errors
    /// When one of them cannot be removed.
    fn sweep(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name; what had that name is gone.
    ///
    /// # Errors
    /// When both are left as they were.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. That there is none is success.
    ///
    /// # Errors
    /// When it is still there.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the folder of `path` with those above it; ours are for their owner alone.
    ///
    /// # Errors
    /// When there is none afterwards.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes durable which files are in the folder of `path`.
    ///
    /// # Errors
    /// When that may not survive a crash.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Locks a file until the answer is dropped or the process ends, and writes `holder` into it.
    ///
    /// # Errors
    /// When the file cannot be used.
    fn lock(&self, path: &Path, holder: &[u8]) -> io::Result<Locked>;

    /// Whether somebody holds the lock. Changes nothing.
    fn is_locked(&self, path: &Path) -> bool;

    /// Whether a call may take so long that another thread had better make it.
    fn is_slow(&self) -> bool {
        true
    }
}

/// A file that is open for writing at its end.
pub trait DiskFile: Send {
    /// Adds all of `bytes`.
    ///
    /// # Errors
    /// When a part of them may be missing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written.
    ///
    /// # Errors
    /// When it may not survive a crash.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off after `len` bytes.
    ///
    /// # Errors
    /// When it is as long as before.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// How an attempt to lock ended.
pub enum Locked {
    /// It is ours until this is dropped.
    Ours(Box<dyn LockGuard>),
    /// Somebody else has it; what they wrote in it.
    Theirs(Vec<u8>),
}

/// The disk of this machine.
pub struct SystemDisk;

struct SystemFile(File);

/// An open file that the system locks for us; the lock dies with the process.
struct FileLock {
    _file: File,
}

impl LockGuard for FileLock {}

impl Disk for SystemDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_end(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = private::open(OpenOptions::new().read(true).append(true).create(true), path)?;
        Ok(Box::new(SystemFile(file)))
    }

    fn draft(&self, path: &Path, mode: u32) -> io::Result<(PathBuf, Box<dyn DiskFile>)> {
        let mut builder = tempfile::Builder::new();
        let file = builder.prefix(&draft_prefix(path)).tempfile_in(folder_of(path))?;
        // Whoever sweeps leaves alone what is locked.
        file.as_file().lock()?;
        private::set_mode(file.as_file(), mode)?;
        let (file, path) = file.keep().map_err(|error| error.error)?;
        Ok((path, Box::new(SystemFile(file))))
    }

    fn sweep(&self, path: &Path) -> io::Result<()> {
        let prefix = draft_prefix(path);
        for entry in fs::read_dir(folder_of(path))? {
            let entry = entry?;
            let is_draft =
                entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
            if is_draft && entry.file_type()?.is_file() && is_left(&entry.path()) {
                self.remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        make_private_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(folder_of(path))?.sync_all()
    }

    fn lock(&self, path: &Path, holder: &[u8]) -> io::Result<Locked> {
        let mut options = OpenOptions::new();
        let mut file = private::open(options.read(true).write(true).create(true), path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut theirs = Vec::new();
                file.read_to_end(&mut theirs)?;
                return Ok(Locked::Theirs(theirs));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(holder)?;
        Ok(Locked::Ours(Box::new(FileLock { _file: file })))
    }

    fn is_locked(&self, path: &Path) -> bool {
        let Ok(file) = File::open(path) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

impl DiskFile for SystemFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// Whether a draft has lost its writer.
fn is_left(draft: &Path) -> bool {
    File::open(draft).is_ok_and(|file| file.try_lock().is_ok())
}

fn draft_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".prov-");
    prefix
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the folder of `path` with those above it, for their owner alone. One that is prov's own
/// becomes so when it was not; one that has another name is the user's.
///
/// # Errors
/// When there is none afterwards, or others can still look into it.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    if !folder.exists() {
        private::create_folder(folder)?;
        // What is durable in a folder that is not is lost with it.
        #[cfg(unix)]
        File::open(folder_of(folder))?.sync_all()?;
    }
    #[cfg(unix)]
    if folder.file_name().is_some_and(|name| name == OWN_FOLDER) {
        private::restrict(&File::open(folder)?, private::FOLDER)?;
    }
    Ok(())
}

/// Takes the rights of others from a file that is there.
///
/// # Errors
/// When they keep them.
pub fn make_private(path: &Path) -> io::Result<()> {
    private::restrict(&File::open(path)?, private::FILE)
}
