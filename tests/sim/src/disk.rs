//! A disk that keeps only what was synced, tears what was not, and fills up.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use provision::store::{Disk, DiskFile, LockGuard, Locked};

use super::Dice;
use super::fuse::Fuse;
use super::planted::Planted;

/// The disk of a machine: what its processes see, and what would be left if the power went.
#[derive(Clone, Default)]
pub struct Platter(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    names: BTreeMap<PathBuf, usize>,
    /// The names as they are after a loss of power, and what was done to them since.
    durable: BTreeMap<PathBuf, usize>,
    undurable: Vec<Naming>,
    contents: Vec<Content>,
    locks: BTreeMap<PathBuf, Lock>,
    processes: u64,
    /// How many bytes fit on it before it is full.
    room: Option<usize>,
}

#[derive(Clone, Debug)]
enum Naming {
    Made(PathBuf, usize),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// The process that writes it, when it is a draft.
    draft_of: Option<u64>,
}

struct Lock {
    process: u64,
    holder: Vec<u8>,
}

impl Files {
    fn name(&mut self, naming: Naming) {
        apply(&mut self.names, &naming);
        self.undurable.push(naming);
    }

    fn make(&mut self, path: &Path, draft_of: Option<u64>) -> usize {
        self.contents.push(Content { draft_of, ..Content::default() });
        let file = self.contents.len() - 1;
        self.name(Naming::Made(path.to_owned(), file));
        file
    }

    /// Writes as much as there is room for.
    fn write(&mut self, file: usize, bytes: &[u8]) -> io::Result<()> {
        let fits = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        self.contents[file].bytes.extend_from_slice(&bytes[..fits]);
        if let Some(room) = &mut self.room {
            *room -= fits;
        }
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, naming: &Naming) {
    match naming {
        Naming::Made(path, file) => drop(names.insert(path.clone(), *file)),
        Naming::Renamed(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Naming::Removed(path) => drop(names.remove(path)),
    }
}

impl Platter {
    /// From now on only so many bytes fit.
    pub fn fill(&self, room: Option<usize>) {
        self.files().room = room;
    }

    /// The disk as a new process sees it.
    pub fn mount(&self, fuse: Fuse, planted: Planted) -> SimDisk {
        let mut files = self.files();
        files.processes += 1;
        SimDisk { platter: self.clone(), process: files.processes, fuse, planted }
    }

    /// What a process leaves that was killed: everything it wrote, and no lock.
    pub fn kill(&self, process: u64) {
        self.files().locks.retain(|_, lock| lock.process != process);
    }

    /// What a loss of power leaves: what was synced, and of the rest the dice say what.
    pub fn lose_power(&self, dice: &mut Dice) {
        let files = &mut *self.files();
        let kept = dice.roll(files.undurable.len() as u64 + 1) as usize;
        for naming in files.undurable.drain(..).take(kept) {
            apply(&mut files.durable, &naming);
        }
        files.names.clone_from(&files.durable);
        files.locks.clear();
        for content in &mut files.contents {
            content.bytes = torn(content, dice);
            content.synced.clone_from(&content.bytes);
            content.draft_of = None;
        }
    }

    /// The names and contents of all files.
    pub fn list(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = self.files();
        let file =
            |(path, file): (&PathBuf, &usize)| (path.clone(), files.contents[*file].bytes.clone());
        files.names.iter().map(file).collect()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }
}

/// A file after a loss of power: of what was added since the last sync a part may be left, and a part
/// of that may read as zeros.
fn torn(content: &Content, dice: &mut Dice) -> Vec<u8> {
    if !content.bytes.starts_with(&content.synced) {
        // It was cut, and that may be undone.
        return if dice.roll(2) == 0 { content.bytes.clone() } else { content.synced.clone() };
    }
    let added = content.bytes.len() - content.synced.len();
    let kept = dice.roll(added as u64 + 1) as usize;
    let mut bytes = content.bytes[..content.synced.len() + kept].to_vec();
    if kept > 0 && dice.roll(4) == 0 {
        let start = content.synced.len() + dice.roll(kept as u64) as usize;
        let length = dice.roll((bytes.len() - start) as u64 + 1) as usize;
        bytes[start..start + length].fill(0);
    }
    bytes
}

/// A disk as one process sees it.
pub struct SimDisk {
    platter: Platter,
    process: u64,
    fuse: Fuse,
    planted: Planted,
}

impl SimDisk {
    /// The number of the process.
    pub fn process(&self) -> u64 {
        self.process
    }

    fn open(&self, file: usize, planted: Planted) -> Box<dyn DiskFile> {
        let (platter, fuse) = (self.platter.clone(), self.fuse.clone());
        Box::new(SimFile { platter, file, fuse, planted })
    }
}

struct SimFile {
    platter: Platter,
    file: usize,
    fuse: Fuse,
    planted: Planted,
}

struct SimLock {
    platter: Platter,
    path: PathBuf,
    process: u64,
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut files = self.platter.files();
        if files.locks.get(&self.path).is_some_and(|lock| lock.process == self.process) {
            files.locks.remove(&self.path);
        }
    }
}

fn is_draft_of(path: &Path, draft: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    draft.to_string_lossy().contains(&format!("/.{name}.prov-"))
}

impl Disk for SimDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let files = self.platter.files();
        Ok(files.names.get(path).map(|file| files.contents[*file].bytes.clone()))
    }

    fn open_end(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.fuse.burn("open the log")?;
        let mut files = self.platter.files();
        let file = match files.names.get(path) {
            Some(file) => *file,
            None => files.make(path, None),
        };
        drop(files);
        Ok(self.open(file, self.planted))
    }

    fn draft(&self, path: &Path, _mode: u32) -> io::Result<(PathBuf, Box<dyn DiskFile>)> {
        self.fuse.burn("make a draft")?;
        let mut files = self.platter.files();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let draft = match self.planted {
            Planted::NoRename => path.to_owned(),
            _ => path.with_file_name(format!(".{name}.prov-{}", files.contents.len())),
        };
        let file = files.make(&draft, Some(self.process));
        drop(files);
        Ok((draft, self.open(file, Planted::Nothing)))
    }

    fn sweep(&self, path: &Path) -> io::Result<()> {
        let mut files = self.platter.files();
        let drafts = files.names.iter().filter(|(name, file)| {
            let writer = files.contents[**file].draft_of;
            is_draft_of(path, name) && writer.is_none_or(|process| process < self.process)
        });
        let drafts: Vec<PathBuf> = drafts.map(|(name, _)| name.clone()).collect();
        for draft in drafts {
            self.fuse.burn("sweep a draft")?;
            files.name(Naming::Removed(draft));
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fuse.burn("rename")?;
        if from != to {
            self.platter.files().name(Naming::Renamed(from.to_owned(), to.to_owned()));
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fuse.burn("remove")?;
        self.platter.files().name(Naming::Removed(path.to_owned()));
        Ok(())
    }

    fn make_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.fuse.burn("sync the folder")?;
        let files = &mut *self.platter.files();
        for naming in files.undurable.drain(..) {
            apply(&mut files.durable, &naming);
        }
        Ok(())
    }

    fn lock(&self, path: &Path, holder: &[u8]) -> io::Result<Locked> {
        self.fuse.burn("lock")?;
        let mut files = self.platter.files();
        if let Some(lock) = files.locks.get(path) {
            return Ok(Locked::Theirs(lock.holder.clone()));
        }
        let lock = Lock { process: self.process, holder: holder.to_vec() };
        files.locks.insert(path.to_owned(), lock);
        let (platter, path) = (self.platter.clone(), path.to_owned());
        Ok(Locked::Ours(Box::new(SimLock { platter, path, process: self.process })))
    }

    fn is_locked(&self, path: &Path) -> bool {
        self.platter.files().locks.contains_key(path)
    }

    /// Everything happens in one thread, or a seed would not decide everything.
    fn is_slow(&self) -> bool {
        false
    }
}

impl DiskFile for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A process may end in the middle of a write.
        let half = bytes.len() / 2;
        self.fuse.burn("write")?;
        self.platter.files().write(self.file, &bytes[..half])?;
        self.fuse.burn("write on")?;
        self.platter.files().write(self.file, &bytes[half..])
    }

    fn sync(&mut self) -> io::Result<()> {
        self.fuse.burn("sync")?;
        if self.planted == Planted::NoSync {
            return Ok(());
        }
        let mut files = self.platter.files();
        let content = &mut files.contents[self.file];
        content.synced.clone_from(&content.bytes);
        Ok(())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.fuse.burn("cut")?;
        self.platter.files().contents[self.file].bytes.truncate(len as usize);
        Ok(())
    }
}
