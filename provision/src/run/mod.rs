//! Executes a plan: branches side by side, every step recorded before and after its call.

mod event;
mod lookup;
mod machine;
mod operation;
mod recorder;
mod refusal;
mod removal;
mod retry;
mod secrets;
mod settle;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;

use crate::config::Desired;
use crate::name::Name;
use crate::plan::Plan;
use crate::state::{Applied, Event as LogEvent, Journal};
use crate::store::StoreError;
use crate::world::World;
use machine::{Command, Event, Machine};
use recorder::Recorder;
use secrets::Secrets;
use worker::Shared;

pub use event::{Observer, Outcome, RunEvent, Silent};
pub use recorder::RecordError;

/// How long steps that are under way may still take after the user asked to stop.
const GRACE: Duration = Duration::from_secs(4);

/// What a run is told beside the plan.
pub struct Settings<'a> {
    /// The run's id.
    pub run: String,
    /// The command, for the log.
    pub command: String,
    /// How many steps may run at once.
    pub parallelism: usize,
    /// Whether services may destroy what they would rather keep.
    pub force: bool,
    /// Told once, it starts nothing new; told twice, it ends at once.
    pub stop: &'a Notify,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// The environment, for removals of what is not declared any more.
    pub env: &'a BTreeMap<Name, String>,
    /// The ledger to record when every step is done, for a run that migrates.
    pub ledger: Option<Vec<Applied>>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// How each step of the plan ended, by its position; steps without work are missing.
    pub outcomes: BTreeMap<usize, Outcome>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// The journal afterwards.
    pub journal: Journal,
    /// Why the run could not record any more, when it could not.
    pub broken: Option<String>,
}

impl Ended {
    /// Whether every step ended well.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let good = |outcome: &Outcome| matches!(outcome, Outcome::Done | Outcome::Unchanged);
        self.broken.is_none() && !self.interrupted && self.outcomes.values().all(good)
    }
}

/// Runs `plan` from `journal`, which the caller has locked.
///
/// # Errors
/// When not even the run's beginning can be recorded, or the journal cannot be saved at its end.
pub async fn run(
    plan: &Plan,
    desired: Option<&Desired>,
    mut journal: Journal,
    world: &World,
    settings: &Settings<'_>,
) -> Result<Ended, RecordError> {
    if journal.lineage.is_empty() {
        journal.lineage = world.ids.fresh();
    }
    // A log that was left by a crash is folded in already; saving drops it before a new one starts.
    journal.serial += 1;
    world.store.save(&journal).await?;
    let start = LogEvent::Run {
        run: settings.run.clone(),
        lineage: journal.lineage.clone(),
        command: settings.command.clone(),
    };
    let shared = Shared {
        world,
        recorder: Recorder::new(world.store.clone(), world.clock.clone(), journal),
        secrets: Secrets::default(),
        observer: settings.observer,
        env: settings.env,
        desired,
        force: settings.force,
        begun: world.clock.now(),
    };
    shared.recorder.record(start).await?;
    let mut progress = Progress::new(plan, settings);
    drive(&shared, plan, settings, &mut progress).await;
    finish(shared, settings, progress).await
}

/// Which steps ended how.
struct Progress<'a> {
    plan: &'a Plan,
    observer: &'a dyn Observer,
    outcomes: BTreeMap<usize, Outcome>,
    /// How many tasks of each step are open, and the worst end of the others.
    open: BTreeMap<usize, (usize, Outcome)>,
    /// The steps of which a task was started.
    begun: BTreeSet<usize>,
    interrupted: bool,
    abandoned: bool,
}

impl<'a> Progress<'a> {
    fn new(plan: &'a Plan, settings: &Settings<'a>) -> Self {
        let mut open = BTreeMap::new();
        for task in &plan.tasks.list {
            open.entry(task.step).or_insert((0, Outcome::Unchanged)).0 += 1;
        }
        Self {
            plan,
            observer: settings.observer,
            outcomes: BTreeMap::new(),
            open,
            begun: BTreeSet::new(),
            interrupted: false,
            abandoned: false,
        }
    }

    fn started(&mut self, task: usize) {
        let Some(index) = self.plan.tasks.list.get(task).map(|task| task.step) else { return };
        self.begun.insert(index);
        if let Some(step) = self.plan.steps.get(index) {
            let event =
                RunEvent::Started { reference: step.reference.clone(), action: step.action };
            self.observer.on(&event);
        }
    }

    /// A task ended; its step ends with its last task, as badly as the worst of them.
    fn ended(&mut self, task: usize, outcome: Outcome) {
        let Some(step) = self.plan.tasks.list.get(task).map(|task| task.step) else { return };
        let Some((open, worst)) = self.open.get_mut(&step) else { return };
        *open = open.saturating_sub(1);
        if outcome.badness() > worst.badness() {
            *worst = outcome;
        }
        if *open == 0 {
            self.end(step);
        }
    }

    fn end(&mut self, step: usize) {
        let Some((_, outcome)) = self.open.remove(&step) else { return };
        self.observer.on(&RunEvent::Ended { step, outcome: outcome.clone() });
        self.outcomes.insert(step, outcome);
    }

    /// What has not ended by now never will.
    fn interrupt(&mut self) {
        let open: Vec<usize> = self.open.keys().copied().collect();
        for step in open {
            let is_begun = self.begun.contains(&step);
            let outcome = if is_begun { Outcome::InFlight } else { Outcome::Interrupted };
            if let Some((_, worst)) = self.open.get_mut(&step)
                && outcome.badness() > worst.badness()
            {
                *worst = outcome;
            }
            self.end(step);
        }
    }

    fn name_of(&self, task: usize) -> Name {
        let step = self.plan.tasks.list.get(task).and_then(|task| self.plan.steps.get(task.step));
        step.map_or_else(|| Name::from("?"), |step| step.reference.clone())
    }
}

async fn drive(
    shared: &Shared<'_>,
    plan: &Plan,
    settings: &Settings<'_>,
    progress: &mut Progress<'_>,
) {
    let mut machine = Machine::new(&plan.tasks.graph, settings.parallelism);
    let mut workers = FuturesUnordered::new();
    let mut commands = machine.on(Event::Start);
    let mut grace: Grace<'_> = None;
    loop {
        for command in commands {
            match command {
                Command::Run(task) => {
                    progress.started(task);
                    workers.push(work(shared, plan, task));
                }
                Command::Skip { task, because } => {
                    let because = progress.name_of(because);
                    progress.ended(task, Outcome::Skipped { because });
                }
            }
        }
        if workers.is_empty() {
            break;
        }
        let event = tokio::select! {
            biased;
            () = settings.stop.notified() => {
                if progress.interrupted {
                    progress.abandoned = true;
                    break;
                }
                progress.interrupted = true;
                grace = Some(shared.world.clock.sleep(GRACE));
                settings.observer.on(&RunEvent::Stopping);
                Some(Event::Stop)
            }
            ended = next(&mut workers, &mut grace) => ended.map(|(task, outcome)| {
                let ok = matches!(outcome, Outcome::Done | Outcome::Unchanged);
                progress.ended(task, outcome);
                Event::Finished { task, ok }
            }),
        };
        let Some(event) = event else {
            progress.abandoned = true;
            break;
        };
        commands = machine.on(event);
        if shared.recorder.is_broken() {
            machine.on(Event::Stop);
            commands.clear();
        }
    }
    progress.interrupt();
}

async fn work(shared: &Shared<'_>, plan: &Plan, task: usize) -> (usize, Outcome) {
    let Some((kind, step)) =
        plan.tasks.list.get(task).and_then(|task| Some((task.kind, plan.steps.get(task.step)?)))
    else {
        return (task, Outcome::Unchanged);
    };
    let mut performing = Box::pin(shared.perform(step, kind));
    let mut elapsed = Duration::ZERO;
    loop {
        // Not the world's clock: what only tells how long it takes must not make it take longer.
        let tick = Box::pin(tokio::time::sleep(TICK));
        performing = match select(performing, tick).await {
            Either::Left((outcome, _)) => return (task, outcome),
            Either::Right(((), performing)) => performing,
        };
        elapsed += TICK;
        shared.tell(&RunEvent::Waiting { reference: step.reference.clone(), elapsed });
    }
}

/// How often it is told that something is under way.
const TICK: Duration = Duration::from_secs(10);

/// Runs out some time after the user asked to stop.
type Grace<'a> = Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>;

/// The next task that ends; `None` when the grace after a stop runs out first.
async fn next<F: Future<Output = (usize, Outcome)>>(
    workers: &mut FuturesUnordered<F>,
    grace: &mut Grace<'_>,
) -> Option<(usize, Outcome)> {
    match grace {
        None => workers.next().await,
        Some(grace) => match select(workers.next(), grace).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => None,
        },
    }
}

async fn finish(
    shared: Shared<'_>,
    settings: &Settings<'_>,
    progress: Progress<'_>,
) -> Result<Ended, RecordError> {
    let mut ended = Ended {
        outcomes: progress.outcomes,
        interrupted: progress.interrupted,
        journal: shared.recorder.journal().clone(),
        broken: None,
    };
    if shared.recorder.is_broken() {
        ended.broken = Some("the log could not be written; nothing more was started".to_owned());
        return Ok(ended);
    }
    if let Some(ledger) = settings.ledger.clone()
        && ended.is_complete()
    {
        shared.recorder.record(LogEvent::Ledger(ledger)).await?;
    }
    if progress.abandoned {
        // Calls are still under way and their records may be half written: the log has the truth,
        // and the next run folds it.
        return Ok(ended);
    }
    let world = shared.world;
    let mut journal = shared.recorder.into_journal();
    journal.serial += 1;
    let saved: Result<(), StoreError> = world.store.save(&journal).await;
    ended.journal = journal;
    saved?;
    Ok(ended)
}
