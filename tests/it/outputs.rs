//! What every command prints, for people and as JSON, and that looking changes nothing.

use std::fmt::Write as _;

use prov_test::{Sandbox, golden};
use serde_json::{Value, json};

use crate::{here, sandbox};

const BEFORE: &str = r#"
project = "shop"

[[instances]]
ref = "db"
service = "local-sqlite"
name = "shop-${stage}"
params = { path = "data/${stage}.db" }
bind = { url = "DATABASE_URL" }

[[instances]]
ref = "key"
service = "local-secret"
name = "key"
bind = { value = "APP_SECRET" }

[[instances]]
ref = "app"
service = "local-value"
name = "app"
params = { size = "s", key = "@key.value", db = "sqlite on ${db.path}" }

[[instances]]
ref = "old"
service = "local-value"
name = "same"

[[instances]]
ref = "gone"
service = "local-value"
name = "gone"

[[instances]]
ref = "kept"
service = "local-value"
name = "kept"
on_remove = "retain"
"#;

/// One change of every kind.
const AFTER: &str = r#"
project = "shop"
prune = true

[[instances]]
ref = "db"
service = "local-sqlite"
name = "shop-${stage}"
params = { path = "data/${stage}.db" }
bind = { url = "DATABASE_URL" }

[[instances]]
ref = "key"
service = "local-secret"
name = "key"
params = { length = 64 }
bind = { value = "APP_SECRET" }

[[instances]]
ref = "app"
service = "local-value"
name = "app"
params = { size = "m", key = "@key.value", db = "sqlite on ${db.path}" }

[[instances]]
ref = "moved"
service = "local-value"
name = "same"

[[instances]]
ref = "new"
service = "local-value"
name = "new"

[[instances]]
ref = "uploads"
service = "local-bucket"
name = "uploads"
params = { path = "uploads" }
adopt = true
"#;

/// Commands that only look.
const LOOKING: &[&str] = &[
    "validate",
    "plan",
    "plan --all --exit-code --force --no-prune",
    "check",
    "status",
    "status --kind database",
    "status --stage other",
    "show db",
    "show key",
    "pull",
    "pull --discover",
    "output",
    "output db",
    "output db.url",
    "output key.value",
    "graph",
    "graph --format mermaid",
    "state list",
    "state show app",
    "generate --dry-run",
    "generate --dry-run --name next",
    "teardown",
    "teardown --force",
    "version",
    "brokers droplet",
    "broker show digitalocean-droplet",
    "broker lint",
];

/// Commands that only look, whose output is long, random or not for people.
const LOOKING_MORE: &[&str] = &[
    "schema",
    "schema --manifest",
    "brokers",
    "broker show digitalocean-droplet --source",
    "env",
    "env --format json",
    "env --format shell",
    "state backup",
    "completions bash",
    "completions zsh",
    "completions fish",
    "completions powershell",
    "completions elvish",
    "man",
    "output --show-sensitive",
    "run -- true",
    "doctor",
    "doctor --offline",
    "auth list",
    "auth list --verify",
    "--help",
    "--version",
];

/// What prints no JSON document of ours: a script, a page, the child's own output, help.
const NO_JSON: &[&str] = &[
    "env --format shell",
    "completions",
    "man",
    "broker show digitalocean-droplet --source",
    "run",
    "--help",
    "--version",
];

/// One bare value, what a format was asked of by name, or a document with a version of its own.
const NO_FORMAT_VERSION: &[&str] =
    &["output db.url", "output key.value", "env --format json", "schema", "state backup"];

/// A project where every kind of change is pending.
fn changing() -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.toml", BEFORE);
    sandbox.run("apply").ok();
    sandbox.run("generate").ok();
    sandbox.run("migrate").ok();
    sandbox.file("prov.toml", AFTER).file("uploads/x", "x");
    sandbox
}

#[test]
fn for_people() {
    let sandbox = changing();
    let mut transcript = String::new();
    for command in LOOKING {
        writeln!(transcript, "{}", sandbox.run(command)).unwrap();
    }
    golden::check(&here().join("golden/outputs/looking.txt"), &transcript);
}

#[test]
fn for_people_who_change_things() {
    let sandbox = changing();
    let mut transcript = String::new();
    for command in CHANGING {
        writeln!(transcript, "{}", sandbox.run(command)).unwrap();
    }
    golden::check(&here().join("golden/outputs/changing.txt"), &transcript);
}

const CHANGING: &[&str] = &[
    "generate --name next",
    "apply",
    "apply --yes",
    "migrate",
    "rollback --yes",
    "rollback --yes --force",
    "state mv app application",
    "state rm application",
    "state backup backup.json",
    "state restore backup.json",
    "secret rotate",
    "state repair",
    "pull --reconcile",
    "import uploads uploads",
    "unlock",
    "plan --out saved.plan",
    "teardown --yes",
    "init",
    "broker eject digitalocean-droplet",
    "broker test digitalocean-droplet",
    "broker new --openapi prov.toml --path /v1/things",
    "auth set vultr",
    "auth rotate vultr",
    "auth remove vultr",
];

#[test]
fn help() {
    let sandbox = sandbox();
    let mut transcript = String::new();
    for command in commands(&sandbox) {
        writeln!(transcript, "{}", sandbox.run(&format!("{command} -h")).ok()).unwrap();
    }
    golden::check(&here().join("golden/outputs/help.txt"), &transcript);
}

/// Commands that have commands of their own.
const GROUPS: [&str; 4] = ["auth", "broker", "secret", "state"];

/// Every command that the help lists, those of groups included.
fn commands(sandbox: &Sandbox) -> Vec<String> {
    let listed = |help: &str| -> Vec<String> {
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let rows = lines.take_while(|line| !line.is_empty());
        rows.filter(|row| row.starts_with("  ") && !row.starts_with("   "))
            .filter_map(|row| row.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let mut all = listed(&sandbox.run("--help").ok().stdout);
    assert!(all.len() >= 20, "{all:?}");
    for group in GROUPS {
        let inner = listed(&sandbox.run(&format!("{group} --help")).ok().stdout);
        all.extend(inner.iter().map(|command| format!("{group} {command}")));
    }
    all
}

#[test]
fn every_command_is_looked_at() {
    let sandbox = sandbox();
    let known = [LOOKING, LOOKING_MORE, CHANGING, JSON_LINES].concat();
    for command in commands(&sandbox).iter().filter(|command| !GROUPS.contains(&command.as_str())) {
        let is_known =
            known.iter().any(|line| format!("{line} ").starts_with(&format!("{command} ")));
        assert!(is_known, "`prov {command}` is in no list of this file");
    }
}

#[test]
fn looking_changes_no_file() {
    let sandbox = changing();
    let before = sandbox.files();
    for command in LOOKING.iter().chain(LOOKING_MORE) {
        for command in [(*command).to_owned(), format!("--json {command}")] {
            let output = sandbox.run(&command);
            assert!([0, 2].contains(&output.status), "{output}");
            let changes = sandbox.files().changes_since(&before);
            assert_eq!(changes, [""; 0], "after `prov {command}`");
        }
    }
}

/// Looking at a project where nothing was ever made leaves nothing behind either.
#[test]
fn looking_makes_no_file() {
    let sandbox = sandbox();
    sandbox.file("prov.toml", BEFORE);
    let before = sandbox.files();
    for command in LOOKING.iter().chain(LOOKING_MORE) {
        let output = sandbox.run(command);
        assert!([0, 1, 2].contains(&output.status), "{output}");
        assert_eq!(sandbox.files().changes_since(&before), [""; 0], "after `prov {command}`");
    }
}

#[test]
fn json_is_one_versioned_document() {
    let sandbox = changing();
    let has = |list: &[&str], command: &str| {
        list.iter().any(|start| format!("{command} ").starts_with(&format!("{start} ")))
    };
    for command in LOOKING.iter().chain(LOOKING_MORE).filter(|command| !has(NO_JSON, command)) {
        let output = sandbox.run(&format!("{command} --json"));
        assert_eq!(output.stderr, "", "talk under --json\n{output}");
        let document = output.json();
        if !has(NO_FORMAT_VERSION, command) {
            assert_eq!(document["format_version"], "1.0", "{output}");
        }
    }
    for command in CHANGING.iter().filter(|command| !has(JSON_LINES, command)) {
        let output = sandbox.run(&format!("{command} --json"));
        let document = output.json();
        assert!(document.is_object(), "{output}");
    }
}

const JSON_LINES: &[&str] = &["apply", "migrate", "rollback", "teardown"];

#[test]
fn json_of_a_run_is_one_event_a_line() {
    let sandbox = changing();
    sandbox.run("generate --name next").ok();
    for command in [
        "apply --yes",
        "apply --yes",
        "migrate",
        "migrate",
        "rollback --yes --force",
        "teardown --yes",
    ] {
        let output = sandbox.run(&format!("{command} --json"));
        let lines = output.json_lines();
        for line in &lines {
            assert_eq!(line["format_version"], "1.0", "{output}");
            assert!(line["type"].is_string(), "{output}");
        }
        assert_eq!(lines.last().map(|line| &line["type"]), Some(&json!("summary")), "{output}");
        let summary = lines.last().unwrap();
        assert!(summary["complete"].is_boolean(), "{output}");
        // A stage that was up to date has run nothing that could be counted.
        if summary["migrations"].is_null() {
            for field in ["added", "changed", "destroyed", "failed", "skipped"] {
                assert!(summary.get(field).is_some(), "no `{field}`\n{output}");
            }
        }
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The form is fixed: what is here stays, what comes is added.
#[test]
fn the_plan_as_json() {
    let sandbox = changing();
    let plan = sandbox.run("plan --json").ok().json();
    let fixed = ["format_version", "clean", "summary", "steps", "orphans", "diagnostics"];
    assert!(fixed.iter().all(|key| keys(&plan).contains(key)), "{:?}", keys(&plan));
    let actions = ["create", "update", "replace", "move", "adopt", "noop", "deprovision", "forget"];
    assert_eq!(keys(&plan["summary"]), actions);
    for action in actions {
        assert_eq!(plan["summary"][action], 1, "{action}");
    }
    let step = ["ref", "service", "name", "action", "reason", "message", "changes", "depends_on"];
    for found in plan["steps"].as_array().unwrap() {
        assert!(step.iter().all(|key| keys(found).contains(key)), "{found:#}");
        for change in found["changes"].as_array().unwrap() {
            assert_eq!(keys(change), ["path", "before", "after", "sensitive"], "{found:#}");
        }
    }
    assert_eq!(plan["format_version"], "1.0");
    assert_eq!(plan["clean"], false);
    golden::check(&here().join("golden/outputs/plan.json"), &format!("{plan:#}\n"));
}

#[test]
fn colour_is_for_terminals_and_who_asks() {
    let sandbox = changing();
    let escape = '\u{1b}';
    for command in LOOKING.iter().chain(LOOKING_MORE).chain(&["plan -c nowhere.toml", "show dbb"]) {
        let output = sandbox.run(command);
        assert!(!output.raw.contains(escape), "colour in `prov {command}`\n{output}");
    }
    for way in ["--no-color", "--color never", "--color auto"] {
        let output = sandbox.run(&format!("plan {way}"));
        assert!(!output.raw.contains(escape), "colour with {way}\n{output}");
    }
    for command in ["plan", "pull", "validate", "show dbb"] {
        let output = sandbox.run(&format!("{command} --color always"));
        assert!(output.raw.contains(escape), "no colour in `prov {command}`\n{output}");
    }
    assert!(!sandbox.run("plan --json --color always").raw.contains(escape), "colour in JSON");
    let sandbox = sandbox.env("CLICOLOR_FORCE", "1");
    assert!(sandbox.run("plan").raw.contains(escape), "CLICOLOR_FORCE");
    let sandbox = sandbox.env("NO_COLOR", "1");
    assert!(!sandbox.run("plan --no-color").raw.contains(escape), "--no-color");
}
