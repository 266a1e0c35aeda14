//! Secrets at rest: sealed with age for the recipients of the project.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provision::private;
use provision::world::{Vault, VaultError};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::trace;

/// Seals for the configured recipients, or for the user alone; opens with the user's identity.
pub struct AgeVault {
    recipients: Vec<Recipient>,
    /// The value of `PROV_AGE_IDENTITY`: an identity or the path of a file with one.
    given: Option<Zeroizing<String>>,
    /// Where the user's own identity is, or will be made on first need.
    file: PathBuf,
}

impl AgeVault {
    /// A vault for `recipients` (texts that start with `age1`).
    ///
    /// # Errors
    /// The first recipient that is none.
    pub fn new(
        recipients: &[String],
        given: Option<String>,
        file: PathBuf,
    ) -> Result<Self, VaultError> {
        let parse = |text: &String| {
            text.parse::<Recipient>()
                .map_err(|error| VaultError(format!("`{text}` is not an age recipient: {error}")))
        };
        let recipients = recipients.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { recipients, given: given.map(Zeroizing::new), file })
    }

    /// A vault for the user alone.
    pub fn of_user(given: Option<String>, file: PathBuf) -> Self {
        Self { recipients: Vec::new(), given: given.map(Zeroizing::new), file }
    }

    /// The identities at hand.
    fn identities(&self) -> Result<Vec<Identity>, VaultError> {
        match &self.given {
            Some(text) if text.starts_with("AGE-SECRET-KEY-") => parse_identities(text),
            Some(path) => read_identities(Path::new(path.as_str())),
            None if self.file.exists() => read_identities(&self.file),
            None => Ok(Vec::new()),
        }
    }

    /// The user's own recipient, its identity made when there is none.
    fn own(&self) -> Result<Recipient, VaultError> {
        if let Some(identity) = self.identities()?.first() {
            return Ok(identity.to_public());
        }
        if self.given.is_some() {
            // One that was made now would not be looked at by the next command.
            return Err(VaultError("there is no identity in PROV_AGE_IDENTITY".to_owned()));
        }
        let identity = Identity::generate();
        write_identity(&self.file, &identity).map_err(|error| {
            VaultError(format!("cannot write the identity {}: {error}", self.file.display()))
        })?;
        Ok(identity.to_public())
    }

    /// Seals for the user alone, whatever the project's recipients are: whom it is sealed for, and
    /// the sealed bytes in base64.
    ///
    /// # Errors
    /// When there is no identity and none can be made.
    pub fn seal_own(&self, plain: &[u8]) -> Result<(String, String), VaultError> {
        let own = self.own()?;
        Ok((own.to_string(), seal(&[own], plain)?))
    }

    /// The bytes in what was sealed.
    ///
    /// # Errors
    /// When no identity at hand opens it.
    pub fn open_bytes(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let sealed = STANDARD.decode(sealed).map_err(|error| damaged(&error))?;
        for identity in self.identities()? {
            if let Ok(plain) = age::decrypt(&identity, &sealed) {
                return Ok(Zeroizing::new(plain));
            }
        }
        let place = self.place();
        Err(VaultError(format!("no identity at hand opens a sealed value (looked at {place})")))
    }

    /// Whom the identities at hand open for: their public keys.
    ///
    /// # Errors
    /// When there is a file of them that cannot be read.
    pub fn at_hand(&self) -> Result<Vec<String>, VaultError> {
        let identities = self.identities()?;
        Ok(identities.iter().map(|identity| identity.to_public().to_string()).collect())
    }

    /// Where identities are looked for, as messages call it.
    pub fn place(&self) -> String {
        match &self.given {
            Some(_) => "PROV_AGE_IDENTITY".to_owned(),
            None => self.file.display().to_string(),
        }
    }

    /// The file that identities are read from; none when `PROV_AGE_IDENTITY` is itself one.
    pub fn file(&self) -> Option<&Path> {
        match &self.given {
            Some(text) if text.starts_with("AGE-SECRET-KEY-") => None,
            Some(path) => Some(Path::new(path.as_str())),
            None => Some(&self.file),
        }
    }
}

impl Vault for AgeVault {
    fn seal(&self, value: &Value) -> Result<String, VaultError> {
        let own;
        let recipients = if self.recipients.is_empty() {
            own = [self.own()?];
            &own[..]
        } else {
            &self.recipients
        };
        trace::hide(value);
        let plain = Zeroizing::new(value.to_string());
        seal(recipients, plain.as_bytes())
    }

    fn open(&self, sealed: &str) -> Result<Value, VaultError> {
        let plain = self.open_bytes(sealed)?;
        // serde_json's own words could repeat what it read.
        let value = serde_json::from_slice(&plain).map_err(|_| damaged(&"it is no JSON"))?;
        trace::hide(&value);
        Ok(value)
    }
}

fn damaged(error: &dyn std::fmt::Display) -> VaultError {
    VaultError(format!("a sealed value is damaged: {error}"))
}

fn seal(recipients: &[Recipient], plain: &[u8]) -> Result<String, VaultError> {
    let failed = |error: &dyn std::fmt::Display| VaultError(format!("cannot seal: {error}"));
    let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).map_err(|error| failed(&error))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|error| failed(&error))?;
    writer.write_all(plain).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(STANDARD.encode(sealed))
}

fn parse_identities(text: &str) -> Result<Vec<Identity>, VaultError> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            line.parse().map_err(|error| VaultError(format!("not an age identity: {error}")))
        })
        .collect()
}

fn read_identities(path: &Path) -> Result<Vec<Identity>, VaultError> {
    let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        VaultError(format!("cannot read the identity {}: {error}", path.display()))
    })?;
    parse_identities(&text)
}

fn write_identity(path: &Path, identity: &Identity) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder)?;
    }
    let mut file = private::open(fs::OpenOptions::new().write(true).create_new(true), path)?;
    writeln!(file, "# public key: {}", identity.to_public())?;
    writeln!(file, "{}", identity.to_string().expose_secret())?;
    file.sync_all()
}
