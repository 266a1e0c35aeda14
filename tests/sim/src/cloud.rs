//! What a provider holds and does. It keeps its side of the contract to the letter, misbehaves as
//! providers do, and notes whatever it is asked that an engine must never ask.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use provision::broker::{
    Address, BrokerError, DeprovisionRequest, ErrorKind, FindRequest, Live, OnChange,
    OperationState, Progress, ProvisionRequest, Provisioned, Service, UpdateRequest,
};
use provision::name::Name;
use provision::value::Outputs;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Dice;
use super::faults::{Fault, Weather, error};
use super::services::{self, DATABASE, FILE, SERVER, TOKEN, VALUE};

/// How long it may take until everybody sees what was made.
pub const VISIBLE_WITHIN: Duration = Duration::from_secs(4);

/// An object that the provider holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub service: Name,
    pub name: Name,
    pub plan: Option<Name>,
    pub params: Map<String, Value>,
    /// The idempotency key of its creation.
    pub key: String,
    /// What its creation was tagged with: whose it is.
    pub tag: String,
    revision: u64,
    /// Whether its creation ended well.
    pub healthy: bool,
    /// From when on those who look for it find it.
    visible_from: Instant,
    /// From when on it can be changed, unless whoever had it made was told before that it is there.
    readable_from: Instant,
}

/// The provider's side.
pub struct Cloud {
    catalog: Vec<Service>,
    objects: BTreeMap<String, Object>,
    operations: BTreeMap<String, Operation>,
    /// What every idempotency key was first used for.
    keys: HashMap<String, String>,
    made: u64,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) breaches: BTreeSet<String>,
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

impl Cloud {
    /// An empty one; `seed` decides how long things take and what goes wrong.
    pub fn new(seed: u64) -> Self {
        Self {
            catalog: services::all(),
            objects: BTreeMap::new(),
            operations: BTreeMap::new(),
            keys: HashMap::new(),
            made: 0,
            dice: Dice::new(seed),
            weather: Weather::default(),
            breaches: BTreeSet::new(),
        }
    }

    /// Everything it holds, what is due brought to its end.
    pub fn objects(&mut self) -> BTreeMap<String, Object> {
        self.advance();
        self.objects.clone()
    }

    /// Puts a file there that nobody here made.
    pub fn seed_file(&mut self, path: &str) {
        let params = Map::from_iter([("path".to_owned(), Value::from(path))]);
        let object = Object {
            service: Name::from(FILE),
            name: Name::from(path),
            plan: None,
            params,
            key: String::new(),
            tag: String::new(),
            revision: 0,
            healthy: true,
            visible_from: Instant::now(),
            readable_from: Instant::now(),
        };
        self.objects.entry(path.to_owned()).or_insert(object);
    }

    /// Takes an object out that is nobody's business any more.
    pub fn take(&mut self, id: &str) {
        self.objects.remove(id);
    }

    /// Ends every operation whose time has come.
    pub(crate) fn advance(&mut self) {
        let now = Instant::now();
        for operation in self.operations.values_mut().filter(|o| o.ended.is_none() && o.due <= now)
        {
            operation.ended = Some(!operation.fails);
            let object = self.objects.get_mut(&operation.id);
            match (&operation.effect, operation.fails, object) {
                (Effect::Create, false, Some(object)) => object.healthy = true,
                // Half of what fails leaves nothing, the rest a wreck.
                (Effect::Create, true, Some(_))
                    if operation.id.ends_with(['0', '2', '4', '6', '8']) =>
                {
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

    /// Whoever asked was told that it is there.
    pub(crate) fn shown(&mut self, id: &str) {
        if let Some(object) = self.objects.get_mut(id) {
            object.readable_from = Instant::now();
        }
    }

    fn is_busy(&self, id: &str) -> bool {
        self.operations.values().any(|operation| operation.id == id && operation.ended.is_none())
    }

    pub(crate) fn breach(&mut self, what: String) {
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

    pub(crate) fn live(&self, id: &str) -> Option<Live> {
        let object = self.objects.get(id)?;
        let name = object.name.to_string();
        Some(Live::new(id, name, outputs(id, object)))
    }

    fn provisioned(&self, id: &str) -> Option<Provisioned> {
        self.live(id).map(Provisioned::from)
    }

    /// Acts on a request to make something.
    pub(crate) fn make(
        &mut self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        self.advance();
        let service = request.address.service.as_str();
        let asked = format!("make {service} {}", request.address.name);
        self.check_key(&request.idempotency_key, &asked);
        let fault = self.weather.before(service, &mut self.dice)?;
        let answer = if service == VALUE {
            let id = format!("value of {}", request.idempotency_key);
            let outputs = value(&id, &request.params.0);
            Progress::Done(Provisioned::new(id, outputs))
        } else {
            let id = self.create(request)?;
            let is_new = is_slow(service) && !self.objects[&id].healthy;
            // Under its key, what was answered before is answered again.
            let is_known = |o: &Operation| {
                o.id == id && (o.ended.is_none() || o.fails && matches!(o.effect, Effect::Create))
            };
            let known = self.operations.iter().find(|(_, operation)| is_known(operation));
            let operation = match known.filter(|_| is_new) {
                Some((name, _)) => Some(name.clone()),
                None => is_new.then(|| self.start(&id, Effect::Create, fault)),
            };
            self.answer(&id, operation)
        };
        Fault::deliver(fault, answer)
    }

    fn create(&mut self, request: &ProvisionRequest) -> Result<String, BrokerError> {
        let service = request.address.service.as_str();
        let same = |(_, object): &(&String, &Object)| object.key == request.idempotency_key;
        // Only the service of tokens knows what a key is for.
        if let Some((id, _)) = self.objects.iter().find(same).filter(|_| service == TOKEN) {
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
        let delay = match service {
            FILE => Duration::ZERO,
            _ => VISIBLE_WITHIN.mul_f64(self.dice.roll(100) as f64 / 100.0),
        };
        let visible_from = Instant::now() + delay;
        let object = Object {
            service: request.address.service.clone(),
            name: request.address.name.clone(),
            plan: request.plan.clone(),
            params: request.params.0.clone(),
            key: request.idempotency_key.clone(),
            tag: tag(&request.address),
            revision: 1,
            healthy: !is_slow(service),
            visible_from,
            readable_from: visible_from + Duration::from_millis(100 * self.dice.roll(20)),
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

    /// Acts on a request to change something.
    pub(crate) fn change(
        &mut self,
        request: &UpdateRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        self.advance();
        let service = request.address.service.as_str();
        let id = &request.instance_id;
        let known = self.objects.get(id).cloned();
        if let Some(object) = &known {
            self.check_fixed(request, object)?;
        }
        self.check_key(&request.idempotency_key, &format!("change {id}"));
        let fault = self.weather.before(service, &mut self.dice)?;
        if service == VALUE {
            let kept = request.previous.outputs.text("id").unwrap_or(id);
            let outputs = value(kept, &request.params.0);
            let answer = Progress::Done(Provisioned::new(id.as_str(), outputs));
            return Fault::deliver(fault, answer);
        }
        let known = known.filter(|object| object.readable_from <= Instant::now());
        let object = known.ok_or_else(|| error(ErrorKind::NotFound))?;
        if self.is_busy(id) {
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
            Some(self.start(id, Effect::Update(Box::new(new)), fault))
        } else {
            self.objects.insert(id.clone(), new);
            None
        };
        let answer = self.answer(id, operation);
        Fault::deliver(fault, answer)
    }

    fn check_fixed(&mut self, request: &UpdateRequest, object: &Object) -> Result<(), BrokerError> {
        let service = self.catalog.iter().find(|service| service.id == object.service).unwrap();
        let fixed = service.params.iter().filter(|param| param.on_change == OnChange::Replace);
        let changed =
            fixed.filter(|p| request.params.0.get(&*p.name) != object.params.get(&*p.name));
        let renamed = service.on_rename == OnChange::Replace && object.name != request.address.name;
        if changed.count() == 0 && !renamed {
            return Ok(());
        }
        let message = format!("{} cannot change in place", request.address.reference);
        self.breach(message.clone());
        Err(BrokerError::new(ErrorKind::Invalid, message))
    }

    /// Acts on a request to destroy something.
    pub(crate) fn destroy(
        &mut self,
        request: &DeprovisionRequest,
    ) -> Result<Progress<()>, BrokerError> {
        self.advance();
        let service = request.address.service.as_str();
        let id = &request.instance_id;
        if id.is_empty() {
            self.breach(format!("asked to destroy nothing for {}", request.address.reference));
        }
        self.check_key(&request.idempotency_key, &format!("destroy {id}"));
        let fault = self.weather.before(service, &mut self.dice)?;
        let fault = self.weather.of_removal(fault)?;
        if self.is_busy(id) {
            return Err(error(ErrorKind::Unavailable));
        }
        let answer = if is_slow(service) && self.objects.contains_key(id) {
            let operation = self.start(id, Effect::Delete, fault);
            let outputs = Outputs::default();
            Progress::InProgress { operation, instance_id: None, retry_after: None, outputs }
        } else {
            self.objects.remove(id);
            Progress::Done(())
        };
        Fault::deliver(fault, answer)
    }

    /// How an operation is doing.
    pub(crate) fn state_of(&mut self, operation: &str) -> Result<OperationState, BrokerError> {
        self.question()?;
        let Some(known) = self.operations.get(operation) else {
            self.breach(format!("asked about `{operation}`, which never was"));
            return Err(error(ErrorKind::NotFound));
        };
        Ok(match known.ended {
            None => OperationState::InProgress { retry_after: None },
            Some(true) => OperationState::Succeeded(self.provisioned(&known.id)),
            Some(false) => OperationState::Failed { description: "it did not work".to_owned() },
        })
    }

    /// A question that changes nothing may go unanswered.
    pub(crate) fn question(&mut self) -> Result<(), BrokerError> {
        self.advance();
        self.weather.question(&mut self.dice)
    }

    /// What of the visible is found by what is asked: an id, or the way that the service has.
    pub(crate) fn look(&mut self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        self.question()?;
        let now = Instant::now();
        let service = request.address.service.as_str();
        if let Some(id) = &request.instance_id
            && self.objects.contains_key(id)
        {
            return Ok(self.live(id));
        }
        let is_free = |id: &String| !request.known.contains(id);
        let by = |is: &dyn Fn(&Object) -> bool| {
            let mut seen =
                self.objects.iter().filter(|(id, o)| is_free(id) && o.visible_from <= now);
            seen.find(|(_, object)| object.service == service && is(object)).map(|(id, _)| id)
        };
        let id = match service {
            SERVER | TOKEN => {
                let tag = tag(&request.address);
                by(&|object| object.tag == tag)
            }
            DATABASE => by(&|object| object.name == request.address.name),
            FILE => by(&|object| object.params.get("path") == request.params.0.get("path")),
            _ => None,
        };
        Ok(id.cloned().and_then(|id| self.live(&id)))
    }
}

fn tag(address: &Address) -> String {
    format!("prov:{}/{}/{}", address.project, address.stage, address.reference)
}

fn is_slow(service: &str) -> bool {
    [DATABASE, TOKEN, SERVER].contains(&service)
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
        SERVER => outputs.with("id", id).with("address", format!("address of {id}")),
        _ => outputs.with("id", id),
    }
}

fn value(id: &str, params: &Map<String, Value>) -> Outputs {
    let content = params.get("content").cloned().unwrap_or_default();
    Outputs::default().with("id", id).with("copy", content)
}
