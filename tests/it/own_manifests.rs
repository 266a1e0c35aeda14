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

#[test]
fn a_mistake_in_the_paging_is_said_once_where_it_is() {
    let answer = json!({ "orgs": [{ "name": "a" }], "pages": 2 }).to_string();
    let cloud = Cloud::new(move |_| Reply::Json(200, answer.clone()));
    let lists = "[find]\nby = \"name\"\nrequest = \"GET /orgs\"\nitems = \"{{ response.orgs }}\"\n\
                 match = \"{{ object.name == name }}\"\n[list]\nrequest = \"GET /orgs\"\n\
                 items = \"{{ response.orgs }}\"";
    let find = "[find]\nby = \"name\"\nrequest = \"GET /orgs/{{ name }}\"";
    let sandbox = project(&cloud.url, &ORG.replace(find, lists));
    let paging = "\n[paging.default]\nquery = { pagesize = 10 }\n\
                  next = { page = \"{{ page + 1 if response.pagez > page }}\" }\n";
    sandbox.file("brokers/acme/provider.toml", format!("{PROVIDER}{paging}"));
    sandbox.file("acme.json", description());
    let linted = sandbox.run("broker lint --openapi acme.json");
    let planned = sandbox.run("apply");
    story("paging", &[("held to the description", linted), ("run", planned)]);
}

/// What the provider says of itself.
fn description() -> String {
    let text = json!({ "type": "string" });
    let org = json!({ "type": "object", "properties": {
        "name": text, "color": text, "number": { "type": "integer" } } });
    let answer = |schema: &Value| {
        json!({ "200": { "description": "It.",
            "content": { "application/json": { "schema": schema } } } })
    };
    let query =
        |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "integer" } });
    let list = json!({ "type": "object", "properties": {
        "orgs": { "type": "array", "items": org }, "pages": { "type": "integer" } } });
    let sent = json!({ "content": { "application/json": { "schema": org } } });
    let one = json!({ "name": "name", "in": "path", "required": true, "schema": text });
    let paths = json!({
        "/orgs": {
            "get": { "responses": answer(&list),
                     "parameters": [query("page"), query("page_size")] },
            "post": { "responses": answer(&org), "requestBody": sent },
        },
        "/orgs/{name}": {
            "parameters": [one],
            "get": { "responses": answer(&org) },
            "patch": { "responses": answer(&org), "requestBody": sent },
            "delete": { "responses": answer(&org) },
        },
    });
    let info = json!({ "title": "Acme", "version": "1" });
    json!({ "openapi": "3.0.0", "info": info, "paths": paths }).to_string()
}

#[test]
fn a_broken_manifest_stops_only_what_uses_it() {
    let sandbox = project("http://127.0.0.1:9", ORG);
    let value = "project = \"shop\"\n\n[[instances]]\nref = \"v\"\nservice = \"local-value\"\nname = \"v\"\n";
    sandbox.file("prov.toml", value);
    sandbox.run("apply").ok();
    let broken = ORG.replace("object.number", "objekt.number").replace("{{ id }}", "{{ idd }}");
    sandbox.file("brokers/acme/team.toml", &broken);
    let mut told = vec![("unused", sandbox.run("status"))];
    for command in [
        "output",
        "env",
        "state list",
        "unlock",
        "graph",
        "auth list",
        "brokers neon",
        "broker show acme-org",
        "broker eject neon-branch",
        "plan",
    ] {
        let output = sandbox.run(command).ok();
        let warnings = output.stderr.matches("brokers/acme/team.toml has 4 problems").count();
        assert_eq!(warnings, 1, "{output}");
    }
    told.push(("named", sandbox.run("broker show acme-team")));
    told.push(("all of them", sandbox.run("broker lint")));
    told.push(("those of a folder", sandbox.run("broker lint brokers/neon")));
    sandbox.file("prov.toml", CONFIG.replace("acme-org", "acme-team"));
    told.push(("used", sandbox.run("plan")));
    sandbox.file("prov.toml", CONFIG);
    told.push(("its neighbour", sandbox.run("status")));
    sandbox.file("brokers/acme/provider.toml", PROVIDER.replace("base_url =", "base_ur ="));
    told.push(("its provider", sandbox.run("plan")));
    sandbox.file("prov.toml", value);
    told.push(("its provider, unused", sandbox.run("status")));
    story("broken", &told);
}

#[test]
fn what_is_no_manifest_is_said_with_its_path() {
    let sandbox = project("http://127.0.0.1:9", ORG);
    let broken = ORG.replace("object.number", "objekt.number");
    sandbox.file("brokers/acme/team.toml", &broken);
    sandbox.file("brokers/neon/branch.toml/note.txt", "a");
    let linted = sandbox.run("broker lint");
    let folder = sandbox.run("broker lint brokers/neon");
    let neighbour = sandbox.run("broker lint brokers/acme/org.toml");
    sandbox.file("brokers/other/provider.toml", "nam = 1\n");
    let other = sandbox.run("broker lint brokers/acme/org.toml");
    let config = CONFIG.replace("acme-org", "neon-branch");
    sandbox.file("prov.toml", config);
    let used = sandbox.run("plan");
    std::fs::remove_dir_all(sandbox.root().join("brokers")).unwrap();
    sandbox.file("brokers", "a");
    let value = "[[instances]]\nref = \"v\"\nservice = \"local-value\"\nname = \"v\"\n";
    sandbox.file("prov.toml", value);
    let unused = sandbox.run("plan");
    let file = sandbox.run("broker lint");
    story(
        "no_manifest",
        &[
            ("a folder", linted),
            ("in a folder that was named", folder),
            ("beside one that was named", neighbour),
            ("another provider is broken", other),
            ("used", used),
            ("a file for the folder", unused),
            ("linted", file),
        ],
    );
}

#[test]
fn a_mistake_is_shown_where_it_is_written() {
    let named = ORG.replace("unique = true", "unique = true\npattern = \"[a-z]+\"");
    let sandbox = project("http://127.0.0.1:9", &named);
    sandbox.file("prov.toml", CONFIG.replace("name = \"x\"", "name = \"my org\""));
    let name = sandbox.run("plan");
    let provider = PROVIDER.replace("ACME_TOKEN", "MY_TOKEN");
    sandbox.file("brokers/acme/provider.toml", provider);
    let custody = sandbox.run("plan");
    story("places", &[("a name", name), ("a variable", custody)]);
}
