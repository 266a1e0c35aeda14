//! A whole config as written: instances, variables, stages and settings.

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::text::placeless;
use crate::text::read::{self, At};
use crate::text::{Entry, Kind, Node};

/// The fields of a config file.
pub const FIELDS: [&str; 10] = [
    "project",
    "instances",
    "prune",
    "vars",
    "stages",
    "include",
    "journal",
    "sink",
    "recipients",
    "required_version",
];

/// Fields that the format keeps for later versions.
const RESERVED: [&str; 2] = ["brokers", "policy"];

/// A config as written, includes merged in, no stage chosen yet.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The project's name.
    pub project: Option<At<String>>,
    /// The declared instances.
    pub instances: Vec<Node>,
    /// Whether what is in the journal and not in the config is destroyed.
    pub prune: Option<At<bool>>,
    /// Variables for `${var.x}`.
    pub vars: Vec<Entry>,
    /// Overrides by stage.
    pub stages: Vec<Entry>,
    /// Other files whose instances, variables and stages belong to this config.
    pub include: Vec<At<String>>,
    /// Where the journal is, instead of `.prov/<stage>.journal.json`.
    pub journal: Option<At<String>>,
    /// Where bound outputs land.
    pub sink: Option<Node>,
    /// The `age` recipients that sensitive outputs are sealed for.
    pub recipients: Vec<At<String>>,
    /// The versions of prov that may read this config.
    pub required_version: Option<At<String>>,
}

impl Document {
    /// Reads a parsed file.
    pub fn read(root: Node, problems: &mut Diagnostics) -> Self {
        let mut document = Self::default();
        for entry in read::into_table(root, problems) {
            document.read_field(entry, problems);
        }
        document
    }

    fn read_field(&mut self, entry: Entry, problems: &mut Diagnostics) {
        if let Some(problem) = unusable_field(&entry) {
            problems.push(problem);
            return;
        }
        let Entry { key, value, .. } = entry;
        match key.as_str() {
            "project" => self.project = read::text(&value, problems),
            "instances" => self.instances = read::into_list(value, problems),
            "prune" => {
                self.prune = read::boolean(&value, problems)
                    .map(|prune| At { value: prune, span: value.span });
            }
            "vars" => self.vars = read::into_table(value, problems),
            "stages" => self.stages = read_stages(value, problems),
            "include" => self.include = read::texts(&value, problems),
            "journal" => self.journal = read::text(&value, problems),
            "sink" => self.sink = Some(value),
            "recipients" => self.recipients = read::texts(&value, problems),
            "required_version" => self.required_version = read::text(&value, problems),
            _ => {}
        }
    }

    /// Adds what an included file declares.
    pub fn merge(&mut self, other: Self, problems: &mut Diagnostics) {
        for (field, span) in other.settings() {
            problems.push(
                Diagnostic::error(
                    "include-setting",
                    format!("`{field}` may only be set in the main config."),
                )
                .at(span),
            );
        }
        self.instances.extend(other.instances);
        for (mine, theirs) in [(&mut self.vars, other.vars), (&mut self.stages, other.stages)] {
            for entry in theirs {
                if mine.iter().any(|known| known.key == entry.key) {
                    problems.push(
                        Diagnostic::error(
                            "duplicate-key",
                            format!("`{}` is already set in another file.", entry.key),
                        )
                        .at(entry.span),
                    );
                } else {
                    mine.push(entry);
                }
            }
        }
    }

    fn settings(&self) -> Vec<(&'static str, Span)> {
        let text = |field, at: &Option<At<String>>| at.as_ref().map(|at| (field, at.span));
        [
            text("project", &self.project),
            text("journal", &self.journal),
            text("required_version", &self.required_version),
            self.sink.as_ref().map(|node| ("sink", node.span)),
            self.prune.as_ref().map(|prune| ("prune", prune.span)),
            self.recipients.first().map(|at| ("recipients", at.span)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The part of the config that a snapshot keeps: what is desired, as written.
    #[must_use]
    pub fn to_snapshot(&self) -> Map<String, Value> {
        let mut snapshot = Map::new();
        let instances = self.instances.iter().map(Node::to_value).collect();
        snapshot.insert("instances".into(), Value::Array(instances));
        for (key, entries) in [("vars", &self.vars), ("stages", &self.stages)] {
            if !entries.is_empty() {
                let map = entries.iter().map(|e| (e.key.clone(), e.value.to_value())).collect();
                snapshot.insert(key.into(), Value::Object(map));
            }
        }
        snapshot
    }

    /// The config that a snapshot stands for.
    pub fn from_snapshot(snapshot: Map<String, Value>, problems: &mut Diagnostics) -> Self {
        let kept = ["instances", "vars", "stages"];
        let desired = snapshot.into_iter().filter(|(key, _)| kept.contains(&key.as_str()));
        Self::read(placeless(Value::Object(desired.collect())), problems)
    }
}

fn unusable_field(entry: &Entry) -> Option<Diagnostic> {
    let key = entry.key.as_str();
    if RESERVED.contains(&key) {
        let summary = format!("`{key}` is kept for a later version.");
        return Some(
            Diagnostic::error("reserved-field", summary).at(entry.span).help("Remove it."),
        );
    }
    let is_known = FIELDS.contains(&key) || key == "$schema";
    (!is_known).then(|| read::unknown_field(entry, "a config", &FIELDS))
}

fn read_stages(node: Node, problems: &mut Diagnostics) -> Vec<Entry> {
    let stages = read::into_table(node, problems);
    for stage in &stages {
        for field in read::table(&stage.value, problems) {
            if !["vars", "instances"].contains(&field.key.as_str()) {
                problems.push(read::unknown_field(field, "a stage", &["vars", "instances"]));
            }
        }
    }
    stages
}

/// `base` with the fields of `changes` put over it; tables inside are merged key by key.
#[must_use]
pub fn overlay(base: &Node, changes: &Node) -> Node {
    let (Kind::Map(old), Kind::Map(new)) = (&base.kind, &changes.kind) else {
        return changes.clone();
    };
    let mut entries = old.clone();
    for change in new {
        match entries.iter_mut().find(|entry| entry.key == change.key) {
            Some(entry) => entry.value = overlay(&entry.value, &change.value),
            None => entries.push(change.clone()),
        }
    }
    Node { kind: Kind::Map(entries), span: base.span }
}
