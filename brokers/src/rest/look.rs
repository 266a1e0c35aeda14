//! Looks at objects: the one an id names, and the one that a create would make.

use std::time::Duration;

use provision::broker::{Address, BrokerError, ErrorKind, Live};
use serde_json::Value;

use super::RestBroker;
use super::exchange::{Exchange, is_true};
use crate::manifest::{Manifest, Verb};

/// What was seen where a lost create may have made something.
pub(super) enum Sight {
    /// What it may have made.
    Ours(Box<Live>),
    /// Something that it did not make.
    Stranger,
    /// Nothing.
    Nothing,
}

impl RestBroker {
    /// Reads an instance; `None` when it is gone.
    pub(super) async fn read(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        id: &str,
    ) -> Result<Option<Live>, BrokerError> {
        let service = &manifest.service;
        exchange.identify(service, id)?;
        exchange.object = None;
        let Some(verb) = service.verb("read") else { return Ok(None) };
        match exchange.run(verb).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            ended => ended?,
        }
        let mut told = verb.requests().into_iter().filter_map(|request| request.object.as_ref());
        if let Some(told) = told.next_back() {
            match &exchange.object {
                // The answer came, and says that what it is about is not in it.
                Some(Value::Null) => return Ok(None),
                None if told.path().is_none() && exchange.response.is_object() => return Ok(None),
                None => return Err(exchange.without("object")),
                Some(_) => {}
            }
        }
        self.settle_object(exchange);
        exchange.live(service, id).map(Some)
    }

    /// Without a word about it, the object is the whole answer.
    pub(super) fn settle_object(&self, exchange: &mut Exchange<'_>) {
        if exchange.object.is_none() {
            exchange.object = Some(exchange.response.clone());
        }
        exchange.scope.set("object", exchange.object.as_ref().unwrap_or(&Value::Null));
    }

    /// The one object that `find` finds; its id is in scope afterwards.
    pub(super) async fn look(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        verb: &Verb,
    ) -> Result<Option<Live>, BrokerError> {
        exchange.items.clear();
        exchange.object = None;
        match exchange.run(verb).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            ended => ended?,
        }
        let lists = verb.requests().iter().any(|request| request.items.is_some());
        if lists {
            let found = exchange.unknown(&manifest.service)?;
            if found.len() > 1 {
                let message = format!("{} objects look like this one", found.len());
                return Err(BrokerError::new(ErrorKind::Conflict, message).help(
                    "Remove the surplus ones at the provider, or `prov import` the one that is meant.",
                ));
            }
            exchange.object = found.into_iter().next();
        } else {
            self.settle_object(exchange);
            let mut rules = verb.requests().into_iter().filter_map(|r| r.matching.as_ref());
            let is_meant = rules.next().map(|rule| exchange.value(rule)).transpose()?;
            if is_meant.is_some_and(|value| !is_true(value.as_ref())) {
                return Ok(None);
            }
        }
        let Some(object) = exchange.object.clone().filter(|object| is_true(Some(object))) else {
            return Ok(None);
        };
        exchange.scope.set("object", &object);
        let id = exchange.id(&manifest.service)?;
        if exchange.known.contains(&id) {
            return Ok(None);
        }
        exchange.identify(&manifest.service, &id)?;
        exchange.live(&manifest.service, &id).map(Some)
    }

    /// Whether the object in scope may be what a lost create made: where objects bear our mark, one
    /// without it is somebody else's.
    fn is_ours(&self, exchange: &Exchange<'_>, manifest: &Manifest) -> Result<bool, BrokerError> {
        let Some(ours) = &manifest.service.ours else { return Ok(true) };
        Ok(is_true(exchange.value(ours)?.as_ref()))
    }

    /// Looks for what a lost create may have made, for as long as the provider may hide it.
    pub(super) async fn look_long(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        verb: &Verb,
    ) -> Result<Sight, BrokerError> {
        let patience = Duration::from_secs(self.provider.limits.visible_within);
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_secs(1);
        loop {
            if let Some(live) = self.look(exchange, manifest, verb).await? {
                // Where a stranger stands, nothing of ours can be.
                let is_ours = self.is_ours(exchange, manifest)?;
                return Ok(if is_ours { Sight::Ours(Box::new(live)) } else { Sight::Stranger });
            }
            if waited >= patience {
                return Ok(Sight::Nothing);
            }
            let pause_now = pause.min(patience - waited);
            self.around.timer.sleep(pause_now).await;
            waited += pause_now;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
    }
}

/// Something stands where an instance is to be made.
pub(super) fn taken(address: &Address, id: Option<&str>) -> BrokerError {
    let (name, reference) = (&address.name, &address.reference);
    let what = id.map(|id| format!(", its id is {id}")).unwrap_or_default();
    let id = id.unwrap_or("ID");
    BrokerError::new(ErrorKind::Conflict, format!("`{name}` is there already{what}")).help(format!(
        "If it is to be managed here: `prov import {reference} {id}`, or `adopt = true` in the \
         config. If not, choose another name."
    ))
}
