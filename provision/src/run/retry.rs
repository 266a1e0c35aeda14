//! When to try again, and when to ask again: pure arithmetic.

use std::time::Duration;

use crate::broker::{BrokerError, ErrorKind};

/// Attempts at one call, the first included.
const ATTEMPTS_MAX: u32 = 5;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest pause between two questions about an operation.
const POLL_MAX: Duration = Duration::from_secs(15);

/// How long to wait before attempt `attempt + 1` (attempts count from 1); `None` when there is to
/// be none. Only calls of which nothing happened are repeated.
#[must_use]
pub fn pause(error: &BrokerError, attempt: u32) -> Option<Duration> {
    if error.kind != ErrorKind::Unavailable || error.is_final || attempt >= ATTEMPTS_MAX {
        return None;
    }
    let growing = Duration::from_millis(500).saturating_mul(1 << attempt.min(16));
    Some(error.retry_after.unwrap_or(growing).min(PAUSE_MAX))
}

/// How long to wait before question `question + 1` about an operation (questions count from 0).
#[must_use]
pub fn poll_pause(question: u32, retry_after: Option<Duration>) -> Duration {
    let growing = Duration::from_millis(500).mul_f64(1.5_f64.powi(question.min(16) as i32));
    retry_after.unwrap_or(growing.min(POLL_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_did_not_happen_is_repeated() {
        let error = |kind| BrokerError::new(kind, "x");
        assert_eq!(pause(&error(ErrorKind::Unavailable), 1), Some(Duration::from_secs(1)));
        assert_eq!(pause(&error(ErrorKind::Unavailable), 2), Some(Duration::from_secs(2)));
        assert_eq!(pause(&error(ErrorKind::Unavailable), 5), None);
        assert_eq!(pause(&error(ErrorKind::Unknown), 1), None);
        assert_eq!(pause(&error(ErrorKind::Failed), 1), None);
    }

    #[test]
    fn the_provider_says_how_long() {
        let wait = Duration::from_secs(7);
        let mut error = BrokerError::new(ErrorKind::Unavailable, "x");
        error.retry_after = Some(wait);
        assert_eq!(pause(&error, 1), Some(wait));
        assert_eq!(poll_pause(9, Some(wait)), wait);
    }

    #[test]
    fn questions_grow_rarer_up_to_a_limit() {
        let pauses: Vec<u128> = (0..12).map(|n| poll_pause(n, None).as_millis()).collect();
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&15_000));
    }
}
