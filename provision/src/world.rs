//! The bundle of effects: the only door from the engine to the world.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::broker::Catalog;
use crate::store::Store;

/// Everything the engine can do to the world. Only the program itself builds a real one.
#[derive(Clone)]
pub struct World {
    /// What time it is, and waiting.
    pub clock: Arc<dyn Clock>,
    /// Names nobody else has.
    pub ids: Arc<dyn Ids>,
    /// Where the journal and the log are kept.
    pub store: Arc<dyn Store>,
    /// The services and their brokers.
    pub catalog: Catalog,
    /// Where secrets are sealed and opened.
    pub vault: Arc<dyn Vault>,
}

/// Time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time of day. It may go backwards; nothing is decided by comparing two of them.
    fn now(&self) -> Timestamp;

    /// Waits. Measured by a clock that only goes forward.
    async fn sleep(&self, duration: Duration);
}

/// Fresh identifiers.
pub trait Ids: Send + Sync {
    /// An id nobody else has: for runs, lineages and idempotency keys.
    fn fresh(&self) -> String;
}

/// A secret could not be sealed or opened.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct VaultError(pub String);

/// Seals secrets so that they can be stored.
pub trait Vault: Send + Sync {
    /// Seals a value for everybody who may read it.
    ///
    /// # Errors
    /// When there is nobody to seal it for.
    fn seal(&self, value: &Value) -> Result<String, VaultError>;

    /// Opens what [`Vault::seal`] made.
    ///
    /// # Errors
    /// When no identity at hand opens it.
    fn open(&self, sealed: &str) -> Result<Value, VaultError>;
}
