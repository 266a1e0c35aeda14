//! Looks for objects that may be there: before a creation, and after one whose end is not known.

use std::time::Duration;

use super::refusal::conflict;
use super::worker::{Resolution, Shared, TaskError, key_of};
use crate::broker::{BrokerError, ErrorKind, FindRequest, KnownIds, Live, OnChange, Previous};
use crate::name::Name;
use crate::plan::{Step, Work};
use crate::state::{Deposed, Instance, Operation, Status, Verb};

impl Shared<'_> {
    /// What stands where the object is to be made: one that an earlier replacement of the same
    /// instance left there.
    ///
    /// Anything else that stands there is not ours to touch, and an error.
    pub(super) async fn former(
        &self,
        resolution: &Resolution<'_>,
        old: Option<&Instance>,
    ) -> Result<Option<(Live, Deposed)>, TaskError> {
        let known = self.beside(resolution, old)?;
        let live = match self.find_beside(resolution, known).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(None),
            Err(error) if error.kind == ErrorKind::Unsupported => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_left = |former: &Deposed| former.is(&resolution.spec.service, &live.instance_id);
        let left = old.and_then(|old| old.deposed.iter().find(|former| is_left(former)));
        if let Some(left) = left {
            return Ok(Some((live, left.clone())));
        }
        Err(conflict(resolution, self.holder_of(resolution, live)).into())
    }

    /// What may stand where the object is to be made: what is to be replaced stands there too, and is ours.
    /// Where a second one can stand, so does everything that the journal holds, whatever mark it bears,
    /// but for what replacements left.
    fn beside(
        &self,
        resolution: &Resolution<'_>,
        old: Option<&Instance>,
    ) -> Result<KnownIds, TaskError> {
        let service = &resolution.spec.service;
        if !self.service(service)?.finding.is_by_place() {
            let mut known = self.known_ids(resolution);
            let left = old.iter().flat_map(|old| &old.deposed);
            left.filter(|left| left.service == *service)
                .for_each(|left| known.remove(&left.instance_id));
            return Ok(known);
        }
        let current = old.filter(|old| old.exists() && old.service == *service);
        Ok(current.iter().map(|old| &old.instance_id).collect())
    }

    /// The other instance of this project whose object was found.
    pub(super) fn holder_of(&self, resolution: &Resolution<'_>, live: Live) -> Option<Name> {
        let found = Instance { instance_id: live.instance_id, ..self.entry_of(resolution) };
        // One of whose creation nobody knows the end may have made it, and has no id yet.
        let is_it = |other: &&Instance| {
            other.service == found.service
                && other.name == found.name
                && other.reference != found.reference
                && other.operation.is_some()
                && !other.exists()
        };
        let journal = self.recorder.journal();
        let begun = || journal.instances.iter().find(is_it).map(|other| other.reference.clone());
        self.holder(&found).or_else(begun)
    }

    /// Waits until nothing can be on its way any more that an earlier run asked for and that was not
    /// answered: what comes late would undo what this run does.
    pub(super) async fn let_arrive(&self, step: &Step) {
        let reference = step.moved_from.as_ref().unwrap_or(&step.reference);
        let Some(entry) = self.entry(reference).filter(|_| step.work != Work::Forget) else {
            return;
        };
        let is_open = |asked: &Operation| {
            let is_answered = asked.verb == Verb::Provision && entry.status == Status::Failed;
            asked.accepted.is_none() && !is_answered
        };
        if entry.operation.as_ref().is_some_and(is_open) {
            self.outlive(&entry.service).await;
        }
    }

    /// Waits until this run is older than anything can be that an earlier one asked of the service. When
    /// that one ended nobody knows, but it was before this one began.
    pub(super) async fn outlive(&self, service: &Name) {
        let in_flight = self.service(service).map_or(Duration::ZERO, |service| service.in_flight);
        let lasted = self.world.clock.now().duration_since(self.begun);
        // A clock that was set back says nothing.
        let left = in_flight.saturating_sub(Duration::try_from(lasted).unwrap_or_default());
        if !left.is_zero() {
            self.world.clock.sleep(left).await;
        }
    }

    /// Looks for what is declared; it may be what the journal holds.
    pub(super) async fn find(
        &self,
        resolution: &Resolution<'_>,
    ) -> Result<Option<Live>, BrokerError> {
        self.find_beside(resolution, KnownIds::default()).await
    }

    /// Looks for what an interrupted creation made, and says of what it was made: what was declared
    /// then, which need not be what is declared now.
    pub(super) async fn find_begun(
        &self,
        resolution: &Resolution<'_>,
        entry: &Instance,
        begun: &Instance,
    ) -> Result<Option<(Live, Previous)>, BrokerError> {
        let is_same = begun.inputs.is_some() && begun.inputs == entry.inputs;
        let previous = match is_same {
            true => resolution.as_previous(),
            false => self.previous(begun),
        };
        let mut address = resolution.address.clone();
        address.name = previous.name.clone().unwrap_or(address.name);
        // How it is looked for is as declared now.
        let mut params = previous.params.clone();
        let service = self.service(&resolution.spec.service)?;
        let is_how =
            |key: &str| service.param(key).is_some_and(|p| p.on_change == OnChange::Ignore);
        let now = resolution.params.0.iter().filter(|(key, _)| is_how(key));
        params.0.extend(now.map(|(key, value)| (key.clone(), value.clone())));
        let request = FindRequest {
            address,
            params,
            // Once it was accepted, its id is known.
            instance_id: begun.exists().then(|| begun.instance_id.clone()),
            idempotency_key: Some(key_of(begun)),
            // What a failure left need not be seen yet either.
            is_unsure: true,
            known: self.known_ids(resolution),
        };
        let found = self.broker(&resolution.spec.service)?.find(&request).await?;
        Ok(found.map(|live| (live, previous)))
    }

    /// Looks for an object that is none of `known`.
    async fn find_beside(
        &self,
        resolution: &Resolution<'_>,
        known: KnownIds,
    ) -> Result<Option<Live>, BrokerError> {
        let request = FindRequest {
            known,
            address: resolution.address.clone(),
            params: resolution.params.clone(),
            instance_id: None,
            idempotency_key: None,
            is_unsure: false,
        };
        self.broker(&resolution.spec.service)?.find(&request).await
    }

    /// What the journal holds of a service, apart from what is being made.
    pub(super) fn others(&self, resolution: &Resolution<'_>, entry: &Instance) -> KnownIds {
        let mut known = self.known_ids(resolution);
        if entry.operation.is_some() {
            known.remove(&entry.instance_id);
        }
        known
    }

    fn known_ids(&self, resolution: &Resolution<'_>) -> KnownIds {
        self.recorder.journal().instances.ids(resolution.spec.service.as_str())
    }
}
