//! A broker as data: what a manifest may say, and reading it. `docs/manifests.md` is the reference.

mod check;
mod custody;
mod fields;
mod functions;
mod language;
mod provider;
mod request;
mod schema;
mod service;
mod template;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use provision::name::closest;
use provision::text::{Format, Node, parse};

pub(crate) use functions::KEEP;
pub use language::{Language, Outline, SyntaxError};
pub use provider::{Auth, Errors, Limits, Marker, Paging, Provider, ProviderValue, Rate, Verify};
pub use request::{Body, Part as BodyPart, Request, Step, Verb, Work};
pub use schema::json_schema;
pub use service::{
    Answer, Example, FoundBy, IdRule, Known, NameRule, OutputRule, ParamRule, Service, VERBS, Wait,
};
pub use template::{ExpressionError, Part, Scope, Template, Tree};

/// Where a manifest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It is part of the program.
    BuiltIn,
    /// It is in the user's configuration folder.
    User,
    /// It is in the project's folder.
    Project,
}

impl Origin {
    /// The words for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built in",
            Self::User => "user",
            Self::Project => "project",
        }
    }
}

/// A file of a broker as it was found.
#[derive(Clone, Debug)]
pub struct File {
    /// The name of its folder, e.g. `cloudflare`.
    pub provider: String,
    /// Its own name without `.toml`, e.g. `d1`; `provider` describes the provider.
    pub thing: String,
    /// What to call it in messages.
    pub path: String,
    /// Its text.
    pub text: Cow<'static, str>,
    /// Where it comes from.
    pub origin: Origin,
}

/// A service, its provider and its file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The service.
    pub service: Service,
    /// The provider.
    pub provider: Arc<Provider>,
    /// The file.
    pub file: File,
}

/// Every service of `files` that can be read; what is wrong goes to `problems`. Of two files of one
/// name the one from nearer to the project counts. Files that are built in are taken as correct.
pub fn load(files: Vec<File>, sources: &mut Sources, problems: &mut Diagnostics) -> Vec<Manifest> {
    let is_trusted = |file: &&File| file.thing == "provider" && file.origin != Origin::Project;
    let trusted: Vec<File> = files.iter().filter(is_trusted).cloned().collect();
    let mut chosen: BTreeMap<(String, String), File> = BTreeMap::new();
    for file in files {
        let key = (file.provider.clone(), file.thing.clone());
        if chosen.get(&key).is_none_or(|known| known.origin <= file.origin) {
            chosen.insert(key, file);
        }
    }
    let language = Language::new(crate::local::Settings::default());
    custody::check(&trusted, &chosen, problems);
    let (providers, services): (Vec<_>, Vec<_>) =
        chosen.into_values().partition(|file| file.thing == "provider");
    let mut known: BTreeMap<String, Arc<Provider>> = BTreeMap::new();
    for file in providers {
        if let Some(provider) = read_provider(&file, &language, sources, problems) {
            known.insert(file.provider.clone(), Arc::new(provider));
        }
    }
    let mut manifests = Vec::new();
    for file in services {
        match known.get(&file.provider) {
            Some(provider) => {
                let provider = Arc::clone(provider);
                let service = read_service(&file, &provider, &language, sources, problems);
                manifests.extend(service.map(|service| Manifest { service, provider, file }));
            }
            None if problems.has_errors() => {}
            None => problems.push(without_provider(&file, &known)),
        }
    }
    manifests
}

fn without_provider(file: &File, known: &BTreeMap<String, Arc<Provider>>) -> Diagnostic {
    let summary = format!("{} has no provider.toml beside it.", file.path);
    let help = match closest(&file.provider, known.keys().map(String::as_str)) {
        Some(word) => format!("Did you mean the folder `{word}`?"),
        None => "Say there how the provider is spoken to; docs/manifests.md tells how.".to_owned(),
    };
    Diagnostic::error("no-provider", summary).help(help)
}

fn node_of(file: &File, sources: &mut Sources, problems: &mut Diagnostics) -> Option<Node> {
    let source = sources.add(file.path.clone(), file.text.clone());
    match parse(&file.text, Format::Toml, source) {
        Ok(node) => Some(node),
        Err(found) => {
            problems.extend(found);
            None
        }
    }
}

fn read_provider(
    file: &File,
    language: &Language,
    sources: &mut Sources,
    problems: &mut Diagnostics,
) -> Option<Provider> {
    let node = node_of(file, sources, problems)?;
    let found = RefCell::default();
    let provider = Provider::read(&file.provider, &node, &found);
    let mut found = found.into_inner();
    if file.origin != Origin::BuiltIn {
        check::provider(&provider, &file.text, language, &mut found);
    }
    let is_sound = !found.has_errors();
    problems.extend(found);
    is_sound.then_some(provider)
}

fn read_service(
    file: &File,
    provider: &Provider,
    language: &Language,
    sources: &mut Sources,
    problems: &mut Diagnostics,
) -> Option<Service> {
    let node = node_of(file, sources, problems)?;
    let found = RefCell::default();
    let service = Service::read(&format!("{}-{}", file.provider, file.thing), &node, &found);
    let mut found = found.into_inner();
    if file.origin != Origin::BuiltIn && !found.has_errors() {
        check::service(&service, provider, (&file.text, language), &mut found);
    }
    let is_sound = !found.has_errors();
    problems.extend(found);
    is_sound.then_some(service)
}
