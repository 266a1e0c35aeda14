//! Answers as a provider's own description has them: what it requires and the manifest does not know of
//! is filled in, as a real provider does.

use serde_json::{Map, Value, json};

use crate::json::merge;
use crate::wire::{Received, Reply};

/// References and schemas are followed no further.
const DEPTH_MAX: usize = 12;

/// A provider's description, for what it says about answers.
pub struct Filler {
    root: Value,
}

/// An operation: the path it has, and what is said of it.
struct Operation<'a> {
    path: &'a str,
    literals: usize,
    node: &'a Value,
}

impl Filler {
    /// From a description in JSON, OpenAPI 3.0.
    pub fn new(root: Value) -> Self {
        Self { root }
    }

    /// The path, as the description writes it, of the operation that a request is.
    pub fn path(&self, method: &str, path: &str) -> Option<&str> {
        self.operation(method, path).map(|operation| operation.path)
    }

    /// The reply with the status that is documented, and with everything that is required.
    pub fn fill(&self, request: &Received, reply: Reply) -> Reply {
        let Reply::Answer { status, headers, body } = reply else { return reply };
        let Some(operation) = self.operation(&request.method, &request.path) else {
            return Reply::Answer { status, headers, body };
        };
        let Some((status, response)) = self.response(operation.node, status) else {
            return Reply::Answer { status, headers, body };
        };
        let contents = response["content"].as_object().into_iter().flatten();
        let schema = contents.filter(|(kind, _)| kind.contains("json")).map(|(_, c)| &c["schema"]);
        let body = match schema.into_iter().next() {
            // Of an answer that the manifest knows nothing of, everything that is described.
            Some(schema) if status != 204 && body.is_null() => self.whole_answer(schema),
            Some(schema) if status != 204 => self.filled(&body, schema, 0),
            _ if response["content"].is_null() => Value::Null,
            _ => body,
        };
        Reply::Answer { status, headers, body }
    }

    fn whole_answer(&self, schema: &Value) -> Value {
        let flat = self.flat(schema, &json!({}), 0);
        let fields = flat["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(name, schema)| (name.clone(), self.sample(schema, 1)));
        self.filled(&Value::Object(fields.collect()), schema, 0)
    }

    fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let given: Vec<&str> = path.split('/').collect();
        let method = method.to_ascii_lowercase();
        let paths = self.root["paths"].as_object()?.iter();
        let fits = paths.filter_map(|(path, item)| {
            let known: Vec<&str> = path.split('/').collect();
            let is_hole = |part: &str| part.contains('{');
            let mut pairs = known.iter().zip(&given);
            let is_same = known.len() == given.len() && pairs.all(|(k, g)| is_hole(k) || k == g);
            let literals = known.iter().filter(|part| !is_hole(part)).count();
            let node = item.get(&method).filter(|_| is_same)?;
            Some(Operation { path, literals, node })
        });
        fits.max_by_key(|operation| operation.literals)
    }

    /// The documented response for a status: its own, any other that says success, or the default.
    fn response<'a>(&'a self, operation: &'a Value, status: u16) -> Option<(u16, &'a Value)> {
        let all = operation["responses"].as_object()?;
        let class = format!("{}XX", status / 100);
        if let Some(own) = all.get(&status.to_string()).or_else(|| all.get(&class)) {
            return Some((status, self.resolve(own)));
        }
        let success = all.iter().find_map(|(known, response)| {
            let known: u16 = known.parse().ok().filter(|known| (200..300).contains(known))?;
            Some((known, self.resolve(response)))
        });
        success
            .filter(|_| status < 300)
            .or_else(|| Some((status, self.resolve(all.get("default")?))))
    }

    fn resolve<'a>(&'a self, mut node: &'a Value) -> &'a Value {
        for _ in 0..DEPTH_MAX {
            let Some(reference) = node["$ref"].as_str() else { break };
            node = self.root.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        }
        node
    }

    /// A schema without references and combinations, as far as it is about `value`.
    fn flat(&self, schema: &Value, value: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        let mut flat = schema.clone();
        if depth > DEPTH_MAX {
            return flat;
        }
        let parts = |key: &str| schema[key].as_array().into_iter().flatten();
        for part in parts("allOf") {
            together(&mut flat, &self.flat(part, value, depth + 1));
        }
        for key in ["oneOf", "anyOf"] {
            let best = parts(key)
                .map(|part| self.flat(part, value, depth + 1))
                .min_by_key(|part| self.misfits(value, part, depth + 1));
            best.iter().for_each(|best| together(&mut flat, best));
        }
        flat
    }

    /// How much of a value is not as a schema has it; what is missing counts, too.
    fn misfits(&self, value: &Value, schema: &Value, depth: usize) -> usize {
        let flat = self.flat(schema, value, depth + 1);
        if depth > DEPTH_MAX {
            return 0;
        }
        let is_listed = flat["enum"].as_array().is_none_or(|values| values.contains(value));
        let own = 4 * usize::from(!is_typed(value, &flat)) + 2 * usize::from(!is_listed);
        let Value::Object(table) = value else { return own };
        let required = flat["required"].as_array().into_iter().flatten();
        let missing = required.filter(|name| !table.contains_key(name.as_str().unwrap_or("")));
        let fields = table.iter().map(|(name, value)| match flat["properties"].get(name) {
            Some(schema) => self.misfits(value, schema, depth + 1),
            None => usize::from(flat["additionalProperties"] == false),
        });
        own + missing.count() + fields.sum::<usize>()
    }

    fn filled(&self, value: &Value, schema: &Value, depth: usize) -> Value {
        let flat = self.flat(schema, value, 0);
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.filled(item, &flat["items"], depth + 1)).collect()
            }
            Value::Object(table) => Value::Object(self.whole(table.clone(), &flat, depth)),
            // A cursor that leads nowhere.
            Value::Null if is_cursor(&flat) => json!(""),
            Value::Null if !is_typed(value, &flat) => self.sample(&flat, depth),
            other => other.clone(),
        }
    }

    fn whole(
        &self,
        mut table: Map<String, Value>,
        flat: &Value,
        depth: usize,
    ) -> Map<String, Value> {
        for (name, value) in &mut table {
            if let Some(schema) = flat["properties"].get(name) {
                *value = self.filled(value, schema, depth + 1);
            }
        }
        for name in flat["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            let schema = flat["properties"].get(name).unwrap_or(&Value::Null);
            if !table.contains_key(name) && depth < DEPTH_MAX {
                table.insert(name.to_owned(), self.sample(schema, depth + 1));
            }
        }
        table
    }

    /// Something that fits a schema.
    fn sample(&self, schema: &Value, depth: usize) -> Value {
        let flat = self.flat(schema, &Value::Null, 0);
        let listed = flat["enum"].as_array().and_then(|values| values.first());
        let said = [&flat["example"], &flat["default"]].into_iter().chain(listed);
        let is_plain =
            |value: &&Value| value.is_string() || value.is_number() || value.is_boolean();
        let fits = |value: &&Value| {
            let listed = flat["enum"].as_array();
            is_typed(value, &flat) && listed.is_none_or(|values| values.contains(value))
        };
        if let Some(value) = said.into_iter().filter(is_plain).find(fits) {
            return value.clone();
        }
        match kind(&flat) {
            "object" => Value::Object(self.whole(Map::new(), &flat, depth)),
            "array" if flat["minItems"].as_u64().unwrap_or(0) > 0 => {
                json!([self.sample(&flat["items"], depth + 1)])
            }
            "array" => json!([]),
            "boolean" => json!(false),
            "integer" | "number" => json!(flat["minimum"].as_i64().unwrap_or(1)),
            "string" => json!(text(&flat)),
            _ => Value::Null,
        }
    }
}

/// Two schemas that both hold: fields and what is required of both, of the rest the first.
fn together(one: &mut Value, other: &Value) {
    let (Value::Object(table), Value::Object(other)) = (one, other) else { return };
    for (key, value) in other {
        match (key.as_str(), table.get_mut(key)) {
            ("properties", Some(known)) => merge(known, value),
            ("required", Some(Value::Array(known))) => {
                known.extend(value.as_array().into_iter().flatten().cloned());
            }
            (_, Some(_)) => {}
            (_, None) => drop(table.insert(key.clone(), value.clone())),
        }
    }
}

fn kind(flat: &Value) -> &str {
    match flat["type"].as_str() {
        Some(kind) => kind,
        None if flat["properties"].is_object() => "object",
        None if !flat["items"].is_null() => "array",
        None => "",
    }
}

fn is_cursor(flat: &Value) -> bool {
    kind(flat) == "string" && flat["enum"].is_null() && !is_typed(&Value::Null, flat)
}

fn is_typed(value: &Value, flat: &Value) -> bool {
    match (kind(flat), value) {
        ("", _) => true,
        (_, Value::Null) => flat["nullable"] == true,
        ("string", value) => value.is_string(),
        ("integer", value) => value.as_i64().is_some() || value.as_u64().is_some(),
        ("number", value) => value.is_number(),
        ("boolean", value) => value.is_boolean(),
        ("array", value) => value.is_array(),
        (_, value) => value.is_object(),
    }
}

fn text(flat: &Value) -> String {
    let pattern = flat["pattern"].as_str().unwrap_or_default().trim_start_matches('^');
    let is_literal = |letter: char| letter.is_ascii_alphanumeric() || "/_-".contains(letter);
    if !pattern.is_empty() && pattern.chars().all(is_literal) {
        return pattern.to_owned();
    }
    let text = match flat["format"].as_str().unwrap_or_default() {
        "date-time" => "2026-01-02T03:04:05Z",
        "date" => "2026-01-02",
        "uuid" => "6f1e4a4c-3d52-4b43-9a5e-0c1d2e3f4a5b",
        "uri" | "url" => "https://example.com/",
        "email" => "someone@example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "hostname" => "example.com",
        _ => "text",
    };
    let least = usize::try_from(flat["minLength"].as_u64().unwrap_or(0)).unwrap_or(0);
    let most = flat["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
    let long = if text.len() < least { "a".repeat(least) } else { text.to_owned() };
    long.chars().take(most.unwrap_or(usize::MAX)).collect()
}
