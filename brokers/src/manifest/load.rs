//! Reads the files of brokers, and tells which of them cannot be used and why.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use provision::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use provision::name::closest;
use provision::text::{Format, Node, parse};

use super::language::Language;
use super::provider::Provider;
use super::service::Service;
use super::{check, custody};

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

impl File {
    /// The id of the service that it describes.
    #[must_use]
    pub fn service(&self) -> String {
        format!("{}-{}", self.provider, self.thing)
    }

    fn is_provider(&self) -> bool {
        self.thing == "provider"
    }
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

/// A file that cannot be used.
#[derive(Clone, Debug)]
pub struct Broken {
    /// What to call it in messages.
    pub path: String,
    /// The name of its folder.
    pub provider: String,
    /// The services that are left out because of it.
    pub services: Vec<String>,
    /// Its text, as far as it can be read.
    pub text: Cow<'static, str>,
    /// What is wrong with it: places are in its text alone.
    pub problems: Diagnostics,
}

impl Broken {
    /// What is wrong with it, for messages that show it beside texts that were read before.
    pub fn shown(&self, sources: &mut Sources) -> Diagnostics {
        let source = sources.add(self.path.clone(), self.text.clone());
        let mut shown = Diagnostics::default();
        for problem in self.problems.iter() {
            let span = problem.span.map(|span| Span { source, ..span });
            shown.push(Diagnostic { span, ..problem.clone() });
        }
        shown.sort();
        shown
    }
}

/// What was read of the files of brokers.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Every service that can be used.
    pub manifests: Vec<Manifest>,
    /// The files that cannot.
    pub broken: Vec<Broken>,
}

/// Every service of `files` that can be read; what is wrong goes to `problems`. Of two files of one
/// name the one from nearer to the project counts. Files that are built in are taken as correct.
pub fn load(files: Vec<File>, sources: &mut Sources, problems: &mut Diagnostics) -> Vec<Manifest> {
    let loaded = read(files, sources);
    loaded.broken.into_iter().for_each(|broken| problems.extend(broken.problems));
    loaded.manifests
}

/// The same, with what is wrong file by file.
pub fn read(files: Vec<File>, sources: &mut Sources) -> Loaded {
    let is_own = |file: &File| file.is_provider() && file.origin == Origin::Project;
    // Only what comes with a project is held to what the user trusts.
    let trusted = match files.iter().any(is_own) {
        true => files.iter().filter(|file| file.is_provider() && !is_own(file)).collect(),
        false => Vec::new(),
    };
    let trusted = trusted.into_iter().filter_map(custody::read).collect();
    let mut chosen: BTreeMap<(String, String), File> = BTreeMap::new();
    for file in files {
        let key = (file.provider.clone(), file.thing.clone());
        if chosen.get(&key).is_none_or(|known| known.origin <= file.origin) {
            chosen.insert(key, file);
        }
    }
    let (providers, services): (Vec<_>, Vec<_>) = chosen.into_values().partition(File::is_provider);
    let language = Language::new(crate::local::Settings::default());
    let mut reader = Reader {
        language,
        sources,
        trusted,
        providers: BTreeMap::new(),
        loaded: Loaded::default(),
    };
    for file in &providers {
        let lost = services.iter().filter(|other| other.provider == file.provider);
        reader.provider(file, lost.map(File::service).collect());
    }
    services.into_iter().for_each(|file| reader.service(file));
    reader.loaded
}

struct Reader<'a> {
    language: Language,
    sources: &'a mut Sources,
    trusted: Vec<Provider>,
    /// By folder; `None` for one that cannot be used.
    providers: BTreeMap<String, Option<Arc<Provider>>>,
    loaded: Loaded,
}

impl Reader<'_> {
    fn provider(&mut self, file: &File, services: Vec<String>) {
        let mut problems = Diagnostics::default();
        let provider = self.node_of(file, &mut problems).map(|node| {
            let found = RefCell::default();
            let mut provider = Provider::read(&file.provider, &node, &found);
            provider.path.clone_from(&file.path);
            provider.text.clone_from(&file.text);
            problems.extend(found.into_inner());
            if file.origin == Origin::Project {
                problems.extend(custody::check(&self.trusted, file, (&provider, &node)));
            }
            if file.origin != Origin::BuiltIn {
                check::provider(&provider, &file.text, &self.language, &mut problems);
            }
            Arc::new(provider)
        });
        let provider = provider.filter(|_| !problems.has_errors());
        if provider.is_none() {
            self.broken(file, services, &problems);
        }
        self.providers.insert(file.provider.clone(), provider);
    }

    fn service(&mut self, file: File) {
        let mut problems = Diagnostics::default();
        let provider = self.providers.get(&file.provider).cloned();
        if provider.is_none() {
            problems.push(self.without_provider(&file));
        }
        let provider = provider.flatten();
        let service = self.node_of(&file, &mut problems).map(|node| {
            let found = RefCell::default();
            let service = Service::read(&file.service(), &node, &found);
            problems.extend(found.into_inner());
            if file.origin != Origin::BuiltIn {
                let around = (&*file.text, &self.language);
                check::service(&service, provider.as_deref(), around, &mut problems);
            }
            service
        });
        if problems.has_errors() {
            return self.broken(&file, vec![file.service()], &problems);
        }
        if let Some((service, provider)) = service.zip(provider) {
            self.loaded.manifests.push(Manifest { service, provider, file });
        }
    }

    fn broken(&mut self, file: &File, services: Vec<String>, problems: &Diagnostics) {
        let mut seen = BTreeSet::new();
        let mut once = Diagnostics::default();
        for problem in problems.iter() {
            let place = problem.span.map(|span| (span.source, span.start, span.end));
            if seen.insert((place, problem.summary.clone())) {
                once.push(problem.clone());
            }
        }
        self.loaded.broken.push(Broken {
            path: file.path.clone(),
            provider: file.provider.clone(),
            services,
            text: file.text.clone(),
            problems: once,
        });
    }

    fn node_of(&mut self, file: &File, problems: &mut Diagnostics) -> Option<Node> {
        let source = self.sources.add(file.path.clone(), file.text.clone());
        match parse(&file.text, Format::Toml, source) {
            Ok(node) => Some(node),
            Err(found) => {
                problems.extend(found);
                None
            }
        }
    }

    fn without_provider(&self, file: &File) -> Diagnostic {
        let summary = format!("{} has no provider.toml beside it.", file.path);
        let help = match closest(&file.provider, self.providers.keys().map(String::as_str)) {
            Some(word) => format!("Did you mean the folder `{word}`?"),
            None => {
                "Say there how the provider is spoken to; docs/manifests.md tells how.".to_owned()
            }
        };
        Diagnostic::error("no-provider", summary).help(help)
    }
}
