//! Declared instances against the journal.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::inputs::{self, Inputs, Lookup};
use super::{Action, Change, Input, Reason, Step, Work};
use crate::broker::{OnChange, ReplaceOrder, Service};
use crate::config::InstanceSpec;
use crate::digest;
use crate::name::Name;
use crate::state::{DRIFTED, Instance, Status, Verb};

/// The steps of everything declared, each after what it needs.
pub(super) fn declared(input: Input<'_>) -> Vec<Step> {
    let mut planner = Planner {
        input,
        movable: movable(input),
        changing: HashSet::new(),
        remade: HashSet::new(),
        steps: Vec::with_capacity(input.desired.instances.len()),
    };
    for &position in &input.desired.order {
        if let Some(spec) = input.desired.instances.get(position) {
            planner.step(spec, position);
        }
    }
    planner.steps
}

/// Undeclared entries by what they are, for finding the ones that only changed their ref.
fn movable(input: Input<'_>) -> HashMap<(&Name, &Name), &Instance> {
    let declared: HashSet<&Name> =
        input.desired.instances.iter().map(|spec| &spec.reference).collect();
    let undeclared = input.journal.instances.iter().filter(|i| !declared.contains(&i.reference));
    undeclared
        .filter(|instance| instance.exists())
        .map(|instance| ((&instance.service, &instance.name), instance))
        .collect()
}

struct Planner<'a> {
    input: Input<'a>,
    movable: HashMap<(&'a Name, &'a Name), &'a Instance>,
    /// The refs whose outputs may differ after the run.
    changing: HashSet<&'a str>,
    /// The refs whose identity may differ after the run.
    remade: HashSet<&'a str>,
    steps: Vec<Step>,
}

/// What was decided for one instance.
struct Decision {
    action: Action,
    reason: Reason,
    work: Work,
    changes: Vec<Change>,
}

impl Decision {
    fn new(action: Action, reason: Reason, work: Work) -> Self {
        Self { action, reason, work, changes: Vec::new() }
    }
}

impl<'a> Planner<'a> {
    fn step(&mut self, spec: &'a InstanceSpec, position: usize) {
        let own = self.input.journal.instances.get(spec.reference.as_str());
        let moved = match own {
            Some(_) => None,
            None => self.movable.get(&(&spec.service, &spec.name)).copied(),
        };
        let service = self.input.catalog.service(spec.service.as_str());
        let mut decision = match own.or(moved) {
            None => self.absent(spec),
            Some(entry) => self.present(spec, entry, service),
        };
        if let Some(from) = moved
            && decision.action == Action::Noop
        {
            let reason = Reason::Moved { from: from.reference.clone() };
            decision = Decision::new(Action::Move, reason, Work::Note);
        } else if let Some(from) = moved {
            decision.changes.insert(0, changed("ref", &from.reference, &spec.reference));
        }
        if matches!(
            decision.work,
            Work::Provision
                | Work::Update
                | Work::UpdateIfChanged
                | Work::Replace(_)
                | Work::Adopt
                | Work::Read
        ) {
            self.changing.insert(spec.reference.as_str());
        }
        if matches!(decision.work, Work::Provision | Work::Replace(_)) {
            self.remade.insert(spec.reference.as_str());
        }
        let entry = own.or(moved);
        let protected = is_protected(spec, service) || entry.is_some_and(|entry| entry.protected);
        let makes = matches!(decision.work, Work::Provision | Work::Replace(_));
        let maker = service.filter(|service| makes && !service.journal_only);
        self.steps.push(Step {
            finding: maker.map(|service| service.finding_of(Some(&spec.params)).clone()),
            reference: spec.reference.clone(),
            service: spec.service.clone(),
            name: spec.name.clone(),
            action: decision.action,
            reason: decision.reason,
            changes: decision.changes,
            depends_on: spec.needs.clone(),
            moved_from: moved.map(|entry| entry.reference.clone()),
            work: decision.work,
            spec: Some(position),
            protected,
        });
    }

    fn absent(&self, spec: &InstanceSpec) -> Decision {
        if spec.external {
            return Decision::new(Action::Adopt, Reason::External, Work::Read);
        }
        if spec.adopt && self.input.options.found.contains(&spec.reference) {
            return Decision::new(Action::Adopt, Reason::Adopted, Work::Adopt);
        }
        let is_gone = self.input.options.gone.contains(&spec.reference);
        let reason = if is_gone { Reason::Gone } else { Reason::New };
        Decision::new(Action::Create, reason, Work::Provision)
    }

    fn present(
        &self,
        spec: &InstanceSpec,
        entry: &Instance,
        service: Option<&Service>,
    ) -> Decision {
        let pending = entry.operation.as_ref().map(|operation| operation.verb);
        if pending == Some(Verb::Deprovision) || entry.status == Status::Deprovisioning {
            let order = ReplaceOrder::DeleteFirst;
            let reason = Reason::Interrupted(Verb::Deprovision);
            return Decision::new(Action::Replace, reason, Work::Replace(order));
        }
        if !entry.exists() || pending == Some(Verb::Provision) {
            return self.begun(spec, entry, service);
        }
        let mut decision = self.existing(spec, entry, service);
        if decision.work == Work::Nothing && pending == Some(Verb::Update) {
            let reason = Reason::Interrupted(Verb::Update);
            decision = Decision::new(Action::Update, reason, Work::Update);
        } else if decision.work == Work::Nothing && entry.status == Status::Failed {
            decision = Decision::new(Action::Update, Reason::Failed, Work::Update);
        }
        if decision.work == Work::Note
            && (pending == Some(Verb::Update) || entry.status == Status::Failed)
        {
            // Nobody knows what the update that failed left behind.
            decision.work = Work::Update;
        }
        if let Some(edited) = self.edited(spec, service) {
            decision = mended(decision, edited);
        }
        self.by_owner(spec, entry, decision)
    }

    /// Somebody changed at the provider what is declared.
    fn edited(&self, spec: &InstanceSpec, service: Option<&Service>) -> Option<Decision> {
        let changes = self.input.options.edited.get(&spec.reference)?.clone();
        let (action, work) = match immutable(&changes, service) {
            Some((_, order)) => (Action::Replace, Work::Replace(order)),
            None => (Action::Update, Work::Update),
        };
        Some(Decision { changes, ..Decision::new(action, Reason::Drifted, work) })
    }

    /// A creation that did not end well. It is gone on with, unless it would make another object
    /// than the one that is declared now.
    fn begun(&self, spec: &InstanceSpec, entry: &Instance, service: Option<&Service>) -> Decision {
        let pending = entry.operation.as_ref().map(|operation| operation.verb);
        let reason = match entry.status {
            Status::Failed => Reason::Failed,
            _ => Reason::Interrupted(Verb::Provision),
        };
        if pending.is_some() && (spec.external || self.is_other(spec, entry, service)) {
            return Decision::new(
                Action::Replace,
                reason,
                Work::Replace(ReplaceOrder::DeleteFirst),
            );
        }
        if spec.external {
            return self.absent(spec);
        }
        Decision::new(Action::Create, reason, Work::Provision)
    }

    /// Whether an entry cannot become what is declared in place.
    fn is_other(&self, spec: &InstanceSpec, entry: &Instance, service: Option<&Service>) -> bool {
        let inputs = self.inputs(spec, service);
        spec.service != entry.service
            || immutable(&changes(spec, entry, service), service).is_some()
            || self.fixed_value(spec, entry, service, inputs.as_ref()).is_some()
    }

    /// What belongs to somebody else is only read, and never destroyed.
    fn by_owner(&self, spec: &InstanceSpec, entry: &Instance, decided: Decision) -> Decision {
        let (action, work) = match (decided.work, spec.external, entry.external) {
            (Work::Nothing, _, _) | (_, false, false) => return decided,
            (Work::Replace(_), false, true) => (Action::Create, Work::Provision),
            (_, false, true) => return decided,
            (Work::Replace(_), true, false) => {
                (Action::Replace, Work::Replace(ReplaceOrder::CreateFirst))
            }
            (Work::Replace(_), true, true) => (Action::Adopt, Work::Read),
            (_, true, _) => (decided.action, Work::Read),
        };
        Decision { action, work, ..decided }
    }

    fn existing(
        &self,
        spec: &InstanceSpec,
        entry: &Instance,
        service: Option<&Service>,
    ) -> Decision {
        if spec.service != entry.service {
            let reason = Reason::ServiceChanged { from: entry.service.clone() };
            let order = service.map_or(ReplaceOrder::CreateFirst, |service| service.replace_order);
            let mut decision = Decision::new(Action::Replace, reason, Work::Replace(order));
            decision.changes = vec![changed("service", &entry.service, &spec.service)];
            return decision;
        }
        let fingerprint = digest::fingerprint(spec.name.as_str(), &spec.params, spec.plan.as_ref());
        let is_same = fingerprint.is_ok_and(|fingerprint| fingerprint == entry.fingerprint);
        let renamed = spec.name != entry.name && spec.name.is_settled();
        if is_same && !renamed && spec.plan == entry.plan {
            return self.same(spec, entry, service);
        }
        self.differing(spec, entry, service)
    }

    /// Declared as it was; what it reads may have changed.
    fn same(&self, spec: &InstanceSpec, entry: &Instance, service: Option<&Service>) -> Decision {
        let inputs = self.inputs(spec, service);
        let changing = spec.reads.iter().find(|name| self.changing.contains(name.as_str()));
        let is_other = |inputs: &Inputs| Some(&inputs.digest) != entry.inputs.as_ref();
        let is_new = entry.inputs.is_some() && inputs.as_ref().is_some_and(is_other);
        if changing.is_none() && !is_new {
            return self.notes(spec, entry, service);
        }
        if let Some((property, order)) = self.fixed_value(spec, entry, service, inputs.as_ref()) {
            let reason = Reason::Immutable { property };
            return Decision::new(Action::Replace, reason, Work::Replace(order));
        }
        match changing {
            Some(producer) => {
                let reason = Reason::ProducerChanged { producer: producer.clone() };
                Decision::new(Action::Update, reason, Work::UpdateIfChanged)
            }
            None if entry.inputs.as_deref() == Some(DRIFTED) => {
                Decision::new(Action::Update, Reason::Drifted, Work::Update)
            }
            None => Decision::new(Action::Update, Reason::InputsChanged, Work::Update),
        }
    }

    /// What cannot change in place and takes another value although it may be written as it was.
    fn fixed_value(
        &self,
        spec: &InstanceSpec,
        entry: &Instance,
        service: Option<&Service>,
        inputs: Option<&Inputs>,
    ) -> Option<(String, ReplaceOrder)> {
        let is_other = entry.identity.is_some()
            && match inputs {
                Some(inputs) => inputs.identity != entry.identity,
                // What changes with this plan need not be what cannot change in place.
                None => self.identity(spec, service).is_some_and(|now| Some(now) != entry.identity),
            };
        self.reads_remade(spec, service).or_else(|| {
            let order = service?.replace_order;
            is_other.then(|| ("a value it reads".to_owned(), order))
        })
    }

    /// What cannot change in place and reads an instance that is made anew.
    fn reads_remade(
        &self,
        spec: &InstanceSpec,
        service: Option<&Service>,
    ) -> Option<(String, ReplaceOrder)> {
        let service = service?;
        let immutable = service.params.iter().filter(|p| p.on_change == OnChange::Replace);
        let reads = |value: &Value| {
            inputs::fill(
                value,
                &Lookup {
                    output: &|reference, _| {
                        (!self.remade.contains(reference)).then(|| Value::from(""))
                    },
                    env: &self.input.desired.env,
                },
            )
            .is_none()
        };
        let param =
            immutable.into_iter().find(|param| spec.params.get(&*param.name).is_some_and(reads));
        let is_name_fixed = service.on_rename == OnChange::Replace;
        let property = match param {
            Some(param) => format!("params.{}", param.name),
            None if is_name_fixed && reads(&Value::from(spec.name.as_str())) => "name".to_owned(),
            None => return None,
        };
        Some((property, service.replace_order))
    }

    /// The call is not needed, the entry may still have to be brought up to date.
    fn notes(&self, spec: &InstanceSpec, entry: &Instance, service: Option<&Service>) -> Decision {
        let note = |reason, changes| Decision {
            action: Action::Update,
            reason,
            work: Work::Note,
            changes,
        };
        if entry.bind.as_ref().is_some_and(|bind| !same_bind(bind, &spec.bind)) {
            let before = entry.bind.as_deref().unwrap_or_default();
            return note(Reason::BindChanged, bind_changes(before, &spec.bind));
        }
        let protected = is_protected(spec, service);
        let retain = spec.on_remove == crate::config::OnRemove::Retain;
        if entry.protected != protected {
            let change = changed("protected", entry.protected, protected);
            return note(Reason::ProtectionChanged, vec![change]);
        }
        if entry.external != spec.external {
            let change = changed("external", entry.external, spec.external);
            return note(Reason::OwnerChanged, vec![change]);
        }
        if entry.retain != retain {
            let word = |retain: bool| Value::from(if retain { "retain" } else { "delete" });
            let change = Change {
                path: "on_remove".to_owned(),
                before: Some(word(entry.retain)),
                after: Some(word(retain)),
                sensitive: false,
            };
            return note(Reason::ProtectionChanged, vec![change]);
        }
        if entry.inputs.is_some() && entry.depends_on != spec.needs {
            return note(Reason::DependenciesChanged, Vec::new());
        }
        Decision::new(Action::Noop, Reason::UpToDate, Work::Nothing)
    }

    fn differing(
        &self,
        spec: &InstanceSpec,
        entry: &Instance,
        service: Option<&Service>,
    ) -> Decision {
        let changes = changes(spec, entry, service);
        let inputs = self.inputs(spec, service);
        let waits = spec.reads.iter().any(|name| self.changing.contains(name.as_str()));
        let digest = inputs.as_ref().map(|inputs| &inputs.digest);
        let same_call = digest.is_some() && digest == entry.inputs.as_ref() && !waits;
        if same_call && spec.plan == entry.plan && spec.name == entry.name {
            return Decision {
                changes,
                ..Decision::new(Action::Update, Reason::Rewritten, Work::Note)
            };
        }
        let fixed = immutable(&changes, service)
            .or_else(|| self.fixed_value(spec, entry, service, inputs.as_ref()));
        if let Some((property, order)) = fixed {
            let reason = Reason::Immutable { property };
            return Decision {
                changes,
                ..Decision::new(Action::Replace, reason, Work::Replace(order))
            };
        }
        let reason = if entry.fingerprint.is_empty() {
            Reason::Imported
        } else if changes.iter().any(|change| change.path.starts_with("params")) {
            Reason::ParamsChanged
        } else if spec.plan != entry.plan {
            Reason::PlanChanged
        } else if spec.name != entry.name {
            Reason::NameChanged
        } else {
            Reason::ParamsChanged
        };
        let work = if only_ignored(&changes, service) { Work::Note } else { Work::Update };
        Decision { changes, ..Decision::new(Action::Update, reason, work) }
    }

    /// What the instance would be given now, when all of it is known.
    fn inputs(&self, spec: &InstanceSpec, service: Option<&Service>) -> Option<Inputs> {
        let output = |reference: &str, key: &str| self.output(reference, key);
        let lookup = Lookup { output: &output, env: &self.input.desired.env };
        let contents = self.input.options.contents.get(&spec.reference);
        inputs::of(spec, service, &lookup, contents.map(String::as_str))
    }

    /// The same of what cannot change in place, when all of that is known.
    fn identity(&self, spec: &InstanceSpec, service: Option<&Service>) -> Option<String> {
        let output = |reference: &str, key: &str| self.output(reference, key);
        inputs::identity_of(
            spec,
            service,
            &Lookup { output: &output, env: &self.input.desired.env },
        )
    }

    /// An output that stays as it is.
    fn output(&self, reference: &str, key: &str) -> Option<Value> {
        if self.changing.contains(reference) {
            return None;
        }
        known_output(self.input.journal.instances.get(reference)?, key)
    }
}

/// A decision that also mends what somebody edited at the provider.
fn mended(decided: Decision, edited: Decision) -> Decision {
    let (mut first, second) = match (&decided.work, &edited.work) {
        // What a producer may ask for, or may not, is needed now.
        (Work::Nothing | Work::Note | Work::UpdateIfChanged, _) => (edited, decided),
        (Work::Update, _) if decided.reason == Reason::Drifted => (edited, decided),
        (Work::Update, Work::Replace(_)) => (edited, decided),
        (Work::Update, _) => (decided, edited),
        _ => return decided,
    };
    for change in second.changes {
        if !first.changes.iter().any(|known| known.path == change.path) {
            first.changes.push(change);
        }
    }
    first
}

/// An output as the journal knows it; a secret one is stood for by an id that changes with it.
pub(crate) fn known_output(instance: &Instance, key: &str) -> Option<Value> {
    if let Some(sealed) = instance.sensitive.get(key) {
        return Some(Value::from(format!("sealed:{}", sealed.id)));
    }
    instance.outputs.get(key).cloned()
}

fn is_protected(spec: &InstanceSpec, service: Option<&Service>) -> bool {
    spec.protected.unwrap_or_else(|| service.is_some_and(Service::is_stateful))
}

fn same_bind(before: &[(Name, String)], after: &[(Name, String)]) -> bool {
    before.len() == after.len() && after.iter().all(|pair| before.contains(pair))
}

fn bind_changes(before: &[(Name, String)], after: &[(Name, String)]) -> Vec<Change> {
    let table = |bind: &[(Name, String)]| -> Map<String, Value> {
        bind.iter().map(|(key, name)| (key.to_string(), Value::from(name.as_str()))).collect()
    };
    let mut changes = Vec::new();
    compare("bind", &Value::Object(table(before)), &Value::Object(table(after)), &mut changes);
    changes
}

fn changed(path: &str, before: impl ToValue, after: impl ToValue) -> Change {
    let (before, after) = (Some(before.to_value()), Some(after.to_value()));
    Change { path: path.to_owned(), before, after, sensitive: false }
}

trait ToValue {
    fn to_value(self) -> Value;
}

impl ToValue for &Name {
    fn to_value(self) -> Value {
        Value::from(self.as_str())
    }
}

impl ToValue for bool {
    fn to_value(self) -> Value {
        Value::from(self)
    }
}

fn changes(spec: &InstanceSpec, entry: &Instance, service: Option<&Service>) -> Vec<Change> {
    let mut changes = Vec::new();
    if spec.name != entry.name && spec.name.is_settled() {
        changes.push(changed("name", &entry.name, &spec.name));
    }
    if spec.plan != entry.plan {
        let value = |plan: &Option<Name>| plan.as_ref().map(|plan| Value::from(plan.as_str()));
        changes.push(Change {
            path: "plan".to_owned(),
            before: value(&entry.plan),
            after: value(&spec.plan),
            sensitive: false,
        });
    }
    if let Some(before) = &entry.params {
        // Of what was imported, only how it is handled is known.
        let is_known = |key: &str| !entry.fingerprint.is_empty() || before.contains_key(key);
        let mut after = spec.params.clone();
        after.retain(|key, _| is_known(key));
        compare_maps("params", before, &after, &mut changes);
    }
    for change in &mut changes {
        let param = param_of(&change.path).and_then(|name| service?.param(name));
        change.sensitive = param.is_some_and(|param| param.sensitive);
    }
    changes
}

/// The param that a changed path belongs to.
fn param_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("params.")?;
    Some(rest.split(['.', '[']).next().unwrap_or(rest))
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => compare_maps(path, before, after, changes),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}[{index}]"), before, after, changes);
            }
        }
        _ if before != after => changes.push(Change {
            path: path.to_owned(),
            before: Some(before.clone()),
            after: Some(after.clone()),
            sensitive: false,
        }),
        _ => {}
    }
}

fn compare_maps(
    path: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    for (key, old) in before {
        let path = format!("{path}.{key}");
        match after.get(key) {
            Some(new) => compare(&path, old, new, changes),
            None => changes.push(Change {
                path,
                before: Some(old.clone()),
                after: None,
                sensitive: false,
            }),
        }
    }
    for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        changes.push(Change {
            path: format!("{path}.{key}"),
            before: None,
            after: Some(new.clone()),
            sensitive: false,
        });
    }
}

/// The first change that the service cannot make in place.
fn immutable(changes: &[Change], service: Option<&Service>) -> Option<(String, ReplaceOrder)> {
    let service = service?;
    let change = changes.iter().find(|change| {
        let on_change = match param_of(&change.path) {
            Some(param) => service.param(param).map(|param| param.on_change),
            None => (change.path == "name").then_some(service.on_rename),
        };
        on_change == Some(OnChange::Replace)
    })?;
    Some((change.path.clone(), service.replace_order))
}

fn only_ignored(changes: &[Change], service: Option<&Service>) -> bool {
    let is_ignored = |change: &Change| {
        let param = param_of(&change.path).and_then(|name| service?.param(name));
        param.is_some_and(|param| param.on_change == OnChange::Ignore)
    };
    !changes.is_empty() && changes.iter().all(is_ignored)
}
