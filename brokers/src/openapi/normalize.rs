//! Brings the dialects of descriptions to one: Swagger 2.0 to OpenAPI 3, flat forms to nested ones.

use serde_json::{Map, Value, json};

use super::description::METHODS;

const FORM: &str = "application/x-www-form-urlencoded";

/// Brings `root` to the form of OpenAPI 3.
pub(super) fn normalize(root: &mut Value) {
    let is_old = root.get("swagger").is_some();
    if is_old {
        modernize(root);
    }
    let shared = root.get("parameters").cloned().unwrap_or_default();
    let (consumes, produces) = (types(root, "consumes"), types(root, "produces"));
    let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for item in paths.values_mut() {
        let common = item.get("parameters").cloned().unwrap_or_default();
        for method in METHODS {
            let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) else {
                continue;
            };
            if is_old {
                let consumes = own_types(operation, "consumes").unwrap_or_else(|| consumes.clone());
                let produces = own_types(operation, "produces").unwrap_or_else(|| produces.clone());
                take_body(operation, &common, &shared, &consumes);
                give_content(operation, &produces);
            }
            nest_form(operation);
        }
    }
}

fn types(node: &Value, key: &str) -> Vec<String> {
    let standard = || vec!["application/json".to_owned()];
    node.as_object().and_then(|node| own_types(node, key)).unwrap_or_else(standard)
}

fn own_types(node: &Map<String, Value>, key: &str) -> Option<Vec<String>> {
    let types = node.get(key)?.as_array()?;
    let types: Vec<String> =
        types.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
    (!types.is_empty()).then_some(types)
}

/// Servers and security schemes to where OpenAPI 3 has them; references still lead to the old places.
fn modernize(root: &mut Value) {
    let text = |key: &str| root.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (host, base) = (text("host"), text("basePath"));
    let schemes = root.get("schemes").and_then(Value::as_array);
    let is_https = schemes.is_none_or(|schemes| schemes.contains(&json!("https")));
    let url = match (host.is_empty(), is_https) {
        (true, _) => base,
        (false, true) => format!("https://{host}{base}"),
        (false, false) => format!("http://{host}{base}"),
    };
    let mut security = root.get("securityDefinitions").cloned().unwrap_or(json!({}));
    for scheme in security.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if scheme.get("type") == Some(&json!("basic")) {
            *scheme = json!({ "type": "http", "scheme": "basic" });
        }
    }
    let Some(root) = root.as_object_mut() else { return };
    root.insert("servers".to_owned(), json!([{ "url": url }]));
    root.insert("components".to_owned(), json!({ "securitySchemes": security }));
}

/// Parameters in the body to a request body.
fn take_body(
    operation: &mut Map<String, Value>,
    common: &Value,
    shared: &Value,
    consumes: &[String],
) {
    let own = operation.get("parameters").cloned().unwrap_or_default();
    let all = own.as_array().into_iter().chain(common.as_array()).flatten();
    let named = all.map(|parameter| referred(parameter, shared));
    let (mut body, mut form, mut required) = (None, Map::new(), Vec::new());
    let mut is_upload = false;
    for parameter in named {
        let is_required = parameter.get("required") == Some(&json!(true));
        match parameter.get("in").and_then(Value::as_str) {
            Some("body") if body.is_none() => {
                let schema = parameter.get("schema").cloned().unwrap_or(json!({}));
                body = Some((schema, is_required));
            }
            Some("formData") => {
                let Some(name) = parameter.get("name").and_then(Value::as_str) else { continue };
                is_upload |= parameter.get("type") == Some(&json!("file"));
                let mut schema = parameter.clone();
                if let Some(schema) = schema.as_object_mut() {
                    schema.retain(|key, _| key != "required" && key != "in" && key != "name");
                }
                form.insert(name.to_owned(), schema);
                required.extend(is_required.then(|| json!(name)));
            }
            _ => {}
        }
    }
    let is_form = body.is_none() && !form.is_empty();
    let (schema, is_required) = match body {
        Some(body) => body,
        None if !is_form => return,
        None => {
            let is_required = !required.is_empty();
            (json!({ "type": "object", "properties": form, "required": required }), is_required)
        }
    };
    let kinds = match (is_form, is_upload) {
        (true, true) => vec!["multipart/form-data".to_owned()],
        (true, false) => vec![FORM.to_owned(), "multipart/form-data".to_owned()],
        (false, _) => consumes.to_vec(),
    };
    let content: Map<String, Value> =
        kinds.into_iter().map(|kind| (kind, json!({ "schema": schema }))).collect();
    let body = json!({ "required": is_required, "content": content });
    operation.insert("requestBody".to_owned(), body);
}

fn referred<'a>(parameter: &'a Value, shared: &'a Value) -> &'a Value {
    let name = parameter.get("$ref").and_then(Value::as_str);
    let name = name.and_then(|reference| reference.strip_prefix("#/parameters/"));
    name.and_then(|name| shared.get(name)).unwrap_or(parameter)
}

/// Schemas of answers to contents of answers.
fn give_content(operation: &mut Map<String, Value>, produces: &[String]) {
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for response in responses.into_iter().flat_map(|map| map.values_mut()) {
        let Some(response) = response.as_object_mut() else { continue };
        let Some(schema) = response.remove("schema") else { continue };
        let contents = produces.iter().map(|kind| (kind.clone(), json!({ "schema": schema })));
        let contents: Map<String, Value> = contents.collect();
        response.insert("content".to_owned(), Value::Object(contents));
    }
}

/// A form described by flat keys, `^recurring\[interval\]$`, to the object those keys are made of.
fn nest_form(operation: &mut Map<String, Value>) {
    let content = operation.get_mut("requestBody").and_then(|body| body.get_mut("content"));
    let Some(schema) = content
        .and_then(|content| content.get_mut(FORM))
        .and_then(|form| form.get_mut("schema"))
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    let of = |key: &str| schema.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let patterns = of("patternProperties");
    if !patterns.keys().all(|pattern| segments(pattern).is_some()) || patterns.is_empty() {
        return;
    }
    let mut root = Field::default();
    for (name, field) in of("properties") {
        let path = segments(&name).unwrap_or_else(|| vec![Segment::Key(name.clone())]);
        root.add(&path, field);
    }
    for (pattern, field) in patterns {
        root.add(&segments(&pattern).unwrap_or_default(), field);
    }
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in names.filter_map(Value::as_str) {
        root.require(&segments(name).unwrap_or_default());
    }
    let is_closed = schema.get("additionalProperties") == Some(&json!(false));
    if let Value::Object(mut nested) = root.schema() {
        if !is_closed {
            nested.remove("additionalProperties");
        }
        *schema = nested;
    }
}

/// A part of a flat key.
#[derive(Clone, Debug, PartialEq)]
enum Segment {
    /// A name.
    Key(String),
    /// Any name.
    Any,
    /// A place in a list.
    Index,
}

/// The parts of `a[b]`, or of a pattern such as `^a\[[^\]]+\]\[\d*\]$`.
fn segments(key: &str) -> Option<Vec<Segment>> {
    let text = key.trim_start_matches('^').trim_end_matches('$');
    let text = text.replace("[^\\]]+", "*").replace("\\d*", "#").replace("\\d+", "#");
    let text = text.replace('\\', "");
    let (first, rest) = match text.find('[') {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let mut found = vec![Segment::Key(first.to_owned())];
    let mut rest = rest;
    while !rest.is_empty() {
        let (inner, behind) = rest.strip_prefix('[')?.split_once(']')?;
        found.push(match inner {
            "*" => Segment::Any,
            "" | "#" => Segment::Index,
            name => Segment::Key(name.to_owned()),
        });
        rest = behind;
    }
    let is_plain = |c: char| c.is_alphanumeric() || "_-.:*#".contains(c);
    let is_sound = |segment: &Segment| match segment {
        Segment::Key(name) => !name.is_empty() && name.chars().all(is_plain),
        _ => true,
    };
    found.iter().all(is_sound).then_some(found)
}

/// What is known of one key of a form.
#[derive(Default)]
struct Field {
    own: Vec<Value>,
    keys: Map<String, Value>,
    fields: Vec<(String, Field)>,
    any: Option<Box<Field>>,
    items: Option<Box<Field>>,
    required: Vec<Value>,
}

impl Field {
    fn add(&mut self, path: &[Segment], schema: Value) {
        let Some((first, rest)) = path.split_first() else {
            self.own.push(schema);
            return;
        };
        let inner = match first {
            Segment::Key(name) => self.field(name),
            Segment::Any => Some(&mut **self.any.get_or_insert_default()),
            Segment::Index => Some(&mut **self.items.get_or_insert_default()),
        };
        if let Some(inner) = inner {
            inner.add(rest, schema);
        }
    }

    fn require(&mut self, path: &[Segment]) {
        let Some((Segment::Key(name), rest)) = path.split_first() else { return };
        self.required.push(json!(name));
        if let Some(field) = self.field(name) {
            field.require(rest);
        }
    }

    fn field(&mut self, name: &str) -> Option<&mut Self> {
        if !self.keys.contains_key(name) {
            self.keys.insert(name.to_owned(), json!(self.fields.len()));
            self.fields.push((name.to_owned(), Self::default()));
        }
        let at = self.keys.get(name)?.as_u64()?;
        self.fields.get_mut(usize::try_from(at).ok()?).map(|(_, field)| field)
    }

    fn schema(self) -> Value {
        let mut kinds = self.own;
        if let Some(items) = self.items {
            kinds.push(json!({ "type": "array", "items": items.schema() }));
        }
        if !self.fields.is_empty() || self.any.is_some() {
            let rest = self.any.map_or(json!(false), |any| any.schema());
            let fields: Map<String, Value> =
                self.fields.into_iter().map(|(name, field)| (name, field.schema())).collect();
            kinds.push(json!({
                "type": "object",
                "properties": fields,
                "required": self.required,
                "additionalProperties": rest,
            }));
        }
        match kinds.len() {
            1 => kinds.swap_remove(0),
            _ => json!({ "anyOf": kinds }),
        }
    }
}
