//! What is private is private from its first moment: files 0600, folders 0700, whatever the umask is
//! and whatever was there before.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use prov_test::Sandbox;

use crate::sandbox;

const CONFIG: &str = r#"
[[instances]]
ref = "key"
service = "local-secret"
name = "key"
bind = { value = "KEY" }

[[instances]]
ref = "db"
service = "local-sqlite"
name = "db"
params = { path = "data/x.db" }

[[instances]]
ref = "tool"
service = "local-exec"
name = "tool"
params = { create = ["sh", "look.sh"], update = ["sh", "look.sh"], delete = ["true"], find = ["echo", "null"], input = "@key.value" }
"#;

/// The rights of everything in the folder while a run writes its log and holds its lock.
const LOOK: &str = "cat > /dev/null; stat -c '%a %n' .prov .prov/* > during; echo '{}'";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn project() -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.toml", CONFIG).file("look.sh", LOOK);
    sandbox
}

/// Everything private, with what it has to be.
fn private(sandbox: &Sandbox) -> Vec<(std::path::PathBuf, u32)> {
    let (root, user) = (sandbox.root(), sandbox.home().join(".config/prov"));
    vec![
        (root.join(".prov"), 0o700),
        (root.join(".prov/default.journal.json"), 0o600),
        (root.join(".prov/default.lock"), 0o600),
        (root.join(".env"), 0o600),
        (root.join("saved.plan"), 0o600),
        (root.join("backup.json"), 0o600),
        (root.join("data/x.db"), 0o600),
        (user.clone(), 0o700),
        (user.join("identity.txt"), 0o600),
        (user.join("credentials"), 0o700),
        (user.join("credentials/vultr.json"), 0o600),
    ]
}

#[track_caller]
fn check(sandbox: &Sandbox) {
    for (path, wanted) in private(sandbox) {
        let found = mode(&path);
        assert_eq!(found, wanted, "{} is {found:o}, not {wanted:o}", path.display());
    }
    let during = sandbox.read("during");
    let mut seen = 0;
    for line in during.lines() {
        let (found, name) = line.split_once(' ').unwrap();
        let is_folder = [".prov", ".prov/running"].contains(&name);
        let wanted = if is_folder { "700" } else { "600" };
        assert!(found == wanted || name.ends_with(".schema.json"), "{during}");
        seen += 1;
    }
    assert!(seen >= 3 && during.contains(".log.jsonl"), "{during}");
}

#[test]
fn no_umask_opens_them() {
    let sandbox = project();
    let store = "echo vultr-5ecret | prov auth set vultr --no-verify";
    for line in ["prov apply", "prov plan --out saved.plan", "prov state backup backup.json", store]
    {
        sandbox.sh(&format!("umask 0; {line}")).ok();
    }
    check(&sandbox);
    assert_eq!(
        mode(&sandbox.root().join("look.sh")) & 0o400,
        0o400,
        "what is not ours is not touched"
    );
}

/// Made by `prov init`, too.
#[test]
fn the_folder_is_private_from_its_first_moment() {
    let sandbox = sandbox();
    sandbox.sh("umask 0; prov init").ok();
    assert_eq!(mode(&sandbox.root().join(".prov")), 0o700);
    for shared in ["prov.toml", ".gitignore", ".prov/config.schema.json"] {
        assert_eq!(mode(&sandbox.root().join(shared)), 0o644, "{shared}");
    }
}

#[test]
fn what_was_there_with_wider_rights_is_closed() {
    let sandbox = project();
    sandbox.run("apply").ok();
    sandbox.run("plan --out saved.plan").ok();
    sandbox.run("state backup backup.json").ok();
    sandbox.feed(&["auth", "set", "vultr", "--no-verify"], "vultr-5ecret").ok();
    sandbox.file(".prov/default.log.jsonl", "");
    for (path, _) in private(&sandbox) {
        // A database may be meant for others, and an identity is never written again.
        let is_left = path.ends_with("x.db")
            || path.ends_with("identity.txt")
            || path.ends_with(".config/prov");
        if !is_left {
            let open = if path.is_dir() { 0o777 } else { 0o666 };
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        }
    }
    let log = sandbox.root().join(".prov/default.log.jsonl");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
    fs::remove_file(sandbox.root().join("during")).unwrap();
    sandbox.file("prov.toml", CONFIG.replace("name = \"tool\"", "name = \"other\""));
    sandbox.run("apply --yes --force").ok();
    sandbox.run("plan --out saved.plan").ok();
    sandbox.run("state backup backup.json").ok();
    sandbox.feed(&["auth", "set", "vultr", "--no-verify"], "vultr-5ecret").ok();
    check(&sandbox);
    // The sink is closed also when nothing in it changes.
    let sink = sandbox.root().join(".env");
    fs::set_permissions(&sink, fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.run("apply").ok();
    assert_eq!(mode(&sink), 0o600);
}

/// What prov does not write again it does not change; it says so.
#[test]
fn an_open_identity_is_told() {
    let sandbox = project();
    sandbox.run("apply").ok();
    let identity = sandbox.home().join(".config/prov/identity.txt");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
    let told = sandbox.run("doctor --offline");
    assert!(told.raw.contains("can be read by others"), "{told}");
}
