//! The secrets a run has met: opened once, recognised in outputs, masked in messages.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use crate::mask::Mask;
use crate::state::Sealed;
use crate::value::{as_text, wipe};
use crate::world::{Ids, Vault, VaultError};

#[derive(Default)]
pub(super) struct Secrets {
    opened: RefCell<HashMap<String, Value>>,
    mask: RefCell<Mask>,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.opened.get_mut().values_mut().for_each(wipe);
    }
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
        let mut mask = self.mask.borrow_mut();
        texts.iter().for_each(|text| mask.add(text));
    }

    /// `text` with every known secret masked.
    pub(super) fn redact(&self, text: &str) -> String {
        self.mask.borrow().text(text)
    }
}
