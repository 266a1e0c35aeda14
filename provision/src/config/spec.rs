//! One declared instance.

use serde_json::{Map, Value};

use super::scope::{Read, Settler};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::name::{Name, Names, is_ref};
use crate::text::read::{self, At};
use crate::text::{Entry, Node};

/// The fields of an instance.
pub const FIELDS: [&str; 11] = [
    "ref",
    "service",
    "plan",
    "name",
    "params",
    "bind",
    "protected",
    "adopt",
    "external",
    "depends_on",
    "on_remove",
];

/// What happens to an instance that is no longer declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRemove {
    /// It is destroyed.
    #[default]
    Delete,
    /// It is forgotten and lives on.
    Retain,
}

/// A declared instance: stage and variables filled in, references to outputs as written.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceSpec {
    /// Its unique handle.
    pub reference: Name,
    /// The service that provisions it.
    pub service: Name,
    /// The service plan (tier).
    pub plan: Option<Name>,
    /// Its name at the provider.
    pub name: Name,
    /// Its params as written.
    pub params: Map<String, Value>,
    /// Which output lands in which environment variable.
    pub bind: Vec<(Name, String)>,
    /// Whether it may be destroyed only by force, when the config says so.
    pub protected: Option<bool>,
    /// Whether an object that already stands in its place is taken over.
    pub adopt: bool,
    /// Whether it is somebody else's: read, never made, changed or destroyed.
    pub external: bool,
    /// Instances that have to be there first, beyond those it reads.
    pub depends_on: Vec<Name>,
    /// What happens when it is no longer declared.
    pub on_remove: OnRemove,
    /// The instances whose outputs it reads, each once.
    pub reads: Vec<Name>,
    /// Every instance it needs, read or named, each once.
    pub needs: Vec<Name>,
}

/// A spec together with the places its problems are shown at.
#[derive(Clone, Debug)]
pub struct Placed<'n> {
    /// The spec.
    pub spec: InstanceSpec,
    /// Where its ref is written.
    pub span: Span,
    /// Where its service is written.
    pub service_span: Span,
    /// Where its params are written.
    pub params: Option<&'n Node>,
    /// The outputs it reads.
    pub reads: Vec<Read>,
    /// Where `depends_on` names other instances.
    pub depends_on: Vec<At<String>>,
    /// Where `bind` names outputs.
    pub bind: Vec<(String, Span)>,
    /// The plan's place.
    pub plan_span: Option<Span>,
    /// The name's place.
    pub name_span: Option<Span>,
}

/// The fields of one instance before they are put together.
#[derive(Default)]
struct Fields<'n> {
    reference: Option<At<String>>,
    service: Option<At<String>>,
    name: Option<&'n Node>,
    plan: Option<&'n Node>,
    params: Option<&'n Node>,
    bind: &'n [Entry],
    depends_on: Vec<At<String>>,
    protected: Option<bool>,
    adopt: bool,
    external: bool,
    on_remove: OnRemove,
}

/// Reads one instance; `None` when a field that everything hangs on is missing.
pub fn read<'n>(
    node: &'n Node,
    settler: &mut Settler<'_>,
    names: &mut Names,
) -> Option<Placed<'n>> {
    let fields = Fields::read(node, &mut settler.problems);
    let missing = [
        ("ref", fields.reference.is_none()),
        ("service", fields.service.is_none()),
        ("name", fields.name.is_none()),
    ];
    for (field, missing) in missing {
        if missing && node.get(field).is_none() {
            settler.problems.push(missing_field(field, node));
        }
    }
    let (reference, service) = (fields.reference.as_ref()?, fields.service.as_ref()?);
    check_ref(reference, &mut settler.problems);
    settler.reads.clear();
    let name = fields.name.and_then(|name| label(name, "name", settler)).unwrap_or_default();
    let plan = fields.plan.and_then(|plan| label(plan, "plan", settler));
    let params = fields.params.map(|params| {
        let entries = read::table(params, &mut settler.problems);
        settler.map(entries)
    });
    let reads = std::mem::take(&mut settler.reads);
    let spec = InstanceSpec {
        reference: names.intern(&reference.value),
        service: names.intern(&service.value),
        plan: plan.map(|plan| names.intern(&plan)),
        name: Name::from(name),
        params: params.unwrap_or_default(),
        bind: bindings(fields.bind, names, &mut settler.problems),
        protected: fields.protected,
        adopt: fields.adopt,
        external: fields.external,
        depends_on: fields.depends_on.iter().map(|at| names.intern(&at.value)).collect(),
        on_remove: fields.on_remove,
        reads: needs(&reads, &[], names),
        needs: needs(&reads, &fields.depends_on, names),
    };
    Some(fields.place(spec, reads))
}

impl<'n> Fields<'n> {
    fn read(node: &'n Node, problems: &mut Diagnostics) -> Self {
        let mut fields = Self::default();
        for entry in read::table(node, problems) {
            let value = &entry.value;
            match entry.key.as_str() {
                "ref" => fields.reference = read::text(value, problems),
                "service" => fields.service = read::text(value, problems),
                "plan" => fields.plan = given(value),
                "name" => fields.name = given(value),
                "params" => fields.params = given(value),
                "bind" => fields.bind = read::table(value, problems),
                "protected" => fields.protected = read::boolean(value, problems),
                "adopt" => fields.adopt = read::boolean(value, problems).unwrap_or_default(),
                "external" => fields.external = read::boolean(value, problems).unwrap_or_default(),
                "depends_on" => fields.depends_on = read::texts(value, problems),
                "on_remove" => fields.on_remove = on_remove(value, problems),
                _ => problems.push(read::unknown_field(entry, "an instance", &FIELDS)),
            }
        }
        fields
    }
}

impl<'n> Fields<'n> {
    fn place(self, spec: InstanceSpec, reads: Vec<Read>) -> Placed<'n> {
        Placed {
            spec,
            span: self.reference.map(|at| at.span).unwrap_or_default(),
            service_span: self.service.map(|at| at.span).unwrap_or_default(),
            params: self.params,
            reads,
            bind: self.bind.iter().map(|entry| (entry.key.clone(), entry.span)).collect(),
            depends_on: self.depends_on,
            plan_span: self.plan.map(|plan| plan.span),
            name_span: self.name.map(|name| name.span),
        }
    }
}

fn given(node: &Node) -> Option<&Node> {
    (!matches!(node.kind, crate::text::Kind::Null)).then_some(node)
}

fn on_remove(node: &Node, problems: &mut Diagnostics) -> OnRemove {
    match read::text(node, problems).as_ref().map(|at| at.value.as_str()) {
        Some("retain") => OnRemove::Retain,
        Some("delete") | None => OnRemove::Delete,
        Some(other) => {
            problems.push(
                Diagnostic::error("unknown-value", format!("`{other}` is not a way to remove."))
                    .at(node.span)
                    .help("Write `delete` or `retain`."),
            );
            OnRemove::Delete
        }
    }
}

fn label(node: &Node, field: &str, settler: &mut Settler<'_>) -> Option<String> {
    read::text(node, &mut settler.problems)?;
    let text = match settler.value(node) {
        Value::String(text) => text,
        Value::Null => return None,
        other => other.to_string(),
    };
    if text.is_empty() {
        let problem = Diagnostic::error("empty", format!("`{field}` is empty."));
        settler.problems.push(problem.at(node.span));
    }
    Some(text)
}

fn bindings(
    entries: &[Entry],
    names: &mut Names,
    problems: &mut Diagnostics,
) -> Vec<(Name, String)> {
    let mut bindings = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(variable) = read::text(&entry.value, problems) else { continue };
        if !is_variable(&variable.value) {
            problems.push(
                Diagnostic::error(
                    "variable-name",
                    format!("`{}` cannot be the name of an environment variable.", variable.value),
                )
                .at(variable.span)
                .help("Use letters, digits and `_`, not starting with a digit."),
            );
        }
        bindings.push((names.intern(&entry.key), variable.value));
    }
    bindings
}

fn is_variable(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn needs(reads: &[Read], depends_on: &[At<String>], names: &mut Names) -> Vec<Name> {
    let mut needs: Vec<Name> = Vec::new();
    let read = reads.iter().map(|read| read.reference.as_str());
    for reference in read.chain(depends_on.iter().map(|at| at.value.as_str())) {
        if !needs.iter().any(|known| known == reference) {
            needs.push(names.intern(reference));
        }
    }
    needs
}

fn check_ref(reference: &At<String>, problems: &mut Diagnostics) {
    if !is_ref(&reference.value) || ["var", "env", "stage"].contains(&reference.value.as_str()) {
        problems.push(
            Diagnostic::error("ref-name", format!("`{}` cannot be a ref.", reference.value))
                .at(reference.span)
                .help("Use letters, digits, `_` and `-`; `var`, `env` and `stage` are taken."),
        );
    }
}

fn missing_field(field: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("missing-field", format!("This instance has no `{field}`."))
        .at(node.span)
        .help(format!("Add `{field} = \"…\"`."))
}
