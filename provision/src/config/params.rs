//! Params against the schema of their service.

use serde_json::Value;

use super::Rules;
use super::expression::{self, Expression, Segment};
use super::spec::Placed;
use crate::broker::{Param, ParamType, Service};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::name::closest;
use crate::place::escapes;
use crate::text::{Entry, Node};

/// Checks the params of one instance.
pub fn check(instance: &Placed<'_>, service: &Service, rules: Rules, problems: &mut Diagnostics) {
    let entries = instance.params.map_or(&[][..], Node::entries);
    for entry in entries {
        let problem = match service.param(&entry.key) {
            Some(param) => {
                let settled = instance.spec.params.get(&entry.key).unwrap_or(&Value::Null);
                check_param(param, entry, settled, rules)
            }
            None if service.params_open => None,
            None => Some(unknown(entry, service)),
        };
        if let Some(problem) = problem {
            problems.push(problem.about(&instance.spec.reference));
        }
    }
    if !instance.spec.external {
        check_groups(instance, service, problems);
    }
    for param in service.params.iter().filter(|param| param.required) {
        let given = instance.spec.params.get(&*param.name).is_some_and(|value| !value.is_null());
        if !given && !instance.spec.external {
            problems.push(
                Diagnostic::error(
                    "missing-param",
                    format!("`{}` needs the param `{}`.", service.id, param.name),
                )
                .at(instance.params.map_or(instance.span, |node| node.span))
                .about(&instance.spec.reference)
                .help(param.description.clone()),
            );
        }
    }
}

/// At least one param of each group has to be given.
fn check_groups(instance: &Placed<'_>, service: &Service, problems: &mut Diagnostics) {
    let given = |name: &String| instance.spec.params.get(name).is_some_and(|v| !v.is_null());
    for group in service.any_of.iter().filter(|group| !group.iter().any(given)) {
        let names: Vec<String> = group.iter().map(|name| format!("`{name}`")).collect();
        let summary = format!("`{}` needs one of the params {}.", service.id, names.join(", "));
        problems.push(
            Diagnostic::error("missing-param", summary)
                .at(instance.params.map_or(instance.span, |node| node.span))
                .about(&instance.spec.reference),
        );
    }
}

fn unknown(entry: &Entry, service: &Service) -> Diagnostic {
    let known: Vec<&str> = service.params.iter().map(|param| &*param.name).collect();
    let help = match closest(&entry.key, known.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => format!("Its params: {}.", known.join(", ")),
    };
    Diagnostic::error("unknown-param", format!("`{}` has no param `{}`.", service.id, entry.key))
        .at(entry.span)
        .help(help)
}

fn check_param(param: &Param, entry: &Entry, settled: &Value, rules: Rules) -> Option<Diagnostic> {
    let node = &entry.value;
    if settled.is_null() {
        return None;
    }
    if param.sensitive && is_written_out(settled) {
        return Some(
            Diagnostic::error("secret-in-clear", format!("`{}` is a secret.", param.name))
                .at(node.span)
                .help("Refer to it: `${env.NAME}`, or `@ref.key` of an instance that yields it."),
        );
    }
    if let Value::String(text) = settled
        && !matches!(expression::parse(text), Ok(Expression::Literal(_)))
    {
        return template_problem(param, text, node);
    }
    let expected =
        param.misfit(settled, node.type_name()).or_else(|| path_problem(param, settled, rules))?;
    Some(wrong(param, &expected, node))
}

fn wrong(param: &Param, expected: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("wrong-param", format!("`{}` must be {expected}.", param.name))
        .at(node.span)
        .help(param.description.clone())
}

/// A reference may yield any type, but text with something filled in is text.
fn template_problem(param: &Param, text: &str, node: &Node) -> Option<Diagnostic> {
    let is_text = matches!(expression::parse(text), Ok(Expression::Template(_)));
    let takes_text = matches!(
        param.kind,
        ParamType::Any | ParamType::String | ParamType::Path | ParamType::PathOrList
    );
    (is_text && !takes_text).then(|| {
        let expected = param.kind.expected();
        Diagnostic::error(
            "wrong-param",
            format!("`{}` must be {expected}, found text.", param.name),
        )
        .at(node.span)
        .help("A whole-string reference `@ref.key` keeps the type of the output.")
    })
}

fn is_written_out(value: &Value) -> bool {
    match value {
        Value::String(text) => match expression::parse(text) {
            Ok(Expression::Template(segments)) => {
                !segments.iter().any(|s| matches!(s, Segment::Env(_) | Segment::Output(_)))
            }
            Ok(Expression::Reference(_)) => false,
            _ => !text.is_empty(),
        },
        Value::Object(map) => map.values().any(is_written_out),
        Value::Array(items) => items.iter().any(is_written_out),
        Value::Null => false,
        _ => true,
    }
}

fn path_problem(param: &Param, value: &Value, rules: Rules) -> Option<String> {
    if rules.allow_outside || !matches!(param.kind, ParamType::Path | ParamType::PathOrList) {
        return None;
    }
    let path = value.as_str()?;
    escapes(path).then(|| "inside the project's folder (or give `--allow-outside`)".to_owned())
}
