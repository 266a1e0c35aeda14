//! Performs one task of a plan through a broker. Chooses nothing: the step says what to do.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::event::{Observer, Outcome, RunEvent};
use super::recorder::{RecordError, Recorder};
use super::refusal::{conflict, internal, missing_output, needs_replacement, no_broker};
use super::secrets::Secrets;
use super::{operation, settle};
use crate::broker::{
    Address, Broker, BrokerError, ErrorKind, FetchRequest, Live, Previous, ProvisionRequest,
    Provisioned, Service, UpdateRequest,
};
use crate::config::{Desired, InstanceSpec, OnRemove};
use crate::mask::Mask;
use crate::name::Name;
use crate::observe;
use crate::plan::{Inputs, Lookup, Step, TaskKind, Work, fill, inputs_of, with_defaults};
use crate::state::{Deposed, Event, Instance, Operation, Origin, Status, Verb};
use crate::value::{Outputs, Resolved};
use crate::world::{VaultError, World};

/// What to do about an instance that went away without us.
const GONE: &str = "It was removed behind prov's back: `prov pull --reconcile` takes note of it, \
    and the next apply makes it anew.";

/// What every worker of a run shares.
pub(super) struct Shared<'a> {
    pub(super) world: &'a World,
    pub(super) recorder: Recorder,
    pub(super) secrets: Secrets,
    pub(super) observer: &'a dyn Observer,
    pub(super) env: &'a BTreeMap<Name, String>,
    pub(super) desired: Option<&'a Desired>,
    pub(super) force: bool,
    /// When the run began.
    pub(super) begun: Timestamp,
}

/// Why a task did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A declared instance with everything filled in.
pub(super) struct Resolution<'a> {
    pub(super) spec: &'a InstanceSpec,
    pub(super) address: Address,
    pub(super) params: Resolved,
    pub(super) inputs: Option<Inputs>,
    /// The secret texts that went into the params.
    pub(super) secrets: Vec<String>,
}

impl Resolution<'_> {
    /// An instance that was made of exactly this.
    pub(super) fn as_previous(&self) -> Previous {
        Previous {
            name: Some(self.address.name.clone()),
            plan: self.spec.plan.clone(),
            params: self.params.clone(),
            ..Previous::default()
        }
    }
}

impl Shared<'_> {
    /// Runs one task of `step`.
    pub(super) async fn perform(&self, step: &Step, kind: TaskKind) -> Outcome {
        let result = async {
            self.let_arrive(step).await;
            match kind {
                TaskKind::Make => self.make(step).await,
                TaskKind::Drop => self.remove(step).await.map(|()| Outcome::Done),
            }
        };
        match result.await {
            Ok(outcome) => outcome,
            Err(error) => {
                let help = match &error {
                    TaskError::Broker(error) if error.kind == ErrorKind::NotFound => {
                        error.help.clone().or_else(|| Some(GONE.to_owned()))
                    }
                    TaskError::Broker(error) => error.help.clone(),
                    _ => None,
                };
                Outcome::Failed { error: self.secrets.redact(&error.to_string()), help }
            }
        }
    }

    async fn make(&self, step: &Step) -> Result<Outcome, TaskError> {
        let Some(spec) = self.spec(step) else {
            return Err(internal("a step without a declaration is to be made").into());
        };
        if let Some(from) = &step.moved_from {
            self.rename(from, spec).await?;
        }
        if step.work == Work::Note {
            return self.note(spec).await;
        }
        let resolution = self.resolve(spec)?;
        match step.work {
            Work::Update | Work::UpdateIfChanged => self.update(&resolution, step.work).await,
            Work::Adopt => self.adopt(&resolution).await,
            Work::Read => self.read(&resolution, step.work).await,
            Work::Replace(_) if spec.external => self.read(&resolution, step.work).await,
            _ => self.provision(&resolution, step.work).await,
        }
    }

    fn spec(&self, step: &Step) -> Option<&InstanceSpec> {
        self.desired?.instances.get(step.spec?)
    }

    pub(super) fn entry(&self, reference: &Name) -> Option<Instance> {
        self.recorder.journal().instances.get(reference.as_str()).cloned()
    }

    pub(super) fn service(&self, id: &Name) -> Result<&Service, BrokerError> {
        self.world.catalog.service(id.as_str()).ok_or_else(|| no_broker(id))
    }

    pub(super) fn broker(&self, id: &Name) -> Result<&dyn Broker, BrokerError> {
        let broker = self.world.catalog.broker(id.as_str()).ok_or_else(|| no_broker(id))?;
        Ok(broker.as_ref())
    }

    async fn rename(&self, from: &Name, spec: &InstanceSpec) -> Result<(), TaskError> {
        let Some(mut entry) = self.entry(from) else { return Ok(()) };
        entry.reference = spec.reference.clone();
        let event = Event::Moved { from: from.clone(), instance: Box::new(entry) };
        Ok(self.recorder.record(event).await?)
    }

    /// Fills in what the spec reads, and digests it with ids in place of secrets.
    fn resolve<'s>(&self, spec: &'s InstanceSpec) -> Result<Resolution<'s>, TaskError> {
        let journal = self.recorder.journal();
        let used = RefCell::new(Vec::new());
        let failure = RefCell::new(None);
        let real = |reference: &str, key: &str| {
            let instance = journal.instances.get(reference)?;
            let Some(sealed) = instance.sensitive.get(key) else {
                return instance.outputs.get(key).cloned();
            };
            match self.secrets.open(sealed, self.world.vault.as_ref()) {
                Ok(value) => {
                    used.borrow_mut().push(crate::value::as_text(&value));
                    Some(value)
                }
                Err(error) => {
                    *failure.borrow_mut() = Some(error);
                    None
                }
            }
        };
        let service = self.world.catalog.service(spec.service.as_str());
        let lookup = Lookup { output: &real, env: self.env };
        let params = fill(&Value::Object(with_defaults(&spec.params, service)), &lookup);
        let name = fill(&Value::from(spec.name.as_str()), &lookup);
        if let Some(error) = failure.take() {
            return Err(error.into());
        }
        let (Some(Value::Object(params)), Some(name)) = (params, name) else {
            return Err(missing_output(spec, &journal).into());
        };
        let params = Resolved(params);
        let contents = self.broker(&spec.service)?.contents(spec.service.as_str(), &params)?;
        let masked = |reference: &str, key: &str| {
            crate::plan::known_output(journal.instances.get(reference)?, key)
        };
        let lookup = Lookup { output: &masked, env: self.env };
        let inputs = inputs_of(spec, service, &lookup, contents.as_deref());
        let mut secrets = used.into_inner();
        secrets.extend(self.env_secrets(spec));
        self.secrets.note(&secrets);
        let mut address = observe::spec_address(spec, &journal);
        address.name = Name::from(crate::value::as_text(&name));
        Ok(Resolution { spec, address, params, inputs, secrets })
    }

    /// Values from the environment count as secrets: nobody can tell which of them are.
    fn env_secrets(&self, spec: &InstanceSpec) -> Vec<String> {
        let text = Value::Object(spec.params.clone()).to_string();
        if !text.contains("${env.") {
            return Vec::new();
        }
        let used = self.env.iter().filter(|(name, _)| text.contains(&format!("${{env.{name}}}")));
        used.map(|(_, value)| value.clone()).collect()
    }

    /// The entry of a declared instance as it will stand; what is not declared stays.
    pub(super) fn entry_of(&self, resolution: &Resolution<'_>) -> Instance {
        let spec = resolution.spec;
        let old = self.entry(&spec.reference);
        let service = self.world.catalog.service(spec.service.as_str());
        let fingerprint =
            crate::digest::fingerprint(spec.name.as_str(), &spec.params, spec.plan.as_ref());
        Instance {
            reference: spec.reference.clone(),
            service: spec.service.clone(),
            plan: spec.plan.clone(),
            name: resolution.address.name.clone(),
            instance_id: String::new(),
            kind: service.map_or_else(|| Name::from(""), |service| service.kind.clone()),
            origin: Origin::Created,
            status: Status::Provisioning,
            outputs: BTreeMap::new(),
            sensitive: BTreeMap::new(),
            params: Some(spec.params.clone()),
            fingerprint: fingerprint.unwrap_or_default(),
            inputs: resolution.inputs.as_ref().map(|inputs| inputs.digest.clone()),
            identity: resolution.inputs.as_ref().and_then(|inputs| inputs.identity.clone()),
            depends_on: spec.needs.clone(),
            bind: Some(spec.bind.clone()),
            protected: spec.protected.unwrap_or_else(|| service.is_some_and(Service::is_stateful)),
            retain: spec.on_remove == OnRemove::Retain,
            external: spec.external,
            last_error: None,
            provisioned_at: None,
            updated_at: Some(self.world.clock.now()),
            operation: None,
            deposed: old.map(|old| old.deposed).unwrap_or_default(),
        }
    }

    /// The entry of an existing instance brought to what is declared, its object untouched.
    pub(super) fn entry_kept(&self, resolution: &Resolution<'_>, old: &Instance) -> Instance {
        Instance {
            instance_id: old.instance_id.clone(),
            origin: old.origin,
            status: Status::Provisioned,
            outputs: old.outputs.clone(),
            sensitive: old.sensitive.clone(),
            provisioned_at: old.provisioned_at,
            deposed: old.deposed.clone(),
            ..self.entry_of(resolution)
        }
    }

    async fn note(&self, spec: &InstanceSpec) -> Result<Outcome, TaskError> {
        let Some(old) = self.entry(&spec.reference) else { return Ok(Outcome::Unchanged) };
        let resolution = self.resolve(spec)?;
        let mut entry = self.entry_kept(&resolution, &old);
        if old.operation.is_some() || old.status != Status::Provisioned {
            entry.status = old.status;
            entry.operation = old.operation;
        }
        self.recorder.record(Event::Noted(Box::new(entry))).await?;
        Ok(Outcome::Done)
    }

    async fn provision(
        &self,
        resolution: &Resolution<'_>,
        work: Work,
    ) -> Result<Outcome, TaskError> {
        let old = self.entry(&resolution.spec.reference);
        if let Some(begun) = old.as_ref().filter(|old| is_begun(old))
            && !matches!(work, Work::Replace(_))
        {
            return self.resume(resolution, begun).await;
        }
        let service = self.service(&resolution.spec.service)?;
        if old.as_ref().is_some_and(|old| !old.deposed.is_empty()) {
            // An earlier run may have asked for the removal of what it left.
            self.outlive(&resolution.spec.service).await;
        }
        let former = match service.journal_only {
            true => None,
            false => self.former(resolution, old.as_ref()).await?,
        };
        let former = self.fitting(resolution, former).await?;
        let mut entry = self.entry_of(resolution);
        if let (Work::Replace(_), Some(old)) = (work, &old)
            && old.exists()
        {
            entry.deposed.push(Deposed::from(old));
        }
        entry.operation = Some(self.operation(Verb::Provision));
        if let Some(live) = former {
            // What was left behind is wanted again: it comes back with all it holds.
            entry.deposed.retain(|known| !known.is(&entry.service, &live.instance_id));
            entry.instance_id.clone_from(&live.instance_id);
            self.recorder.record(Event::Begin(Box::new(entry.clone()))).await?;
            let previous = resolution.as_previous();
            return settle::complete(self, resolution, entry, (live, previous)).await;
        }
        if !service.journal_only {
            self.recorder.record(Event::Begin(Box::new(entry.clone()))).await?;
        }
        settle::provision(self, resolution, entry).await
    }

    /// What was left behind, when it can become what is declared. What cannot has to make room where
    /// no second one can stand.
    async fn fitting(
        &self,
        resolution: &Resolution<'_>,
        former: Option<(Live, Deposed)>,
    ) -> Result<Option<Live>, TaskError> {
        let Some((live, left)) = former else { return Ok(None) };
        if left.identity.is_none() || left.identity == self.entry_of(resolution).identity {
            return Ok(Some(live));
        }
        if self.service(&resolution.spec.service)?.finding.is_by_place()
            && let Some(entry) = self.entry(&resolution.spec.reference)
        {
            self.clear(&entry).await?;
        }
        Ok(None)
    }

    /// Goes on with a creation that an earlier run began, perhaps for an earlier config.
    async fn resume(
        &self,
        resolution: &Resolution<'_>,
        begun: &Instance,
    ) -> Result<Outcome, TaskError> {
        let entry = self.entry_of(resolution);
        if begun.identity.is_some() && begun.identity != entry.identity {
            return Err(needs_replacement(resolution).into());
        }
        let is_same = begun.inputs.is_some() && begun.inputs == entry.inputs;
        if begun.operation.as_ref().is_some_and(|operation| operation.accepted.is_some()) {
            // The provider works on what was asked for then; the rest is a change of it.
            return match operation::wait(self, resolution, begun.clone(), None).await {
                Ok(_) if is_same => self.note(resolution.spec).await,
                Ok(_) => self.update(resolution, Work::Update).await,
                // That was the earlier run's attempt; this one has its own.
                Err(TaskError::Broker(error)) if error.kind == ErrorKind::Failed => {
                    let failed = self.entry(&begun.reference).unwrap_or_else(|| begun.clone());
                    self.begin_again(resolution, (entry, is_same), &failed).await
                }
                Err(error) => Err(error),
            };
        }
        self.begin_again(resolution, (entry, is_same), begun).await
    }

    /// Makes what an earlier run began to make and of which nobody knows whether it is there.
    async fn begin_again(
        &self,
        resolution: &Resolution<'_>,
        (entry, is_same): (Instance, bool),
        begun: &Instance,
    ) -> Result<Outcome, TaskError> {
        // Something else is another request, which needs another key.
        // A provider may hold what it answered under a key against whoever asks again.
        let is_open = is_same && begun.status != Status::Failed;
        let again = begun.operation.clone().filter(|_| is_open);
        let operation = Some(again.unwrap_or_else(|| self.operation(Verb::Provision)));
        let instance_id = begun.instance_id.clone();
        let entry = Instance { instance_id, operation, ..entry };
        settle::resume(self, resolution, entry, begun).await
    }

    pub(super) fn operation(&self, verb: Verb) -> Operation {
        let (key, since) = (self.world.ids.fresh(), self.world.clock.now());
        Operation { verb, key, accepted: None, since }
    }

    pub(super) fn provision_request(
        &self,
        resolution: &Resolution<'_>,
        entry: &Instance,
        is_unsure: bool,
    ) -> ProvisionRequest {
        ProvisionRequest {
            is_unsure,
            known: self.others(resolution, entry),
            address: resolution.address.clone(),
            plan: resolution.spec.plan.clone(),
            params: resolution.params.clone(),
            idempotency_key: key_of(entry),
        }
    }

    async fn update(&self, resolution: &Resolution<'_>, work: Work) -> Result<Outcome, TaskError> {
        let Some(old) = self.entry(&resolution.spec.reference) else {
            return Err(internal("an instance is to be updated that is not recorded").into());
        };
        let mut entry = self.entry_kept(resolution, &old);
        // After a failure the recorded inputs need not be those of the object.
        let is_settled = old.operation.is_none() && old.status == Status::Provisioned;
        if work == Work::UpdateIfChanged
            && is_settled
            && old.inputs.is_some()
            && old.inputs == entry.inputs
        {
            let same = Instance { updated_at: old.updated_at, ..entry.clone() } == old;
            if !same {
                self.recorder.record(Event::Noted(Box::new(entry))).await?;
            }
            return Ok(Outcome::Unchanged);
        }
        if old.identity.is_some() && old.identity != entry.identity {
            return Err(needs_replacement(resolution).into());
        }
        let previous = self.previous(&old);
        operation::outlast(self, &old, &previous).await?;
        entry.operation = Some(self.operation(Verb::Update));
        let service = self.service(&resolution.spec.service)?;
        if !service.journal_only {
            let begun = Instance { operation: entry.operation.clone(), ..old.clone() };
            self.recorder.record(Event::Begin(Box::new(begun))).await?;
        }
        let request = UpdateRequest {
            address: resolution.address.clone(),
            instance_id: old.instance_id.clone(),
            plan: resolution.spec.plan.clone(),
            params: resolution.params.clone(),
            previous,
            idempotency_key: key_of(&entry),
        };
        settle::update(self, resolution, entry, (&old, &request)).await
    }

    async fn adopt(&self, resolution: &Resolution<'_>) -> Result<Outcome, TaskError> {
        let Some(live) = self.find(resolution).await? else {
            return self.provision(resolution, Work::Provision).await;
        };
        if let Some(holder) = self.holder_of(resolution, live.clone()) {
            return Err(conflict(resolution, Some(holder)).into());
        }
        self.record_found(resolution, live, ("", None)).await?;
        self.update(resolution, Work::Update).await
    }

    /// What a broker is told that an entry was.
    pub(super) fn previous(&self, entry: &Instance) -> Previous {
        observe::previous(&self.recorder.journal(), entry, self.world, self.env)
    }

    /// Records what an external instance yields now. One of ours that it replaces is left behind.
    async fn read(&self, resolution: &Resolution<'_>, work: Work) -> Result<Outcome, TaskError> {
        let fingerprint = self.entry_of(resolution).fingerprint;
        let old = self.entry(&resolution.spec.reference).filter(Instance::exists);
        let live = match &old {
            // Only what is declared as it was is surely the same object.
            Some(old) if old.fingerprint == fingerprint && work == Work::Read => {
                let request = FetchRequest {
                    address: resolution.address.clone(),
                    instance_id: old.instance_id.clone(),
                    previous: self.previous(old),
                };
                self.broker(&resolution.spec.service)?.fetch(&request).await?
            }
            _ => self.find(resolution).await?,
        };
        let Some(live) = live else {
            let message =
                format!("the external instance `{}` is not there", resolution.address.name);
            let help = "It belongs to somebody else: have it made, or remove `external`.";
            return Err(BrokerError::new(ErrorKind::NotFound, message).help(help).into());
        };
        let replaced = old.filter(|_| work != Work::Read);
        self.record_found(resolution, live, (&fingerprint, replaced.as_ref())).await?;
        Ok(Outcome::Done)
    }

    async fn record_found(
        &self,
        resolution: &Resolution<'_>,
        live: Live,
        (fingerprint, replaced): (&str, Option<&Instance>),
    ) -> Result<(), TaskError> {
        let mut entry = self.entry_of(resolution);
        entry.deposed.extend(replaced.map(Deposed::from));
        let provisioned = Provisioned::from(live);
        let mut entry = self.finished(resolution, entry, provisioned)?;
        entry.origin = Origin::Adopted;
        entry.fingerprint = fingerprint.to_owned();
        entry.inputs = None;
        Ok(self.recorder.record(Event::Noted(Box::new(entry))).await?)
    }

    /// The entry with these outputs beside those it has; secret ones are sealed.
    pub(super) fn with_once(
        &self,
        resolution: &Resolution<'_>,
        mut entry: Instance,
        outputs: Outputs,
    ) -> Result<Instance, TaskError> {
        let given = Mask::of(resolution.secrets.iter().map(String::as_str));
        for (key, output) in outputs.0 {
            let known = entry.sensitive.get(&key);
            let is_secret = output.sensitive || known.is_some() || given.is_in_value(&output.value);
            if is_secret {
                let vault = self.world.vault.as_ref();
                let ids = self.world.ids.as_ref();
                let sealed = self.secrets.seal(&output.value, known, vault, ids)?;
                entry.outputs.remove(&key);
                entry.sensitive.insert(key, sealed);
            } else {
                entry.outputs.insert(key, output.value.clone());
            }
        }
        Ok(entry)
    }

    /// The entry of an instance that the broker reports as there.
    pub(super) fn finished(
        &self,
        resolution: &Resolution<'_>,
        mut entry: Instance,
        provisioned: Provisioned,
    ) -> Result<Instance, TaskError> {
        entry.outputs.clear();
        let mut entry = self.with_once(resolution, entry, provisioned.outputs)?;
        entry.instance_id = provisioned.instance_id;
        entry.status = Status::Provisioned;
        entry.operation = None;
        entry.last_error = None;
        entry.provisioned_at = entry.provisioned_at.or(Some(self.world.clock.now()));
        entry.updated_at = Some(self.world.clock.now());
        Ok(entry)
    }

    pub(super) fn tell(&self, event: &RunEvent) {
        self.observer.on(event);
    }
}

/// Whether the creation of an entry has begun and of its end nothing is known.
fn is_begun(entry: &Instance) -> bool {
    entry.operation.as_ref().is_some_and(|operation| operation.verb == Verb::Provision)
}

pub(super) fn key_of(entry: &Instance) -> String {
    entry.operation.as_ref().map(|operation| operation.key.clone()).unwrap_or_default()
}
