//! A good request made bad in one place at a time: whoever accepts all of them judges nothing.

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::judge::Verdict;
use crate::wire::Message;

/// How many bad requests were sent, and which of them were taken for good ones.
#[derive(Default)]
pub struct Mutations {
    pub tried: usize,
    pub refused: usize,
    pub survivors: Vec<String>,
}

impl Mutations {
    pub fn add(&mut self, more: Self) {
        self.tried += more.tried;
        self.refused += more.refused;
        self.survivors.extend(more.survivors);
    }
}

/// Sends `request` with each field of its body misspelt, of a wrong type and, where the description
/// requires it, missing. A description that is not closed lets a field that it does not require be
/// misspelt.
pub fn mutate(
    (description, is_closed): (&Value, bool),
    request: &Message,
    judge: impl Fn(&Message) -> Verdict,
) -> Mutations {
    let mut mutations = Mutations::default();
    let kind = request.header("content-type").unwrap_or_default();
    let required = required(description, request, kind);
    let mutants = match request.json() {
        Value::Object(body) => of_table(&body, &required),
        Value::Array(items) => {
            let first = items.first().and_then(Value::as_object).cloned().unwrap_or_default();
            let mutants = of_table(&first, &required).into_iter();
            mutants.map(|(what, body)| (what, format!("[{body}]"))).collect()
        }
        _ if kind.contains("form-urlencoded") => of_form(&request.text(), &required),
        _ => Vec::new(),
    };
    let is_misspelt = |what: &str| {
        let field = what.strip_prefix("with `").and_then(|field| field.strip_suffix("x`"));
        field.is_some_and(|field| !required.iter().any(|name| name == field))
    };
    for (what, body) in mutants.into_iter().filter(|(what, _)| is_closed || !is_misspelt(what)) {
        let mutant = Message { body: body.into_bytes(), ..request.clone() };
        mutations.tried += 1;
        match judge(&mutant) {
            Verdict::Refused(_) => mutations.refused += 1,
            _ => mutations.survivors.push(format!("survived: {} {what}", request.path())),
        }
    }
    mutations
}

fn of_table(body: &Map<String, Value>, required: &[String]) -> Vec<(String, String)> {
    let mut mutants = Vec::new();
    for (field, value) in body {
        let mut without = body.clone();
        without.shift_remove(field);
        if required.contains(field) {
            mutants.push((format!("without `{field}`"), json!(without).to_string()));
        }
        without.insert(format!("{field}x"), value.clone());
        mutants.push((format!("with `{field}x`"), json!(without).to_string()));
        let mut wrong = body.clone();
        wrong.insert(field.clone(), of_wrong_type(value));
        mutants.push((format!("with `{field}` of a wrong type"), json!(wrong).to_string()));
    }
    mutants
}

/// A form has texts only: of a wrong type is what should be a number.
fn of_form(body: &str, required: &[String]) -> Vec<(String, String)> {
    let pairs: Vec<(&str, &str)> =
        body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let joined = |pairs: Vec<(String, &str)>| {
        let pairs = pairs.iter().map(|(field, value)| format!("{field}={value}"));
        pairs.collect::<Vec<_>>().join("&")
    };
    let mut mutants = Vec::new();
    for (place, (field, value)) in pairs.iter().enumerate() {
        let with = |name: Option<&str>, value| {
            let all = pairs.iter().enumerate().filter_map(|(at, (field, old))| match at == place {
                true => Some((name?.to_owned(), value)),
                false => Some(((*field).to_owned(), *old)),
            });
            joined(all.collect())
        };
        if required.iter().any(|name| name == field) {
            mutants.push((format!("without `{field}`"), with(None, "")));
        }
        mutants.push((format!("with `{field}x`"), with(Some(&format!("{field}x")), value)));
        if value.parse::<i64>().is_ok() {
            mutants.push((format!("with `{field}` of a wrong type"), with(Some(field), "wrong")));
        }
    }
    mutants
}

fn of_wrong_type(value: &Value) -> Value {
    match value {
        Value::Object(_) => json!("wrong"),
        _ => json!({ "wrong": ["wrong"] }),
    }
}

/// The fields that the description requires in the body of a request.
fn required(description: &Value, request: &Message, kind: &str) -> Vec<String> {
    let Some(operation) = operation(description, request) else { return Vec::new() };
    let body = resolved(description, &operation["requestBody"]);
    let mut required = Vec::new();
    let schema = resolved(description, &body["content"][kind]["schema"]);
    let schema = if schema["items"].is_object() { &schema["items"] } else { schema };
    collect(description, schema, &mut required);
    required
}

fn collect(description: &Value, schema: &Value, required: &mut Vec<String>) {
    let schema = resolved(description, schema);
    let names = schema["required"].as_array().into_iter().flatten();
    required.extend(names.filter_map(|name| name.as_str().map(str::to_owned)));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(description, part, required);
    }
}

fn resolved<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|pointer| description.pointer(pointer)).unwrap_or(value)
}

fn operation<'a>(description: &'a Value, request: &Message) -> Option<&'a Value> {
    let variable = Regex::new(r"\\\{[^}]+\\\}").ok()?;
    let method = request.method().to_ascii_lowercase();
    let fits = |path: &str| {
        let pattern = regex_lite::escape(path);
        let pattern = variable.replace_all(&pattern, "[^/]+");
        Regex::new(&format!("^{pattern}$")).is_ok_and(|regex| regex.is_match(request.path()))
    };
    let mut paths: Vec<_> = description["paths"].as_object()?.iter().collect();
    paths.sort_by_key(|(path, _)| path.matches('{').count());
    let (_, item) =
        paths.into_iter().find(|(path, item)| fits(path) && item.get(&method).is_some())?;
    item.get(&method)
}
