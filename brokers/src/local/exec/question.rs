//! What a command reads on standard input:
//! `{ "ref", "name", "id", "input", "previous", "idempotency_key" }`, and `"operation"` while an
//! operation is polled.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use provision::broker::{Address, Previous};
use provision::mask::Mask;
use provision::name::Name;
use provision::value::Resolved;

/// Shorter texts are left readable: they are rather words than secrets.
const SECRET_LENGTH: usize = 8;

/// What is asked about one instance.
pub(super) struct Question<'a> {
    pub(super) address: &'a Address,
    pub(super) id: Option<&'a str>,
    pub(super) params: &'a Resolved,
    pub(super) previous: Option<&'a Previous>,
    pub(super) key: Option<&'a str>,
    pub(super) operation: Option<&'a str>,
}

impl<'a> Question<'a> {
    pub(super) fn new(address: &'a Address, params: &'a Resolved) -> Self {
        Self { address, id: None, params, previous: None, key: None, operation: None }
    }

    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let mut question = json!({
            "ref": self.address.reference,
            "name": self.address.name,
            "id": self.id,
            "input": self.params.get("input"),
            "previous": self.previous.map(|previous| json!({
                "name": previous.name.as_ref().map(Name::as_str),
                "input": previous.params.get("input"),
                "outputs": previous.outputs.0,
            })),
            "idempotency_key": self.key,
        });
        if let (Some(operation), Some(fields)) = (self.operation, question.as_object_mut()) {
            fields.insert("operation".to_owned(), Value::from(operation));
        }
        Zeroizing::new(question.to_string().into_bytes())
    }

    /// Every text the command was given that may be a secret.
    pub(super) fn secrets(&self) -> Mask {
        let given = [self.params.get("input"), self.params.get("env")];
        let mut texts = Vec::new();
        given.into_iter().flatten().for_each(|value| gather(value, &mut texts));
        if let Some(previous) = self.previous {
            let before = [previous.params.get("input"), previous.params.get("env")];
            let values = before.into_iter().flatten().chain(previous.outputs.0.values());
            values.for_each(|value| gather(value, &mut texts));
        }
        texts.retain(|text| self.address.name != *text && self.id != Some(text));
        Mask::of(texts)
    }
}

fn gather<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.len() >= SECRET_LENGTH => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{address, resolved};
    use super::*;

    #[test]
    fn every_text_that_was_given_is_masked_but_the_name() {
        let address = Address { name: Name::from("a-long-name"), ..address("local-exec") };
        let params = resolved(json!({
            "input": { "token": "hunter2-hunter2", "deep": ["hunter2-", "a-long-name"], "n": 5 },
            "env": { "TOKEN": "hunter2-hunter2-more" },
        }));
        let secrets = Question::new(&address, &params).secrets();
        let masked = secrets.text("a-long-name: hunter2-hunter2-more hunter2-hunter2 hunter2- ok");
        assert_eq!(masked, "a-long-name: (sensitive) (sensitive) (sensitive) ok");
    }

    #[test]
    fn what_was_before_is_masked_too() {
        let address = address("local-exec");
        let params = resolved(json!({}));
        let previous =
            Previous { outputs: resolved(json!({ "token": "hunter2-hunter2" })), ..<_>::default() };
        let question = Question { previous: Some(&previous), ..Question::new(&address, &params) };
        assert_eq!(question.secrets().text("hunter2-hunter2!"), "(sensitive)!");
    }
}
