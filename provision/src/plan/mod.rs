//! The plan: what would change and why, decided before anything is called.
//!
//! Pure, total and synchronous: the same desired state, journal and catalogue give the same plan.

mod check;
mod diff;
mod inputs;
mod order;
mod reason;
mod removal;
mod saved;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::broker::{Catalog, Finding, ReplaceOrder};
use crate::config::Desired;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::name::Name;
use crate::state::Journal;

pub use check::check;
pub(crate) use diff::known_output;
pub use inputs::{Inputs, Lookup, fill, of as inputs_of, with_defaults};
pub use order::{Task, TaskKind, Tasks};
pub use reason::Reason;
pub use removal::teardown;
pub use saved::{Basis, SavedPlan, SavedPlanError, Stale, read_saved, write_saved};

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is made anew and the old one destroyed.
    Replace,
    /// It goes by another ref.
    Move,
    /// An existing object is taken over.
    Adopt,
    /// Nothing.
    Noop,
    /// It is destroyed.
    Deprovision,
    /// It is taken out of the journal and lives on.
    Forget,
}

impl Action {
    /// Every action, in the order summaries list them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Replace,
        Self::Move,
        Self::Adopt,
        Self::Noop,
        Self::Deprovision,
        Self::Forget,
    ];

    /// Its word in plans and migrations.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Move => "move",
            Self::Adopt => "adopt",
            Self::Noop => "noop",
            Self::Deprovision => "deprovision",
            Self::Forget => "forget",
        }
    }

    /// Whether an object is destroyed on the way.
    #[must_use]
    pub fn destroys(self) -> bool {
        matches!(self, Self::Replace | Self::Deprovision)
    }
}

/// What the executor does for a step. Decided here, obeyed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing at all.
    Nothing,
    /// The journal's entry is brought up to date and no provider is called.
    Note,
    /// The broker makes it.
    Provision,
    /// The broker changes it in place.
    Update,
    /// The broker changes it, if its inputs turn out different from those recorded.
    UpdateIfChanged,
    /// The broker makes a new one and destroys the old one.
    Replace(ReplaceOrder),
    /// The object that is there is recorded, then changed to what is declared.
    Adopt,
    /// The object that is there is recorded and left as it is.
    Read,
    /// The broker destroys it.
    Deprovision,
    /// The broker destroys former instances that a replacement left behind.
    Clear,
    /// The entry is taken out of the journal.
    Forget,
}

/// One property that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The property, e.g. `params.tags[0]`.
    pub path: String,
    /// Its recorded value, as written.
    pub before: Option<Value>,
    /// Its declared value, as written.
    pub after: Option<Value>,
    /// Whether the values are secret and must not be shown.
    pub sensitive: bool,
}

/// One change of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The instance.
    pub reference: Name,
    /// The service that provisions it.
    pub service: Name,
    /// Its name at the provider.
    pub name: Name,
    /// What happens.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The properties that change.
    pub changes: Vec<Change>,
    /// The instances it waits for.
    pub depends_on: Vec<Name>,
    /// The ref it goes by in the journal, when that is another.
    pub moved_from: Option<Name>,
    /// What the executor does.
    pub work: Work,
    /// The position of its spec in the desired state; `None` when it is not declared.
    pub spec: Option<usize>,
    /// How what it makes is found again should the answer get lost; `None` when it makes nothing
    /// outside the journal.
    pub finding: Option<Finding>,
    /// Whether it is protected: then destroying it takes force.
    pub protected: bool,
}

/// A step that may not run as things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The instance.
    pub reference: Name,
    /// What the plan would do to it.
    pub action: Action,
}

/// Everything that would change.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The steps: declared instances after what they need, then removals before what they need.
    pub steps: Vec<Step>,
    /// What is in the journal and not declared, in journal order.
    pub orphans: Vec<Name>,
    /// The steps that protection forbids.
    pub refusals: Vec<Refusal>,
    /// What the independent check of this plan found.
    pub problems: Diagnostics,
    /// What the executor runs, and what waits for what.
    pub tasks: Tasks,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Noop)
    }

    /// How many steps have this action.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }

    /// The steps that destroy something.
    pub fn destroying(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action.destroys())
    }
}

/// What decides a plan beside the desired state and the journal.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether undeclared instances are destroyed.
    pub prune: bool,
    /// The only instances that pruning may reach, when it may not reach all.
    pub prune_only: Option<HashSet<Name>>,
    /// Whether protected instances may be destroyed.
    pub force: bool,
    /// Instances that adoption found an object for.
    pub found: HashSet<Name>,
    /// Digests of the local files that instances point at.
    pub contents: HashMap<Name, String>,
    /// Instances that were made and are gone.
    pub gone: HashSet<Name>,
    /// By instance, params that the provider shows other than they are declared.
    pub edited: HashMap<Name, Vec<Change>>,
}

/// Everything a plan is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What is believed live.
    pub journal: &'a Journal,
    /// What the services can do.
    pub catalog: &'a Catalog,
    /// What else decides.
    pub options: &'a Options,
}

/// A ref that stands for one instance in the journal, and in the config for another that is in the
/// journal too: which of them was renamed to what only the user knows, and a guess may destroy one.
fn exchanged_refs(input: Input<'_>) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let entries = || input.journal.instances.iter().filter(|entry| entry.exists());
    let known: HashMap<_, _> =
        entries().map(|entry| ((&entry.service, &entry.name), &entry.reference)).collect();
    for spec in &input.desired.instances {
        let reference = &spec.reference;
        let Some(own) = input.journal.instances.get(reference.as_str()) else { continue };
        if own.name == spec.name && own.service == spec.service || !own.exists() {
            continue;
        }
        let Some(other) = known.get(&(&spec.service, &spec.name)) else { continue };
        let summary = format!(
            "`{reference}` is declared as {} `{}`, which the journal knows as `{other}`; \
             `{reference}` is {} `{}` there.",
            spec.service, spec.name, own.service, own.name
        );
        let help = format!(
            "Say what became of each: e.g. `prov state mv {reference} former`, then \
             `prov state mv {other} {reference}`. With `--force` both are made anew."
        );
        problems.push(Diagnostic::error("exchanged-refs", summary).about(reference).help(help));
    }
    problems
}

/// Instances of somebody else that would become ours, to be changed and destroyed with the rest.
fn taken_without_consent(input: Input<'_>) -> Diagnostics {
    let mut problems = Diagnostics::default();
    for spec in input.desired.instances.iter().filter(|spec| !spec.external && !spec.adopt) {
        let entry = input.journal.instances.get(spec.reference.as_str());
        if entry.is_some_and(|entry| entry.external && entry.service == spec.service) {
            let reference = &spec.reference;
            let summary =
                format!("`{reference}` is somebody else's, and would become this project's.");
            let help =
                "To take it over, write `adopt = true`; to go on reading it, `external = true`.";
            problems.push(Diagnostic::error("taken-over", summary).about(reference).help(help));
        }
    }
    problems
}

/// Whether a step only ends a destruction that was begun when it was allowed.
fn is_going_on(step: &Step) -> bool {
    match step.reason {
        Reason::Leftover => true,
        Reason::Interrupted(_) => step.spec.is_none(),
        _ => false,
    }
}

/// Makes the plan.
#[must_use]
pub fn plan(input: Input<'_>) -> Plan {
    let mut steps = diff::declared(input);
    let orphans = removal::orphans(input, &steps);
    steps.extend(removal::steps(input, &orphans, &steps));
    let refusals = steps
        .iter()
        .filter(|step| step.action.destroys() && step.protected && !input.options.force)
        .filter(|step| !is_going_on(step))
        .map(|step| Refusal { reference: step.reference.clone(), action: step.action })
        .collect();
    let tasks = order::tasks(&mut steps, input.journal);
    let mut plan = Plan { steps, orphans, refusals, problems: Diagnostics::default(), tasks };
    plan.problems = check(&plan, Some(input.desired), input.journal, input.options);
    plan.problems.extend(taken_without_consent(input));
    if !input.options.force {
        plan.problems.extend(exchanged_refs(input));
    }
    plan
}
