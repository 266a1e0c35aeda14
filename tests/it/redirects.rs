//! Instances that write into one list of their provider: each takes its place, and nobody else's.

use std::sync::{Arc, Mutex};

use brokers::catalog;
use brokers::http::RealTimer;
use brokers::local::Settings;
use brokers::manifest;
use brokers::rest::{RestBroker, Surroundings};
use provision::broker::{Address, Broker as _, KnownIds, ProvisionRequest};
use provision::diagnostic::{Diagnostics, Sources};
use provision::name::Name;
use provision::value::Resolved;
use serde_json::{Map, Value, json};

use crate::cloud::{Asked, Cloud, Reply};
use crate::sandbox;

const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "apex"
service = "cloudflare-www-redirect"
name = "example.com"

[[instances]]
ref = "shop"
service = "cloudflare-www-redirect"
name = "shop.example.com"
params = { zone = "example.com" }
"#;

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";

const OURS: [&str; 2] =
    [r#"(http.host eq "www.example.com")"#, r#"(http.host eq "www.shop.example.com")"#];

/// The rules of a zone; none before the first one is written.
type Rules = Arc<Mutex<Option<Vec<Value>>>>;

fn cloud(rules: &Rules) -> Cloud {
    let rules = Arc::clone(rules);
    Cloud::new(move |asked: &Asked| {
        let mut rules = rules.lock().unwrap();
        let (method, url) = asked.line.split_once(' ').unwrap();
        let path = url.split('?').next().unwrap_or_default();
        let sent: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let numbered = |mut rule: Value, number: usize| {
            rule["id"] = json!(format!("rule-{number}"));
            rule
        };
        match (method, path) {
            (_, path) if !path.contains("/rulesets/") => {
                let zone = json!({ "id": "z", "name": "example.com" });
                return Reply::Json(200, json!({ "success": true, "result": [zone] }).to_string());
            }
            ("POST", "/zones/z/rulesets/set/rules") => {
                let all = rules.get_or_insert_default();
                all.push(numbered(sent, all.len()));
            }
            ("PUT", _) => {
                let all = sent["rules"].as_array().unwrap();
                let all = all.iter().enumerate().map(|(at, rule)| numbered(rule.clone(), at));
                *rules = Some(all.collect());
            }
            ("DELETE", path) => {
                let id = path.rsplit('/').next().unwrap_or_default();
                rules.get_or_insert_default().retain(|rule| rule["id"] != id);
            }
            _ => {}
        }
        match &*rules {
            Some(rules) => {
                let result = json!({ "id": "set", "rules": rules });
                Reply::Json(200, json!({ "success": true, "result": result }).to_string())
            }
            None => {
                let error =
                    json!({ "code": 10003, "message": "could not find entrypoint ruleset" });
                let body = json!({ "success": false, "errors": [error], "result": null });
                Reply::Json(404, body.to_string())
            }
        }
    })
}

fn hosts(rules: &Rules) -> Vec<String> {
    let rules = rules.lock().unwrap();
    let mut hosts: Vec<String> = rules
        .iter()
        .flatten()
        .map(|rule| rule["expression"].as_str().unwrap().to_owned())
        .collect();
    hosts.sort();
    hosts
}

#[test]
fn two_that_begin_one_list_stand_in_it_both_and_leave_what_is_not_theirs() {
    let rules = Rules::default();
    let cloud = cloud(&rules);
    let sandbox = sandbox()
        .env("CLOUDFLARE_API_TOKEN", &"t".repeat(40))
        .env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
        .env("CLOUDFLARE_API_BASE_URL", &cloud.url);
    sandbox.file("prov.toml", CONFIG);
    sandbox.run("apply").ok();
    assert_eq!(hosts(&rules), OURS);
    let theirs = json!({ "id": "theirs", "expression": "true", "description": "theirs" });
    rules.lock().unwrap().get_or_insert_default().push(theirs);
    sandbox.run("check --refresh").ok();
    sandbox.run("teardown --yes").ok();
    assert_eq!(hosts(&rules), ["true"]);
}

/// The broker of the provider that `cloud` plays.
fn broker(cloud: &Cloud) -> RestBroker {
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let mut manifests = manifest::load(catalog::built_in(), &mut sources, &mut problems);
    manifests.retain(|manifest| manifest.service.id == "cloudflare-www-redirect");
    let url = cloud.url.clone();
    let env = move |name: &str| match name {
        "CLOUDFLARE_API_TOKEN" => Some("t".repeat(40)),
        "CLOUDFLARE_ACCOUNT_ID" => Some(ACCOUNT.to_owned()),
        "CLOUDFLARE_API_BASE_URL" => Some(url.clone()),
        _ => None,
    };
    let around = Surroundings {
        settings: Settings { root: std::env::temp_dir(), allow_outside: false },
        env: Arc::new(env),
        stored: Arc::new(|_, _| Ok(None)),
        timer: Arc::new(RealTimer::default()),
        accounts: Default::default(),
    };
    RestBroker::new(Arc::clone(&manifests[0].provider), manifests, around)
}

#[test]
fn two_that_begin_one_list_at_once_take_turns() {
    let rules = Rules::default();
    let cloud = cloud(&rules);
    let broker = broker(&cloud);
    let request = |name: &str| ProvisionRequest {
        address: Address {
            project: Name::from("shop"),
            stage: Name::from("test"),
            reference: Name::from(name),
            service: Name::from("cloudflare-www-redirect"),
            name: Name::from(name),
        },
        plan: None,
        params: Resolved(Map::from_iter([("zone".to_owned(), json!("example.com"))])),
        idempotency_key: name.to_owned(),
        known: KnownIds::default(),
        is_unsure: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (one, other) = (request("example.com"), request("shop.example.com"));
        let made = futures_util::join!(broker.provision(&one), broker.provision(&other));
        made.0.unwrap();
        made.1.unwrap();
    });
    assert_eq!(hosts(&rules), OURS);
}
