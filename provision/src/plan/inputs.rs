//! Resolving references: what an instance is really given.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::broker::{OnChange, Service};
use crate::config::InstanceSpec;
use crate::config::expression::{self, Expression, Segment};
use crate::digest;
use crate::name::Name;
use crate::value::as_text;

/// Where values come from.
pub struct Lookup<'a> {
    /// The output of an instance; `None` when it is not known (yet).
    pub output: &'a dyn Fn(&str, &str) -> Option<Value>,
    /// The environment.
    pub env: &'a BTreeMap<Name, String>,
}

/// `value` with every reference filled in; `None` when one of them is not known.
#[must_use]
pub fn fill(value: &Value, lookup: &Lookup<'_>) -> Option<Value> {
    match value {
        Value::String(text) => fill_text(text, lookup),
        Value::Array(items) => {
            items.iter().map(|item| fill(item, lookup)).collect::<Option<Vec<_>>>().map(Value::from)
        }
        Value::Object(map) => fill_map(map, lookup).map(Value::Object),
        other => Some(other.clone()),
    }
}

fn fill_map(map: &Map<String, Value>, lookup: &Lookup<'_>) -> Option<Map<String, Value>> {
    map.iter().map(|(key, item)| Some((key.clone(), fill(item, lookup)?))).collect()
}

fn fill_text(text: &str, lookup: &Lookup<'_>) -> Option<Value> {
    if !text.starts_with('@') && !text.contains("${") {
        return Some(Value::from(text));
    }
    match expression::parse(text) {
        Ok(Expression::Literal(literal)) => Some(Value::from(literal.into_owned())),
        Ok(Expression::Reference(output)) => (lookup.output)(output.reference, output.key),
        Ok(Expression::Template(segments)) => {
            let parts = segments.iter().map(|segment| match segment {
                Segment::Text(text) => Some((*text).to_owned()),
                Segment::Output(output) => {
                    (lookup.output)(output.reference, output.key).as_ref().map(as_text)
                }
                Segment::Env(name) => lookup.env.get(*name).cloned(),
                Segment::Var(_) | Segment::Stage => None,
            });
            parts.collect::<Option<String>>().map(Value::from)
        }
        Err(_) => None,
    }
}

/// Params with the service's defaults where none is given.
#[must_use]
pub fn with_defaults(params: &Map<String, Value>, service: Option<&Service>) -> Map<String, Value> {
    let mut params = params.clone();
    add_defaults(&mut params, service);
    params
}

fn add_defaults(params: &mut Map<String, Value>, service: Option<&Service>) {
    for param in service.map(|service| service.params.as_slice()).unwrap_or_default() {
        if let Some(default) = &param.default
            && params.get(&*param.name).is_none_or(Value::is_null)
        {
            params.insert(param.name.to_string(), default.clone());
        }
    }
}

/// What an instance is given, as digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Of everything.
    pub digest: String,
    /// Of what cannot change in place; `None` when everything can.
    pub identity: Option<String>,
}

/// The inputs of `spec`; `None` when something it reads is not known.
#[must_use]
pub fn of(
    spec: &InstanceSpec,
    service: Option<&Service>,
    lookup: &Lookup<'_>,
    contents: Option<&str>,
) -> Option<Inputs> {
    let name = fill(&Value::from(spec.name.as_str()), lookup)?;
    let mut params = fill_map(&spec.params, lookup)?;
    add_defaults(&mut params, service);
    let identity = digest_fixed(&as_text(&name), &params, service);
    if let Some(contents) = contents {
        params.insert("$contents".to_owned(), Value::from(contents));
    }
    let digest = digest::fingerprint(&as_text(&name), &params, spec.plan.as_ref()).ok()?;
    Some(Inputs { digest, identity })
}

/// The digest of what cannot change in place, also when something else that `spec` reads is not known;
/// `None` when part of it is not known, or everything can change.
#[must_use]
pub fn identity_of(
    spec: &InstanceSpec,
    service: Option<&Service>,
    lookup: &Lookup<'_>,
) -> Option<String> {
    let is_named = service?.on_rename == OnChange::Replace;
    let name = fill(&Value::from(spec.name.as_str()), lookup);
    let name = if is_named { name? } else { Value::Null };
    let mut params = with_defaults(&spec.params, service);
    let is_fixed =
        |key: &str| service?.param(key).map(|param| param.on_change == OnChange::Replace);
    params.retain(|key, _| is_fixed(key) == Some(true));
    digest_fixed(&as_text(&name), &fill_map(&params, lookup)?, service)
}

fn digest_fixed(
    name: &str,
    params: &Map<String, Value>,
    service: Option<&Service>,
) -> Option<String> {
    let service = service?;
    let mut fixed = Map::new();
    for param in service.params.iter().filter(|param| param.on_change == OnChange::Replace) {
        let value = params.get(&*param.name).cloned().unwrap_or_default();
        fixed.insert(param.name.to_string(), value);
    }
    if service.on_rename == OnChange::Replace {
        fixed.insert("$name".to_owned(), Value::from(name));
    }
    if fixed.is_empty() {
        return None;
    }
    digest::of(&Value::Object(fixed)).ok()
}
