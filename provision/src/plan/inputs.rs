//! Resolving references: what an instance is really given.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::broker::Service;
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
        Value::Object(map) => {
            let filled = map.iter().map(|(key, item)| Some((key.clone(), fill(item, lookup)?)));
            filled.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        other => Some(other.clone()),
    }
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
    for param in service.map(|service| service.params.as_slice()).unwrap_or_default() {
        if let Some(default) = &param.default
            && params.get(param.name).is_none_or(Value::is_null)
        {
            params.insert(param.name.to_owned(), default.clone());
        }
    }
    params
}

/// The digest of resolved inputs; `None` when they hold an integer that canonical JSON would round.
#[must_use]
pub fn digest_of(name: &str, params: Map<String, Value>, plan: Option<&Name>) -> Option<String> {
    digest::fingerprint(name, &Value::Object(params), plan).ok()
}
