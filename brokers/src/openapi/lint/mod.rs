//! Holds manifests to the description of their provider, without calling anyone.

mod answer;
mod body;
mod composed;
mod everywhere;
mod paths;
mod request;
mod segment;
mod service;
#[cfg(test)]
mod tests;

use provision::diagnostic::Span;

use self::answer::Seen;
use self::everywhere::Answers;
use super::description::Description;
use super::exceptions::Exceptions;
use crate::manifest::{Language, Manifest, Provider, Service};

/// Something in a manifest that does not agree with the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file it is in, without `.toml`: `droplet`, `provider`.
    pub service: String,
    /// The rule, e.g. `unknown-field`.
    pub rule: &'static str,
    /// The place in the manifest, e.g. `create.body.size`, `outputs.ip.object.address`.
    pub at: String,
    /// A sentence that names the operation and what the description says.
    pub message: String,
    /// The place in the file's text.
    pub span: Option<Span>,
    /// Of an `unknown-response`, the place in the answer, e.g. `read.response.droplet.address`.
    pub answer: Option<String>,
}

/// What came out of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What does not agree.
    pub findings: Vec<Finding>,
    /// How many services were looked at.
    pub services: usize,
    /// How many requests were.
    pub requests: usize,
    /// How many expressions point into an answer.
    pub paths: usize,
    /// How many of those could not be looked at, since it is not said what they point into.
    pub skipped: usize,
    /// How many point into what is described as anything at all.
    pub open: usize,
    /// How many findings an exception accepts.
    pub excepted: usize,
}

/// Holds the services of one provider, and the provider's own file, to its description.
#[must_use]
pub fn lint(manifests: &[Manifest], description: &Description, exceptions: &Exceptions) -> Report {
    let language = Language::new(crate::local::Settings::default());
    let mut report = Report { services: manifests.len(), ..Report::default() };
    let mut linted = Vec::new();
    let mut answers = Answers::default();
    for manifest in manifests {
        let thing = manifest.file.thing.as_str();
        let mut linter = Linter::new(thing, &manifest.provider, description, &language);
        linter.service(&manifest.service);
        report.add(linter.report);
        answers.add(linter.answers);
        linted.push(thing);
    }
    if let Some(first) = manifests.first() {
        let mut linter = Linter::new("provider", &first.provider, description, &language);
        linter.provider();
        linter.shared(&answers);
        report.add(linter.report);
        linted.push("provider");
    }
    exceptions.restart();
    let before = report.findings.len();
    report.findings.retain(|finding| !exceptions.accepts(finding));
    report.excepted = before - report.findings.len();
    report.findings.extend(exceptions.unused(&linted));
    report
}

impl Report {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.paths += other.paths;
        self.skipped += other.skipped;
        self.open += other.open;
        for finding in other.findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
    }
}

/// Looks at one file.
struct Linter<'a> {
    thing: &'a str,
    provider: &'a Provider,
    service: Option<&'a Service>,
    /// The object as create answers it.
    created: Option<Seen<'a>>,
    description: &'a Description,
    language: &'a Language,
    /// What its requests answer.
    answers: Answers<'a>,
    report: Report,
}

impl<'a> Linter<'a> {
    fn new(
        thing: &'a str,
        provider: &'a Provider,
        description: &'a Description,
        language: &'a Language,
    ) -> Self {
        let report = Report::default();
        let answers = Answers::default();
        Self {
            thing,
            provider,
            service: None,
            created: None,
            description,
            language,
            answers,
            report,
        }
    }

    fn finding(&self, rule: &'static str, at: String, message: String, span: Span) -> Finding {
        Finding {
            service: self.thing.to_owned(),
            rule,
            at,
            message,
            span: Some(span),
            answer: None,
        }
    }

    fn report(&mut self, rule: &'static str, at: String, message: String, span: Span) {
        let finding = self.finding(rule, at, message, span);
        self.report.findings.push(finding);
    }
}

/// Names in a sentence; of many the first few.
fn named(names: &[&str]) -> String {
    const MOST: usize = 10;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        count if count > MOST => format!("{} and {} more", shown.join(", "), count - MOST),
        _ => shown.join(", "),
    }
}

/// What a wrong name may have meant, or what there is.
fn suggestion(word: &str, names: &[&str]) -> String {
    match provision::name::closest(word, names.iter().copied()) {
        Some(close) => format!("Did you mean `{close}`?"),
        None if names.is_empty() => "It has none.".to_owned(),
        None => format!("It has {}.", named(names)),
    }
}
