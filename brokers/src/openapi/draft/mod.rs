//! First drafts of manifests, from a description: something to go on with, that lints clean.

mod auth;
mod errors;
mod field;
mod identity;
mod object;
pub(super) mod paging;
mod plan;
mod provider;
mod sample;
mod secret;
mod service;
mod shown;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::BTreeSet;

use provision::diagnostic::{Diagnostics, Sources};

use super::description::Description;
use super::exceptions::Exceptions;
use super::lint::{Finding, lint};
use crate::manifest::{self, File, Origin};

/// The files of a draft.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The name of the service's file without `.toml`: `droplet` of `/v2/droplets`.
    pub thing: String,
    /// The provider's file.
    pub provider_toml: String,
    /// The service's file.
    pub service_toml: String,
    /// What still does not agree with the description, or is no manifest.
    pub problems: Vec<String>,
}

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Nothing is made there.
    #[error("there is no `POST {0}`{1}")]
    NoCreate(String, String),
    /// What is made cannot be read or removed there, and where the same is answered.
    #[error("there is no `{0} {1}`")]
    NoItem(String, String, Option<String>),
    /// It is made from files.
    #[error("`{0}` takes neither JSON nor a form")]
    OtherBody(String),
    /// What is made has no id.
    #[error("no id is in what both `{0}` and `{1}` answer")]
    NoId(String, String),
    /// A part of the path of a thing is nowhere in the answer.
    #[error("nothing in what `{0}` answers says what `{{{1}}}` is")]
    NoPart(String, String),
}

/// What is to be drafted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The provider's name in service ids.
    pub provider: &'a str,
    /// Where things are made, e.g. `/v2/droplets`.
    pub path: &'a str,
    /// Where one of them is read, changed and removed, where that is not below `path`.
    pub item_path: Option<&'a str>,
    /// The service's name in its id; without it, one of the things at `path`.
    pub name: Option<&'a str>,
    /// The text of the provider's file, where there is one already.
    pub provider_toml: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// The things made at `path` of a provider that is new.
    #[must_use]
    pub fn new(provider: &'a str, path: &'a str) -> Self {
        Self { provider, path, item_path: None, name: None, provider_toml: None }
    }
}

/// So often what does not agree is left out, until the rest does.
const MOST_TRIES: usize = 4;

/// Drafts the manifest of what is made at a path, and that of its provider.
///
/// # Errors
/// When the description does not say how such a thing is made, read and removed.
pub fn draft(description: &Description, wanted: &Wanted<'_>) -> Result<Draft, DraftError> {
    let provider = wanted.provider;
    let plan = plan::Plan::of(description, wanted)?;
    let object = object::Object::of(&plan)?;
    let paging = plan.list.as_ref().and_then(|list| paging::paging(list, &object));
    let choice = paging::choose(paging.as_ref(), plan.list.as_ref(), wanted.provider_toml);
    let thing = wanted.name.map_or_else(
        || toml::snake(&object::singular(plan.thing())).replace('_', "-"),
        str::to_owned,
    );
    let provider_toml = match wanted.provider_toml {
        Some(known) => known.to_owned(),
        None => provider::provider(description, provider, &plan, paging.as_ref()),
    };
    let mut left_out = BTreeSet::new();
    let mut tries = 0;
    loop {
        let fields = field::Fields::of(&plan, &object, &left_out);
        let service_toml =
            service::Page::new(&plan, &object, &fields, &left_out).paged(&choice).write();
        let mut draft = Draft {
            thing: thing.clone(),
            provider_toml: provider_toml.clone(),
            service_toml,
            problems: Vec::new(),
        };
        let before = left_out.len();
        match draft.findings(provider, description) {
            Ok(findings) => {
                left_out.extend(findings.iter().filter_map(place));
                draft.problems = findings.into_iter().map(|finding| finding.message).collect();
            }
            Err(problems) => draft.problems = problems,
        }
        tries += 1;
        if left_out.len() == before || tries == MOST_TRIES {
            return Ok(draft);
        }
    }
}

/// What can be left out so that a finding goes: a field of a body, the `read` of a param, an output.
fn place(finding: &Finding) -> Option<String> {
    let segments: Vec<&str> = finding.at.split('.').collect();
    match segments.as_slice() {
        [verb @ ("create" | "update"), "body" | "form", name, ..] => Some(format!("{verb}.{name}")),
        ["params", name, "read", ..] => Some(format!("params.{name}.read")),
        ["name", "read", ..] => Some("name.read".to_owned()),
        ["outputs", name, ..] => Some(format!("outputs.{name}")),
        _ => None,
    }
}

impl Draft {
    /// The findings of lint, or why it is no manifest.
    fn findings(
        &self,
        provider: &str,
        description: &Description,
    ) -> Result<Vec<Finding>, Vec<String>> {
        let file = |thing: &str, text: &str| File {
            provider: provider.to_owned(),
            thing: thing.to_owned(),
            path: format!("brokers/{provider}/{thing}.toml"),
            text: text.to_owned().into(),
            origin: Origin::Project,
        };
        let files =
            vec![file("provider", &self.provider_toml), file(&self.thing, &self.service_toml)];
        let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
        let manifests = manifest::load(files, &mut sources, &mut problems);
        if !problems.is_empty() {
            return Err(problems.iter().map(|problem| problem.summary.clone()).collect());
        }
        Ok(lint(&manifests, description, &Exceptions::default()).findings)
    }
}
