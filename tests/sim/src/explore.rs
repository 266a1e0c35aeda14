//! Plays one seed after the other: undisturbed, with a crash before every effect, and with crashes
//! before the recovery has ended, too.

use std::fmt;
use std::panic;

use super::Dice;
use super::fuse::Trace;
use super::planted::Planted;
use super::plot::Plot;
use super::project::UNIQUE;
use super::story::{Crash, tell, tell_stopped};

/// What was played.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Plots, each decided by a seed.
    pub plots: u64,
    /// Plays of them.
    pub runs: u64,
    /// Processes that ended before their time.
    pub crashes: u64,
    /// Processes that were stopped, lost their lease and were refused afterwards.
    pub fenced: u64,
    /// Plays that were repeated and had the same trace.
    pub repeated: u64,
    /// What should not be.
    pub violations: Vec<Violation>,
}

/// A play after which the world was not as it should be.
#[derive(Clone, Debug)]
pub struct Violation {
    pub seed: u64,
    pub crash: Crash,
    /// After which effect the process was stopped, when it was.
    pub stop: Option<u64>,
    pub text: String,
}

impl Report {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.plots += other.plots;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.fenced += other.fenced;
        self.repeated += other.repeated;
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plots, runs, crashes, fenced, repeated, violations } = self;
        let count = violations.len();
        write!(out, "{plots} plots, {runs} runs, {crashes} crashes, {count} violations; ")?;
        write!(out, "{fenced} late writers refused, {repeated} runs repeated bit for bit")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, crash, stop, text } = self;
        if let Some(at) = stop {
            let call = format!("replay_stopped({seed}, {at});");
            writeln!(out, "seed {seed}, stopped after effect {at}:\n{text}\n")?;
            return write!(out, "{}", as_test(&format!("seed_{seed}_stopped_{at}"), &call));
        }
        let Crash { at, again } = crash;
        let [first, second] = again;
        writeln!(out, "seed {seed}, crash {at:?}, then {first:?} and {second:?}:\n{text}\n")?;
        let name = format!("seed_{seed}_{}", at.unwrap_or_default());
        let crash = format!("Crash {{ at: {at:?}, again: [{first:?}, {second:?}] }}");
        write!(out, "{}", as_test(&name, &format!("replay({seed}, {crash});")))
    }
}

/// A test that plays it again.
fn as_test(name: &str, call: &str) -> String {
    format!("The same as a test:\n\n#[test]\nfn {name}() {{\n    {call}\n}}")
}

/// Plays everything that can happen to one seed, until something is wrong.
pub fn explore(seed: u64, planted: Planted) -> Report {
    let mut report = crashes(seed, planted);
    if planted == Planted::Nothing && seed.is_multiple_of(8) {
        report.add(stops(seed));
    }
    report
}

/// Stops a process after every effect until another one has taken its place.
fn stops(seed: u64) -> Report {
    let plot = Plot::with(seed, UNIQUE);
    let mut report = Report::default();
    let mut effects = 1;
    let mut at = 0;
    while at < effects && report.violations.is_empty() {
        at += 1;
        let told = tell_stopped(&plot, at, Trace::default());
        effects = told.effects;
        report.runs += 1;
        report.fenced += told.crashes;
        let wrong = |text| Violation { seed, crash: Crash::default(), stop: Some(at), text };
        report.violations.extend(told.violation.map(wrong));
    }
    report
}

fn crashes(seed: u64, planted: Planted) -> Report {
    let plot = Plot::of(seed);
    let mut report = Report { plots: 1, ..Report::default() };
    let Some(effects) = run(&plot, Crash::default(), planted, &mut report) else { return report };
    let mut dice = Dice::new(seed);
    for at in 1..=effects {
        if run(&plot, Crash::at(at), planted, &mut report).is_none() {
            return report;
        }
        if dice.roll(4) == 0 {
            let mut some = || (dice.roll(3) > 0).then(|| 1 + dice.roll(effects));
            let crash = Crash { at: Some(at), again: [some(), some()] };
            if run(&plot, crash, planted, &mut report).is_none() {
                return report;
            }
        }
    }
    report
}

/// Plays once, now and then twice; how many effects there were, unless something is wrong.
fn run(plot: &Plot, crash: Crash, planted: Planted, report: &mut Report) -> Option<u64> {
    let told = tell(plot, crash, planted, Trace::default());
    report.runs += 1;
    report.crashes += told.crashes;
    let mut wrong = told.violation;
    if wrong.is_none() && report.runs.is_multiple_of(64) {
        let again = tell(plot, crash, planted, Trace::default());
        report.repeated += 1;
        if again.trace.digest() != told.trace.digest() {
            wrong = Some("played twice, it went differently".to_owned());
        }
    }
    if let Some(text) = wrong {
        report.violations.push(Violation { seed: plot.seed, crash, stop: None, text });
        return None;
    }
    Some(told.effects)
}

/// From now on panics are counted and not printed.
pub fn quietly() {
    panic::set_hook(Box::new(|_| {}));
}
