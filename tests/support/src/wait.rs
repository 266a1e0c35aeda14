//! Waits for what other processes do.

use std::time::{Duration, Instant};

/// How long something may take that takes a moment, on a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until something is so. No clock of ours brings about what another process does: it is asked
/// again and again, and goes on at once when it is so.
///
/// # Panics
/// When it is not so within [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "in vain: waited until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
