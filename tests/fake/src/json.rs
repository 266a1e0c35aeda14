//! Values: places in them, one merged over another, and how alike two of them are.

use provision::value::as_text;
use serde_json::{Map, Value};

/// What is at a place.
pub fn get<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

/// Puts a value at a place, making tables on the way.
pub fn put(whole: &mut Value, path: &[&str], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *whole = value;
        return;
    };
    if let Value::Array(items) = whole {
        if let Some(item) = key.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
            put(item, rest, value);
        }
        return;
    }
    if !whole.is_object() {
        *whole = Value::Object(Map::new());
    }
    if let Value::Object(table) = whole {
        put(table.entry((*key).to_owned()).or_insert(Value::Null), rest, value);
    }
}

/// Merges a value over another: tables entry by entry, everything else as a whole.
pub fn merge(whole: &mut Value, over: &Value) {
    match (whole, over) {
        (Value::Object(table), Value::Object(over)) => {
            for (key, value) in over {
                merge(table.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (whole, over) => *whole = over.clone(),
    }
}

/// Whether two values are the same, 1 and 1.0 included; `as_texts` where one side went through a
/// form or a query, so that all its leaves are text.
pub fn same(one: &Value, other: &Value, as_texts: bool) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| same(one, other, as_texts))
        }
        (Value::Array(items), Value::Object(table)) if as_texts => {
            items.len() == table.len()
                && items.iter().enumerate().all(|(at, item)| {
                    table.get(&at.to_string()).is_some_and(|other| same(item, other, true))
                })
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| {
                    other.get(key).is_some_and(|other| same(value, other, as_texts))
                })
        }
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Null, Value::String(text)) => as_texts && text.is_empty(),
        (one, other) => one == other || (as_texts && as_text(one) == as_text(other)),
    }
}

/// Whether every entry of a table is in another just so; of other values, whether they are the same.
pub fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(key, value)| whole.get(key) == Some(value))
        }
        _ => part == whole,
    }
}

/// Every text in a value.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(table) => table.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
