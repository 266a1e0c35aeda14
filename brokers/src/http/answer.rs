//! What a provider answered.

use std::time::Duration;

use provision::broker::BrokerError;
use serde_json::{Map, Value};

use super::call::Call;
use super::{VALUES_MAX, failure};

/// An answer, whether it says yes or no.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Map<String, Value>,
    /// The body: JSON as it is, an empty one as null, any other text as text.
    pub body: Value,
    /// The length of the body in bytes.
    pub length: usize,
    /// Whether an earlier attempt at the same call may have been acted on.
    pub is_unsure: bool,
}

/// The headers of a response as a table.
pub(super) fn headers_of(response: &reqwest::Response) -> Map<String, Value> {
    let text = |value: &reqwest::header::HeaderValue| {
        Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// How many values a JSON text holds at most, without reading it.
fn values_in(body: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' | b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

impl Answer {
    pub(super) fn new(
        status: u16,
        headers: Map<String, Value>,
        body: &[u8],
        call: &Call,
    ) -> Result<Self, BrokerError> {
        if values_in(body) > VALUES_MAX {
            return Err(failure::too_full(call));
        }
        let text = String::from_utf8_lossy(body);
        let value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(_) if text.trim().is_empty() => Value::Null,
            Err(error) if (200..300).contains(&status) => {
                return Err(failure::unreadable(call, &headers, &text, &error));
            }
            Err(_) => Value::from(text.into_owned()),
        };
        Ok(Self { status, headers, body: value, length: body.len(), is_unsure: false })
    }

    /// Whether the status says yes.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).and_then(Value::as_str)
    }

    /// How long the provider asks to wait: `Retry-After` in seconds or as a date.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        let then = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let wait = then.duration_since(jiff::Timestamp::now());
        Some(Duration::try_from(wait).unwrap_or_default())
    }
}
