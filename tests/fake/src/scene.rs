//! The engine and one provider: plans and runs, and what is true afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use brokers::local::Settings;
use brokers::rest::{RestBroker, Surroundings};
use provision::broker::{Broker, BrokerError, Catalog};
use provision::config::{Desired, Document, Rules, Scope, expression};
use provision::diagnostic::Diagnostics;
use provision::name::Name;
use provision::observe::{self, Observation};
use provision::plan::{self, Action, Input, Options, Plan};
use provision::run::{self, Ended, Outcome, Settings as RunSettings, Silent};
use provision::state::{Instance, Journal};
use provision::store::MemoryStore;
use provision::value::as_text;
use provision::world::World;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::clock::Time;
use crate::fake::{Fake, Logged};
use crate::front::Front;
use crate::model::{Model, PROJECT, STAGE, Wanted};
use crate::wire::Handler;
use prov_sim::stand_in::{CountingIds, MirrorVault};

/// Which values of the provider the environment says.
#[derive(Clone, Copy, PartialEq)]
pub enum Values {
    InEnvironment,
    Asked,
}

/// A provider, the engine beside it, and an empty journal.
pub struct Scene {
    pub model: Arc<Model>,
    pub world: World,
    pub broker: Arc<RestBroker>,
    fake: Arc<Mutex<Fake>>,
}

/// A provider and a broker that may see one scene after the other: a broker's connection costs more
/// than a scene.
pub struct House {
    model: Arc<Model>,
    time: Arc<Time>,
    broker: Arc<RestBroker>,
    fake: Arc<Mutex<Fake>>,
    handler: Arc<Handler>,
    front: Arc<dyn Front>,
}

impl House {
    /// A provider of `model` behind `front`, and a broker that knows so many of its values.
    pub async fn new(
        (model, values): (&Arc<Model>, Values),
        root: &Path,
        front: &Arc<dyn Front>,
    ) -> Self {
        let time = Arc::new(Time::default());
        let fake = Arc::new(Mutex::new(Fake::new(Arc::clone(model), Arc::clone(&time))));
        let behind = Arc::clone(&fake);
        let handler = move |request| behind.lock().unwrap().handle(&request);
        let handler: Arc<Handler> = Arc::new(handler);
        let url = front.place(Arc::clone(&handler)).await;
        let env = environment(model, &url, values);
        let around = Surroundings {
            settings: Settings { root: root.to_owned(), allow_outside: false },
            env: Arc::new(move |name: &str| env.get(name).cloned()),
            stored: Arc::new(|_: &str, _: &str| Ok(None)),
            timer: Arc::clone(&time) as Arc<dyn brokers::http::Timer>,
            accounts: Default::default(),
        };
        let manifest = model.manifest.clone();
        let provider = Arc::clone(&manifest.provider);
        let broker = Arc::new(RestBroker::new(provider, vec![manifest], around));
        let (model, front) = (Arc::clone(model), Arc::clone(front));
        Self { model, time, broker, fake, handler, front }
    }

    /// An empty provider and an empty journal.
    pub fn scene(&self) -> Scene {
        let (model, time) = (Arc::clone(&self.model), Arc::clone(&self.time));
        self.front.replace(&self.handler);
        *self.fake.lock().unwrap() = Fake::new(Arc::clone(&model), Arc::clone(&time));
        let journal = Journal::empty(Name::from(PROJECT), Name::from(STAGE));
        let world = World {
            clock: time,
            ids: Arc::new(CountingIds::default()),
            store: Arc::new(MemoryStore::new(journal)),
            catalog: Catalog::new([Arc::clone(&self.broker) as Arc<dyn Broker>]),
            vault: Arc::new(MirrorVault),
        };
        let (broker, fake) = (Arc::clone(&self.broker), Arc::clone(&self.fake));
        Scene { model, world, broker, fake }
    }
}

impl Scene {
    pub fn fake(&self) -> MutexGuard<'_, Fake> {
        self.fake.lock().unwrap()
    }

    pub async fn journal(&self) -> Journal {
        self.world.store.load().await.unwrap().journal
    }

    /// The one entry of the journal.
    pub async fn entry(&self) -> Option<Instance> {
        let journal = self.journal().await;
        journal.instances.iter().next().cloned()
    }

    /// The requests from a place of the log on.
    pub fn since(&self, start: usize) -> Vec<Logged> {
        self.fake().log.get(start..).unwrap_or_default().to_vec()
    }

    pub fn log_length(&self) -> usize {
        self.fake().log.len()
    }

    /// The plan toward `wanted`, or why there is none.
    pub async fn plan(&self, wanted: &Wanted, options: Options) -> Result<(Plan, Desired), String> {
        let desired = self.desired(wanted)?;
        let journal = self.journal().await;
        let findings = observe::gather(&desired, &journal, &self.world).await;
        if let Some((_, error)) = findings.errors.first() {
            return Err(told(error));
        }
        let options = Options {
            prune: true,
            force: true,
            found: findings.found,
            contents: findings.contents,
            ..options
        };
        let input = Input {
            desired: &desired,
            journal: &journal,
            catalog: &self.world.catalog,
            options: &options,
        };
        let plan = plan::plan(input);
        if plan.problems.has_errors() {
            return Err(format!("{:?}", plan.problems));
        }
        Ok((plan, desired))
    }

    /// What stands against the plan toward `wanted`.
    pub async fn preflight(&self, wanted: &Wanted) -> Result<Vec<BrokerError>, String> {
        let (plan, desired) = self.plan(wanted, Options::default()).await?;
        let journal = self.journal().await;
        let found = observe::preflight(&plan, &desired, &journal, &self.world).await;
        Ok(found.into_iter().map(|(_, error)| error).collect())
    }

    /// Plans and runs; answers what failed.
    pub async fn apply(&self, wanted: &Wanted) -> Result<Plan, String> {
        self.apply_with(wanted, Options::default()).await
    }

    pub async fn apply_with(&self, wanted: &Wanted, options: Options) -> Result<Plan, String> {
        self.fake().declare(wanted);
        let (plan, desired) = self.plan(wanted, options).await?;
        let ended = self.run(&plan, Some(&desired)).await?;
        failures(&ended).map_or(Ok(plan), Err)
    }

    /// Applies until it works, in at most so many runs; answers the last failure.
    pub async fn apply_up_to(&self, wanted: &Wanted, runs: usize) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..runs {
            match self.apply(wanted).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn run(&self, plan: &Plan, desired: Option<&Desired>) -> Result<Ended, String> {
        let stop = Notify::new();
        let env = desired.map(|desired| desired.env.clone()).unwrap_or_else(|| self.env());
        let settings = RunSettings {
            run: self.world.ids.fresh(),
            command: "apply".to_owned(),
            parallelism: 1,
            force: true,
            stop: &stop,
            observer: &Silent,
            env: &env,
            ledger: None,
        };
        let journal = self.journal().await;
        let ended = run::run(plan, desired, journal, &self.world, &settings).await;
        ended.map_err(|error| error.to_string())
    }

    /// Destroys everything.
    pub async fn teardown(&self) -> Result<(), String> {
        let journal = self.journal().await;
        let options = Options { prune: true, force: true, ..Options::default() };
        let plan = plan::teardown(&journal, &options);
        let ended = self.run(&plan, None).await?;
        failures(&ended).map_or(Ok(()), Err)
    }

    /// A look at everything in the journal.
    pub async fn pull(&self) -> Vec<Observation> {
        let journal = self.journal().await;
        observe::pull(&journal, &self.world, &self.env(), 1).await
    }

    /// The plan after such a look, with the journal brought to it.
    pub async fn refreshed(&self, wanted: &Wanted) -> Result<Plan, String> {
        let seen = self.pull().await;
        let journal = self.journal().await;
        let refreshed = observe::refresh(journal, &seen, &self.world).map_err(|e| e.to_string())?;
        if let Some((_, error)) = refreshed.errors.first() {
            return Err(error.clone());
        }
        self.world.store.save(&refreshed.journal).await.map_err(|error| error.to_string())?;
        let options = Options { edited: refreshed.edited, ..Options::default() };
        self.plan(wanted, options).await.map(|(plan, _)| plan)
    }

    /// Refreshes, plans and runs.
    pub async fn mend(&self, wanted: &Wanted) -> Result<(), String> {
        let seen = self.pull().await;
        let journal = self.journal().await;
        let refreshed = observe::refresh(journal, &seen, &self.world).map_err(|e| e.to_string())?;
        self.world.store.save(&refreshed.journal).await.map_err(|error| error.to_string())?;
        let options = Options { edited: refreshed.edited, ..Options::default() };
        self.apply_with(wanted, options).await.map(drop)
    }

    /// The environment that sensitive params come from.
    fn env(&self) -> BTreeMap<Name, String> {
        let wanted = self.fake().wanted.clone();
        let (_, env) = self.config(&wanted);
        env.into_iter().map(|(name, value)| (Name::from(name), value)).collect()
    }

    fn desired(&self, wanted: &Wanted) -> Result<Desired, String> {
        let (config, env) = self.config(wanted);
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(config, &mut problems);
        let scope = Scope { stage: STAGE.to_owned(), env, ..Scope::default() };
        let desired = document.desired(scope, &self.world.catalog, Rules::default(), &mut problems);
        desired.ok_or_else(|| format!("the config has problems: {problems:?}"))
    }

    /// The config, and the environment that its secrets come from.
    fn config(&self, wanted: &Wanted) -> (Map<String, Value>, BTreeMap<String, String>) {
        let mut env = BTreeMap::new();
        let mut params = Map::new();
        for (key, value) in &wanted.params {
            let rule = self.model.manifest.service.param(key);
            let is_secret = rule.is_some_and(|rule| rule.param.sensitive);
            params.insert(key.clone(), written(value, is_secret, &mut env));
        }
        let instance = json!({
            "ref": wanted.reference,
            "service": self.model.manifest.service.id,
            "name": expression::escape(&wanted.name),
            "params": params,
        });
        (Map::from_iter([("instances".to_owned(), json!([instance]))]), env)
    }
}

/// A value as it is written in a config; texts that are secret come from the environment.
fn written(value: &Value, is_secret: bool, env: &mut BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) if is_secret => {
            let name = format!("SECRET_{}", env.len());
            env.insert(name.clone(), text.clone());
            Value::from(format!("${{env.{name}}}"))
        }
        Value::String(text) => Value::from(expression::escape(text)),
        Value::Array(items) => items.iter().map(|item| written(item, is_secret, env)).collect(),
        Value::Object(table) => {
            let entries = table.iter();
            entries.map(|(key, value)| (key.clone(), written(value, is_secret, env))).collect()
        }
        other => other.clone(),
    }
}

/// The credential of tests, by the name of the secret.
pub fn credential(secret: &str) -> String {
    format!("credential-{secret}-0f1e2d3c4b5a")
}

/// The environment in which a provider of `model` is asked at `url`.
pub fn environment(model: &Model, url: &str, values: Values) -> BTreeMap<String, String> {
    let provider = &model.manifest.provider;
    let mut env = BTreeMap::new();
    if let Some(name) = provider.base_url_env.first() {
        env.insert(name.clone(), url.to_owned());
    }
    for (secret, names) in provider.auth.first().iter().flat_map(|auth| &auth.secrets) {
        env.extend(names.first().map(|name| (name.clone(), credential(secret))));
    }
    for (value, rule) in &provider.values {
        if values == Values::InEnvironment || rule.request.is_none() {
            env.extend(
                rule.env.first().map(|name| (name.clone(), as_text(&model.provider[value]))),
            );
        }
    }
    env
}

/// An error with its help.
pub fn told(error: &BrokerError) -> String {
    match &error.help {
        Some(help) => format!("{error} — {help}"),
        None => error.to_string(),
    }
}

fn failures(ended: &Ended) -> Option<String> {
    let failed = ended.outcomes.values().find_map(|outcome| match outcome {
        Outcome::Failed { error, help } => {
            Some(format!("{error} — {}", help.clone().unwrap_or_default()))
        }
        _ => None,
    });
    failed.or_else(|| (!ended.is_complete()).then(|| format!("{:?}", ended.outcomes)))
}

/// What a plan would do, a line.
pub fn story(plan: &Plan) -> String {
    let steps = plan.steps.iter().filter(|step| step.action != Action::Noop);
    let change =
        |change: &plan::Change| format!("{} {:?} → {:?}", change.path, change.before, change.after);
    let line = |step: &plan::Step| {
        let changes: Vec<String> = step.changes.iter().map(change).collect();
        format!("{} ({}): {}", step.action.as_str(), step.reason, changes.join(", "))
    };
    steps.map(line).collect::<Vec<_>>().join("; ")
}
