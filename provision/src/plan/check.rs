//! An independent check of a finished plan: what must never be true, whatever the planner did.

use std::collections::HashMap;

use super::{Action, Options, Plan, Reason, TaskKind, Work};
use crate::config::Desired;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::name::Name;
use crate::state::Journal;

/// Everything that is wrong with `plan`. A finding is a bug of the planner, not of the user; a plan
/// with findings is not run.
#[must_use]
pub fn check(
    plan: &Plan,
    desired: Option<&Desired>,
    journal: &Journal,
    options: &Options,
) -> Diagnostics {
    let mut problems = Diagnostics::default();
    check_coverage(plan, desired, journal, &mut problems);
    check_destruction(plan, journal, options, &mut problems);
    check_order(plan, &mut problems);
    problems
}

fn finding(reference: &Name, what: &str) -> Diagnostic {
    Diagnostic::error("plan-check", format!("The plan is wrong about `{reference}`: {what}."))
        .about(reference)
        .help("This is a bug in prov; nothing was changed. Please report it with the config.")
}

fn check_coverage(
    plan: &Plan,
    desired: Option<&Desired>,
    journal: &Journal,
    problems: &mut Diagnostics,
) {
    let mut steps: HashMap<&Name, usize> = HashMap::with_capacity(plan.steps.len());
    for step in plan.steps.iter().filter(|step| step.reason != Reason::Leftover) {
        *steps.entry(&step.reference).or_default() += 1;
        let known = step.moved_from.as_ref().unwrap_or(&step.reference);
        let is_in_journal = journal.instances.get(known.as_str()).is_some();
        let is_new = matches!(step.action, Action::Create | Action::Adopt);
        if !is_new && !is_in_journal {
            problems.push(finding(&step.reference, "it is not in the journal"));
        }
    }
    let declared = desired.map(|desired| desired.instances.as_slice()).unwrap_or_default();
    for spec in declared {
        if steps.get(&spec.reference) != Some(&1) {
            problems.push(finding(&spec.reference, "it has not exactly one step"));
        }
    }
}

fn check_destruction(
    plan: &Plan,
    journal: &Journal,
    options: &Options,
    problems: &mut Diagnostics,
) {
    for step in plan.steps.iter().filter(|step| step.action.destroys()) {
        let known = step.moved_from.as_ref().unwrap_or(&step.reference);
        let Some(entry) = journal.instances.get(known.as_str()) else { continue };
        let is_begun = step.reason == Reason::Leftover
            || matches!(step.reason, Reason::Interrupted(_)) && step.spec.is_none();
        let is_refused = plan.refusals.iter().any(|refusal| refusal.reference == step.reference);
        if entry.protected && !options.force && !is_begun && !is_refused {
            problems.push(finding(&step.reference, "it is protected and would be destroyed"));
        }
        let is_former = step.reason == Reason::Leftover;
        if entry.external && step.work != Work::Read && !is_former {
            problems.push(finding(&step.reference, "it is external and would be destroyed"));
        }
        if entry.retain && step.action == Action::Deprovision && step.reason == Reason::Orphan {
            problems.push(finding(&step.reference, "it is retained and would be destroyed"));
        }
    }
}

/// Recomputes the order of the tasks by itself and holds the edges against it.
fn check_order(plan: &Plan, problems: &mut Diagnostics) {
    let Ok(order) = plan.tasks.graph.order() else {
        let name = plan.steps.first().map_or_else(|| Name::from("?"), |s| s.reference.clone());
        problems.push(finding(&name, "its tasks wait for each other"));
        return;
    };
    let mut places = vec![0; order.len()];
    for (place, task) in order.iter().enumerate() {
        if let Some(slot) = places.get_mut(*task) {
            *slot = place;
        }
    }
    let mut makes: HashMap<&Name, usize> = HashMap::new();
    for (index, task) in plan.tasks.list.iter().enumerate() {
        if let (TaskKind::Make, Some(step)) = (task.kind, plan.steps.get(task.step)) {
            makes.insert(&step.reference, places.get(index).copied().unwrap_or_default());
        }
    }
    // What a leftover needed says nothing about the instance that is made under its ref.
    for step in plan.steps.iter().filter(|step| step.reason != Reason::Leftover) {
        let Some(own) = makes.get(&step.reference) else { continue };
        for need in &step.depends_on {
            if makes.get(need).is_some_and(|needed| needed >= own) {
                problems.push(finding(&step.reference, "it comes before what it needs"));
            }
        }
    }
}
