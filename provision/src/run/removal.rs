//! Destroys instances, and what replacements left of them.

use super::worker::{Shared, TaskError, key_of};
use super::{operation, settle};
use crate::broker::{DeprovisionRequest, ReplaceOrder};
use crate::name::Name;
use crate::observe;
use crate::plan::{Step, Work};
use crate::state::{Deposed, Event, Instance, Status, Verb};

impl Shared<'_> {
    /// Runs the part of `step` that destroys.
    pub(super) async fn remove(&self, step: &Step) -> Result<(), TaskError> {
        let reference = match (&step.moved_from, self.entry(&step.reference)) {
            (Some(from), None) => from,
            _ => &step.reference,
        };
        let Some(entry) = self.entry(reference) else { return Ok(()) };
        match step.work {
            Work::Clear | Work::Replace(ReplaceOrder::CreateFirst) => self.clear(&entry).await,
            Work::Replace(ReplaceOrder::DeleteFirst) => {
                self.destroy(&entry).await?;
                let mut gone = entry.clone();
                gone.instance_id.clear();
                gone.outputs.clear();
                gone.sensitive.clear();
                gone.operation = None;
                gone.status = Status::Provisioning;
                gone.last_error = None;
                self.recorder.record(Event::Done(Box::new(gone))).await?;
                self.clear(&entry).await
            }
            // What is forgotten lives on, and so do its former objects.
            Work::Forget => self.forget(&entry.reference).await,
            _ => {
                self.destroy(&entry).await?;
                self.clear(&entry).await?;
                self.forget(&entry.reference).await
            }
        }
    }

    async fn forget(&self, reference: &Name) -> Result<(), TaskError> {
        let event = Event::Removed { reference: reference.clone() };
        Ok(self.recorder.record(event).await?)
    }

    async fn destroy(&self, entry: &Instance) -> Result<(), TaskError> {
        if entry.external {
            return Ok(());
        }
        let Some(mut begun) = settle::existing(self, entry).await? else { return Ok(()) };
        let pending = entry.operation.clone().filter(|op| op.verb == Verb::Deprovision);
        if operation::outlast_removal(self, entry, &self.previous(entry)).await? {
            return Ok(());
        }
        let pending = pending.filter(|operation| operation.accepted.is_none());
        let is_unsure = pending.is_some();
        begun.operation = Some(pending.unwrap_or_else(|| self.operation(Verb::Deprovision)));
        begun.status = Status::Deprovisioning;
        let is_local = self.service(&entry.service)?.journal_only;
        if !is_local && self.holder(&begun).is_some() {
            return Ok(());
        }
        if !is_local {
            self.recorder.record(Event::Begin(Box::new(begun.clone()))).await?;
        }
        let request = self.deprovision_request(&begun, key_of(&begun))?;
        settle::deprovision(self, begun, &request, is_unsure).await
    }

    /// Another entry whose object this is too: where an id is a path or a name, one that was given up
    /// may be another's by now. It is not destroyed on behalf of the first.
    pub(super) fn holder(&self, entry: &Instance) -> Option<Name> {
        let journal = self.recorder.journal();
        let is_same = |other: &&Instance| {
            other.instance_id == entry.instance_id
                && other.service == entry.service
                && other.reference != entry.reference
        };
        journal.instances.iter().find(is_same).map(|other| other.reference.clone())
    }

    fn deprovision_request(
        &self,
        entry: &Instance,
        idempotency_key: String,
    ) -> Result<DeprovisionRequest, TaskError> {
        let journal = self.recorder.journal();
        Ok(DeprovisionRequest {
            address: observe::address(&journal, entry),
            instance_id: entry.instance_id.clone(),
            previous: observe::previous(&journal, entry, self.world, self.env),
            force: self.force,
            idempotency_key,
        })
    }

    /// Destroys the former instances that replacements of `entry` left, the newest first.
    pub(super) async fn clear(&self, entry: &Instance) -> Result<(), TaskError> {
        for deposed in entry.deposed.iter().rev() {
            let Some(current) = self.entry(&entry.reference) else { return Ok(()) };
            let former = as_instance(&current, deposed);
            let is_back =
                current.instance_id == deposed.instance_id && current.service == deposed.service;
            if !is_back && self.holder(&former).is_none() {
                let key = self.operation(Verb::Deprovision).key;
                let request = self.deprovision_request(&former, key)?;
                settle::deprovision_call(self, &former, &request).await?;
            }
            let Some(mut current) = self.entry(&entry.reference) else { return Ok(()) };
            current.deposed.retain(|known| !known.is(&deposed.service, &deposed.instance_id));
            self.recorder.record(Event::Noted(Box::new(current))).await?;
        }
        Ok(())
    }
}

/// A former instance in the shape of a current one, for asking a broker about it. What is under way
/// with the current one is none of its business.
fn as_instance(current: &Instance, deposed: &Deposed) -> Instance {
    Instance {
        service: deposed.service.clone(),
        name: deposed.name.clone(),
        plan: deposed.plan.clone(),
        instance_id: deposed.instance_id.clone(),
        outputs: deposed.outputs.clone(),
        sensitive: deposed.sensitive.clone(),
        params: deposed.params.clone(),
        operation: None,
        deposed: Vec::new(),
        ..current.clone()
    }
}
