//! What a step costs beside a small journal and beside a large one: recording it must not grow with
//! what is recorded already. Prints the cost of a step for each size, and the ratio.
//!
//! `cargo bench -p provision --bench steps`
#![expect(clippy::unwrap_used, reason = "a bench has nobody to tell about a failure")]
#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use provision::name::Name;
use provision::plan::{self, Input, Options};
use provision::run::{self, Settings, Silent};
use provision::state::Journal;
use provision::store::FileStore;
use provision::world::{Clock, Ids, Vault, VaultError, World};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// How many instances there are already.
const SIZES: [usize; 3] = [10, 1_000, 20_000];

/// How many more are made: the difference is what is measured.
const MORE: (usize, usize) = (100, 1_100);

struct Now;

#[async_trait]
impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _duration: Duration) {}
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn fresh(&self) -> String {
        self.0.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

struct NoVault;

impl Vault for NoVault {
    fn seal(&self, _value: &Value) -> Result<String, VaultError> {
        Err(VaultError("nothing here is a secret".to_owned()))
    }

    fn open(&self, _sealed: &str) -> Result<Value, VaultError> {
        Err(VaultError("nothing here is a secret".to_owned()))
    }
}

fn world(root: &Path) -> World {
    let settings = brokers::local::Settings { root: PathBuf::from("."), allow_outside: false };
    let (project, stage) = (Name::from("bench"), Name::from("default"));
    World {
        clock: Arc::new(Now),
        ids: Arc::new(Counting::default()),
        store: Arc::new(FileStore::new(root.join("default.journal.json"), project, stage)),
        catalog: Catalog::new(brokers::local(&settings)),
        vault: Arc::new(NoVault),
    }
}

fn desired(count: usize, catalog: &Catalog) -> Desired {
    let instance = |index| json!({ "ref": format!("r{index}"), "service": "local-value", "name": format!("n{index}") });
    let instances: Vec<Value> = (0..count).map(instance).collect();
    let config = Map::from_iter([("instances".to_owned(), Value::from(instances))]);
    let mut problems = Diagnostics::default();
    let document = Document::from_snapshot(config, &mut problems);
    document.desired(Scope::default(), catalog, Rules::default(), &mut problems).unwrap()
}

/// Applies `count` instances to what is there; how long the run took.
async fn apply(world: &World, count: usize) -> Duration {
    let desired = desired(count, &world.catalog);
    let journal: Journal = world.store.load().await.unwrap().journal;
    let options = Options::default();
    let input =
        Input { desired: &desired, journal: &journal, catalog: &world.catalog, options: &options };
    let plan = plan::plan(input);
    let stop = Notify::new();
    let settings = Settings {
        run: "bench".to_owned(),
        command: "bench".to_owned(),
        parallelism: 16,
        force: false,
        stop: &stop,
        observer: &Silent,
        env: &desired.env,
        ledger: None,
    };
    let start = Instant::now();
    let ended = run::run(&plan, Some(&desired), journal, world, &settings).await.unwrap();
    assert!(ended.is_complete());
    start.elapsed()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut first = None;
    for size in SIZES {
        let cost = runtime.block_on(cost(size));
        let ratio = cost.as_secs_f64() / first.get_or_insert(cost).as_secs_f64();
        println!("beside {size} instances: {cost:?} a step, {ratio:.2} times the first");
    }
}

/// What a step costs beside `size` instances: the middle of five.
async fn cost(size: usize) -> Duration {
    let mut costs = Vec::new();
    for _ in 0..5 {
        let mut took = [Duration::ZERO; 2];
        for (more, took) in [MORE.0, MORE.1].into_iter().zip(&mut took) {
            let folder = tempfile::tempdir().unwrap();
            let world = world(folder.path());
            apply(&world, size).await;
            *took = apply(&world, size + more).await;
        }
        let [few, many] = took;
        costs.push(many.saturating_sub(few) / u32::try_from(MORE.1 - MORE.0).unwrap());
    }
    costs.sort_unstable();
    costs.get(2).copied().unwrap_or_default()
}
