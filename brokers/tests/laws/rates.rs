//! Three hundred creations at a provider that enforces what it publishes: none fails, none is made
//! twice, and it takes hardly longer than the rates allow. Time is virtual.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brokers::local::Settings;
use brokers::manifest::{File, Limits, Manifest, Origin, Rate, load};
use brokers::rest::{RestBroker, Surroundings};
use prov_fake::clock::Time;
use prov_fake::scene::credential;
use prov_fake::stand_in::{CountingIds, MirrorVault};
use prov_fake::wire::{Received, Reply, serve};
use provision::broker::{Broker, Catalog};
use provision::config::{Document, Rules, Scope};
use provision::diagnostic::{Diagnostics, Sources};
use provision::name::Name;
use provision::plan::{self, Input, Options};
use provision::run::{self, Settings as RunSettings, Silent};
use provision::state::Journal;
use provision::store::MemoryStore;
use provision::world::World;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

const CREATIONS: usize = 300;

/// One thing that every API could have.
const THING: &str = r#"
description = "A thing."
kind = "resource"
id = "{{ object.id }}"
[name]
unique = true
read = "{{ object.name }}"
[create]
request = "POST /things"
body = { name = "{{ name }}" }
[read]
request = "GET /things/{{ id }}"
[find]
by = "name"
request = "GET /things"
query = { name = "{{ name }}" }
paging = "none"
items = "{{ response.things }}"
match = "{{ object.name == name }}"
[delete]
request = "DELETE /things/{{ id }}"
[example]
name = "one"
object = { id = "1", name = "{{ name }}" }
"#;

/// How a provider says that it is enough.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// `Retry-After` in seconds.
    RetryAfter,
    /// What is left and when there is more, with every answer, in the headers of the manifest.
    Headers,
    /// `RateLimit` of the IETF's draft, with every answer.
    Draft,
    /// The status alone.
    Silent,
}

/// A window of a rate, and what was let through.
struct Window {
    rate: Rate,
    passed: VecDeque<Duration>,
}

impl Window {
    fn left(&mut self, now: Duration) -> usize {
        let length = Duration::from_secs(self.rate.seconds);
        while self.passed.front().is_some_and(|first| *first + length <= now) {
            self.passed.pop_front();
        }
        (self.rate.requests as usize).saturating_sub(self.passed.len())
    }

    /// Until there is one more.
    fn wait(&self, now: Duration) -> Duration {
        let length = Duration::from_secs(self.rate.seconds);
        self.passed.front().map_or(Duration::ZERO, |first| (*first + length).saturating_sub(now))
    }
}

struct Cloud {
    time: Arc<Time>,
    manner: Manner,
    windows: Vec<Window>,
    limits: Limits,
    /// Somebody else's requests for each one of ours.
    neighbour: usize,
    things: Vec<String>,
    requests: usize,
    refused: usize,
    posts: BTreeMap<String, usize>,
}

impl Cloud {
    fn handle(&mut self, request: &Received) -> Reply {
        let now = self.time.elapsed();
        let is_full = self.windows.iter_mut().any(|window| window.left(now) == 0);
        if is_full {
            self.refused += 1;
            let mut headers = self.headers(now);
            if matches!(self.manner, Manner::RetryAfter | Manner::Draft) {
                headers.push(("retry-after".to_owned(), self.wait(now).to_string()));
            }
            return Reply::Answer { status: 429, headers, body: json!({}) };
        }
        self.requests += 1;
        for window in &mut self.windows {
            for _ in 0..=self.neighbour {
                window.passed.push_back(now);
            }
        }
        let body = self.work(request);
        let status = if body.is_null() { 404 } else { 200 };
        Reply::Answer { status, headers: self.headers(now), body }
    }

    fn wait(&mut self, now: Duration) -> u64 {
        let full = self.windows.iter_mut().filter_map(|window| {
            (window.left(now) == 0).then(|| window.wait(now).as_secs_f64().ceil() as u64)
        });
        full.max().unwrap_or(0)
    }

    fn headers(&mut self, now: Duration) -> Vec<(String, String)> {
        let left = self.windows.iter_mut().map(|window| window.left(now)).min().unwrap_or(1);
        let wait = self.wait(now);
        let pair = |name: &str, value: String| (name.to_owned(), value);
        match self.manner {
            Manner::Headers => {
                let (Some(remaining), Some(reset)) =
                    (&self.limits.remaining_header, &self.limits.reset_header)
                else {
                    return Vec::new();
                };
                let at = 1_800_000_000 + now.as_secs();
                let date = jiff::Timestamp::from_second(at as i64).unwrap();
                let date = jiff::fmt::rfc2822::DateTimePrinter::new()
                    .timestamp_to_rfc9110_string(&date)
                    .unwrap();
                vec![
                    pair(remaining, left.to_string()),
                    pair(reset, (at + wait + 1).to_string()),
                    pair("date", date),
                ]
            }
            Manner::Draft => vec![pair("ratelimit", format!("\"default\";r={left};t={wait}"))],
            Manner::RetryAfter | Manner::Silent => Vec::new(),
        }
    }

    fn work(&mut self, request: &Received) -> Value {
        let shown = |name: &String| json!({ "id": format!("id-{name}"), "name": name });
        if request.method == "POST" {
            let name = request.body()["name"].as_str().unwrap_or_default().to_owned();
            *self.posts.entry(name.clone()).or_default() += 1;
            self.things.push(name.clone());
            return shown(&name);
        }
        if let Some(id) = request.path.strip_prefix("/things/") {
            return self
                .things
                .iter()
                .find(|name| format!("id-{name}") == id)
                .map_or(Value::Null, shown);
        }
        let wanted = request.query.iter().find(|(key, _)| key == "name").map(|(_, name)| name);
        let found = self.things.iter().filter(|name| Some(*name) == wanted).map(shown);
        json!({ "things": found.collect::<Vec<_>>() })
    }
}

/// The least time in which so many requests can be sent, when each window of a rate lets so many through.
fn ideal(rates: &[Rate], requests: usize, share: usize) -> Duration {
    let mut sent: Vec<Duration> = Vec::new();
    for number in 0..requests {
        let mut at = sent.last().copied().unwrap_or_default();
        for rate in rates {
            let most = (rate.requests as usize / share).max(1);
            if let Some(before) = number.checked_sub(most) {
                at = at.max(sent[before] + Duration::from_secs(rate.seconds));
            }
        }
        sent.push(at);
    }
    sent.last().copied().unwrap_or_default()
}

/// A provider of the catalogue with one thing that is easily made.
fn manifest(provider: &str) -> Manifest {
    let mut files: Vec<File> = brokers::catalog::built_in();
    files.retain(|file| file.provider == provider && file.thing == "provider");
    files.push(File {
        provider: provider.to_owned(),
        thing: "thing".to_owned(),
        path: "thing.toml".to_owned(),
        text: THING.into(),
        origin: Origin::Project,
    });
    let mut problems = Diagnostics::default();
    let manifests = load(files, &mut Sources::default(), &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    manifests.into_iter().next().unwrap()
}

async fn world(manifest: &Manifest, cloud: &Arc<Mutex<Cloud>>, time: &Arc<Time>) -> World {
    let behind = Arc::clone(cloud);
    let url = serve(Arc::new(move |request| behind.lock().unwrap().handle(&request))).await;
    let provider = &manifest.provider;
    let mut env = BTreeMap::new();
    env.extend(provider.base_url_env.first().map(|name| (name.clone(), url)));
    for (secret, names) in provider.auth.first().iter().flat_map(|auth| &auth.secrets) {
        env.extend(names.first().map(|name| (name.clone(), credential(secret))));
    }
    for rule in provider.values.values() {
        env.extend(rule.env.first().map(|name| (name.clone(), "value".to_owned())));
    }
    let around = Surroundings {
        settings: Settings::default(),
        env: Arc::new(move |name: &str| env.get(name).cloned()),
        stored: Arc::new(|_: &str, _: &str| Ok(None)),
        timer: Arc::clone(time) as Arc<dyn brokers::http::Timer>,
        accounts: Default::default(),
    };
    let broker = RestBroker::new(Arc::clone(provider), vec![manifest.clone()], around);
    let journal = Journal::empty(Name::from("shop"), Name::from("test"));
    World {
        clock: Arc::clone(time) as Arc<dyn provision::world::Clock>,
        ids: Arc::new(CountingIds::default()),
        store: Arc::new(MemoryStore::new(journal)),
        catalog: Catalog::new([Arc::new(broker) as Arc<dyn Broker>]),
        vault: Arc::new(MirrorVault),
    }
}

async fn create_all(manifest: &Manifest, world: &World) -> bool {
    let instance = |number: usize| json!({ "ref": format!("r{number}"), "service": manifest.service.id, "name": format!("thing-{number}") });
    let instances: Vec<Value> = (0..CREATIONS).map(instance).collect();
    let config = Map::from_iter([("instances".to_owned(), Value::from(instances))]);
    let mut problems = Diagnostics::default();
    let document = Document::from_snapshot(config, &mut problems);
    let scope = Scope { stage: "test".to_owned(), ..Scope::default() };
    let desired = document.desired(scope, &world.catalog, Rules::default(), &mut problems).unwrap();
    let journal = world.store.load().await.unwrap().journal;
    let options = Options::default();
    let input =
        Input { desired: &desired, journal: &journal, catalog: &world.catalog, options: &options };
    let plan = plan::plan(input);
    let stop = Notify::new();
    let settings = RunSettings {
        run: world.ids.fresh(),
        command: "apply".to_owned(),
        parallelism: 1,
        force: false,
        stop: &stop,
        observer: &Silent,
        env: &desired.env,
        ledger: None,
    };
    let journal = world.store.load().await.unwrap().journal;
    run::run(&plan, Some(&desired), journal, world, &settings).await.unwrap().is_complete()
}

/// How a case went: what was seen wrong, and a line about it.
async fn measure(provider: &str, manner: Manner, neighbour: usize) -> (Option<String>, String) {
    let manifest = manifest(provider);
    let limits = manifest.provider.limits.clone();
    let time = Arc::new(Time::default());
    let window = |rate: &Rate| Window { rate: *rate, passed: VecDeque::new() };
    let cloud = Arc::new(Mutex::new(Cloud {
        time: Arc::clone(&time),
        manner,
        windows: limits.rates.iter().map(window).collect(),
        limits: limits.clone(),
        neighbour,
        things: Vec::new(),
        requests: 0,
        refused: 0,
        posts: BTreeMap::new(),
    }));
    let world = world(&manifest, &cloud, &time).await;
    let is_complete = create_all(&manifest, &world).await;
    let cloud = cloud.lock().unwrap();
    let ideal = ideal(&limits.rates, cloud.requests, neighbour + 1);
    let took = time.elapsed();
    let ratio = match ideal.is_zero() {
        true => 1.0 + took.as_secs_f64() / 60.0,
        false => took.as_secs_f64() / ideal.as_secs_f64(),
    };
    let names: BTreeSet<&String> = cloud.things.iter().collect();
    let line = format!(
        "{provider:<13} {manner:?}, neighbours {neighbour}: {} requests, {} refused, ideal {:.1} s, \
         took {:.1} s: {ratio:.3}",
        cloud.requests,
        cloud.refused,
        ideal.as_secs_f64(),
        took.as_secs_f64()
    );
    let is_whole = is_complete && cloud.things.len() == CREATIONS && names.len() == CREATIONS;
    let is_well = is_whole && ratio <= 1.1 && cloud.posts.values().all(|posts| *posts == 1);
    ((!is_well).then(|| format!("complete: {is_complete}: {line}")), line)
}

#[tokio::test]
async fn three_hundred_creations_use_the_rates_whole() {
    let mut providers: Vec<(String, Limits)> = Vec::new();
    for manifest in super::manifests() {
        let provider = &manifest.provider;
        if !providers.iter().any(|(id, _)| *id == provider.id) && !provider.limits.rates.is_empty()
        {
            providers.push((provider.id.clone(), provider.limits.clone()));
        }
    }
    let mut seen = Vec::new();
    for (provider, limits) in &providers {
        let told = match limits.remaining_header {
            Some(_) => Manner::Headers,
            None => Manner::Draft,
        };
        let all = limits.rates.iter().map(|rate| rate.requests as usize).min().unwrap_or(1);
        // So many that there is not enough for all.
        let neighbours = (all / 600).max(1);
        let cases = [(Manner::Silent, 0), (told, neighbours), (Manner::RetryAfter, neighbours)];
        for (manner, neighbours) in cases {
            let (wrong, line) = measure(provider, manner, neighbours).await;
            println!("{line}");
            seen.extend(wrong);
        }
    }
    assert!(providers.len() > 5, "{providers:?}");
    assert!(seen.is_empty(), "{}", seen.join("\n"));
}
