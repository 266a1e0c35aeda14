//! Whether a value is one that a param takes.

use regex_lite::Regex;
use serde_json::Value;

use super::{Param, ParamType};
use crate::name::closest;

impl Param {
    /// What the param takes, when `value` is not that; `found` is what the value is called.
    #[must_use]
    pub fn misfit(&self, value: &Value, found: &str) -> Option<String> {
        type_problem(self, value)
            .map(|expected| format!("{expected}, found {found}"))
            .or_else(|| allowed_problem(self, value))
            .or_else(|| bounds_problem(self, value))
            .or_else(|| pattern_problem(self, value))
    }
}

impl ParamType {
    /// What a value of the type is called.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::String => "a string",
            Self::Path => "a path",
            Self::PathOrList => "a path or a list",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Texts => "a list of strings",
            Self::Map => "a table",
            Self::TextMap => "a table of strings",
        }
    }
}

fn is_type_problem(param: &Param, value: &Value) -> bool {
    let is_text = |value: &Value| value.is_string();
    !match param.kind {
        ParamType::Any => true,
        ParamType::String | ParamType::Path => value.is_string(),
        ParamType::PathOrList => value.is_string() || value.is_array(),
        ParamType::Integer => value.is_i64() || value.is_u64(),
        ParamType::Number => value.is_number(),
        ParamType::Boolean => value.is_boolean(),
        ParamType::List => value.is_array(),
        ParamType::Texts => value.as_array().is_some_and(|items| items.iter().all(is_text)),
        ParamType::Map => value.is_object(),
        ParamType::TextMap => value.as_object().is_some_and(|map| map.values().all(is_text)),
    }
}

fn type_problem(param: &Param, value: &Value) -> Option<String> {
    is_type_problem(param, value).then(|| param.kind.expected().to_owned())
}

fn allowed_problem(param: &Param, value: &Value) -> Option<String> {
    if param.allowed.is_empty() || param.allowed.contains(value) {
        return None;
    }
    let words: Vec<&str> = param.allowed.iter().filter_map(Value::as_str).collect();
    let guess = value.as_str().and_then(|text| closest(text, words.iter().copied()));
    let guess = guess.map(|word| format!(" (did you mean `{word}`?)")).unwrap_or_default();
    Some(format!("one of {}{guess}", words.join(", ")))
}

fn bounds_problem(param: &Param, value: &Value) -> Option<String> {
    let (least, greatest) = param.bounds?;
    let (amount, unit) = match value {
        Value::String(text) => (i64::try_from(text.chars().count()).ok()?, " characters long"),
        Value::Number(number) => (number.as_i64().unwrap_or(i64::MAX), ""),
        _ => return None,
    };
    (amount < least || amount > greatest).then(|| match (least, greatest) {
        (_, i64::MAX) => format!("at least {least}{unit}"),
        (i64::MIN, _) => format!("at most {greatest}{unit}"),
        _ => format!("{least} to {greatest}{unit}"),
    })
}

fn pattern_problem(param: &Param, value: &Value) -> Option<String> {
    let (pattern, text) = (param.pattern.as_deref()?, value.as_str()?);
    let regex = Regex::new(&format!("^(?:{pattern})$")).ok()?;
    (!regex.is_match(text)).then(|| format!("like `{pattern}`"))
}
