//! Values that flow between instances: resolved params and outputs, with their secrecy.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use crate::name::Name;

/// What stands in the place of a secret.
pub const MASK: &str = "(sensitive)";

/// Params or outputs with every reference resolved. May hold secrets, so it never prints itself.
#[derive(Clone, Default, PartialEq)]
pub struct Resolved(pub Map<String, Value>);

impl Resolved {
    /// The value under `key`, when there is one that is not null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The text under `key`, when there is one.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One output of an instance as its broker reports it.
#[derive(Clone, PartialEq)]
pub struct Output {
    /// The value, in its JSON type.
    pub value: Value,
    /// Whether the value is a secret: then it is sealed before it is stored and never printed.
    pub sensitive: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str(MASK) } else { self.value.fmt(f) }
    }
}

/// The outputs of an instance by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs(pub BTreeMap<Name, Output>);

impl Outputs {
    /// Adds a plain output.
    #[must_use]
    pub fn with(self, key: &str, value: impl Into<Value>) -> Self {
        self.insert(key, value.into(), false)
    }

    /// Adds a secret output.
    #[must_use]
    pub fn with_secret(self, key: &str, value: impl Into<Value>) -> Self {
        self.insert(key, value.into(), true)
    }

    fn insert(mut self, key: &str, value: Value, sensitive: bool) -> Self {
        self.0.insert(Name::from(key), Output { value, sensitive });
        self
    }
}

/// Overwrites every text in a value, so that no secret stays in memory that was given back.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Drop for Resolved {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.sensitive {
            wipe(&mut self.value);
        }
    }
}

/// Whether two values are the same, 1 and 1.0 included.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|o| same(value, o)))
        }
        _ => one == other,
    }
}

/// The text of a value inside other text: strings as they are, everything else as JSON.
#[must_use]
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
