//! Keeps secrets out of what is shown.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provision::broker::BrokerError;
use serde_json::Value;

/// What stands in the place of a secret.
const MASK: &str = "(sensitive)";

/// A shorter text would mask half of everything.
const LENGTH_MIN: usize = 6;

/// Masks the secrets it was told, also where they are encoded.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<BTreeSet<String>>>);

impl Redactor {
    /// From now on `secret` is masked.
    pub fn add(&self, secret: &str) {
        if secret.len() < LENGTH_MIN {
            return;
        }
        let json = Value::from(secret).to_string();
        let forms = [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            super::encode_segment(secret),
            STANDARD.encode(secret),
        ];
        if let Ok(mut known) = self.0.write() {
            known.extend(forms);
        }
    }

    /// From now on every text in `value` is masked.
    pub fn add_value(&self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(map) => map.values().for_each(|value| self.add_value(value)),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// `text` without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let Ok(known) = self.0.read() else { return MASK.to_owned() };
        let mut clean = text.to_owned();
        // The longest first, since one may be a part of another.
        let mut secrets: Vec<&String> = known.iter().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), MASK);
            }
        }
        clean
    }

    /// An error without secrets.
    #[must_use]
    pub fn error(&self, mut error: BrokerError) -> BrokerError {
        error.message = self.text(&error.message);
        error.help = error.help.map(|help| self.text(&help));
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_however_it_is_written() {
        let redactor = Redactor::default();
        redactor.add("s3cr\"et/x");
        for text in ["s3cr\"et/x", "s3cr\\\"et/x", "s3cr%22et%2Fx", "czNjciJldC94"] {
            assert_eq!(redactor.text(&format!("<{text}>")), "<(sensitive)>", "{text}");
        }
    }

    #[test]
    fn short_texts_are_left_alone() {
        let redactor = Redactor::default();
        redactor.add("a");
        assert_eq!(redactor.text("banana"), "banana");
    }
}
