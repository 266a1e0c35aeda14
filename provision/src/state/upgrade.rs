//! Reading a journal of any known version.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Instance, Instances, JOURNAL_VERSION, Journal, Origin, Status, wire};
use crate::config::expression::outputs_in;
use crate::digest;
use crate::name::Name;

/// A journal that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It was written by a newer program.
    #[error("the journal has version {found}; this program knows up to {known}", known = JOURNAL_VERSION)]
    Newer {
        /// The version it says it has.
        found: u64,
    },
    /// It is not a whole journal.
    #[error("the journal is damaged: {reason}")]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// Reads the text of a journal file, upgrading older versions.
///
/// # Errors
/// When it is damaged or newer than this program.
pub fn read_journal(text: &str, project: &Name, stage: &Name) -> Result<Journal, StateError> {
    if text.trim_start().starts_with('[') {
        return read_v0(text, project, stage).map_err(|error| damaged(&error));
    }
    let error = match wire::read_v1(text) {
        Ok(journal) => return Ok(journal),
        Err(error) => error,
    };
    // Only a journal that is not of the current version is read a second time, to see which it is.
    let Version { version } = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    match version {
        JOURNAL_VERSION => Err(damaged(&error)),
        0 => Err(StateError::Damaged { reason: "version 0 is a bare list".to_owned() }),
        found => Err(StateError::Newer { found }),
    }
}

fn damaged(error: &dyn std::fmt::Display) -> StateError {
    StateError::Damaged { reason: error.to_string() }
}

/// An entry of version 0, the bare list that `@suluk/provision` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceV0 {
    #[serde(rename = "ref")]
    reference: Name,
    service: Name,
    plan: Option<Name>,
    name: Name,
    instance_id: String,
    #[serde(default)]
    outputs: BTreeMap<Name, Value>,
    fingerprint: String,
    #[serde(default)]
    protected: bool,
    provisioned_at: i64,
}

fn read_v0(text: &str, project: &Name, stage: &Name) -> serde_json::Result<Journal> {
    let entries: Vec<InstanceV0> = serde_json::from_str(text)?;
    let mut journal = Journal::empty(project.clone(), stage.clone());
    journal.instances = entries.into_iter().map(upgrade_v0).collect::<Instances>();
    Ok(journal)
}

/// Version 0 keeps the fingerprint's document in clear; it is hashed, and its params are kept for
/// diffs. Its text differs from canonical JSON at most in how large numbers are written.
fn upgrade_v0(entry: InstanceV0) -> Instance {
    let document: Value = serde_json::from_str(&entry.fingerprint).unwrap_or_default();
    let fingerprint =
        digest::of(&document).unwrap_or_else(|_| digest::of_bytes(entry.fingerprint.as_bytes()));
    let params = document.get("params").and_then(Value::as_object).cloned();
    let time = Timestamp::from_millisecond(entry.provisioned_at).ok();
    let mut depends_on: Vec<Name> = Vec::new();
    for output in document.get("params").map(outputs_in).unwrap_or_default() {
        if !depends_on.iter().any(|known| known == output.reference) {
            depends_on.push(Name::from(output.reference));
        }
    }
    Instance {
        reference: entry.reference,
        service: entry.service,
        plan: entry.plan,
        name: entry.name,
        instance_id: entry.instance_id,
        kind: Name::from(""),
        origin: Origin::Created,
        status: Status::Provisioned,
        outputs: entry.outputs,
        sensitive: BTreeMap::new(),
        params,
        fingerprint,
        inputs: None,
        identity: None,
        depends_on,
        bind: None,
        protected: entry.protected,
        retain: false,
        external: false,
        last_error: None,
        provisioned_at: time,
        updated_at: time,
        operation: None,
        deposed: Vec::new(),
    }
}
