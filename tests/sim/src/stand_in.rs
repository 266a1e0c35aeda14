//! Stands in for effects of the world that no test is about: ids and the vault.

use std::sync::atomic::{AtomicU64, Ordering};

use provision::world::{Ids, Vault, VaultError};
use serde_json::Value;

/// Ids that count.
#[derive(Default)]
pub struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn fresh(&self) -> String {
        format!("fresh-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A vault that turns texts around: enough to tell a sealed one from an open one.
pub struct MirrorVault;

impl Vault for MirrorVault {
    fn seal(&self, value: &Value) -> Result<String, VaultError> {
        Ok(value.to_string().chars().rev().collect())
    }

    fn open(&self, sealed: &str) -> Result<Value, VaultError> {
        let text: String = sealed.chars().rev().collect();
        serde_json::from_str(&text).map_err(|error| VaultError(error.to_string()))
    }
}
