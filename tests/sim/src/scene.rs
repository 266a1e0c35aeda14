//! A provider, a store and a run after the other, and what has to be true in between.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use provision::broker::Catalog;
use provision::config::Desired;
use provision::name::Name;
use provision::plan::{self, Action, Plan, Step, Work};
use provision::run::{Ended, Outcome};
use provision::state::{Instance, Journal, Status};
use provision::world::World;
use serde_json::Value;

use super::provider::Provider;
use super::services::VALUE;
use super::stand_in::{CountingIds, MirrorVault};
use super::world::{PausedClock, WatchedStore};
use super::{apply, check};

/// Where a test plays.
pub struct Scene {
    pub provider: Provider,
    pub world: World,
    parallelism: usize,
}

impl Scene {
    /// An empty world; `seed` decides everything that is not given.
    pub fn new(seed: u64) -> Self {
        let provider = Provider::new(seed);
        let world = World {
            clock: Arc::new(PausedClock::default()),
            ids: Arc::new(CountingIds::default()),
            store: Arc::new(WatchedStore::default()),
            catalog: catalog(&provider),
            vault: Arc::new(MirrorVault),
        };
        Self { provider, world, parallelism: 1 + (seed % 6) as usize }
    }

    pub async fn journal(&self) -> Journal {
        self.world.store.load().await.unwrap().journal
    }

    /// What happens at the provider without us: somebody puts files where they are to be adopted or
    /// read, and what was retained is somebody else's business.
    pub async fn others_act(&self, desired: &Desired) {
        let journal = self.journal().await;
        for spec in &desired.instances {
            let is_new = journal
                .instances
                .iter()
                .all(|entry| entry.reference != spec.reference && entry.name != spec.name);
            let path = spec.params.get("path").and_then(Value::as_str);
            if let Some(path) = path
                && (spec.external || (spec.adopt && is_new))
            {
                self.provider.seed_file(path);
            }
        }
        let plan = self.plan(desired).await;
        for step in plan.steps.iter().filter(|step| step.action == Action::Forget) {
            let entry = journal.instances.get(step.reference.as_str()).unwrap();
            if !entry.external {
                self.provider.take(&entry.instance_id);
            }
        }
    }

    /// The plan toward `desired`, everything undeclared destroyed.
    pub async fn plan(&self, desired: &Desired) -> Plan {
        let journal = self.journal().await;
        apply::plan(&self.world, desired, &journal).await.unwrap()
    }

    /// Plans and runs.
    pub async fn apply(&self, desired: &Desired) -> (Plan, Ended) {
        let plan = self.plan(desired).await;
        let ended = self.run(&plan, desired).await;
        (plan, ended)
    }

    pub async fn run(&self, plan: &Plan, desired: &Desired) -> Ended {
        let journal = self.journal().await;
        let run = apply::run(&self.world, (plan, desired), journal, self.parallelism);
        let ended = run.await.unwrap();
        assert_eq!(ended.journal, self.journal().await);
        assert!(!ended.interrupted);
        ended
    }

    /// Applies until there is nothing left to do, in at most `rounds` runs.
    pub async fn converge(&self, desired: &Desired, rounds: usize) {
        let mut last = Vec::new();
        for _ in 0..rounds {
            // What the provider still works on has its end by now.
            tokio::time::sleep(Duration::from_secs(60)).await;
            let (plan, ended) = self.apply(desired).await;
            let left = self.plan(desired).await;
            if ended.is_complete() && left.is_clean() {
                return;
            }
            last.push(story(&plan, &ended, &left));
        }
        panic!("not clean after {rounds} rounds:\n{}", last.join("\n"));
    }

    /// Asserts that no object is lost: the journal names it, or the operation that makes it. And
    /// what the journal says is there is there.
    pub async fn assert_nothing_is_lost(&self) {
        let journal = self.journal().await;
        let ids: BTreeSet<&str> = journal.instances.iter().flat_map(ids).collect();
        let operations = journal.instances.iter().filter_map(|entry| entry.operation.as_ref());
        let keys: BTreeSet<&str> = operations.map(|operation| operation.key.as_str()).collect();
        let objects = self.provider.objects();
        for (id, object) in &objects {
            let is_known = ids.contains(id.as_str()) || keys.contains(object.key.as_str());
            assert!(is_known, "{id} is lost: {object:?}\n{journal:#?}");
        }
        for entry in journal.instances.iter().filter(|entry| entry.status == Status::Provisioned) {
            let is_there = entry.service == VALUE || objects.contains_key(&entry.instance_id);
            assert!(is_there, "{} is gone: {journal:#?}", entry.reference);
        }
    }

    /// Asserts that the provider holds just what is declared, as it is declared.
    pub async fn assert_is_live(&self, desired: &Desired) {
        check::is_live(&self.provider, &self.world, &self.journal().await, desired);
    }
}

/// What was planned, how it ended and what is left, a line a step.
pub fn story(plan: &Plan, ended: &Ended, left: &Plan) -> String {
    let line = |step: &Step| format!("{:?} {} ({})", step.work, step.reference, step.reason);
    let done = plan.steps.iter().enumerate().map(|(at, step)| {
        format!("{} by {:?}: {:?}", line(step), step.service, ended.outcomes.get(&at))
    });
    let is_left = |step: &&Step| step.action != Action::Noop;
    let left = left.steps.iter().filter(is_left).map(|step| format!("left: {}", line(step)));
    done.chain(left).collect::<Vec<_>>().join("\n")
}

/// The catalogue of a provider.
pub fn catalog(provider: &Provider) -> Catalog {
    Catalog::new([Arc::new(provider.clone()) as Arc<dyn provision::broker::Broker>])
}

fn ids(entry: &Instance) -> impl Iterator<Item = &str> {
    let former = entry.deposed.iter().map(|deposed| deposed.instance_id.as_str());
    former.chain([entry.instance_id.as_str()])
}

/// Asserts that every step with work ended, skipped ones because of one that failed before them.
pub fn assert_accounted_for(plan: &Plan, ended: &Ended) {
    let worked: BTreeSet<usize> = plan.tasks.list.iter().map(|task| task.step).collect();
    assert_eq!(ended.outcomes.keys().copied().collect::<BTreeSet<_>>(), worked);
    let failed: BTreeSet<&Name> = ended
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Failed { .. }))
        .map(|(step, _)| &plan.steps[*step].reference)
        .collect();
    let graph = &plan.tasks.graph;
    for (step, outcome) in &ended.outcomes {
        let Outcome::Skipped { because } = outcome else {
            assert_ne!(*outcome, Outcome::Interrupted);
            continue;
        };
        assert!(failed.contains(because), "{because} did not fail");
        let tasks = || plan.tasks.list.iter().enumerate();
        let own = tasks().filter(|(_, task)| task.step == *step).map(|(at, _)| at);
        let is_cause = |task: &plan::Task| plan.steps[task.step].reference == *because;
        let causes: Vec<usize> =
            tasks().filter(|(_, task)| is_cause(task)).map(|(at, _)| at).collect();
        let is_behind = |at: usize| causes.iter().any(|cause| graph.reaches(*cause, at));
        assert!(own.into_iter().any(is_behind), "{} is independent", plan.steps[*step].reference);
    }
}

/// Asserts that what is needed is made first and destroyed last.
pub fn assert_ordered(plan: &Plan, journal: &Journal) {
    let declared = plan.steps.iter().take_while(|step| step.spec.is_some());
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    for step in declared {
        assert!(step.depends_on.iter().all(|need| seen.contains(need)), "{}", step.reference);
        seen.insert(&step.reference);
    }
    let mut gone: BTreeSet<&Name> = BTreeSet::new();
    for step in plan.steps.iter().filter(|step| step.work == Work::Deprovision) {
        let needs = &journal.instances.get(step.reference.as_str()).unwrap().depends_on;
        assert!(needs.iter().all(|need| !gone.contains(need)), "{}", step.reference);
        gone.insert(&step.reference);
    }
    let order = plan.tasks.graph.order().unwrap();
    let mut places = vec![0; order.len()];
    for (place, task) in order.into_iter().enumerate() {
        places[task] = place;
    }
    assert_eq!(places.len(), plan.tasks.list.len());
    let is_worked = |action: Action| action != Action::Noop;
    let worked = plan.tasks.list.iter().map(|task| task.step).collect::<BTreeSet<_>>();
    let expected = plan.steps.iter().enumerate().filter(|(_, step)| is_worked(step.action));
    assert!(expected.map(|(at, _)| at).eq(worked));
}

/// What becomes of `future` in `polls` polls; `None` when it is dropped before its end.
pub async fn crash_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Runs a test in a runtime whose time passes as fast as nobody waits for anything else.
pub fn play<F: Future>(test: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}
