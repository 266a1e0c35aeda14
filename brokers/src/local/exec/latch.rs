//! What shows that a command is at work, also to a later run when prov alone was killed: a file that
//! stays locked for as long as the command, or anything that it started, lives.
//!
//! The lock belongs to the open file, which the command inherits, and not to the process that took it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use provision::broker::{BrokerError, ErrorKind};
use provision::digest;
use provision::name::Name;
use provision::place::Bounds;
use provision::private;
#[cfg(unix)]
use rustix::io::FdFlags;

use super::super::path;
use super::question::Question;

/// The folder of the latches in a project.
const FOLDER: &str = ".prov/running";
/// How much of a digest tells two instances of a project apart.
const DIGITS: usize = 16;
/// How long until one looks again whether a command has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// How the latches of an instance are called, and that of one operation on it.
pub(super) struct Names {
    reference: Name,
    /// Part of the name of every latch of the instance.
    instance: String,
    /// Part of the name of every latch of the operation, whatever the instance is called by now.
    operation: String,
}

impl Names {
    /// The names for a question that carries the key of an operation.
    pub(super) fn of(question: &Question<'_>) -> Option<Self> {
        let address = question.address;
        let parts = [&address.project, &address.stage, &address.reference].map(Name::as_str);
        Some(Self {
            reference: address.reference.clone(),
            instance: short(&parts.join("\0")),
            operation: short(question.key?),
        })
    }

    fn file(&self) -> String {
        format!("{}-{}", self.instance, self.operation)
    }

    fn fits(&self, file: &str) -> bool {
        file.split_once('-')
            .is_some_and(|(instance, key)| instance == self.instance || key == self.operation)
    }
}

fn short(text: &str) -> String {
    let digest = digest::of_bytes(text.as_bytes());
    let (_, digits) = digest.rsplit_once(':').unwrap_or_default();
    digits.chars().take(DIGITS).collect()
}

/// Commands start one at a time: what starts beside one that inherits its latch would hold it too.
static ONE: Mutex<()> = Mutex::new(());

/// Starts a command, which holds the latch too when there is one.
pub(super) fn spawn<T>(
    latch: Option<&Latch>,
    start: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    #[cfg(unix)]
    if let Some(latch) = latch {
        rustix::io::fcntl_setfd(&latch.file, FdFlags::empty())?;
        let started = start();
        rustix::io::fcntl_setfd(&latch.file, FdFlags::CLOEXEC)?;
        return started;
    }
    #[cfg(not(unix))]
    let _ = latch;
    start()
}

/// The latch of a command of this run. Dropped, it is released, whatever the command left running.
pub(super) struct Latch {
    file: File,
    path: PathBuf,
}

impl Latch {
    /// Makes a latch and takes it.
    pub(super) fn take(bounds: &Bounds, names: &Names) -> Result<Self, BrokerError> {
        let shown = format!("{FOLDER}/{}", names.file());
        let path = bounds.own(&bounds.root.join(&shown)).map_err(path::refused)?;
        let file = created(&path).and_then(|file| file.lock().map(|()| file));
        let file = file.map_err(|error| path::failed("lock", &shown, &error))?;
        Ok(Self { file, path })
    }

    /// Notes which process leads what holds the latch. One that cannot be noted is taken for running
    /// as long as anything holds it.
    pub(super) fn note(&self, process: Option<u32>) {
        if let Some(process) = process {
            let _ = write!(&self.file, "{process} {}", born(process));
        }
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        remove_folder(&self.path);
        // What the command left running on purpose has it open.
        let _ = self.file.unlock();
    }
}

/// A new file. Whoever releases the last latch takes the folder away.
fn created(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true);
    loop {
        private::create_folder(path.parent().unwrap_or(path))?;
        match private::open(options, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => return file,
        }
    }
}

/// Takes the folder of a latch away, unless there is another one in it.
fn remove_folder(latch: &Path) {
    if let Some(folder) = latch.parent() {
        let _ = fs::remove_dir(folder);
    }
}

/// When a process began, as its system counts; nothing where it does not tell. No two processes of
/// one number began at once.
fn born(process: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' '));
    fields.and_then(|mut fields| fields.nth(19)).unwrap_or_default().to_owned()
}

/// Waits until every command has ended that a killed run left at work on the instance, each for at
/// most `patience`; whether there was any.
pub(super) async fn outlast(
    bounds: &Bounds,
    names: &Names,
    patience: Duration,
) -> Result<bool, BrokerError> {
    let mut was_any = false;
    let folder = bounds.own(&bounds.root.join(FOLDER)).map_err(path::refused)?;
    let unseen = |error: io::Error| path::failed("look into", FOLDER, &error);
    for path in left(&folder, names).map_err(unseen)? {
        let Some(mut file) = opened(&path).map_err(unseen)? else { continue };
        was_any = true;
        if !is_free(&file, patience).await.map_err(unseen)? {
            let leader = leader(&mut file);
            if leader != Leader::Gone {
                return Err(still_running((names, leader), &path, patience));
            }
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unseen(error)),
            _ => remove_folder(&path),
        }
    }
    Ok(was_any)
}

/// The latches there are of the instance or the operation.
fn left(folder: &Path, names: &Names) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let is_latch = entry.file_name().to_str().is_some_and(|name| names.fits(name));
        if is_latch && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn opened(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

/// Whether nobody holds a latch any more, after at most `patience`.
async fn is_free(file: &File, patience: Duration) -> io::Result<bool> {
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if waited >= patience => return Ok(false),
            Err(TryLockError::WouldBlock) => {}
        }
        if waited.is_zero() {
            tracing::info!("waiting for a command that an earlier run left at work");
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
}

/// The process that leads what holds a latch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    /// It runs.
    Running(u32),
    /// It has ended; what it left running on purpose may hold the latch for ever.
    Gone,
    /// Nobody noted which it is.
    Unknown,
}

fn leader(file: &mut File) -> Leader {
    let mut noted = String::new();
    let read = file.read_to_string(&mut noted).ok();
    let noted = read.and_then(|_| noted.split_once(' '));
    let Some((process, Ok(id))) = noted.map(|(id, _)| (id, id.parse::<u32>())) else {
        return Leader::Unknown;
    };
    let is_same = noted.is_some_and(|(_, begun)| begun == born(id));
    if is_same && is_running(process) { Leader::Running(id) } else { Leader::Gone }
}

#[cfg(unix)]
fn is_running(process: &str) -> bool {
    let process = process.parse().ok().and_then(rustix::process::Pid::from_raw);
    let asked = process.map(rustix::process::test_kill_process);
    // One of another user may not be asked, and is there.
    matches!(asked, Some(Ok(()) | Err(rustix::io::Errno::PERM)))
}

#[cfg(not(unix))]
fn is_running(_: &str) -> bool {
    true
}

fn still_running(
    (names, leader): (&Names, Leader),
    latch: &Path,
    patience: Duration,
) -> BrokerError {
    let (reference, seconds) = (&names.reference, patience.as_secs());
    let (what, end) = match leader {
        Leader::Running(id) => (format!(": process {id}"), format!("kill -KILL -- -{id}")),
        _ => (String::new(), format!("fuser -k {}", latch.display())),
    };
    let message = format!(
        "a command that an earlier run started for `{reference}` still runs after {seconds} s more{what}"
    );
    BrokerError::new(ErrorKind::Unknown, message).help(format!(
        "Let it end, or end it: `{end}`; then apply again. Give it more time with the param `timeout`."
    ))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use provision::value::Resolved;

    use super::super::super::testing::{Project, address};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn names(reference: &str, key: &str) -> Names {
        let params = Resolved::default();
        let mut address = address("local-exec");
        address.reference = Name::from(reference);
        Names::of(&Question { key: Some(key), ..Question::new(&address, &params) }).unwrap()
    }

    /// What a killed run leaves: a latch that nobody but its command holds, until that is killed.
    fn leave(project: &Project, names: &Names, leader: Option<u32>) -> Child {
        let bounds = project.settings().bounds();
        let mut latch = Latch::take(&bounds, names).unwrap();
        let sleep = || Command::new("sleep").arg("1000").spawn();
        let child = spawn(Some(&latch), sleep).unwrap();
        latch.note(leader.or(Some(child.id())));
        // A process that is killed closes its files and opens no latch.
        drop(std::mem::replace(&mut latch.file, File::open("/dev/null").unwrap()));
        std::mem::forget(latch);
        child
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn latches(project: &Project) -> usize {
        fs::read_dir(project.path(FOLDER)).map_or(0, Iterator::count)
    }

    async fn outlasted(project: &Project, names: &Names) -> Result<bool, BrokerError> {
        outlast(&project.settings().bounds(), names, PATIENCE).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_at_work_is_waited_for_and_named() {
        let project = Project::new();
        let sleeper = leave(&project, &names("ref", "key-1"), None);
        let process = sleeper.id();
        let begun = tokio::time::Instant::now();
        let error = outlasted(&project, &names("ref", "key-2")).await.unwrap_err();
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(error.kind, ErrorKind::Unknown);
        assert!(error.message.ends_with(&format!("after 5 s more: process {process}")), "{error}");
        assert!(error.help.unwrap().contains(&format!("kill -KILL -- -{process}")));
        end(sleeper);
        outlasted(&project, &names("ref", "key-2")).await.unwrap();
        assert_eq!(latches(&project), 0, "swept");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_noted_is_taken_for_running() {
        let project = Project::new();
        let of_it = names("ref", "key-1");
        let sleeper = leave(&project, &of_it, None);
        fs::write(project.path(&format!("{FOLDER}/{}", of_it.file())), "").unwrap();
        let error = outlasted(&project, &of_it).await.unwrap_err();
        assert!(error.message.ends_with("still runs after 5 s more"), "{error}");
        assert!(error.help.unwrap().contains("fuser -k "));
        end(sleeper);
    }

    #[tokio::test(start_paused = true)]
    async fn another_instance_is_not_waited_for_but_one_that_moved_is() {
        let project = Project::new();
        let sleeper = leave(&project, &names("ref", "key-1"), None);
        let begun = tokio::time::Instant::now();
        outlasted(&project, &names("other", "key-2")).await.unwrap();
        assert_eq!((begun.elapsed(), latches(&project)), (Duration::ZERO, 1));
        outlasted(&project, &names("moved", "key-1")).await.unwrap_err();
        end(sleeper);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_command_left_running_on_purpose_is_not_waited_for_for_ever() {
        let project = Project::new();
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let sleeper = leave(&project, &names("ref", "key-1"), Some(gone.id()));
        let begun = tokio::time::Instant::now();
        outlasted(&project, &names("ref", "key-1")).await.unwrap();
        assert_eq!((begun.elapsed(), latches(&project)), (PATIENCE, 0));
        end(sleeper);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_lives_releases_its_latch_whatever_it_left_running() {
        let project = Project::new();
        let bounds = project.settings().bounds();
        let of_it = names("ref", "key-1");
        let latch = Latch::take(&bounds, &of_it).unwrap();
        let sleep = || Command::new("sleep").arg("1000").spawn();
        let sleeper = spawn(Some(&latch), sleep).unwrap();
        drop(latch);
        assert_eq!(latches(&project), 0);
        drop(Latch::take(&bounds, &of_it).unwrap());
        end(sleeper);
    }
}
