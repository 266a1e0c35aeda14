//! A machine, a provider, and processes that come and go.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use provision::broker::{Broker, Catalog};
use provision::config::Desired;
use provision::name::Name;
use provision::plan::Plan;
use provision::run::{self, Ended};
use provision::state::{Journal, Record};
use provision::store::{FileStore, Holder, Loaded, LockGuard, Store, StoreError};
use provision::world::World;

use super::Dice;
use super::apply;
use super::disk::Platter;
use super::fuse::{Fuse, Trace};
use super::lease::LeaseStore;
use super::planted::{BlindRetry, Planted};
use super::provider::Provider;
use super::scene::story;
use super::stand_in::{CountingIds, MirrorVault};
use super::world::PausedClock;

/// Everything that outlives a process.
pub struct Universe {
    pub provider: Provider,
    pub platter: Platter,
    pub trace: Trace,
    clock: Arc<PausedClock>,
    ids: Arc<CountingIds>,
    planted: Planted,
    parallelism: usize,
}

/// One process of prov.
pub struct Process {
    pub world: World,
    pub fuse: Fuse,
    number: u64,
    parallelism: usize,
}

/// How an apply went.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as declared.
    Complete,
    /// Some of it is not: the story of it, and the instances that failed by themselves.
    Incomplete(String, Vec<Name>),
    /// Somebody else holds the lock.
    Locked,
    /// It could not begin, or not be recorded.
    Failed(String),
}

impl Universe {
    /// An empty universe; `seed` decides everything in it.
    pub fn new(seed: u64, planted: Planted, trace: Trace) -> Self {
        Self {
            provider: Provider::new(seed),
            platter: Platter::default(),
            trace,
            clock: Arc::new(PausedClock::default()),
            ids: Arc::new(CountingIds::default()),
            planted,
            parallelism: 1 + (seed % 6) as usize,
        }
    }

    /// A process that ends before effect `end`, or when it is done.
    pub fn boot(&self, end: Option<u64>) -> Process {
        let fuse = Fuse::new(end, self.trace.clone());
        let disk = self.platter.mount(fuse.clone(), self.planted);
        let number = disk.process();
        let (path, project) = (PathBuf::from("/.prov/test.journal.json"), Name::from("shop"));
        let store = FileStore::on(Arc::new(disk), path, project, Name::from("test"));
        self.process(Arc::new(store), fuse, number)
    }

    /// A process that keeps its journal in a store with leases.
    pub fn lease(&self, store: &LeaseStore, number: u64) -> Process {
        let fuse = Fuse::new(None, self.trace.clone());
        self.process(store.seen_by(fuse.clone(), number), fuse, number)
    }

    fn process(&self, store: Arc<dyn Store>, fuse: Fuse, number: u64) -> Process {
        let provider = self.provider.seen_by(fuse.clone());
        let broker: Arc<dyn Broker> = match self.planted {
            Planted::BlindRetry => Arc::new(BlindRetry { provider, ids: self.ids.clone() }),
            _ => Arc::new(provider),
        };
        let dice = std::sync::Mutex::new(Dice::new(number));
        let world = World {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            store: Arc::new(Unhurried { store, dice }),
            catalog: Catalog::new([broker]),
            vault: Arc::new(MirrorVault),
        };
        Process { world, fuse, number, parallelism: self.parallelism }
    }

    /// What becomes of the machine when `process` ends by itself or is killed.
    pub fn bury(&self, process: &Process) {
        self.platter.kill(process.number);
    }
}

/// A store that takes its time, so that steps meet while they are being recorded.
struct Unhurried {
    store: Arc<dyn Store>,
    dice: std::sync::Mutex<Dice>,
}

impl Unhurried {
    async fn wait(&self) {
        let time = self.dice.lock().unwrap().roll(3);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}

#[async_trait]
impl Store for Unhurried {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.store.load().await
    }

    async fn lock(&self, holder: &Holder) -> Result<Box<dyn LockGuard>, StoreError> {
        self.store.lock(holder).await
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.wait().await;
        self.store.append(records).await?;
        self.wait().await;
        Ok(())
    }

    async fn save(&self, journal: &Journal) -> Result<(), StoreError> {
        self.store.save(journal).await
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

/// The instances that failed by themselves, and not because of another one.
fn failed(plan: &Plan, ended: &Ended) -> Vec<Name> {
    let is_failure = |outcome: &run::Outcome| {
        !matches!(
            outcome,
            run::Outcome::Done | run::Outcome::Unchanged | run::Outcome::Skipped { .. }
        )
    };
    let failed = ended.outcomes.iter().filter(|(_, outcome)| is_failure(outcome));
    failed.map(|(step, _)| plan.steps[*step].reference.clone()).collect()
}

impl Process {
    /// `prov apply`, until it ends or the process does; `None` for the second.
    pub async fn apply(&self, desired: &Desired) -> Option<Outcome> {
        self.fuse.live(self.run(desired)).await
    }

    async fn run(&self, desired: &Desired) -> Outcome {
        match self.attempt(desired).await {
            Ok(outcome) => outcome,
            Err(StoreError::Held(_)) => Outcome::Locked,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn attempt(&self, desired: &Desired) -> Result<Outcome, StoreError> {
        let now = self.world.clock.now();
        let name = || "sim".to_owned();
        let pid = u32::try_from(self.number).unwrap_or_default();
        let holder = Holder::since(now, pid, name(), name(), "apply".to_owned());
        let _lock = self.world.store.lock(&holder).await?;
        let loaded = self.world.store.load().await?;
        let journal = loaded.journal;
        let plan = match self.plan(desired, &journal).await {
            Ok(plan) => plan,
            Err(why) => return Ok(Outcome::Failed(why)),
        };
        if plan.tasks.list.is_empty() {
            if loaded.has_log {
                let serial = journal.serial + 1;
                self.world.store.save(&Journal { serial, ..journal }).await?;
            }
            return Ok(Outcome::Complete);
        }
        let order = (&plan, desired);
        let ended = apply::run(&self.world, order, journal, self.parallelism).await;
        let ended: Ended = match ended {
            Ok(ended) => ended,
            Err(run::RecordError::Store(error)) => return Err(error),
            Err(error) => return Ok(Outcome::Failed(error.to_string())),
        };
        Ok(match ended.is_complete() {
            true => Outcome::Complete,
            false => Outcome::Incomplete(story(&plan, &ended, &plan), failed(&plan, &ended)),
        })
    }

    /// The plan toward `desired`, everything undeclared destroyed.
    ///
    /// # Errors
    /// What could not be found out.
    pub async fn plan(&self, desired: &Desired, journal: &Journal) -> Result<Plan, String> {
        apply::plan(&self.world, desired, journal).await
    }
}
