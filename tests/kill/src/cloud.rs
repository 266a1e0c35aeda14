//! The cloud: providers made of manifests, in a process of its own, which nobody kills.
//!
//! Each provider listens at a port. What is below `/-/` is for the harness: it comes in through the
//! same door as everything else, so an answer from there means that whatever was sent before it has
//! arrived.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use brokers::local::Settings;
use brokers::manifest::Manifest;
use prov_fake::clock::Time;
use prov_fake::fake::Fake;
use prov_fake::model::{Model, Wanted};
use prov_fake::wire::{Handler, Received, Reply, converse};
use provision::diagnostic::{Diagnostics, Sources};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// How many requests may be worked on at once: a request holds a thread while it takes its time.
const THREADS: usize = 16;

/// How slow a provider is, and how often it loses an answer.
#[derive(Clone, Copy, Default)]
struct Weather {
    /// The longest time before the work of a request, in microseconds.
    before: u64,
    /// The longest time between the work and the answer, in microseconds.
    after: u64,
    /// How many of a hundred changes are made and never answered.
    lost: u64,
}

struct Provider {
    fake: Mutex<Fake>,
    weather: Mutex<(Weather, fastrand::Rng)>,
    /// How many connections are open.
    open: AtomicUsize,
}

/// The model of a service of the catalogue.
pub fn model(service: &str) -> Model {
    // They are many, and read once.
    static ALL: OnceLock<Vec<Manifest>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
        let files = brokers::catalog::built_in();
        brokers::manifest::load(files, &mut sources, &mut problems)
    });
    let found = all.iter().find(|manifest| manifest.service.id == service).cloned();
    let settings = Settings { root: PathBuf::from("."), allow_outside: false };
    Model::new(found.unwrap(), settings, &Default::default())
}

/// Serves these services until standard input ends: a line with the port of each is printed.
pub fn serve(services: &[String]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .unwrap();
    let ports: Vec<u16> = services.iter().map(|id| runtime.block_on(open(model(id)))).collect();
    crate::say(&json!(ports).to_string());
    // The harness holds the other end: when it is gone, so are we.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    runtime.shutdown_background();
}

async fn open(model: Model) -> u16 {
    let fake = Fake::new(Arc::new(model), Arc::new(Time::default()));
    let provider = Arc::new(Provider {
        fake: Mutex::new(fake),
        weather: Mutex::new((Weather::default(), fastrand::Rng::with_seed(0))),
        open: AtomicUsize::new(0),
    });
    let behind = Arc::clone(&provider);
    let handler: Arc<Handler> = Arc::new(move |request| behind.answer(&request));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            provider.open.fetch_add(1, Ordering::SeqCst);
            let (provider, handler) = (Arc::clone(&provider), Arc::clone(&handler));
            tokio::spawn(async move {
                let _ = converse(stream, handler.as_ref()).await;
                provider.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    port
}

impl Provider {
    fn answer(&self, request: &Received) -> Reply {
        match request.path.strip_prefix("/-/") {
            Some(what) => Reply::of(200, self.tell(what, request)),
            None => self.work(request),
        }
    }

    fn work(&self, request: &Received) -> Reply {
        let (before, after, is_lost) = {
            let mut weather = self.weather.lock().unwrap();
            let (Weather { before, after, lost }, chance) = &mut *weather;
            (chance.u64(0..=*before), chance.u64(0..=*after), chance.u64(0..100) < *lost)
        };
        std::thread::sleep(Duration::from_micros(before));
        let (reply, is_look) = {
            let mut fake = self.fake.lock().unwrap();
            let reply = fake.handle(request);
            (reply, fake.log.last().is_none_or(|logged| logged.is_look))
        };
        std::thread::sleep(Duration::from_micros(after));
        if is_lost && !is_look { Reply::Nothing } else { reply }
    }

    /// What the harness asks and says.
    fn tell(&self, what: &str, request: &Received) -> Value {
        let body = request.body();
        match what {
            "declare" => self.fake.lock().unwrap().declare(&wanted(&body)),
            "weather" => {
                let number = |key: &str| body[key].as_u64().unwrap();
                let (before, after, lost) = (number("before"), number("after"), number("lost"));
                let chance = fastrand::Rng::with_seed(number("seed"));
                *self.weather.lock().unwrap() = (Weather { before, after, lost }, chance);
            }
            // The one that asks is open itself.
            "open" => return json!(self.open.load(Ordering::SeqCst).saturating_sub(1)),
            "objects" => return self.objects(),
            _ => {
                let fake = self.fake.lock().unwrap();
                let line =
                    |logged: &prov_fake::fake::Logged| format!("{} {}", logged.line, logged.body);
                return fake.log.iter().map(line).collect();
            }
        }
        Value::Null
    }

    fn objects(&self) -> Value {
        let fake = self.fake.lock().unwrap();
        let shown = |object: &prov_fake::fake::Object| {
            let params = object.params();
            json!({ "id": fake.id(object), "name": object.belief.name, "params": params })
        };
        fake.objects.iter().map(shown).collect()
    }
}

/// An instance as it is said over the wire.
pub fn said(wanted: &Wanted) -> Value {
    json!({ "name": wanted.name, "reference": wanted.reference, "params": wanted.params })
}

fn wanted(said: &Value) -> Wanted {
    let text = |key: &str| said[key].as_str().unwrap().to_owned();
    let params: Map<String, Value> = said["params"].as_object().unwrap().clone();
    Wanted { name: text("name"), reference: text("reference"), params }
}
