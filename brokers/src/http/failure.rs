//! Why no answer came, or none that can be read.

use std::error::Error as _;

use provision::broker::{BrokerError, ErrorKind};
use serde_json::{Map, Value};

use super::call::Call;
use super::{BODY_MAX, Payload, VALUES_MAX};

/// An error and what caused it, as one line; URLs are left out, since a query may hold anything.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn std::error::Error> = error.source();
    let mut texts = Vec::new();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.join(": ")
}

/// A call that may have been acted on, unless it only asks.
fn lost(call: &Call, message: String) -> BrokerError {
    BrokerError::new(ErrorKind::Unknown, message).help(match call.is_safe {
        true => "Run the command again; if it goes on, look at the provider's status page.",
        false => "The provider may have done it all the same. The next `prov apply` looks first.",
    })
}

/// What a failure of the connection means.
pub(super) fn of(error: &reqwest::Error, call: &Call) -> BrokerError {
    let (label, causes) = (call.label(), causes(error));
    let host = error.url().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let lower = causes.to_lowercase();
    if error.is_connect() && (lower.contains("certificate") || lower.contains("tls")) {
        let message = format!("{label}: no secure connection to {host}: {causes}");
        let help = "If a proxy stands in between, point SSL_CERT_FILE at its certificate.";
        return BrokerError::new(ErrorKind::Failed, message).help(help);
    }
    if error.is_connect() && (lower.contains("dns") || lower.contains("lookup")) {
        let message = format!("{label}: the name {host} could not be looked up");
        let help = "Check the connection, HTTPS_PROXY and the base URL.";
        return BrokerError::new(ErrorKind::Unavailable, message).help(help);
    }
    if error.is_connect() {
        let message = format!("{label}: no connection to {host}: {causes}");
        let help = "Check the connection, HTTPS_PROXY and the base URL.";
        return BrokerError::new(ErrorKind::Unavailable, message).help(help);
    }
    if error.is_timeout() {
        return lost(call, format!("{label}: {host} did not answer in time"));
    }
    if error.is_body() || error.is_decode() {
        return lost(call, format!("{label}: the answer was cut short: {causes}"));
    }
    if error.is_builder() {
        let message = format!("{label}: the request cannot be sent: {causes}");
        return BrokerError::new(ErrorKind::Invalid, message);
    }
    lost(call, format!("{label}: the connection was lost: {causes}"))
}

/// An answer beyond all measure.
pub(super) fn too_long(call: &Call) -> BrokerError {
    let mib = BODY_MAX >> 20;
    lost(call, format!("{}: the answer is longer than {mib} MiB and was not read", call.label()))
}

/// An answer of more values than anybody could use: each takes many times its length in memory.
pub(super) fn too_full(call: &Call) -> BrokerError {
    let label = call.label();
    lost(call, format!("{label}: the answer holds more than {VALUES_MAX} values and was not read"))
}

/// A redirect that is not followed.
pub(super) fn redirected(call: &Call, to: &str) -> BrokerError {
    let host = |text: &str| {
        let url = reqwest::Url::parse(text).ok()?;
        Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()))
    };
    let is_relative = reqwest::Url::parse(to).is_err();
    if is_relative || host(to).is_some_and(|target| Some(target) == host(&call.url)) {
        let message = format!("{}: redirects that do not end", call.label());
        let help = "Check the base URL, or for a proxy's login page.";
        return BrokerError::new(ErrorKind::Failed, message).help(help);
    }
    let target = reqwest::Url::parse(to).ok().and_then(|url| url.host_str().map(str::to_owned));
    let target = target.unwrap_or_else(|| "elsewhere".to_owned());
    let message =
        format!("{}: answered with a redirect to {target}, which is not followed", call.label());
    BrokerError::new(ErrorKind::Failed, message)
        .help("Credentials are not sent to another host. Check the base URL, or for a proxy's login page.")
}

/// A yes whose body is not what was agreed on.
pub(super) fn unreadable(
    call: &Call,
    headers: &Map<String, Value>,
    text: &str,
    error: &serde_json::Error,
) -> BrokerError {
    let label = call.label();
    let kind = headers.get("content-type").and_then(Value::as_str).unwrap_or_default();
    let begins = text.trim_start().to_ascii_lowercase();
    let message = if kind.contains("html")
        || begins.starts_with("<!doctype")
        || begins.starts_with("<html")
    {
        format!("{label}: answered with HTML instead of JSON")
    } else if error.is_eof() {
        format!("{label}: the answer was cut short after {} bytes", text.len())
    } else {
        let line = format!("line {} column {}", error.line(), error.column());
        format!("{label}: the answer is not the JSON it should be ({line})")
    };
    let error = lost(call, message);
    match call.payload {
        Payload::Empty if call.is_safe => error.help(
            "A gateway, proxy or login page may stand in between: check the base URL and HTTPS_PROXY.",
        ),
        _ => error,
    }
}
