//! One small description, and services that agree with it or do not.

mod answers;
mod everywhere;
mod requests;

use expect_test::Expect;
use provision::diagnostic::{Diagnostics, Sources};

use super::{Report, lint};
use crate::manifest::{self, File, Manifest, Origin};
use crate::openapi::{Description, Exceptions};

const DESCRIPTION: &str = r##"
openapi: 3.1.0
info: { title: Things, version: "1" }
servers: [{ url: "https://api.example.com/v1" }]
paths:
  /things:
    post:
      parameters:
        - { name: X-Team, in: header, required: true, schema: { type: string } }
        - { name: Authorization, in: header, required: true, schema: { type: string } }
        - { name: dry, in: query, schema: { type: boolean } }
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: "#/components/schemas/NewThing" } }
      responses:
        "201": { $ref: "#/components/responses/Thing" }
        "400": { content: { application/json: { schema: { properties: { code: {} } } } } }
    get:
      parameters:
        - { name: page, in: query, schema: { type: integer } }
        - { name: owner, in: query, required: true, schema: { type: string } }
      responses:
        200:
          content:
            application/json:
              schema:
                properties:
                  things: { type: array, items: { $ref: "#/components/schemas/Thing" } }
  /things/search:
    get: { responses: { 200: { description: anything } } }
  /things/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { responses: { 200: { $ref: "#/components/responses/Thing" } } }
    delete: { responses: { 204: { description: gone } } }
  /things/{id}/rule:
    put:
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Rule" } } } }
      responses: { 204: { description: done } }
  /things/{id}/ports/{port}:
    parameters: [{ name: port, in: path, required: true, schema: { type: integer } }]
    put: { responses: { 204: { description: done } } }
  /things/{id}/form:
    post:
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              additionalProperties: false
              properties: { active: { type: boolean }, count: { type: integer } }
              patternProperties:
                '^metadata\[[^\]]+\]$': { type: string }
                '^recurring\[interval\]$': { type: string, enum: [day, week] }
                '^tiers\[\d*\]\[amount\]$': { type: integer }
      responses: { 200: { description: done } }
components:
  responses:
    Thing:
      content:
        application/json: { schema: { properties: { thing: { $ref: "#/components/schemas/Thing" } } } }
  schemas:
    NewThing:
      allOf:
        - { $ref: "#/components/schemas/Base" }
        - type: object
          required: [name, size, id]
          properties:
            id: { type: string, readOnly: true }
            state: { allOf: [{ $ref: "#/components/schemas/State" }, { description: it }] }
            since: { $ref: "#/components/schemas/Since", readOnly: true }
            name: { type: string, pattern: "^[a-z]+$" }
            size: { type: string, enum: [small, large] }
            count: { type: [integer, "null"], maximum: 9 }
            tags: { type: array, items: { type: string } }
            free: { type: object }
            parent: { $ref: "#/components/schemas/NewThing" }
    State: { type: string, readOnly: true }
    Since: { type: string }
    Base: { type: object, properties: { note: { type: string } } }
    Thing:
      type: object
      properties:
        id: { type: string }
        name: { type: string }
        size: { type: string }
        addresses: { type: array, items: { properties: { ip: { type: string } } } }
        extra: { type: object, additionalProperties: true }
        port: { type: integer }
        parent: { $ref: "#/components/schemas/Thing" }
    Rule:
      oneOf:
        - type: object
          required: [kind, host]
          properties: { kind: { enum: [host] }, host: { type: string } }
        - type: object
          required: [kind, port]
          properties: { kind: { enum: [port] }, port: { type: integer } }
"##;

const PROVIDER: &str = r#"
name = "Things"
base_url = "https://api.example.com/v1"
[[auth]]
secrets = { token = ["EXAMPLE_TOKEN"] }
headers = { Authorization = "Bearer {{ token }}" }
[values.team]
description = "The team."
env = ["EXAMPLE_TEAM"]
optional = true
[defaults]
headers = { X-Team = "a" }
[paging.default]
next = { page = "{{ page + 1 }}" }
[paging.cursor]
query = { limit = 100 }
next  = { cursor = "{{ response.next }}" }
"#;

const SERVICE: &str = r#"
description = "A thing."
kind = "resource"
id = "{{ object.id }}"
[params.size]
type = "string"
description = "Its size."
required = true
enum = ["small", "large"]
[params.count]
type = "integer"
description = "How many."
[params.text]
type = "string"
description = "A text."
[params.tags]
type = "texts"
description = "Tags."
default = []
[create]
request = "POST /things"
body = { name = "{{ name }}", size = "{{ params.size }}", count = "{{ params.count }}" }
object = "{{ response.thing }}"
[read]
request = "GET /things/{{ id }}"
object = "{{ response.thing }}"
[list]
request = "GET /things"
query = { owner = "me" }
items = "{{ response.things }}"
[delete]
request = "DELETE /things/{{ id }}"
[outputs.ip]
description = "Its address."
value = "{{ object.addresses | map(attribute='ip') | first }}"
"#;

fn manifests(provider: &str, service: &str) -> Vec<Manifest> {
    let file = |thing: &str, text: &str| File {
        provider: "example".to_owned(),
        thing: thing.to_owned(),
        path: format!("{thing}.toml"),
        text: text.to_owned().into(),
        origin: Origin::Project,
    };
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let files = vec![file("provider", provider), file("thing", service)];
    let manifests = manifest::load(files, &mut sources, &mut problems);
    assert!(problems.is_empty(), "{problems:#?}");
    manifests
}

fn exceptions(text: &str) -> (Exceptions, Diagnostics) {
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let exceptions = Exceptions::read("lint.toml", text, &mut sources, &mut problems);
    (exceptions, problems)
}

fn report(provider: &str, service: &str, allowed: &str) -> Report {
    let description = Description::read(DESCRIPTION).unwrap();
    let (exceptions, problems) = exceptions(allowed);
    assert!(problems.is_empty(), "{problems:#?}");
    lint(&manifests(provider, service), &description, &exceptions)
}

fn shown(report: Report) -> String {
    let line = |finding: super::Finding| {
        assert!(finding.span.is_some());
        format!("{} at {}\n{}", finding.rule, finding.at, wrapped(&finding.message))
    };
    report.findings.into_iter().map(line).collect()
}

/// A sentence in lines that are not long.
fn wrapped(sentence: &str) -> String {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let last = lines.last_mut().unwrap();
        if last.len() + word.len() > 76 {
            lines.push(word.to_owned());
        } else {
            *last = format!("{last} {word}").trim_start().to_owned();
        }
    }
    lines.into_iter().map(|line| format!("  {line}\n")).collect()
}

/// The findings when `before` is `after` in the service.
fn check(before: &str, after: &str, expected: &Expect) {
    assert!(SERVICE.contains(before), "{before}");
    let service = SERVICE.replacen(before, after, 1);
    expected.assert_eq(&shown(report(PROVIDER, &service, "")));
}
