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
/// may come before a make (delete first), a make before a drop where nothing leads back. Where
/// something does, a replacement that would rather create first deletes first.
pub(super) fn tasks(steps: &mut [Step], journal: &Journal) -> Tasks {
    let (tasks, delete_first) = arranged(steps, journal);
    for index in delete_first {
        if let Some(step) = steps.get_mut(index) {
            step.work = Work::Replace(ReplaceOrder::DeleteFirst);
        }
    }
    tasks
}

/// The tasks, and the steps that have to delete first although they would rather not.
fn arranged(steps: &[Step], journal: &Journal) -> (Tasks, Vec<usize>) {
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
            // The journal knows what needs it by the former ref.
            drops.extend(step.moved_from.as_ref().map(|former| (former, list.len())));
            list.push(Task { step: index, kind: TaskKind::Drop });
        }
    }
    let mut ordering = Ordering { graph: Graph::new(list.len()), makes, drops };
    ordering.hard(steps, journal);
    let delete_first = ordering.own(steps);
    ordering.soft(steps, journal);
    (Tasks { list, graph: ordering.graph }, delete_first)
}

fn is_delete_first(step: &Step) -> bool {
    step.work == Work::Replace(ReplaceOrder::DeleteFirst)
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
        self.before_makes(steps);
        for step in steps {
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
            self.graph = Graph::new(self.graph.len());
            self.before_makes(steps);
        }
    }

    fn before_makes(&mut self, steps: &[Step]) {
        for step in steps.iter().filter(|step| parts(step.work).0) {
            let Some(&make) = self.makes.get(&step.reference) else { continue };
            for need in &step.depends_on {
                if let Some(&needed) = self.makes.get(need) {
                    self.graph.add(needed, make);
                }
            }
            if is_delete_first(step)
                && let Some(&drop) = self.drops.get(&step.reference)
            {
                self.graph.add(drop, make);
            }
        }
    }

    /// The former object of a step goes after the new one is there. Where it has to go before, as
    /// what it uses is deleted first and made anew for the new one, the step is in the answer.
    fn own(&mut self, steps: &[Step]) -> Vec<usize> {
        let must_check = steps.iter().any(is_delete_first);
        let mut delete_first = Vec::new();
        for (index, step) in steps.iter().enumerate().filter(|(_, step)| !is_delete_first(step)) {
            let make = self.makes.get(&step.reference).copied();
            let drop = self.drops.get(&step.reference).copied();
            let (Some(make), Some(drop)) = (make, drop) else { continue };
            if !must_check || !self.graph.reaches(drop, make) {
                self.graph.add(make, drop);
            } else if step.work == Work::Replace(ReplaceOrder::CreateFirst) {
                self.graph.add(drop, make);
                delete_first.push(index);
            }
        }
        delete_first
    }

    /// An object goes after everything that used it has moved on, unless that would be a cycle.
    fn soft(&mut self, steps: &[Step], journal: &Journal) {
        let must_check = steps.iter().any(is_delete_first);
        for step in steps.iter().filter(|step| parts(step.work).0) {
            let Some(&make) = self.makes.get(&step.reference) else { continue };
            let used = recorded_needs(step, journal).iter().chain(&step.depends_on);
            let drops: Vec<usize> = used.filter_map(|need| self.drops.get(need)).copied().collect();
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
