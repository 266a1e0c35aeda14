//! One instance in the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::name::Name;

/// Stands for the inputs of an instance that was changed behind our back: no digest equals it.
pub const DRIFTED: &str = "drifted";

/// What the journal knows of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its handle.
    pub reference: Name,
    /// The service that provisioned it.
    pub service: Name,
    /// Its plan (tier).
    pub plan: Option<Name>,
    /// Its name at the provider.
    pub name: Name,
    /// The provider's id; empty until a creation answered.
    pub instance_id: String,
    /// Where it appears in the universal tables.
    pub kind: Name,
    /// How it came here.
    pub origin: Origin,
    /// Where it is in its life.
    pub status: Status,
    /// Its outputs that are not secret.
    pub outputs: BTreeMap<Name, Value>,
    /// Its outputs that are.
    pub sensitive: BTreeMap<Name, Sealed>,
    /// Its params as written, when known: what a property-level diff starts from.
    pub params: Option<Map<String, Value>>,
    /// The digest of what was declared.
    pub fingerprint: String,
    /// The digest of what was declared with every reference resolved, when known.
    pub inputs: Option<String>,
    /// The digest of the inputs that cannot change in place, when there are any.
    pub identity: Option<String>,
    /// The instances it needs.
    pub depends_on: Vec<Name>,
    /// Which output lands in which environment variable, when known.
    pub bind: Option<Vec<(Name, String)>>,
    /// Whether it may be destroyed only by force.
    pub protected: bool,
    /// Whether it lives on when it is no longer declared.
    pub retain: bool,
    /// Whether it is somebody else's.
    pub external: bool,
    /// Why the last operation on it failed.
    pub last_error: Option<String>,
    /// When it was provisioned.
    pub provisioned_at: Option<Timestamp>,
    /// When this entry last changed.
    pub updated_at: Option<Timestamp>,
    /// The operation that was begun and of which no end is known.
    pub operation: Option<Operation>,
    /// Former instances under this ref that are still to be destroyed.
    pub deposed: Vec<Deposed>,
}

impl Instance {
    /// Whether there is, as far as we know, an object behind it.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.instance_id.is_empty()
    }
}

/// How an instance came into the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// We made it.
    Created,
    /// It was there and the user gave it to us.
    Adopted,
    /// It was there and was only noted.
    Discovered,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its creation has begun.
    Provisioning,
    /// It is there.
    Provisioned,
    /// Its last operation failed.
    Failed,
    /// Its removal has begun.
    Deprovisioning,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Makes an instance.
    Provision,
    /// Changes one in place.
    Update,
    /// Destroys one.
    Deprovision,
}

/// An operation whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// The same for every attempt at it.
    pub key: String,
    /// The broker's name for it, once it was accepted.
    pub accepted: Option<String>,
    /// When it was begun.
    pub since: Timestamp,
}

/// A secret that only the holders of an identity can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Changes whenever the secret does, and says nothing about it.
    pub id: String,
    /// The `age` file, in base64.
    pub sealed: String,
}

/// An instance that was replaced and still has to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Deposed {
    /// The service that provisioned it.
    pub service: Name,
    /// Its name at the provider.
    pub name: Name,
    /// Its plan.
    pub plan: Option<Name>,
    /// The provider's id.
    pub instance_id: String,
    /// Its outputs that were not secret.
    pub outputs: BTreeMap<Name, Value>,
    /// Its outputs that were.
    pub sensitive: BTreeMap<Name, Sealed>,
    /// Its params as written.
    pub params: Option<Map<String, Value>>,
    /// The digest of the part of it that cannot change in place, when it is known.
    pub identity: Option<String>,
}

impl Deposed {
    /// Whether it is this object; two services may give one id.
    #[must_use]
    pub fn is(&self, service: &Name, instance_id: &str) -> bool {
        self.service == *service && self.instance_id == instance_id
    }
}

impl From<&Instance> for Deposed {
    fn from(instance: &Instance) -> Self {
        Self {
            service: instance.service.clone(),
            name: instance.name.clone(),
            plan: instance.plan.clone(),
            instance_id: instance.instance_id.clone(),
            outputs: instance.outputs.clone(),
            sensitive: instance.sensitive.clone(),
            params: instance.params.clone(),
            identity: instance.identity.clone(),
        }
    }
}
