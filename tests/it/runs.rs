//! How steps run beside each other, and what is left when a run is cut off anywhere.

use std::time::{Duration, Instant};

use prov_test::{Sandbox, files, say};

use crate::sandbox;

/// Two steps, each of which ends only when the other one has begun.
const MEETING: &str = r#"
[[instances]]
ref = "a"
service = "local-exec"
name = "a"
params = { create = ["sh", "-c", "echo hi > one; cat two"], delete = ["true"], timeout = 20 }

[[instances]]
ref = "b"
service = "local-exec"
name = "b"
params = { create = ["sh", "-c", "cat one > /dev/null; echo '{}' > two; echo '{}'"], delete = ["true"], timeout = 20 }
"#;

#[test]
fn independent_steps_run_at_once() {
    let sandbox = sandbox();
    sandbox.file("prov.toml", MEETING).sh("mkfifo one two").ok();
    sandbox.run("apply --parallelism 2").ok();
    sandbox.run("check").ok();
}

#[test]
fn one_step_at_a_time_is_one_at_a_time() {
    let sandbox = sandbox();
    let step = |name: &str| {
        format!(
            "[[instances]]\nref = '{name}'\nservice = 'local-exec'\nname = '{name}'\n\
             params = {{ create = ['sh', '-c', 'mkdir busy && rmdir busy && echo {{}}'], delete = ['true'] }}\n"
        )
    };
    let config: String = ('a'..='t').map(|letter| step(&letter.to_string())).collect();
    sandbox.file("prov.toml", config);
    sandbox.run("apply --parallelism 1").ok();
}

/// A hundred instances in twenty chains, sixteen at once: everything ends, and it is clean.
#[test]
fn many_steps_at_once_end_clean() {
    let sandbox = sandbox();
    let mut config = String::new();
    for chain in 0..20 {
        for link in 0..5 {
            let before = match link {
                0 => String::new(),
                _ => format!("params = {{ n = '@c{chain}-{}.id' }}\n", link - 1),
            };
            config.push_str(&format!(
                "[[instances]]\nref = 'c{chain}-{link}'\nservice = 'local-value'\n\
                 name = 'c{chain}-{link}'\n{before}\n"
            ));
        }
    }
    sandbox.file("prov.toml", config);
    let output = sandbox.run("apply --parallelism 16").ok();
    assert!(output.stdout.contains("100 added"), "{output}");
    sandbox.run("check").ok();
    let output = sandbox.run("teardown --yes --parallelism 16").ok();
    assert!(output.stdout.contains("100 destroyed"), "{output}");
}

/// A command that makes its object and then hangs until it is let go.
const HANGING: &str = r#"
[[instances]]
ref = "slow"
service = "local-exec"
name = "slow"
bind = { answer = "ANSWER" }

[instances.params]
create = ["sh", "create.sh"]
read = ["sh", "find.sh"]
find = ["sh", "find.sh"]
delete = ["rm", "object"]

[[instances]]
ref = "after"
service = "local-value"
name = "after"
params = { answer = "@slow.answer" }
"#;

const CREATE: &str = "echo >> calls; echo > object; echo up > made; exec cat hold\n";

const FIND: &str = r#"[ -e object ] && echo '{"id": "slow-1", "outputs": {"answer": 42}}' || echo null
"#;

fn hanging() -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.toml", HANGING).file("create.sh", CREATE).file("find.sh", FIND);
    sandbox.sh("mkfifo made hold").ok();
    sandbox
}

/// Ends a run with a signal while its step hangs; answers how long that took.
fn stopped(sandbox: &Sandbox, signal: &str) -> Duration {
    let mut run = sandbox.command("prov").arg("apply").spawn().unwrap();
    sandbox.sh("cat made").ok();
    let start = Instant::now();
    sandbox.sh(&format!("kill -{signal} {}", run.id())).ok();
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(130), "after {signal}");
    start.elapsed()
}

#[test]
fn an_interrupt_ends_a_hanging_run_in_five_seconds() {
    check_signal("INT");
}

#[test]
fn so_does_a_request_to_terminate() {
    check_signal("TERM");
}

fn check_signal(signal: &str) {
    let sandbox = hanging();
    let elapsed = stopped(&sandbox, signal);
    assert!(elapsed < Duration::from_secs(6), "{signal} took {elapsed:?}");
    sandbox.run("apply").ok();
    assert_eq!(sandbox.read("calls"), "\n", "it was made twice");
    assert_eq!(sandbox.run("output after.answer").ok().stdout, "42\n");
    sandbox.run("check").ok();
}

/// The journal and the log of a run that is in the middle of its step.
fn in_the_middle() -> Sandbox {
    let sandbox = hanging();
    let mut run = sandbox.command("prov").arg("apply").spawn().unwrap();
    sandbox.sh("cat made").ok();
    run.kill().unwrap();
    run.wait().unwrap();
    sandbox.sh("echo '{}' > hold").ok();
    assert!(sandbox.has(".prov/default.log.jsonl"), "a run in its middle has a log");
    sandbox
}

/// A log that ends anywhere is what a crash leaves: the next run goes on from what is whole.
#[test]
fn a_log_that_ends_anywhere_is_gone_on_from() {
    let origin = in_the_middle();
    let log = origin.read(".prov/default.log.jsonl");
    for length in (0..=log.len()).step_by(29).chain([log.len() - 1, log.len()]) {
        let sandbox = sandbox();
        files::copy(&origin.root().join(".prov"), &sandbox.root().join(".prov"));
        sandbox.file("prov.toml", HANGING).file("create.sh", CREATE).file("find.sh", FIND);
        sandbox.file("calls", "\n").file("object", "\n");
        sandbox.file(".prov/default.log.jsonl", log.get(..length).unwrap());
        sandbox.run("status").ok();
        // Where not even the intent is whole, the object is a stranger's: it is not made over.
        let output = sandbox.run("apply");
        assert!([0, 3].contains(&output.status), "cut at {length}\n{output}");
        assert_eq!(sandbox.read("calls").matches('\n').count(), 1, "cut at {length}\n{output}");
    }
}

/// A journal that ends anywhere is damaged: that is said, and nothing is touched.
#[test]
fn a_journal_that_ends_anywhere_is_refused() {
    let sandbox = sandbox();
    sandbox.file("prov.toml", "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n");
    sandbox.run("apply").ok();
    let journal = sandbox.read(".prov/default.journal.json");
    let whole = journal.trim_end().len();
    for length in (0..whole).step_by(23).chain([whole - 1]) {
        let cut = journal.get(..length).unwrap();
        sandbox.file(".prov/default.journal.json", cut);
        for command in ["status", "apply --yes"] {
            let output = sandbox.run(command);
            assert_eq!(output.status, 13, "cut at {length}\n{output}");
        }
        assert_eq!(sandbox.read(".prov/default.journal.json"), cut, "cut at {length}");
    }
    sandbox.file(".prov/default.journal.json", &journal);
    sandbox.run("check").ok();
}

/// Somebody at a terminal is asked before anything is destroyed; only `yes` is a yes.
#[test]
fn who_is_there_is_asked() {
    let sandbox = sandbox();
    if sandbox.sh("command -v script").status != 0 {
        say("NOT PROVEN: who is asked, because there is no `script` to make a terminal with");
        return;
    }
    let made = "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n";
    sandbox.file("prov.toml", made).run("apply").ok();
    sandbox.file("prov.toml", "prune = true\ninstances = []\n");
    let answer =
        |text: &str| sandbox.sh(&format!("echo {text} | TERM=xterm script -qec 'prov apply' log"));
    for text in ["no", "y", "''"] {
        let output = answer(text).exits(5);
        assert!(output.stdout.contains("Nothing was changed."), "{output}");
        assert_eq!(sandbox.run("state list").stdout, "a\n");
    }
    let output = answer("yes").ok();
    assert!(output.stdout.contains("Only `yes` is accepted"), "{output}");
    assert!(output.stdout.contains('\u{1b}'), "no colour on a terminal\n{output}");
    assert_eq!(sandbox.run("state list").stdout, "");
}
