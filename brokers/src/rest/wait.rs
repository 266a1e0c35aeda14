//! From a call to its end: what is remembered in between, and when a thing is ready.

use std::time::Duration;

use provision::broker::{BrokerError, ErrorKind};
use provision::value::{Outputs, as_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RestBroker;
use super::exchange::{Exchange, is_true};
use crate::manifest::Manifest;

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

/// Whether a thing is ready.
pub(super) enum Readiness {
    Ready,
    Pending(Duration),
    Failed(String),
}
