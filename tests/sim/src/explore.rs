//! Plays one seed after the other: undisturbed, with a crash before every effect, and with crashes
//! before the recovery has ended, too.

use std::fmt;
use std::panic;

use super::Dice;
use super::fuse::Trace;
use super::planted::Planted;
use super::plot::Plot;
use super::story::{Crash, tell};

/// What was played.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Plots, each decided by a seed.
    pub plots: u64,
    /// Plays of them.
    pub runs: u64,
    /// Processes that ended before their time.
    pub crashes: u64,
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
    pub text: String,
}

impl Report {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.plots += other.plots;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.repeated += other.repeated;
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plots, runs, crashes, repeated, violations } = self;
        let count = violations.len();
        write!(out, "{plots} plots, {runs} runs, {crashes} crashes, {count} violations; ")?;
        write!(out, "{repeated} runs repeated bit for bit")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, crash, text } = self;
        let Crash { at, again } = crash;
        let [first, second] = again;
        writeln!(out, "seed {seed}, crash {at:?}, then {first:?} and {second:?}:\n{text}\n")?;
        writeln!(out, "The same as a test:\n")?;
        writeln!(out, "#[test]")?;
        writeln!(out, "fn seed_{seed}_{}() {{", at.unwrap_or_default())?;
        writeln!(out, "    replay({seed}, Crash {{ at: {at:?}, again: [{first:?}, {second:?}] }});")?;
        write!(out, "}}")
    }
}

/// Plays everything that can happen to one seed, until something is wrong.
pub fn explore(seed: u64, planted: Planted) -> Report {
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
        report.violations.push(Violation { seed: plot.seed, crash, text });
        return None;
    }
    Some(told.effects)
}

/// From now on panics are counted and not printed.
pub fn quietly() {
    panic::set_hook(Box::new(|_| {}));
}
