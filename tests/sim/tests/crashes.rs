//! A fixed budget of simulated crashes, and proof that the simulation notices mistakes.
//!
//! `cargo run --release -p prov-sim -- --minutes 10` goes on for as long as wanted.
#![cfg(test)]

use prov_sim::explore::{Report, explore, quietly};
use prov_sim::fuse::Trace;
use prov_sim::planted::Planted;
use prov_sim::plot::Plot;
use prov_sim::story::{Crash, tell};
use prov_test::say;

/// How many crashes are simulated here.
const BUDGET: u64 = 2_000;

/// Plays seeds from `first` on until `is_enough`.
fn play(first: u64, planted: Planted, is_enough: impl Fn(&Report) -> bool) -> Report {
    quietly();
    let mut report = Report::default();
    for seed in first.. {
        report.add(explore(seed, planted));
        if is_enough(&report) {
            break;
        }
    }
    report
}

#[test]
fn after_any_crash_the_next_apply_ends_as_declared() {
    let enough = |report: &Report| report.crashes >= BUDGET || !report.violations.is_empty();
    let report = play(0, Planted::Nothing, enough);
    say(&report.to_string());
    assert!(report.violations.is_empty(), "{}", report.violations[0]);
    assert!(report.fenced > 0 && report.repeated > 0, "{report}");
}

/// Whether a planted mistake is found within so many crashes.
fn is_found(planted: Planted, within: u64) {
    let enough = |report: &Report| report.crashes >= within || !report.violations.is_empty();
    let report = play(0, planted, enough);
    let first = report.violations.first();
    let first = first.unwrap_or_else(|| panic!("{planted:?} was not found: {report}"));
    say(&format!("{planted:?}: seed {} after {} crashes", first.seed, report.crashes));
}

#[test]
fn a_log_that_is_not_synced_is_noticed() {
    is_found(Planted::NoSync, BUDGET);
}

#[test]
fn a_journal_that_is_written_in_place_is_noticed() {
    is_found(Planted::NoRename, BUDGET);
}

#[test]
fn a_creation_that_is_asked_for_blindly_is_noticed() {
    is_found(Planted::BlindRetry, BUDGET);
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..20 {
        let play = || tell(&Plot::of(seed), Crash::at(40), Planted::Nothing, Trace::told());
        assert_eq!(play().trace.lines(), play().trace.lines(), "{seed}");
    }
}
