//! A symbolic link at any path that prov writes leads nobody out of the project.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use prov_test::Sandbox;
use prov_test::files::Files;

use crate::sandbox;

const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "db"
service = "local-sqlite"
name = "db"
params = { path = "data/x.db", migrations = [{ name = "0", sql = "create table t (x)" }] }
bind = { url = "DATABASE_URL" }

[[instances]]
ref = "file"
service = "local-file"
name = "file"
params = { path = "notes/n.txt", content = "mine" }

[[instances]]
ref = "bucket"
service = "local-bucket"
name = "bucket"
params = { path = "uploads/in" }
"#;

/// What a link there means.
#[derive(Clone, Copy, PartialEq)]
enum Means {
    /// The command refuses, and says why.
    Refused,
    /// The link goes: a file takes its place.
    Replaced,
}
use Means::{Refused, Replaced};

/// Every path that is written, and a command that writes it.
const WRITTEN: &[(&str, &str, Means)] = &[
    (".prov", "apply", Refused),
    (".prov/default.journal.json", "apply", Refused),
    (".prov/default.log.jsonl", "apply", Refused),
    (".prov/default.lock", "apply", Refused),
    (".prov/default.lock", "unlock", Refused),
    (".prov/default.lock", "secret rotate", Refused),
    (".env", "apply", Refused),
    ("data", "apply", Refused),
    ("data/x.db", "apply", Refused),
    ("data/x.db-journal", "apply", Refused),
    ("data/x.db-wal", "apply", Refused),
    ("data/x.db-shm", "apply", Refused),
    ("notes", "apply", Refused),
    ("notes/n.txt", "apply", Refused),
    ("notes/.n.txt.prov-draft", "apply", Replaced),
    ("uploads", "apply", Refused),
    ("uploads/in", "apply", Refused),
    ("saved.plan", "plan --out saved.plan", Refused),
    ("plans", "plan --out plans/saved.plan", Refused),
    ("provision", "generate", Refused),
    ("provision/meta", "generate", Refused),
    ("provision/0000_initial.json", "generate", Refused),
    ("provision/meta/_journal.json", "generate", Refused),
    ("provision/meta/0000_snapshot.json", "generate", Refused),
    ("provision/meta/0000_snapshot.json", "migrate", Refused),
    ("provision/meta", "rollback", Refused),
    ("steps", "generate --migrations steps", Refused),
    ("backup.json", "state backup backup.json", Refused),
    ("journals", "apply --journal journals/mine.json", Refused),
    ("brokers", "broker eject digitalocean-droplet", Refused),
    ("brokers/digitalocean", "broker eject digitalocean-droplet", Refused),
    ("brokers/digitalocean/droplet.toml", "broker eject digitalocean-droplet", Refused),
    ("brokers/acme", "broker new --openapi acme.json --path /orgs", Refused),
    ("brokers/acme/org.toml", "broker new --openapi acme.json --path /orgs", Refused),
    ("brokers/acme/provider.toml", "broker new --openapi acme.json --path /orgs", Refused),
    ("sub/prov.toml", "init", Refused),
    ("sub/.prov", "init", Refused),
    ("sub/.prov/config.schema.json", "init", Refused),
    ("sub/.gitignore", "init", Refused),
    ("pages", "man pages", Refused),
    ("pages/prov.1", "man pages", Replaced),
];

/// What is outside, and never changes.
struct Outside {
    folder: PathBuf,
    before: Files,
}

impl Outside {
    fn beside(sandbox: &Sandbox) -> Self {
        let folder = sandbox.root().parent().unwrap().join("outside");
        fs::create_dir_all(folder.join("folder")).unwrap();
        fs::write(folder.join("file"), "not yours").unwrap();
        fs::write(folder.join("folder/file"), "not yours").unwrap();
        let before = Files::of(&[("outside", &folder)]);
        Self { folder, before }
    }

    #[track_caller]
    fn is_unchanged(&self, after: &str) {
        let now = Files::of(&[("outside", &self.folder)]);
        assert_eq!(now.changes_since(&self.before), [""; 0], "{after}");
    }
}

fn project() -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.toml", CONFIG).file("sub/here", "");
    let description = serde_json::json!({
        "openapi": "3.0.0", "info": { "title": "Acme", "version": "1" },
        "paths": {
            "/orgs": { "post": { "responses": { "200": { "description": "It." } } } },
            "/orgs/{id}": {
                "get": { "responses": { "200": { "description": "It." } } },
                "delete": { "responses": { "204": { "description": "Gone." } } },
            },
        },
    });
    sandbox.file("acme.json", description.to_string());
    sandbox
}

/// Puts a link in the place of whatever is there.
fn plant(sandbox: &Sandbox, path: &str, to: &PathBuf) {
    let place = sandbox.root().join(path);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    drop(fs::remove_dir_all(&place));
    drop(fs::remove_file(&place));
    symlink(to, &place).unwrap();
}

fn run(sandbox: &Sandbox, path: &str, command: &str) -> prov_test::Output {
    match path.starts_with("sub/") {
        true => sandbox.sh(&format!("cd sub; prov {command}")),
        false => sandbox.run(command),
    }
}

#[test]
fn no_link_to_a_file_is_followed_out_of_the_project() {
    check("file");
}

#[test]
fn no_link_to_a_folder_is_followed_out_of_the_project() {
    check("folder");
}

#[test]
fn no_link_to_nothing_is_followed_out_of_the_project() {
    check("missing");
}

/// Plants a link to `target` at every path, and runs what writes there.
fn check(target: &str) {
    for (path, command, means) in WRITTEN {
        let sandbox = project();
        let outside = Outside::beside(&sandbox);
        if ["generate", "migrate", "rollback"].contains(command) {
            sandbox.run("generate").ok();
        }
        plant(&sandbox, path, &outside.folder.join(target));
        let output = run(&sandbox, path, command);
        let case = format!("{path} -> {target}\n{output}");
        outside.is_unchanged(&case);
        if *means == Replaced {
            output.ok();
            assert!(!sandbox.root().join(path).is_symlink(), "{case}");
            continue;
        }
        assert!([1, 3].contains(&output.status), "{case}");
        let name = path.rsplit('/').next().unwrap();
        assert!(output.raw.contains(name), "the path is not named: {case}");
        assert!(output.raw.contains("--allow-outside"), "no way on: {case}");
        let why = ["leads out", "is a symbolic link"];
        assert!(why.iter().any(|why| output.raw.contains(why)), "not why: {case}");
    }
}

#[test]
fn a_link_is_followed_by_who_means_it_and_inside_by_everybody() {
    let sandbox = project();
    let outside = Outside::beside(&sandbox);
    plant(&sandbox, ".prov", &outside.folder.join("folder"));
    plant(&sandbox, ".env", &outside.folder.join("file"));
    sandbox.run("apply --allow-outside").ok();
    assert!(outside.folder.join("folder/default.journal.json").exists());
    let text = fs::read_to_string(outside.folder.join("file")).unwrap();
    assert!(text.contains("DATABASE_URL"), "{text}");
    assert!(sandbox.root().join(".env").is_symlink(), "it points where it pointed");

    let sandbox = project();
    sandbox.file("real/.env", "A=1\n").file("state/here", "");
    plant(&sandbox, ".env", &PathBuf::from("real/.env"));
    plant(&sandbox, ".prov", &PathBuf::from("state"));
    sandbox.run("apply").ok();
    assert!(sandbox.read("real/.env").contains("DATABASE_URL"));
    assert!(sandbox.has("state/default.journal.json"));
}

/// What is typed is meant, wherever it is.
#[test]
fn a_path_that_was_typed_may_be_outside() {
    let sandbox = project();
    for command in [
        "plan --out ../one.plan",
        "apply --journal ../two.json",
        "state backup ../three.json --journal ../two.json",
        "generate --migrations ../four",
        "man ../five",
    ] {
        sandbox.run(command).ok();
    }
    let base = sandbox.root().parent().unwrap().to_owned();
    for name in ["one.plan", "two.json", "three.json", "four/meta", "five/prov.1"] {
        assert!(base.join(name).exists(), "{name}");
    }
}

#[test]
fn an_include_does_not_escape() {
    let sandbox = sandbox();
    let outside = sandbox.root().parent().unwrap().join("more.toml");
    fs::write(&outside, "instances = []\n").unwrap();
    fs::create_dir_all(sandbox.root().join("sub")).unwrap();
    plant(&sandbox, "link.toml", &outside);
    plant(&sandbox, "folder", &sandbox.root().parent().unwrap().to_owned());
    for include in ["../more.toml", "sub/../../more.toml", "link.toml", "folder/more.toml"] {
        sandbox.file("prov.toml", format!("include = [\"{include}\"]\ninstances = []\n"));
        let refused = sandbox.run("plan").exits(1);
        assert!(refused.raw.contains(include), "{refused}");
        assert!(refused.raw.contains("--allow-outside"), "{refused}");
        sandbox.run("plan --allow-outside").ok();
    }
    sandbox.file("prov.toml", format!("include = [\"{}\"]\n", outside.display()));
    sandbox.run("plan").exits(1);
}
