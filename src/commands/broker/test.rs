//! `prov broker test`: the whole life of one instance at the configured provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use brokers::manifest::{self, Manifest};
use provision::broker::{DeprovisionRequest, FindRequest, KnownIds};
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use provision::name::Name;
use provision::observe::{self, Drift, LiveState};
use provision::plan::{self, Input, Options, Plan};
use provision::run::{self, Ended, Outcome, Settings, Silent};
use provision::state::{Instance, Journal};
use provision::store::MemoryStore;
use provision::text::{Format, parse};
use provision::world::World;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::context::{Context, environment};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{BAD, GOOD, out, paint};
use crate::view;

/// The ref of the one instance.
const REFERENCE: &str = "test";

/// What a removal says that did not end well.
const LEFT: &str = "It may still be there: look at the provider.";

/// What `prov broker test` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The service, e.g. `cloudflare-d1`
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Its params as JSON, instead of those of the manifest's example
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// The name of the instance, instead of the example's
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Do it: something real is made, which may cost money, and destroyed again
    #[arg(short, long)]
    yes: bool,
}

/// One thing that was tried.
struct Trial {
    what: &'static str,
    seen: Result<String, String>,
}

/// Runs it.
///
/// # Errors
/// When something that should have worked did not.
pub async fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let manifest = super::manifest(context, &args.service)?;
    let (config, secrets) = config(context, args, &manifest)?;
    if !args.yes {
        let summary = format!(
            "This makes a `{}` at {} and destroys it.",
            args.service, manifest.provider.name
        );
        let help = "It is real and may cost money. If that is meant: `--yes`.";
        return Err(Failure::with_help(Exit::Refused, "decision-needed", summary, help));
    }
    let of = match args.params {
        Some(_) => "--params".to_owned(),
        None => format!("{} [example]", manifest.file.path),
    };
    let bench = Bench::new(context, (&config, secrets), &of)?;
    let trials = bench.life(&manifest).await?;
    let is_good = trials.iter().all(|trial| trial.seen.is_ok());
    if context.global.json {
        let trials: Vec<Value> = trials.iter().map(as_json).collect();
        view::document(&view::versioned(json!({
            "service": args.service, "passed": is_good, "trials": trials,
        })));
    } else {
        trials.iter().for_each(show);
    }
    Ok(if is_good { Exit::Done } else { Exit::Error })
}

fn as_json(trial: &Trial) -> Value {
    let (passed, seen) = match &trial.seen {
        Ok(seen) => (true, seen),
        Err(seen) => (false, seen),
    };
    json!({ "trial": trial.what, "passed": passed, "seen": seen })
}

fn show(trial: &Trial) {
    match &trial.seen {
        Ok(seen) => out(format!("{} {:<10} {seen}", paint(GOOD, "ok  "), trial.what)),
        Err(seen) => out(format!("{} {:<10} {seen}", paint(BAD, "FAIL"), trial.what)),
    }
}

/// Variables that stand for the secrets of an example, which a config may not hold.
type Secrets = Vec<(String, String)>;

/// A config of one instance.
fn config(
    context: &mut Context,
    args: &Args,
    manifest: &Manifest,
) -> Result<(Map<String, Value>, Secrets), Failure> {
    let example = &manifest.service.example;
    let mut params: Value = match &args.params {
        Some(text) => given(context, manifest, text)?,
        None => Value::Object(example.params.clone()),
    };
    let mut secrets = Secrets::new();
    if let Value::Object(params) = &mut params {
        let is_secret = |key: &str| manifest.service.param(key).is_some_and(|r| r.param.sensitive);
        for (_, value) in params.iter_mut().filter(|(key, _)| is_secret(key)) {
            hide(value, &mut secrets);
        }
    }
    let name = args.name.clone().or_else(|| example.name.clone());
    let instance = json!({
        "ref": REFERENCE,
        "service": args.service,
        "name": name.unwrap_or_else(|| format!("prov-test-{}", manifest.file.thing)),
        "params": params,
        "protected": false,
    });
    Ok((Map::from_iter([("instances".to_owned(), json!([instance]))]), secrets))
}

/// The params of the command line, held to the manifest: what is wrong points at what was typed.
fn given(context: &mut Context, manifest: &Manifest, text: &str) -> Result<Value, Failure> {
    context.sources = Sources::default();
    let source = context.sources.add("--params", text);
    let params = parse(text, Format::Json, source);
    let params = params.map_err(|problems| Failure::of(Exit::Usage, problems))?;
    let problems = manifest::check_params(&manifest.service, &params);
    if problems.has_errors() {
        return Err(Failure::of(Exit::Usage, problems));
    }
    Ok(params.to_value())
}

/// The same problems of a config that nobody wrote: they are about the params, wherever those are
/// from, and point into no file.
fn about_params(problems: &Diagnostics, of: &str) -> Diagnostics {
    let mut others = Diagnostics::default();
    for problem in problems.iter() {
        let summary = format!("{of}: {}", problem.summary);
        others.push(Diagnostic::error(problem.code, summary).maybe_help(problem.help.clone()));
    }
    others
}

/// Puts a reference to a variable in the place of every text.
fn hide(value: &mut Value, secrets: &mut Secrets) {
    match value {
        Value::String(text) => {
            let name = format!("PROV_BROKER_TEST_{}", secrets.len());
            secrets.push((name.clone(), std::mem::take(text)));
            *text = format!("${{env.{name}}}");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(map) => map.values_mut().for_each(|value| hide(value, secrets)),
        _ => {}
    }
}

/// A project of its own, in memory.
struct Bench {
    world: World,
    desired: Desired,
}

impl Bench {
    fn new(
        context: &mut Context,
        (config, secrets): (&Map<String, Value>, Secrets),
        of: &str,
    ) -> Result<Self, Failure> {
        let project = context.project_or_bare()?;
        let (name, stage) = (Name::from("prov-broker-test"), Name::from("default"));
        let store = MemoryStore::new(Journal::empty(name, stage));
        let world = World { store: Arc::new(store), ..project.world };
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(config.clone(), &mut problems);
        let env = environment().chain(secrets).collect();
        let scope = Scope { stage: "default".to_owned(), env, vars: BTreeMap::new() };
        let rules = Rules { allow_outside: context.global.allow_outside };
        match document.desired(scope, &world.catalog, rules, &mut problems) {
            Some(desired) => Ok(Self { world, desired }),
            None => Err(Failure::of(Exit::Error, about_params(&problems, of))),
        }
    }

    async fn journal(&self) -> Result<Journal, Failure> {
        Ok(self.world.store.load().await?.journal)
    }

    /// Makes, reads, lists, changes and destroys it. What was made is destroyed whatever fails.
    async fn life(&self, manifest: &Manifest) -> Result<Vec<Trial>, Failure> {
        let mut trials = vec![Trial { what: "create", seen: self.create().await? }];
        let entry = self.journal().await?.instances.get(REFERENCE).cloned();
        if let Some(entry) = entry.as_ref().filter(|entry| is_unseen(entry)) {
            trials.push(Trial { what: "delete", seen: self.delete_unseen(entry).await? });
            return Ok(trials);
        }
        if entry.is_some_and(|entry| entry.exists()) {
            trials.push(Trial { what: "read", seen: self.read().await? });
            trials.push(Trial { what: "plan", seen: self.plan_is_empty().await? });
            if manifest.service.verb("list").is_some() {
                trials.push(Trial { what: "list", seen: self.list(manifest).await? });
            }
            trials.push(Trial { what: "update", seen: self.update(manifest).await? });
        }
        if self.journal().await?.instances.get(REFERENCE).is_some() {
            let is_made = trials.iter().any(|trial| trial.what == "read");
            trials.push(Trial { what: "delete", seen: self.delete(is_made).await? });
        }
        Ok(trials)
    }

    async fn create(&self) -> Result<Result<String, String>, Failure> {
        let plan = self.plan(Options::default()).await?;
        let journal = self.journal().await?;
        let found = observe::preflight(&plan, &self.desired, &journal, &self.world).await;
        if let Some((_, error)) = found.first() {
            let help = error.help.as_ref().map(|help| format!(" {help}")).unwrap_or_default();
            return Ok(Err(format!("{}{help}", sentence(&error.to_string()))));
        }
        let ended = self.execute(&plan, Some(&self.desired)).await?;
        let journal = self.journal().await?;
        let id = journal.instances.get(REFERENCE).map(|entry| entry.instance_id.clone());
        let entry = journal.instances.get(REFERENCE);
        if let Some(error) = entry.filter(|e| is_unseen(e)).and_then(|e| e.last_error.as_ref()) {
            // What to do next is about a journal, and this one ends with the test.
            return Ok(Err(sentence(error)));
        }
        Ok(outcome(&ended).map(|()| format!("made {}", id.unwrap_or_default())))
    }

    async fn read(&self) -> Result<Result<String, String>, Failure> {
        let seen = self.look().await?;
        Ok(match seen.first().map(|observation| &observation.state) {
            Some(LiveState::Live) => Ok("as it was declared".to_owned()),
            Some(LiveState::Drifted(drift)) => {
                let changes: Vec<String> = drift.iter().map(difference).collect();
                Err(format!("differs from what was declared: {}", changes.join("; ")))
            }
            Some(LiveState::Error(error)) => Err(sentence(error)),
            _ => Err("it cannot be seen".to_owned()),
        })
    }

    async fn plan_is_empty(&self) -> Result<Result<String, String>, Failure> {
        let plan = self.plan(Options::default()).await?;
        Ok(match plan.is_clean() {
            true => Ok("nothing to do".to_owned()),
            false => Err("there are changes although nothing was changed".to_owned()),
        })
    }

    async fn list(&self, manifest: &Manifest) -> Result<Result<String, String>, Failure> {
        let id = manifest.service.id.as_str();
        let Some(broker) = self.world.catalog.broker(id) else {
            return Ok(Err("there is no broker".to_owned()));
        };
        let journal = self.journal().await?;
        let own = journal.instances.get(REFERENCE).map(|entry| entry.instance_id.clone());
        let entry = journal.instances.get(REFERENCE);
        let env = Default::default();
        let previous = entry.map(|entry| observe::previous(&journal, entry, &self.world, &env));
        let beside = previous.map(|previous| previous.params).unwrap_or_default();
        Ok(match broker.list(id, &[beside]).await {
            Ok(None) => Ok("it is listed inside of something else only".to_owned()),
            Ok(Some(objects))
                if objects.iter().any(|live| Some(&live.instance_id) == own.as_ref()) =>
            {
                Ok(format!("it is one of {}", objects.len()))
            }
            Ok(Some(objects)) => Err(format!("it is none of the {} listed", objects.len())),
            Err(error) => Err(sentence(&error.to_string())),
        })
    }

    /// Brings it to what it is already: every call of an update is made.
    async fn update(&self, manifest: &Manifest) -> Result<Result<String, String>, Failure> {
        let rules = &manifest.service;
        if rules.verb("update").is_none() && rules.verb("configure").is_none() {
            return Ok(Ok("it cannot be changed in place".to_owned()));
        }
        let mut journal = self.journal().await?;
        if let Some(mut entry) = journal.instances.get(REFERENCE).cloned() {
            entry.inputs = Some(provision::state::DRIFTED.to_owned());
            journal.instances.put(entry);
        }
        journal.serial += 1;
        self.world.store.save(&journal).await?;
        let plan = self.plan(Options::default()).await?;
        let ended = self.execute(&plan, Some(&self.desired)).await?;
        Ok(outcome(&ended).map(|()| "brought to the same again".to_owned()))
    }

    async fn delete(&self, is_made: bool) -> Result<Result<String, String>, Failure> {
        let journal = self.journal().await?;
        let plan = plan::teardown(&journal, &Options { force: true, ..Options::default() });
        let ended = self.execute(&plan, None).await?;
        let word = if is_made { "it is gone" } else { "nothing was made that is still there" };
        Ok(outcome(&ended).map(|()| word.to_owned()).map_err(|error| format!("{error} {LEFT}")))
    }

    /// Destroys what was made and cannot be read: its id is doubtful, so that a provider which knows
    /// nothing of this id says little, and only a search tells whether it is gone.
    async fn delete_unseen(&self, entry: &Instance) -> Result<Result<String, String>, Failure> {
        let journal = self.journal().await?;
        let Some(broker) = self.world.catalog.broker(entry.service.as_str()) else {
            return Ok(Err("There is no broker.".to_owned()));
        };
        let address = observe::address(&journal, entry);
        let previous = observe::previous(&journal, entry, &self.world, &self.desired.env);
        let mut tried: Vec<String> = Vec::new();
        let mut id = entry.instance_id.clone();
        loop {
            let request = DeprovisionRequest {
                address: address.clone(),
                instance_id: id.clone(),
                previous: previous.clone(),
                force: true,
                idempotency_key: self.world.ids.fresh(),
            };
            if let Err(error) = broker.deprovision(&request).await {
                return Ok(Err(format!("{} {LEFT}", sentence(&error.to_string()))));
            }
            tried.push(id.clone());
            let request = FindRequest {
                address: address.clone(),
                params: previous.params.clone(),
                instance_id: None,
                idempotency_key: None,
                is_unsure: false,
                known: KnownIds::default(),
            };
            id = match broker.find(&request).await {
                Ok(None) => return Ok(Ok("it is gone".to_owned())),
                Ok(Some(live)) if !tried.contains(&live.instance_id) => live.instance_id,
                Ok(Some(_)) => {
                    let tried = tried.join("`, `");
                    return Ok(Err(format!(
                        "It is still there: nothing was deleted with the id `{tried}`. Remove it at \
                         the provider."
                    )));
                }
                Err(_) => {
                    let tried = tried.join("`, `");
                    return Ok(Err(format!("It was asked for with the id `{tried}`. {LEFT}")));
                }
            };
        }
    }

    async fn look(&self) -> Result<Vec<observe::Observation>, Failure> {
        let journal = self.journal().await?;
        Ok(observe::pull(&journal, &self.world, &self.desired.env, 1).await)
    }

    async fn plan(&self, options: Options) -> Result<Plan, Failure> {
        let journal = self.journal().await?;
        let findings = observe::gather(&self.desired, &journal, &self.world).await;
        let options = Options { contents: findings.contents, ..options };
        let catalog = &self.world.catalog;
        let input = Input { desired: &self.desired, journal: &journal, catalog, options: &options };
        Ok(plan::plan(input))
    }

    async fn execute(&self, plan: &Plan, desired: Option<&Desired>) -> Result<Ended, Failure> {
        let journal = self.journal().await?;
        let settings = Settings {
            run: self.world.ids.fresh(),
            command: "prov broker test".to_owned(),
            parallelism: 1,
            force: true,
            stop: &Notify::new(),
            observer: &Silent,
            env: &self.desired.env,
            ledger: None,
        };
        Ok(run::run(plan, desired, journal, &self.world, &settings).await?)
    }
}

/// Whether it was made and could not be read afterwards.
fn is_unseen(entry: &Instance) -> bool {
    let is_accepted = entry.operation.as_ref().is_some_and(|op| op.accepted.is_some());
    entry.exists() && is_accepted && entry.last_error.is_some()
}

/// How a value is, and how it should be.
fn difference((key, wanted, live): &Drift) -> String {
    format!("`{key}` is {live}, not {wanted}")
}

/// Whether everything was done; otherwise the first reason why not.
fn outcome(ended: &Ended) -> Result<(), String> {
    let failed = ended.outcomes.values().find_map(|outcome| match outcome {
        Outcome::Failed { error, help } => {
            let help = help.as_ref().map(|help| format!(" {help}")).unwrap_or_default();
            Some(format!("{}{help}", sentence(error)))
        }
        _ => None,
    });
    failed.map_or(Ok(()), Err)
}
