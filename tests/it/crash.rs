//! A crash leaves no image of the memory behind, and nobody else of the user looks into it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use prov_test::{Sandbox, say, until};
use rustix::process::Signal;

use crate::canary::process::{end, signal, start};
use crate::sandbox;

/// A program that waits for its config.
fn waiting(sandbox: &Sandbox, limit: &str) -> Child {
    let mut shell = sandbox.command("sh");
    shell.args(["-c", &format!("{limit}; exec prov -c - plan")]);
    let child = start(shell);
    let status = format!("/proc/{}/cmdline", child.id());
    until("prov runs", || fs::read(&status).is_ok_and(|line| line.starts_with(b"prov")));
    child
}

fn limit_of(child: &Child) -> String {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    line.split_whitespace().nth(4).unwrap().to_owned()
}

#[test]
fn no_core_is_written() {
    let sandbox = sandbox();
    let child = waiting(&sandbox, "ulimit -S -c unlimited 2>/dev/null || true");
    until("the limit is set", || limit_of(&child) == "0");
    signal(&child, Signal::ABORT).unwrap();
    let (output, is_core) = end(child);
    assert!(!is_core, "{output:?}");
    assert_eq!([output.stdout, output.stderr].concat(), b"", "something was printed");
    assert_eq!(sandbox.sh("ls -A").ok().stdout, "");

    // The same with a program that does not care, or else nothing is proven.
    let mut other = sandbox.command("sh");
    other.args(["-c", "ulimit -S -c unlimited 2>/dev/null || true; exec sleep 1000"]);
    let other = start(other);
    let line = format!("/proc/{}/cmdline", other.id());
    until("it runs", || fs::read(&line).is_ok_and(|line| line.starts_with(b"sleep")));
    signal(&other, Signal::ABORT).unwrap();
    let (_, is_core) = end(other);
    if !is_core {
        say("NOT PROVEN: this machine writes no core of any program, so none of prov's");
    }
}

/// What is not dumpable belongs to root in /proc: its memory and its environment are closed to others.
#[test]
fn nobody_else_reads_the_memory() {
    let folder = tempfile::Builder::new().prefix("prov-it-").tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), open).unwrap();
    // Where the program was built need not be open to everybody.
    let program = folder.path().join("prov");
    fs::copy(env!("CARGO_BIN_EXE_prov"), &program).unwrap();
    let as_nobody = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(folder.path()).env_clear();
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        command
    };
    let mut command = as_nobody(program.to_str().unwrap());
    command.args(["-c", "-", "plan"]);
    let prov = start(command);
    let owner = |child: &Child| fs::metadata(format!("/proc/{}/mem", child.id())).unwrap().uid();
    until("it is closed", || owner(&prov) == 0);
    let mut command = as_nobody("sleep");
    command.arg("1000");
    let mut other = start(command);
    assert_ne!(owner(&other), 0, "everything is closed here, so nothing is proven");
    other.kill().unwrap();
    other.wait().unwrap();
    drop(end(prov));
}
