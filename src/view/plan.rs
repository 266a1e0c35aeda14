//! A plan.

use std::fmt::Write as _;

use anstyle::Style;
use provision::broker::{Finding, ReplaceOrder};
use provision::diagnostic::Sources;
use provision::name::Name;
use provision::plan::{Action, Change, Plan, Step, Work};
use serde_json::{Map, Value, json};

use super::FORMAT_VERSION;
use crate::report;
use crate::terminal::{BAD, BOLD, CHANGE, DIM, GOOD, paint};

/// Plans with more steps than this do not list the ones that do nothing.
const NOOPS_SHOWN_MAX: usize = 25;

/// The longest value that is shown of a change, in characters.
const VALUE_WIDTH_MAX: usize = 60;

/// The symbol of a step.
pub fn symbol(step: &Step) -> (&'static str, Style) {
    match (step.action, step.work) {
        (Action::Create, _) => ("+", GOOD),
        (Action::Update, _) => ("~", CHANGE),
        (Action::Replace, Work::Replace(ReplaceOrder::CreateFirst)) => ("+/-", CHANGE),
        (Action::Replace, _) => ("-/+", BAD),
        (Action::Move, _) => (">", CHANGE),
        (Action::Adopt, _) => ("<", CHANGE),
        (Action::Noop, _) => ("=", DIM),
        (Action::Deprovision, _) => ("-", BAD),
        (Action::Forget, _) => (".", CHANGE),
    }
}

/// The plan for people.
pub fn human(plan: &Plan, show_all: bool) -> String {
    let mut text = String::new();
    let hides_noops = !show_all && plan.steps.len() > NOOPS_SHOWN_MAX;
    let shown: Vec<&Step> =
        plan.steps.iter().filter(|step| !hides_noops || step.action != Action::Noop).collect();
    let widths = Widths::of(&shown);
    for step in &shown {
        write_step(&mut text, step, &widths);
    }
    let hidden = plan.steps.len() - shown.len();
    if hidden > 0 && hidden < plan.steps.len() {
        let note = format!("  ({hidden} unchanged not shown; `--all` lists them)");
        let _ = writeln!(text, "{}", paint(DIM, note));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&footer(plan));
    write_orphans(&mut text, plan);
    text
}

struct Widths {
    reference: usize,
    object: usize,
}

impl Widths {
    fn of(steps: &[&Step]) -> Self {
        let widest = |width: &dyn Fn(&Step) -> usize| {
            steps.iter().map(|step| width(step)).max().unwrap_or_default()
        };
        Self {
            reference: widest(&|step| step.reference.as_str().chars().count()),
            object: widest(&|step| object(step).chars().count()),
        }
    }
}

/// What the step is about at the provider.
fn object(step: &Step) -> String {
    format!("{} · {}", step.service, step.name)
}

fn write_step(text: &mut String, step: &Step, widths: &Widths) {
    let (symbol, style) = symbol(step);
    let head = format!("{symbol:>3} {:<11}", step.action.as_str());
    let _ = writeln!(
        text,
        "{} {:reference$}  {:object$}  {}",
        paint(style, head),
        step.reference,
        object(step),
        paint(DIM, &step.reason),
        reference = widths.reference,
        object = widths.object,
    );
    for change in &step.changes {
        let _ = writeln!(text, "        {}", change_line(change));
    }
    if step.finding == Some(Finding::Never) {
        let note = "should the answer get lost, nothing finds it again: the next apply asks you";
        let _ = writeln!(text, "        {}", paint(DIM, note));
    }
}

fn change_line(change: &Change) -> String {
    let value = |value: &Option<Value>| match value {
        _ if change.sensitive => "(sensitive)".to_owned(),
        Some(value) => value.to_string(),
        None => "(none)".to_owned(),
    };
    let (before, after) = (value(&change.before), value(&change.after));
    let same = before.chars().zip(after.chars()).take_while(|(old, new)| old == new).count();
    format!("{}: {} → {}", change.path, excerpt(&before, same), excerpt(&after, same))
}

/// A value that is too long to show as a whole, from a little before where it differs.
fn excerpt(text: &str, same: usize) -> String {
    let length = text.chars().count();
    if length <= VALUE_WIDTH_MAX {
        return text.to_owned();
    }
    let start = same.saturating_sub(VALUE_WIDTH_MAX / 4).min(length - VALUE_WIDTH_MAX / 2);
    let part: String = text.chars().skip(start).take(VALUE_WIDTH_MAX).collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if start + VALUE_WIDTH_MAX < length { "…" } else { "" };
    format!("{before}{part}{after}")
}

/// The sentence that sums a plan up. Its words are Terraform's, which people and scripts look for.
pub fn footer(plan: &Plan) -> String {
    if plan.is_clean() {
        let sentence = "No changes. Your infrastructure matches the configuration.";
        return format!("{}\n", paint(GOOD, sentence));
    }
    let count = |action| plan.count(action);
    let replaced = count(Action::Replace);
    let mut text = format!(
        "{} {} to add, {} to change, {} to destroy.",
        paint(BOLD, "Plan:"),
        count(Action::Create) + replaced,
        count(Action::Update),
        count(Action::Deprovision) + replaced,
    );
    let others = [(Action::Move, "move"), (Action::Adopt, "adopt"), (Action::Forget, "forget")];
    let others: Vec<String> = others
        .into_iter()
        .filter(|(action, _)| count(*action) > 0)
        .map(|(action, word)| format!("{} to {word}", count(action)))
        .collect();
    if !others.is_empty() {
        let _ = write!(text, " Also {}.", others.join(", "));
    }
    text.push('\n');
    text
}

fn write_orphans(text: &mut String, plan: &Plan) {
    let untouched: Vec<&str> = plan
        .orphans
        .iter()
        .filter(|name| !plan.steps.iter().any(|step| step.reference == **name))
        .map(Name::as_str)
        .collect();
    if !untouched.is_empty() {
        let _ = writeln!(
            text,
            "\nIn the journal and not in the config: {}. `--prune` destroys what is not protected.",
            untouched.join(", ")
        );
    }
}

/// The plan as JSON: fixed, versioned, additive.
pub fn json(plan: &Plan, sources: &Sources) -> Value {
    let summary: Map<String, Value> = Action::ALL
        .into_iter()
        .map(|action| (action.as_str().to_owned(), Value::from(plan.count(action))))
        .collect();
    json!({
        "format_version": FORMAT_VERSION,
        "clean": plan.is_clean(),
        "summary": summary,
        "steps": plan.steps.iter().map(step_json).collect::<Vec<_>>(),
        "orphans": plan.orphans,
        "refusals": plan.refusals.iter().map(|r| &r.reference).collect::<Vec<_>>(),
        "diagnostics": report::to_json(&plan.problems, sources),
    })
}

fn step_json(step: &Step) -> Value {
    json!({
        "ref": step.reference,
        "service": step.service,
        "name": step.name,
        "action": step.action.as_str(),
        "reason": step.reason.code(),
        "message": step.reason.to_string(),
        "changes": step.changes.iter().map(change_json).collect::<Vec<_>>(),
        "depends_on": step.depends_on,
        "moved_from": step.moved_from,
        "found_by": step.finding.as_ref().map(Finding::words),
        "protected": step.protected,
    })
}

fn change_json(change: &Change) -> Value {
    let value = |value: &Option<Value>| if change.sensitive { None } else { value.clone() };
    json!({
        "path": change.path,
        "before": value(&change.before),
        "after": value(&change.after),
        "sensitive": change.sensitive,
    })
}
