//! Secrets inside other text: recognised however they are encoded there, and masked.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::value::{MASK, as_text};

/// A shorter secret is recognised only when it is the whole value: it would mask half of everything.
pub const LENGTH_MIN: usize = 6;

/// What RFC 3986 lets stand anywhere without encoding, and no more.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a query and a form write as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// Secrets that must not be shown. They are overwritten when they are dropped.
#[derive(Clone, Default)]
pub struct Mask {
    /// Whole secrets that are too short to be looked for inside text.
    short: BTreeSet<Form>,
    /// All others in every encoding, the longest first: one may be a part of another.
    forms: BTreeSet<Form>,
}

/// A secret in one encoding.
#[derive(Clone, PartialEq, Eq)]
struct Form(Zeroizing<String>);

impl Ord for Form {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.len().cmp(&self.0.len()).then_with(|| self.0.as_str().cmp(other.0.as_str()))
    }
}

impl PartialOrd for Form {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Mask {
    /// A mask of all these secrets.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut mask = Self::default();
        secrets.into_iter().for_each(|secret| mask.add(secret));
        mask
    }

    /// From now on `secret` is recognised.
    pub fn add(&mut self, secret: &str) {
        let whole = Form(Zeroizing::new(secret.to_owned()));
        if secret.len() < LENGTH_MIN {
            if !secret.is_empty() {
                self.short.insert(whole);
            }
        } else if !self.forms.contains(&whole) {
            self.forms.extend(forms(secret).map(Form));
        }
    }

    /// From now on every text and number in `value` is recognised.
    pub fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(map) => map.values().for_each(|value| self.add_value(value)),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Whether `text` is, or has inside, a secret.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.short.iter().any(|secret| secret.0.as_str() == text)
            || self.forms.iter().any(|form| text.contains(form.0.as_str()))
    }

    /// Whether a value is, or has inside, a secret.
    #[must_use]
    pub fn is_in_value(&self, value: &Value) -> bool {
        self.is_in(&as_text(value))
    }

    /// `text` with every secret masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for form in &self.forms {
            if clean.contains(form.0.as_str()) {
                clean = clean.replace(form.0.as_str(), MASK);
            }
        }
        clean
    }

    /// A value and what became of it, with every leaf masked that holds a secret, or that one became.
    pub(crate) fn cover_both(&self, given: &Value, shown: &Value) -> (Value, Value) {
        let given = self.cover(given.clone());
        let shown = cover_as(self.cover(shown.clone()), &given);
        (given, shown)
    }

    /// A value with every leaf masked that holds a secret.
    fn cover(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.cover(item)).collect(),
            Value::Object(table) => {
                table.into_iter().map(|(key, value)| (key, self.cover(value))).collect()
            }
            value if self.is_in_value(&value) => Value::from(MASK),
            value => value,
        }
    }
}

fn cover_as(shown: Value, given: &Value) -> Value {
    match (shown, given) {
        (_, Value::String(text)) if text == MASK => Value::from(MASK),
        (Value::Array(shown), Value::Array(given)) => {
            let given = given.iter().chain(std::iter::repeat(&Value::Null));
            shown.into_iter().zip(given).map(|(shown, given)| cover_as(shown, given)).collect()
        }
        (Value::Object(shown), Value::Object(given)) => {
            let given = |key: &str| given.get(key).unwrap_or(&Value::Null);
            let cover = |(key, value): (String, Value)| {
                let value = cover_as(value, given(&key));
                (key, value)
            };
            shown.into_iter().map(cover).collect()
        }
        (shown, _) => shown,
    }
}

/// A secret as it is, and as JSON, a URL, a query, Base64 and hexadecimal write it.
fn forms(secret: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let json = inside_quotes(secret);
    // An error that repeats an answer may itself be part of one.
    let twice = inside_quotes(&json);
    let url = utf8_percent_encode(secret, URL).to_string();
    let query = utf8_percent_encode(secret, QUERY).to_string().replace("%20", "+");
    let (url_lower, query_lower) = (with_lower_hex(&url), with_lower_hex(&query));
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (packed, hex_upper) = (STANDARD.encode(secret), hex.to_uppercase());
    let plain = [secret.to_owned(), json, twice, url, url_lower, query, query_lower];
    let packed = [packed, hex, hex_upper].into_iter().chain((0..3).flat_map(shifted(secret)));
    plain.into_iter().chain(packed).filter(|form| form.len() >= LENGTH_MIN).map(Zeroizing::new)
}

/// A text as it stands between the quotes of a JSON text.
fn inside_quotes(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// A percent-encoded text with `%2f` in the place of `%2F`.
fn with_lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        lower.push('%');
        lower.push_str(&hex.to_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// The letters of Base64 that a secret decides alone, when so many bytes stand before it in its group
/// of three: those at its ends hold bits of what is beside it.
fn shifted(secret: &str) -> impl Fn(usize) -> [String; 2] {
    move |before| {
        let bytes = [vec![0; before].as_slice(), secret.as_bytes()].concat();
        let sure = |encoded: String| {
            let end = encoded.len() - usize::from(!bytes.len().is_multiple_of(3));
            encoded.get((before * 8).div_ceil(6)..end).unwrap_or_default().to_owned()
        };
        [sure(STANDARD_NO_PAD.encode(&bytes)), sure(URL_SAFE_NO_PAD.encode(&bytes))]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr\"et/x ~é\\";

    #[test]
    fn a_secret_is_masked_however_it_is_written() {
        let mask = Mask::of([SECRET]);
        for text in [
            SECRET,
            "s3cr\\\"et/x ~é\\\\",
            "s3cr%22et%2Fx%20~%C3%A9%5C",
            "s3cr%22et%2fx%20~%c3%a9%5c",
            "s3cr%22et%2Fx+%7E%C3%A9%5C",
            &STANDARD.encode(SECRET),
            "733363722265742f78207ec3a95c",
            "733363722265742F78207EC3A95C",
        ] {
            assert_eq!(mask.text(&format!("<{text}>")), "<(sensitive)>", "{text}");
            assert!(mask.is_in(text), "{text}");
        }
        assert_eq!(mask.text("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_secret_is_recognised_in_the_base64_of_a_longer_text() {
        let mask = Mask::of([SECRET]);
        for before in ["", "u", "us", "user:", "?>?>"] {
            for after in ["", "!", "!!", "!!!"] {
                let text = format!("{before}{SECRET}{after}");
                for packed in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    assert!(mask.is_in(&packed), "{text}");
                    assert!(mask.text(&packed).contains(MASK), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_short_secret_is_recognised_alone() {
        let mask = Mask::of(["a", ""]);
        assert_eq!(mask.text("banana"), "banana");
        assert!(mask.is_in("a") && !mask.is_in("banana") && !mask.is_in(""));
    }

    #[test]
    fn a_secret_inside_a_list_is_recognised_although_it_is_escaped_there() {
        let mask = Mask::of([SECRET]);
        let value = json!({ "of": [{ "it": format!("x{SECRET}") }], "n": 1 });
        assert!(mask.is_in_value(&value));
        let (given, shown) = mask.cover_both(&value, &json!({ "of": [{ "it": "other" }], "n": 2 }));
        assert_eq!(given, json!({ "of": [{ "it": MASK }], "n": 1 }));
        assert_eq!(shown, json!({ "of": [{ "it": MASK }], "n": 2 }));
    }
}
