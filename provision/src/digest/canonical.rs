//! Canonical JSON (RFC 8785, JCS), written straight from values: a plan digests every instance twice,
//! and that is most of what it does.

use std::cmp::Ordering;
use std::io::Write as _;

use serde_json::{Map, Number, Value};

use super::{DigestError, is_rounded};

/// Appends the canonical form of `value`.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), DigestError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_text(text, out)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_map(map, out)?,
    }
    Ok(())
}

/// Appends the canonical form of an object.
pub(super) fn write_map(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), DigestError> {
    let mut entries: Vec<(&str, &Value)> =
        map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    entries.sort_unstable_by(|(one, _), (other, _)| compare(one, other));
    out.push(b'{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        separate(index, out);
        write_text(key, out)?;
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Appends the canonical form of a text. Its escapes are those that `serde_json` writes.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), DigestError> {
    serde_json::to_writer(out, text).map_err(|error| DigestError::Canonical(error.to_string()))
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// Keys are in the order of their UTF-16, which differs from that of their bytes only beyond ASCII.
fn compare(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        return one.cmp(other);
    }
    one.encode_utf16().cmp(other.encode_utf16())
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), DigestError> {
    if is_rounded(number) {
        return Err(DigestError::Integer(number.to_string()));
    }
    let failed = |error: &dyn std::fmt::Display| DigestError::Canonical(error.to_string());
    if number.is_f64() {
        // How a fraction is written is a long story, which the crate tells right.
        let text = serde_json_canonicalizer::to_vec(number).map_err(|error| failed(&error))?;
        out.extend_from_slice(&text);
        return Ok(());
    }
    write!(out, "{number}").map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            (-(1_i64 << 53)..=(1 << 53)).prop_map(Number::from),
            any::<f64>().prop_filter_map("finite", Number::from_f64),
        ];
        let text = prop_oneof![".*", "[\\x00-\\x1f\"\\\\/\\x7f\u{e000}\u{ffff}\u{10000}a]{0,5}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number.prop_map(Value::Number),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_crate_writes(value in values()) {
            let mut own = Vec::new();
            write(&value, &mut own).unwrap();
            let theirs = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(String::from_utf8(own), String::from_utf8(theirs));
        }
    }
}
