//! What providers do wrong, or refuse: each has its own message, and nothing is lost.

use std::fmt::Write as _;

use prov_test::{Sandbox, golden};
use serde_json::json;

use crate::cloud::{Asked, Cloud, Reply};
use crate::{here, sandbox};

const DOMAIN: &str = r#"
project = "shop"

[[instances]]
ref = "zone"
service = "digitalocean-domain"
name = "example.com"
protected = false
"#;

const TOKEN: &str = "dop_v1_abcdefabcdef";

/// A provider with one kind of thing, where `fault` may answer first.
fn digitalocean(mut fault: impl FnMut(&Asked) -> Option<Reply> + Send + 'static) -> Cloud {
    let mut exists = false;
    let mut posts = 0;
    Cloud::new(move |asked| {
        let method = asked.line.split(' ').next().unwrap_or_default();
        let is_domains = asked.line.contains("/v2/domains");
        if let Some(reply) = fault(asked) {
            // The work may be done although the answer is no good.
            if method == "POST" && !matches!(reply, Reply::Json(..) | Reply::Plain(302.., ..)) {
                exists = true;
            }
            return reply;
        }
        let domain = json!({ "name": "example.com", "ttl": 1800, "zone_file": "" });
        match (method, is_domains) {
            (_, false) => {
                let account = json!({ "account": { "email": "me@example.com" } });
                Reply::Json(200, account.to_string())
            }
            ("POST", _) => {
                posts += 1;
                let is_taken = std::mem::replace(&mut exists, true);
                assert!(!is_taken, "made twice: {posts}");
                Reply::Json(201, json!({ "domain": domain }).to_string())
            }
            ("DELETE", _) => {
                exists = false;
                Reply::Plain(204, String::new(), String::new())
            }
            _ if exists => Reply::Json(200, json!({ "domain": domain }).to_string()),
            _ => {
                let error = json!({ "id": "not_found", "message": "The resource was not found." });
                Reply::Json(404, error.to_string())
            }
        }
    })
}

fn project(url: &str) -> Sandbox {
    let sandbox = sandbox()
        .env("DIGITALOCEAN_TOKEN", TOKEN)
        .env("DIGITALOCEAN_API_URL", url)
        // What is asked again is asked after a pause, and tests do not wait.
        .env("PROV_HTTP_ATTEMPTS", "1");
    sandbox.file("prov.toml", DOMAIN);
    sandbox
}

fn only(line: &'static str, reply: Reply) -> impl FnMut(&Asked) -> Option<Reply> + Send {
    let mut left = 1;
    move |asked| {
        let is_meant = left > 0 && asked.line == line;
        left -= i32::from(is_meant);
        is_meant.then(|| reply.clone())
    }
}

fn refusal(status: u16, id: &str, message: &str) -> Reply {
    let body = json!({ "id": id, "message": message, "request_id": "req-42" });
    Reply::Json(status, body.to_string())
}

#[test]
fn every_failure_has_its_own_message_and_loses_nothing() {
    let html = "<!DOCTYPE html><title>Login</title>".to_owned();
    let is_html = "content-type: text/html\r\n".to_owned();
    let elsewhere = "location: http://203.0.113.7/v2/domains\r\n".to_owned();
    let create = "POST /v2/domains";
    let verify = "GET /v2/account";
    let cases: Vec<(&str, &'static str, Reply)> = vec![
        ("an expired token", verify, refusal(401, "unauthorized", "Unable to authenticate you")),
        ("a missing scope", create, refusal(403, "forbidden", "You are not authorized")),
        ("a quota", create, refusal(422, "unprocessable_entity", "You reached your domain limit")),
        ("an upgrade", create, refusal(402, "payment_required", "Add a payment method")),
        ("a name that is taken", create, refusal(409, "conflict", "Name is already in use")),
        ("too many requests", create, refusal(429, "too_many_requests", "API Rate limit exceeded")),
        ("HTML instead of JSON", verify, Reply::Plain(200, is_html, html)),
        ("a body cut short", create, Reply::Cut("{\"domain\": {\"na".to_owned())),
        ("half of the JSON", create, Reply::Plain(200, String::new(), "{\"domain\": {".to_owned())),
        ("another host", create, Reply::Plain(307, elsewhere, String::new())),
        ("100 MB", create, Reply::Long(100 << 20)),
        ("a lost answer", create, Reply::Lost),
    ];
    let mut transcript = String::new();
    for (name, line, reply) in cases {
        let cloud = digitalocean(only(line, reply));
        let sandbox = project(&cloud.url);
        let first = sandbox.run("apply");
        writeln!(transcript, "## {name}\n{first}").unwrap();
        let second = sandbox.run("apply").ok();
        let is_done = first.status == 0;
        let word = if is_done { "Nothing to do" } else { "1 added" };
        assert!(second.stdout.contains(word), "{name}\n{first}\n{second}");
        assert!(sandbox.run("check --refresh").ok().stdout.contains("No changes"), "{name}");
        sandbox.run("teardown --yes").ok();
    }
    golden::check(&here().join("golden/faults.txt"), &transcript);
}

#[test]
fn a_credential_goes_to_no_other_host() {
    let thief = Cloud::new(|_| Reply::Json(200, "{}".to_owned()));
    let location = format!("location: {}/v2/account\r\n", thief.url);
    let cloud = digitalocean(move |asked| {
        let is_first = asked.line == "GET /v2/account";
        is_first.then(|| Reply::Plain(302, location.clone(), String::new()))
    });
    let output = project(&cloud.url).run("apply");
    assert_eq!(output.status, 1, "{output}");
    assert!(output.stderr.contains("redirect"), "{output}");
    assert_eq!(thief.lines(), [""; 0], "{output}");
}

#[test]
fn a_host_that_cannot_be_reached_is_named() {
    let plain = digitalocean(|_| None);
    let secure = plain.url.replace("http://", "https://");
    let mut transcript = String::new();
    for (name, url) in [
        ("no TLS", secure.as_str()),
        ("no such name", "http://nowhere.invalid"),
        ("nobody there", "http://127.0.0.1:1"),
        ("no URL", "nonsense"),
    ] {
        let output = project(url).run("apply");
        writeln!(transcript, "## {name}\n{output}").unwrap();
    }
    let port = plain.url.rsplit(':').next().unwrap_or_default();
    golden::check(&here().join("golden/unreachable.txt"), &transcript.replace(port, "[PORT]"));
}

#[test]
fn a_list_that_does_not_end_is_given_up() {
    let cloud = Cloud::new(|asked| match asked.line.contains("/v2/volumes") {
        true => {
            let volume = json!({ "id": "v", "name": "other", "region": { "slug": "fra1" } });
            let page = json!({ "volumes": [volume], "meta": { "total": 1_000_000_000 } });
            Reply::Json(200, page.to_string())
        }
        false => {
            Reply::Json(200, json!({ "account": {}, "regions": [{ "slug": "fra1" }] }).to_string())
        }
    });
    let sandbox = project(&cloud.url);
    sandbox.file("prov.toml", "[[instances]]\nref = \"v\"\nservice = \"digitalocean-volume\"\nname = \"data\"\nparams = { region = \"fra1\", size_gigabytes = 10 }\n");
    let output = sandbox.run("apply");
    assert_eq!(output.status, 1, "{output}");
    assert!(output.stderr.contains("does not end"), "{output}");
    assert!(!cloud.lines().iter().any(|line| line.starts_with("POST")), "{:?}", cloud.lines());
}

#[test]
fn a_yes_that_means_no_is_a_no() {
    let cloud = Cloud::new(|asked| {
        let account = json!([{ "id": "0123456789abcdef0123456789abcdef" }]);
        let answer = match asked.line.split(' ').next() {
            Some("POST") => json!({
                "success": false, "result": null, "messages": [],
                "errors": [{ "code": 10_026, "message": "not entitled to use Workers KV" }],
            }),
            _ if asked.line.contains("/storage/kv") => {
                json!({ "success": true, "errors": [], "result": [], "result_info": { "page": 1, "per_page": 100, "count": 0, "total_count": 0 } })
            }
            _ => json!({ "success": true, "errors": [], "result": account }),
        };
        Reply::Json(200, answer.to_string())
    });
    let sandbox = sandbox()
        .env("CLOUDFLARE_API_TOKEN", TOKEN)
        .env("CLOUDFLARE_API_BASE_URL", &cloud.url)
        .env("PROV_HTTP_ATTEMPTS", "1");
    let config = "[[instances]]\nref = \"kv\"\nservice = \"cloudflare-kv\"\nname = \"sessions\"\n";
    sandbox.file("prov.toml", config);
    let output = sandbox.run("apply");
    assert_eq!(output.status, 3, "{output}");
    assert!(output.to_string().contains("not entitled to use Workers KV"), "{output}");
}

#[test]
fn no_secret_is_in_a_trace() {
    let cloud = digitalocean(|_| None);
    let sandbox = project(&cloud.url);
    let output = sandbox.run("-vv apply").ok();
    assert!(output.stderr.contains("POST"), "{output}");
    assert!(output.stderr.contains("me@example.com"), "{output}");
    assert!(!output.to_string().contains(TOKEN), "{output}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_made() {
    let cloud = Cloud::new(|asked| {
        let answer = match asked.line.split(['?', ' ']).nth(1) {
            Some("/v2/regions") => {
                json!({ "regions": [{ "slug": "fra1", "available": true }, { "slug": "nyc3", "available": true }], "meta": { "total": 2 } })
            }
            Some("/v2/sizes") => {
                json!({ "sizes": [{ "slug": "s-1vcpu-1gb", "available": true, "regions": ["fra1"] }], "meta": { "total": 1 } })
            }
            Some("/v2/images") => {
                json!({ "images": [{ "slug": "debian-12-x64" }], "meta": { "total": 1 } })
            }
            Some("/v2/account") => json!({ "account": {} }),
            Some("/v2/domains/example.com") => json!({ "domain": { "name": "example.com" } }),
            _ => json!({ "droplets": [], "volumes": [], "meta": { "total": 0 } }),
        };
        Reply::Json(200, answer.to_string())
    });
    let sandbox = project(&cloud.url);
    let config = format!(
        "{DOMAIN}\n[[instances]]\nref = \"web\"\nservice = \"digitalocean-droplet\"\nname = \"web-1\"\n\
         params = {{ region = \"fra2\", size = \"s-1vcpu-1gb\", image = \"debian-12-x64\" }}\n"
    );
    sandbox.file("prov.toml", &config);
    let output = sandbox.run("apply");
    golden::check(&here().join("golden/preflight.txt"), &output.to_string());
    assert!(cloud.lines().iter().all(|line| line.starts_with("GET")), "{:?}", cloud.lines());
}

#[test]
fn a_proxy_is_used() {
    let proxy = digitalocean(|asked| {
        // The whole URL stands in a request to a proxy.
        (!asked.line.contains("http://provider.invalid/")).then(|| Reply::Json(500, String::new()))
    });
    let sandbox = project("http://provider.invalid").env("HTTP_PROXY", &proxy.url);
    sandbox.run("apply").ok();
    assert!(proxy.lines().contains(&"POST http://provider.invalid/v2/domains".to_owned()));
}

/// A provider of the project that takes its credential in the query.
fn with_key(url: &str) -> Sandbox {
    let sandbox = sandbox().env("ACME_TOKEN", "a secret/key").env("ACME_API_URL", url);
    let provider = r#"
name = "Acme"
base_url = "https://api.acme.test"
base_url_env = ["ACME_API_URL"]
[[auth]]
secrets = { token = ["ACME_TOKEN"] }
query = { key = "{{ token }}" }
[errors]
message = "{{ response.message }}"
[paging.default]
next_url = "{{ response.next }}"
"#;
    let service = r#"
description = "A box."
kind = "resource"
id = "{{ object.id }}"
[name]
read = "{{ object.name }}"
[create]
request = "POST /boxes"
body = { name = "{{ name }}" }
[read]
request = "GET /boxes/{{ id }}"
[find]
by = "name"
request = "GET /boxes"
items = "{{ response.boxes }}"
match = "{{ object.name == name }}"
[delete]
request = "DELETE /boxes/{{ id }}"
"#;
    sandbox.file("brokers/acme/provider.toml", provider);
    sandbox.file("brokers/acme/box.toml", service);
    let instance =
        "project = 'shop'\n[[instances]]\nref = 'box'\nservice = 'acme-box'\nname = 'a'\n";
    sandbox.file("prov.toml", instance);
    sandbox
}

#[test]
fn a_credential_in_the_query_is_sent_and_not_shown() {
    let cloud = Cloud::new(|asked| match asked.line.split(' ').next() {
        Some("GET") if asked.line.contains("page=2") => Reply::Json(200, r#"{"boxes":[]}"#.into()),
        Some("GET") => Reply::Json(200, r#"{"boxes":[],"next":"/boxes?page=2"}"#.into()),
        _ => Reply::Json(400, r#"{"message":"no box for key=a+secret%2Fkey"}"#.into()),
    });
    let output = with_key(&cloud.url).run("-vv apply");
    assert_eq!(output.status, 3, "{output}");
    let lines = cloud.lines();
    let key = "key=a+secret%2Fkey";
    assert_eq!(lines.first().unwrap(), &format!("GET /boxes?{key}"), "{output}");
    assert_eq!(lines.get(1).unwrap(), &format!("GET /boxes?page=2&{key}"), "{output}");
    assert_eq!(lines.last().unwrap(), &format!("POST /boxes?{key}"), "{output}");
    assert!(output.stderr.contains("key=(sensitive)"), "{output}");
    assert!(!output.to_string().contains("secret/key"), "{output}");
    assert!(!output.to_string().contains("secret%2Fkey"), "{output}");
}
