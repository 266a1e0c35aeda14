//! Why a broker could not do what it was asked.

use std::time::Duration;

use super::Address;

/// What kind of failure it was; decides what the engine does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong and will stay wrong. Nothing was made of it.
    Invalid,
    /// The credentials are missing or not sufficient.
    Unauthorized,
    /// An object that is not ours stands in the way.
    Conflict,
    /// The object is definitely gone.
    NotFound,
    /// Only `--force` may do it: data would be lost.
    Refused,
    /// Nothing happened and asking again may help.
    Unavailable,
    /// It is not known whether anything happened.
    Unknown,
    /// The service cannot do this.
    Unsupported,
    /// The provider tried and failed.
    Failed,
}

/// A failure of one broker call. Its text holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BrokerError {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// What happened, as a lower-case fragment.
    pub message: String,
    /// What to do next, as a full sentence.
    pub help: Option<String>,
    /// How long the provider asks to wait before the next attempt.
    pub retry_after: Option<Duration>,
    /// Whether the broker has tried as often as makes sense: then nobody tries it again.
    pub is_final: bool,
}

impl BrokerError {
    /// A failure of `kind` that reads `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message, help: None, retry_after: None, is_final: false }
    }

    /// The same failure with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The service of `address` has no such capability.
    #[must_use]
    pub fn unsupported(address: &Address, capability: &str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("the service `{}` does not support {capability}", address.service),
        )
    }
}
