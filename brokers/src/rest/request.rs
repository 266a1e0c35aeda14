//! From a request of a manifest to a call that can be sent, and on to the next page.

use std::fs;

use provision::broker::{BrokerError, ErrorKind};
use provision::value::as_text;
use serde_json::Value;

use super::exchange::{Exchange, answered};
use crate::http::{Answer, Call, Payload};
use crate::manifest::{Body, BodyPart, Paging, Request, Template, Tree};

/// The call that `request` describes.
pub(super) fn build(exchange: &Exchange<'_>, request: &Request) -> Result<Call, BrokerError> {
    let path = exchange.path(&request.path)?;
    let mut call = Call {
        method: request.method.clone(),
        url: format!("{}{path}", exchange.session.base_url),
        path,
        query: Vec::new(),
        headers: Vec::new(),
        payload: payload(exchange, &request.body)?,
        is_safe: request.safe,
        patience: exchange.patience.clone(),
    };
    for tree in [&exchange.provider.query, &request.query].into_iter().flatten() {
        merge(&mut call.query, &tree_value(exchange, tree)?);
    }
    authenticate(exchange, &mut call)?;
    call.headers.extend(exchange.session.headers()?.iter().cloned());
    for tree in [&exchange.provider.headers, &request.headers].into_iter().flatten() {
        merge(&mut call.headers, &tree_value(exchange, tree)?);
    }
    Ok(call)
}

/// Puts the credential into the query, where it belongs there; nothing else has its place.
fn authenticate(exchange: &Exchange<'_>, call: &mut Call) -> Result<(), BrokerError> {
    let credential = exchange.session.query()?;
    call.query.retain(|(name, _)| !credential.iter().any(|(known, _)| known == name));
    call.query.extend(credential.iter().cloned());
    Ok(())
}

fn tree_value(exchange: &Exchange<'_>, tree: &Tree) -> Result<Option<Value>, BrokerError> {
    tree.value(exchange.language, &exchange.scope).map_err(|error| exchange.expression(&error))
}

/// Puts the entries of a table into pairs; one that is there already is replaced. A list gives its
/// key several times.
pub(super) fn merge(pairs: &mut Vec<(String, String)>, table: &Option<Value>) {
    let Some(Value::Object(table)) = table else { return };
    for (key, value) in table {
        pairs.retain(|(known, _)| known != key);
        match value {
            Value::Null => {}
            Value::Array(items) => {
                pairs.extend(items.iter().map(|item| (key.clone(), as_text(item))));
            }
            other => pairs.push((key.clone(), as_text(other))),
        }
    }
}

fn payload(exchange: &Exchange<'_>, body: &Body) -> Result<Payload, BrokerError> {
    Ok(match body {
        Body::Empty => Payload::Empty,
        Body::Json(tree) => tree_value(exchange, tree)?.map_or(Payload::Empty, Payload::Json),
        Body::Form(tree) => {
            let mut pairs = Vec::new();
            flatten("", &tree_value(exchange, tree)?.unwrap_or_default(), &mut pairs);
            Payload::Form(pairs)
        }
        Body::Multipart(parts) => {
            let mut built = Vec::new();
            for (name, part) in parts {
                built.extend(self::part(exchange, name, part)?);
            }
            Payload::Multipart(built)
        }
        Body::Raw(raw, kind) => {
            let kind = text(exchange, kind.as_ref())?.unwrap_or_else(|| "text/plain".to_owned());
            let raw = exchange.value(raw)?.unwrap_or_default();
            Payload::Bytes(as_text(&raw).into_bytes(), kind)
        }
        Body::File(file, kind) => {
            let kind = text(exchange, kind.as_ref())?;
            let kind = kind.unwrap_or_else(|| "application/octet-stream".to_owned());
            Payload::Bytes(bytes(exchange, file)?, kind)
        }
    })
}

fn part(
    exchange: &Exchange<'_>,
    name: &str,
    part: &BodyPart,
) -> Result<Option<crate::http::Part>, BrokerError> {
    let bytes = match (&part.value, &part.file) {
        (Some(value), _) => match exchange.value(value)? {
            Some(value) => as_text(&value).into_bytes(),
            None => return Ok(None),
        },
        (None, Some(file)) => bytes(exchange, file)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(crate::http::Part {
        name: name.to_owned(),
        bytes,
        content_type: text(exchange, part.content_type.as_ref())?,
        filename: text(exchange, part.filename.as_ref())?,
    }))
}

fn text(
    exchange: &Exchange<'_>,
    template: Option<&Template>,
) -> Result<Option<String>, BrokerError> {
    let value = template.map(|template| exchange.value(template)).transpose()?.flatten();
    Ok(value.map(|value| as_text(&value)))
}

fn bytes(exchange: &Exchange<'_>, file: &Template) -> Result<Vec<u8>, BrokerError> {
    let path = text(exchange, Some(file))?.unwrap_or_default();
    let place = exchange.around.settings.existing(&path)?;
    fs::read(place).map_err(|error| {
        BrokerError::new(ErrorKind::Invalid, format!("`{path}` cannot be read: {error}"))
    })
}

/// A value as the pairs of a form: `a[b]=`, `a[0]=`. Null is sent as an empty text, which unsets.
pub(crate) fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let inner = |key: &str| match prefix {
        "" => key.to_owned(),
        prefix => format!("{prefix}[{key}]"),
    };
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten(&inner(key), value, pairs));
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, item)| flatten(&inner(&at.to_string()), item, pairs));
        }
        Value::Null if prefix.is_empty() => {}
        Value::Null => pairs.push((prefix.to_owned(), String::new())),
        other => pairs.push((prefix.to_owned(), as_text(other))),
    }
}

/// Turns `call` to the next page; whether there is one.
pub(super) fn next_page(
    exchange: &Exchange<'_>,
    paging: &Paging,
    place: (u32, usize),
    answer: &Answer,
    call: &mut Call,
) -> Result<bool, BrokerError> {
    // Without the credential, pages can be told apart: a link to the next one may leave it out.
    let credential = exchange.session.query()?;
    call.query.retain(|(name, _)| !credential.iter().any(|(known, _)| known == name));
    let is_there = turn(exchange, paging, place, answer, call)?;
    authenticate(exchange, call)?;
    Ok(is_there)
}

fn turn(
    exchange: &Exchange<'_>,
    paging: &Paging,
    (page, count): (u32, usize),
    answer: &Answer,
    call: &mut Call,
) -> Result<bool, BrokerError> {
    let scope = answered(&exchange.scope, answer)
        .with("page", &Value::from(page))
        .with("count", &Value::from(count));
    let value = |template: &Template| {
        let value = template.value(exchange.language, &scope);
        let value = value.map_err(|error| exchange.paging_expression(&error))?;
        let is_end = |v: &Value| v.is_null() || v.as_str() == Some("") || *v == Value::Bool(false);
        Ok::<_, BrokerError>(value.filter(|value| !is_end(value)))
    };
    if let Some(template) = &paging.next_url {
        let Some(url) = value(template)? else { return Ok(false) };
        return follow(call, &as_text(&url));
    }
    if paging.link_header {
        let next = answer.header("link").and_then(next_link);
        return next.map_or(Ok(false), |url| follow(call, &url));
    }
    let mut next = serde_json::Map::new();
    for (key, template) in &paging.next {
        next.extend(value(template)?.map(|value| (key.clone(), value)));
    }
    if next.is_empty() {
        return Ok(false);
    }
    let before = call.query.clone();
    merge(&mut call.query, &Some(Value::Object(next)));
    if before == call.query {
        return Err(endless(call));
    }
    Ok(true)
}

/// A list that goes round in circles.
pub(super) fn endless(call: &Call) -> BrokerError {
    let message = format!("{}: the list repeats a page and does not end", call.label());
    BrokerError::new(ErrorKind::Failed, message)
}

/// Turns `call` to the URL of the next page, which has to be on the same host.
fn follow(call: &mut Call, url: &str) -> Result<bool, BrokerError> {
    let wrong = || {
        let message = format!("{}: the list goes on at another host", call.label());
        BrokerError::new(ErrorKind::Failed, message).help("Credentials are not sent there.")
    };
    let current = reqwest::Url::parse(&call.url).map_err(|_| wrong())?;
    let mut next = current.join(url).map_err(|_| wrong())?;
    // A provider behind another base URL still names its own in its links.
    if next.origin() != current.origin() && next.path() != current.path() {
        return Err(wrong());
    }
    let query: Vec<(String, String)> = next.query_pairs().into_owned().collect();
    next.set_query(None);
    if next.path() == current.path() && query == call.query {
        return Err(endless(call));
    }
    if next.origin() == current.origin() {
        call.url = next.to_string();
    }
    call.query = query;
    Ok(true)
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    header.split(',').find_map(|link| {
        let (target, params) = link.trim().split_once('>')?;
        let is_next = params.split(';').any(|param| {
            let param = param.trim().to_ascii_lowercase();
            param == "rel=\"next\"" || param == "rel=next"
        });
        is_next.then(|| target.trim_start_matches('<').to_owned())
    })
}
