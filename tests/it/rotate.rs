//! `prov secret rotate`: who could open what is sealed, and who can.

use std::collections::BTreeSet;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prov_test::Sandbox;
use serde_json::Value;

use crate::sandbox;

/// A secret and what is made of it.
const CONFIG: &str = r#"
[[instances]]
ref = "key"
service = "local-secret"
name = "key"
params = { length = 24 }
bind = { value = "KEY" }

[[instances]]
ref = "url"
service = "local-value"
name = "url"
params = { url = "https://${key.value}@host" }
"#;

struct Person {
    key: String,
    recipient: String,
}

impl Person {
    fn new() -> Self {
        let identity = Identity::generate();
        let key = identity.to_string().expose_secret().to_owned();
        Self { key, recipient: identity.to_public().to_string() }
    }

    /// What of a journal or log this person can open.
    fn opens(&self, text: &str) -> usize {
        let identity: Identity = self.key.parse().unwrap();
        let open =
            |sealed: &String| age::decrypt(&identity, &STANDARD.decode(sealed).unwrap()).is_ok();
        sealed(text).iter().filter(|sealed| open(sealed)).count()
    }
}

/// Everything that begins as an age file in base64 does.
fn sealed(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    let start = STANDARD.encode("age-encryption.org/v1");
    words.filter(|word| word.starts_with(&start[..27])).map(str::to_owned).collect()
}

fn config(recipients: &[&Person], more: &str) -> String {
    let names: Vec<&str> = recipients.iter().map(|person| person.recipient.as_str()).collect();
    format!("recipients = {names:?}\n{CONFIG}{more}")
}

fn journal(sandbox: &Sandbox) -> String {
    sandbox.read(".prov/default.journal.json")
}

/// The ids that stand for what is sealed.
fn ids(journal: &str) -> Vec<String> {
    fn gather(value: &Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(map) if map.contains_key("sealed") => ids.push(map["id"].to_string()),
            Value::Object(map) => map.values().for_each(|value| gather(value, ids)),
            Value::Array(items) => items.iter().for_each(|value| gather(value, ids)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    gather(&serde_json::from_str(journal).unwrap(), &mut found);
    found
}

#[test]
fn whoever_left_opens_nothing_and_nothing_else_changes() {
    let (old, new) = (Person::new(), Person::new());
    let sandbox = sandbox().env("PROV_AGE_IDENTITY", &old.key);
    sandbox.file("prov.toml", config(&[&old], ""));
    sandbox.run("apply").ok();
    let before = journal(&sandbox);
    assert_eq!((old.opens(&before), new.opens(&before)), (2, 0));

    sandbox.file("prov.toml", config(&[&old, &new], ""));
    sandbox.run("plan --out saved.plan").ok();
    sandbox.run("secret rotate").ok();
    let both = journal(&sandbox);
    assert_eq!((old.opens(&both), new.opens(&both)), (2, 2));
    assert_eq!(ids(&before), ids(&both));
    assert!(sandbox.run("plan").ok().stdout.contains("No changes"));
    sandbox.run("apply saved.plan").exits(12);

    sandbox.file("prov.toml", config(&[&new], ""));
    // Whoever leaves has to mean it.
    let refused = sandbox.run("secret rotate").exits(5);
    assert!(refused.raw.contains(&old.recipient), "{refused}");
    assert_eq!(journal(&sandbox), both);
    sandbox.run("secret rotate --force").ok();
    let after = journal(&sandbox);
    assert_eq!((old.opens(&after), new.opens(&after)), (0, 2));
    assert_eq!(sandbox.run("secret rotate --force").status, 1);
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &new.key);
    assert!(sandbox.run("plan").ok().stdout.contains("No changes"));
    sandbox.run("output key.value --show-sensitive").ok();
    for (name, bytes) in sandbox.files().contents() {
        assert_eq!(old.opens(&String::from_utf8_lossy(bytes)), 0, "{name}");
    }
}

/// The log of a run that was cut off holds sealed values too.
#[test]
fn a_log_is_folded_in_and_sealed_anew() {
    let (old, new) = (Person::new(), Person::new());
    let sandbox = sandbox().env("PROV_AGE_IDENTITY", &old.key);
    let killer = "\n[[instances]]\nref = 'tool'\nservice = 'local-exec'\nname = 'tool'\n\
                  [instances.params]\ncreate = ['sh', '-c', 'cat > /dev/null; kill -9 $PPID']\n\
                  find = ['echo', 'null']\ndelete = ['true']\ninput = '@url.url'\n";
    sandbox.file("prov.toml", config(&[&old], killer));
    assert_eq!(sandbox.run("apply").status, 128 + 9);
    assert!(old.opens(&sandbox.read(".prov/default.log.jsonl")) > 0);

    sandbox.file("prov.toml", config(&[&new], killer));
    sandbox.run("secret rotate --force").ok();
    let after = journal(&sandbox);
    assert_eq!((old.opens(&after), new.opens(&after)), (0, 2));
    assert!(!sandbox.has(".prov/default.log.jsonl"), "the log is folded in");
    for (name, bytes) in sandbox.files().contents() {
        assert_eq!(old.opens(&String::from_utf8_lossy(bytes)), 0, "{name}");
    }
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &new.key);
    sandbox.file("prov.toml", config(&[&new], &killer.replace("kill -9 $PPID", "echo {}")));
    sandbox.run("apply").ok();
    assert!(sandbox.run("plan").ok().stdout.contains("No changes"));
}

#[test]
fn stored_credentials_go_to_the_first_identity() {
    let (old, new) = (Person::new(), Person::new());
    let first = sandbox().env("PROV_AGE_IDENTITY", &old.key);
    first.feed(&["auth", "set", "vultr", "--no-verify"], "vultr-5ecret").ok();
    let path = first.home().join(".config/prov/credentials/vultr.json");
    let before: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let both = first.home().join("both.txt");
    std::fs::write(&both, format!("{}\n{}\n", new.key, old.key)).unwrap();
    let sandbox = first.env("PROV_AGE_IDENTITY", &both.display().to_string());
    let done = sandbox.run("secret rotate --credentials --json").ok().json();
    assert_eq!(done["credentials"], 1, "{done:#}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((old.opens(&text), new.opens(&text)), (0, 1));
    let after: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&before["stored_at"], &after["recipient"]),
        (&after["stored_at"], &Value::from(new.recipient))
    );
}
