//! Processes that are started, stopped and killed, and what they leave running.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use prov_test::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};

/// A run of a program, whose output lands in a file.
pub struct Run {
    child: Child,
    pub started: Instant,
}

impl Run {
    /// Starts it; both its streams go to `said`.
    pub fn start(mut command: Command, said: &Path) -> Self {
        let file = File::create(said).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), started: Instant::now() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is over.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) {
        // One that is over and not yet waited for takes a signal and does nothing.
        kill_process(pid(self.child.id()), signal).unwrap();
    }

    /// Its end: the status, `None` when it was killed by a signal.
    pub fn end(mut self) -> Option<i32> {
        self.wait().code()
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("process {} does not end", self.child.id());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}

/// The processes that stand in a folder.
pub fn standing_in(folder: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)) {
            found.push(id);
        }
    }
    found
}

/// Kills every process that stands in a folder.
pub fn kill_in(folder: &Path) {
    for id in standing_in(folder) {
        let _ = kill_process(pid(id), Signal::KILL);
    }
}
