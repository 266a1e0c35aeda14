//! The numbers.

use std::collections::BTreeMap;
use std::fmt;

use crate::check::Wrong;

/// What was counted so far.
#[derive(Default)]
pub struct Tally {
    pub projects: usize,
    /// Runs of `apply` and `teardown`.
    pub runs: usize,
    pub kills: usize,
    /// Runs that were over before the moment came.
    pub missed: usize,
    pub stops: usize,
    /// Stopped runs that held the lock, so that a second one was refused.
    pub refused: usize,
    /// Runs that had to go on after a kill, and did.
    pub mended: usize,
    pub orphans: usize,
    pub duplicates: usize,
    pub missing: usize,
    pub damaged: usize,
    /// Kills by what they met, as the files show it.
    pub phases: BTreeMap<&'static str, usize>,
    /// What went wrong, each with how to see it again.
    pub failures: Vec<String>,
}

impl Tally {
    pub fn wrong(&mut self, wrong: &Wrong, when: &str) {
        self.orphans += wrong.orphans;
        self.duplicates += wrong.duplicates;
        self.missing += wrong.missing;
        self.damaged += wrong.damaged;
        self.failures.extend(wrong.said.iter().map(|said| format!("{when}: {said}")));
    }

    pub fn add(&mut self, other: Self) {
        self.projects += other.projects;
        self.runs += other.runs;
        self.kills += other.kills;
        self.missed += other.missed;
        self.stops += other.stops;
        self.refused += other.refused;
        self.mended += other.mended;
        self.orphans += other.orphans;
        self.duplicates += other.duplicates;
        self.missing += other.missing;
        self.damaged += other.damaged;
        for (phase, count) in other.phases {
            *self.phases.entry(phase).or_default() += count;
        }
        self.failures.extend(other.failures);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { projects, runs, kills, missed, stops, refused, mended, .. } = self;
        writeln!(f, "{kills} kills in {runs} runs of {projects} projects ({missed} ended before)")?;
        writeln!(f, "{stops} stops, {refused} of them with the lock held")?;
        writeln!(f, "{mended} runs went on after a kill")?;
        for (phase, count) in &self.phases {
            writeln!(f, "{count:6} killed {phase}")?;
        }
        let Self { orphans, duplicates, missing, damaged, .. } = self;
        writeln!(f, "orphans {orphans}, duplicates {duplicates}, missing {missing}, ")?;
        write!(f, "damaged journals {damaged}, failures {}", self.failures.len())
    }
}
