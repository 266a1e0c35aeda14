//! Canonical bytes (RFC 8785, JCS) and their SHA-256.

mod canonical;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::name::Name;

/// The greatest integer that JCS, which counts in IEEE 754 doubles, keeps exactly: 2^53.
pub const INTEGER_MAX: u64 = 1 << 53;

/// A value has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// An integer would be rounded.
    #[error("the integer {0} is beyond 2^53 and would be rounded")]
    Integer(String),
    /// The canonical form could not be written.
    #[error("no canonical form: {0}")]
    Canonical(String),
}

/// The canonical JSON text of `value`.
///
/// # Errors
/// When an integer in it is beyond 2^53.
pub fn canonical(value: &Value) -> Result<Vec<u8>, DigestError> {
    let mut bytes = Vec::new();
    canonical::write(value, &mut bytes)?;
    Ok(bytes)
}

/// `sha256:` and the hex SHA-256 of the canonical form of `value`.
///
/// # Errors
/// When an integer in it is beyond 2^53.
pub fn of(value: &Value) -> Result<String, DigestError> {
    Ok(of_bytes(&canonical(value)?))
}

/// `sha256:` and the hex SHA-256 of `bytes`.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in Sha256::digest(bytes) {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(nibble + if nibble < 10 { b'0' } else { b'a' - 10 }));
        }
    }
    text
}

/// The canonical document of a spec, whose digest is its fingerprint.
///
/// # Errors
/// When an integer in `params` is beyond 2^53.
pub fn identity(
    name: &str,
    params: &Map<String, Value>,
    plan: Option<&Name>,
) -> Result<Vec<u8>, DigestError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(b"{\"name\":");
    canonical::write_text(name, &mut bytes)?;
    bytes.extend_from_slice(b",\"params\":");
    canonical::write_map(params, &mut bytes)?;
    bytes.extend_from_slice(b",\"plan\":");
    match plan {
        Some(plan) => canonical::write_text(plan.as_str(), &mut bytes)?,
        None => bytes.extend_from_slice(b"null"),
    }
    bytes.push(b'}');
    Ok(bytes)
}

/// The fingerprint of a spec, or with resolved params the digest of its inputs.
///
/// # Errors
/// When an integer in `params` is beyond 2^53.
pub fn fingerprint(
    name: &str,
    params: &Map<String, Value>,
    plan: Option<&Name>,
) -> Result<String, DigestError> {
    Ok(of_bytes(&identity(name, params, plan)?))
}

/// Whether canonical JSON would change this number.
#[must_use]
pub fn is_rounded(number: &serde_json::Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude > INTEGER_MAX)
}
