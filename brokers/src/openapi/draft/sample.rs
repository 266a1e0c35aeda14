//! Values that fit a schema, for examples.

use serde_json::{Map, Number, Value, json};

use crate::openapi::schema::{Field, Schema, Shape};

/// The word of a manifest for what a schema takes.
pub(super) fn kind(schema: &Schema<'_>) -> &'static str {
    let mut kinds: Vec<&str> = Vec::new();
    for shape in schema.shapes() {
        let types: Vec<&str> = shape.types().into_iter().filter(|kind| *kind != "null").collect();
        let kind = match types.as_slice() {
            [] if shape.types().contains(&"null") => continue,
            ["string"] => "string",
            ["integer"] => "integer",
            ["number"] => "number",
            ["boolean"] => "boolean",
            ["array"] => match shape.items().map(|items| self::kind(&items)) {
                Some("string") => "texts",
                _ => "list",
            },
            ["object"] => match shape.field("any of them") {
                Field::Described(rest)
                    if shape.names().is_empty() && self::kind(&rest) == "string" =>
                {
                    "text_map"
                }
                _ => "map",
            },
            _ => "any",
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    match kinds.as_slice() {
        [kind] => kind_word(kind),
        _ => "any",
    }
}

fn kind_word(kind: &str) -> &'static str {
    const WORDS: [&str; 9] =
        ["string", "integer", "number", "boolean", "texts", "list", "text_map", "map", "any"];
    WORDS.into_iter().find(|word| *word == kind).unwrap_or("any")
}

/// A value that fits.
pub(super) fn sample(schema: &Schema<'_>, depth: usize) -> Value {
    let shapes = schema.shapes();
    let is_null = |shape: &&Shape<'_>| shape.types() == ["null"];
    let Some(shape) = shapes.iter().find(|shape| !is_null(shape)) else { return json!("x") };
    let given = ["example", "default"].iter().filter_map(|key| schema.keyword(key));
    let listed = schema.keyword("examples").and_then(Value::as_array);
    let values = shape.values().unwrap_or_default().into_iter();
    let mut known = given.chain(listed.and_then(|list| list.first())).chain(values);
    let is_scalar = |value: &Value| !value.is_array() && !value.is_object();
    let is_plain = |value: &&Value| match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(is_scalar),
        value => is_scalar(value),
    };
    match known.find(|value| is_plain(value) && fits(value, shape)) {
        Some(value) => value.clone(),
        None => made(shape, depth),
    }
}

/// Whether a value can stand where `shape` is asked for, and in a manifest.
pub(super) fn fits(value: &Value, shape: &Shape<'_>) -> bool {
    let is_listed = shape.values().is_none_or(|values| values.contains(&value));
    let is_typed = match value {
        Value::Null => false,
        Value::Bool(_) => shape.takes("boolean"),
        Value::Number(number) if number.is_f64() => shape.takes("number"),
        Value::Number(number) => number.as_i64().is_some() && shape.takes("integer"),
        Value::String(text) => shape.takes("string") && text_fits(text, shape),
        Value::Array(_) => shape.takes("array"),
        Value::Object(_) => shape.takes("object"),
    };
    let bound = |key: &str| shape.keyword(key).and_then(Value::as_f64);
    let number = value.as_f64();
    let is_within = number.is_none_or(|number| {
        bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
    });
    is_typed && is_listed && is_within
}

fn text_fits(text: &str, shape: &Shape<'_>) -> bool {
    let length = |key: &str| shape.keyword(key).and_then(Value::as_u64);
    let count = text.chars().count() as u64;
    let matches =
        |pattern: &str| regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    !text.is_empty()
        && !text.contains("{{")
        && !text.contains(char::is_control)
        && length("minLength").is_none_or(|least| count >= least)
        && length("maxLength").is_none_or(|most| count <= most)
        && shape.patterns().all(matches)
}

/// A value made up for a shape without any.
fn made(shape: &Shape<'_>, depth: usize) -> Value {
    let types = shape.types();
    match types.iter().find(|kind| **kind != "null").copied().unwrap_or("string") {
        "boolean" => json!(true),
        "integer" => json!(least(shape).unwrap_or(1)),
        "number" => {
            Number::from_f64(least(shape).unwrap_or(1) as f64).map_or(json!(1), Value::from)
        }
        "array" => match shape.items().filter(|_| depth < 3) {
            Some(items) => json!([sample(&items, depth + 1)]),
            None => json!([]),
        },
        "object" => {
            let mut map = Map::new();
            for name in shape.required().into_iter().filter(|_| depth < 4) {
                if let Field::Described(schema) = shape.field(name) {
                    map.insert(name.to_owned(), sample(&schema, depth + 1));
                }
            }
            Value::Object(map)
        }
        _ => json!(made_text(shape)),
    }
}

fn least(shape: &Shape<'_>) -> Option<i64> {
    let bound = |key: &str| shape.keyword(key).and_then(Value::as_i64);
    bound("minimum").or_else(|| bound("maximum").map(|most| most.min(1)))
}

/// A text that keeps to the patterns, as far as one of these does.
fn of_pattern(shape: &Shape<'_>) -> &'static str {
    const TRIED: [&str; 14] = [
        "example",
        "Example",
        "EXAMPLE",
        "example-1",
        "a",
        "1",
        "1234",
        "example.com",
        "someone@example.com",
        "https://example.com",
        "192.0.2.1",
        "#00aabb",
        "3f2a1c9e-5b7d-4c60-8e1f-9a0b1c2d3e4f",
        "0123456789abcdef0123456789abcdef",
    ];
    TRIED.into_iter().find(|text| text_fits(text, shape)).unwrap_or("example")
}

fn made_text(shape: &Shape<'_>) -> String {
    let format = shape.keyword("format").and_then(Value::as_str).unwrap_or_default();
    let text = match format {
        "uuid" => "3f2a1c9e-5b7d-4c60-8e1f-9a0b1c2d3e4f",
        "date-time" => "2026-01-02T03:04:05Z",
        "date" => "2026-01-02",
        "email" => "someone@example.com",
        "uri" | "url" => "https://example.com",
        "hostname" => "www.example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        _ => of_pattern(shape),
    };
    let length = |key: &str| {
        let count = shape.keyword(key).and_then(Value::as_u64);
        count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= 1000)
    };
    let padded = length("minLength").map_or(text.to_owned(), |least| {
        let missing = least.saturating_sub(text.chars().count());
        format!("{text}{}", "x".repeat(missing))
    });
    match length("maxLength") {
        Some(most) => padded.chars().take(most.max(1)).collect(),
        None => padded,
    }
}
