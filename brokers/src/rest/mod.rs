//! Runs manifests: a broker for every service of one provider.

mod exchange;
mod failure;
mod identity;
mod preflight;
mod request;
mod session;
mod shape;
mod verify;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use provision::broker::{
    Address, Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OperationRequest, OperationState, PreflightRequest, Progress, ProvisionRequest, Provisioned,
    Service, UpdateRequest,
};
use provision::value::{Outputs, Resolved, as_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::manifest::{Language, Manifest, Provider, Scope, Verb};
use exchange::{Exchange, is_true};
use session::Session;

pub use session::{CredentialSource, Stored, Surroundings};
pub use verify::{Credential, Verified};

/// How often a create whose outcome is unknown is looked for and asked again.
const CREATES_MAX: u32 = 3;

/// Provisions the services of one provider.
pub struct RestBroker {
    catalog: Vec<Service>,
    manifests: BTreeMap<String, Manifest>,
    provider: Arc<Provider>,
    around: Surroundings,
    language: Language,
    session: OnceCell<Session>,
    /// Instances of which it is known that nothing stands in their place.
    free: Mutex<HashSet<String>>,
    /// Values the provider knows, by the request that answers them.
    known: tokio::sync::Mutex<BTreeMap<String, Arc<Vec<Value>>>>,
    verified: OnceCell<Result<(), BrokerError>>,
}

/// What is remembered of an operation between the call and its end.
#[derive(Serialize, Deserialize)]
struct Operation {
    verb: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    saved: Map<String, Value>,
}

impl RestBroker {
    /// A broker for services of one provider.
    #[must_use]
    pub fn new(provider: Arc<Provider>, manifests: Vec<Manifest>, around: Surroundings) -> Self {
        Self {
            catalog: manifests.iter().map(shape::service).collect(),
            manifests: manifests
                .into_iter()
                .map(|manifest| (manifest.service.id.clone(), manifest))
                .collect(),
            provider,
            language: Language::new(around.settings.clone()),
            around,
            session: OnceCell::new(),
            free: Mutex::default(),
            known: tokio::sync::Mutex::default(),
            verified: OnceCell::new(),
        }
    }

    /// The manifests it runs.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }

    /// The provider it speaks to.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    fn manifest(&self, address: &Address) -> Result<&Manifest, BrokerError> {
        self.manifests.get(address.service.as_str()).ok_or_else(|| {
            let message = format!("no manifest describes the service `{}`", address.service);
            BrokerError::new(ErrorKind::Unsupported, message)
        })
    }

    async fn session(&self) -> Result<&Session, BrokerError> {
        let open = || async { Session::open(&self.provider, &self.language, &self.around) };
        self.session.get_or_try_init(open).await
    }

    /// An exchange without an instance.
    async fn open(&self) -> Result<Exchange<'_>, BrokerError> {
        Ok(Exchange {
            provider: &self.provider,
            language: &self.language,
            around: &self.around,
            session: self.session().await?,
            file: "provider.toml",
            scope: Scope::default().with("provider", &json!({})),
            saved: Map::new(),
            object: None,
            items: Vec::new(),
            response: Value::Null,
            key: None,
            known: Vec::new(),
            acts: 0,
        })
    }

    /// An exchange about an instance, in which its names are known.
    async fn about<'a>(
        &'a self,
        manifest: &'a Manifest,
        address: &Address,
        params: &Resolved,
    ) -> Result<Exchange<'a>, BrokerError> {
        let mut exchange = self.open().await?;
        exchange.file = &manifest.file.path;
        exchange.introduce().await?;
        let redactor = &exchange.session.client.redactor;
        for rule in manifest.service.params.iter().filter(|rule| rule.param.sensitive) {
            params.get(&rule.param.name).into_iter().for_each(|value| redactor.add_value(value));
        }
        let given: Map<String, Value> = params
            .0
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        exchange.scope.set("params", &Value::Object(given));
        let words = [
            ("name", &address.name),
            ("project", &address.project),
            ("stage", &address.stage),
            ("ref", &address.reference),
        ];
        for (key, name) in words {
            exchange.scope.set(key, &Value::from(name.as_str()));
        }
        let marker = self.marker(&exchange)?;
        exchange.scope.set("marker", &Value::from(marker));
        exchange.scope.set("saved", &json!({}));
        Ok(exchange)
    }

    /// Our mark on what is made for an instance. Different instances have different ones.
    fn marker(&self, exchange: &Exchange<'_>) -> Result<String, BrokerError> {
        let rule = &self.provider.marker;
        let whole = rule.format.render(&self.language, &exchange.scope, as_text);
        let whole = whole.map_err(|error| exchange.expression(&error))?;
        let pattern = regex_lite::Regex::new(&format!("[^{}]", rule.allowed)).map_err(|_| {
            let message = format!("the marker allows `{}`, which is no set", rule.allowed);
            BrokerError::new(ErrorKind::Invalid, message)
        })?;
        let clean = pattern.replace_all(&whole, "-");
        if clean == whole && whole.chars().count() <= rule.max {
            return Ok(whole);
        }
        let digest = provision::digest::of_bytes(whole.as_bytes());
        let digest = digest.trim_start_matches("sha256:").get(..10).unwrap_or_default();
        let kept: String = clean.chars().take(rule.max.saturating_sub(11)).collect();
        Ok(format!("{kept}-{digest}"))
    }

    /// Reads an instance; `None` when it is gone.
    async fn read(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        id: &str,
    ) -> Result<Option<Live>, BrokerError> {
        let service = &manifest.service;
        exchange.identify(service, id)?;
        let Some(verb) = service.verb("read") else { return Ok(None) };
        match exchange.run(verb).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            ended => ended?,
        }
        self.settle_object(exchange);
        exchange.live(service, id).map(Some)
    }

    /// Without a word about it, the object is the whole answer.
    fn settle_object(&self, exchange: &mut Exchange<'_>) {
        if exchange.object.is_none() {
            exchange.object = Some(exchange.response.clone());
        }
        exchange.scope.set("object", exchange.object.as_ref().unwrap_or(&Value::Null));
    }

    /// The one object that `find` finds; its id is in scope afterwards.
    async fn look(
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
        exchange.identify(&manifest.service, &id)?;
        exchange.live(&manifest.service, &id).map(Some)
    }

    /// Looks for what a lost create may have made, for as long as the provider may hide it.
    async fn look_long(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        verb: &Verb,
    ) -> Result<Option<Live>, BrokerError> {
        let patience = Duration::from_secs(self.provider.limits.visible_within);
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_secs(1);
        loop {
            if let Some(live) = self.look(exchange, manifest, verb).await? {
                return Ok(Some(live));
            }
            if waited >= patience {
                return Ok(None);
            }
            let pause_now = pause.min(patience - waited);
            self.around.timer.sleep(pause_now).await;
            waited += pause_now;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
    }

    /// Refuses to make what is there already: nobody's object is taken over unasked.
    async fn require_free(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        address: &Address,
    ) -> Result<(), BrokerError> {
        let place = format!("{}/{}/{}", address.project, address.stage, address.reference);
        if self.free.lock().is_ok_and(|mut free| free.remove(&place)) {
            return Ok(());
        }
        let Some(verb) = manifest.service.verb("find") else { return Ok(()) };
        match self.look(exchange, manifest, verb).await? {
            Some(live) => Err(taken(address, Some(&live.instance_id))),
            None => Ok(()),
        }
    }

    /// Sends the create; where its outcome is unknown, looks for what it made before it is sent again.
    /// Whether it was made by somebody's answer that was lost.
    async fn create(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
    ) -> Result<Made, BrokerError> {
        let service = &manifest.service;
        let Some(create) = service.verb("create") else {
            return Err(BrokerError::new(ErrorKind::Unsupported, "it cannot be created"));
        };
        let mut attempt = 1;
        loop {
            exchange.object = None;
            exchange.acts = 0;
            let error = match exchange.run(create).await {
                Ok(()) => {
                    self.settle_object(exchange);
                    return Ok(Made::Answered);
                }
                Err(error) => error,
            };
            let find = service.verb("find").filter(|_| error.kind == ErrorKind::Unknown);
            let Some(find) = find.filter(|_| attempt < CREATES_MAX) else { return Err(error) };
            tracing::info!(%error, "the outcome is unknown: looking for what was made");
            if self.look_long(exchange, manifest, find).await?.is_some() {
                return Ok(Made::Found);
            }
            attempt += 1;
        }
    }

    /// The operation that goes on after a call, as the journal keeps it.
    fn operation(&self, verb: &str, manifest: &Manifest, exchange: &Exchange<'_>) -> String {
        // Only what waiting needs: the journal is no place for more.
        let wait = manifest.service.wait.as_ref();
        let text = wait.map(|wait| format!("{wait:?}")).unwrap_or_default();
        let mut saved = exchange.saved.clone();
        saved.retain(|name, _| text.contains(&format!("saved.{name}")));
        let operation = Operation { verb: verb.to_owned(), saved };
        serde_json::to_string(&operation).unwrap_or_default()
    }

    /// Whether the object in scope is ready; a text when it never will be.
    async fn readiness(
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

    /// What the object shows only once: from the answer to create, or made anew.
    async fn once(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        must_recover: bool,
    ) -> Result<Outputs, BrokerError> {
        let service = &manifest.service;
        if service.outputs.iter().all(|rule| !rule.once) {
            return Ok(Outputs::default());
        }
        if must_recover {
            let Some(verb) = service.verb("recover") else { return Ok(Outputs::default()) };
            let seen = exchange.object.clone();
            exchange.run(verb).await?;
            self.settle_object(exchange);
            let outputs = exchange.outputs(service, true)?;
            exchange.object = seen;
            exchange.scope.set("object", exchange.object.as_ref().unwrap_or(&Value::Null));
            return Ok(outputs);
        }
        exchange.outputs(service, true)
    }
}

/// How a create ended well.
#[derive(PartialEq)]
enum Made {
    /// It was answered.
    Answered,
    /// Its answer was lost, and what it made was found.
    Found,
}

enum Readiness {
    Ready,
    Pending(Duration),
    Failed(String),
}

/// Something stands where an instance is to be made.
fn taken(address: &Address, id: Option<&str>) -> BrokerError {
    let (name, reference) = (&address.name, &address.reference);
    let what = id.map(|id| format!(", its id is {id}")).unwrap_or_default();
    let id = id.unwrap_or("ID");
    BrokerError::new(ErrorKind::Conflict, format!("`{name}` is there already{what}")).help(format!(
        "If it is to be managed here: `prov import {reference} {id}`, or `adopt = true` in the \
         config. If not, choose another name."
    ))
}

/// A failure of a call that acts. Repeating was done where it is safe; the engine is not to repeat the
/// whole.
fn acted(mut error: BrokerError) -> BrokerError {
    error.kind = match error.kind {
        ErrorKind::Unavailable => ErrorKind::Failed,
        kind => kind,
    };
    error
}

/// In a create, what is not there is something else: what it refers to.
fn created(mut error: BrokerError) -> BrokerError {
    if error.kind == ErrorKind::NotFound {
        error.kind = ErrorKind::Invalid;
    }
    acted(error)
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
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        exchange.key = Some(request.idempotency_key.clone());
        exchange.scope.set("key", &Value::from(request.idempotency_key.as_str()));
        exchange.known.clone_from(&request.known);
        self.require_free(&mut exchange, manifest, &request.address).await.map_err(created)?;
        let made = self.create(&mut exchange, manifest).await.map_err(|error| {
            let error = created(error);
            match error.kind {
                ErrorKind::Conflict if error.help.is_none() => {
                    let help = taken(&request.address, None).help.unwrap_or_default();
                    error.help(help)
                }
                _ => error,
            }
        })?;
        let id = exchange.id(&manifest.service)?;
        exchange.identify(&manifest.service, &id)?;
        let outputs = self.once(&mut exchange, manifest, made == Made::Found).await?;
        Ok(Progress::InProgress {
            operation: self.operation("create", manifest, &exchange),
            instance_id: Some(id),
            retry_after: Some(Duration::ZERO),
            outputs,
        })
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
        let service = &manifest.service;
        let mut exchange = self.about(manifest, &request.address, &request.params).await?;
        let changed =
            shape::changed(&request.params, request.address.name.as_str(), &request.previous);
        exchange.key = Some(request.idempotency_key.clone());
        exchange.scope.set("key", &Value::from(request.idempotency_key.as_str()));
        exchange.scope.set("changed", &json!(changed));
        exchange.scope.set("outputs", &Value::Object(request.previous.outputs.0.clone()));
        let previous = json!({
            "params": request.previous.params.0,
            "name": request.previous.name.as_ref().map(ToString::to_string),
        });
        exchange.scope.set("previous", &previous);
        let live = self.read(&mut exchange, manifest, &request.instance_id).await.map_err(acted)?;
        if live.is_none() {
            let message = format!("`{}` is gone", request.address.name);
            return Err(BrokerError::new(ErrorKind::NotFound, message));
        }
        for verb in ["update", "configure"].into_iter().filter_map(|verb| service.verb(verb)) {
            exchange.run(verb).await.map_err(acted)?;
        }
        let is_unknown = service
            .outputs
            .iter()
            .any(|rule| rule.once && request.previous.outputs.get(&rule.key).is_none());
        let is_wanted = service.recover_on.iter().any(|param| changed.contains(param));
        let outputs = match is_unknown || is_wanted {
            true => self.once(&mut exchange, manifest, true).await.map_err(acted)?,
            false => Outputs::default(),
        };
        Ok(Progress::InProgress {
            operation: self.operation("update", manifest, &exchange),
            instance_id: Some(request.instance_id.clone()),
            retry_after: Some(Duration::ZERO),
            outputs,
        })
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let manifest = self.manifest(&request.address)?;
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
            operation: self.operation("delete", manifest, &exchange),
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
            // It was made and cannot be seen yet; the engine's deadline ends this.
            (None, false) => return Ok(OperationState::InProgress { retry_after: None }),
            (Some(live), false) => live,
        };
        match self.readiness(&mut exchange, manifest).await? {
            Readiness::Failed(description) => return Ok(OperationState::Failed { description }),
            Readiness::Pending(interval) => {
                return Ok(OperationState::InProgress { retry_after: Some(interval) });
            }
            Readiness::Ready => {}
        }
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
        let (instance_id, outputs) = (live.instance_id, live.outputs);
        Ok(OperationState::Succeeded(Some(Provisioned { instance_id, outputs })))
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
        let found = match request.idempotency_key {
            Some(_) => self.look_long(&mut exchange, manifest, verb).await?,
            None => self.look(&mut exchange, manifest, verb).await?,
        };
        let Some(found) = found else { return Ok(None) };
        // A list may show less than the thing itself.
        let id = found.instance_id.clone();
        exchange.object = None;
        let live = self.read(&mut exchange, manifest, &id).await?.unwrap_or(found);
        Ok(Some(named(live, &request.address)))
    }

    async fn list(&self, service: &str) -> Result<Option<Vec<Live>>, BrokerError> {
        let Some(manifest) = self.manifests.get(service) else { return Ok(None) };
        let Some(verb) = manifest.service.verb("list") else { return Ok(None) };
        if format!("{verb:?}").contains("params.") {
            // It lists what is inside something else, and nobody says what.
            return Ok(None);
        }
        let mut exchange = self.open().await?;
        exchange.introduce().await?;
        exchange.file = &manifest.file.path;
        exchange.scope.set("params", &json!({}));
        for name in ["name", "project", "stage", "ref", "marker"] {
            exchange.scope.set(name, &Value::from(""));
        }
        exchange.run(verb).await?;
        let mut found = Vec::new();
        for item in std::mem::take(&mut exchange.items) {
            exchange.scope.set("object", &item);
            let Ok(id) = exchange.id(&manifest.service) else { continue };
            exchange.identify(&manifest.service, &id)?;
            let name =
                manifest.service.name.read.as_ref().and_then(|read| {
                    exchange.value(read).ok().flatten().map(|name| as_text(&name))
                });
            found.push(Live::new(id.clone(), name.unwrap_or(id), Outputs::default()));
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
