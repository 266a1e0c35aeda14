//! Keeps secrets out of what is shown.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use provision::broker::BrokerError;
use provision::mask::Mask;
use provision::value::MASK;
use serde_json::Value;

/// What is in the name of fields that hold secrets at any provider.
const SECRET_FIELDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "jwt",
    "credential",
    "private_key",
    "privatekey",
    "api_key",
    "access_key",
];

/// Fields that tell one object from another, and how it is.
const TELLING_FIELDS: [&str; 9] =
    ["id", "uuid", "name", "slug", "status", "state", "type", "kind", "region"];

/// Masks the texts of the objects in a list, but for what tells one from another: most of them are
/// somebody else's, and nobody here knows which of their fields are secret.
pub fn strangers(list: &mut Value) {
    match list {
        Value::Array(items) => items.iter_mut().for_each(strangers),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if !TELLING_FIELDS.contains(&key.as_str()) => {
                        *text = MASK.to_owned();
                    }
                    value => strangers(value),
                }
            }
        }
        _ => {}
    }
}

/// Masks the secrets it was told, also where they are encoded.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Mask>>,
    fields: Arc<RwLock<BTreeSet<String>>>,
}

impl Redactor {
    /// From now on `secret` is masked.
    pub fn add(&self, secret: &str) {
        if let Ok(mut known) = self.known.write() {
            known.add(secret);
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
            Err(_) => self.text(&without_passwords(&String::from_utf8_lossy(body))),
        }
    }

    fn mask(&self, value: &mut Value) {
        let Ok(fields) = self.fields.read() else { return };
        let is_secret = |key: &str| {
            let lower = key.to_ascii_lowercase();
            fields.contains(key) || SECRET_FIELDS.iter().any(|name| lower.contains(name))
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
            Value::String(text) => *text = without_passwords(text),
            _ => {}
        }
    }

    /// From now on every text in `value` is masked.
    pub fn add_value(&self, value: &Value) {
        if let Ok(mut known) = self.known.write() {
            known.add_value(value);
        }
    }

    /// Whether a value is, or has inside, a secret. When that cannot be told, it has.
    #[must_use]
    pub fn is_in(&self, value: &Value) -> bool {
        self.known.read().map_or(true, |known| known.is_in_value(value))
    }

    /// `text` without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.known.read().map_or_else(|_| MASK.to_owned(), |known| known.text(text))
    }

    /// An error without secrets.
    #[must_use]
    pub fn error(&self, mut error: BrokerError) -> BrokerError {
        error.message = self.text(&error.message);
        error.help = error.help.map(|help| self.text(&help));
        error
    }
}

/// A text with the passwords of the URLs in it masked, as in `postgres://user:password@host`.
fn without_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "/?#<>\"'".contains(c));
        let authority = after.get(..end.unwrap_or(after.len())).unwrap_or(after);
        rest = after;
        if let Some((login, _)) = authority.rsplit_once('@')
            && let Some((user, _)) = login.split_once(':')
        {
            clean.push_str(user);
            clean.push(':');
            clean.push_str(MASK);
            rest = after.get(login.len()..).unwrap_or_default();
        }
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_the_objects_in_a_list_only_that_is_shown_which_tells_them_apart() {
        let mut list = json!({ "things": [{ "id": "1", "size": 2, "note": "x", "deep": [{ "name": "n", "k": "v" }] }] });
        strangers(&mut list);
        let shown = json!({ "things": [{ "id": "1", "size": 2, "note": MASK, "deep": [{ "name": "n", "k": MASK }] }] });
        assert_eq!(list, shown);
    }

    #[test]
    fn the_password_of_a_url_is_masked() {
        for (text, clean) in [
            ("postgres://u:p@h/d", "postgres://u:(sensitive)@h/d"),
            ("at a://u:p:q@h and b://:x@y", "at a://u:(sensitive)@h and b://:(sensitive)@y"),
            ("https://h/a:b@c", "https://h/a:b@c"),
            ("https://u@h:1/", "https://u@h:1/"),
            ("://", "://"),
        ] {
            assert_eq!(without_passwords(text), clean);
        }
    }

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
