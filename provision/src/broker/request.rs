//! What is asked of a broker and what it answers.

use std::time::Duration;

use super::KnownIds;
use crate::name::Name;
use crate::value::{Outputs, Resolved};

/// Which instance an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The project the instance belongs to.
    pub project: Name,
    /// The stage of the project.
    pub stage: Name,
    /// The instance's handle in the config.
    pub reference: Name,
    /// The service that provisions it.
    pub service: Name,
    /// Its name at the provider.
    pub name: Name,
}

/// Asks for a new instance.
#[derive(Clone, Debug)]
pub struct ProvisionRequest {
    /// Which instance.
    pub address: Address,
    /// The service plan (tier), when one was chosen.
    pub plan: Option<Name>,
    /// The params, defaults filled in.
    pub params: Resolved,
    /// The same for every attempt at this one creation.
    pub idempotency_key: String,
    /// Ids of objects that the journal holds: neither foreign nor what this creation made.
    pub known: KnownIds,
    /// Whether it was asked for before and nobody knows how that ended: what stands in its way may be
    /// what that made.
    pub is_unsure: bool,
}

/// What the journal knows of an instance before a change.
#[derive(Clone, Debug, Default)]
pub struct Previous {
    /// Its former name.
    pub name: Option<Name>,
    /// Its former plan.
    pub plan: Option<Name>,
    /// Its former params, references resolved against what is live now.
    pub params: Resolved,
    /// Params that refer to the environment or to another instance: `params` holds what they mean
    /// now, and what they meant is not known.
    pub referring: Vec<String>,
    /// Its outputs, secret ones included.
    pub outputs: Resolved,
}

/// Asks for a change in place.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// Which instance, under its new name.
    pub address: Address,
    /// The provider's id of it.
    pub instance_id: String,
    /// The new plan.
    pub plan: Option<Name>,
    /// The new params, defaults filled in.
    pub params: Resolved,
    /// What it was.
    pub previous: Previous,
    /// The same for every attempt at this one change.
    pub idempotency_key: String,
}

/// Asks for the end of an instance.
#[derive(Clone, Debug)]
pub struct DeprovisionRequest {
    /// Which instance.
    pub address: Address,
    /// The provider's id of it.
    pub instance_id: String,
    /// What it was.
    pub previous: Previous,
    /// Destroy even what the service would rather keep.
    pub force: bool,
    /// The same for every attempt at this one removal.
    pub idempotency_key: String,
}

/// Asks what an instance looks like now.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Which instance.
    pub address: Address,
    /// The provider's id of it.
    pub instance_id: String,
    /// What the journal believes.
    pub previous: Previous,
}

/// Asks whether the object of a creation exists.
#[derive(Clone, Debug)]
pub struct FindRequest {
    /// Which instance.
    pub address: Address,
    /// The params it would be created with.
    pub params: Resolved,
    /// The provider's id, when the user named one (`prov import`).
    pub instance_id: Option<String>,
    /// The key of the creation whose outcome is unknown.
    pub idempotency_key: Option<String>,
    /// Whether it may be there and not be seen yet: its creation was asked for, and nobody knows how
    /// that ended.
    pub is_unsure: bool,
    /// Ids of objects that the journal holds: they are not what is looked for.
    pub known: KnownIds,
}

/// Asks how an accepted operation is doing.
#[derive(Clone, Debug)]
pub struct OperationRequest {
    /// Which instance.
    pub address: Address,
    /// The provider's id of it, when already known.
    pub instance_id: Option<String>,
    /// The operation as the broker named it.
    pub operation: String,
    /// The params of the operation.
    pub params: Resolved,
    /// How long it was asked about so far; [`Duration::MAX`] when an earlier run has waited in vain.
    pub waited: Duration,
}

/// Asks what can be known before anything is changed.
#[derive(Clone, Debug)]
pub struct PreflightRequest {
    /// Which instance.
    pub address: Address,
    /// The params as far as they are known: what another instance of the same run yields is not.
    pub params: Resolved,
    /// Whether it is to be made, so that its name has to be free.
    pub is_new: bool,
    /// Ids of objects that the journal holds: they do not stand in its place.
    pub known: KnownIds,
}

/// An instance that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The provider's id of it.
    pub instance_id: String,
    /// What it yields.
    pub outputs: Outputs,
    /// Its params as far as the provider shows them.
    pub params: Resolved,
}

impl Provisioned {
    /// An instance of which only id and outputs are seen.
    #[must_use]
    pub fn new(instance_id: impl Into<String>, outputs: Outputs) -> Self {
        Self { instance_id: instance_id.into(), outputs, params: Resolved::default() }
    }
}

impl From<Live> for Provisioned {
    fn from(live: Live) -> Self {
        Self { instance_id: live.instance_id, outputs: live.outputs, params: live.params }
    }
}

/// The answer to a call that may take longer than the call.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress<T> {
    /// It is done.
    Done(T),
    /// The provider works on it; ask [`super::Broker::last_operation`].
    InProgress {
        /// The broker's name for the operation, stored until it ends.
        operation: String,
        /// The provider's id of the instance, when already known.
        instance_id: Option<String>,
        /// How long to wait before the first question.
        retry_after: Option<Duration>,
        /// What it yields already: values that the provider shows this once.
        outputs: Outputs,
    },
}

/// How an accepted operation is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationState {
    /// Not finished.
    InProgress {
        /// How long to wait before the next question.
        retry_after: Option<Duration>,
    },
    /// Finished well; the instance, unless the operation was its removal.
    Succeeded(Option<Provisioned>),
    /// Finished badly.
    Failed {
        /// What the provider says about it.
        description: String,
    },
}

/// An object as the provider shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The provider's id.
    pub instance_id: String,
    /// The provider's name for it.
    pub name: String,
    /// Whether `name` is what the provider shows, and not what it was given.
    pub is_name_shown: bool,
    /// What it yields now.
    pub outputs: Outputs,
    /// Its params as far as the provider shows them.
    pub params: Resolved,
}

impl Live {
    /// An object of which only id, name and outputs are seen.
    #[must_use]
    pub fn new(instance_id: impl Into<String>, name: impl Into<String>, outputs: Outputs) -> Self {
        let (instance_id, name) = (instance_id.into(), name.into());
        Self { instance_id, name, is_name_shown: false, outputs, params: Resolved::default() }
    }

    /// Whether the provider shows another name than `given`. Some keep names in letters of one case.
    #[must_use]
    pub fn is_renamed(&self, given: &str) -> bool {
        self.is_name_shown && !self.name.eq_ignore_ascii_case(given)
    }
}
