//! What `prov doctor` found.

use serde_json::{Value, json};

use super::FORMAT_VERSION;
use crate::doctor::{Finding, Status};
use crate::terminal::{BAD, CHANGE, DIM, GOOD, paint};

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Problem => "problem",
        Status::Skipped => "skipped",
    }
}

fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}

/// A line for each finding, a second one for what mends it, and the sum.
pub fn list(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let style = match finding.status {
            Status::Ok => GOOD,
            Status::Warning => CHANGE,
            Status::Problem => BAD,
            Status::Skipped => DIM,
        };
        let status = paint(style, format!("{:<7}", word(finding.status)));
        lines.push(format!("{status}  {:<11}  {}", finding.check, finding.message));
        lines.extend(finding.fix.iter().map(|fix| format!("{:22}fix: {fix}", "")));
    }
    let (problems, warnings) = (count(findings, Status::Problem), count(findings, Status::Warning));
    lines.push(match (problems, warnings) {
        (0, 0) if count(findings, Status::Skipped) == 0 => {
            "\nEverything is as it has to be.".to_owned()
        }
        (0, 0) => "\nWhat was looked at is as it has to be.".to_owned(),
        _ => format!("\nProblems: {problems}, warnings: {warnings}."),
    });
    lines.join("\n")
}

/// The same as one document.
pub fn json(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        json!({
            "check": finding.check,
            "subject": finding.subject,
            "status": word(finding.status),
            "message": finding.message,
            "fix": finding.fix,
        })
    };
    json!({
        "format_version": FORMAT_VERSION,
        "problems": count(findings, Status::Problem),
        "warnings": count(findings, Status::Warning),
        "checks": findings.iter().map(one).collect::<Vec<_>>(),
    })
}
