//! The port to the providers: what a broker can do, in the shape of the Open Service Broker API v2.17.

mod error;
mod finding;
mod known;
mod misfit;
pub mod orphan;
mod request;
mod service;

use async_trait::async_trait;

use crate::value::Resolved;

pub use error::{BrokerError, ErrorKind};
pub use finding::{Finding, Way};
pub use known::KnownIds;
pub use request::{
    Address, DeprovisionRequest, FetchRequest, FindRequest, Live, OperationRequest, OperationState,
    PreflightRequest, Previous, Progress, ProvisionRequest, Provisioned, UpdateRequest,
};
pub use service::{
    Catalog, KINDS, OnChange, OutputSchema, Param, ParamType, Plans, ReplaceOrder, Service,
};

/// Provisions the services of its catalogue at a provider.
///
/// The contract every implementation keeps:
///
/// - `provision`, `update` and `deprovision` are idempotent: asked twice with the same idempotency
///   key they leave one object, or none.
/// - `fetch`, `find` and `list` change nothing.
/// - Deprovisioning what is not there is success.
/// - Only a definite not-found is reported as absent (`None`); everything else is an error, so that
///   nothing is forgotten because of a bad connection.
/// - No error text holds a secret.
/// - A call does not wait for long work: it answers [`Progress::InProgress`] and is asked again.
#[async_trait]
pub trait Broker: Send + Sync {
    /// The services this broker provisions.
    fn catalog(&self) -> &[Service];

    /// Creates an instance.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when an object that is not ours stands in its place.
    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError>;

    /// Brings an existing instance to new params, plan or name, in place.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is gone.
    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError>;

    /// Destroys an instance.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when something would be lost that only `force` may destroy.
    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError>;

    /// Reads an instance, `None` when it is definitely gone.
    ///
    /// # Errors
    /// Any failure to find out.
    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError>;

    /// A digest of the local files that `params` point at, so that a changed file is a changed
    /// input. Changes nothing.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn contents(&self, _service: &str, _params: &Resolved) -> Result<Option<String>, BrokerError> {
        Ok(None)
    }

    /// Everything that can be said against a change before it is begun: missing credentials, values
    /// that the provider does not know, names that are taken. Changes nothing.
    async fn preflight(&self, _request: &PreflightRequest) -> Vec<BrokerError> {
        Vec::new()
    }

    /// Asks how an asynchronous operation is doing.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the broker answers `InProgress` somewhere;
    /// [`ErrorKind::NotFound`] when what was made should be seen by now and is not.
    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        Err(BrokerError::unsupported(&request.address, "asynchronous operations"))
    }

    /// Looks for the object that a `provision` with these values would make or has made.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the service's [`Finding`] cannot look.
    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        Err(BrokerError::unsupported(&request.address, "finding an instance by its name"))
    }

    /// Every object of a service that the provider shows, ours or not; `None` when it cannot list.
    ///
    /// `beside` are the params of those that are known: what is inside of something else is listed
    /// there, each place once.
    ///
    /// # Errors
    /// Any failure before the list is complete: a part of a list is never returned.
    async fn list(
        &self,
        _service: &str,
        _beside: &[Resolved],
    ) -> Result<Option<Vec<Live>>, BrokerError> {
        Ok(None)
    }
}
