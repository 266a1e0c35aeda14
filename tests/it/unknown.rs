//! Creations of which nobody knows how they ended, at a service that cannot look: the run does the rest
//! and names two ways on, and both work.

use std::fmt::Write as _;

use prov_test::{Sandbox, golden};
use serde_json::json;

use crate::cloud::{Cloud, Reply};
use crate::{here, sandbox};

const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "token"
service = "turso-token"
name = "shop-app"
params = { database = "shop" }
bind = { token = "TURSO_TOKEN" }

[[instances]]
ref = "user"
service = "local-value"
name = "user"
params = { token = "@token.token" }

[[instances]]
ref = "notes"
service = "local-file"
name = "notes"
params = { path = "notes.txt", content = "Unharmed.\n" }
"#;

/// A database that mints tokens; the first one never arrives.
fn turso() -> Cloud {
    let mut minted = 0;
    Cloud::new(move |asked| {
        if asked.line.starts_with("POST") {
            minted += 1;
            if minted == 1 {
                return Reply::Lost;
            }
            return Reply::Json(
                200,
                json!({ "jwt": format!("token-number-{minted}") }).to_string(),
            );
        }
        let answer = match asked.line.contains("/databases/") {
            true => json!({ "database": { "Name": "shop", "Hostname": "shop-acme.turso.io" } }),
            false => json!({ "exp": -1 }),
        };
        Reply::Json(200, answer.to_string())
    })
}

/// A project whose token was asked for, and the answer never came.
fn interrupted(cloud: &Cloud) -> Sandbox {
    let sandbox = sandbox()
        .env("TURSO_API_TOKEN", "turso-secret")
        .env("TURSO_ORGANIZATION", "acme")
        .env("TURSO_API_URL", &cloud.url);
    sandbox.file("prov.toml", CONFIG);
    sandbox
}

fn minted(cloud: &Cloud) -> usize {
    cloud.lines().iter().filter(|line| line.starts_with("POST")).count()
}

#[test]
fn the_rest_is_done_and_both_ways_lead_on() {
    let mut transcript = String::new();
    let mut tell = |sandbox: &Sandbox, arguments: &str, status: i32| {
        let output = sandbox.run(arguments);
        writeln!(transcript, "{output}").unwrap();
        assert_eq!(output.status, status, "{output}");
    };
    let cloud = turso();
    let sandbox = interrupted(&cloud);
    tell(&sandbox, "brokers turso", 0);
    tell(&sandbox, "plan", 0);
    tell(&sandbox, "apply", 3);
    assert_eq!(sandbox.read("notes.txt"), "Unharmed.\n");
    tell(&sandbox, "apply", 3);
    assert_eq!(minted(&cloud), 1, "asked for once: {:?}", cloud.lines());
    tell(&sandbox, "import token shop:shop-app", 0);
    tell(&sandbox, "apply", 0);
    tell(&sandbox, "plan", 0);
    assert_eq!(minted(&cloud), 2, "made anew, to be known: {:?}", cloud.lines());

    let cloud = turso();
    let sandbox = interrupted(&cloud);
    sandbox.run("apply").exits(3);
    tell(&sandbox, "state rm token", 0);
    tell(&sandbox, "apply", 0);
    assert_eq!(minted(&cloud), 2, "made once more: {:?}", cloud.lines());
    golden::check(&here().join("golden/unknown.txt"), &transcript);
}

#[test]
fn the_plan_says_it_in_json_too() {
    let cloud = turso();
    let plan = interrupted(&cloud).run("plan --json").ok().json();
    let found_by: Vec<&serde_json::Value> =
        plan["steps"].as_array().unwrap().iter().map(|step| &step["found_by"]).collect();
    assert_eq!(json!(found_by), json!([[], ["id"], null]));
}
