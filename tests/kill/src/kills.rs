//! Kills prov again and again, lets it go on, and has the whole world checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;

use crate::check::{Wrong, journal, world};
use crate::items::{Item, Kind, SERVICES};
use crate::lane::{CALM, Lane, Weather};
use crate::moment::{Moment, phase, serial};
use crate::process::kill_in;
use crate::say;
use crate::tally::Tally;

/// How many kills a project lives through.
pub const KILLS_OF_A_PROJECT: usize = 12;

/// Of how many runs one has slow work to do.
const SLOW_OF: u32 = 6;

/// How long a run of a kind takes, before one was measured.
const LENGTH: Duration = Duration::from_millis(150);

/// What is to be done.
pub struct Order {
    pub prov: PathBuf,
    pub kills: usize,
    pub seed: u64,
    pub lanes: usize,
}

/// Does it: projects one after the other in each lane, until there were enough kills.
pub fn kill(order: &Order) -> Tally {
    let all = Mutex::new((Tally::default(), 0));
    std::thread::scope(|scope| {
        for _ in 0..order.lanes {
            scope.spawn(|| {
                let mut lengths = BTreeMap::new();
                loop {
                    let (seed, kills) = {
                        let mut all = all.lock().unwrap();
                        let (_, begun) = &mut *all;
                        if *begun >= order.kills {
                            return;
                        }
                        let seed = order.seed + (*begun / KILLS_OF_A_PROJECT) as u64;
                        let kills = KILLS_OF_A_PROJECT.min(order.kills - *begun);
                        *begun += kills;
                        (seed, kills)
                    };
                    let tally = Project::new(order, seed, &mut lengths).live(kills);
                    all.lock().unwrap().0.add(tally);
                }
            });
        }
    });
    all.into_inner().unwrap().0
}

/// What is done to a project in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Apply,
    Change,
    Replace,
    Remove,
    Everything,
    Teardown,
}

struct Project<'l> {
    lane: Lane,
    items: Vec<Item>,
    chance: fastrand::Rng,
    seed: u64,
    lengths: &'l mut BTreeMap<Act, Duration>,
    tally: Tally,
    /// What was done, for the one who wants to know how it came about.
    trace: Vec<String>,
}

impl<'l> Project<'l> {
    fn new(order: &Order, seed: u64, lengths: &'l mut BTreeMap<Act, Duration>) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut services: Vec<usize> = (0..SERVICES.len()).collect();
        chance.shuffle(&mut services);
        services.truncate(chance.usize(1..=4));
        let lane = Lane::new(&order.prov, &services);
        let places = services.iter().enumerate();
        let mut items: Vec<Item> = places.map(|(place, at)| Item::at_cloud(place, *at)).collect();
        items.push(Item::new("thing".to_owned(), Kind::Exec, None));
        for number in 0..chance.usize(1..=4) {
            let kind = match chance.u32(0..12) {
                0..3 => Kind::Exec,
                3 => Kind::Slow,
                4..8 => Kind::File,
                8 => Kind::Sqlite,
                9 => Kind::Bucket,
                _ => Kind::Secret,
            };
            let read = chance.usize(0..items.len());
            let read = items.get(read).filter(|_| chance.bool()).cloned();
            items.push(Item::new(format!("local{number}"), kind, read.as_ref()));
        }
        let tally = Tally { projects: 1, ..Tally::default() };
        Self { lane, items, chance, seed, lengths, tally, trace: Vec::new() }
    }

    /// Lives until it was killed so often.
    fn live(mut self, kills: usize) -> Tally {
        let mut act = Act::Apply;
        while self.tally.kills < kills && self.tally.failures.is_empty() {
            self.lane.declare(&self.items);
            self.suffer(act, kills);
            let applied: Vec<_> = self.items.iter().map(Item::state).collect();
            while self.items.iter().map(Item::state).eq(applied.iter().copied()) {
                act = self.next();
                if act == Act::Teardown {
                    break;
                }
            }
        }
        let again = format!("cargo run -p prov-kill -- --kills {kills} --seed {}", self.seed);
        if let Some(failure) = self.tally.failures.last_mut() {
            failure.push_str(&format!("\n{}\nsee it again: {again}", self.trace.join("\n")));
            say(failure);
        }
        self.tally
    }

    /// Changes what is declared.
    fn next(&mut self) -> Act {
        let chance = &mut self.chance;
        let at = chance.usize(0..self.items.len());
        match chance.u32(0..10) {
            0..3 => {
                self.items.iter_mut().for_each(|item| {
                    if chance.bool() {
                        item.change();
                    }
                });
                Act::Change
            }
            3 | 4 => {
                self.items.iter_mut().for_each(|item| {
                    if chance.bool() {
                        item.replace();
                    }
                });
                Act::Replace
            }
            5 | 6 => {
                let is_read = self.items.iter().any(|other| self.items[at].is_read_by(other));
                self.items[at].is_declared &= is_read;
                Act::Remove
            }
            7 | 8 => {
                for at in 0..self.items.len() {
                    self.items[at].is_declared |= self.items[at].can_be_declared(&self.items);
                }
                Act::Everything
            }
            _ => Act::Teardown,
        }
    }

    /// One command, killed once or several times in a row, and what follows.
    fn suffer(&mut self, act: Act, kills: usize) {
        let command = if act == Act::Teardown { "teardown --yes --force" } else { "apply --yes" };
        let strikes = if self.chance.u32(0..3) == 0 { self.chance.usize(2..=4) } else { 1 };
        // To end after the next run has begun, work has to take longer than a run's start.
        let slow = if self.chance.u32(0..SLOW_OF) == 0 { 100 } else { 1 };
        let before = slow * self.chance.u64(0..4000);
        let after = self.chance.u64(0..9000);
        self.lane.weather(Weather { before, after, lost: 6 }, self.chance.u64(..));
        let mut was_killed = false;
        for _ in 0..strikes.min(kills - self.tally.kills) {
            match self.chance.u32(0..8) {
                0 => self.stop(act, command),
                _ => was_killed |= self.strike(act, command),
            }
            if !self.tally.failures.is_empty() {
                return;
            }
        }
        self.lane.weather(Weather { lost: 0, ..CALM }, 0);
        // After a teardown that was killed, both ways are open.
        let is_down = act == Act::Teardown && self.chance.bool();
        self.go_on(if is_down { command } else { "apply --yes" }, act);
        self.tally.mended += usize::from(was_killed);
    }

    /// The run after the last kill, which has to end well, and a look at everything.
    fn go_on(&mut self, command: &str, act: Act) {
        let (status, said) = self.lane.run(command);
        self.tally.runs += 1;
        self.note(&format!("{act:?}: {command} went on and ended with {status:?}"));
        if status != Some(0) {
            let failure = format!("{act:?}: `prov {command}` ended with {status:?}:\n{said}");
            return self.tally.failures.push(failure);
        }
        self.lane.settle();
        let is_down = command.starts_with("teardown");
        let mut items = self.items.clone();
        items.iter_mut().for_each(|item| item.is_declared &= !is_down);
        let wrong = world(&self.lane, &items, !is_down);
        self.tally.wrong(&wrong, &format!("{act:?}, after `prov {command}`:\n{said}"));
    }

    /// Starts the command and kills it; answers whether it was still there.
    fn strike(&mut self, act: Act, command: &str) -> bool {
        let length = *self.lengths.entry(act).or_insert(LENGTH);
        let moment = Moment::draw(&mut self.chance, length);
        let before = serial(&self.lane);
        // Everything dies with the machine; with prov alone, its children go on for a while.
        let dies_alone = self.chance.bool();
        let mut run = self.lane.start(command);
        self.tally.runs += 1;
        if !moment.wait(&self.lane, &mut run) {
            self.measured(act, run.started.elapsed());
            self.tally.missed += 1;
            self.ended(run.end(), command);
            return false;
        }
        run.send(Signal::KILL);
        run.end();
        if !dies_alone {
            kill_in(&self.lane.root());
        }
        self.tally.kills += 1;
        let phase = phase(&self.lane, before);
        self.note(&format!("{act:?}: {command}, killed {phase} ({moment:?}, alone: {dies_alone})"));
        *self.tally.phases.entry(phase).or_default() += 1;
        self.look(act, command);
        self.lengths.entry(act).and_modify(|length| *length = length.mul_f64(1.01));
        true
    }

    /// Writes down what was done, and where it led.
    fn note(&mut self, what: &str) {
        let log = std::fs::read(self.lane.state_file("log.jsonl")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let journal = std::fs::read_to_string(self.lane.state_file("journal.json"));
        let said = self.lane.said("said");
        let journal = journal.unwrap_or_default();
        self.trace.push(format!("== {what}\n{said}\n{log}\n{journal}"));
    }

    /// A run that nobody killed. What it lost by a bad answer, the next one makes good.
    fn ended(&mut self, status: Option<i32>, command: &str) {
        self.note(&format!("{command} ended with {status:?}"));
        if !matches!(status, Some(0 | 1 | 3)) {
            let said = self.lane.said("said");
            self.tally.failures.push(format!("`prov {command}` ended with {status:?}:\n{said}"));
        }
    }

    fn measured(&mut self, act: Act, length: Duration) {
        self.lengths.entry(act).and_modify(|known| *known = (*known + length) / 2);
    }

    /// What a kill left can be read, and reading it changes nothing.
    fn look(&mut self, act: Act, command: &str) {
        let mut wrong = Wrong::default();
        journal(&self.lane, &mut wrong);
        let files = self.lane.kept();
        let (status, said) = self.lane.run("plan");
        if status != Some(0) {
            wrong.said.push(format!("`prov plan` ended with {status:?}:\n{said}"));
        }
        if files != self.lane.kept() {
            wrong.said.push("`prov plan` changed a file".to_owned());
        }
        self.tally.wrong(&wrong, &format!("{act:?}, after `prov {command}` was killed"));
    }

    /// Stops a run instead, tries a second one, and lets the first go on or kills it.
    fn stop(&mut self, act: Act, command: &str) {
        let length = *self.lengths.entry(act).or_insert(LENGTH);
        let moment = Moment::After(length.mul_f64(self.chance.f64()));
        let mut first = self.lane.start_into(command, "first");
        self.tally.runs += 1;
        if !moment.wait(&self.lane, &mut first) {
            self.tally.missed += 1;
            return self.ended(first.end(), command);
        }
        first.send(Signal::STOP);
        self.tally.stops += 1;
        let (status, said) = self.lane.run(command);
        self.tally.runs += 1;
        match status {
            Some(10) => {
                self.tally.refused += 1;
                let id = first.id().to_string();
                if !(said.contains(&format!("process {id}")) && said.contains("stopped")) {
                    let failure = format!("{act:?}: the refusal does not name {id}:\n{said}");
                    self.tally.failures.push(failure);
                }
            }
            // It did not hold the lock yet, or not any more.
            other => self.ended(other, command),
        }
        if self.chance.bool() {
            first.send(Signal::CONT);
            let status = first.end();
            return self.ended(status, command);
        }
        first.send(Signal::KILL);
        first.end();
        self.tally.kills += 1;
        *self.tally.phases.entry("while it was stopped").or_default() += 1;
        self.look(act, command);
    }
}
