//! Looks whether everything is as it has to be. Writes nothing.

mod identity;
mod project;
mod providers;
mod room;

use std::collections::BTreeSet;

use crate::context::{Context, credentials};
use crate::failure::Failure;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it has to be.
    Ok,
    /// Works, and should not stay so.
    Warning,
    /// Has to be mended.
    Problem,
    /// Was not looked at.
    Skipped,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// What it was about, where a check is about several things.
    pub subject: Option<String>,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// What mends it.
    pub fix: Option<String>,
}

impl Finding {
    fn new(check: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { check, subject: None, status, message: message.into(), fix: None }
    }

    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, message)
    }

    fn warning(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Status::Warning, message).fix(fix)
    }

    fn problem(check: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, Status::Problem, message).fix(fix)
    }

    fn skipped(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Skipped, message)
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// The first thing a failure says, and how much more there is.
    fn failed(check: &'static str, failure: &Failure, fix: &str) -> Self {
        let mut problems = failure.problems().iter();
        let first = problems.next();
        let mut message = first.map_or_else(String::new, |problem| problem.summary.clone());
        match problems.count() {
            0 => {}
            more => message.push_str(&format!(" And {more} more.")),
        }
        let help = first.and_then(|problem| problem.help.clone());
        Self::problem(check, message, help.unwrap_or_else(|| fix.to_owned()))
    }
}

/// What is known of a project so far.
#[derive(Default)]
struct Known {
    /// The services that the config or the journal names.
    services: BTreeSet<String>,
    /// Sealed values in the journal, and how many of them open.
    sealed: usize,
    opened: usize,
}

/// Makes every check, in the order in which one explains the next.
pub async fn examine(context: &mut Context, is_offline: bool) -> Vec<Finding> {
    let mut known = Known::default();
    let mut findings = project::examine(context, &mut known).await;
    let credentials = credentials();
    findings.extend(identity::examine(&credentials, &known));
    findings.extend(providers::examine(context, &credentials, &known, is_offline).await);
    findings
}
