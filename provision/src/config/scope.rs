//! What is known before anything runs: the stage, the variables and the environment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::expression::{self, Expression, Segment, Writer};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::name::{Name, closest};
use crate::text::{Entry, Kind, Node};
use crate::value::as_text;

/// Values for `${stage}`, `${var.x}` and `${env.X}`.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The stage.
    pub stage: String,
    /// The variables, their strings in the syntax of the config.
    pub vars: BTreeMap<String, Value>,
    /// The environment as the caller chose to show it.
    pub env: BTreeMap<String, String>,
}

/// Fills in what the scope knows and notes what it met on the way.
pub struct Settler<'a> {
    scope: &'a Scope,
    /// What is wrong with what it met.
    pub problems: Diagnostics,
    /// The outputs that are read, in the order they were met, with their places.
    pub reads: Vec<Read>,
    /// The environment variables that are read.
    pub env_used: BTreeSet<String>,
}

/// One place that reads an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The instance that is read.
    pub reference: String,
    /// The output of it.
    pub key: String,
    /// Where it is written.
    pub span: Span,
}

impl<'a> Settler<'a> {
    /// A settler over `scope`.
    #[must_use]
    pub fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            problems: Diagnostics::default(),
            reads: Vec::new(),
            env_used: BTreeSet::new(),
        }
    }

    /// A value with stage and variables filled in. References to outputs and to the environment
    /// stay as written, so that what is stored of it holds neither stale values nor secrets.
    pub fn value(&mut self, node: &Node) -> Value {
        match &node.kind {
            Kind::Text(text) => self.text(text, node.span),
            Kind::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Kind::Map(entries) => Value::Object(self.map(entries)),
            Kind::Number(number) if crate::digest::is_rounded(number) => {
                self.problems.push(
                    Diagnostic::error(
                        "integer-range",
                        format!("The integer {number} is beyond 2^53."),
                    )
                    .at(node.span)
                    .help("Write it as a string; JSON would round it."),
                );
                Value::Null
            }
            _ => node.to_value(),
        }
    }

    /// [`Settler::value`] for the entries of a table.
    pub fn map(&mut self, entries: &[Entry]) -> serde_json::Map<String, Value> {
        entries.iter().map(|entry| (entry.key.clone(), self.value(&entry.value))).collect()
    }

    fn text(&mut self, text: &str, span: Span) -> Value {
        if !text.starts_with('@') && !text.contains("${") {
            return Value::String(text.to_owned());
        }
        match expression::parse(text) {
            Ok(Expression::Literal(_)) => Value::String(text.to_owned()),
            Ok(Expression::Reference(output)) => {
                self.read(output.reference, output.key, span);
                Value::String(text.to_owned())
            }
            Ok(Expression::Template(segments)) => self.template(&segments, span),
            Err(error) => {
                self.problems.push(
                    Diagnostic::error("expression", error.message)
                        .at(span)
                        .help("Write `$${` for the characters `${`, and `@@` for a leading `@`."),
                );
                Value::Null
            }
        }
    }

    fn template(&mut self, segments: &[Segment<'_>], span: Span) -> Value {
        if let [Segment::Var(name)] = segments {
            return self.var(name, span);
        }
        let mut writer = Writer::default();
        for segment in segments {
            self.segment(segment, span, &mut writer);
        }
        Value::String(writer.finish())
    }

    fn segment(&mut self, segment: &Segment<'_>, span: Span, writer: &mut Writer) {
        match segment {
            Segment::Text(_) => writer.segment(segment),
            Segment::Stage => writer.text(&self.scope.stage),
            Segment::Var(name) => {
                // A variable is settled already: text, and the environment as written.
                let text = as_text(&self.var(name, span));
                match expression::parse(&text) {
                    Ok(Expression::Literal(text)) => writer.text(&text),
                    Ok(Expression::Template(parts)) => {
                        parts.iter().for_each(|part| writer.segment(part));
                    }
                    Ok(Expression::Reference(_)) | Err(_) => writer.text(&text),
                }
            }
            Segment::Env(name) => {
                if !self.scope.env.contains_key(*name) {
                    self.problems.push(
                        Diagnostic::error(
                            "missing-env",
                            format!("The environment variable `{name}` is not set."),
                        )
                        .at(span)
                        .help(format!("Set it, e.g. `export {name}=…`.")),
                    );
                }
                self.env_used.insert((*name).to_owned());
                writer.segment(segment);
            }
            Segment::Output(output) => {
                self.read(output.reference, output.key, span);
                writer.segment(segment);
            }
        }
    }

    fn var(&mut self, name: &str, span: Span) -> Value {
        if let Some(value) = self.scope.vars.get(name) {
            return value.clone();
        }
        let known = self.scope.vars.keys().map(String::as_str);
        let help = match closest(name, known) {
            Some(word) => format!("Did you mean `${{var.{word}}}`?"),
            None => format!("Declare it: `[vars]` `{name} = …`, or give `--var {name}=…`."),
        };
        self.problems.push(
            Diagnostic::error("missing-var", format!("The variable `{name}` is not declared."))
                .at(span)
                .help(help),
        );
        Value::Null
    }

    fn read(&mut self, reference: &str, key: &str, span: Span) {
        self.reads.push(Read { reference: reference.to_owned(), key: key.to_owned(), span });
    }
}

/// A settled name or path with the environment filled in too, outputs left as written.
#[must_use]
pub fn fill_env(text: &str, env: &BTreeMap<Name, String>) -> String {
    let Ok(Expression::Template(segments)) = expression::parse(text) else {
        return text.to_owned();
    };
    let mut writer = Writer::default();
    for segment in segments {
        match segment {
            Segment::Env(name) => writer.text(env.get(name).map_or("", String::as_str)),
            Segment::Text(_) | Segment::Output(_) => writer.segment(&segment),
            Segment::Var(_) | Segment::Stage => {}
        }
    }
    writer.finish()
}
