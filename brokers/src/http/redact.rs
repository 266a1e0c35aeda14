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

/// Fields that hold secrets at any provider.
const SECRET_FIELDS: [&str; 5] = ["password", "secret", "token", "jwt", "private_key"];

/// Masks the secrets it was told, also where they are encoded.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<BTreeSet<String>>>,
    fields: Arc<RwLock<BTreeSet<String>>>,
}

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
            super::encode_query(secret),
            STANDARD.encode(secret),
        ];
        if let Ok(mut known) = self.known.write() {
            known.extend(forms);
        }
    }

    /// From now on fields of this name are masked in bodies, whatever they hold: a secret is in an
    /// answer before anybody knows it.
    pub fn add_field(&self, name: &str) {
        if let Ok(mut fields) = self.fields.write() {
            fields.insert(name.to_owned());
        }
    }

    /// A body without secrets, as text.
    #[must_use]
    pub fn body(&self, body: &[u8]) -> String {
        match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                self.mask(&mut value);
                self.text(&value.to_string())
            }
            Err(_) => self.text(&String::from_utf8_lossy(body)),
        }
    }

    fn mask(&self, value: &mut Value) {
        let Ok(fields) = self.fields.read() else { return };
        let is_secret = |key: &str| {
            let is_common = SECRET_FIELDS.iter().any(|name| key.eq_ignore_ascii_case(name));
            is_common || fields.contains(key)
        };
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(text) if is_secret(key) => *text = MASK.to_owned(),
                        value => self.mask(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            _ => {}
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
        let Ok(known) = self.known.read() else { return MASK.to_owned() };
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
        redactor.add("in a query~*");
        assert_eq!(redactor.text("?key=in+a+query%7E*&a=1"), "?key=(sensitive)&a=1");
    }

    #[test]
    fn a_field_is_masked_before_its_value_is_known() {
        let redactor = Redactor::default();
        redactor.add_field("uri");
        let body = br#"{"a": [{"uri": "pg://u:p@h", "name": "n", "Password": "p"}]}"#;
        let clean = r#"{"a":[{"uri":"(sensitive)","name":"n","Password":"(sensitive)"}]}"#;
        assert_eq!(redactor.body(body), clean);
        assert_eq!(redactor.body(b"<html>"), "<html>");
    }

    #[test]
    fn short_texts_are_left_alone() {
        let redactor = Redactor::default();
        redactor.add("a");
        assert_eq!(redactor.text("banana"), "banana");
    }
}
