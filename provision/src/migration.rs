//! Migrations: the history of what was desired, one snapshot after the other.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::config::expression::outputs_in;
use crate::digest::{self, DigestError};
use crate::graph::Graph;
use crate::name::Name;
use crate::state::Applied;

/// One migration as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// Its index, from 0.
    pub index: u32,
    /// Its tag, e.g. `0001_add-kv`.
    pub tag: String,
    /// What executes: instances, variables and stages as written.
    pub snapshot: Map<String, Value>,
    /// What people read: `{action, ref, service, name, spec?}`.
    pub steps: Vec<Value>,
    /// The digest of snapshot and steps.
    pub sha256: String,
}

/// The digest of a migration's two files.
///
/// # Errors
/// When an integer in them is beyond 2^53.
pub fn digest_of(snapshot: &Map<String, Value>, steps: &[Value]) -> Result<String, DigestError> {
    digest::of(&json!({ "snapshot": snapshot, "steps": steps }))
}

/// The tag of a migration: `NNNN_name`.
#[must_use]
pub fn tag(index: u32, name: &str) -> String {
    format!("{index:04}_{name}")
}

/// `name` made fit for a file name: lower case, anything but letters, digits, `_` and `-` becomes
/// `-`. `None` when nothing is left.
#[must_use]
pub fn file_name_of(name: &str) -> Option<String> {
    let fit =
        |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let words: String = name.chars().map(fit).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("-"))
}

/// The steps from one snapshot to the next; empty when no instance differs.
#[must_use]
pub fn steps_between(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Value> {
    let (old, new) = (Instances::of(before), Instances::of(after));
    let mut steps = Vec::new();
    let mut moved: HashSet<&str> = HashSet::new();
    for position in new.order() {
        let Some(spec) = new.list.get(position).copied() else { continue };
        let reference = text(spec, "ref");
        let step = match old.get(reference) {
            Some(known) if known == spec => continue,
            Some(known) if text(known, "service") != text(spec, "service") => {
                step("replace", spec, true)
            }
            Some(_) => step("update", spec, true),
            None => match old.same_object(spec).filter(|other| new.get(other).is_none()) {
                Some(from) => {
                    moved.insert(from);
                    let mut step = step("move", spec, true);
                    if let Value::Object(step) = &mut step {
                        step.insert("from".into(), Value::from(from));
                    }
                    step
                }
                None => step("create", spec, true),
            },
        };
        steps.push(step);
    }
    for position in old.order_in_reverse() {
        let Some(spec) = old.list.get(position).copied() else { continue };
        let reference = text(spec, "ref");
        if new.get(reference).is_none() && !moved.contains(reference) {
            steps.push(step("deprovision", spec, false));
        }
    }
    steps
}

/// The refs that a snapshot declares.
pub fn refs_of(snapshot: &Map<String, Value>) -> Vec<Name> {
    let instances = snapshot.get("instances").and_then(Value::as_array).into_iter().flatten();
    instances.map(|spec| Name::from(text(spec, "ref"))).collect()
}

/// Whether two snapshots want the same.
#[must_use]
pub fn is_same(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let part = |snapshot: &Map<String, Value>, key: &str| snapshot.get(key).cloned();
    steps_between(before, after).is_empty()
        && ["vars", "stages"].iter().all(|key| part(before, key) == part(after, key))
}

/// The migrations that a stage still has to apply.
///
/// # Errors
/// When the ledger and the history contradict each other.
pub fn pending<'a>(
    history: &'a [Migration],
    ledger: &[Applied],
) -> Result<&'a [Migration], LedgerError> {
    for (position, applied) in ledger.iter().enumerate() {
        let known = history.iter().position(|migration| migration.tag == applied.tag);
        let Some(place) = known else {
            return Err(LedgerError::Unknown { tag: applied.tag.clone() });
        };
        if place != position {
            return Err(LedgerError::OutOfOrder { tag: applied.tag.clone() });
        }
        if history.get(place).is_some_and(|migration| migration.sha256 != applied.sha256) {
            return Err(LedgerError::Edited { tag: applied.tag.clone() });
        }
    }
    Ok(history.get(ledger.len()..).unwrap_or_default())
}

/// A stage and the history do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The stage applied a migration that is not in the history.
    #[error("this stage applied the migration `{tag}`, which is not in the migrations folder")]
    Unknown {
        /// Its tag.
        tag: String,
    },
    /// The history has another order than the stage applied it in.
    #[error("the migration `{tag}` was applied at another place in the history")]
    OutOfOrder {
        /// Its tag.
        tag: String,
    },
    /// The migration is not what it was when it was applied.
    #[error("the migration `{tag}` was edited after it was applied")]
    Edited {
        /// Its tag.
        tag: String,
    },
}

fn text<'a>(spec: &'a Value, key: &str) -> &'a str {
    spec.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn step(action: &str, spec: &Value, with_spec: bool) -> Value {
    let mut step = json!({
        "action": action,
        "ref": text(spec, "ref"),
        "service": text(spec, "service"),
        "name": text(spec, "name")
    });
    if let (true, Value::Object(step)) = (with_spec, &mut step) {
        step.insert("spec".into(), spec.clone());
    }
    step
}

/// The instances of a snapshot, found by ref.
struct Instances<'a> {
    list: Vec<&'a Value>,
    positions: HashMap<&'a str, usize>,
}

impl<'a> Instances<'a> {
    fn of(snapshot: &'a Map<String, Value>) -> Self {
        let instances = snapshot.get("instances").and_then(Value::as_array);
        let list: Vec<&Value> = instances.into_iter().flatten().collect();
        let positions = list.iter().enumerate().map(|(at, spec)| (text(spec, "ref"), at)).collect();
        Self { list, positions }
    }

    fn get(&self, reference: &str) -> Option<&'a Value> {
        self.list.get(*self.positions.get(reference)?).copied()
    }

    /// The ref of the instance with the same service and name.
    fn same_object(&self, spec: &Value) -> Option<&'a str> {
        let same = |known: &&&Value| {
            text(known, "service") == text(spec, "service")
                && text(known, "name") == text(spec, "name")
        };
        self.list.iter().find(same).map(|known| text(known, "ref"))
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new(self.list.len());
        for (position, spec) in self.list.iter().enumerate() {
            let named = spec.get("depends_on").and_then(Value::as_array).into_iter().flatten();
            let read = outputs_in(spec).into_iter().map(|output| output.reference);
            let mut known = HashSet::new();
            for reference in read.chain(named.filter_map(Value::as_str)) {
                if let Some(&needed) = self.positions.get(reference)
                    && known.insert(needed)
                {
                    graph.add(needed, position);
                }
            }
        }
        graph
    }

    /// A snapshot with a cycle never came from a checked config; it keeps the order it is in.
    fn order(&self) -> Vec<usize> {
        self.graph().order().unwrap_or_else(|_| (0..self.list.len()).collect())
    }

    fn order_in_reverse(&self) -> Vec<usize> {
        let mut order = self.order();
        order.reverse();
        order
    }
}
