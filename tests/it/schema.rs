//! The JSON Schema of the config: valid itself, true of every config that works, and of no other.

use jsonschema::Validator;
use prov_test::files::below;
use serde_json::{Value, json};

use crate::{sandbox, workspace};

fn schema() -> Validator {
    let schema = sandbox().run("schema").ok().json();
    assert!(jsonschema::meta::is_valid(&schema), "the schema is no JSON Schema");
    jsonschema::validator_for(&schema).unwrap()
}

/// What the schema has against a config.
fn complaints(schema: &Validator, config: &Value) -> Vec<String> {
    schema.iter_errors(config).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn read(name: &str, text: &str) -> Value {
    match name.rsplit('.').next() {
        Some("toml") => toml::from_str(text).unwrap(),
        Some("yaml" | "yml") => serde_saphyr::from_str(text).unwrap(),
        _ => serde_json::from_str(text).unwrap(),
    }
}

#[test]
fn every_config_that_init_writes_is_valid() {
    let schema = schema();
    for format in ["toml", "yaml", "json"] {
        let sandbox = sandbox();
        sandbox.run(&format!("init --format {format}")).ok();
        sandbox.run("validate").ok();
        let name = format!("prov.{format}");
        let config = read(&name, &sandbox.read(&name));
        assert_eq!(complaints(&schema, &config), [""; 0], "{name}");
        let written = sandbox.read(".prov/config.schema.json");
        // What a program prints is cleaned of times and ids, which descriptions hold too.
        let written = prov_test::Redactions::default().apply(&written);
        assert_eq!(read("x.json", &written), sandbox.run("schema").ok().json());
    }
}

#[test]
fn every_example_is_valid() {
    let schema = schema();
    let mut count = 0;
    for path in below(&workspace().join("examples")) {
        let name = path.display().to_string();
        if !["toml", "yaml", "json"].iter().any(|end| name.ends_with(&format!(".{end}"))) {
            continue;
        }
        let config = read(&name, &std::fs::read_to_string(&path).unwrap());
        // Its service is described by a manifest that its own README makes.
        if config.get("instances").is_some() && !name.contains("own-broker") {
            count += 1;
            assert_eq!(complaints(&schema, &config), [""; 0], "{name}");
        }
    }
    assert!(count >= 3, "only {count} examples were seen");
}

/// An instance with these fields beside a ref and a name.
fn config(service: &str, fields: &Value) -> Value {
    let mut instance = json!({ "ref": "a", "service": service, "name": "a" });
    let all = instance.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    json!({ "instances": [instance] })
}

/// The schema and `prov validate` are of one opinion.
#[test]
fn the_schema_accepts_what_prov_accepts() {
    let schema = schema();
    for (service, fields) in [
        ("local-value", json!({ "params": { "any": [1, { "thing": null }] }, "plan": "any" })),
        ("local-secret", json!({ "params": { "length": 8, "alphabet": "hex" } })),
        ("local-secret", json!({ "params": { "length": "${var.n}" } })),
        ("local-file", json!({ "params": { "path": "x", "content": "y", "mode": "0600" } })),
        ("local-bucket", json!({ "params": { "path": "x", "force_destroy": true } })),
        ("local-sqlite", json!({ "params": { "path": "x", "migrations": "m" } })),
        ("local-exec", json!({ "params": { "create": ["a"], "delete": ["b"], "input": {} } })),
        ("local-value", json!({ "adopt": true, "protected": false, "on_remove": "retain" })),
    ] {
        let mut config = config(service, &fields);
        config["vars"] = json!({ "n": 9 });
        assert_eq!(complaints(&schema, &config), [""; 0], "{config:#}");
        let sandbox = sandbox();
        sandbox.file("m/0001.sql", "SELECT 1;");
        sandbox.feed(&["validate", "-c", "-"], &config.to_string()).ok();
    }
}

#[test]
fn the_schema_refuses_what_prov_refuses() {
    let schema = schema();
    let refused = [
        json!({ "projekt": "x" }),
        json!({ "instances": "none" }),
        json!({ "instances": [{ "service": "local-value", "name": "a" }] }),
        json!({ "sink": { "kind": "kafka" } }),
        json!({ "stages": { "prod": { "nmae": "x" } } }),
        config("local-valeu", &json!({})),
        config("local-value", &json!({ "parms": {} })),
        config("local-value", &json!({ "on_remove": "explode" })),
        config("local-value", &json!({ "ref": "a b" })),
        config("local-secret", &json!({ "params": { "lenght": 9 } })),
        config("local-secret", &json!({ "params": { "length": 4 } })),
        config("local-secret", &json!({ "params": { "alphabet": "klingon" } })),
        config("local-file", &json!({ "params": { "path": "x" } })),
        config("local-file", &json!({ "params": { "path": "x", "content": 1 } })),
        config("local-file", &json!({ "params": { "path": "x", "content": "", "mode": "rw" } })),
        config("local-bucket", &json!({ "plan": "gold", "params": { "path": "x" } })),
        config("local-exec", &json!({ "params": { "create": "sh", "delete": ["b"] } })),
    ];
    for config in refused {
        assert!(!schema.is_valid(&config), "the schema accepts {config:#}");
        sandbox().feed(&["validate", "-c", "-"], &config.to_string()).exits(1);
    }
}

#[test]
fn the_schema_requires_params_where_prov_does() {
    let config = config("local-bucket", &json!({}));
    sandbox().feed(&["validate", "-c", "-"], &config.to_string()).exits(1);
    assert!(!schema().is_valid(&config), "the schema accepts {config:#}");
}

#[test]
fn every_manifest_is_valid() {
    let schema = sandbox().run("schema --manifest").ok().json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut count = 0;
    for path in below(&workspace().join("brokers/catalog")) {
        let name = path.display().to_string();
        if !name.ends_with(".toml") || name.ends_with("lint.toml") {
            continue;
        }
        let manifest = read(&name, &std::fs::read_to_string(&path).unwrap());
        assert_eq!(complaints(&schema, &manifest), [""; 0], "{name}");
        count += 1;
    }
    assert!(count > 50, "{count} manifests");
}
