//! A whole description cut down to what the manifests of its provider send: Prism reads it in a
//! moment, and closed request bodies refuse a field that is misspelt.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};

use brokers::manifest::Manifest;
use serde_json::{Map, Value, json};

use crate::prism::{path, providers};

/// What of a path is about all of its operations.
const SHARED: [&str; 2] = ["parameters", "servers"];

/// What the documentation says to accept, of which the description knows the plain JSON only.
const MEDIA: [(&str, &str); 1] = [("github", "application/vnd.github+json")];

/// Fields of JSON bodies that the description forgets, as `lint.toml` says why: provider, path,
/// method, field, type. What is excused instead would excuse the rest of its request.
const FORGOTTEN: [(&str, &str, &str, &str, &str); 1] =
    [("github", "/repos/{owner}/{repo}", "patch", "has_discussions", "boolean")];

/// A folder with cuts of the descriptions in `folder`, as files of the same names.
pub fn cuts(folder: &Path) -> Result<PathBuf, String> {
    static CUTS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    CUTS.get_or_init(|| write(folder).map_err(|error| error.to_string())).clone()
}

fn write(folder: &Path) -> io::Result<PathBuf> {
    let cuts = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuts");
    fs::create_dir_all(&cuts)?;
    for (provider, manifests) in providers() {
        let name = format!("{provider}.json");
        let (from, to) = (folder.join(&name), cuts.join(&name));
        if !from.is_file() {
            // What an earlier run left would prove what is not at hand any more.
            drop(fs::remove_file(to));
            continue;
        }
        let mut cut = cut(&serde_json::from_slice(&fs::read(from)?)?, &manifests);
        repair(&mut cut, &provider);
        // Prism starts again when its file changes, also that of another run.
        if fs::read_to_string(&to).ok() != Some(cut.to_string()) {
            fs::write(to, cut.to_string())?;
        }
    }
    Ok(cuts)
}

/// The operations that `manifests` use and what these refer to, with closed request bodies.
fn cut(whole: &Value, manifests: &[Manifest]) -> Value {
    let used = used(manifests);
    let mut paths = Map::new();
    for (path, item) in whole["paths"].as_object().into_iter().flatten() {
        let shape = shape(path);
        let is_used = |method: &str| used.contains(&(method.to_ascii_uppercase(), shape.clone()));
        let mut item = item.as_object().cloned().unwrap_or_default();
        item.retain(|key, _| SHARED.contains(&key.as_str()) || is_used(key));
        if item.keys().any(|key| is_used(key)) {
            paths.insert(path.clone(), Value::Object(item));
        }
    }
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations {
        let contents = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        let contents = contents.into_iter().flat_map(Map::values_mut);
        contents.filter_map(|content| content.get_mut("schema")).for_each(close);
    }
    let paths = Value::Object(paths);
    let components = referred(whole, &paths);
    json!({
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": whole["servers"],
        "paths": paths,
        "components": components,
    })
}

/// The methods and paths of the manifests, with `*` for what an expression stands for.
fn used(manifests: &[Manifest]) -> BTreeSet<(String, String)> {
    let verbs = manifests.iter().flat_map(|manifest| manifest.service.verbs.values());
    let params = manifests.iter().flat_map(|manifest| &manifest.service.params);
    let known = params.filter_map(|rule| Some(&rule.known.as_ref()?.request));
    let requests = verbs.flat_map(|verb| verb.requests()).chain(known);
    requests.map(|request| (request.method.clone(), path(&request.path))).collect()
}

/// A described path, with `*` for each variable.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The components that `paths` refer to, and those that these do.
fn referred(whole: &Value, paths: &Value) -> Value {
    let mut components = Map::new();
    let mut pending = references(paths);
    while let Some(reference) = pending.pop() {
        let Some((kind, name)) = component(&reference) else { continue };
        let kinds = components.entry(kind).or_insert_with(|| json!({}));
        if kinds.get(name).is_none() {
            kinds[name] = whole["components"][kind][name].clone();
            pending.extend(references(&kinds[name]));
        }
    }
    Value::Object(components)
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn component(reference: &str) -> Option<(&str, &str)> {
    reference.strip_prefix("#/components/")?.split_once('/')
}

/// Lets a schema take the fields that it names and no others.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        fields.entry("additionalProperties").or_insert(json!(false));
    }
    for key in ["anyOf", "oneOf"] {
        let variants = fields.get_mut(key).and_then(Value::as_array_mut);
        variants.into_iter().flatten().for_each(close);
    }
    fields.get_mut("items").into_iter().for_each(close);
}

/// Adds what the description of a provider leaves out.
fn repair(cut: &mut Value, provider: &str) {
    for (_, path, method, field, kind) in FORGOTTEN.iter().filter(|(of, ..)| *of == provider) {
        let body = &mut cut["paths"][path][method]["requestBody"]["content"]["application/json"];
        body["schema"]["properties"][field] = json!({ "type": kind });
    }
    for (_, media) in MEDIA.iter().filter(|(of, _)| *of == provider) {
        answer_as(media, &mut cut["components"]["responses"]);
        let items = cut["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
        for operation in items.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            operation.get_mut("responses").into_iter().for_each(|all| answer_as(media, all));
        }
    }
}

/// Lets the responses that are JSON come as `media` too.
fn answer_as(media: &str, responses: &mut Value) {
    for response in responses.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(contents) = response.get_mut("content").and_then(Value::as_object_mut) else {
            continue;
        };
        if let Some(json) = contents.get("application/json").cloned() {
            contents.insert(media.to_owned(), json);
        }
    }
}
