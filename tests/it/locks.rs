//! Who may write, and what the others are told: the lock of a process that works, is stopped, or is
//! killed.

use std::fs::{self, File};
use std::process::{Child, Output as Ended};
use std::time::Instant;

use prov_test::{PATIENCE, Sandbox, until};

use crate::sandbox;
/// How many runs start at once.
const MANY: usize = 50;

/// A thing whose creation says that it is under way and ends when `release` is there.
const SLOW: &str = r#"
[[instances]]
ref = "slow"
service = "local-exec"
name = "slow"
params = { create = ["sh", "create.sh"], delete = ["true"], find = ["cat", "found"] }
"#;

const CREATE: &str = "\
echo made >>made
while [ ! -e release ]; do sleep 0.01; done
echo '{}' >found
echo '{}'
";

/// A project in which a run makes something until it is told to end.
fn project() -> Sandbox {
    let sandbox = sandbox().unredacted();
    sandbox.file("prov.toml", SLOW).file("create.sh", CREATE).file("found", "null");
    sandbox
}

fn start(sandbox: &Sandbox, arguments: &str) -> Child {
    let mut command = sandbox.command("prov");
    command.args(arguments.split_whitespace()).stdin(std::process::Stdio::null());
    command.spawn().unwrap()
}

/// Starts a run and waits until it has begun to make something, with the lock held.
fn holder(sandbox: &Sandbox) -> Child {
    let child = start(sandbox, "apply");
    until("something is being made", || sandbox.has("made"));
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args([&format!("-{name}"), &id]).status().unwrap().success());
}

fn is_stopped(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// What the refusal says of a holder.
fn names(said: &str, child: &Child, state: &str) -> bool {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let parts = [
        format!("`prov apply` by somebody@{}, process {}, since 2", host.trim(), child.id()),
        format!(", and is {state}.\n"),
    ];
    parts.iter().all(|part| said.contains(part))
}

#[test]
fn a_killed_holder_leaves_no_lock_behind() {
    let sandbox = project();
    let mut first = holder(&sandbox);
    signal(&first, "KILL");
    first.wait().unwrap();
    sandbox.run("unlock").ok();
    // The script of the first run goes on, and the second run waits for its end.
    let mut second = sandbox.command("prov");
    let said = File::create(sandbox.root().join("said")).unwrap();
    second.args(["apply", "--verbose"]).stderr(said);
    let mut second = second.spawn().unwrap();
    until("the second run waits", || sandbox.read("said").contains("waiting for a command"));
    sandbox.file("release", "");
    assert!(second.wait().unwrap().success());
    sandbox.run("plan --exit-code").ok();
    let latches = fs::read_dir(sandbox.root().join(".prov")).unwrap().flatten();
    let is_latch = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b"run");
    assert_eq!(latches.filter(is_latch).count(), 0, "they are swept");
    assert_eq!(sandbox.read("made"), "made\n", "it is made once");
}

#[test]
fn a_stopped_holder_is_named_with_its_state_and_the_ways_on() {
    let sandbox = project();
    let first = holder(&sandbox);
    let refused = sandbox.run("apply").exits(10);
    assert!(names(&refused.raw, &first, "running"), "{refused}");
    let id = first.id();
    assert!(refused.raw.contains(&format!("or end it: `kill {id}`")), "{refused}");

    signal(&first, "STOP");
    until("it is stopped", || is_stopped(&first));
    for command in ["apply", "unlock", "teardown --yes"] {
        let refused = sandbox.run(command).exits(10);
        assert!(names(&refused.raw, &first, "stopped"), "{refused}");
        for way in [format!("`kill -CONT {id}`"), format!("`kill -KILL {id}`")] {
            assert!(refused.raw.contains(&way), "{refused}");
        }
    }
    let doctor = sandbox.run("doctor");
    assert!(doctor.raw.contains(", and is stopped"), "{doctor}");

    signal(&first, "CONT");
    sandbox.file("release", "");
    let ended = first.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    sandbox.run("plan --exit-code").ok();
}

#[test]
fn a_stopped_holder_that_is_killed_is_followed_at_once() {
    let sandbox = project();
    let mut first = holder(&sandbox);
    signal(&first, "STOP");
    until("it is stopped", || is_stopped(&first));
    sandbox.run("apply").exits(10);
    signal(&first, "KILL");
    first.wait().unwrap();
    sandbox.file("release", "");
    until("the first script is over", || sandbox.read("found").trim() == "{}");
    sandbox.run("apply").ok();
    assert_eq!(sandbox.read("made"), "made\n", "it is made once");
}

/// Starts many, and lets the one that works end when all others have.
fn many(sandbox: &Sandbox, arguments: &str, are_refused: bool) -> Vec<(u32, Ended)> {
    let mut running: Vec<Child> = (0..MANY).map(|_| start(sandbox, arguments)).collect();
    if are_refused {
        until("all but one are refused", || {
            let is_over = |child: &mut Child| child.try_wait().unwrap().is_some();
            running.iter_mut().map(is_over).filter(|is_over| *is_over).count() == MANY - 1
        });
    }
    sandbox.file("release", "");
    let end = |child: Child| (child.id(), child.wait_with_output().unwrap());
    running.into_iter().map(end).collect()
}

#[test]
fn of_fifty_at_once_one_works_and_the_others_are_told_who() {
    let sandbox = project();
    // A run that was killed has left its name in the lock, which nobody may take for the holder's.
    let mut dead = holder(&sandbox);
    signal(&dead, "KILL");
    dead.wait().unwrap();
    sandbox.file("release", "");
    until("its script is over", || sandbox.read("found").trim() == "{}");
    sandbox.file("found", "null");
    fs::remove_file(sandbox.root().join("release")).unwrap();

    let begun = Instant::now();
    let ended = many(&sandbox, "apply", true);
    let working: Vec<u32> =
        ended.iter().filter(|(_, end)| end.status.code() == Some(0)).map(|(id, _)| *id).collect();
    assert_eq!(working.len(), 1, "one works");
    for (id, end) in ended.iter().filter(|(id, _)| *id != working[0]) {
        let said = String::from_utf8_lossy(&end.stderr);
        assert_eq!(end.status.code(), Some(10), "{id}: {said}");
        assert!(said.contains(&format!("process {}, since", working[0])), "{id}: {said}");
    }
    assert!(begun.elapsed() < PATIENCE, "none waits");
    sandbox.run("plan --exit-code").ok();
}

#[test]
fn fifty_that_wait_come_one_after_the_other() {
    let sandbox = project();
    let ended = many(&sandbox, "apply --lock-timeout 120", false);
    for (id, end) in &ended {
        assert_eq!(end.status.code(), Some(0), "{id}: {}", String::from_utf8_lossy(&end.stderr));
    }
    assert_eq!(sandbox.read("made"), "made\n", "it is made once");
    let works = |end: &Ended| String::from_utf8_lossy(&end.stdout).contains("1 added");
    assert_eq!(ended.iter().filter(|(_, end)| works(end)).count(), 1, "one has something to do");
}
