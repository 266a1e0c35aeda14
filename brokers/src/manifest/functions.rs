//! Filters and functions of ours in the expression language.
#![expect(clippy::needless_pass_by_value, reason = "minijinja hands its arguments over")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::aead::OsRng;
use minijinja::value::{Kwargs, Serde, StringInput, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::local::{Settings, path};

/// Adds them; `files` looks where `settings` allow it.
pub(super) fn add_to(environment: &mut Environment<'static>, settings: Settings) {
    // These make something large of a small number.
    for filter in ["batch", "format", "indent", "pprint", "slice"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("tojson", json);
    environment.add_filter("segments", segments);
    environment.add_filter("b64encode", |text: String| STANDARD.encode(text));
    environment.add_filter("b64decode", b64decode);
    environment.add_filter("sha1", |text: String| hex(&Sha1::digest(text)));
    environment.add_filter("sha256", |text: String| hex(&Sha256::digest(text)));
    environment.add_filter("json", json);
    environment.add_filter("from_json", from_json);
    environment.add_filter("keys", keys);
    environment.add_filter("values", values);
    environment.add_filter("without", without);
    environment.add_filter("pick", pick);
    environment.add_function("sealed_box", sealed_box);
    environment.add_function("files", move |folder: String| files(&settings, &folder));
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The longest text that a filter makes, in bytes.
const TEXT_MAX: usize = 16 * 1024 * 1024;

/// Refuses what would be a longer text.
fn check_size(pieces: usize, of: usize) -> Result<(), Error> {
    match pieces.saturating_mul(of) > TEXT_MAX {
        true => Err(invalid("the text would be longer than 16 MiB")),
        false => Ok(()),
    }
}

fn replace(
    state: &mut State,
    text: StringInput<'_>,
    from: StringInput<'_>,
    to: StringInput<'_>,
) -> Result<Value, Error> {
    check_size(text.as_str().matches(from.as_str()).count(), to.as_str().len())?;
    minijinja::filters::replace(state, text, from, to)
}

fn join(
    state: &mut State,
    items: &Value,
    joiner: Option<StringInput<'_>>,
    attribute: Option<&str>,
    named: Kwargs,
) -> Result<Value, Error> {
    let length = match &joiner {
        Some(joiner) => joiner.as_str().len(),
        None => named.peek::<Option<String>>("d")?.map_or(0, |joiner| joiner.len()),
    };
    check_size(items.len().unwrap_or_default(), length)?;
    minijinja::filters::join(state, items, joiner, attribute, named)
}

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Marks a text as a path whose slashes stay.
fn segments(text: &str) -> String {
    let encoded: Vec<String> = text.split('/').map(crate::http::encode_segment).collect();
    format!("{KEEP}{}", encoded.join("/"))
}

/// Stands before a text that is encoded already: a character no API takes.
pub(crate) const KEEP: char = '\u{0}';

fn b64decode(text: &str) -> Result<String, Error> {
    let bytes = STANDARD.decode(text.trim()).map_err(|_| invalid("it is not Base64"))?;
    String::from_utf8(bytes).map_err(|_| invalid("it is not text"))
}

fn json(value: Serde<serde_json::Value>) -> String {
    value.0.to_string()
}

fn from_json(text: &str) -> Result<Value, Error> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|_| invalid("it is not JSON"))?;
    Ok(Value::from(Serde(value)))
}

fn keys(table: Serde<serde_json::Map<String, serde_json::Value>>) -> Vec<String> {
    table.0.keys().cloned().collect()
}

fn values(table: Serde<serde_json::Map<String, serde_json::Value>>) -> Value {
    let values: Vec<serde_json::Value> = table.0.values().cloned().collect();
    Value::from(Serde(values))
}

/// The items of a list that are not in another, or the entries of a table under other keys.
fn without(
    of: Serde<serde_json::Value>,
    others: Serde<Vec<serde_json::Value>>,
) -> Result<Value, Error> {
    match of.0 {
        serde_json::Value::Array(items) => {
            let rest: Vec<_> = items.into_iter().filter(|item| !others.0.contains(item)).collect();
            Ok(Value::from(Serde(rest)))
        }
        serde_json::Value::Object(mut table) => {
            table.retain(|key, _| !others.0.iter().any(|other| other.as_str() == Some(key)));
            Ok(Value::from(Serde(table)))
        }
        _ => Err(invalid("`without` takes a list or a table")),
    }
}

/// The entries of a table, or of each table of a list, under some keys.
fn pick(
    of: Serde<serde_json::Value>,
    keys: minijinja::value::Rest<String>,
) -> Result<Value, Error> {
    let narrow = |mut table: serde_json::Map<String, serde_json::Value>| {
        table.retain(|key, _| keys.iter().any(|wanted| wanted == key));
        serde_json::Value::Object(table)
    };
    match of.0 {
        serde_json::Value::Object(table) => Ok(Value::from(Serde(narrow(table)))),
        serde_json::Value::Array(items) => {
            let tables = items.into_iter().map(|item| match item {
                serde_json::Value::Object(table) => narrow(table),
                other => other,
            });
            Ok(Value::from(Serde(tables.collect::<Vec<_>>())))
        }
        _ => Err(invalid("`pick` takes a table or a list of tables")),
    }
}

/// libsodium's `crypto_box_seal`: only the holder of the private key can open it.
fn sealed_box(text: &str, public_key: &str) -> Result<String, Error> {
    let bytes = STANDARD.decode(public_key.trim()).ok();
    let key = bytes
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| invalid("the public key is not 32 bytes in Base64"))?;
    let sealed = crypto_box::PublicKey::from(key)
        .seal(&mut OsRng, text.as_bytes())
        .map_err(|_| invalid("the text could not be sealed"))?;
    Ok(STANDARD.encode(sealed))
}

/// What `files` tells of one file.
#[derive(serde::Serialize)]
struct File {
    path: String,
    name: String,
    size: u64,
    sha1: String,
    sha256: String,
}

fn files(settings: &Settings, folder: &str) -> Result<Value, Error> {
    let place = settings.existing(folder).map_err(|error| invalid(error.to_string()))?;
    let mut found = Vec::new();
    for name in path::files_below(&place).map_err(|error| invalid(format!("{folder}: {error}")))? {
        let bytes = std::fs::read(place.join(&name))
            .map_err(|error| invalid(format!("{folder}/{name}: {error}")))?;
        found.push(File {
            path: format!("{}/{name}", folder.trim_end_matches('/')),
            size: bytes.len() as u64,
            sha1: hex(&Sha1::digest(&bytes)),
            sha256: hex(&Sha256::digest(&bytes)),
            name,
        });
    }
    Ok(Value::from(Serde(found)))
}
