//! What is wrong with a log, and what would be cut.

use std::collections::BTreeSet;
use std::path::Path;

use provision::state::DamagedLine;
use provision::store::{Damage, StoreError};
use serde_json::{Value, json};

use super::instances::status_word;
use super::versioned;
use crate::failure::sentence;

/// For people: what would be cut, what may have been in it, and what would be kept.
pub fn human(damage: &Damage) -> String {
    let mut text = format!("{}\n\nTo be cut:\n", sentence(&damage.reason.to_string()));
    let salvage = &damage.salvage;
    for line in &salvage.damaged {
        let length = line.bytes.len();
        text.push_str(&format!("  line {}, {length} bytes{}\n", line.line, about(line)));
    }
    if salvage.damaged.is_empty() {
        text.push_str("  nothing\n");
    }
    if matches!(damage.reason, StoreError::Gone { .. }) {
        text.push_str("\nThe journal is gone: what the log does not mention is forgotten.\n");
    }
    if !salvage.missing.is_empty() {
        let numbers: Vec<String> = salvage.missing.iter().map(u64::to_string).collect();
        text.push_str(&format!(
            "\nMissing already: record {}. What it said is forgotten.\n",
            numbers.join(", ")
        ));
    }
    let (records, entries) = (salvage.records.len(), damage.journal.instances.len());
    text.push_str(&format!(
        "\nTo be kept: {records} of the log's records. Instances in the journal then: {entries}\n"
    ));
    for entry in damage.journal.instances.iter() {
        text.push_str(&format!("  {}  {}\n", entry.reference, status_word(entry)));
    }
    text
}

/// The same as JSON; `copy` is where the damaged log is kept once it is repaired.
pub fn json(damage: &Damage, copy: Option<&Path>) -> Value {
    let salvage = &damage.salvage;
    let line = |line: &DamagedLine| {
        json!({
            "line": line.line,
            "from": line.bytes.start,
            "to": line.bytes.end,
            "refs": refs(line),
        })
    };
    let entries = damage.journal.instances.iter();
    versioned(json!({
        "log": damage.path,
        "reason": damage.reason.to_string(),
        "cut": salvage.damaged.iter().map(line).collect::<Vec<_>>(),
        "missing": salvage.missing,
        "kept": salvage.records.len(),
        "instances": entries
            .map(|entry| json!({ "ref": entry.reference, "state": status_word(entry) }))
            .collect::<Vec<_>>(),
        "repaired": copy.is_some(),
        "copy": copy,
    }))
}

/// What is said of a log that is as it should be.
pub fn whole_json() -> Value {
    versioned(json!({ "cut": [], "missing": [], "repaired": false }))
}

fn about(line: &DamagedLine) -> String {
    let refs: Vec<String> = refs(line).iter().map(|name| format!("`{name}`")).collect();
    if refs.is_empty() { String::new() } else { format!(", about {}", refs.join(", ")) }
}

/// The refs that can still be read in a damaged line.
fn refs(line: &DamagedLine) -> BTreeSet<&str> {
    let after = line.text.split("\"ref\":\"").skip(1);
    after.filter_map(|text| Some(text.split_once('"')?.0)).collect()
}
