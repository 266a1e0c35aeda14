//! `prov auth`: what is stored is sealed, works, and is seen by nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prov_test::{Output, Sandbox};

use crate::provider::Provider;
use crate::sandbox;

const TOKEN: &str = "dop_v1_0123456789abcdef0123456789abcdef";
const OTHER: &str = "dop_v1_fedcba9876543210fedcba9876543210";
const FILE: &str = "home/.config/prov/credentials/digitalocean.json";

/// A provider with two secrets, and scopes that are shown. The project describes it.
const ACME: &str = r#"
name = "Acme"
base_url = "http://127.0.0.1:1"
base_url_env = ["ACME_URL"]

[[auth]]
secrets = { user = ["ACME_USER"], password = ["ACME_PASSWORD"] }
headers = { Authorization = "Basic {{ user }}:{{ password }}" }
help = "Create one at https://acme.example/keys; it never expires."

[[auth]]
secrets = { key = ["ACME_KEY"] }
headers = { Authorization = "Key {{ key }}" }

[verify]
request = "GET /me"
who = "{{ response.account.email }}"
scopes = "{{ headers['x-scopes'] }}"
needs = ["read", "write"]
"#;

const THING: &str = r#"
description = "A thing."
kind = "resource"
id = "{{ object.id }}"
[create]
request = "POST /things"
[read]
request = "GET /things/{{ id }}"
[delete]
request = "DELETE /things/{{ id }}"
[example]
name = "x"
object = { id = "1" }
"#;

fn digitalocean(provider: &Provider) -> Sandbox {
    sandbox().env("DIGITALOCEAN_API_URL", &provider.url).redact(&provider.url, "[URL]")
}

fn acme(provider: &Provider) -> Sandbox {
    let sandbox = sandbox().env("ACME_URL", &provider.url);
    sandbox.file("brokers/acme/provider.toml", ACME).file("brokers/acme/thing.toml", THING);
    sandbox
}

fn feed(sandbox: &Sandbox, line: &str, input: &str) -> Output {
    sandbox.feed(&line.split_whitespace().collect::<Vec<_>>(), input)
}

/// A text as it is, in hex, and in base64 at each of the three places it can begin at.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hex, secret.chars().rev().collect()];
    for shift in 0..3 {
        // What is left of the first and the last group depends on what is beside it.
        let text = STANDARD_NO_PAD.encode(format!("{}{secret}", "x".repeat(shift)));
        forms.push(text[4..text.len() - 4].to_owned());
    }
    forms
}

#[test]
fn a_credential_is_verified_sealed_and_used() {
    let provider = Provider::accepting(&[TOKEN]);
    let sandbox = digitalocean(&provider);
    let output = feed(&sandbox, "auth set digitalocean -vvv", &format!("{TOKEN}\n")).ok();
    assert_eq!(output.stdout, "Stored the credential for DigitalOcean: me@example.com.\n");
    assert!(!output.raw.contains(TOKEN), "{output}");
    assert_eq!(provider.seen().len(), 1);
    let files = sandbox.files();
    for form in forms(TOKEN) {
        assert_eq!(files.holding(&form), [""; 0], "{form}");
    }
    assert_eq!(files.mode(FILE), Some(0o600));
    assert_eq!(files.mode("home/.config/prov/credentials"), Some(0o700));

    let doctor = sandbox.run("doctor -vvv").ok();
    let line = "ok       credentials  DigitalOcean: me@example.com, from `prov auth`\n";
    assert!(doctor.stdout.contains(line), "{doctor}");
    assert!(!doctor.raw.contains(TOKEN), "{doctor}");
    let seen = provider.seen();
    assert!(seen[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")), "{seen:?}");
    for command in ["auth list", "auth list --verify", "auth list --json", "doctor --json"] {
        assert!(!sandbox.run(command).ok().raw.contains(TOKEN));
    }
    assert_eq!(sandbox.files().changes_since(&files), [""; 0], "looking changed a file");
}

#[test]
fn a_refused_credential_is_not_stored() {
    let provider = Provider::accepting(&[TOKEN]);
    let sandbox = digitalocean(&provider);
    let before = sandbox.files();
    let refused = feed(&sandbox, "auth set digitalocean -vvv", OTHER).exits(1);
    for words in ["Unable to authenticate you", "401", "Nothing was stored", "--no-verify"] {
        assert!(refused.stderr.contains(words), "{words}\n{refused}");
    }
    assert!(!refused.raw.contains(OTHER), "{refused}");
    assert_eq!(sandbox.files().changes_since(&before), [""; 0]);
    let refused = feed(&sandbox, "auth set digitalocean --json", OTHER).exits(1).json();
    assert_eq!(refused["diagnostics"][0]["code"], "refused");

    feed(&sandbox, "auth set digitalocean --no-verify", OTHER).ok();
    let doctor = sandbox.run("doctor").ok();
    assert!(doctor.stdout.contains("warning  credentials  DigitalOcean: GET"), "{doctor}");
    assert!(doctor.stdout.contains("`prov auth set digitalocean`"), "{doctor}");
    let listed = sandbox.run("auth list --verify").exits(1);
    assert!(listed.stdout.contains("Unable to authenticate you"), "{listed}");
}

#[test]
fn a_provider_that_cannot_be_asked_verifies_nothing() {
    let sandbox = sandbox().env("DIGITALOCEAN_API_URL", "http://127.0.0.1:1");
    let failed = feed(&sandbox, "auth set digitalocean", TOKEN).exits(1);
    assert!(failed.stderr.contains("no connection to 127.0.0.1"), "{failed}");
    assert!(
        !sandbox
            .files()
            .changes_since(&crate::sandbox().files())
            .iter()
            .any(|c| c.contains("auth"))
    );
    feed(&sandbox, "auth set digitalocean --no-verify", TOKEN).ok();
    sandbox.run("doctor --offline").ok();
}

#[test]
fn a_value_is_no_argument_and_has_to_be_one_line() {
    let sandbox = sandbox();
    sandbox.args(&["auth", "set", "digitalocean", TOKEN]).exits(64);
    for (input, words) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("one\ntwo\n", "more lines than there are secrets"),
        ("a\u{1b}[31mb\n", "control character"),
    ] {
        let refused = feed(&sandbox, "auth set digitalocean --no-verify", input).exits(1);
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let unknown = feed(&sandbox, "auth set digitalocaen", TOKEN).exits(1);
    assert!(unknown.stderr.contains("Did you mean `digitalocean`?"), "{unknown}");
    let unknown = feed(&sandbox, "auth set digitalocean --secret tokne", TOKEN).exits(1);
    assert!(unknown.stderr.contains("It takes: token."), "{unknown}");
}

#[test]
fn a_rotated_credential_takes_the_place_of_the_old_one() {
    let provider = Provider::accepting(&[TOKEN]);
    let sandbox = digitalocean(&provider);
    let nothing = feed(&sandbox, "auth rotate digitalocean", TOKEN).exits(1);
    assert!(nothing.stderr.contains("`prov auth set digitalocean`"), "{nothing}");
    feed(&sandbox, "auth set digitalocean", TOKEN).ok();
    let before = sandbox.files();
    feed(&sandbox, "auth rotate digitalocean", TOKEN).exits(1);
    feed(&sandbox, "auth rotate digitalocean", OTHER).exits(1);
    assert_eq!(sandbox.files().changes_since(&before), [""; 0], "the old one stays");
    sandbox.run("auth list --verify").ok();

    provider.accept(&[TOKEN, OTHER]);
    let rotated = feed(&sandbox, "auth rotate digitalocean", OTHER).ok();
    let place = "https://cloud.digitalocean.com/account/api/tokens";
    assert!(rotated.stdout.contains(&format!("until you revoke it: {place}\n")), "{rotated}");
    provider.accept(&[OTHER]);
    sandbox.run("auth list --verify").ok();
    assert_eq!(sandbox.files().changes_since(&before), [format!("changed {FILE}")]);
    let again = feed(&sandbox, "auth rotate digitalocean --no-verify --json", TOKEN).ok().json();
    assert_eq!(again["provider"], "digitalocean");
    assert_eq!(again["revoke_at"], place);
    assert_eq!(again["verified"], serde_json::Value::Null);
}

#[test]
fn a_removed_credential_is_gone() {
    let provider = Provider::accepting(&[TOKEN]);
    let sandbox = digitalocean(&provider);
    feed(&sandbox, "auth set digitalocean", TOKEN).ok();
    let listed = sandbox.run("auth list").ok();
    assert!(listed.stdout.contains("DigitalOcean  stored on 20"), "{listed}");
    let removed = sandbox.run("auth remove digitalocean").ok();
    assert!(removed.stdout.contains("Forgot the credential for DigitalOcean."), "{removed}");
    assert_eq!(sandbox.files().mode(FILE), None);
    let listed = sandbox.run("auth list").ok();
    assert!(listed.stdout.contains("DigitalOcean  none"), "{listed}");
    sandbox.run("auth remove digitalocean").exits(1);
    let unknown = sandbox.run("auth remove digitalocaen").exits(1);
    assert!(unknown.stderr.contains("Did you mean `digitalocean`?"), "{unknown}");
}

/// What is verified is what is stored, and not what a variable holds.
#[test]
fn a_variable_wins_over_what_is_stored() {
    let provider = Provider::accepting(&[TOKEN, OTHER]);
    let sandbox = digitalocean(&provider).env("DIGITALOCEAN_ACCESS_TOKEN", OTHER);
    let stored = feed(&sandbox, "auth set digitalocean", TOKEN).ok();
    assert!(stored.stderr.contains("DIGITALOCEAN_ACCESS_TOKEN"), "{stored}");
    assert!(provider.seen()[0].contains(TOKEN));
    let listed = sandbox.run("auth list").ok();
    assert!(listed.stdout.contains("from DIGITALOCEAN_ACCESS_TOKEN (one stored on "), "{listed}");
    let doctor = sandbox.run("doctor").ok();
    assert!(doctor.stdout.contains("from DIGITALOCEAN_ACCESS_TOKEN\n"), "{doctor}");
    assert!(provider.seen()[0].contains(OTHER));
    sandbox.run("auth remove digitalocean").ok();
    let none = sandbox.run("auth remove digitalocean").exits(1);
    assert!(none.stderr.contains("comes from DIGITALOCEAN_ACCESS_TOKEN"), "{none}");
    assert!(!sandbox.run("auth list -vv").raw.contains(OTHER));
}

#[test]
fn a_lost_identity_is_named_and_the_credential_can_be_stored_anew() {
    let provider = Provider::accepting(&[TOKEN]);
    let sandbox = digitalocean(&provider).unredacted();
    feed(&sandbox, "auth set digitalocean", TOKEN).ok();
    let identity = sandbox.home().join(".config/prov/identity.txt");
    let text = std::fs::read_to_string(&identity).unwrap();
    let key = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let elsewhere = sandbox.home().join("elsewhere.txt");
    std::fs::rename(&identity, &elsewhere).unwrap();

    let doctor = sandbox.run("doctor").exits(1);
    let shown = identity.display().to_string();
    for words in [&format!("there is none at {shown}"), key, "`prov auth set digitalocean`"] {
        assert!(doctor.stdout.contains(words), "{words}\n{doctor}");
    }
    assert!(sandbox.run("auth list").ok().stdout.contains(key));
    assert!(!identity.exists(), "looking makes no identity");
    assert_eq!(provider.seen().len(), 1);
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &elsewhere.display().to_string());
    sandbox.run("auth list --verify").ok();
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &shown);
    sandbox.run("auth list --verify").exits(1);
    std::fs::remove_file(&elsewhere).unwrap();
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", "");
    feed(&sandbox, "auth set digitalocean", TOKEN).exits(1);
}

#[test]
fn several_secrets_are_given_a_line_each() {
    let provider = Provider::accepting(&["ada:s3cret-word", "k-123456"]);
    provider.add_header("X-Scopes: read, write");
    let sandbox = acme(&provider);
    feed(&sandbox, "auth set acme", "ada\n").exits(1);
    let stored = feed(&sandbox, "auth set acme", "ada\ns3cret-word\n").ok();
    assert_eq!(
        stored.stdout,
        "Stored the credential for Acme: me@example.com.\nIt may: read, write.\n"
    );
    sandbox.run("auth list --verify").ok();
    feed(&sandbox, "auth rotate acme --secret password", "another\n").exits(1);
    provider.accept(&["ada:another"]);
    feed(&sandbox, "auth rotate acme --secret password", "another\n").ok();
    sandbox.run("auth list --verify").ok();

    sandbox.run("auth remove acme").ok();
    let half = feed(&sandbox, "auth set acme --secret password", "another\n").ok();
    assert!(half.stderr.contains("`prov auth set acme --secret user`"), "{half}");
    assert!(sandbox.run("auth list").ok().stdout.contains("but not all it takes"));
    feed(&sandbox, "auth set acme --secret user", "ada\n").ok();
    sandbox.run("auth list --verify").ok();
    provider.accept(&["k-123456"]);
    let mixed = feed(&sandbox, "auth set acme --secret user --secret key", "a\nb\n").exits(1);
    assert!(mixed.stderr.contains("either, not all of them"), "{mixed}");
    feed(&sandbox, "auth set acme --secret key", "k-123456\n").ok();
}

#[test]
fn a_missing_scope_is_named() {
    let provider = Provider::accepting(&["k-123456"]);
    provider.add_header("X-Scopes: read");
    let sandbox = acme(&provider);
    let stored = feed(&sandbox, "auth set acme --secret key", "k-123456").ok();
    assert!(stored.stdout.contains("It may: read.\nIt may not: write.\n"), "{stored}");
    let doctor = sandbox.run("doctor").ok();
    assert!(doctor.stdout.contains("warning  credentials  Acme: me@example.com"), "{doctor}");
    assert!(doctor.stdout.contains("lacks the scopes: write\n"), "{doctor}");
    let listed = sandbox.run("auth list --verify --json").ok().json();
    let acme = listed["providers"].as_array().unwrap();
    let acme = acme.iter().find(|provider| provider["provider"] == "acme").unwrap();
    assert_eq!(acme["verified"]["missing"], serde_json::json!(["write"]));
    assert_eq!(acme["secrets"][0]["source"], "stored");
}

/// A manifest that is gone leaves its credential, which can still be forgotten.
#[test]
fn a_credential_nobody_knows_is_listed_and_can_be_removed() {
    let provider = Provider::accepting(&["k-123456"]);
    let sandbox = acme(&provider);
    feed(&sandbox, "auth set acme --secret key", "k-123456").ok();
    std::fs::remove_dir_all(sandbox.root().join("brokers")).unwrap();
    let listed = sandbox.run("auth list").ok();
    assert!(listed.stdout.contains("no manifest describes it"), "{listed}");
    sandbox.run("auth remove acme").ok();
    assert!(!sandbox.run("auth list").ok().stdout.contains("acme"));
}
