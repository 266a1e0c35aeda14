//! What has to hold between instances, and between an instance and its service.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use super::expression::outputs_in;
use super::params;
use super::spec::Placed;
use super::{Rules, scope::Read};
use crate::broker::{Catalog, ParamType, Plans, Service};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::graph::Graph;
use crate::name::{Name, closest};

/// Checks every instance; the graph of references and its order when there is one.
pub fn check(
    placed: &[Placed<'_>],
    catalog: &Catalog,
    rules: Rules,
    problems: &mut Diagnostics,
) -> Option<(Graph, Vec<usize>)> {
    let positions = unique(placed, problems);
    check_paths(placed, catalog, problems);
    let mut graph = Graph::new(placed.len());
    for (position, instance) in placed.iter().enumerate() {
        let service = service(instance, catalog, problems);
        if let Some(service) = service {
            params::check(instance, service, rules, problems);
            check_name(instance, service, problems);
            check_plan(instance, service, problems);
            check_bind(instance, service, problems);
            check_labels(instance, service, (placed, &positions, catalog), problems);
        }
        check_reads(instance, placed, &positions, catalog, problems);
        for need in &instance.spec.needs {
            if let Some(&needed) = positions.get(need) {
                graph.add(needed, position);
            }
        }
    }
    match graph.order() {
        Ok(order) => Some((graph, order)),
        Err(cycle) => {
            problems.push(cycle_problem(&cycle, placed));
            None
        }
    }
}

fn unique<'a>(placed: &'a [Placed<'_>], problems: &mut Diagnostics) -> HashMap<&'a Name, usize> {
    let mut positions = HashMap::with_capacity(placed.len());
    let mut names: HashMap<(&Name, &Name), &Placed<'_>> = HashMap::with_capacity(placed.len());
    let mut variables: HashMap<&str, &Name> = HashMap::new();
    for (position, instance) in placed.iter().enumerate() {
        let spec = &instance.spec;
        if positions.insert(&spec.reference, position).is_some() {
            problems.push(
                Diagnostic::error(
                    "duplicate-ref",
                    format!("The ref `{}` is declared twice.", spec.reference),
                )
                .at(instance.span)
                .about(&spec.reference)
                .help("Give each instance its own ref."),
            );
        } else if let Some(other) = names.insert((&spec.service, &spec.name), instance) {
            problems.push(
                Diagnostic::error(
                    "duplicate-name",
                    format!(
                        "`{}` and `{}` are the same instance: {} `{}`.",
                        other.spec.reference, spec.reference, spec.service, spec.name
                    ),
                )
                .at(instance.span)
                .about(&spec.reference)
                .help("Two instances of a service need two names."),
            );
        }
        for (_, variable) in &spec.bind {
            if let Some(other) = variables.insert(variable, &spec.reference) {
                problems.push(
                    Diagnostic::error(
                        "duplicate-variable",
                        format!("`{other}` and `{}` both bind `{variable}`.", spec.reference),
                    )
                    .at(instance.span)
                    .about(&spec.reference),
                );
            }
        }
    }
    positions
}

fn service<'c>(
    instance: &Placed<'_>,
    catalog: &'c Catalog,
    problems: &mut Diagnostics,
) -> Option<&'c Service> {
    let id = instance.spec.service.as_str();
    let known = catalog.service(id);
    if known.is_none() {
        let ids = || catalog.services().map(|service| service.id.as_str());
        let help = match closest(id, ids()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => "`prov brokers` lists every service.".to_owned(),
        };
        problems.push(
            Diagnostic::error("unknown-service", format!("There is no service `{id}`."))
                .at(instance.service_span)
                .about(&instance.spec.reference)
                .help(help),
        );
    }
    known
}

fn check_plan(instance: &Placed<'_>, service: &Service, problems: &mut Diagnostics) {
    let (Some(plan), Plans::Named(known)) = (&instance.spec.plan, &service.plans) else { return };
    if known.contains(&plan.as_str()) {
        return;
    }
    let help = match known.as_slice() {
        [] => format!("`{}` has no plans; remove `plan`.", service.id),
        known => format!("Its plans: {}.", known.join(", ")),
    };
    problems.push(
        Diagnostic::error("unknown-plan", format!("`{}` has no plan `{plan}`.", service.id))
            .at(instance.plan_span.unwrap_or(instance.span))
            .about(&instance.spec.reference)
            .help(help),
    );
}

/// A name that is written out has to be one that the service takes.
fn check_name(instance: &Placed<'_>, service: &Service, problems: &mut Diagnostics) {
    let name = instance.spec.name.as_str();
    if name.contains("${") || name.starts_with('@') {
        return;
    }
    let length = i64::try_from(name.chars().count()).unwrap_or(i64::MAX);
    let what = match (service.name_bounds, service.name_pattern.as_deref()) {
        (Some((min, _)), _) if length < min => format!("has at least {min} characters"),
        (Some((_, max)), _) if length > max => format!("has at most {max} characters"),
        (_, Some(pattern)) if !is_like(name, pattern) => format!("looks like `{pattern}`"),
        _ => return,
    };
    let summary = format!("`{name}` cannot be the name of a `{}`: it {what}.", service.id);
    problems.push(
        Diagnostic::error("wrong-name", summary)
            .at(instance.name_span.unwrap_or(instance.span))
            .about(&instance.spec.reference),
    );
}

fn is_like(text: &str, pattern: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

fn check_bind(instance: &Placed<'_>, service: &Service, problems: &mut Diagnostics) {
    for (key, span) in &instance.bind {
        if !service.yields(key) {
            let problem = unknown_output(&instance.spec.reference, key, service, *span);
            problems.push(problem.about(&instance.spec.reference));
        }
    }
}

/// Two instances at one path would overwrite each other.
fn check_paths(placed: &[Placed<'_>], catalog: &Catalog, problems: &mut Diagnostics) {
    let mut known: HashMap<PathBuf, &Name> = HashMap::new();
    for instance in placed.iter().filter(|instance| !instance.spec.external) {
        let Some(service) = catalog.service(instance.spec.service.as_str()) else { continue };
        for param in service.params.iter().filter(|param| param.kind == ParamType::Path) {
            let Some(text) = instance.spec.params.get(&*param.name).and_then(Value::as_str) else {
                continue;
            };
            if !outputs_in(&Value::from(text)).is_empty() || text.contains("${") {
                continue;
            }
            let path: PathBuf = Path::new(text).components().collect();
            let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
            if let Some(other) = known.insert(path, &instance.spec.reference) {
                let reference = &instance.spec.reference;
                let summary = format!("`{other}` and `{reference}` have the same path: `{text}`.");
                problems.push(
                    Diagnostic::error("duplicate-path", summary)
                        .at(instance.span)
                        .about(reference)
                        .help("Each would overwrite the other; give them two paths."),
                );
            }
        }
    }
}

/// Names and paths are shown and stored as they are, so no secret may go into them.
fn check_labels(
    instance: &Placed<'_>,
    service: &Service,
    (placed, positions, catalog): (&[Placed<'_>], &HashMap<&Name, usize>, &Catalog),
    problems: &mut Diagnostics,
) {
    let is_secret = |reference: &str, key: &str| {
        let producer = positions.get(&Name::from(reference)).and_then(|at| placed.get(*at));
        let service = producer.and_then(|p| catalog.service(p.spec.service.as_str()));
        let output = service.and_then(|s| s.outputs.iter().find(|output| output.key == key));
        output.is_some_and(|output| output.sensitive)
    };
    let name = Value::from(instance.spec.name.as_str());
    let paths = service.params.iter().filter(|param| param.kind == ParamType::Path);
    let paths = paths.filter_map(|param| instance.spec.params.get(&*param.name));
    for value in paths.chain([&name]) {
        if outputs_in(value).iter().any(|output| is_secret(output.reference, output.key)) {
            let reference = &instance.spec.reference;
            let summary = format!("`{reference}` puts a secret into its name or path.");
            problems.push(
                Diagnostic::error("secret-in-clear", summary)
                    .at(instance.span)
                    .about(reference)
                    .help("Names and paths are stored and shown as they are; use another output."),
            );
        }
    }
}

fn check_reads(
    instance: &Placed<'_>,
    placed: &[Placed<'_>],
    positions: &HashMap<&Name, usize>,
    catalog: &Catalog,
    problems: &mut Diagnostics,
) {
    let known = |reference: &str| {
        positions.get(&Name::from(reference)).and_then(|position| placed.get(*position))
    };
    let missing = |reference: &str, span| {
        let help = closest(reference, positions.keys().map(|name| name.as_str()))
            .map(|word| format!("Did you mean `{word}`?"));
        Diagnostic::error("unknown-ref", format!("No instance `{reference}` is declared."))
            .at(span)
            .about(&instance.spec.reference)
            .maybe_help(help)
    };
    for Read { reference, key, span } in &instance.reads {
        let Some(producer) = known(reference) else {
            let problem = missing(reference, *span);
            problems.push(problem.maybe_help(None));
            continue;
        };
        let Some(service) = catalog.service(producer.spec.service.as_str()) else { continue };
        if !service.yields(key) {
            let problem = unknown_output(&producer.spec.reference, key, service, *span);
            problems.push(problem.about(&instance.spec.reference));
        }
    }
    for at in &instance.depends_on {
        if known(&at.value).is_none() {
            problems.push(missing(&at.value, at.span));
        }
    }
}

fn unknown_output(reference: &Name, key: &str, service: &Service, span: Span) -> Diagnostic {
    let keys: Vec<&str> = service.outputs.iter().map(|output| &*output.key).collect();
    let help = match closest(key, keys.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => format!("Its outputs: {}.", keys.join(", ")),
    };
    Diagnostic::error(
        "unknown-output",
        format!("`{reference}` ({}) has no output `{key}`.", service.id),
    )
    .at(span)
    .help(help)
}

fn cycle_problem(cycle: &[usize], placed: &[Placed<'_>]) -> Diagnostic {
    let instances: Vec<&Placed<'_>> = cycle.iter().filter_map(|index| placed.get(*index)).collect();
    let path: Vec<&str> = instances.iter().map(|i| i.spec.reference.as_str()).collect();
    let mut problem =
        Diagnostic::error("cycle", format!("The references form a cycle: {}.", path.join(" → ")))
            .help("Remove one of these references.");
    if let [first, second, ..] = instances.as_slice() {
        let read = first.reads.iter().find(|read| second.spec.reference == read.reference.as_str());
        problem =
            problem.at(read.map_or(first.span, |read| read.span)).about(&first.spec.reference);
    }
    problem
}
