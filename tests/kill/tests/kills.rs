//! What every change has to outlive: `cargo run -p prov-kill -- --help` does more of it.

use std::process::Command;

/// Runs the harness, which says what it did and why it failed.
fn outlives(arguments: &[&str]) {
    let ended = Command::new(env!("CARGO_BIN_EXE_prov-kill")).args(arguments).status();
    assert!(ended.is_ok_and(|status| status.success()), "prov-kill {}", arguments.join(" "));
}

#[test]
fn nothing_is_lost_however_it_is_killed() {
    outlives(&["--kills", "300"]);
}

#[test]
fn nothing_is_lost_at_a_server_that_loses_answers() {
    outlives(&["--kills", "10", "emulate"]);
}

#[test]
fn no_plan_is_wrong_wherever_a_log_is_cut() {
    outlives(&["cuts", "--steps", "10", "--whole", "--applies", "3"]);
    outlives(&["cuts", "--steps", "100", "--plans", "4", "--applies", "0"]);
}
