//! What somebody else did at the provider: it is seen, named and mended in one go, and what is theirs
//! stays theirs.

use std::sync::{Arc, Mutex};

use expect_test::expect;
use prov_test::Sandbox;
use serde_json::{Value, json};

use crate::cloud::{Asked, Cloud, Reply};
use crate::sandbox;

/// The second key reads the first one, so that it changes when that one does.
const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "first"
service = "hetzner-ssh-key"
name = "deploy"
params = { public_key = "ssh-ed25519 AAAA1", labels = { team = "web" } }

[[instances]]
ref = "second"
service = "hetzner-ssh-key"
name = "backup"
params = { public_key = "ssh-ed25519 AAAA2", labels = { team = "web", of = "@first.name" } }
"#;

type Keys = Arc<Mutex<Vec<Value>>>;

/// A provider of SSH keys.
fn cloud(keys: &Keys) -> Cloud {
    let keys = Arc::clone(keys);
    Cloud::new(move |asked: &Asked| {
        let mut keys = keys.lock().unwrap();
        let (method, url) = asked.line.split_once(' ').unwrap();
        let path = url.split('?').next().unwrap_or_default();
        let id: Option<usize> = path.strip_prefix("/ssh_keys/").and_then(|id| id.parse().ok());
        let sent: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let answer = match (method, id) {
            ("POST", _) if sent["public_key"] == "bad" => {
                let error = json!({ "code": "invalid_input", "message": "not a key" });
                return Reply::Json(422, json!({ "error": error }).to_string());
            }
            ("POST", _) => {
                let mut key = in_small_letters(sent);
                key["id"] = json!(keys.len());
                key["fingerprint"] = json!("aa:bb");
                keys.push(key.clone());
                json!({ "ssh_key": key })
            }
            ("PUT", Some(id)) => {
                for (field, value) in in_small_letters(sent).as_object().unwrap() {
                    keys[id][field] = value.clone();
                }
                json!({ "ssh_key": keys[id] })
            }
            (_, Some(id)) => json!({ "ssh_key": keys[id] }),
            _ => {
                let next = json!({ "pagination": { "next_page": null, "total_entries": 2 } });
                json!({ "ssh_keys": *keys, "meta": next })
            }
        };
        Reply::Json(200, answer.to_string())
    })
}

/// A request as this provider takes it: labels know no capitals.
fn in_small_letters(mut sent: Value) -> Value {
    for label in sent["labels"].as_object_mut().unwrap().values_mut() {
        *label = json!(label.as_str().unwrap().to_lowercase());
    }
    sent
}

fn project(cloud: &Cloud) -> Sandbox {
    let sandbox = sandbox().env("HCLOUD_TOKEN", &"t".repeat(64)).env("HCLOUD_ENDPOINT", &cloud.url);
    sandbox.file("prov.toml", CONFIG);
    sandbox.run("apply").ok();
    sandbox
}

#[test]
fn an_edit_is_mended_also_where_what_is_read_was_edited_too() {
    let keys = Keys::default();
    let cloud = cloud(&keys);
    let sandbox = project(&cloud);
    for key in keys.lock().unwrap().iter_mut() {
        key["labels"]["team"] = json!("api");
    }
    let plan = sandbox.run("plan --refresh");
    assert_eq!(plan.stdout.matches("params.labels").count(), 2, "{plan}");
    sandbox.run("apply --refresh").ok();
    let teams: Vec<Value> =
        keys.lock().unwrap().iter().map(|key| key["labels"]["team"].clone()).collect();
    assert_eq!(teams, ["web", "web"]);
    sandbox.run("check --refresh").ok();
}

#[test]
fn another_name_at_the_provider_is_seen_and_set_back() {
    let keys = Keys::default();
    let cloud = cloud(&keys);
    let sandbox = project(&cloud);
    keys.lock().unwrap()[1]["name"] = json!("renamed");
    let pull = sandbox.run("pull");
    assert!(pull.stdout.contains(r#"name: "backup" → "renamed""#), "{pull}");
    let plan = sandbox.run("plan --refresh");
    assert!(plan.stdout.contains(r#"name: "renamed" → "backup""#), "{plan}");
    sandbox.run("apply --refresh").ok();
    assert_eq!(keys.lock().unwrap()[1]["name"], "backup");
    sandbox.run("check --refresh").ok();
}

#[test]
fn what_a_provider_makes_of_a_value_is_said_at_once_and_secrets_are_not() {
    let keys = Keys::default();
    let cloud = cloud(&keys);
    let sandbox = project(&cloud).env("TOKEN", "HushHush");
    let config = CONFIG.replacen("\"web\"", "\"Web\", token = \"${env.TOKEN}\"", 1);
    sandbox.file("prov.toml", config);
    let apply = sandbox.run("apply").ok();
    let warning = apply.stderr.lines().find(|line| line.starts_with("warning"));
    expect![[r#"warning: `first` was given labels = {"team":"Web","token":"(sensitive)"}, and its provider shows {"team":"web","token":"(sensitive)"}: `prov plan --refresh` will want to change it. Declare it as it is shown, or look at what the provider takes."#]]
    .assert_eq(warning.unwrap_or_default());
    for command in ["plan --refresh", "pull", "apply --refresh", "plan --refresh --json"] {
        let output = sandbox.run(command);
        assert!(!format!("{output}").to_lowercase().contains("hushhush"), "{output}");
    }
}

#[test]
fn what_comes_to_stand_where_a_creation_was_refused_is_not_taken_over() {
    let keys = Keys::default();
    let cloud = cloud(&keys);
    let sandbox = project(&cloud);
    let config = |key: &str| {
        format!(
            "{CONFIG}\n[[instances]]\nref = \"third\"\nservice = \"hetzner-ssh-key\"\n\
             name = \"theirs\"\nparams = {{ public_key = \"{key}\" }}\n"
        )
    };
    sandbox.file("prov.toml", config("bad"));
    assert_eq!(sandbox.run("apply").status, 3);
    let theirs =
        json!({ "id": 2, "name": "theirs", "public_key": "ssh-ed25519 AAAA3", "labels": {} });
    keys.lock().unwrap().push(theirs.clone());
    sandbox.file("prov.toml", config("ssh-ed25519 AAAA4"));
    let apply = sandbox.run("apply");
    assert_eq!(apply.status, 1, "{apply}");
    assert!(format!("{apply}").contains("prov import"), "{apply}");
    assert_eq!(keys.lock().unwrap()[2..], [theirs]);
}

#[test]
fn a_list_that_cannot_be_had_does_not_hide_the_others() {
    let keys = Keys::default();
    let cloud = cloud(&keys);
    let sandbox = project(&cloud);
    keys.lock().unwrap().push(json!({ "id": 2, "name": "theirs", "labels": {} }));
    let is_list = |line: &&String| line.starts_with("GET /ssh_keys?");
    let before = cloud.lines().iter().filter(is_list).count();
    // Of servers, volumes and firewalls this provider knows nothing.
    let pull = sandbox.run("pull --discover");
    assert_eq!(cloud.lines().iter().filter(is_list).count(), before + 1, "one list, however many");
    assert_eq!(pull.status, 1, "{pull}");
    assert!(pull.stdout.contains("found    hetzner-ssh-key · theirs (2)"), "{pull}");
    assert!(pull.stdout.contains("error    hetzner-server: "), "{pull}");
}
