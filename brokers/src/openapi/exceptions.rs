//! What a description gets wrong: findings that are none, each with its reason.

use std::cell::Cell;

use provision::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use provision::text::{Format, Node, parse, read};

use super::lint::Finding;

/// The findings of a provider that are accepted.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<Exception>);

#[derive(Debug)]
struct Exception {
    service: String,
    rule: String,
    at: String,
    span: Span,
    matched: Cell<bool>,
}

const FIELDS: [&str; 4] = ["service", "rule", "at", "reason"];

impl Exceptions {
    /// Reads a `lint.toml`, a list of `[[allow]]` with `service` (the name of its file), `rule`, `at`
    /// (which may end in `*`; for an `unknown-response` also the place in the answer) and `reason`. What is wrong with it goes to `problems`.
    pub fn read(path: &str, text: &str, sources: &mut Sources, problems: &mut Diagnostics) -> Self {
        let source = sources.add(path, text);
        let root = match parse(text, Format::Toml, source) {
            Ok(root) => root,
            Err(found) => {
                problems.extend(found);
                return Self::default();
            }
        };
        let mut exceptions = Vec::new();
        for entry in read::table(&root, problems) {
            if entry.key != "allow" {
                problems.push(read::unknown_field(entry, "a list of exceptions", &["allow"]));
                continue;
            }
            for node in read::list(&entry.value, problems) {
                exceptions.extend(exception(node, problems));
            }
        }
        Self(exceptions)
    }

    /// Whether a finding is accepted.
    pub(super) fn accepts(&self, finding: &Finding) -> bool {
        let mut is_accepted = false;
        for exception in self.0.iter().filter(|exception| exception.is_about(finding)) {
            exception.matched.set(true);
            is_accepted = true;
        }
        is_accepted
    }

    /// Forgets what was accepted.
    pub(super) fn restart(&self) {
        self.0.iter().for_each(|exception| exception.matched.set(false));
    }

    /// The exceptions of `services` that accepted nothing.
    pub(super) fn unused(&self, services: &[&str]) -> Vec<Finding> {
        let is_idle = |exception: &&Exception| {
            !exception.matched.get() && services.contains(&exception.service.as_str())
        };
        let finding = |exception: &Exception| Finding {
            service: exception.service.clone(),
            rule: "unused-exception",
            at: exception.at.clone(),
            message: format!(
                "Nothing is accepted by the exception for `{}` at `{}`: take it away.",
                exception.rule, exception.at
            ),
            span: Some(exception.span),
            answer: None,
        };
        self.0.iter().filter(is_idle).map(finding).collect()
    }
}

impl Exception {
    fn is_about(&self, finding: &Finding) -> bool {
        let fits = |at: &str| match self.at.strip_suffix('*') {
            Some(start) => at.starts_with(start),
            None => at == self.at,
        };
        let fits = fits(&finding.at) || finding.answer.as_deref().is_some_and(fits);
        fits && finding.service == self.service && finding.rule == self.rule
    }
}

fn exception(node: &Node, problems: &mut Diagnostics) -> Option<Exception> {
    for entry in read::table(node, problems) {
        if !FIELDS.contains(&entry.key.as_str()) {
            problems.push(read::unknown_field(entry, "an exception", &FIELDS));
        }
    }
    let mut field = |key: &str| {
        let text = node.get(key).and_then(|node| read::text(node, problems));
        let text = text.map(|text| text.value).filter(|text| !text.trim().is_empty());
        if text.is_none() {
            let summary = format!("An exception needs the field `{key}`.");
            let help = "Say which service, rule and place it is about, and why it is accepted.";
            problems.push(Diagnostic::error("missing-field", summary).at(node.span).help(help));
        }
        text
    };
    let [service, rule, at, reason] = FIELDS.map(&mut field);
    reason?;
    let matched = Cell::new(false);
    Some(Exception { service: service?, rule: rule?, at: at?, span: node.span, matched })
}
