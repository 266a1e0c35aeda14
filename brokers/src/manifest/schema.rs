//! The JSON Schema of manifests, so that editors complete and check them.

use provision::broker::KINDS;
use serde_json::{Map, Value, json};

use super::service::{CHANGES, FOUND_BY, ORDERS, TYPES, VERBS};

/// The schema of `provider.toml` and of a service's file: which of them a file is, its fields tell.
#[must_use]
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "prov manifest",
        "if": { "required": ["base_url"] },
        "then": { "$ref": "#/$defs/provider" },
        "else": { "$ref": "#/$defs/service" },
        "$defs": {
            "text": { "type": "string" },
            "expression": { "type": "string", "description": "Text with {{ expressions }}." },
            "texts": { "type": "array", "items": { "type": "string" } },
            "count": { "type": "integer", "minimum": 0 },
            "values": { "description": "A table, or one expression that yields one." },
            "expressions": {
                "type": "object", "additionalProperties": { "$ref": "#/$defs/expression" }
            },
            "provider": provider(),
            "service": service(),
            "verb": closed(&[], request_fields(&[
                ("steps", json!({ "type": "array", "items": { "$ref": "#/$defs/step" } })),
                ("until_gone", flag("Done only when `read` says that it is gone.")),
                ("by", words(FOUND_BY.iter().map(|(word, _)| *word))),
                ("ours", expression("True of an object that bears our mark.")),
                ("on", texts("Params whose change makes what is shown once anew.")),
                ("ready", expression("True when it is ready.")),
                ("failed", expression("True, or a text, when it never will be.")),
                ("interval", count("Seconds between two questions.")),
                ("values", expression("The values in the answer.")),
                ("value", expression("The value in the answer.")),
                ("who", expression("Whose credential it is.")),
                ("scopes", expression("What it may do.")),
                ("needs", texts("What it has to be able to do.")),
                ("description", text("One sentence.")),
                ("env", texts("Variables it is looked for in.")),
                ("optional", flag("Whether it may stay unknown.")),
                ("requests", count("Requests …")),
                ("seconds", count("… in so many seconds.")),
            ])),
            "step": closed(&[], request_fields(&[
                ("steps", json!({ "type": "array", "items": { "$ref": "#/$defs/step" } })),
            ])),
        }
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

fn expression(description: &str) -> Value {
    json!({ "$ref": "#/$defs/expression", "description": description })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn tables(of: Value) -> Value {
    Value::Object(fields(&[("type", json!("object")), ("additionalProperties", of)]))
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    json!({ "enum": words.collect::<Vec<_>>() })
}

/// A table with these fields and no other.
fn closed(required: &[&str], properties: Map<String, Value>) -> Value {
    Value::Object(fields(&[
        ("type", json!("object")),
        ("properties", Value::Object(properties)),
        ("required", json!(required)),
        ("additionalProperties", json!(false)),
    ]))
}

fn fields(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect()
}

fn request_fields(more: &[(&str, Value)]) -> Map<String, Value> {
    let mut all = fields(&[
        (
            "request",
            json!({
                "type": "string",
                "pattern": "^(GET|HEAD|POST|PUT|PATCH|DELETE) /",
                "description": "Method and path.",
            }),
        ),
        ("query", reference("values")),
        ("headers", reference("values")),
        ("body", reference("values")),
        ("form", reference("values")),
        ("multipart", json!({ "type": "object" })),
        ("raw", expression("A text that is sent as it is.")),
        ("file", expression("A local file that is sent as it is.")),
        ("content_type", expression("The type of `raw` or `file`.")),
        ("when", expression("Only when this is true.")),
        ("for_each", expression("Once for each of these.")),
        ("object", expression("What the object is from now on.")),
        ("items", expression("The objects in the answer.")),
        ("match", expression("Which of them are meant.")),
        ("save", reference("expressions")),
        ("accept", expression("True for a failure that is none.")),
        ("fail", expression("A text for a success that is none.")),
        ("paging", text("The name of a paging, or `none`.")),
        ("safe", flag("Whether it may be sent twice.")),
    ]);
    all.extend(fields(more));
    all
}

fn limits() -> Value {
    closed(
        &[],
        fields(&[
            ("requests", count("Requests …")),
            ("seconds", count("… in so many seconds.")),
            (
                "rates",
                json!({
                    "type": "array",
                    "description": "Rates that hold besides.",
                    "items": closed(&["requests"], fields(&[
                        ("requests", count("Requests …")),
                        ("seconds", count("… in so many seconds.")),
                    ])),
                }),
            ),
            ("concurrency", count("Requests at once.")),
            ("timeout", count("Seconds for one request.")),
            ("visible_within", count("Seconds until what was made is seen.")),
            ("remaining_header", text("The header with the requests left.")),
            ("reset_header", text("The header with when there are more.")),
            ("reset", words(["epoch", "seconds"].into_iter())),
            ("paths", json!({ "type": "array", "items": reference("verb") })),
        ]),
    )
}

fn provider() -> Value {
    closed(
        &["name", "base_url"],
        fields(&[
            ("name", text("What people call it.")),
            ("docs", text("Its API's documentation.")),
            ("base_url", text("What paths are appended to.")),
            ("base_url_env", texts("Variables that replace it.")),
            (
                "auth",
                json!({ "type": "array", "items": closed(&["secrets"], fields(&[
            ("secrets", tables(reference("texts"))),
            ("headers", reference("expressions")),
            ("query", reference("expressions")),
            ("help", text("Where to get one.")),
        ])) }),
            ),
            ("values", tables(reference("verb"))),
            (
                "defaults",
                closed(
                    &[],
                    fields(&[("query", reference("values")), ("headers", reference("values"))]),
                ),
            ),
            ("verify", reference("verb")),
            ("errors", reference("expressions")),
            (
                "paging",
                tables(closed(
                    &[],
                    fields(&[
                        ("query", reference("values")),
                        ("next", reference("expressions")),
                        ("next_url", reference("expression")),
                        ("link_header", flag("RFC 8288's `Link` header says how it goes on.")),
                    ]),
                )),
            ),
            ("limits", limits()),
            (
                "idempotency",
                closed(
                    &["header"],
                    fields(&[
                        ("header", text("The header.")),
                        ("lifetime", count("Seconds that a key is remembered; a day by default.")),
                    ]),
                ),
            ),
            (
                "marker",
                closed(
                    &[],
                    fields(&[
                        ("format", expression("Its text.")),
                        ("allowed", text("The characters it may hold.")),
                        ("max", count("Its greatest length.")),
                    ]),
                ),
            ),
        ]),
    )
}

fn service() -> Value {
    let mut all = fields(&[
        ("description", text("One sentence about it.")),
        ("kind", words(KINDS.iter().map(|(kind, _)| *kind))),
        ("docs", text("Its documentation.")),
        ("stateful", flag("Whether it holds data.")),
        ("deadline", count("Seconds an operation may take.")),
        ("exclusive", flag("One instance at a time is made, changed or removed.")),
        ("replace", words(ORDERS.iter().map(|(word, _)| *word))),
        ("name", name()),
        ("params", tables(param())),
        ("id", json!({ "anyOf": [reference("expression"), reference("expressions")] })),
        ("any_of", json!({ "type": "array", "items": reference("texts") })),
        ("wait", reference("verb")),
        (
            "outputs",
            tables(closed(
                &["value", "description"],
                fields(&[
                    ("description", text("One sentence about it.")),
                    ("type", text("Its type, for people.")),
                    ("value", reference("expression")),
                    ("sensitive", flag("Whether it is a secret.")),
                    ("once", flag("Whether only the answer to create shows it.")),
                ]),
            )),
        ),
        (
            "example",
            closed(
                &[],
                fields(&[
                    ("name", reference("text")),
                    ("params", json!({ "type": "object" })),
                    ("object", reference("values")),
                    ("created", reference("values")),
                    ("pending", reference("values")),
                    ("edits", json!({ "type": "object" })),
                    (
                        "answers",
                        json!({ "type": "array", "items": closed(&["request"], fields(&[
                ("request", reference("text")),
                ("status", reference("count")),
                ("response", reference("values")),
            ])) }),
                    ),
                ]),
            ),
        ),
    ]);
    all.extend(VERBS.iter().map(|verb| ((*verb).to_owned(), reference("verb"))));
    closed(&["description", "kind", "id", "create", "read", "delete"], all)
}

fn name() -> Value {
    closed(
        &[],
        fields(&[
            ("description", text("One sentence about it.")),
            ("pattern", text("What the whole of it must match.")),
            ("min", json!({ "type": "integer" })),
            ("max", json!({ "type": "integer" })),
            ("unique", flag("Whether the provider allows one of a name only.")),
            ("on_change", words(CHANGES.iter().map(|(word, _)| *word))),
            ("read", reference("expression")),
        ]),
    )
}

fn param() -> Value {
    closed(
        &["type", "description"],
        fields(&[
            ("type", words(TYPES.iter().map(|(word, _)| *word))),
            ("description", text("One sentence about it.")),
            ("required", flag("Whether it must be given.")),
            ("default", json!({})),
            ("enum", json!({ "type": "array" })),
            ("pattern", text("What the whole of it must match.")),
            ("min", json!({ "type": "integer" })),
            ("max", json!({ "type": "integer" })),
            ("sensitive", flag("Whether it is a secret.")),
            ("on_change", words(CHANGES.iter().map(|(word, _)| *word))),
            ("read", reference("expression")),
            ("known", reference("verb")),
        ]),
    )
}
