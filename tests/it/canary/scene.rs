//! A project with a secret in every place that takes one, and the clouds it speaks with.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prov_test::Sandbox;
use serde_json::{Value, json};

use super::search::Search;
use crate::cloud::{Asked, Cloud, Reply};
use crate::sandbox;

/// The secrets that somebody gives, by the place they are given in. What a service makes comes on top.
pub const GIVEN: [&str; 13] = [
    "token",
    "stored",
    "query",
    "param",
    "answer",
    "once",
    "uri",
    "execout",
    "execenv",
    "execinput",
    "dburl",
    "var",
    "unread",
];

/// A secret with every letter that some encoding writes in its own way.
pub fn secret(name: &str) -> String {
    let [head, tail] = parts(name);
    format!("{head}\"/+ &\\%'{tail}")
}

/// What is left of a secret whatever is done to the letters in the middle.
fn parts(name: &str) -> [String; 2] {
    let reversed: String = name.chars().rev().collect();
    [format!("kna{name}Q7wZ2"), format!("Xv9h{reversed}anK4")]
}

/// A search for all of [`GIVEN`].
pub fn search() -> Search {
    let mut search = Search::default();
    for name in GIVEN {
        let [head, tail] = parts(name);
        search.add(name, &secret(name), &[&head, &tail]);
    }
    search
}

const PROVIDER: &str = r#"name = "NAME"
base_url = "http://127.0.0.1:1"
base_url_env = ["UPPER_URL"]

AUTH

[verify]
request = "GET /me"
who = "{{ response.who }}"

[errors]
message = "{{ response.message }}"
code = "{{ response.code }}"

[limits]
visible_within = 1
"#;

const AUTH: [(&str, &str); 3] = [
    (
        "acme",
        "[[auth]]\nsecrets = { token = [\"ACME_TOKEN\"] }\nheaders = { Authorization = \"Bearer {{ token }}\" }",
    ),
    (
        "bcme",
        "[[auth]]\nsecrets = { pass = [\"BCME_PASS\"] }\nheaders = { Authorization = \"Basic {{ ('user:' ~ pass) | b64encode }}\" }",
    ),
    ("ccme", "[[auth]]\nsecrets = { key = [\"CCME_KEY\"] }\nquery = { api_key = \"{{ key }}\" }"),
];

const THING: &str = r#"description = "A thing."
kind = "resource"
id = "{{ object.id }}"

[name]
unique = true
read = "{{ object.name }}"

[params.secret]
type = "string"
description = "A password that it is given."
sensitive = true
read = "{{ object.secret }}"

[params.note]
type = "string"
description = "A note on it."
read = "{{ object.note }}"

[create]
request = "POST /things"
body = { name = "{{ name }}", secret = "{{ params.secret }}", note = "{{ params.note }}" }

[read]
request = "GET /things/{{ id }}"

[find]
by = "name"
request = "GET /things"
query = { name = "{{ name }}", note = "{{ params.note }}" }
items = "{{ response.things }}"
match = "{{ object.name == name }}"

[list]
request = "GET /things"
items = "{{ response.things }}"

[update]
request = "PATCH /things/{{ id }}"
body = { secret = "{{ params.secret }}", note = "{{ params.note }}" }

[delete]
request = "DELETE /things/{{ id }}"

[outputs.password]
description = "What the provider made up."
sensitive = true
value = "{{ object.password }}"

[outputs.uri]
description = "Where it is reached."
sensitive = true
value = "{{ object.uri }}"

[outputs.once]
description = "Shown when it is made."
sensitive = true
once = true
value = "{{ object.once }}"

[outputs.echo]
description = "What the provider repeats."
value = "{{ object.echo }}"

[outputs.packed]
description = "What the provider repeats in an encoding of its own."
value = "{{ object.packed }}"

[example]
name = "x"
object = { id = "1", name = "{{ name }}", secret = "{{ params.secret }}", note = "{{ params.note }}", password = "p", uri = "u", echo = "e", packed = "p" }
created = { once = "o" }
"#;

/// The config; every instance reads a secret in its own way.
pub const CONFIG: &str = r#"project = "shop"

[vars]
own = "${env.VAR_SECRET}"

[[instances]]
ref = "made"
service = "local-secret"
name = "made"
params = { length = 40 }
bind = { value = "MADE" }

[[instances]]
ref = "thing"
service = "acme-thing"
name = "thing"
params = { secret = "${env.PARAM_SECRET}", note = "with ${made.value}" }
bind = { password = "PASSWORD", uri = "DATABASE_URI", once = "ONCE" }

[[instances]]
ref = "kept"
service = "bcme-thing"
name = "kept"
params = { secret = "@thing.once" }

[[instances]]
ref = "asked"
service = "ccme-thing"
name = "asked"
params = { note = "n" }

[[instances]]
ref = "tool"
service = "local-exec"
name = "tool"
bind = { out = "TOOL_OUT" }

[instances.params]
create = ["sh", "tool.sh"]
read = ["sh", "tool.sh"]
update = ["sh", "tool.sh"]
find = ["echo", "null"]
delete = ["sh", "../fail.sh"]
input = { deep = ["${env.EXEC_INPUT}", "@thing.password"] }
env = { TOKEN = "${env.EXEC_ENV}" }

[[instances]]
ref = "url"
service = "local-value"
name = "url"
params = { url = "postgres://app:${env.DB_PASSWORD}@host/db", own = "${var.own}", list = ["@thing.uri", { of = "@tool.out" }] }
bind = { url = "DATABASE_URL", own = "OWN" }

[[instances]]
ref = "db"
service = "local-sqlite"
name = "db"
params = { path = "data/shop.db", migrations = "sql" }
bind = { url = "SQLITE_URL" }
"#;

/// Says its reply; waits while it is told to; fails, with all it knows, when it is told to.
const TOOL: &str = r#"cat > /dev/null
if [ -e ../hold ]; then touch ../holding; while [ -e ../hold ]; do sleep 0.02; done; fi
if [ -e ../fail ]; then echo "bad $TOKEN" >&2; cat ../reply.json >&2; exit 1; fi
if [ -e ../wrong ]; then cat ../wrong; else cat ../reply.json; fi
"#;

/// What a provider that cannot keep anything to itself says of an object.
fn object(own: &str, id: usize, name: &str, sent: &BTreeMap<String, Value>) -> Value {
    let given = sent.get("secret").and_then(Value::as_str).unwrap_or_default();
    json!({
        "id": id.to_string(), "name": name, "secret": sent.get("secret"), "note": sent.get("note"),
        "password": secret("answer"),
        "uri": format!("postgres://app:{}@host/db", secret("uri")),
        "echo": format!("made by {own} for you"),
        "packed": STANDARD.encode(format!("user={given}")),
        "admin_password": secret("unread"),
        "replica": format!("postgres://reader:{}@host/db", parts("unread")[0]),
    })
}

/// Refuses with everything it was told, in several encodings.
fn refusal(own: &str, sent: &BTreeMap<String, Value>) -> Reply {
    let given = sent.get("secret").and_then(Value::as_str).unwrap_or_default();
    let mut words = String::from("no:");
    for value in [own, given] {
        let quoted = Value::from(value).to_string();
        let packed = STANDARD.encode(format!("user:{value}"));
        words.push_str(&format!(" {value} {quoted} {packed}"));
    }
    Reply::Json(422, json!({ "message": words, "code": own }).to_string())
}

/// A cloud that keeps things and repeats all it knows.
pub fn cloud() -> Cloud {
    let mut things: BTreeMap<usize, (String, BTreeMap<String, Value>)> = BTreeMap::new();
    let mut count = 0;
    Cloud::new(move |asked: &Asked| {
        let (method, path) = asked.line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap().trim_start_matches('/');
        // Each knows only its own credential.
        let (provider, path) = path.split_once('/').unwrap();
        let own = secret(match provider {
            "acme" => "token",
            "bcme" => "stored",
            _ => "query",
        });
        let sent: BTreeMap<String, Value> = serde_json::from_str(&asked.body).unwrap_or_default();
        if path == "me" {
            let body = json!({ "who": format!("me, with {own}") });
            return Reply::Json(200, body.to_string());
        }
        if method == "POST" {
            let name = sent["name"].as_str().unwrap().to_owned();
            match name.as_str() {
                "refused" => return refusal(&own, &sent),
                "html" => {
                    let body = format!("<p>{own} {}</p>", asked.body);
                    return Reply::Plain(500, "content-type: text/html\r\n".to_owned(), body);
                }
                _ => {}
            }
            count += 1;
            let mut made = object(&own, count, &name, &sent);
            made["once"] = json!(secret("once"));
            things.insert(count, (name, sent));
            return Reply::Json(201, made.to_string());
        }
        let known = path.rsplit('/').next().and_then(|id| id.parse().ok());
        let Some(id) = known else {
            let all: Vec<Value> =
                things.iter().map(|(id, (n, s))| object(&own, *id, n, s)).collect();
            return Reply::Json(200, json!({ "things": all }).to_string());
        };
        if method == "DELETE" {
            things.remove(&id);
        }
        let Some((name, told)) = things.get_mut(&id) else {
            return Reply::Json(404, json!({ "message": own }).to_string());
        };
        told.extend(sent);
        Reply::Json(200, object(&own, id, name, told).to_string())
    })
}

/// The project, nothing applied yet. One credential is stored, the others are variables.
pub fn project(url: &str) -> Sandbox {
    let identity = age::x25519::Identity::generate();
    let identity = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    let mut sandbox = sandbox().unredacted().env("PROV_HTTP_ATTEMPTS", "1");
    for (variable, name) in [
        ("ACME_TOKEN", "token"),
        ("CCME_KEY", "query"),
        ("PARAM_SECRET", "param"),
        ("EXEC_ENV", "execenv"),
        ("EXEC_INPUT", "execinput"),
        ("DB_PASSWORD", "dburl"),
        ("VAR_SECRET", "var"),
    ] {
        sandbox = sandbox.env(variable, &secret(name));
    }
    for (provider, auth) in AUTH {
        let upper = provider.to_uppercase();
        sandbox = sandbox.env(&format!("{upper}_URL"), &format!("{url}/{provider}"));
        let text = PROVIDER.replace("NAME", provider).replace("UPPER", &upper);
        sandbox.file(format!("brokers/{provider}/provider.toml"), text.replace("AUTH", auth));
        sandbox.file(format!("brokers/{provider}/thing.toml"), THING);
    }
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &identity);
    sandbox.file("prov.toml", CONFIG).file("tool.sh", TOOL);
    sandbox.file("sql/0000_first.sql", "create table users (name text);\n");
    let packed = STANDARD.encode(format!("input={}", secret("execinput")));
    let reply = json!({
        "id": "tool-1", "sensitive": ["out"],
        "outputs": { "out": secret("execout"), "packed": packed, "plain": 42 },
    });
    sandbox.file("../reply.json", reply.to_string()).file("../fail.sh", "true\n");
    sandbox
}
