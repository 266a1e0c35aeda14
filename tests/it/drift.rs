//! What somebody changed at the provider: it is seen, named, and mended in one go.

use std::sync::{Arc, Mutex};

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
            ("POST", _) => {
                let mut key = sent;
                key["id"] = json!(keys.len());
                key["fingerprint"] = json!("aa:bb");
                keys.push(key.clone());
                json!({ "ssh_key": key })
            }
            ("PUT", Some(id)) => {
                for (field, value) in sent.as_object().unwrap() {
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
