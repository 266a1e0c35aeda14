//! Builds what commands work with: the config, the journal and the real world.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brokers::local;
use etcetera::BaseStrategy as _;
use jiff::Timestamp;
use provision::broker::Catalog;
use provision::config::expression::{self, Expression, Segment};
use provision::config::{Desired, Document, Format, Node, Rules, Scope, parse, parse_placeless};
use provision::diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use provision::name::{Name, is_ref};
use provision::store::{FileStore, HistoryFolder, Holder, Loaded, LockGuard, StoreError};
use provision::world::{Clock, Ids, World};
use serde_json::Value;

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::sink::Sink;
use crate::vault::AgeVault;

/// The names a config is looked for under.
const CONFIG_NAMES: [&str; 4] = ["prov.toml", "prov.yaml", "prov.yml", "prov.json"];

/// The greatest config that is read, in bytes.
const CONFIG_SIZE_MAX: u64 = 64 * 1024 * 1024;

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
}

/// A config with everything around it.
pub struct Project {
    /// The config as written.
    pub document: Document,
    /// The project's name.
    pub name: Name,
    /// The stage.
    pub stage: Name,
    /// The effects.
    pub world: World,
    /// The store, as what it is.
    pub store: FileStore,
    /// Where bound outputs land.
    pub sink: Sink,
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
            None => CONFIG_NAMES.iter().map(|name| here.join(name)).find(|path| path.exists()),
        };
        let root = config.as_deref().and_then(Path::parent).unwrap_or(&here).to_owned();
        Ok(Self { global, root, stage: Name::from(stage), sources: Sources::default(), config })
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
            let services = catalog(&self.root, self.global.allow_outside);
            self.settle(&document, &services, &mut problems)?;
        }
        problems.sort();
        Err(Failure::of(Exit::Error, problems))
    }

    /// The project without its config: for commands that only need the journal.
    ///
    /// # Errors
    /// When there is a config and it cannot be read.
    pub fn project_or_bare(&mut self) -> Result<Project, Failure> {
        if self.config.is_none() && self.global.config.is_none() {
            return self.assemble(Document::default());
        }
        self.project()
    }

    fn assemble(&self, document: Document) -> Result<Project, Failure> {
        check_version(&document)?;
        let name = match &document.project {
            Some(name) => name.value.clone(),
            None => self
                .root
                .file_name()
                .map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned()),
        };
        let name = Name::from(name);
        let store = FileStore::new(self.journal_path(&document)?, name.clone(), self.stage.clone());
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
            catalog: catalog(&self.root, self.global.allow_outside),
            vault: Arc::new(vault),
        };
        let sink = self.sink(&document)?;
        Ok(Project { document, name, stage: self.stage.clone(), world, store, sink })
    }

    fn journal_path(&self, document: &Document) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.global.journal {
            return Ok(std::env::current_dir().unwrap_or_default().join(path));
        }
        match &document.journal {
            Some(path) => {
                Ok(self.root.join(self.setting_path("journal", &path.value, path.span)?))
            }
            None => Ok(self.root.join(".prov").join(format!("{}.journal.json", self.stage))),
        }
    }

    /// A path among the settings, which may hold `${stage}` and `${env.X}`.
    fn setting_path(&self, field: &str, text: &str, span: Span) -> Result<String, Failure> {
        let unusable = |summary: String| {
            let mut problems = Diagnostics::default();
            let help = "A setting may hold `${stage}` and `${env.NAME}`.";
            problems.push(Diagnostic::error("setting", summary).at(span).help(help));
            Failure::of(Exit::Error, problems)
        };
        let segment = |segment: Segment<'_>| match segment {
            Segment::Text(text) => Ok(text.to_owned()),
            Segment::Stage => Ok(self.stage.to_string()),
            Segment::Env(name) => std::env::var(name)
                .map_err(|_| unusable(format!("The environment variable `{name}` is not set."))),
            _ => Err(unusable(format!("`{field}` reads something that is not known this early."))),
        };
        let path = match expression::parse(text) {
            Ok(Expression::Literal(literal)) => literal.into_owned(),
            Ok(Expression::Template(segments)) => {
                segments.into_iter().map(segment).collect::<Result<String, Failure>>()?
            }
            _ => return Err(unusable(format!("`{field}` is not a path: `{text}`."))),
        };
        if provision::config::escapes(&path) && !self.global.allow_outside {
            return Err(self.outside(field, &path, span));
        }
        Ok(path)
    }

    /// The folder of migrations, relative to the project.
    pub fn history(&self) -> HistoryFolder {
        HistoryFolder::new(self.root.join(&self.global.migrations))
    }

    fn sink(&self, document: &Document) -> Result<Sink, Failure> {
        let Some(node) = &document.sink else {
            return Ok(Sink::Dotenv(self.root.join(self.default_env_file())));
        };
        let value = node.to_value();
        let (kind, path) = match &value {
            Value::String(text) if text == "none" || text == "stdout" => {
                (Some(text.as_str()), None)
            }
            Value::String(text) => (None, Some(text.as_str())),
            other => (
                other.get("kind").and_then(Value::as_str),
                other.get("path").and_then(Value::as_str),
            ),
        };
        let default = self.default_env_file();
        let file = self.setting_path("sink", path.unwrap_or(&default), node.span)?;
        let is_json = kind == Some("json") || kind.is_none() && file.ends_with(".json");
        match kind {
            Some("none") => Ok(Sink::None),
            Some("stdout") if self.global.json => Ok(Sink::Events),
            Some("stdout") => Ok(Sink::Stdout),
            Some("dotenv" | "json") | None if is_json => Ok(Sink::Json(self.root.join(file))),
            Some("dotenv") | None => Ok(Sink::Dotenv(self.root.join(file))),
            Some(other) => {
                let mut problems = Diagnostics::default();
                problems.push(
                    Diagnostic::error("unknown-sink", format!("There is no sink `{other}`."))
                        .at(node.span)
                        .help("Write `dotenv`, `json`, `stdout` or `none`."),
                );
                Err(Failure::of(Exit::Error, problems))
            }
        }
    }

    /// `.env`, and for a stage that was named `.env.<stage>`, so that stages live side by side.
    fn default_env_file(&self) -> String {
        match self.stage.as_str() {
            "default" => ".env".to_owned(),
            stage => format!(".env.{stage}"),
        }
    }

    fn outside(&self, field: &str, path: &str, span: Span) -> Failure {
        let mut problems = Diagnostics::default();
        let summary = format!("`{field}` leads out of the project's folder: `{path}`.");
        problems.push(
            Diagnostic::error("outside", summary)
                .at(span)
                .help("Use a path inside it, or give `--allow-outside`."),
        );
        Failure::of(Exit::Error, problems)
    }

    fn config_text(&self) -> Result<(String, String, Format), Failure> {
        if self.global.config.as_deref() == Some(Path::new("-")) {
            return Ok((read_stdin()?, "<stdin>".to_owned(), Format::Json));
        }
        let Some(path) = &self.config else {
            return Err(Failure::with_help(
                Exit::Error,
                "no-config",
                "There is no config here: prov.toml, prov.yaml or prov.json.",
                "Run `prov init` to write one, or name one: `prov -c FILE …`.",
            ));
        };
        let name = self.display_name(path);
        let format = Format::of(&name).ok_or_else(|| {
            Failure::with_help(
                Exit::Error,
                "config-format",
                format!("{name} has none of the extensions .toml, .yaml, .yml and .json."),
                "Rename it to say which format it is.",
            )
        })?;
        Ok((read_config(path, &name)?, name, format))
    }

    fn display_name(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(&here).unwrap_or(path).display().to_string()
    }

    /// Reads a config text. JSON is first read without places, which is much faster; only when
    /// something is wrong it is read again to say where.
    fn read_document(
        &mut self,
        (text, name, format): (&str, &str, Format),
        is_included: bool,
        problems: &mut Diagnostics,
    ) -> Option<Document> {
        let source = self.sources.add(name, text);
        if text.trim().is_empty() {
            problems.push(
                Diagnostic::error("empty-config", format!("{name} is empty."))
                    .help("Run `prov init` in an empty folder to see what one looks like."),
            );
            return None;
        }
        if let Some(root) = parse_placeless(text, format) {
            let mut found = Diagnostics::default();
            let document = Document::read(root, &mut found);
            if found.is_empty() && document.include.is_empty() {
                return Some(document);
            }
        }
        let root: Node = match parse(text, format, source) {
            Ok(root) => root,
            Err(found) => {
                problems.extend(found);
                return None;
            }
        };
        let mut document = Document::read(root, problems);
        if is_included && !document.include.is_empty() {
            problems.push(Diagnostic::error("include", "An included file cannot include others."));
            return Some(document);
        }
        self.include(&mut document, problems);
        Some(document)
    }

    fn include(&mut self, document: &mut Document, problems: &mut Diagnostics) {
        for include in document.include.clone() {
            let place = |problem: Diagnostic| problem.at(include.span);
            if provision::config::escapes(&include.value) && !self.global.allow_outside {
                let summary = format!("`{}` leads out of the project's folder.", include.value);
                problems.push(
                    place(Diagnostic::error("outside", summary))
                        .help("Use a path inside it, or give `--allow-outside`."),
                );
                continue;
            }
            let path = self.root.join(&include.value);
            let Some(format) = Format::of(&include.value) else {
                let summary = format!("`{}` is not .toml, .yaml or .json.", include.value);
                problems.push(place(Diagnostic::error("config-format", summary)));
                continue;
            };
            let text = match read_config(&path, &include.value) {
                Ok(text) => text,
                Err(failure) => {
                    let summary =
                        failure.problems().iter().map(|p| p.summary.clone()).collect::<String>();
                    problems.push(place(Diagnostic::error("include", summary)));
                    continue;
                }
            };
            let read = self.read_document((&text, &include.value, format), true, problems);
            if let Some(other) = read {
                document.merge(other, problems);
            }
        }
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
        Ok(document.desired(scope, catalog, rules, problems))
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

impl Project {
    /// The journal as it is.
    ///
    /// # Errors
    /// When it is damaged, newer or unreadable.
    pub async fn load(&self) -> Result<Loaded, Failure> {
        let mut loaded = self.world.store.load().await?;
        if loaded.existed && loaded.journal.stage != self.stage {
            let summary = format!(
                "The journal {} is that of the stage `{}`, not of `{}`.",
                self.store.path().display(),
                loaded.journal.stage,
                self.stage
            );
            let help = "Give each stage its own: put `${stage}` into `journal`.";
            return Err(Failure::with_help(Exit::Error, "other-stage", summary, help));
        }
        // Version 0 of the journal does not know kinds.
        let unknown: Vec<_> =
            loaded.journal.instances.iter().filter(|i| i.kind == "").cloned().collect();
        for mut instance in unknown {
            if let Some(service) = self.world.catalog.service(instance.service.as_str()) {
                instance.kind = service.kind.clone();
                loaded.journal.instances.put(instance);
            }
        }
        Ok(loaded)
    }

    /// Becomes the one writer, waiting for at most `seconds`.
    ///
    /// # Errors
    /// Who holds the lock, when somebody still does.
    pub async fn lock(&self, command: &str, seconds: u64) -> Result<Box<dyn LockGuard>, Failure> {
        let (pid, now) = (std::process::id(), self.world.clock.now());
        let holder = Holder::since(now, pid, host(), user(), command.to_owned());
        let pause = Duration::from_millis(200);
        let mut left = Duration::from_secs(seconds);
        loop {
            match self.world.store.lock(&holder).await {
                Err(StoreError::Held(_)) if !left.is_zero() => {
                    self.world.clock.sleep(pause).await;
                    left = left.saturating_sub(pause);
                }
                answer => return Ok(answer?),
            }
        }
    }
}

/// The services this program provides.
pub fn catalog(root: &Path, allow_outside: bool) -> Catalog {
    let settings = local::Settings { root: root.to_owned(), allow_outside };
    Catalog::new(brokers::local(&settings))
}

/// The environment, as far as it is text.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    })
}

/// Where the user's own age identity is.
pub fn identity_path() -> PathBuf {
    config_home().join("prov").join("identity.txt")
}

fn config_home() -> PathBuf {
    etcetera::choose_base_strategy()
        .map_or_else(|_| PathBuf::from(".prov"), |strategy| strategy.config_dir())
}

fn read_config(path: &Path, name: &str) -> Result<String, Failure> {
    let failed = |what: &str| {
        let summary = format!("The config {name} {what}.");
        Failure::new(Exit::Error, "config-file", summary)
    };
    let metadata =
        std::fs::metadata(path).map_err(|error| failed(&format!("cannot be read: {error}")))?;
    if metadata.is_dir() {
        return Err(failed("is a folder"));
    }
    if metadata.len() > CONFIG_SIZE_MAX {
        let size = metadata.len() / 1024 / 1024;
        return Err(failed(&format!("has {size} MiB; more than 64 MiB are not read")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&format!("cannot be read: {error}")))?;
    into_text(bytes, name)
}

fn into_text(bytes: Vec<u8>, name: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let summary = format!("The config {name} is not UTF-8 (byte {at}).");
        Failure::with_help(Exit::Error, "config-file", summary, "Save it as UTF-8.")
    })
}

fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(CONFIG_SIZE_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::new(Exit::Error, "config-file", format!("Standard input: {error}."))
    })?;
    if bytes.len() as u64 > CONFIG_SIZE_MAX {
        let summary = "The config on standard input has more than 64 MiB.";
        return Err(Failure::new(Exit::Error, "config-file", summary));
    }
    into_text(bytes, "on standard input")
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

fn host() -> String {
    let from_file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    from_file.map(|name| name.trim().to_owned()).unwrap_or_else(|| "this machine".to_owned())
}

fn user() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    named.unwrap_or_else(|_| "somebody".to_owned())
}

struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Whole seconds are what a reader of the journal wants to see.
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Uuids;

impl Ids for Uuids {
    fn fresh(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}
