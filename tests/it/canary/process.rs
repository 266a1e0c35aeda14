//! Processes that run while they are looked at.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Starts a command whose output is kept.
pub fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal.
pub fn signal(child: &Child, signal: Signal) -> rustix::io::Result<()> {
    let id = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal)
}

/// What a process printed until its end, and whether the system says that it left a core.
pub fn end(child: Child) -> (Output, bool) {
    let output = child.wait_with_output().unwrap();
    let is_core = output.status.core_dumped();
    (output, is_core)
}

/// Every process there is: its id, and the file of this name in its folder of /proc.
pub fn every(file: &str) -> Vec<(u32, Vec<u8>)> {
    let ids = fs::read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let read = |id: u32| Some((id, fs::read(format!("/proc/{id}/{file}")).ok()?));
    ids.filter_map(read).collect()
}

/// The processes that `parent` and its children started.
pub fn below(parent: u32) -> Vec<u32> {
    let parent_of = |(id, stat): (u32, Vec<u8>)| {
        let text = String::from_utf8_lossy(&stat).into_owned();
        let after = text.rsplit_once(')')?.1.to_owned();
        Some((id, after.split_whitespace().nth(1)?.parse::<u32>().ok()?))
    };
    let all: Vec<(u32, u32)> = every("stat").into_iter().filter_map(parent_of).collect();
    let mut found = vec![parent];
    let mut at = 0;
    while let Some(id) = found.get(at).copied() {
        found.extend(all.iter().filter(|(_, parent)| *parent == id).map(|(id, _)| *id));
        at += 1;
    }
    found.split_off(1)
}

/// Whether a folder or one above it holds something that looks like a core file.
pub fn cores(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    names.filter(|name| name == "core" || name.starts_with("core.")).collect()
}
