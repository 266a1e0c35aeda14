//! Looks for objects that may be there: before a creation, and after one whose end is not known.

use super::worker::{Resolution, Shared, TaskError, conflict, key_of};
use crate::broker::{BrokerError, ErrorKind, FindRequest, Live};
use crate::name::Name;
use crate::observe;
use crate::state::{Deposed, Instance, Status};

impl Shared<'_> {
    /// What stands where the object is to be made: one that an earlier replacement of the same
    /// instance left there.
    ///
    /// Anything else that stands there is not ours to touch, and an error.
    pub(super) async fn former(
        &self,
        resolution: &Resolution<'_>,
        old: Option<&Instance>,
    ) -> Result<Option<Live>, TaskError> {
        // What is to be replaced stands there too, and is ours.
        let current = old.filter(|old| old.exists() && old.service == resolution.spec.service);
        let known = current.map(|old| old.instance_id.clone()).into_iter().collect();
        let live = match self.find_beside(resolution, None, known).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(None),
            Err(error) if error.kind == ErrorKind::Unsupported => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_left = |former: &Deposed| {
            former.service == resolution.spec.service && former.instance_id == live.instance_id
        };
        if old.is_some_and(|old| old.deposed.iter().any(is_left)) {
            return Ok(Some(live));
        }
        Err(conflict(resolution, self.holder_of(resolution, live)).into())
    }

    /// The other instance of this project whose object was found.
    pub(super) fn holder_of(&self, resolution: &Resolution<'_>, live: Live) -> Option<Name> {
        self.holder(&Instance { instance_id: live.instance_id, ..self.entry_of(resolution) })
    }

    pub(super) async fn find(
        &self,
        resolution: &Resolution<'_>,
        begun: Option<&Instance>,
    ) -> Result<Option<Live>, BrokerError> {
        // What is read from outside may be what the journal holds; what was lost is not.
        let known = match begun {
            Some(_) => self.known_ids(resolution),
            None => Vec::new(),
        };
        self.find_beside(resolution, begun, known).await
    }

    /// Looks for an object that is none of `known`.
    async fn find_beside(
        &self,
        resolution: &Resolution<'_>,
        begun: Option<&Instance>,
        known: Vec<String>,
    ) -> Result<Option<Live>, BrokerError> {
        let accepted = begun.filter(|begun| begun.exists());
        let request = FindRequest {
            known,
            address: resolution.address.clone(),
            params: resolution.params.clone(),
            // Once it was accepted, its id is known.
            instance_id: accepted.map(|begun| begun.instance_id.clone()),
            idempotency_key: begun.map(key_of),
            is_unsure: begun.is_some_and(|begun| begun.status != Status::Failed),
        };
        self.broker(&resolution.spec.service)?.find(&request).await
    }

    /// What the journal holds of a service, apart from what is being made.
    pub(super) fn others(&self, resolution: &Resolution<'_>, entry: &Instance) -> Vec<String> {
        let mut known = self.known_ids(resolution);
        known.retain(|id| *id != entry.instance_id || entry.operation.is_none());
        known
    }

    fn known_ids(&self, resolution: &Resolution<'_>) -> Vec<String> {
        observe::known_ids(&self.recorder.journal(), resolution.spec.service.as_str())
    }
}
