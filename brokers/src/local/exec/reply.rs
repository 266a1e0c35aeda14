//! What a command prints: `{ "id", "outputs": { key: value }, "sensitive": [key], "state",
//! "operation", "description" }`, every field optional, or `null` when there is nothing.
//!
//! It is read by hand, since serde's errors repeat values that may be secrets.

use serde_json::{Map, Value};

use provision::name;
use provision::value::Outputs;

use super::Verb;

/// What a command says.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) id: Option<String>,
    pub(super) outputs: Outputs,
    pub(super) state: Option<State>,
    pub(super) operation: Option<String>,
    pub(super) description: Option<String>,
}

/// How an operation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Succeeded,
    InProgress,
    Failed,
}

/// The reply in `printed`, `None` when it is `null`.
///
/// A command that changes something may print nothing; for one that looks, that could mean anything.
pub(super) fn parse(verb: Verb, printed: &[u8]) -> Result<Option<Reply>, String> {
    let looks = matches!(verb, Verb::Read | Verb::Find);
    if printed.trim_ascii().is_empty() {
        return if looks { Err("nothing at all".to_owned()) } else { Ok(Some(Reply::default())) };
    }
    let value = serde_json::from_slice(printed).map_err(|error| error.to_string())?;
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => reply(fields).map(Some),
        _ => Err("it is neither an object nor `null`".to_owned()),
    }
}

fn reply(fields: Map<String, Value>) -> Result<Reply, String> {
    let mut reply = Reply::default();
    let (mut outputs, mut sensitive) = (Map::new(), Vec::new());
    for (field, value) in fields {
        match (field.as_str(), value) {
            (_, Value::Null) => {}
            ("id", Value::Number(id)) => reply.id = Some(id.to_string()),
            ("id", value) => reply.id = Some(text("id", value)?),
            ("operation", value) => reply.operation = Some(text("operation", value)?),
            ("description", value) => reply.description = Some(text("description", value)?),
            ("state", value) => reply.state = Some(state(&text("state", value)?)?),
            ("outputs", Value::Object(values)) => outputs = values,
            ("outputs", _) => return Err("`outputs` is not an object".to_owned()),
            ("sensitive", value) => sensitive = keys(value)?,
            (other, _) => return Err(format!("there is no field `{other}`")),
        }
    }
    reply.outputs = seal(outputs, &sensitive)?;
    Ok(reply)
}

fn text(field: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("`{field}` is not a text")),
    }
}

fn state(text: &str) -> Result<State, String> {
    match text {
        "succeeded" => Ok(State::Succeeded),
        "in progress" => Ok(State::InProgress),
        "failed" => Ok(State::Failed),
        _ => Err("`state` is not `succeeded`, `in progress` or `failed`".to_owned()),
    }
}

fn keys(value: Value) -> Result<Vec<String>, String> {
    let wrong = || "`sensitive` is not a list of output keys".to_owned();
    let Value::Array(values) = value else { return Err(wrong()) };
    values.into_iter().map(|value| text("sensitive", value).map_err(|_| wrong())).collect()
}

// A misspelt key would leave the secret it means in clear, so it has to name an output.
fn seal(values: Map<String, Value>, sensitive: &[String]) -> Result<Outputs, String> {
    if let Some(key) = sensitive.iter().find(|key| !values.contains_key(*key)) {
        return Err(format!("`sensitive` names `{key}`, which is not among the outputs"));
    }
    let mut outputs = Outputs::default();
    for (key, value) in values {
        if !name::is_key(&key) {
            return Err(format!("`{key}` cannot be the key of an output"));
        }
        let secret = sensitive.contains(&key);
        outputs = if secret { outputs.with_secret(&key, value) } else { outputs.with(&key, value) };
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(value: &Value) -> Result<Option<Reply>, String> {
        parse(Verb::Create, value.to_string().as_bytes())
    }

    #[test]
    fn every_field_is_read() {
        let reply = said(&json!({
            "id": 7, "outputs": { "a": 1, "b": "x" }, "sensitive": ["b"], "state": "in progress",
            "operation": "op", "description": "soon",
        }));
        let reply = reply.unwrap().unwrap();
        assert_eq!(reply.id.as_deref(), Some("7"));
        assert_eq!(reply.outputs, Outputs::default().with("a", 1).with_secret("b", "x"));
        assert_eq!(reply.state, Some(State::InProgress));
        assert_eq!(reply.operation.as_deref(), Some("op"));
        assert_eq!(reply.description.as_deref(), Some("soon"));
    }

    #[test]
    fn nothing_printed_is_an_answer_only_to_what_changes_something() {
        assert!(parse(Verb::Delete, b" \n").unwrap().is_some());
        assert!(parse(Verb::Read, b"").is_err());
        assert!(parse(Verb::Read, b"null\n").unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        for (value, expected) in [
            (json!([1]), "it is neither an object nor `null`"),
            (json!({ "id": ["hunter2"] }), "`id` is not a text"),
            (
                json!({ "state": "hunter2" }),
                "`state` is not `succeeded`, `in progress` or `failed`",
            ),
            (json!({ "outputs": "hunter2" }), "`outputs` is not an object"),
            (json!({ "output": {} }), "there is no field `output`"),
            (json!({ "sensitive": "b" }), "`sensitive` is not a list of output keys"),
            (
                json!({ "sensitive": ["b"] }),
                "`sensitive` names `b`, which is not among the outputs",
            ),
            (json!({ "outputs": { "a b": 1 } }), "`a b` cannot be the key of an output"),
        ] {
            assert_eq!(said(&value).unwrap_err(), expected);
        }
        let error = parse(Verb::Create, b"{\"outputs\": hunter2}").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
