//! Builds what commands work with: the config, the journal and the real world.

mod brokers;
mod project;
mod reading;
mod settings;
mod system;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::brokers::manifest::Broken;
use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use provision::name::{Name, is_ref};
use provision::store::{FileStore, HistoryFolder};
use provision::text::{Format, parse};
use provision::world::World;
use serde_json::Value;

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::trace;
use crate::vault::AgeVault;
use system::{SystemClock, Uuids, identity_path};

pub use self::brokers::{Brokers, credentials};
pub use project::Project;
pub use system::{environment, host, names_of};

/// The names a config is looked for under.
const CONFIG_NAMES: [&str; 4] = ["prov.toml", "prov.yaml", "prov.yml", "prov.json"];

/// One invocation: what was typed, the project it is about, and the texts that were read.
pub struct Context {
    /// What was typed.
    pub global: Global,
    /// The project's folder, absolute.
    pub root: PathBuf,
    /// The stage.
    pub stage: Name,
    /// Every text that was read.
    pub sources: Sources,
    config: Option<PathBuf>,
    brokers: Option<Brokers>,
    /// Files of manifests that cannot be used and were not named yet.
    unnamed: Vec<Broken>,
}

impl Context {
    /// Looks where we are. Reads nothing yet.
    ///
    /// # Errors
    /// When the stage's name could not be part of a file name, or the folder is gone.
    pub fn new(global: Global) -> Result<Self, Failure> {
        let stage = global.stage.clone().unwrap_or_else(|| "default".to_owned());
        if !is_ref(&stage) {
            return Err(Failure::with_help(
                Exit::Usage,
                "stage-name",
                format!("`{stage}` cannot be the name of a stage."),
                "Use letters, digits, `_` and `-`.",
            ));
        }
        let here = std::env::current_dir().map_err(|error| {
            Failure::new(Exit::Error, "io", format!("The current folder is gone: {error}."))
        })?;
        let config = match &global.config {
            Some(path) if path == Path::new("-") => None,
            Some(path) => Some(here.join(path)),
            None => only_config(&here)?,
        };
        let root = config.as_deref().and_then(Path::parent).unwrap_or(&here).to_owned();
        Ok(Self {
            global,
            root,
            stage: Name::from(stage),
            sources: Sources::default(),
            config,
            brokers: None,
            unnamed: Vec::new(),
        })
    }

    /// Reads the config and everything it includes.
    ///
    /// # Errors
    /// Everything that is wrong with it: also with its instances, so that one run says it all.
    pub fn project(&mut self) -> Result<Project, Failure> {
        let (text, name, format) = self.config_text()?;
        let mut problems = Diagnostics::default();
        let document = self.read_document((&text, &name, format), false, &mut problems);
        if !problems.has_errors() {
            return self.assemble(document.unwrap_or_default());
        }
        if let Some(document) = document {
            match self.brokers_for(&document) {
                Ok(brokers) => {
                    self.settle(&document, &brokers.catalog(), &mut problems)?;
                }
                Err(failure) => problems.extend(failure.problems().clone()),
            }
        }
        problems.sort();
        Err(Failure::of(Exit::Error, problems))
    }

    /// Whether there is a config, or one was named.
    pub fn has_config(&self) -> bool {
        self.config.is_some() || self.global.config.is_some()
    }

    /// The project without its config: for commands that only need the journal.
    ///
    /// # Errors
    /// When there is a config and it cannot be read.
    pub fn project_or_bare(&mut self) -> Result<Project, Failure> {
        if !self.has_config() {
            return self.assemble(Document::default());
        }
        self.project()
    }

    fn assemble(&mut self, document: Document) -> Result<Project, Failure> {
        check_version(&document)?;
        let catalog = self.brokers_for(&document)?.catalog();
        let name = match &document.project {
            Some(name) => name.value.clone(),
            None => self
                .root
                .file_name()
                .map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned()),
        };
        let name = Name::from(name);
        let store = FileStore::new(self.journal_path(&document)?, name.clone(), self.stage.clone());
        for path in store.beside() {
            self.typed(path)?;
        }
        let recipients: Vec<String> =
            document.recipients.iter().map(|recipient| recipient.value.clone()).collect();
        let given = std::env::var("PROV_AGE_IDENTITY").ok();
        let vault = AgeVault::new(&recipients, given, identity_path()).map_err(|error| {
            Failure::new(Exit::Error, "recipient", sentence(&error.to_string()))
        })?;
        let world = World {
            clock: Arc::new(SystemClock),
            ids: Arc::new(Uuids),
            store: Arc::new(store.clone()),
            catalog,
            vault: Arc::new(vault),
        };
        let sink = self.sink(&document)?;
        Ok(Project { document, name, stage: self.stage.clone(), world, store, sink })
    }

    /// The folder of migrations, relative to the project.
    ///
    /// # Errors
    /// When it, or a file in it, is a link that leads out of the project.
    pub fn history(&self) -> Result<HistoryFolder, Failure> {
        let folder = self.typed(&self.root.join(&self.global.migrations))?;
        for place in [folder.clone(), folder.join("meta")] {
            let found = std::fs::read_dir(self.typed(&place)?);
            for entry in found.into_iter().flatten().flatten() {
                self.typed(&entry.path())?;
            }
        }
        Ok(HistoryFolder::new(folder))
    }

    /// The desired state of the project in this stage. Takes the document.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn desired(&mut self, project: &mut Project) -> Result<Desired, Failure> {
        // The document is not needed any more, and of a large config it is the largest part.
        let document = std::mem::take(&mut project.document);
        match self.desired_of(&document, &project.world.catalog) {
            Ok(desired) => Ok(desired),
            Err(failure) => {
                // Read without places the first time: read again to say where.
                let (text, name, format) = match self.sources.get(0) {
                    Some(source) => {
                        let format = Format::of(&source.name).unwrap_or(Format::Json);
                        (source.text.clone(), source.name.clone(), format)
                    }
                    None => return Err(failure),
                };
                if format != Format::Json {
                    return Err(failure);
                }
                self.sources = Sources::default();
                let source = self.sources.add(name, text.clone());
                let mut problems = Diagnostics::default();
                let root = parse(&text, format, source)
                    .map_err(|problems| Failure::of(Exit::Error, problems))?;
                let mut document = Document::read(root, &mut problems);
                self.include(&mut document, &mut problems);
                self.desired_of(&document, &project.world.catalog)
            }
        }
    }

    /// The desired state of any document in this stage.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn desired_of(&self, document: &Document, catalog: &Catalog) -> Result<Desired, Failure> {
        let mut problems = Diagnostics::default();
        let desired = self.settle(document, catalog, &mut problems)?;
        desired.ok_or_else(|| {
            problems.sort();
            Failure::of(Exit::Error, problems)
        })
    }

    fn settle(
        &self,
        document: &Document,
        catalog: &Catalog,
        problems: &mut Diagnostics,
    ) -> Result<Option<Desired>, Failure> {
        let scope = Scope {
            stage: self.stage.to_string(),
            vars: self.given_vars()?,
            env: environment().collect(),
        };
        let rules = Rules { allow_outside: self.global.allow_outside };
        let desired = document.desired(scope, catalog, rules, problems);
        // Nobody can tell which variables are secrets, so all that are read are.
        desired.iter().flat_map(|desired| desired.env.values()).for_each(|it| trace::hide_text(it));
        Ok(desired)
    }

    /// `--var NAME=VALUE` and `PROV_VAR_NAME`; the flag wins.
    fn given_vars(&self) -> Result<BTreeMap<String, Value>, Failure> {
        let mut vars = BTreeMap::new();
        for (name, value) in environment() {
            if let Some(name) = name.strip_prefix("PROV_VAR_") {
                vars.insert(name.to_owned(), Value::from(value));
            }
        }
        for given in &self.global.var {
            let Some((name, value)) = given.split_once('=') else {
                return Err(Failure::with_help(
                    Exit::Usage,
                    "usage",
                    format!("`--var {given}` has no value."),
                    "Write `--var NAME=VALUE`.",
                ));
            };
            vars.insert(name.to_owned(), Value::from(value));
        }
        Ok(vars)
    }
}

/// Refuses a config that wants another version of prov.
fn check_version(document: &Document) -> Result<(), Failure> {
    let Some(wanted) = &document.required_version else { return Ok(()) };
    let summary = match semver::VersionReq::parse(&wanted.value) {
        Ok(range) => {
            let own = semver::Version::parse(env!("CARGO_PKG_VERSION"));
            if own.is_ok_and(|own| range.matches(&own)) {
                return Ok(());
            }
            format!(
                "This config wants prov {}, this is prov {}.",
                wanted.value,
                env!("CARGO_PKG_VERSION")
            )
        }
        Err(error) => format!("`{}` is not a range of versions: {error}.", wanted.value),
    };
    let mut problems = Diagnostics::default();
    problems.push(Diagnostic::error("required-version", summary).at(wanted.span));
    Err(Failure::of(Exit::Error, problems))
}

/// The one config of a folder.
fn only_config(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let names: Vec<&str> =
        CONFIG_NAMES.into_iter().filter(|name| folder.join(name).exists()).collect();
    if let [first, second, ..] = names.as_slice() {
        let summary = format!("There are two configs here: {first} and {second}.");
        let help = format!("Remove one, or say which: `prov -c {first} …`.");
        return Err(Failure::with_help(Exit::Error, "two-configs", summary, help));
    }
    Ok(names.first().map(|name| folder.join(name)))
}
