//! Plays a plot, ends its process where it is told to, and looks at what the next apply makes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use provision::config::Desired;
use provision::name::Name;
use provision::state::Instance;

use super::Dice;
use super::check;
use super::fuse::Trace;
use super::lease::{LEASE, LeaseStore};
use super::planted::Planted;
use super::plot::Plot;
use super::project::UNIQUE;
use super::scene::play;
use super::services::MAILBOX;
use super::universe::{Outcome, Process, Universe};

/// Where a play ends its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// Before which effect of the play, counted from 1; never when not given.
    pub at: Option<u64>,
    /// Before which effects the processes end that try to recover, one after the other.
    pub again: [Option<u64>; 2],
}

impl Crash {
    /// A crash before effect `at`.
    pub fn at(at: u64) -> Self {
        Self { at: Some(at), again: [None; 2] }
    }
}

/// What a play came to.
pub struct Played {
    /// How many effects there were before the crash, or in all.
    pub effects: u64,
    /// How many processes ended before their time.
    pub crashes: u64,
    /// What happened, in short or in words.
    pub trace: Trace,
    /// What should not be.
    pub violation: Option<String>,
}

/// Plays a plot.
pub fn tell(plot: &Plot, crash: Crash, planted: Planted, trace: Trace) -> Played {
    watch(trace, |told| play(stage(plot, crash, planted, told)))
}

/// Plays the last round of a plot in a store with leases: its process is stopped after effect `at`
/// until another one has taken its place, and then goes on.
pub fn tell_stopped(plot: &Plot, at: u64, trace: Trace) -> Played {
    watch(trace, |told| play(stopped(plot, at, told)))
}

fn watch(trace: Trace, work: impl FnOnce(&mut Played)) -> Played {
    let mut told = Played { effects: 0, crashes: 0, trace, violation: None };
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut told)));
    if let Err(panic) = result {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        told.violation = Some(text.unwrap_or_else(|| "it panicked".to_owned()));
    }
    told
}

/// Plays the seed that a violation named, and panics with it.
pub fn replay(seed: u64, crash: Crash) {
    let trace = Trace::told();
    let told = tell(&Plot::of(seed), crash, Planted::Nothing, trace.clone());
    if let Some(violation) = told.violation {
        panic!("{}\n\n{violation}", trace.lines().join("\n"));
    }
}

/// Plays the seed and the stop that a violation named, and panics with it.
pub fn replay_stopped(seed: u64, at: u64) {
    let trace = Trace::told();
    let told = tell_stopped(&Plot::with(seed, UNIQUE), at, trace.clone());
    if let Some(violation) = told.violation {
        panic!("{}\n\n{violation}", trace.lines().join("\n"));
    }
}

async fn stage(plot: &Plot, crash: Crash, planted: Planted, told: &mut Played) {
    let universe = Universe::new(plot.seed, planted, told.trace.clone());
    let mut dice = Dice::new(plot.seed ^ crash.at.unwrap_or_default().rotate_left(32));
    let is_power_loss = dice.roll(2) == 0;
    let mut last = None;
    for round in &plot.rounds {
        let desired = &round.desired;
        universe.provider.fail(round.faults);
        universe.platter.fill(round.room);
        let process = universe.boot(crash.at.map(|at| at - told.effects));
        let rival = round.rival.filter(|_| !is_power_loss);
        let outcome = Box::pin(beside(&universe, &process, desired, rival)).await;
        told.effects += process.fuse.effects();
        if outcome.is_none() {
            told.crashes += 1;
            end(&universe, &process, is_power_loss, &mut dice);
            recover(&universe, desired, (crash, told), &mut dice).await;
            return;
        }
        universe.bury(&process);
        last = Some(desired);
    }
    let Some(desired) = last else { return };
    recover(&universe, desired, (crash, told), &mut dice).await;
}

async fn stopped(plot: &Plot, at: u64, told: &mut Played) {
    let universe = Universe::new(plot.seed, Planted::Nothing, told.trace.clone());
    let store = LeaseStore::default();
    let mut number = 0;
    let mut boot = || {
        number += 1;
        universe.lease(&store, number)
    };
    let Some((last, earlier)) = plot.rounds.split_last() else { return };
    for round in earlier {
        let desired = &round.desired;
        boot().apply(desired).await;
    }
    let desired = &last.desired;
    let (first, second) = (boot(), boot());
    let slow = first.fuse.live_stopped(at, 8 * LEASE, first.apply(desired));
    let late = async {
        tokio::time::sleep(4 * LEASE).await;
        second.apply(desired).await
    };
    let (slow, late) = tokio::join!(slow, late);
    told.effects = first.fuse.effects();
    let is_possible = matches!(late, Some(Outcome::Complete | Outcome::Locked));
    assert!(is_possible, "the second apply ended so: {late:#?}");
    let is_fenced = matches!(&slow, Some(Outcome::Failed(why)) if why.contains("later run"));
    told.crashes += u64::from(is_fenced);
    settle(&universe, &boot(), desired).await;
}

/// An apply, and perhaps another one that somebody starts meanwhile.
async fn beside(
    universe: &Universe,
    process: &Process,
    desired: &Desired,
    rival: Option<u64>,
) -> Option<Outcome> {
    let Some(delay) = rival else { return process.apply(desired).await };
    let other = universe.boot(None);
    let second = async {
        tokio::time::sleep(Duration::from_millis(delay)).await;
        if process.fuse.is_dead() {
            universe.bury(process);
        }
        let outcome = other.apply(desired).await;
        universe.bury(&other);
        outcome
    };
    tokio::join!(process.apply(desired), second).0
}

fn end(universe: &Universe, process: &Process, is_power_loss: bool, dice: &mut Dice) {
    match is_power_loss {
        true => universe.platter.lose_power(dice),
        false => universe.bury(process),
    }
}

/// From now on nothing goes wrong any more: the next plain apply has to make everything as declared.
async fn recover(
    universe: &Universe,
    desired: &Desired,
    (crash, told): (Crash, &mut Played),
    dice: &mut Dice,
) {
    universe.provider.fail(0);
    universe.platter.fill(None);
    rest(dice).await;
    for again in crash.again.into_iter().flatten() {
        let process = universe.boot(Some(again));
        let outcome = process.apply(desired).await;
        told.crashes += u64::from(outcome.is_none());
        end(universe, &process, dice.roll(2) == 0, dice);
        rest(dice).await;
    }
    let process = universe.boot(None);
    decide(universe, &process, desired).await;
    settle(universe, &process, desired).await;
    let left: Vec<_> = universe.platter.list().into_keys().collect();
    let is_journal = |path: &std::path::PathBuf| path.ends_with("test.journal.json");
    assert!(left.iter().all(is_journal), "files are left over: {left:?}");
}

/// Nobody starts a process so fast that a change which the last one sent comes after its own: that
/// rotates a token, and nobody could know.
async fn rest(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(300 + dice.roll(5_000))).await;
}

/// Where a service cannot be asked what became of a creation, a person has to look: an apply does the
/// rest and stops there. Here the person finds nothing, and has the instance forgotten.
async fn decide(universe: &Universe, process: &Process, desired: &Desired) {
    let is_lost = |entry: &&Instance| entry.service == MAILBOX && entry.operation.is_some();
    let journal = process.world.store.load().await.unwrap().journal;
    if journal.instances.iter().all(|entry| !is_lost(&entry)) {
        return;
    }
    let outcome = process.apply(desired).await;
    // Who looks too early sees nothing.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut journal = process.world.store.load().await.unwrap().journal;
    let lost: Vec<Instance> = journal.instances.iter().filter(is_lost).cloned().collect();
    match outcome {
        Some(Outcome::Complete) => return,
        Some(Outcome::Incomplete(story, failed)) => {
            let is_known = |name: &Name| lost.iter().any(|entry| entry.reference == *name);
            assert!(failed.iter().all(is_known), "more failed than what is lost: {story}");
        }
        outcome => panic!("the next apply ended so: {outcome:#?}"),
    }
    for entry in lost {
        let key = entry.operation.map(|operation| operation.key).unwrap_or_default();
        universe.provider.take_made_with(&key);
        journal.forget(entry.reference.as_str());
    }
    journal.serial += 1;
    process.world.store.save(&journal).await.unwrap();
}

/// One plain apply, after which everything has to be as declared.
async fn settle(universe: &Universe, process: &Process, desired: &Desired) {
    let outcome = process.apply(desired).await;
    assert!(matches!(outcome, Some(Outcome::Complete)), "the next apply ended so: {outcome:#?}");
    // Whatever was still on its way arrives.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let journal = process.world.store.load().await.unwrap().journal;
    check::is_live(&universe.provider, &process.world, &journal, desired);
    check::is_settled(&universe.provider, &process.world, &journal);
    let plan = process.plan(desired, &journal).await.unwrap();
    assert!(plan.is_clean(), "the next plan is not empty: {:#?}", plan.steps);
}
