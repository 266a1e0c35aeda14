//! What a service offers, as data: params, outputs and how it changes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Broker, Finding};
use crate::digest::{self, DigestError};
use crate::name::Name;

/// A service of a broker's catalogue.
#[derive(Clone, Debug)]
pub struct Service {
    /// The id that `service = "…"` names.
    pub id: Name,
    /// Where its instances appear in the universal tables, e.g. `database`.
    pub kind: Name,
    /// One sentence about it.
    pub description: Cow<'static, str>,
    /// The tiers it comes in.
    pub plans: Plans,
    /// The params it takes.
    pub params: Vec<Param>,
    /// Whether params beyond `params` are taken too.
    pub params_open: bool,
    /// Groups of params; of each group at least one has to be given.
    pub any_of: Vec<Vec<String>>,
    /// The outputs it yields.
    pub outputs: Vec<OutputSchema>,
    /// Whether any other output key may be referenced too.
    pub outputs_open: bool,
    /// What an instance's name may be: the regular expression that the whole of it must match.
    pub name_pattern: Option<Cow<'static, str>>,
    /// The least and the greatest length of a name.
    pub name_bounds: Option<(i64, i64)>,
    /// What a changed name or plan means.
    pub on_rename: OnChange,
    /// In which order a replacement happens.
    pub replace_order: ReplaceOrder,
    /// How an instance is found again after its creation's answer was lost.
    pub finding: Finding,
    /// The param without which an instance cannot be found again, whatever `finding` says.
    pub find_with: Option<&'static str>,
    /// Whether it has no effect outside the journal: then nothing needs settling after a crash.
    pub journal_only: bool,
    /// How long one operation may take.
    pub deadline: Duration,
    /// For how long what was asked for may still be on its way when the run that asked is gone.
    pub in_flight: Duration,
    /// Whether instances hold data; `None` as the kind says.
    pub stateful: Option<bool>,
    /// What tells this version of the service from another one, e.g. a digest of its manifest.
    pub revision: Cow<'static, str>,
}

/// The kinds: what instances are in the universal tables, each with whether it holds data, so that
/// its instances are protected. `resource` is what no other word fits.
pub const KINDS: &[(&str, bool)] = &[
    ("certificate", false),
    ("custom", false),
    ("database", true),
    ("database_group", false),
    ("deployment", false),
    ("dns_record", false),
    ("domain", true),
    ("file", false),
    ("firewall", false),
    ("load_balancer", false),
    ("network", false),
    ("price", false),
    ("product", false),
    ("queue", false),
    ("redirect", false),
    ("repository", false),
    ("resource", false),
    ("role", false),
    ("secret", false),
    ("server", false),
    ("ssh_key", false),
    ("storage", true),
    ("token", false),
    ("user", false),
    ("value", false),
    ("variable", false),
    ("web_service", false),
    ("webhook", false),
    ("widget", false),
];

impl Service {
    /// Whether instances hold data, so that they are protected unless the config says otherwise.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        let holds_data = || KINDS.iter().any(|(kind, holds)| *holds && self.kind == *kind);
        self.stateful.unwrap_or_else(holds_data)
    }

    /// How an instance with these params as written is found again.
    #[must_use]
    pub fn finding_of(&self, params: Option<&Map<String, Value>>) -> &Finding {
        let is_given = |key: &str| params.is_none_or(|params| params.contains_key(key));
        if self.find_with.is_none_or(is_given) { &self.finding } else { &Finding::Never }
    }

    /// The schema of the param `name`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }

    /// Whether `key` is an output of this service.
    #[must_use]
    pub fn yields(&self, key: &str) -> bool {
        self.outputs_open || self.outputs.iter().any(|output| output.key == key)
    }
}

/// The tiers of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plans {
    /// It takes any plan, or none.
    Any,
    /// It takes one of these, or none.
    Named(Vec<&'static str>),
}

/// A param of a service.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its key in `params`.
    pub name: Cow<'static, str>,
    /// One sentence about it.
    pub description: Cow<'static, str>,
    /// The type of its value.
    pub kind: ParamType,
    /// Whether it must be given.
    pub required: bool,
    /// The value when it is not given.
    pub default: Option<Value>,
    /// The only values allowed, when not empty.
    pub allowed: Vec<Value>,
    /// The regular expression that the whole text must match.
    pub pattern: Option<Cow<'static, str>>,
    /// The least and the greatest number, or length of a text.
    pub bounds: Option<(i64, i64)>,
    /// Whether its value is a secret: then it may not be written out in the config.
    pub sensitive: bool,
    /// What a changed value means.
    pub on_change: OnChange,
}

impl Param {
    /// An optional param that is updated in place.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: ParamType,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            kind,
            required: false,
            default: None,
            allowed: Vec::new(),
            pattern: None,
            bounds: None,
            sensitive: false,
            on_change: OnChange::Update,
        }
    }

    /// The same param, to be given always.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same param with a value for when it is not given.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The same param, restricted to some values.
    #[must_use]
    pub fn allowed(mut self, values: &[&str]) -> Self {
        self.allowed = values.iter().map(|value| Value::from(*value)).collect();
        self
    }

    /// The same param with a least and a greatest value or length.
    #[must_use]
    pub fn bounds(mut self, least: i64, greatest: i64) -> Self {
        self.bounds = Some((least, greatest));
        self
    }

    /// The same param, restricted to texts that match `pattern` as a whole.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// The same param, whose change means a new instance.
    #[must_use]
    pub fn replaces(mut self) -> Self {
        self.on_change = OnChange::Replace;
        self
    }
}

/// The type of a param's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamType {
    /// Any JSON value.
    Any,
    /// A text.
    String,
    /// A path of a file or folder inside the project.
    Path,
    /// A path or a list: `local-sqlite` takes migrations as a folder or written out.
    PathOrList,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// A list of texts.
    Texts,
    /// A map from text to anything.
    Map,
    /// A map from text to text.
    TextMap,
}

impl ParamType {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::String => "string",
            Self::Path => "path",
            Self::PathOrList => "path or list",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Texts => "texts",
            Self::Map => "map",
            Self::TextMap => "text_map",
        }
    }
}

/// What a changed value means for the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// It is changed in place.
    Update,
    /// It is made anew.
    Replace,
    /// It is recorded and nothing else.
    Ignore,
}

/// The order of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceOrder {
    /// The new one is made, its consumers are moved over, then the old one goes.
    CreateFirst,
    /// The old one has to go before the new one can be made.
    DeleteFirst,
}

/// An output of a service.
#[derive(Clone, Debug)]
pub struct OutputSchema {
    /// Its key.
    pub key: Cow<'static, str>,
    /// One sentence about it.
    pub description: Cow<'static, str>,
    /// Whether it is a secret.
    pub sensitive: bool,
}

impl OutputSchema {
    /// A plain output.
    #[must_use]
    pub fn new(
        key: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { key: key.into(), description: description.into(), sensitive: false }
    }

    /// A secret output.
    #[must_use]
    pub fn secret(
        key: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { sensitive: true, ..Self::new(key, description) }
    }
}

/// Every service that can be provisioned, with the broker that does it.
#[derive(Clone, Default)]
pub struct Catalog {
    entries: HashMap<Name, (Service, Arc<dyn Broker>)>,
    order: Vec<Name>,
}

impl Catalog {
    /// The catalogue of `brokers`; of two services with one id the later one wins.
    #[must_use]
    pub fn new(brokers: impl IntoIterator<Item = Arc<dyn Broker>>) -> Self {
        let mut catalog = Self::default();
        for broker in brokers {
            for service in broker.catalog() {
                let entry = (service.clone(), Arc::clone(&broker));
                if catalog.entries.insert(service.id.clone(), entry).is_none() {
                    catalog.order.push(service.id.clone());
                }
            }
        }
        catalog
    }

    /// The service with this id.
    #[must_use]
    pub fn service(&self, id: &str) -> Option<&Service> {
        self.entries.get(id).map(|(service, _)| service)
    }

    /// The broker of the service with this id.
    #[must_use]
    pub fn broker(&self, id: &str) -> Option<&Arc<dyn Broker>> {
        self.entries.get(id).map(|(_, broker)| broker)
    }

    /// Every service, in the order the brokers gave them.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.order.iter().filter_map(|id| self.service(id.as_str()))
    }

    /// A digest of everything a plan can depend on, so that a saved plan notices a changed service.
    ///
    /// # Errors
    /// When a default value is not representable as canonical JSON.
    pub fn digest(&self) -> Result<String, DigestError> {
        let lines: Vec<Value> =
            self.services().map(|service| Value::from(format!("{service:?}"))).collect();
        digest::of(&Value::from(lines))
    }
}
