//! The secrets a run has met: opened once, recognised in outputs, masked in messages.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::state::Sealed;
use crate::value::{INSIDE_LENGTH_MIN, MASK, as_text};
use crate::world::{Ids, Vault, VaultError};

#[derive(Default)]
pub(super) struct Secrets {
    opened: RefCell<HashMap<String, Value>>,
    texts: RefCell<HashSet<String>>,
}

impl Secrets {
    /// The value of a sealed secret.
    pub(super) fn open(&self, sealed: &Sealed, vault: &dyn Vault) -> Result<Value, VaultError> {
        if let Some(value) = self.opened.borrow().get(&sealed.id) {
            return Ok(value.clone());
        }
        let value = vault.open(&sealed.sealed)?;
        self.opened.borrow_mut().insert(sealed.id.clone(), value.clone());
        self.note(&[as_text(&value)]);
        Ok(value)
    }

    /// Seals a value; one that did not change keeps its id, so that nobody is updated for nothing.
    pub(super) fn seal(
        &self,
        value: &Value,
        known: Option<&Sealed>,
        vault: &dyn Vault,
        ids: &dyn Ids,
    ) -> Result<Sealed, VaultError> {
        self.note(&[as_text(value)]);
        if let Some(known) = known
            && self.open(known, vault).is_ok_and(|old| old == *value)
        {
            return Ok(known.clone());
        }
        let sealed = Sealed { id: ids.fresh(), sealed: vault.seal(value)? };
        self.opened.borrow_mut().insert(sealed.id.clone(), value.clone());
        Ok(sealed)
    }

    /// Remembers texts that must not appear in messages.
    pub(super) fn note(&self, texts: &[String]) {
        let mut known = self.texts.borrow_mut();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            if !known.contains(text) {
                known.insert(text.clone());
            }
        }
    }

    /// `text` with every known secret masked.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.texts.borrow().iter().filter(|s| s.len() >= INSIDE_LENGTH_MIN) {
            if clean.contains(secret.as_str()) {
                clean = clean.replace(secret.as_str(), MASK);
            }
        }
        clean
    }
}
