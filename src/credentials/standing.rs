//! Where a provider's credential comes from, and what the provider says about it.

use std::time::Duration;

use brokers::rest::{Credential, CredentialSource, RestBroker, Verified};
use provision::broker::{BrokerError, ErrorKind};

use super::{Credentials, Envelope};

/// The longest a provider may take to say whether a credential works, its retries included.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of a provider's credential.
pub struct Standing {
    /// The provider's id.
    pub provider: String,
    /// What people call it.
    pub name: String,
    /// The credential that would be used, or why it cannot be read.
    pub credential: Result<Option<Credential>, BrokerError>,
    /// The stored one, which a variable may stand before.
    pub stored: Option<Envelope>,
    /// What the provider said, if it was asked.
    pub verified: Option<Result<Verified, BrokerError>>,
}

impl Standing {
    /// Looks, and asks nobody.
    pub fn of(broker: &RestBroker, credentials: &Credentials) -> Self {
        let provider = broker.provider();
        Self {
            provider: provider.id.clone(),
            name: provider.name.clone(),
            credential: broker.credential(),
            stored: credentials.look(&provider.id).ok().flatten(),
            verified: None,
        }
    }

    /// Whether there is a credential, be it one that cannot be read.
    pub fn is_known(&self) -> bool {
        !matches!(self.credential, Ok(None))
    }

    /// Where the credential comes from; `None` when there is none or it cannot be read.
    pub fn source(&self) -> Option<String> {
        self.credential.as_ref().ok()?.as_ref().map(source_words)
    }

    /// Whether the stored credential is the one that would be used.
    pub fn uses_stored(&self) -> bool {
        let is_stored = |credential: &Credential| {
            credential.secrets.iter().any(|(_, source)| *source == CredentialSource::Stored)
        };
        matches!(&self.credential, Ok(Some(credential)) if is_stored(credential))
    }
}

/// The words for where the parts of a credential come from.
fn source_words(credential: &Credential) -> String {
    let mut words: Vec<&str> = Vec::new();
    for (_, source) in &credential.secrets {
        let word = match source {
            CredentialSource::Variable(name) => name,
            CredentialSource::Stored => "`prov auth`",
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" and ")
}

/// Asks a provider whether the credential works, for a bounded time.
///
/// # Errors
/// Why it does not, or why nobody knows.
pub async fn ask(broker: &RestBroker) -> Result<Verified, BrokerError> {
    match tokio::time::timeout(PATIENCE, broker.verify()).await {
        Ok(answer) => answer,
        Err(_) => {
            let (name, seconds) = (&broker.provider().name, PATIENCE.as_secs());
            let message = format!("{name} did not answer within {seconds} seconds");
            let help = "Check the connection and HTTPS_PROXY, or try again later.";
            Err(BrokerError::new(ErrorKind::Unavailable, message).help(help))
        }
    }
}
