//! `prov doctor`: each thing that can be wrong is found, and what mends it is said.

use prov_test::Sandbox;
use serde_json::Value;

use crate::provider::Provider;
use crate::sandbox;

const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "key"
service = "local-secret"
name = "key"
bind = { value = "APP_SECRET" }
"#;

fn applied() -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.toml", CONFIG);
    sandbox.run("apply").ok();
    sandbox
}

/// The status, message and fix of one check.
#[track_caller]
fn check(sandbox: &Sandbox, name: &str) -> (String, String, String) {
    let before = sandbox.files();
    let output = sandbox.run("doctor --json");
    assert_eq!(sandbox.files().changes_since(&before), [""; 0], "doctor writes nothing");
    let document = output.json();
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    assert!(found.is_some(), "no check `{name}`\n{output}");
    let found = found.unwrap_or(&Value::Null);
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let is_problem = checks.iter().any(|check| check["status"] == "problem");
    assert_eq!(output.status, i32::from(is_problem), "{output}");
    (text("status"), text("message"), text("fix"))
}

#[track_caller]
fn expect(sandbox: &Sandbox, name: &str, (status, message, fix): (&str, &str, &str)) {
    let found = check(sandbox, name);
    assert_eq!(found.0, status, "{found:?}");
    assert!(found.1.contains(message), "{found:?}");
    assert!(found.2.contains(fix), "{found:?}");
}

#[test]
fn a_healthy_project_has_nothing_to_mend() {
    let sandbox = applied();
    let output = sandbox.run("doctor --offline").ok();
    let shown: Vec<&str> = output.stdout.lines().filter(|line| !line.contains("disk")).collect();
    assert_eq!(
        shown,
        [
            "ok       config       1 instance in the project `shop`",
            "ok       journal      1 instance, serial 3",
            "ok       log          none is left",
            "ok       lock         free",
            "ok       folder       .prov can be written",
            "ok       sink         .env; the project is not in git",
            "ok       identity     [HOME]/.config/prov/identity.txt",
            "ok       credentials  no provider is used, and there is no credential for any",
            "skipped  clock        not compared: --offline",
            "",
            "What was looked at is as it has to be.",
        ]
    );
    let document = sandbox.run("doctor --json").ok().json();
    assert_eq!(document["format_version"], "1.0");
    assert_eq!((&document["problems"], &document["warnings"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn a_config_that_cannot_be_read() {
    let sandbox = sandbox();
    sandbox.file("prov.toml", "instances = [\n");
    expect(&sandbox, "config", ("problem", "", "prov validate"));
    expect(&sandbox, "journal", ("skipped", "the config says where it is", ""));
    sandbox.file("prov.toml", CONFIG.replace("local-secret", "local-secrte"));
    expect(&sandbox, "config", ("problem", "local-secrte", "local-secret"));
    expect(&sandbox, "journal", ("ok", "none yet", ""));
}

#[test]
fn a_damaged_journal_and_a_run_that_did_not_end() {
    let sandbox = applied();
    let journal = sandbox.read(".prov/default.journal.json");
    sandbox.file(".prov/default.journal.json", "{");
    expect(&sandbox, "journal", ("problem", "default.journal.json", "prov state restore"));
    sandbox.file(".prov/default.journal.json", journal);
    sandbox.file("prov.toml", CONFIG.replace("local-secret\"", "local-exec\"").replace(
        "bind = { value = \"APP_SECRET\" }",
        "params = { create = ['sh', '-c', 'kill -9 $PPID'], read = ['true'], delete = ['true'] }",
    ).replace("\"key\"", "\"tool\""));
    sandbox.run("apply --yes");
    expect(&sandbox, "log", ("warning", "the last run did not end", "prov apply"));
}

#[test]
fn a_lock_that_somebody_holds() {
    let sandbox = applied();
    sandbox.file(
        "prov.toml",
        "[[instances]]\nref = 't'\nservice = 'local-exec'\nname = 't'\n[instances.params]\n\
         create = ['sh', '-c', 'prov doctor --json > seen.json; echo {}']\n\
         read = ['true']\ndelete = ['true']\n",
    );
    sandbox.run("apply --yes");
    let seen: Value = serde_json::from_str(&sandbox.read("seen.json")).unwrap();
    let checks = seen["checks"].as_array().unwrap();
    let lock = checks.iter().find(|check| check["check"] == "lock").unwrap();
    assert_eq!(lock["status"], "warning", "{lock}");
    assert!(lock["message"].as_str().unwrap().contains("held by `prov apply` by "), "{lock}");
    assert!(lock["fix"].as_str().unwrap().contains("kill "), "{lock}");
    expect(&sandbox, "lock", ("ok", "free", ""));
}

#[test]
fn a_sink_that_git_would_take() {
    let sandbox = applied();
    sandbox.sh("git init -q .").ok();
    expect(&sandbox, "sink", ("warning", ".env is not in .gitignore", "a line `.env`"));
    sandbox.file(".gitignore", ".env\n");
    expect(&sandbox, "sink", ("ok", "git ignores", ""));
    sandbox.sh("git add -f .env").ok();
    expect(&sandbox, "sink", ("problem", ".env is committed", "git rm --cached .env"));
    sandbox.file("prov.toml", format!("sink = 'none'\n{CONFIG}"));
    expect(&sandbox, "sink", ("ok", "no file", ""));
}

#[test]
fn an_identity_that_is_lost_or_open_to_others() {
    let sandbox = applied();
    sandbox.sh("chmod 644 $XDG_CONFIG_HOME/prov/identity.txt").ok();
    expect(&sandbox, "identity", ("warning", "mode 0644", "chmod 600 [HOME]/.config"));
    sandbox.sh("rm $XDG_CONFIG_HOME/prov/identity.txt").ok();
    expect(&sandbox, "identity", ("problem", "1 secrets are sealed", "PROV_AGE_IDENTITY"));
    sandbox.sh("echo nonsense > $XDG_CONFIG_HOME/prov/identity.txt").ok();
    expect(&sandbox, "identity", ("problem", "Not an age identity", "PROV_AGE_IDENTITY"));
    let other = applied();
    let file = other.home().join(".config/prov/identity.txt").display().to_string();
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &file);
    expect(&sandbox, "identity", ("warning", "does not open 1 of the 1", "recipients"));
    let nothing = crate::sandbox();
    expect(&nothing, "identity", ("ok", "none yet", ""));
    expect(&nothing, "config", ("ok", "prov init", ""));
}

#[test]
fn a_clock_that_is_wrong() {
    let provider = Provider::accepting(&["t-123456"]);
    let sandbox =
        sandbox().env("DIGITALOCEAN_API_URL", &provider.url).env("DIGITALOCEAN_TOKEN", "t-123456");
    expect(&sandbox, "clock", ("ok", "agrees with that of DigitalOcean", ""));
    provider.set_clock_ahead(605);
    expect(&sandbox, "clock", ("warning", "10 minutes behind that of DigitalOcean", "timedatectl"));
    provider.set_clock_ahead(-7300);
    expect(&sandbox, "clock", ("warning", "2 hours ahead of that of DigitalOcean", "timedatectl"));
}

/// What a project uses has to work; what it does not use is only worth knowing.
#[test]
fn a_provider_without_a_credential() {
    let sandbox = applied();
    let journal = sandbox.read(".prov/default.journal.json");
    sandbox.file("prov.toml", "project = 'shop'\ninstances = []\n");
    let journal = journal.replace("local-secret", "hetzner-ssh-key");
    sandbox.file(".prov/default.journal.json", journal);
    expect(&sandbox, "credentials", ("problem", "none for Hetzner", "Set HCLOUD_TOKEN"));
    let provider = Provider::accepting(&["t-123456"]);
    let sandbox = sandbox.env("HCLOUD_ENDPOINT", &provider.url);
    let sandbox = sandbox.env("HCLOUD_TOKEN", "wrong-token");
    let refused = check(&sandbox, "credentials");
    assert_eq!(refused.0, "problem", "{refused:?}");
    assert!(!refused.1.contains("wrong-token"), "{refused:?}");
    let sandbox = sandbox.env("HCLOUD_TOKEN", "t-123456");
    expect(&sandbox, "credentials", ("ok", "Hetzner", ""));
    provider.seen();
    sandbox.run("doctor --offline").ok();
    assert_eq!(provider.seen(), [""; 0], "--offline asks nobody");
}
