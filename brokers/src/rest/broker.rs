//! The verbs of a broker, as a manifest describes them.

use std::time::Duration;

use async_trait::async_trait;
use provision::broker::orphan::Asked;
use provision::broker::{
    Address, Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OperationRequest, OperationState, PreflightRequest, Progress, ProvisionRequest, Provisioned,
    Service, UpdateRequest,
};
use provision::value::{Outputs, Resolved};
use serde_json::{Value, json};

use super::exchange::Exchange;
use super::look::{Sight, taken};
use super::wait::{Operation, Readiness};
use super::{RestBroker, shape};
use crate::manifest::Manifest;

/// How often a create whose outcome is unknown is looked for and asked again.
const CREATES_MAX: u32 = 3;

/// How a create ended well.
#[derive(PartialEq)]
enum Made {
    /// It was answered.
    Answered,
    /// Its answer was lost, and what it made was found.
    Found,
}

/// A failure of a call that acts. Repeating was done where it is safe; the engine is not to repeat the
/// whole.
fn acted(error: BrokerError) -> BrokerError {
    BrokerError { is_final: true, ..error }
}

/// The id of what was made, and what the answer shows only once.
fn made_of(
    exchange: &mut Exchange<'_>,
    manifest: &Manifest,
    is_lost: bool,
) -> Result<(String, Outputs), BrokerError> {
    let id = exchange.id(&manifest.service)?;
    exchange.identify(&manifest.service, &id)?;
    let outputs = match is_lost {
        true => Outputs::default(),
        false => exchange.outputs(&manifest.service, true)?,
    };
    Ok((id, outputs))
}

/// In a create, what is not there is something else: what it refers to.
fn created(mut error: BrokerError) -> BrokerError {
    if error.kind == ErrorKind::NotFound {
        error.kind = ErrorKind::Invalid;
    }
    acted(error)
}

impl RestBroker {
    /// Sends the create; where its outcome is unknown, looks for what it made before it is sent again.
    /// That nothing foreign stands there, the engine has looked before.
    async fn create(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        request: &ProvisionRequest,
    ) -> Result<Made, BrokerError> {
        let service = &manifest.service;
        let Some(create) = service.verb("create") else {
            return Err(BrokerError::new(ErrorKind::Unsupported, "it cannot be created"));
        };
        let mut is_unsure = request.is_unsure;
        let mut attempt = 1;
        loop {
            exchange.object = None;
            exchange.acts = 0;
            exchange.done = 0;
            exchange.last = None;
            let error = match exchange.run(create).await {
                Ok(()) => {
                    self.settle_object(exchange);
                    return Ok(Made::Answered);
                }
                Err(error) => error,
            };
            if exchange.done > 0 {
                // Something was made, whatever failed afterwards.
                return Err(BrokerError { kind: ErrorKind::Unknown, ..error });
            }
            // What is in the way of a second attempt may be what the first one made.
            let is_own = is_unsure && error.kind == ErrorKind::Conflict;
            let was_unsure = is_unsure;
            is_unsure |= error.kind == ErrorKind::Unknown;
            let find = service.verb("find").filter(|_| is_own || error.kind == ErrorKind::Unknown);
            let Some(find) = find.filter(|_| attempt < CREATES_MAX) else {
                // That this attempt made nothing says nothing about the one before it.
                let kind = if was_unsure { ErrorKind::Unknown } else { error.kind };
                return Err(BrokerError { kind, ..error });
            };
            tracing::info!(%error, "the outcome is unknown: looking for what was made");
            // An answer that failed is repeated under its key for as long as the key is known.
            let is_kept = exchange.last.as_ref().is_some_and(|(_, status)| *status >= 500);
            match self.look_long(exchange, manifest, find).await {
                Ok(Sight::Ours(_)) => return Ok(Made::Found),
                Ok(Sight::Stranger) if is_own => return Err(error),
                Ok(Sight::Stranger | Sight::Nothing) if !is_own => {}
                Ok(_) => return Err(BrokerError { kind: ErrorKind::Unknown, ..error }),
                // That it cannot be looked for makes its outcome no better known.
                Err(_) => return Err(BrokerError { kind: ErrorKind::Unknown, ..error }),
            }
            attempt += 1;
            if is_kept {
                exchange.key = Some(format!("{}-again-{attempt}", request.idempotency_key));
            }
        }
    }

    /// How an operation is doing.
    async fn operation_state(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let operation: Operation = serde_json::from_str(&request.operation).map_err(|_| {
            BrokerError::new(ErrorKind::Failed, "the journal holds an operation of another broker")
        })?;
        let id = request.instance_id.clone().unwrap_or_default();
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        exchange.saved = operation.saved;
        exchange.scope.set("saved", &Value::Object(exchange.saved.clone()));
        let live = self.read(&mut exchange, manifest, &id).await?;
        let is_removal = operation.verb == "delete";
        let live = match (live, is_removal) {
            (None, true) => return Ok(OperationState::Succeeded(None)),
            (Some(_), true) => return Ok(OperationState::InProgress { retry_after: None }),
            (None, false) => {
                let asked = (request, operation.verb.as_str());
                return self.unseen(&mut exchange, manifest, asked).await;
            }
            (Some(live), false) => live,
        };
        match self.readiness(&mut exchange, manifest).await? {
            Readiness::Failed(description) => return Ok(OperationState::Failed { description }),
            Readiness::Pending(interval) => {
                return Ok(OperationState::InProgress { retry_after: Some(interval) });
            }
            Readiness::Ready => {}
        }
        let recovered = match operation.recover {
            true => self.recover(&mut exchange, manifest).await?,
            false => Outputs::default(),
        };
        let live = match manifest.service.verb("configure").filter(|_| operation.verb == "create") {
            Some(verb) => {
                exchange.scope.set("changed", &json!([]));
                exchange.scope.set("outputs", &json!({}));
                exchange.scope.set("previous", &json!({ "params": {} }));
                exchange.run(verb).await.map_err(|error| match error.kind {
                    ErrorKind::NotFound => created(error),
                    _ => error,
                })?;
                exchange.object = None;
                self.read(&mut exchange, manifest, &id).await?.unwrap_or(live)
            }
            None => live,
        };
        let mut provisioned = Provisioned::from(live);
        provisioned.outputs.0.extend(recovered.0);
        Ok(OperationState::Succeeded(Some(provisioned)))
    }
}

#[async_trait]
impl Broker for RestBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let _turn = self.turn(manifest).await;
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        exchange.asked = Asked::Provision;
        exchange.key = Some(request.idempotency_key.clone());
        exchange.scope.set("key", &Value::from(request.idempotency_key.as_str()));
        exchange.known.clone_from(&request.known);
        let made = self.create(&mut exchange, manifest, request).await.map_err(|error| {
            let error = created(error);
            match error.kind {
                ErrorKind::Conflict if error.help.is_none() => {
                    let help = taken(&request.address, None).help.unwrap_or_default();
                    error.help(help)
                }
                _ => error,
            }
        })?;
        let is_lost = made == Made::Found;
        let (id, outputs) = made_of(&mut exchange, manifest, is_lost)
            // It was made, whatever its answer lacks.
            .map_err(|error| BrokerError { kind: ErrorKind::Unknown, ..error })?;
        Ok(Progress::InProgress {
            operation: self.operation(("create", is_lost), manifest, &exchange),
            instance_id: Some(id),
            retry_after: Some(Duration::ZERO),
            outputs,
        })
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let _turn = self.turn(manifest).await;
        let service = &manifest.service;
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        exchange.key = Some(request.idempotency_key.clone());
        exchange.scope.set("key", &Value::from(request.idempotency_key.as_str()));
        exchange.scope.set("outputs", &Value::Object(request.previous.outputs.0.clone()));
        let previous = json!({
            "params": request.previous.params.0,
            "name": request.previous.name.as_ref().map(ToString::to_string),
        });
        exchange.scope.set("previous", &previous);
        let live = self.read(&mut exchange, manifest, &request.instance_id).await.map_err(acted)?;
        let Some(live) = live else {
            let message = format!("`{}` is gone", request.address.name);
            return Err(BrokerError::new(ErrorKind::NotFound, message));
        };
        let changed = shape::changed(service, request, &live);
        exchange.scope.set("changed", &json!(changed));
        for verb in ["update", "configure"].into_iter().filter_map(|verb| service.verb(verb)) {
            exchange.run(verb).await.map_err(acted)?;
        }
        let is_unknown = service
            .outputs
            .iter()
            .any(|rule| rule.once && request.previous.outputs.get(&rule.key).is_none());
        let is_wanted = service.recover_on.iter().any(|param| changed.contains(param));
        let outputs = match is_unknown || is_wanted {
            true => self.recover(&mut exchange, manifest).await.map_err(acted)?,
            false => Outputs::default(),
        };
        Ok(Progress::InProgress {
            operation: self.operation(("update", false), manifest, &exchange),
            instance_id: Some(request.instance_id.clone()),
            retry_after: Some(Duration::ZERO),
            outputs,
        })
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let _turn = self.turn(manifest).await;
        let service = &manifest.service;
        let params = &request.previous.params;
        let mut exchange = self.about(manifest, &request.address, params).await?;
        exchange.key = Some(request.idempotency_key.clone());
        exchange.scope.set("key", &Value::from(request.idempotency_key.as_str()));
        exchange.scope.set("outputs", &Value::Object(request.previous.outputs.0.clone()));
        exchange.scope.set("previous", &json!({ "params": params.0 }));
        exchange.identify(service, &request.instance_id)?;
        let Some(verb) = service.verb("delete") else {
            return Err(BrokerError::unsupported(&request.address, "removal"));
        };
        match exchange.run(verb).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Progress::Done(())),
            ended => ended.map_err(acted)?,
        }
        if !service.until_gone {
            return Ok(Progress::Done(()));
        }
        Ok(Progress::InProgress {
            operation: self.operation(("delete", false), manifest, &exchange),
            instance_id: Some(request.instance_id.clone()),
            retry_after: None,
            outputs: Outputs::default(),
        })
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let params = &request.previous.params;
        let mut exchange = self.about(manifest, &request.address, params).await?;
        let live = self.read(&mut exchange, manifest, &request.instance_id).await?;
        Ok(live.map(|live| named(live, &request.address)))
    }

    fn contents(&self, service: &str, params: &Resolved) -> Result<Option<String>, BrokerError> {
        let Some(manifest) = self.manifests.get(service) else { return Ok(None) };
        let folders = manifest.service.params.iter().filter(|rule| rule.is_folder);
        let mut text = String::new();
        for rule in folders {
            let Some(folder) = params.text(&rule.param.name) else { continue };
            let place = self.around.settings.existing(folder)?;
            let unreadable = |error: std::io::Error| {
                BrokerError::new(ErrorKind::Invalid, format!("`{folder}`: {error}"))
            };
            for name in crate::local::path::files_below(&place).map_err(unreadable)? {
                let bytes = std::fs::read(place.join(&name)).map_err(unreadable)?;
                text.push_str(&format!("{} {name}\0", provision::digest::of_bytes(&bytes)));
            }
        }
        Ok((!text.is_empty()).then(|| provision::digest::of_bytes(text.as_bytes())))
    }

    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        // Only the provider's own word ends an operation; a question that fails is asked again.
        self.operation_state(request).await.map_err(|error| match error.kind {
            ErrorKind::Failed => BrokerError { kind: ErrorKind::Unavailable, ..error },
            _ => error,
        })
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        if let Some(id) = &request.instance_id {
            let live = self.read(&mut exchange, manifest, id).await?;
            return Ok(live.map(|live| named(live, &request.address)));
        }
        let Some(verb) = manifest.service.verb("find") else {
            return Err(BrokerError::unsupported(
                &request.address,
                "finding an instance again; give its id",
            ));
        };
        exchange.known.clone_from(&request.known);
        let found = match request.is_unsure {
            true => match self.look_long(&mut exchange, manifest, verb).await? {
                Sight::Ours(live) => Some(*live),
                Sight::Stranger | Sight::Nothing => None,
            },
            false => self.look(&mut exchange, manifest, verb).await?,
        };
        let Some(found) = found else { return Ok(None) };
        // A list may show less than the thing itself.
        let id = found.instance_id.clone();
        exchange.object = None;
        let live = self.read(&mut exchange, manifest, &id).await?.unwrap_or(found);
        Ok(Some(named(live, &request.address)))
    }

    async fn list(
        &self,
        service: &str,
        beside: &[Resolved],
    ) -> Result<Option<Vec<Live>>, BrokerError> {
        let Some(manifest) = self.manifests.get(service) else { return Ok(None) };
        let Some(verb) = manifest.service.verb("list") else { return Ok(None) };
        let places = self.places(verb, beside);
        // It lists what is inside something else, and nobody says what; or nobody may ask.
        if places.is_empty() || self.credential()?.is_none() {
            return Ok(None);
        }
        let mut found: Vec<Live> = Vec::new();
        for place in &places {
            for live in self.list_at(manifest, verb, place).await? {
                if !found.iter().any(|known| known.instance_id == live.instance_id) {
                    found.push(live);
                }
            }
        }
        Ok(Some(found))
    }

    async fn preflight(&self, request: &PreflightRequest) -> Vec<BrokerError> {
        self.examine(request).await
    }
}

/// A live object whose provider shows no name has the one it was given.
fn named(mut live: Live, address: &Address) -> Live {
    if live.name.is_empty() {
        live.name = address.name.to_string();
    }
    live
}
