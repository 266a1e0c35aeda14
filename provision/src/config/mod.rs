//! The user's file: text → nodes → document → desired state.

mod check;
mod document;
pub mod expression;
mod params;
mod schema;
mod scope;
mod spec;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::broker::Catalog;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Graph;
use crate::name::{Name, Names};
use crate::text::{Entry, Kind, Node, read};

pub use crate::place::escapes;
pub use document::Document;
pub use schema::json_schema;
pub use scope::{Scope, fill_env};
pub use spec::{InstanceSpec, OnRemove, Placed};

/// What the config wants of one stage.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The instances in config order.
    pub instances: Vec<InstanceSpec>,
    /// Their references as a graph over positions in `instances`.
    pub graph: Graph,
    /// Positions in `instances`, each after what it needs.
    pub order: Vec<usize>,
    /// The environment variables that the instances read.
    pub env: BTreeMap<Name, String>,
    /// Whether the config asks to destroy what it does not declare.
    pub prune: bool,
}

/// Which instance may be at fault where paths must stay inside the project.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Whether a `path` may leave the project's folder.
    pub allow_outside: bool,
}

impl Document {
    /// The desired state for the stage of `scope`; every problem goes to `problems`.
    ///
    /// `None` when there is an error among them.
    pub fn desired(
        &self,
        mut scope: Scope,
        catalog: &Catalog,
        rules: Rules,
        problems: &mut Diagnostics,
    ) -> Option<Desired> {
        let (overrides, mut used) = self.apply_vars(&mut scope, problems);
        let mut settler = scope::Settler::new(&scope);
        let mut names = Names::default();
        let nodes: Vec<Cow<'_, Node>> =
            self.instances.iter().map(|node| overlaid(node, &overrides)).collect();
        let mut placed: Vec<Placed<'_>> =
            nodes.iter().filter_map(|node| spec::read(node, &mut settler, &mut names)).collect();
        used.append(&mut settler.env_used);
        problems.extend(std::mem::take(&mut settler.problems));
        let env = used.iter().filter_map(|name| {
            scope.env.get(name).map(|value| (Name::from(name.as_str()), value.clone()))
        });
        let env: BTreeMap<Name, String> = env.collect();
        for instance in &mut placed {
            let name = fill_env(instance.spec.name.as_str(), &env);
            instance.spec.name = Name::from(name);
        }
        let checked = check::check(&placed, catalog, rules, problems);
        if problems.has_errors() {
            return None;
        }
        let (graph, order) = checked?;
        let instances = placed.into_iter().map(|placed| placed.spec).collect();
        Some(Desired {
            instances,
            graph,
            order,
            env,
            prune: self.prune.as_ref().is_some_and(|p| p.value),
        })
    }

    /// Settles the variables into `scope` and answers the stage's overrides by ref.
    fn apply_vars(
        &self,
        scope: &mut Scope,
        problems: &mut Diagnostics,
    ) -> (BTreeMap<String, Node>, BTreeSet<String>) {
        let given = std::mem::take(&mut scope.vars);
        let stage = self.stages.iter().find(|stage| stage.key == scope.stage);
        let of_stage =
            stage.and_then(|stage| stage.value.get("vars")).map_or(&[][..], Node::entries);
        let mut vars = BTreeMap::new();
        let mut settler = scope::Settler::new(scope);
        for entry in self.vars.iter().chain(of_stage) {
            vars.insert(entry.key.clone(), settler.value(&entry.value));
        }
        for read in &settler.reads {
            let summary = format!("A variable cannot read `{}.{}`.", read.reference, read.key);
            problems.push(
                Diagnostic::error("var-reads-output", summary)
                    .at(read.span)
                    .help("Variables are known before anything is made; write it into `params`."),
            );
        }
        problems.extend(std::mem::take(&mut settler.problems));
        let used = std::mem::take(&mut settler.env_used);
        for (name, value) in given {
            let value = given_value(value, vars.get(&name));
            vars.insert(name, value);
        }
        scope.vars = vars;
        for stage in &self.stages {
            self.check_overrides(stage, problems);
        }
        let overrides = stage.and_then(|stage| stage.value.get("instances"));
        let overrides = overrides.map_or(&[][..], Node::entries);
        let overrides =
            overrides.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        (overrides, used)
    }

    fn check_overrides(&self, stage: &Entry, problems: &mut Diagnostics) {
        let Some(overrides) = stage.value.get("instances") else { return };
        for entry in read::table(overrides, problems) {
            let mut known =
                self.instances.iter().filter_map(|node| node.get("ref").and_then(reference_text));
            if !known.any(|reference| reference == entry.key) {
                let known = self
                    .instances
                    .iter()
                    .filter_map(|node| node.get("ref").and_then(reference_text));
                let help = crate::name::closest(&entry.key, known)
                    .map(|word| format!("Did you mean `{word}`?"));
                problems.push(
                    Diagnostic::error(
                        "unknown-ref",
                        format!(
                            "The stage `{}` overrides `{}`, which is not declared.",
                            stage.key, entry.key
                        ),
                    )
                    .at(entry.span)
                    .maybe_help(help),
                );
            }
        }
    }
}

/// An instance with what its stage overrides.
fn overlaid<'n>(node: &'n Node, overrides: &BTreeMap<String, Node>) -> Cow<'n, Node> {
    let reference = node.get("ref").and_then(reference_text);
    match reference.and_then(|name| overrides.get(name)) {
        Some(changes) => Cow::Owned(document::overlay(node, changes)),
        None => Cow::Borrowed(node),
    }
}

fn reference_text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Text(text) => Some(text),
        _ => None,
    }
}

/// A value from outside takes the type of the declared one, where its text can; a text is just text.
fn given_value(given: Value, declared: Option<&Value>) -> Value {
    let Value::String(text) = given else { return given };
    let typed = match declared {
        None | Some(Value::String(_) | Value::Null) => None,
        Some(declared) => serde_json::from_str::<Value>(&text)
            .ok()
            .filter(|value| std::mem::discriminant(value) == std::mem::discriminant(declared)),
    };
    typed.unwrap_or_else(|| Value::String(expression::escape(&text).into_owned()))
}
