//! Credentials of providers at rest: one file a provider, its secrets sealed for the user alone.

mod standing;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use brokers::rest::Stored;
use jiff::Timestamp;
use provision::private;
use provision::store::{StoreError, write_atomic};
use provision::world::VaultError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::vault::AgeVault;

pub use standing::{Standing, ask};

/// The version of the files.
const FORMAT_VERSION: &str = "1.0";

/// A secret in memory: gone when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Its text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(sensitive)")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Secrets by the names the provider's manifest gives them.
pub type Secrets = BTreeMap<String, Secret>;

/// A file: what may be known of a credential without opening it, and the sealed rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    format_version: String,
    /// Whom it is sealed for.
    pub recipient: String,
    /// When it was stored, in RFC 3339.
    pub stored_at: String,
    /// The names of the secrets in it.
    pub secrets: Vec<String>,
    sealed: String,
}

/// What is sealed. It says whose it is, so that a file under another name opens nothing.
#[derive(Serialize, Deserialize)]
struct Content {
    provider: String,
    secrets: Secrets,
}

/// Why a credential could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file operation failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is not what was written.
    #[error("the stored credential {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Its identity is elsewhere.
    #[error(
        "the stored credential of {provider} is sealed for the identity {recipient}, which is not \
         at hand (looked at {place}): restore it, or point PROV_AGE_IDENTITY at it"
    )]
    Locked {
        /// The provider.
        provider: String,
        /// The public key of the identity that opens it.
        recipient: String,
        /// Where identities were looked for.
        place: String,
    },
    /// It cannot be sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The stored credentials of the user.
pub struct Credentials {
    folder: PathBuf,
    vault: AgeVault,
}

impl Credentials {
    /// Those in `folder`, which need not be there, opened with what `vault` has at hand.
    pub fn new(folder: PathBuf, vault: AgeVault) -> Self {
        Self { folder, vault }
    }

    /// The vault they are opened with.
    pub fn vault(&self) -> &AgeVault {
        &self.vault
    }

    /// The file of a provider.
    pub fn path(&self, provider: &str) -> PathBuf {
        self.folder.join(format!("{provider}.json"))
    }

    /// The providers with a stored credential.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn providers(&self) -> Result<Vec<String>, CredentialError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("read", &self.folder)(source).into()),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("read", &self.folder))?.file_name();
            found.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(Into::into));
        }
        found.sort();
        Ok(found)
    }

    /// What is known of a provider's credential without opening it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look(&self, provider: &str) -> Result<Option<Envelope>, CredentialError> {
        let path = self.path(provider);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", &path)(source).into()),
        };
        let envelope: Envelope = serde_json::from_slice(&text)
            .map_err(|error| self.damaged(provider, error.to_string()))?;
        if envelope.format_version.split('.').next() != FORMAT_VERSION.split('.').next() {
            let reason = format!("its format_version is {}", envelope.format_version);
            return Err(self.damaged(provider, reason));
        }
        Ok(Some(envelope))
    }

    /// The secrets of a provider, `None` when none are stored.
    ///
    /// # Errors
    /// When they cannot be read or opened.
    pub fn open(&self, provider: &str) -> Result<Option<Secrets>, CredentialError> {
        let Some(envelope) = self.look(provider)? else { return Ok(None) };
        if !self.vault.at_hand()?.contains(&envelope.recipient) {
            return Err(CredentialError::Locked {
                provider: provider.to_owned(),
                recipient: envelope.recipient,
                place: self.vault.place(),
            });
        }
        let damaged = |reason: String| self.damaged(provider, reason);
        let plain =
            self.vault.open_bytes(&envelope.sealed).map_err(|error| damaged(error.to_string()))?;
        // serde_json's own words could repeat what it read.
        let content: Content =
            serde_json::from_slice(&plain).map_err(|_| damaged("it holds no secrets".into()))?;
        if content.provider != provider {
            return Err(damaged(format!("it is that of {}", content.provider)));
        }
        Ok(Some(content.secrets))
    }

    /// Seals a provider's secrets in the place of those that are stored, and answers what may be
    /// known of them.
    ///
    /// # Errors
    /// When they may not survive a crash; those that were stored do.
    pub fn keep(
        &self,
        provider: &str,
        secrets: &Secrets,
        now: Timestamp,
    ) -> Result<Envelope, CredentialError> {
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
        self.write(provider, secrets, now)
    }

    /// Seals what is stored for a provider anew, for the identity that is the first at hand now;
    /// whether there is anything.
    ///
    /// # Errors
    /// When it does not open, or may not survive a crash; what was stored does.
    pub fn reseal(&self, provider: &str) -> Result<bool, CredentialError> {
        let (Some(old), Some(secrets)) = (self.look(provider)?, self.open(provider)?) else {
            return Ok(false);
        };
        self.write(provider, &secrets, old.stored_at)?;
        Ok(true)
    }

    fn write(
        &self,
        provider: &str,
        secrets: &Secrets,
        stored_at: String,
    ) -> Result<Envelope, CredentialError> {
        let content = Content { provider: provider.to_owned(), secrets: secrets.clone() };
        let plain = serde_json::to_vec(&content).map(Zeroizing::new);
        let plain = plain.map_err(|error| VaultError(format!("cannot seal: {error}")))?;
        let (recipient, sealed) = self.vault.seal_own(&plain)?;
        let envelope = Envelope {
            format_version: FORMAT_VERSION.to_owned(),
            recipient,
            stored_at,
            secrets: secrets.keys().cloned().collect(),
            sealed,
        };
        make_private(&self.folder).map_err(failed("create", &self.folder))?;
        let text = serde_json::to_string_pretty(&envelope);
        let text = text.map_err(|error| VaultError(format!("cannot seal: {error}")))?;
        write_atomic(&self.path(provider), format!("{text}\n").as_bytes())?;
        Ok(envelope)
    }

    /// Forgets a provider's secrets; whether there were any.
    ///
    /// # Errors
    /// When the file is there and stays.
    pub fn forget(&self, provider: &str) -> Result<bool, CredentialError> {
        let path = self.path(provider);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("remove", &path)(source).into()),
        }
    }

    fn damaged(&self, provider: &str, reason: String) -> CredentialError {
        CredentialError::Damaged { path: self.path(provider), reason }
    }

    /// A look-up for brokers, which opens each provider's file when it is first asked for and then
    /// never again.
    pub fn into_lookup(self) -> Arc<Stored> {
        let known: Mutex<BTreeMap<String, Result<Option<Secrets>, String>>> = Mutex::default();
        Arc::new(move |provider, secret| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let open = || self.open(provider).map_err(|error| error.to_string());
            match known.entry(provider.to_owned()).or_insert_with(open) {
                Ok(Some(secrets)) => Ok(secrets.get(secret).map(|found| found.expose().to_owned())),
                Ok(None) => Ok(None),
                Err(error) => Err(error.clone()),
            }
        })
    }
}

fn failed<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}

/// Makes a folder that only its owner may look into, also where it was there and was not.
fn make_private(folder: &Path) -> io::Result<()> {
    private::create_folder(folder)?;
    #[cfg(unix)]
    private::restrict(&fs::File::open(folder)?, private::FOLDER)?;
    Ok(())
}

#[cfg(test)]
mod tests;
