//! From a call to its end: what is remembered in between, and when a thing is ready.

use std::time::Duration;

use provision::broker::{BrokerError, ErrorKind, OperationRequest, OperationState};
use provision::value::{Outputs, as_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RestBroker;
use super::exchange::{Exchange, is_true};
use crate::manifest::{Manifest, Origin};

/// The shortest and the longest pause before what was made is looked for again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));

/// What is remembered of an operation between the call and its end.
#[derive(Serialize, Deserialize)]
pub(super) struct Operation {
    pub(super) verb: String,
    /// Whether what is shown once was lost with an answer, and has to be made anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) recover: bool,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) saved: Map<String, Value>,
}

impl RestBroker {
    /// The operation that goes on after a call, as the journal keeps it.
    pub(super) fn operation(
        &self,
        (verb, recover): (&str, bool),
        manifest: &Manifest,
        exchange: &Exchange<'_>,
    ) -> String {
        // Only what waiting needs: the journal is no place for more.
        let wait = manifest.service.wait.as_ref();
        let mut saved = exchange.saved.clone();
        saved.retain(|name, _| {
            let templates = wait.map(crate::manifest::Wait::templates).unwrap_or_default();
            self.mentions(templates, &format!("saved.{name}"))
        });
        let operation = Operation { verb: verb.to_owned(), recover, saved };
        serde_json::to_string(&operation).unwrap_or_default()
    }

    /// Whether the object in scope is ready; a text when it never will be.
    pub(super) async fn readiness(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
    ) -> Result<Readiness, BrokerError> {
        let Some(wait) = &manifest.service.wait else { return Ok(Readiness::Ready) };
        if let Some(verb) = &wait.request {
            let seen = exchange.object.take();
            match exchange.run(verb).await {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                ended => ended?,
            }
            self.settle_object(exchange);
            let readiness = self.judge(exchange, wait)?;
            exchange.object = seen;
            exchange.scope.set("object", exchange.object.as_ref().unwrap_or(&Value::Null));
            return Ok(readiness);
        }
        self.judge(exchange, wait)
    }

    /// What was made or changed is not there, as its provider says: for a while that is to be waited
    /// for, then its id or its path is a wrong one.
    pub(super) async fn unseen(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        (request, verb): (&OperationRequest, &str),
    ) -> Result<OperationState, BrokerError> {
        let patience = Duration::from_secs(self.provider.limits.visible_within);
        if request.waited < patience {
            let pause = (request.waited / 2).clamp(PAUSES.0, PAUSES.1);
            let retry_after = Some(pause.min(patience - request.waited));
            return Ok(OperationState::InProgress { retry_after });
        }
        let last = exchange.last.clone();
        let has_own_request = manifest.service.wait.as_ref().is_some_and(|w| w.request.is_some());
        if has_own_request
            && let Ok(Readiness::Pending(pause)) = self.readiness(exchange, manifest).await
        {
            // The provider works on it and shows it when that has ended.
            return Ok(OperationState::InProgress { retry_after: Some(pause) });
        }
        let done = if verb == "create" { "made" } else { "changed" };
        Err(never_seen(manifest, request, (done, last, patience)))
    }

    fn judge(
        &self,
        exchange: &Exchange<'_>,
        wait: &crate::manifest::Wait,
    ) -> Result<Readiness, BrokerError> {
        if let Some(failed) = &wait.failed
            && let Some(reason) = exchange.value(failed)?.filter(|value| is_true(Some(value)))
        {
            let text = match reason {
                Value::Bool(_) => "the provider says that it failed".to_owned(),
                other => as_text(&other),
            };
            return Ok(Readiness::Failed(exchange.session.client.redactor.text(&text)));
        }
        let is_ready = is_true(exchange.value(&wait.ready)?.as_ref());
        Ok(if is_ready { Readiness::Ready } else { Readiness::Pending(wait.interval) })
    }

    /// What is shown only once, made anew.
    pub(super) async fn recover(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
    ) -> Result<Outputs, BrokerError> {
        let Some(verb) = manifest.service.verb("recover") else { return Ok(Outputs::default()) };
        let seen = exchange.object.clone();
        exchange.run(verb).await?;
        self.settle_object(exchange);
        let outputs = exchange.outputs(&manifest.service, true)?;
        exchange.object = seen;
        exchange.scope.set("object", exchange.object.as_ref().unwrap_or(&Value::Null));
        Ok(outputs)
    }
}

/// The failure of an operation whose object was never seen, although it was made or changed.
fn never_seen(
    manifest: &Manifest,
    request: &OperationRequest,
    (done, last, patience): (&str, Option<(String, u16)>, Duration),
) -> BrokerError {
    let (service, name) = (&manifest.service.id, &request.address.name);
    let seen = match last {
        Some((label, status @ 200..=299)) => format!("`{label}` answers {status} without it"),
        Some((label, status)) => format!("`{label}` answers {status}"),
        None => "it cannot be read".to_owned(),
    };
    let patience = patience.as_secs();
    let message = format!("the {service} `{name}` was {done}, but {seen} after {patience} s");
    let (id, reference) =
        (request.instance_id.as_deref().unwrap_or_default(), &request.address.reference);
    let next = format!(
        "The journal holds it with the id `{id}`, and the next `prov apply` asks once more."
    );
    if manifest.file.origin == Origin::BuiltIn {
        let help = format!(
            "{next} If it is there and the answer stays so, prov's manifest of `{service}` is wrong: \
             please report it. `prov state rm {reference}` forgets it without destroying it."
        );
        return BrokerError::new(ErrorKind::NotFound, message).help(help);
    }
    let file = &manifest.file.path;
    let message = format!("{message}. Is `id` in {file} what that path's parameter means?");
    let help = format!(
        "{next} When the manifest is corrected: `prov state rm {reference}`, then apply again; \
         `prov import {reference} ID` takes over what was made."
    );
    BrokerError::new(ErrorKind::NotFound, message).help(help)
}

/// Whether a thing is ready.
pub(super) enum Readiness {
    Ready,
    Pending(Duration),
    Failed(String),
}
