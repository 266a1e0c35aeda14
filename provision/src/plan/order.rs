//! Steps to tasks: what the executor runs, and what waits for what.

use std::collections::HashMap;

use super::{Step, Work};
use crate::broker::ReplaceOrder;
use crate::graph::Graph;
use crate::name::Name;
use crate::state::Journal;

/// One thing to run. A replacement is two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// The position of its step in the plan.
    pub step: usize,
    /// What it does.
    pub kind: TaskKind,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Makes, changes, reads or notes the instance.
    Make,
    /// Destroys the instance, or its former ones.
    Drop,
}

/// The tasks of a plan and their order.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// The tasks.
    pub list: Vec<Task>,
    /// What waits for what, over positions in `list`.
    pub graph: Graph,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { list: Vec::new(), graph: Graph::new(0) }
    }
}

/// The tasks of `steps`.
///
/// Makes wait for the makes of what they need; drops wait for the drops of what needed them. A drop
/// may come before a make (delete first), a make before a drop where nothing leads back.
pub(super) fn tasks(steps: &[Step], journal: &Journal) -> Tasks {
    let mut list = Vec::new();
    let mut makes: HashMap<&Name, usize> = HashMap::new();
    let mut drops: HashMap<&Name, usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        let (make, drop) = parts(step.work);
        if make {
            makes.insert(&step.reference, list.len());
            list.push(Task { step: index, kind: TaskKind::Make });
        }
        if drop {
            drops.insert(&step.reference, list.len());
            list.push(Task { step: index, kind: TaskKind::Drop });
        }
    }
    let mut ordering = Ordering { graph: Graph::new(list.len()), makes, drops };
    ordering.hard(steps, journal);
    ordering.soft(steps, journal);
    Tasks { list, graph: ordering.graph }
}

/// Whether a step makes and whether it destroys.
fn parts(work: Work) -> (bool, bool) {
    match work {
        Work::Nothing => (false, false),
        Work::Replace(_) => (true, true),
        Work::Deprovision | Work::Clear | Work::Forget => (false, true),
        Work::Note
        | Work::Provision
        | Work::Update
        | Work::UpdateIfChanged
        | Work::Adopt
        | Work::Read => (true, false),
    }
}

struct Ordering<'a> {
    graph: Graph,
    makes: HashMap<&'a Name, usize>,
    drops: HashMap<&'a Name, usize>,
}

impl Ordering<'_> {
    /// The edges that hold always; they cannot form a cycle.
    fn hard(&mut self, steps: &[Step], journal: &Journal) {
        for step in steps {
            if let Some(&make) = self.makes.get(&step.reference) {
                for need in &step.depends_on {
                    if let Some(&needed) = self.makes.get(need) {
                        self.graph.add(needed, make);
                    }
                }
                if step.work == Work::Replace(ReplaceOrder::DeleteFirst)
                    && let Some(&drop) = self.drops.get(&step.reference)
                {
                    self.graph.add(drop, make);
                }
            }
            let Some(&drop) = self.drops.get(&step.reference) else { continue };
            for need in recorded_needs(step, journal) {
                if let Some(&needed) = self.drops.get(need)
                    && needed != drop
                {
                    self.graph.add(drop, needed);
                }
            }
        }
        if self.graph.order().is_err() {
            // Only a journal edited by hand has cyclic edges; without them the drops are unordered.
            let makes: Vec<(usize, usize)> = steps
                .iter()
                .filter_map(|step| self.makes.get(&step.reference).map(|make| (make, step)))
                .flat_map(|(make, step)| {
                    let needs = step.depends_on.iter().filter_map(|need| self.makes.get(need));
                    needs.map(|needed| (*needed, *make)).collect::<Vec<_>>()
                })
                .collect();
            self.graph = Graph::new(self.graph.len());
            for (needed, make) in makes {
                self.graph.add(needed, make);
            }
        }
    }

    /// An object goes after everything that used it has moved on, unless that would be a cycle.
    fn soft(&mut self, steps: &[Step], journal: &Journal) {
        let is_delete_first = |step: &Step| step.work == Work::Replace(ReplaceOrder::DeleteFirst);
        let must_check = steps.iter().any(is_delete_first);
        for step in steps {
            let Some(&make) = self.makes.get(&step.reference) else { continue };
            let own_drop = match step.work {
                Work::Replace(ReplaceOrder::DeleteFirst) => None,
                _ => self.drops.get(&step.reference),
            };
            let used = recorded_needs(step, journal).iter().chain(&step.depends_on);
            let drops: Vec<usize> =
                used.filter_map(|need| self.drops.get(need)).chain(own_drop).copied().collect();
            for drop in drops {
                if !must_check || !self.graph.reaches(drop, make) {
                    self.graph.add(make, drop);
                }
            }
        }
    }
}

/// What the live object of a step needs, by the journal.
fn recorded_needs<'a>(step: &'a Step, journal: &'a Journal) -> &'a [Name] {
    let reference = step.moved_from.as_ref().unwrap_or(&step.reference);
    match journal.instances.get(reference.as_str()) {
        Some(entry) => &entry.depends_on,
        None => &[],
    }
}
