//! Drives every verb of a manifest with the real interpreter.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brokers::http::Timer;
use brokers::local::Settings;
use brokers::manifest::{Manifest, Provider, Scope};
use brokers::rest::{RestBroker, Surroundings};
use provision::broker::{
    Address, Broker as _, BrokerError, DeprovisionRequest, FetchRequest, FindRequest, KnownIds,
    OnChange, OperationRequest, PreflightRequest, Previous, Progress, ProvisionRequest,
    UpdateRequest,
};
use provision::name::Name;
use provision::value::{Outputs, Resolved};
use serde_json::{Map, Value, json};

use crate::between::Between;
use crate::example::{Imitation, other_than};

/// Values of providers that fit what their descriptions say of them.
pub const VALUES: [(&str, &str); 5] = [
    ("account_id", "023e105f4ecef8ad9ca31a8372d0c353"),
    ("account_slug", "acme"),
    ("org_id", "org-morning-bread-81040908"),
    ("organization", "acme"),
    ("team_id", "team_LLHUOMOoDlqOp8wPE4kFo9pE"),
];

/// Time that passes at once.
#[derive(Default)]
struct Hurry(Mutex<Duration>);

#[async_trait]
impl Timer for Hurry {
    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
        tokio::task::yield_now().await;
    }
}

/// What the interpreter needs to speak to a provider's counterpart.
pub fn surroundings(provider: &Provider, between: &Between, settings: &Settings) -> Surroundings {
    let mut known: Vec<(String, String)> = Vec::new();
    let base = format!("http://{}", between.address);
    known.extend(provider.base_url_env.first().map(|name| (name.clone(), base)));
    for (_, names) in provider.auth.iter().take(1).flat_map(|auth| &auth.secrets) {
        known.extend(names.first().map(|name| (name.clone(), "test-secret".to_owned())));
    }
    for (name, value) in VALUES {
        let rule = provider.values.get(name);
        let variable = rule.and_then(|rule| rule.env.first());
        known.extend(variable.map(|variable| (variable.clone(), value.to_owned())));
    }
    let of = move |name: &str| known.iter().find(|(known, _)| known == name).map(|k| k.1.clone());
    Surroundings {
        settings: settings.clone(),
        env: Arc::new(of),
        stored: Arc::new(|_, _| Ok(None)),
        timer: Arc::new(Hurry::default()),
        accounts: Default::default(),
    }
}

/// A service under way, from its creation to its end.
pub struct Drive<'a> {
    pub broker: &'a RestBroker,
    pub manifest: &'a Manifest,
    pub between: &'a Between,
    pub settings: &'a Settings,
    address: Address,
    /// Its name before a change.
    former: Name,
    params: Map<String, Value>,
    /// What it yields.
    outputs: Map<String, Value>,
    /// What the interpreter could not do, by verb.
    pub complaints: Vec<String>,
}

impl<'a> Drive<'a> {
    pub fn new(
        broker: &'a RestBroker,
        manifest: &'a Manifest,
        between: &'a Between,
        settings: &'a Settings,
    ) -> Self {
        let service = &manifest.service;
        let address = Address {
            project: Name::from("shop"),
            stage: Name::from("test"),
            reference: Name::from("web"),
            service: Name::from(service.id.as_str()),
            name: Name::from(service.example.name.clone().unwrap_or_default()),
        };
        let mut params = service.example.params.clone();
        for rule in &service.params {
            if let Some(default) = rule.param.default.clone() {
                params.entry(rule.param.name.to_string()).or_insert(default);
            }
        }
        let former = address.name.clone();
        let (outputs, complaints) = (Map::new(), Vec::new());
        Self { broker, manifest, between, settings, address, former, params, outputs, complaints }
    }

    /// The names that the example's expressions know.
    fn imitation(&self) -> Imitation {
        let mut names = Map::new();
        names.insert("params".to_owned(), Value::Object(self.params.clone()));
        let address = &self.address;
        let words = [
            ("name", &address.name),
            ("project", &address.project),
            ("stage", &address.stage),
            ("ref", &address.reference),
        ];
        let mut scope = Scope::default();
        for (word, name) in words {
            names.insert(word.to_owned(), json!(name.as_str()));
            scope.set(word, &json!(name.as_str()));
        }
        let provider: Map<String, Value> =
            VALUES.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        names.insert("provider".to_owned(), Value::Object(provider));
        let language = brokers::manifest::Language::new(self.settings.clone());
        let format = &self.manifest.provider.marker.format;
        let marker = format.render(&language, &scope, provision::value::as_text);
        names.insert("marker".to_owned(), json!(marker.unwrap_or_default()));
        Imitation::new(self.manifest, self.settings, &names)
    }

    fn begin(&self, verb: &str, imitation: Imitation) {
        self.between.begin(verb);
        self.between.say(Box::new(move |before, passed| imitation.answer(before, passed)));
    }

    fn note<T>(&mut self, verb: &str, ended: Result<T, BrokerError>) -> Option<T> {
        match ended {
            Ok(value) => Some(value),
            Err(error) => {
                self.complaints.push(format!("{verb}: {error}"));
                None
            }
        }
    }

    /// The whole life. What was sent is in `between`.
    pub async fn live(&mut self) {
        let Some(id) = self.create().await else { return };
        self.begin("read", self.imitation());
        let previous = self.previous(self.params.clone());
        let fetch =
            FetchRequest { address: self.address.clone(), instance_id: id.clone(), previous };
        let fetched = self.broker.fetch(&fetch).await;
        match self.note("read", fetched) {
            Some(Some(live)) => self.outputs = yielded(&live.outputs),
            Some(None) => self.complaints.push("read: it is said to be gone".to_owned()),
            None => {}
        }
        self.find().await;
        self.begin("list", self.imitation());
        let listed = self.broker.list(&self.manifest.service.id, &[self.resolved()]).await;
        self.note("list", listed);
        self.updates(&id).await;
        self.delete(&id).await;
    }

    fn resolved(&self) -> Resolved {
        Resolved(self.params.clone())
    }

    fn previous(&self, params: Map<String, Value>) -> Previous {
        let name = Some(self.former.clone());
        let (params, outputs) = (Resolved(params), Resolved(self.outputs.clone()));
        Previous { name, params, outputs, ..Previous::default() }
    }

    async fn create(&mut self) -> Option<String> {
        let absent = || self.imitation().before_it_was();
        self.begin("preflight", absent());
        let preflight = PreflightRequest {
            address: self.address.clone(),
            params: self.resolved(),
            is_new: false,
            known: KnownIds::default(),
        };
        // What Prism's examples know of regions and sizes is no word about ours.
        drop(self.broker.preflight(&preflight).await);
        self.begin("create", absent());
        let request = ProvisionRequest {
            address: self.address.clone(),
            plan: None,
            params: self.resolved(),
            idempotency_key: "3f0f2e0a-0000-4000-8000-000000000001".to_owned(),
            known: KnownIds::default(),
            is_unsure: false,
        };
        let created = self.broker.provision(&request).await;
        let Progress::InProgress { operation, instance_id, .. } = self.note("create", created)?
        else {
            return None;
        };
        self.settle("wait", operation, instance_id.clone()).await;
        instance_id
    }

    /// Asks how an operation is doing, as the engine does.
    async fn settle(&mut self, verb: &str, operation: String, instance_id: Option<String>) {
        self.begin(verb, self.imitation());
        let (address, params) = (self.address.clone(), self.resolved());
        let waited = std::time::Duration::ZERO;
        let request = OperationRequest { address, instance_id, operation, params, waited };
        let state = self.broker.last_operation(&request).await;
        self.note(verb, state);
    }

    async fn find(&mut self) {
        if self.manifest.service.verb("find").is_none() {
            return;
        }
        self.begin("find", self.imitation());
        let request = FindRequest {
            address: self.address.clone(),
            params: self.resolved(),
            instance_id: None,
            idempotency_key: None,
            is_unsure: false,
            known: KnownIds::default(),
        };
        let found = self.broker.find(&request).await;
        if let Some(None) = self.note("find", found) {
            self.complaints.push("find: it is not found".to_owned());
        }
    }

    /// Everything changed, everything optional taken away, and each param that was edited put back.
    async fn updates(&mut self, id: &str) {
        let service = &self.manifest.service;
        if service.verb("update").is_none() && service.verb("configure").is_none() {
            return;
        }
        let all = self.params.clone();
        let is_fixed = |name: &str| {
            service.param(name).is_some_and(|rule| {
                rule.param.on_change != OnChange::Update
                    || rule.param.required
                    || rule.param.default.is_some()
            })
        };
        let mut bare = all.clone();
        bare.retain(|name, _| is_fixed(name));
        self.update(id, all.clone(), bare.clone(), self.imitation()).await;
        if service.name.on_change == OnChange::Update {
            let imitation = self.imitation();
            self.address.name = Name::from(format!("{}2", self.former));
            self.update(id, all.clone(), all.clone(), imitation).await;
            self.address.name = self.former.clone();
        }
        let imitation = self.imitation();
        self.update(id, bare, all.clone(), imitation).await;
        for (param, value) in &all {
            let rule = service.param(param);
            if rule.is_none_or(|rule| rule.param.on_change != OnChange::Update) {
                continue;
            }
            let mut imitation = self.imitation();
            let edit = imitation.edit_of(param);
            edit.iter().for_each(|edit| imitation.edit(edit));
            let mut before = all.clone();
            before.insert(param.clone(), other_than(value));
            self.update(id, all.clone(), before, imitation).await;
        }
    }

    async fn update(
        &mut self,
        id: &str,
        params: Map<String, Value>,
        before: Map<String, Value>,
        imitation: Imitation,
    ) {
        self.begin("update", imitation);
        let request = UpdateRequest {
            address: self.address.clone(),
            instance_id: id.to_owned(),
            plan: None,
            params: Resolved(params),
            previous: self.previous(before),
            idempotency_key: "3f0f2e0a-0000-4000-8000-000000000002".to_owned(),
        };
        let updated = self.broker.update(&request).await;
        self.note("update", updated);
    }

    async fn delete(&mut self, id: &str) {
        self.begin("delete", self.imitation());
        let request = DeprovisionRequest {
            address: self.address.clone(),
            instance_id: id.to_owned(),
            previous: self.previous(self.params.clone()),
            force: false,
            idempotency_key: "3f0f2e0a-0000-4000-8000-000000000003".to_owned(),
        };
        let removed = self.broker.deprovision(&request).await;
        self.note("delete", removed);
    }
}

/// The outputs as the journal gives them to a change.
fn yielded(outputs: &Outputs) -> Map<String, Value> {
    outputs.0.iter().map(|(key, output)| (key.to_string(), output.value.clone())).collect()
}
