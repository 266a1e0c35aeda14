//! What is no longer declared, and what is torn down.

use std::collections::{HashMap, HashSet};

use super::{Action, Input, Options, Plan, Reason, Step, Work, check, order};
use crate::diagnostic::Diagnostics;
use crate::graph::Graph;
use crate::name::Name;
use crate::state::{Instance, Journal, Status, Verb};

/// The refs of the journal that are neither declared nor moved, in journal order.
pub(super) fn orphans(input: Input<'_>, steps: &[Step]) -> Vec<Name> {
    let mut taken: HashSet<&Name> = steps.iter().map(|step| &step.reference).collect();
    taken.extend(steps.iter().filter_map(|step| step.moved_from.as_ref()));
    let entries = input.journal.instances.iter();
    entries.map(|entry| &entry.reference).filter(|name| !taken.contains(name)).cloned().collect()
}

/// The removals: orphans as the options say, and what replacements left behind.
pub(super) fn steps(input: Input<'_>, orphans: &[Name], declared: &[Step]) -> Vec<Step> {
    let journal = input.journal;
    let entries: Vec<&Instance> =
        orphans.iter().filter_map(|name| journal.instances.get(name.as_str())).collect();
    let mut steps = Vec::new();
    for entry in destruction_order(&entries) {
        let begun = is_removal_begun(entry);
        let only = input.options.prune_only.as_ref();
        let is_meant = only.is_none_or(|only| only.contains(&entry.reference));
        if !(begun || input.options.prune && is_meant) {
            continue;
        }
        steps.push(match orphan_decision(entry, input.options) {
            (Action::Deprovision, _, work) if begun => {
                let reason = Reason::Interrupted(Verb::Deprovision);
                step(entry, Action::Deprovision, reason, work)
            }
            (action, reason, work) => step(entry, action, reason, work),
        });
    }
    keep_needed(&mut steps);
    steps.extend(declared.iter().filter_map(|declared| leftover(declared, journal)));
    steps
}

/// The removal of what earlier replacements of a declared instance left behind.
fn leftover(declared: &Step, journal: &Journal) -> Option<Step> {
    let known = declared.moved_from.as_ref().unwrap_or(&declared.reference);
    let entry = journal.instances.get(known.as_str())?;
    // A replacement clears them itself.
    if matches!(declared.work, Work::Replace(_)) || entry.deposed.is_empty() {
        return None;
    }
    Some(Step {
        reference: declared.reference.clone(),
        moved_from: declared.moved_from.clone(),
        finding: None,
        ..step(entry, Action::Deprovision, Reason::Leftover, Work::Clear)
    })
}

fn is_removal_begun(entry: &Instance) -> bool {
    entry.status == Status::Deprovisioning
        || entry.operation.as_ref().is_some_and(|op| op.verb == Verb::Deprovision)
}

fn orphan_decision(entry: &Instance, options: &Options) -> (Action, Reason, Work) {
    if is_nothing(entry) {
        (Action::Forget, Reason::NeverMade, Work::Forget)
    } else if entry.retain || entry.external {
        (Action::Forget, Reason::Retained, Work::Forget)
    } else if entry.protected && !options.force {
        (Action::Noop, Reason::OrphanProtected, Work::Nothing)
    } else {
        (Action::Deprovision, Reason::Orphan, Work::Deprovision)
    }
}

/// Whether the entry stands for a creation that failed: there is no object and nothing pending.
fn is_nothing(entry: &Instance) -> bool {
    !entry.exists() && entry.operation.is_none() && entry.deposed.is_empty()
}

fn step(entry: &Instance, action: Action, reason: Reason, work: Work) -> Step {
    Step {
        reference: entry.reference.clone(),
        service: entry.service.clone(),
        name: entry.name.clone(),
        action,
        reason,
        changes: Vec::new(),
        depends_on: entry.depends_on.clone(),
        moved_from: None,
        finding: None,
        work,
        spec: None,
        protected: entry.protected,
    }
}

/// What is kept keeps what it needs.
fn keep_needed(steps: &mut [Step]) {
    let mut kept: HashMap<Name, Name> = HashMap::new();
    // Consumers come before producers, so one pass reaches everything.
    for step in steps {
        if let Some(consumer) = kept.get(&step.reference)
            && step.action == Action::Deprovision
        {
            step.action = Action::Noop;
            step.reason = Reason::NeededBy { kept: consumer.clone() };
            step.work = Work::Nothing;
        }
        if step.action == Action::Noop {
            for need in &step.depends_on {
                kept.entry(need.clone()).or_insert_with(|| step.reference.clone());
            }
        }
    }
}

/// Every entry before what it needs, by the edges the journal recorded.
fn destruction_order<'a>(entries: &[&'a Instance]) -> Vec<&'a Instance> {
    let positions: HashMap<&Name, usize> =
        entries.iter().enumerate().map(|(index, entry)| (&entry.reference, index)).collect();
    let mut graph = Graph::new(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        for need in &entry.depends_on {
            if let Some(&needed) = positions.get(need)
                && needed != index
            {
                graph.add(needed, index);
            }
        }
    }
    // A journal edited into a cycle still has to be taken down: then journal order decides.
    let order = graph.order().unwrap_or_else(|_| (0..entries.len()).collect());
    order.iter().rev().filter_map(|index| entries.get(*index).copied()).collect()
}

/// The plan that takes a whole stage down.
#[must_use]
pub fn teardown(journal: &Journal, options: &Options) -> Plan {
    let entries: Vec<&Instance> = journal.instances.iter().collect();
    let mut steps: Vec<Step> = destruction_order(&entries)
        .into_iter()
        .map(|entry| match orphan_decision(entry, options) {
            (Action::Deprovision, _, work) => {
                step(entry, Action::Deprovision, Reason::Requested, work)
            }
            (Action::Noop, _, work) => step(entry, Action::Noop, Reason::Protected, work),
            (action, reason, work) => step(entry, action, reason, work),
        })
        .collect();
    keep_needed(&mut steps);
    let tasks = order::tasks(&mut steps, journal);
    let mut plan = Plan { steps, tasks, ..Plan::default() };
    let problems: Diagnostics = check::check(&plan, None, journal, options);
    plan.problems = problems;
    plan
}
