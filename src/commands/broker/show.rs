//! `prov broker show`: what a service takes and yields, and an instance of it.

use brokers::manifest::{Manifest, ParamRule};
use provision::broker::OnChange;
use provision::value::as_text;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// What `prov broker show` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The service, e.g. `cloudflare-d1`
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Print the manifest itself
    #[arg(long)]
    source: bool,
}

/// Runs it.
///
/// # Errors
/// When there is no such service.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let manifest = super::manifest(context, &args.service)?;
    if args.source {
        out(manifest.file.text.trim_end());
    } else if context.global.json {
        view::document(&as_json(&manifest));
    } else {
        for line in text(&manifest) {
            out(line);
        }
    }
    Ok(Exit::Done)
}

fn text(manifest: &Manifest) -> Vec<String> {
    let rules = &manifest.service;
    let mut lines = vec![
        format!("{} · {} · {}", rules.id, manifest.provider.name, rules.kind),
        rules.description.clone(),
    ];
    lines.extend(rules.docs.clone());
    lines.extend(name(manifest));
    lines.push(found(manifest));
    if !rules.params.is_empty() {
        lines.push(String::new());
        let mut rows = vec![["PARAM", "TYPE", "DEFAULT", "CHANGE", ""].map(str::to_owned).to_vec()];
        rows.extend(rules.params.iter().map(row));
        lines.extend(view::table(&rows));
    }
    if !rules.outputs.is_empty() {
        lines.push(String::new());
        let mut rows = vec![["OUTPUT", "TYPE", ""].map(str::to_owned).to_vec()];
        rows.extend(rules.outputs.iter().map(|rule| {
            let kind =
                if rule.sensitive { format!("{}, secret", rule.kind) } else { rule.kind.clone() };
            vec![rule.key.clone(), kind, rule.description.clone()]
        }));
        lines.extend(view::table(&rows));
    }
    lines.push(String::new());
    lines.extend(example(manifest).lines().map(str::to_owned));
    lines
}

fn name(manifest: &Manifest) -> Option<String> {
    let rule = &manifest.service.name;
    let mut text = format!("Its name: {}", rule.description.clone()?);
    if rule.unique {
        text.push_str(" One of a name only.");
    }
    Some(text)
}

/// What happens when the answer to a create is lost.
fn found(manifest: &Manifest) -> String {
    let words = manifest.finding().words();
    if words.is_empty() {
        return "When the answer to its creation is lost: it cannot be found again, and a person \
                is asked."
            .to_owned();
    }
    format!("When the answer to its creation is lost, it is found by: {}.", view::found_by(&words))
}

fn row(rule: &ParamRule) -> Vec<String> {
    let param = &rule.param;
    let mut kind = type_of(rule);
    if param.required {
        kind.push_str(", required");
    }
    if param.sensitive {
        kind.push_str(", secret");
    }
    let mut description = param.description.to_string();
    if !param.allowed.is_empty() {
        let allowed: Vec<String> = param.allowed.iter().map(as_text).collect();
        description.push_str(&format!(" One of {}.", allowed.join(", ")));
    }
    vec![
        param.name.to_string(),
        kind,
        param.default.as_ref().map(Value::to_string).unwrap_or_default(),
        change(param.on_change).to_owned(),
        description,
    ]
}

fn type_of(rule: &ParamRule) -> String {
    if rule.is_folder {
        return "folder".to_owned();
    }
    rule.param.kind.as_str().to_owned()
}

fn change(on_change: OnChange) -> &'static str {
    match on_change {
        OnChange::Update => "in place",
        OnChange::Replace => "replaces",
        OnChange::Ignore => "ignored",
    }
}

/// The word of a manifest for it.
fn word(on_change: OnChange) -> &'static str {
    match on_change {
        OnChange::Update => "update",
        OnChange::Replace => "replace",
        OnChange::Ignore => "ignore",
    }
}

/// An instance of the service as it is written in a config.
fn example(manifest: &Manifest) -> String {
    let rules = &manifest.service;
    let example = &rules.example;
    let thing = &manifest.file.thing;
    let name = example.name.clone().unwrap_or_else(|| thing.clone());
    let mut text = format!(
        "[[instances]]\nref     = {}\nservice = {}\nname    = {}\n",
        toml(&Value::from(thing.as_str())),
        toml(&Value::from(rules.id.as_str())),
        toml(&Value::from(name))
    );
    if !example.params.is_empty() {
        let mut params = example.params.clone();
        for (key, value) in &mut params {
            if rules.param(key).is_some_and(|rule| rule.param.sensitive) {
                *value = Value::from(format!("${{env.{}}}", key.to_uppercase()));
            }
        }
        let entries: Vec<String> = params
            .iter()
            .map(|(key, value)| format!("{} = {}", key_of(key), toml(value)))
            .collect();
        text.push_str(&format!("params  = {{ {} }}\n", entries.join(", ")));
    }
    text
}

/// A value in TOML's inline form, which has no null.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| format!("{} = {}", key_of(key), toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

fn key_of(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.chars().all(is_bare) && !key.is_empty() {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

fn as_json(manifest: &Manifest) -> Value {
    let rules = &manifest.service;
    let params: Vec<Value> = rules
        .params
        .iter()
        .map(|rule| {
            json!({
                "name": rule.param.name,
                "type": type_of(rule),
                "description": rule.param.description,
                "required": rule.param.required,
                "default": rule.param.default,
                "enum": rule.param.allowed,
                "sensitive": rule.param.sensitive,
                "on_change": word(rule.param.on_change),
                "is_shown": rule.read.is_some(),
            })
        })
        .collect();
    let outputs: Vec<Value> = rules
        .outputs
        .iter()
        .map(|rule| {
            json!({
                "key": rule.key,
                "type": rule.kind,
                "description": rule.description,
                "sensitive": rule.sensitive,
                "once": rule.once,
            })
        })
        .collect();
    view::versioned(json!({
        "service": rules.id,
        "provider": manifest.provider.name,
        "kind": rules.kind,
        "description": rules.description,
        "docs": rules.docs,
        "from": manifest.file.origin.as_str(),
        "found_by": manifest.finding().words(),
        "verbs": rules.verbs.keys().collect::<Vec<_>>(),
        "params": params,
        "outputs": outputs,
        "example": { "name": rules.example.name, "params": rules.example.params },
    }))
}
