//! Manifests that somebody wrote for a provider of their own, with the mistakes one makes.

use prov_test::{Output, Sandbox, golden};
use serde_json::{Map, Value, json};

use crate::cloud::{Asked, Cloud, Reply};
use crate::{here, sandbox};

const PROVIDER: &str = r#"name = "Acme"
base_url = "https://acme.example"
base_url_env = ["ACME_URL"]

[[auth]]
secrets = { token = ["ACME_TOKEN"] }
headers = { Authorization = "Bearer {{ token }}" }

[limits]
visible_within = 1
"#;

/// Orgs are reached by their name, and each has a number too.
const ORG: &str = r##"description = "An org."
kind = "resource"
id = "{{ object.name }}"

[name]
unique = true
read = "{{ object.name }}"

[params.color]
type = "string"
description = "Its colour as #rrggbb."
pattern = "#[0-9a-f]{6}"
read = "{{ object.color }}"

[create]
request = "POST /orgs"
body = { name = "{{ name }}", color = "{{ params.color }}" }

[read]
request = "GET /orgs/{{ id }}"

[find]
by = "name"
request = "GET /orgs/{{ name }}"

[update]
request = "PATCH /orgs/{{ id }}"
body = { color = "{{ params.color }}" }

[delete]
request = "DELETE /orgs/{{ id }}"

[outputs.number]
description = "Its number."
type = "integer"
value = "{{ object.number }}"

[example]
name = "x"
params = { color = "#00aabb" }
object = { name = "{{ name }}", number = 2, color = "{{ params.color }}" }
"##;

const CONFIG: &str = "project = \"shop\"\n\n[[instances]]\nref = \"org\"\n\
                      service = \"acme-org\"\nname = \"x\"\n";

/// A provider of orgs.
fn acme() -> Cloud {
    let mut orgs: Map<String, Value> = Map::new();
    Cloud::new(move |asked: &Asked| {
        let (method, path) = asked.line.split_once(' ').unwrap();
        let sent: Map<String, Value> = serde_json::from_str(&asked.body).unwrap_or_default();
        let name = path.strip_prefix("/orgs/").unwrap_or_default();
        if method == "POST" {
            let name = sent["name"].as_str().unwrap().to_owned();
            if name == "refused" {
                return Reply::Json(422, json!({ "message": "no such name" }).to_string());
            }
            let mut made = sent;
            made.insert("number".to_owned(), json!(orgs.len() + 2));
            orgs.insert(name.clone(), Value::Object(made));
            return Reply::Json(201, orgs[&name].to_string());
        }
        let Some(Value::Object(known)) = orgs.get_mut(name) else {
            return Reply::Json(404, json!({ "message": "no such org" }).to_string());
        };
        known.extend(sent);
        let answer = Value::Object(known.clone()).to_string();
        if method == "DELETE" {
            orgs.remove(name);
        }
        Reply::Json(200, answer)
    })
}

/// A project with this manifest of an org.
fn project(url: &str, org: &str) -> Sandbox {
    let sandbox = sandbox()
        .env("ACME_TOKEN", "acme-123456")
        .env("ACME_URL", url)
        .env("PROV_HTTP_ATTEMPTS", "1");
    sandbox.file("brokers/acme/provider.toml", PROVIDER);
    sandbox.file("brokers/acme/org.toml", org);
    sandbox.file("prov.toml", CONFIG);
    sandbox
}

fn story(name: &str, told: &[(&str, Output)]) {
    let told: Vec<String> =
        told.iter().map(|(what, output)| format!("## {what}\n{output}")).collect();
    golden::check(&here().join(format!("golden/own_manifests/{name}.txt")), &told.join("\n"));
}

#[test]
fn what_was_made_and_cannot_be_read_is_said_and_not_lost() {
    let cloud = acme();
    let wrong = ORG.replace("id = \"{{ object.name }}\"", "id = \"{{ object.number }}\"");
    let sandbox = project(&cloud.url, &wrong);
    let first = sandbox.run("apply");
    let asked = cloud.lines().len();
    let second = sandbox.run("apply");
    let again = cloud.lines().split_off(asked);
    assert_eq!(again.iter().filter(|line| *line == "GET /orgs/2").count(), 1, "{again:?}");
    assert!(!again.iter().any(|line| line.starts_with("POST")), "{again:?}");
    let removed = sandbox.run("teardown --yes");
    let forgotten = sandbox.run("state rm org");
    sandbox.file("brokers/acme/org.toml", ORG);
    let imported = sandbox.run("import org x");
    let third = sandbox.run("plan");
    story(
        "unseen",
        &[
            ("made", first),
            ("asked once more", second),
            ("not destroyed unseen", removed),
            ("forgotten", forgotten),
            ("taken over", imported),
            ("nothing is lost", third),
        ],
    );
}

#[test]
fn a_test_of_a_manifest_says_what_is_left() {
    let cloud = acme();
    let wrong = ORG.replace("id = \"{{ object.name }}\"", "id = \"{{ object.number }}\"");
    let unseen = project(&cloud.url, &wrong).run("broker test acme-org --yes");
    let path = ORG.replace("GET /orgs/{{ id }}", "GET /organisations/{{ id }}");
    let path = project(&cloud.url, &path).run("broker test acme-org --yes --name y");
    let sandbox = project(&cloud.url, ORG);
    let refused = sandbox.run("broker test acme-org --yes --name refused");
    let shown = ORG.replace(
        "read = \"{{ object.color }}\"",
        "read = \"{{ object.color | replace('#', '') }}\"",
    );
    let shown = project(&cloud.url, &shown).run("broker test acme-org --yes --name z");
    story(
        "tried",
        &[
            ("a wrong id", unseen),
            ("a wrong path", path),
            ("refused", refused),
            ("shown otherwise", shown),
        ],
    );
}

#[test]
fn params_of_a_test_point_at_what_was_typed() {
    let sandbox = project("http://127.0.0.1:9", ORG);
    let unknown = sandbox.run("broker test acme-org --yes --params {\"colr\":\"#00aabb\"}");
    let wrong = sandbox.run("broker test acme-org --yes --params {\"color\":\"red\"}");
    let syntax = sandbox.run("broker test acme-org --yes --params {\"color\":red}");
    let refers = sandbox.run("broker test acme-org --yes --params {\"color\":\"@other.color\"}");
    let example =
        ORG.replace("params = { color = \"#00aabb\" }", "params = { colr = \"#00aabb\" }");
    sandbox.file("brokers/acme/org.toml", example);
    let example = sandbox.run("broker test acme-org --yes");
    story(
        "params",
        &[
            ("unknown", unknown),
            ("wrong", wrong),
            ("no JSON", syntax),
            ("refers", refers),
            ("in the example", example),
        ],
    );
}
