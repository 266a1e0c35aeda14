//! Who holds the lock: what that process does now, and how to come by the lock.

use std::path::Path;

use provision::store::{Holder, StoreError};

use crate::context::host;
use crate::exit::Exit;
use crate::failure::Failure;

/// What the process of a holder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It runs, or waits for something.
    Running,
    /// A signal stopped it, and it does nothing until another one lets it go on.
    Stopped,
    /// There is no such process.
    Gone,
    /// It is of another machine, or this one does not tell.
    Unknown,
}

/// Whether what is written in the lock is the name of a run that is over.
pub fn is_gone(holder: &Holder) -> bool {
    standing(holder) == Standing::Gone
}

/// The holder and what it does, as a part of a sentence.
pub fn told(holder: &Holder) -> String {
    let Holder { pid, host, user, command, since } = holder;
    let state = standing(holder).told();
    format!("`{command}` by {user}@{host}, process {pid}, since {since}{state}")
}

/// What to do to come by the lock.
pub fn way_on(holder: &Holder) -> String {
    standing(holder).way_on(holder.pid)
}

/// That somebody holds the lock and has not written there who it is: the system may know.
pub fn unnamed(lock: &Path) -> Failure {
    let Some(pid) = locker(lock) else { return StoreError::Held(None).into() };
    let standing = process(pid);
    let summary = format!("Another run holds the lock: process {pid}{}.", standing.told());
    Failure::with_help(Exit::Locked, "locked", summary, standing.way_on(pid))
}

impl Standing {
    fn told(self) -> &'static str {
        match self {
            Self::Running => ", and is running",
            Self::Stopped => ", and is stopped",
            Self::Gone | Self::Unknown => "",
        }
    }

    fn way_on(self, pid: u32) -> String {
        match self {
            // It would hear `kill PID` only once it goes on.
            Self::Stopped => format!(
                "Let it go on: `kill -CONT {pid}`. Or end it: `kill -KILL {pid}`; the lock goes \
                 with it, and the next apply goes on where it was."
            ),
            _ => format!(
                "Wait for it (`--lock-timeout 60`), or end it: `kill {pid}`. The lock goes with it."
            ),
        }
    }
}

fn standing(holder: &Holder) -> Standing {
    if holder.host == host() { process(holder.pid) } else { Standing::Unknown }
}

/// What a process of this machine does.
fn process(pid: u32) -> Standing {
    let processes = Path::new("/proc");
    // Where there is no such folder, only another program could tell.
    if !processes.join("self/stat").exists() {
        return Standing::Unknown;
    }
    match std::fs::read_to_string(processes.join(format!("{pid}/stat"))) {
        Ok(stat) => standing_of(&stat),
        Err(_) => Standing::Gone,
    }
}

/// The process that the system knows to hold a lock.
#[cfg(unix)]
fn locker(lock: &Path) -> Option<u32> {
    let file = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(lock).ok()?);
    locker_of(&std::fs::read_to_string("/proc/locks").ok()?, file)
}

#[cfg(not(unix))]
fn locker(_: &Path) -> Option<u32> {
    None
}

/// The same by the lines of `/proc/locks`: `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:FILE 0 EOF`.
/// Two that hold a file of this number, on two disks, cannot be told apart.
#[cfg(unix)]
fn locker_of(locks: &str, file: u64) -> Option<u32> {
    let mut found = locks.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words.as_slice() else { return None };
        let is_it = place.rsplit(':').next() == Some(file.to_string().as_str());
        is_it.then(|| pid.parse().ok())?
    });
    found.next().filter(|_| found.next().is_none())
}

/// The state in a line of `/proc/PID/stat`: the letter after the name, which is in brackets and may
/// hold any letter itself.
fn standing_of(stat: &str) -> Standing {
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match state {
        Some('T' | 't') => Standing::Stopped,
        Some('Z' | 'X' | 'x') => Standing::Gone,
        Some(_) => Standing::Running,
        None => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_by_its_state() {
        let check = |stat: &str, expected| assert_eq!(standing_of(stat), expected, "{stat}");
        check("12 (prov) S 1 12 12", Standing::Running);
        check("12 (prov) R 1 12 12", Standing::Running);
        check("12 (prov) D 1 12 12", Standing::Running);
        check("12 (prov) T 1 12 12", Standing::Stopped);
        check("12 (prov) t 1 12 12", Standing::Stopped);
        check("12 (prov) Z 1 12 12", Standing::Gone);
        check("12 (a) T (b) S 1 12 12", Standing::Running);
        check("", Standing::Unknown);
    }

    #[cfg(unix)]
    #[test]
    fn the_system_knows_who_holds_a_lock() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 08:01:77 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 08:01:77 0 EOF\n\
                     3: FLOCK  ADVISORY  READ  14 08:01:78 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 15 08:01:79 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 16 08:02:79 0 EOF\n";
        let check = |file, expected| assert_eq!(locker_of(locks, file), expected, "{file}");
        check(77, Some(12));
        check(78, None);
        check(79, None);
        check(7, None);
    }

    #[test]
    fn a_holder_of_another_machine_may_well_be_there() {
        let holder = |host: String, pid| Holder {
            pid,
            host,
            user: "ann".to_owned(),
            command: "prov apply".to_owned(),
            since: "2026-11-21T10:00:00Z".to_owned(),
        };
        assert_eq!(standing(&holder("elsewhere".to_owned(), 1)), Standing::Unknown);
        assert!(!is_gone(&holder("elsewhere".to_owned(), u32::MAX)));
        if Path::new("/proc/self/stat").exists() {
            assert_eq!(standing(&holder(host(), std::process::id())), Standing::Running);
            assert!(is_gone(&holder(host(), u32::MAX)));
        }
    }
}
