//! A call as it is sent.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use provision::broker::{BrokerError, ErrorKind};
use provision::value::wipe;
use serde_json::Value;
use zeroize::Zeroize as _;

use super::timer::Patience;

/// What RFC 3986 lets stand in a segment of a path without encoding, and no more.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` as one segment of a path.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    match text {
        // A server resolves these before it looks.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(text, SEGMENT).to_string(),
    }
}

/// What a query and a form write as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// `text` as a value of a query.
#[must_use]
pub fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string().replace("%20", "+")
}

/// A request, ready to be sent any number of times.
#[derive(Clone)]
pub struct Call {
    /// The method, in capitals.
    pub method: String,
    /// The whole URL without its query.
    pub url: String,
    /// The path of it, after the base URL: for limits and messages.
    pub path: String,
    /// The query.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub payload: Payload,
    /// Whether it may be sent twice.
    pub is_safe: bool,
    /// How long it may fail.
    pub patience: Patience,
}

/// The body of a call.
#[derive(Clone)]
pub enum Payload {
    /// There is none.
    Empty,
    /// JSON.
    Json(Value),
    /// Pairs, form-encoded.
    Form(Vec<(String, String)>),
    /// Parts.
    Multipart(Vec<Part>),
    /// Bytes and their type.
    Bytes(Vec<u8>, String),
}

/// A part of a multipart body.
#[derive(Clone)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its type.
    pub content_type: Option<String>,
    /// Its file name.
    pub filename: Option<String>,
}

/// What a call carries is overwritten when it is over: a credential, params.
impl Drop for Call {
    fn drop(&mut self) {
        let pairs = self.headers.iter_mut().chain(&mut self.query);
        pairs.for_each(|(_, value)| value.zeroize());
        match &mut self.payload {
            Payload::Empty => {}
            Payload::Json(value) => wipe(value),
            Payload::Form(pairs) => pairs.iter_mut().for_each(|(_, value)| value.zeroize()),
            Payload::Multipart(parts) => parts.iter_mut().for_each(|part| part.bytes.zeroize()),
            Payload::Bytes(bytes, _) => bytes.zeroize(),
        }
    }
}

impl Payload {
    /// The body as text for a trace; files are not shown.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Empty => None,
            Self::Json(value) => Some(value.to_string()),
            Self::Form(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
                Some(pairs.join("&"))
            }
            Self::Multipart(parts) => {
                let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
                Some(format!("(parts: {})", names.join(", ")))
            }
            Self::Bytes(bytes, kind) => Some(format!("({} bytes of {kind})", bytes.len())),
        }
    }
}

impl Call {
    /// What to call it in a message: method and path.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it may change something.
    #[must_use]
    pub fn acts(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    pub(super) fn build(
        &self,
        client: &reqwest::Client,
    ) -> Result<reqwest::RequestBuilder, BrokerError> {
        let wrong = |what: &str| {
            let message = format!("{}: {what}", self.label());
            BrokerError::new(ErrorKind::Invalid, message)
        };
        let mut url = reqwest::Url::parse(&self.url)
            .map_err(|error| wrong(&format!("the URL cannot be used: {error}")))?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let method = reqwest::Method::from_bytes(self.method.as_bytes())
            .map_err(|_| wrong("there is no such method"))?;
        let mut request = client.request(method, url);
        for (name, value) in &self.headers {
            let mut value = reqwest::header::HeaderValue::from_str(value)
                .map_err(|_| wrong(&format!("the header `{name}` holds what no header can")))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            // Some offer YAML or HTML as well, and choose for themselves where nobody says.
            request = request.header("accept", "application/json");
        }
        Ok(match &self.payload {
            Payload::Empty => request,
            Payload::Json(value) => {
                request.header("content-type", "application/json").body(value.to_string())
            }
            Payload::Form(pairs) => request.form(pairs),
            Payload::Multipart(parts) => request.multipart(form(parts).map_err(|e| wrong(&e))?),
            Payload::Bytes(bytes, kind) => request.header("content-type", kind).body(bytes.clone()),
        })
    }
}

fn form(parts: &[Part]) -> Result<reqwest::multipart::Form, String> {
    let mut form = reqwest::multipart::Form::new();
    for part in parts {
        let mut built = reqwest::multipart::Part::bytes(part.bytes.clone());
        if let Some(kind) = &part.content_type {
            built = built.mime_str(kind).map_err(|_| format!("`{kind}` is no media type"))?;
        }
        if let Some(name) = &part.filename {
            built = built.file_name(name.clone());
        }
        form = form.part(part.name.clone(), built);
    }
    Ok(form)
}
