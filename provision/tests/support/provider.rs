//! A provider in memory that keeps its side of the contract to the letter, fails when it is told to,
//! and notes whatever it is asked that an engine must never ask.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live, OnChange,
    OperationRequest, OperationState, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::name::Name;
use provision::value::Outputs;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Dice;
use super::services::{self, DATABASE, FILE, MAILBOX, TOKEN, VALUE};

/// An object that the provider holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub service: Name,
    pub name: Name,
    pub plan: Option<Name>,
    pub params: Map<String, Value>,
    /// The idempotency key of its creation.
    pub key: String,
    revision: u64,
    /// Whether its creation ended well.
    pub healthy: bool,
}

/// The provider; clones share what it holds.
#[derive(Clone)]
pub struct Provider {
    catalog: Arc<Vec<Service>>,
    state: Arc<Mutex<State>>,
}

struct State {
    objects: BTreeMap<String, Object>,
    operations: BTreeMap<String, Operation>,
    /// What every idempotency key was first used for.
    keys: HashMap<String, String>,
    made: u64,
    dice: Dice,
    /// How many of a hundred calls fail.
    faults: u64,
    removals: Removals,
    breaches: BTreeSet<String>,
}

/// How removals go.
#[derive(Clone, Copy, PartialEq)]
pub enum Removals {
    /// Like everything else.
    Work,
    /// They fail.
    Fail,
    /// They work, and nobody hears of it.
    GoUnheard,
}

/// Work that takes time.
struct Operation {
    id: String,
    effect: Effect,
    due: Instant,
    /// How it ended, once it has.
    ended: Option<bool>,
    fails: bool,
}

enum Effect {
    Create,
    Update(Box<Object>),
    Delete,
}

/// How a call fails.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Unavailable,
    Failed,
    LostQuestion,
    LostAnswer,
    LaterFailure,
}

impl Provider {
    /// An empty provider; `seed` decides how long things take and which calls fail.
    pub fn new(seed: u64) -> Self {
        let state = State {
            objects: BTreeMap::new(),
            operations: BTreeMap::new(),
            keys: HashMap::new(),
            made: 0,
            dice: Dice::new(seed),
            faults: 0,
            removals: Removals::Work,
            breaches: BTreeSet::new(),
        };
        Self { catalog: Arc::new(services::all()), state: Arc::new(Mutex::new(state)) }
    }

    /// From now on `faults` of a hundred calls fail.
    pub fn fail(&self, faults: u64) {
        self.state().faults = faults;
    }

    /// From now on removals go like this.
    pub fn removals(&self, removals: Removals) {
        self.state().removals = removals;
    }

    /// Everything it holds, what is under way brought to its end.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        let mut state = self.state();
        state.advance();
        state.objects.clone()
    }

    /// What it was asked that it must never be asked.
    pub fn breaches(&self) -> BTreeSet<String> {
        self.state().breaches.clone()
    }

    /// Puts a file there that nobody here made.
    pub fn seed_file(&self, path: &str) {
        let params = Map::from_iter([("path".to_owned(), Value::from(path))]);
        let object = Object {
            service: Name::from(FILE),
            name: Name::from(path),
            plan: None,
            params,
            key: String::new(),
            revision: 0,
            healthy: true,
        };
        self.state().objects.entry(path.to_owned()).or_insert(object);
    }

    /// Takes an object out that is nobody's business any more.
    pub fn take(&self, id: &str) {
        self.state().objects.remove(id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The way to the provider and back takes its time.
    async fn travel(&self) {
        let time = self.state().dice.roll(4);
        match time {
            0 => tokio::task::yield_now().await,
            time => tokio::time::sleep(Duration::from_millis(100 * time)).await,
        }
    }

    fn check_fixed(&self, request: &UpdateRequest, object: &Object) -> Result<(), BrokerError> {
        let service = self.catalog.iter().find(|service| service.id == object.service).unwrap();
        let fixed = service.params.iter().filter(|param| param.on_change == OnChange::Replace);
        let changed =
            fixed.filter(|p| request.params.0.get(&*p.name) != object.params.get(&*p.name));
        let renamed = service.on_rename == OnChange::Replace && object.name != request.address.name;
        if changed.count() == 0 && !renamed {
            return Ok(());
        }
        let message = format!("{} cannot change in place", request.address.reference);
        self.state().breaches.insert(message.clone());
        Err(BrokerError::new(ErrorKind::Invalid, message))
    }
}

impl State {
    /// Ends every operation whose time has come.
    fn advance(&mut self) {
        let now = Instant::now();
        for operation in self.operations.values_mut().filter(|o| o.ended.is_none() && o.due <= now)
        {
            operation.ended = Some(!operation.fails);
            let object = self.objects.get_mut(&operation.id);
            match (&operation.effect, operation.fails, object) {
                (Effect::Create, false, Some(object)) => object.healthy = true,
                // A token that fails leaves nothing, anything else a wreck under its announced id.
                (Effect::Create, true, Some(object)) if object.service == TOKEN => {
                    self.objects.remove(&operation.id);
                }
                (Effect::Update(new), false, Some(object)) => *object = (**new).clone(),
                (Effect::Delete, false, Some(_)) => {
                    self.objects.remove(&operation.id);
                }
                _ => {}
            }
        }
    }

    fn is_busy(&self, id: &str) -> bool {
        self.operations.values().any(|operation| operation.id == id && operation.ended.is_none())
    }

    fn breach(&mut self, what: String) {
        self.breaches.insert(what);
    }

    /// A key stands for one thing that is asked, however often.
    fn check_key(&mut self, key: &str, asked: &str) {
        let first = self.keys.entry(key.to_owned()).or_insert_with(|| asked.to_owned());
        if *first != asked {
            let breach = format!("the key {key} stands for `{first}` and for `{asked}`");
            self.breach(breach);
        }
    }

    fn fault(&mut self, service: &str) -> Option<Fault> {
        if self.dice.roll(100) >= self.faults {
            return None;
        }
        let fault = match self.dice.roll(5) {
            0 => Fault::Unavailable,
            1 => Fault::Failed,
            2 => Fault::LostQuestion,
            3 => Fault::LostAnswer,
            _ => Fault::LaterFailure,
        };
        // Nobody could ever settle what became of a mailbox.
        let is_settled = service != MAILBOX || matches!(fault, Fault::Unavailable | Fault::Failed);
        is_settled.then_some(fault)
    }

    /// The fault of a call and, when nothing happens because of it, the error.
    fn before(&mut self, service: &str) -> Result<Option<Fault>, BrokerError> {
        let fault = self.fault(service);
        match fault {
            Some(Fault::Unavailable) => Err(error(ErrorKind::Unavailable)),
            Some(Fault::Failed) => Err(error(ErrorKind::Failed)),
            Some(Fault::LostQuestion) => Err(error(ErrorKind::Unknown)),
            fault => Ok(fault),
        }
    }

    /// A question that changes nothing may go unanswered.
    fn question(&mut self) -> Result<(), BrokerError> {
        self.advance();
        match self.dice.roll(100) < self.faults {
            true => Err(error(ErrorKind::Unavailable)),
            false => Ok(()),
        }
    }

    fn start(&mut self, id: &str, effect: Effect, fault: Option<Fault>) -> String {
        let name = format!("operation-{}", self.operations.len());
        let due = Instant::now() + Duration::from_secs(1 + self.dice.roll(4));
        let fails = fault == Some(Fault::LaterFailure);
        let operation = Operation { id: id.to_owned(), effect, due, ended: None, fails };
        self.operations.insert(name.clone(), operation);
        name
    }

    /// The object that stands where one of these values would be made.
    fn standing(&self, service: &str, name: &Name, path: Option<&Value>) -> Option<&String> {
        let mut all = self.objects.iter().filter(|(_, object)| object.service == service);
        let found = match service {
            FILE => all.find(|(_, object)| object.params.get("path") == path),
            DATABASE => all.find(|(_, object)| object.name == *name),
            _ => None,
        };
        found.map(|(id, _)| id)
    }

    fn live(&self, id: &str) -> Option<Live> {
        let object = self.objects.get(id)?;
        let name = object.name.to_string();
        Some(Live::new(id, name, outputs(id, object)))
    }

    fn provisioned(&self, id: &str) -> Option<Provisioned> {
        self.live(id).map(Provisioned::from)
    }

    fn create(&mut self, request: &ProvisionRequest) -> Result<String, BrokerError> {
        let service = request.address.service.as_str();
        let known = self.objects.iter().find(|(_, o)| o.key == request.idempotency_key);
        if let Some((id, _)) = known {
            return Ok(id.clone());
        }
        let path = request.params.0.get("path");
        if let Some(id) = self.standing(service, &request.address.name, path) {
            let message = format!("{id} stands there already");
            return Err(BrokerError::new(ErrorKind::Conflict, message));
        }
        self.made += 1;
        let id = match path.and_then(Value::as_str) {
            Some(path) => path.to_owned(),
            None => format!("{service}-{}", self.made),
        };
        let object = Object {
            service: request.address.service.clone(),
            name: request.address.name.clone(),
            plan: request.plan.clone(),
            params: request.params.0.clone(),
            key: request.idempotency_key.clone(),
            revision: 1,
            healthy: !is_slow(service),
        };
        self.objects.insert(id.clone(), object);
        Ok(id)
    }

    fn answer(&mut self, id: &str, operation: Option<String>) -> Progress<Provisioned> {
        match (operation, self.provisioned(id)) {
            (None, Some(provisioned)) => Progress::Done(provisioned),
            (operation, _) => Progress::InProgress {
                operation: operation.unwrap_or_default(),
                instance_id: id.starts_with(DATABASE).then(|| id.to_owned()),
                retry_after: Some(Duration::from_secs(1)).filter(|_| self.dice.roll(2) == 0),
                outputs: Outputs::default(),
            },
        }
    }
}

fn is_slow(service: &str) -> bool {
    [DATABASE, TOKEN].contains(&service)
}

fn error(kind: ErrorKind) -> BrokerError {
    BrokerError::new(kind, "the provider was told to fail")
}

fn lost<T>(fault: Option<Fault>, answer: T) -> Result<T, BrokerError> {
    if fault == Some(Fault::LostAnswer) { Err(error(ErrorKind::Unknown)) } else { Ok(answer) }
}

fn outputs(id: &str, object: &Object) -> Outputs {
    let outputs = Outputs::default();
    let revision = object.revision;
    match object.service.as_str() {
        FILE => {
            let content = object.params.get("content").unwrap_or(&Value::Null);
            let digest = provision::digest::of(content).unwrap();
            outputs.with("path", id).with("digest", digest)
        }
        DATABASE => outputs.with("id", id).with_secret("password", format!("secret of {id}")),
        TOKEN => outputs
            .with("id", id)
            .with("revision", revision)
            .with_secret("token", format!("secret {revision} of {id}")),
        _ => outputs.with("id", id),
    }
}

fn value(id: &str, params: &Map<String, Value>) -> Outputs {
    let content = params.get("content").cloned().unwrap_or_default();
    Outputs::default().with("id", id).with("copy", content)
}

#[async_trait]
impl Broker for Provider {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        self.travel().await;
        let service = request.address.service.as_str();
        let answer = {
            let mut state = self.state();
            state.advance();
            let asked = format!("make {service} {}", request.address.name);
            state.check_key(&request.idempotency_key, &asked);
            let fault = state.before(service)?;
            let answer = if service == VALUE {
                let id = format!("value of {}", request.idempotency_key);
                let outputs = value(&id, &request.params.0);
                Progress::Done(Provisioned::new(id, outputs))
            } else {
                let id = state.create(request)?;
                let is_new = is_slow(service) && !state.objects[&id].healthy;
                let running =
                    state.operations.iter().find(|(_, o)| o.id == id && o.ended.is_none());
                let operation = match running {
                    Some((name, _)) => Some(name.clone()),
                    None => is_new.then(|| state.start(&id, Effect::Create, fault)),
                };
                state.answer(&id, operation)
            };
            lost(fault, answer)
        };
        self.travel().await;
        answer
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        self.travel().await;
        let service = request.address.service.as_str();
        let id = &request.instance_id;
        let known = self.objects().get(id).cloned();
        if let Some(object) = &known {
            self.check_fixed(request, object)?;
        }
        let answer = {
            let mut state = self.state();
            state.check_key(&request.idempotency_key, &format!("change {id}"));
            let fault = state.before(service)?;
            let answer = if service == VALUE {
                let kept = request.previous.outputs.text("id").unwrap_or(id);
                let outputs = value(kept, &request.params.0);
                Progress::Done(Provisioned::new(id.as_str(), outputs))
            } else {
                let object = known.ok_or_else(|| error(ErrorKind::NotFound))?;
                if state.is_busy(id) {
                    return Err(error(ErrorKind::Unavailable));
                }
                let new = Object {
                    name: request.address.name.clone(),
                    plan: request.plan.clone(),
                    params: request.params.0.clone(),
                    revision: object.revision + 1,
                    healthy: true,
                    ..object
                };
                let operation = if service == DATABASE {
                    Some(state.start(id, Effect::Update(Box::new(new)), fault))
                } else {
                    state.objects.insert(id.clone(), new);
                    None
                };
                state.answer(id, operation)
            };
            lost(fault, answer)
        };
        self.travel().await;
        answer
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        self.travel().await;
        let service = request.address.service.as_str();
        let id = &request.instance_id;
        let answer = {
            let mut state = self.state();
            state.advance();
            if id.is_empty() {
                state.breach(format!("asked to destroy nothing for {}", request.address.reference));
            }
            state.check_key(&request.idempotency_key, &format!("destroy {id}"));
            let mut fault = state.before(service)?;
            match state.removals {
                Removals::Work => {}
                Removals::Fail => return Err(error(ErrorKind::Failed)),
                Removals::GoUnheard => fault = Some(Fault::LostAnswer),
            }
            if state.is_busy(id) {
                return Err(error(ErrorKind::Unavailable));
            }
            let answer = if is_slow(service) && state.objects.contains_key(id) {
                let operation = state.start(id, Effect::Delete, fault);
                Progress::InProgress {
                    operation,
                    instance_id: None,
                    retry_after: None,
                    outputs: Outputs::default(),
                }
            } else {
                state.objects.remove(id);
                Progress::Done(())
            };
            lost(fault, answer)
        };
        self.travel().await;
        answer
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        self.travel().await;
        let mut state = self.state();
        state.question()?;
        Ok(state.live(&request.instance_id))
    }

    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        self.travel().await;
        let mut state = self.state();
        state.question()?;
        let Some(operation) = state.operations.get(&request.operation) else {
            state.breach(format!("asked about `{}`, which never was", request.operation));
            return Err(error(ErrorKind::NotFound));
        };
        Ok(match operation.ended {
            None => OperationState::InProgress { retry_after: None },
            Some(true) => OperationState::Succeeded(state.provisioned(&operation.id)),
            Some(false) => OperationState::Failed { description: "it did not work".to_owned() },
        })
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        self.travel().await;
        if request.address.service == MAILBOX {
            return Err(error(ErrorKind::Unsupported));
        }
        let mut state = self.state();
        state.question()?;
        let by_id = request.instance_id.as_ref().filter(|id| state.objects.contains_key(*id));
        let by_key =
            |key: &String| state.objects.iter().find(|(_, o)| o.key == *key).map(|(id, _)| id);
        let path = request.params.0.get("path");
        let by_place =
            || state.standing(request.address.service.as_str(), &request.address.name, path);
        let id = match &request.idempotency_key {
            Some(key) => by_key(key),
            None => by_id.or_else(by_place),
        };
        Ok(id.cloned().and_then(|id| state.live(&id)))
    }
}
