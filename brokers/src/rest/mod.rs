//! Runs manifests: a broker for every service of one provider.

mod broker;
mod exchange;
mod failure;
mod identity;
mod list;
mod look;
mod preflight;
mod request;
mod session;
mod shape;
mod verify;
mod wait;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use provision::broker::orphan::Asked;
use provision::broker::{Address, BrokerError, ErrorKind, KnownIds, Service};
use provision::name::is_ref;
use provision::value::{Resolved, as_text};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::http::Patience;
use crate::manifest::{Language, Manifest, Provider, Scope, Template};
use exchange::Exchange;
use session::Session;

pub use session::{CredentialSource, Stored, Surroundings, Variables};
pub use verify::{Credential, Verified};

/// How long a provider may fail to answer what is asked about no instance.
const QUESTION_MAX: Duration = Duration::from_secs(60);

/// Provisions the services of one provider.
pub struct RestBroker {
    catalog: Vec<Service>,
    manifests: BTreeMap<String, Manifest>,
    provider: Arc<Provider>,
    around: Surroundings,
    language: Language,
    session: OnceCell<Session>,
    /// Values the provider knows, by the request that answers them.
    known: tokio::sync::Mutex<BTreeMap<String, Arc<Vec<Value>>>>,
    verified: OnceCell<Result<(), BrokerError>>,
    /// Of services whose instances write something they share, whose turn it is.
    turns: BTreeMap<String, tokio::sync::Mutex<()>>,
}

impl RestBroker {
    /// A broker for services of one provider.
    #[must_use]
    pub fn new(provider: Arc<Provider>, manifests: Vec<Manifest>, around: Surroundings) -> Self {
        let exclusive = manifests.iter().filter(|manifest| manifest.service.exclusive);
        Self {
            turns: exclusive.map(|m| (m.service.id.clone(), Default::default())).collect(),
            catalog: manifests.iter().map(shape::service).collect(),
            manifests: manifests
                .into_iter()
                .map(|manifest| (manifest.service.id.clone(), manifest))
                .collect(),
            provider,
            language: Language::new(around.settings.clone()),
            around,
            session: OnceCell::new(),
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

    /// Waits for the turn of an instance to act, where its service has turns.
    async fn turn(&self, manifest: &Manifest) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match self.turns.get(&manifest.service.id) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    fn manifest(&self, address: &Address) -> Result<&Manifest, BrokerError> {
        self.manifests.get(address.service.as_str()).ok_or_else(|| {
            let message = format!("no manifest describes the service `{}`", address.service);
            BrokerError::new(ErrorKind::Unsupported, message)
        })
    }

    async fn session(&self) -> Result<&Session, BrokerError> {
        let open = || async {
            let session = Session::open(&self.provider, &self.language, &self.around)?;
            self.secret_fields().iter().for_each(|name| session.client.redactor.add_field(name));
            Ok::<_, BrokerError>(session)
        };
        self.session.get_or_try_init(open).await
    }

    /// The names of the fields that secret outputs are read from.
    fn secret_fields(&self) -> HashSet<String> {
        let rules = self.manifests.values().flat_map(|manifest| &manifest.service.outputs);
        let expressions = rules.filter(|rule| rule.sensitive).filter_map(|r| r.value.single());
        let outlines = expressions.filter_map(|text| self.language.outline(text).ok());
        let leaf = |path: String| path.rsplit('.').next().map(str::to_owned);
        outlines.flat_map(|outline| outline.names).filter_map(leaf).collect()
    }

    /// Whether a name in one of `templates` begins with `path`.
    fn mentions(&self, templates: Vec<&Template>, path: &str) -> bool {
        self.names(templates).iter().any(|name| format!("{name}.").starts_with(path))
    }

    /// The names that expressions look at.
    fn names(&self, templates: Vec<&Template>) -> Vec<String> {
        let expressions = templates.into_iter().flat_map(Template::expressions);
        let outlines = expressions.filter_map(|text| self.language.outline(text).ok());
        outlines.flat_map(|outline| outline.names).collect()
    }

    /// The params that expressions look at; `None` when they look at all of them.
    fn params_of(&self, templates: Vec<&Template>) -> Option<BTreeSet<String>> {
        let mut params = BTreeSet::new();
        for name in self.names(templates) {
            match name.split_once('.') {
                Some(("params", rest)) => {
                    params.insert(rest.split('.').next().unwrap_or(rest).to_owned());
                }
                None if name == "params" => return None,
                _ => {}
            }
        }
        Some(params)
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
            last: None,
            key: None,
            known: KnownIds::default(),
            secrets: Vec::new(),
            patience: Patience::of(QUESTION_MAX),
            asked: Asked::Look,
            acts: 0,
            done: 0,
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
        exchange.patience = Patience::of(manifest.service.deadline);
        exchange.secrets = shape::secrets(&manifest.service);
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
        let marker = self.marker(&exchange, address.project.as_str())?;
        exchange.scope.set("marker", &Value::from(marker));
        exchange.scope.set("saved", &json!({}));
        Ok(exchange)
    }

    /// Our mark on what is made for an instance. Different instances have different ones.
    fn marker(&self, exchange: &Exchange<'_>, project: &str) -> Result<String, BrokerError> {
        let rule = &self.provider.marker;
        let whole = rule.format.render(&self.language, &exchange.scope, as_text);
        let whole = whole.map_err(|error| exchange.expression(&error))?;
        let pattern = regex_lite::Regex::new(&format!("[^{}]", rule.allowed)).map_err(|_| {
            let message = format!("the marker allows `{}`, which is no set", rule.allowed);
            BrokerError::new(ErrorKind::Invalid, message)
        })?;
        let clean = pattern.replace_all(&whole, "-");
        let is_whole = whole.ends_with(|c: char| c.is_ascii_alphanumeric());
        // A stage and a ref hold no separator; a project that does would read as another's stage.
        let is_plain = is_ref(project);
        if clean == whole && is_whole && is_plain && whole.chars().count() <= rule.max {
            return Ok(whole);
        }
        let digest = provision::digest::of_bytes(format!("{project}\0{whole}").as_bytes());
        let digest = digest.trim_start_matches("sha256:").get(..10).unwrap_or_default();
        let kept: String = clean.chars().take(rule.max.saturating_sub(11)).collect();
        Ok(format!("{kept}-{digest}"))
    }
}
