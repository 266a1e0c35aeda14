//! What a provider's no means, in its own words.

use provision::broker::orphan::{Asked, Body, Reply, left_behind};
use provision::broker::{BrokerError, ErrorKind};
use provision::value::as_text;
use serde_json::Value;

use super::exchange::{Exchange, answered, is_true};
use crate::http::{Answer, Call};
use crate::manifest::Template;

/// The longest text of a provider that is shown, in characters.
const WORDS_MAX: usize = 500;

/// An expression of `[errors]`, which may meet any answer: what cannot be evaluated is undefined.
fn read(exchange: &Exchange<'_>, template: Option<&Template>, answer: &Answer) -> Option<Value> {
    let scope = answered(&exchange.scope, answer);
    template?.lenient(exchange.language, &scope).filter(|value| !value.is_null())
}

fn holds(exchange: &Exchange<'_>, template: Option<&Template>, answer: &Answer) -> Option<bool> {
    template.map(|_| is_true(read(exchange, template, answer).as_ref()))
}

/// Whether a yes of the protocol is a no of the provider.
pub(super) fn has_failed(exchange: &Exchange<'_>, answer: &Answer) -> bool {
    holds(exchange, exchange.provider.errors.failed.as_ref(), answer).unwrap_or(false)
}

/// Whether nothing happened because something else is going on.
pub(super) fn is_busy(exchange: &Exchange<'_>, answer: &Answer) -> bool {
    let rule = exchange.provider.errors.busy.as_ref();
    !answer.is_success() && holds(exchange, rule, answer).unwrap_or(answer.status == 423)
}

/// The failure that an answer is.
pub(super) fn of_answer(exchange: &Exchange<'_>, call: &Call, answer: &Answer) -> BrokerError {
    let errors = &exchange.provider.errors;
    let text = |template: &Option<Template>| {
        let value = read(exchange, template.as_ref(), answer)?;
        let text = as_text(&value);
        // Masked before it is cut: half of a secret is not recognised.
        let text = exchange.session.client.redactor.text(&text);
        (!text.is_empty()).then(|| text.chars().take(WORDS_MAX).collect::<String>())
    };
    let words = text(&errors.message).unwrap_or_else(|| plain(exchange, answer));
    let code = text(&errors.code).map(|code| format!(" {code}")).unwrap_or_default();
    let id = text(&errors.request_id).map(|id| format!(" (request id {id})")).unwrap_or_default();
    let words = match words.trim() {
        "" => String::new(),
        words => format!(": {words}"),
    };
    let (what, mut kind, help) = meaning(exchange, call, answer);
    if answer.is_unsure && exchange.asked == Asked::Provision {
        // This one made nothing; what an attempt before it made is not known.
        kind = ErrorKind::Unknown;
    }
    let message = format!("{}: {what}, {}{code}{words}{id}", call.label(), answer.status);
    let message = exchange.session.client.redactor.text(&message);
    let error = BrokerError::new(kind, message);
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The words of an answer that has no shape we know.
fn plain(exchange: &Exchange<'_>, answer: &Answer) -> String {
    let short = |text: &str| {
        let text = exchange.session.client.redactor.text(text.trim());
        text.chars().take(WORDS_MAX).collect()
    };
    match &answer.body {
        Value::String(text) if text.trim_start().starts_with('<') => "an HTML page".to_owned(),
        Value::String(text) => short(text),
        Value::Null => String::new(),
        other => short(&other.to_string()),
    }
}

/// Whether something may have been made or changed although the answer is a failure.
fn may_have_acted(exchange: &Exchange<'_>, call: &Call, answer: &Answer) -> bool {
    let reply = Reply::Answer { status: answer.status, body: Body::Sound };
    match exchange.asked {
        Asked::Provision if call.acts() => left_behind(Asked::Provision, reply).is_some(),
        _ => !call.is_safe && answer.status != 408,
    }
}

fn meaning(
    exchange: &Exchange<'_>,
    call: &Call,
    answer: &Answer,
) -> (&'static str, ErrorKind, Option<String>) {
    let provider = exchange.provider;
    let errors = &provider.errors;
    let is = |template: &Option<Template>, standard: bool| {
        holds(exchange, template.as_ref(), answer).unwrap_or(standard)
    };
    if is(&errors.gone, matches!(answer.status, 404 | 410)) {
        return ("it is not there", ErrorKind::NotFound, None);
    }
    if is(&errors.conflict, answer.status == 409) {
        return ("something is in the way", ErrorKind::Conflict, None);
    }
    let credential = || {
        let names: Vec<&str> = provider
            .auth
            .iter()
            .flat_map(|auth| &auth.secrets)
            .flat_map(|(_, names)| names.first().map(String::as_str))
            .collect();
        names.join(" or ")
    };
    match answer.status {
        401 => {
            let help = format!(
                "The credential is wrong or has expired. Renew {}, or run `prov auth set {}`.",
                credential(),
                provider.id
            );
            ("the credential was refused", ErrorKind::Unauthorized, Some(help))
        }
        403 => {
            let help = format!(
                "The credential may not do this: give it the missing scope, or use another one in {}.",
                credential()
            );
            ("not allowed", ErrorKind::Unauthorized, Some(help))
        }
        402 => {
            let help = format!("{} wants it paid for, or a larger plan.", provider.name);
            ("not in the plan", ErrorKind::Invalid, Some(help))
        }
        429 => {
            let help = format!("{} limits requests; try again later.", provider.name);
            ("too many requests", ErrorKind::Unavailable, Some(help))
        }
        408 | 500.. if !may_have_acted(exchange, call, answer) => {
            let help = format!("Try again later, or look at {}'s status page.", provider.name);
            ("the provider failed", ErrorKind::Unavailable, Some(help))
        }
        408 | 500.. => {
            let help = "It may have been done all the same. The next `prov apply` looks first.";
            ("the provider failed", ErrorKind::Unknown, Some(help.to_owned()))
        }
        200..=299 => ("it says yes and means no", ErrorKind::Failed, None),
        _ => ("refused", ErrorKind::Invalid, None),
    }
}
