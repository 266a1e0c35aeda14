//! Every example runs: it applies, is clean afterwards, and goes again. Those at providers are planned.

use prov_test::{Sandbox, files};
use serde_json::{Map, Value, json};

use crate::cloud::{Asked, Cloud, Reply};
use crate::{sandbox, workspace};

/// A copy of an example.
fn example(name: &str) -> Sandbox {
    example_in(name, sandbox())
}

fn example_in(name: &str, sandbox: Sandbox) -> Sandbox {
    files::copy(&workspace().join("examples").join(name), &sandbox.root());
    sandbox
}

/// The life of an example in one stage; `given` comes before each command.
fn live(sandbox: &Sandbox, given: &str) {
    let prov = |command: &str| sandbox.sh(&format!("{given} {command}"));
    prov("prov validate").ok();
    prov("prov check").exits(2);
    prov("prov apply").ok();
    prov("prov check").ok();
    prov("prov pull").ok();
    prov("prov generate").ok();
    prov("prov migrate").ok();
    prov("prov check").ok();
    prov("prov teardown --yes --force").ok();
    assert_eq!(prov("prov state list").ok().stdout, "");
}

#[test]
fn quickstart() {
    let sandbox = example("quickstart");
    sandbox.run("apply").ok();
    sandbox.run("apply --stage prod").ok();
    for stage in ["default", "prod"] {
        let config = sandbox.read(format!("data/{stage}/config.toml"));
        assert!(config.contains(&format!("database = \"data/{stage}/app.db\"")), "{config}");
        assert!(!config.contains("${"), "{config}");
    }
    assert_ne!(sandbox.read(".env"), sandbox.read(".env.prod"));
    live(&example("quickstart"), "");
}

#[test]
fn stages() {
    let sandbox = example("stages");
    live(&sandbox, "PROV_STAGE=staging");
    live(&sandbox, "PROV_STAGE=prod");
}

#[test]
fn from_stdin() {
    let sandbox = example("from-stdin");
    let prov = |command: &str| sandbox.sh(&format!("sh generate.sh a b | prov -c - {command}"));
    prov("apply").ok();
    prov("check").ok();
    assert!(sandbox.has("data/a.db") && sandbox.has("data/b.db"));
}

#[test]
fn exec() {
    live(&example("exec"), "");
}

/// An example whose services are at providers: planned, which asks nobody, and not applied.
fn planned(name: &str, steps: usize) {
    let sandbox = example(name);
    sandbox.run("validate").ok();
    let plan = sandbox.run("plan --json").ok().json();
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(steps), "{name}");
    sandbox.run("check").exits(2);
    let refused = sandbox.run("apply").exits(1);
    assert!(refused.stderr.contains("There is no credential for "), "{}", refused.stderr);
    assert_eq!(sandbox.run("state list").ok().stdout, "", "{name}");
}

#[test]
fn at_providers() {
    planned("cloudflare", 11);
    planned("vercel", 5);
    planned("digitalocean", 7);
    planned("full-stack", 8);
}

#[test]
fn every_example_is_run() {
    let text = std::fs::read_to_string(workspace().join("tests/it/examples.rs")).unwrap();
    for entry in std::fs::read_dir(workspace().join("examples")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !entry.path().is_dir() {
            continue;
        }
        let is_run = ["example", "example_in", "planned"]
            .iter()
            .any(|verb| text.contains(&format!("{verb}(\"{name}\"")));
        assert!(is_run, "examples/{name} is not run");
    }
}

/// The provider of `own-broker`: it keeps boxes.
fn acme() -> Cloud {
    let mut boxes: Map<String, Value> = Map::new();
    Cloud::new(move |asked: &Asked| {
        let (method, path) = asked.line.split_once(' ').unwrap();
        let id = path.strip_prefix("/v1/boxes/").unwrap_or_default().to_owned();
        let sent: Map<String, Value> = serde_json::from_str(&asked.body).unwrap_or_default();
        if path == "/v1/boxes" && method == "GET" {
            let all: Vec<&Value> = boxes.values().collect();
            return Reply::Json(200, json!({ "boxes": all }).to_string());
        }
        if path == "/v1/boxes" {
            let id = format!("b-{}", boxes.len() + 1);
            let mut made = sent;
            made.insert("id".to_owned(), json!(id));
            made.insert("url".to_owned(), json!(format!("https://{id}.acme.example")));
            boxes.insert(id.clone(), Value::Object(made));
            return Reply::Json(201, json!({ "box": boxes[&id] }).to_string());
        }
        let Some(Value::Object(known)) = boxes.get_mut(&id) else {
            return Reply::Json(404, json!({ "message": "no such box" }).to_string());
        };
        known.extend(sent);
        let answer = json!({ "box": known }).to_string();
        if method == "DELETE" {
            boxes.remove(&id);
        }
        Reply::Json(200, answer)
    })
}

#[test]
fn own_broker() {
    let acme = acme();
    let sandbox = sandbox().env("ACME_TOKEN", "acme-123456").env("ACME_API_URL", &acme.url);
    let sandbox = example_in("own-broker", sandbox);
    sandbox.run("broker new --openapi acme.yaml --path /v1/boxes").ok();
    let tried = sandbox.run("broker test acme-box --yes").ok();
    assert_eq!(tried.stdout.matches("ok ").count(), 6, "{tried}");
    sandbox.run("apply").ok();
    assert!(sandbox.read(".env").contains("https://b-1.acme.example"));
    sandbox.run("check --refresh").ok();
    let config = sandbox.read("prov.toml").replace("blue", "red");
    sandbox.file("prov.toml", config);
    sandbox.run("apply").ok();
    assert!(acme.lines().contains(&"PATCH /v1/boxes/b-1".to_owned()));
    sandbox.run("teardown --yes").ok();
    assert!(sandbox.run("pull --discover").ok().stdout.contains("Nothing else was found"));
}
