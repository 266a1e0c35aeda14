//! How what a create made is found again, as a manifest has it.

use provision::broker::{Finding, Way};

use super::load::Manifest;
use super::request::Verb;
use super::service::FoundBy;

impl Manifest {
    /// How what a create made is found again when its answer was lost, surest first.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let rules = &self.service;
        let look = rules.verb("find").map(|_| match (&rules.ours, rules.found_by) {
            (Some(_), _) | (None, Some(FoundBy::Marker)) => Way::Marker,
            (None, Some(FoundBy::Name) | None) => Way::Name,
            (None, Some(FoundBy::Id)) => Way::Id,
            (None, Some(FoundBy::Content)) => Way::Content,
        });
        self.key().into_iter().chain(look).collect()
    }

    /// The provider takes a key with what is posted, and with nothing else.
    fn key(&self) -> Option<Way> {
        let lifetime = self.provider.idempotency.as_ref()?.lifetime;
        let create = self.service.verb("create").map(Verb::requests).unwrap_or_default();
        let mut acts = create.into_iter().filter(|request| request.acts()).peekable();
        let is_keyed = acts.peek().is_some() && acts.all(|request| request.method == "POST");
        is_keyed.then_some(Way::Key { lifetime })
    }
}
