//! Where names are not unique, two objects can stand side by side: only while one replaces the other.

use serde_json::{Map, Value, json};

use crate::cloud::{Asked, Cloud, Reply};
use crate::sandbox;

const CONFIG: &str = r#"
project = "shop"

[[instances]]
ref = "web"
service = "digitalocean-droplet"
name = "web-1"
params = { region = "fra1", size = "small", image = "debian-12-x64" }
"#;

/// A provider with droplets; `status` says how new ones are at first.
fn cloud(status: &'static str) -> Cloud {
    let mut droplets: Map<String, Value> = Map::new();
    let mut made = 0;
    Cloud::new(move |asked: &Asked| {
        let (method, url) = asked.line.split_once(' ').unwrap();
        let path = url.split('?').next().unwrap_or_default();
        let id = path.strip_prefix("/v2/droplets/").unwrap_or_default().to_owned();
        let answer = match (method, path) {
            ("POST", "/v2/droplets") => {
                let sent: Value = serde_json::from_str(&asked.body).unwrap();
                made += 1;
                let droplet = json!({
                    "id": made, "name": sent["name"], "tags": sent["tags"], "locked": false,
                    "status": if made == 1 { status } else { "active" },
                    "size_slug": sent["size"], "region": { "slug": sent["region"] },
                    "image": { "id": 1, "slug": sent["image"] }, "networks": { "v4": [], "v6": [] },
                    "features": [], "vpc_uuid": "v", "volume_ids": [], "backup_ids": [],
                });
                droplets.insert(made.to_string(), droplet.clone());
                json!({ "droplet": droplet, "links": { "actions": [] } })
            }
            ("DELETE", _) => {
                droplets.remove(&id);
                return Reply::Plain(204, String::new(), String::new());
            }
            (_, "/v2/droplets") => {
                let all: Vec<&Value> = droplets.values().collect();
                json!({ "droplets": all, "meta": { "total": all.len() } })
            }
            _ if droplets.contains_key(&id) => json!({ "droplet": droplets[&id] }),
            _ if path.starts_with("/v2/droplets/") => {
                return Reply::Json(404, json!({ "id": "not_found" }).to_string());
            }
            _ => json!({
                "account": {}, "meta": { "total": 2 },
                "regions": [{ "slug": "fra1", "available": true }],
                "sizes": [{ "slug": "small" }, { "slug": "large" }],
                "images": [{ "id": 1, "slug": "debian-12-x64" }],
            }),
        };
        Reply::Json(200, answer.to_string())
    })
}

fn project(cloud: &Cloud) -> prov_test::Sandbox {
    let sandbox = sandbox()
        .env("DIGITALOCEAN_TOKEN", "dop_v1_abcdefabcdef")
        .env("DIGITALOCEAN_API_URL", &cloud.url)
        .env("PROV_HTTP_ATTEMPTS", "1");
    sandbox.file("prov.toml", CONFIG);
    sandbox
}

fn count(cloud: &Cloud, method: &str) -> usize {
    cloud.lines().iter().filter(|line| line.starts_with(method)).count()
}

#[test]
fn the_new_one_is_made_beside_the_one_it_replaces() {
    let cloud = cloud("active");
    let sandbox = project(&cloud);
    sandbox.run("apply").ok();
    sandbox.file("prov.toml", CONFIG.replace("small", "large"));
    let output = sandbox.run("apply --yes").ok();
    assert!(output.stdout.contains("1 added, 0 changed, 1 destroyed"), "{output}");
    assert_eq!((count(&cloud, "POST"), count(&cloud, "DELETE")), (2, 1));
    sandbox.run("check --refresh").ok();
}

#[test]
fn one_that_failed_is_known_by_its_id_and_not_made_twice() {
    let cloud = cloud("archive");
    let sandbox = project(&cloud);
    let first = sandbox.run("apply");
    assert_eq!(first.status, 3, "{first}");
    let second = sandbox.run("apply");
    assert_eq!(count(&cloud, "POST"), 1, "{first}\n{second}\n{:#?}", cloud.lines());
    sandbox.run("teardown --yes --force").ok();
    assert_eq!(count(&cloud, "DELETE"), 1);
}
