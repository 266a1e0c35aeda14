//! No more requests than the provider allows: a bucket for each published rate, and what the
//! provider's own headers say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::WAIT_MAX;
use super::answer::Answer;
use super::call::Call;
use super::timer::Timer;
use crate::manifest::{Limits, Part, Rate, Template};

/// The part of a rate that may be used at once; the rest is spread over its time. Both together stay
/// within the rate in every window.
const BURST: f64 = 0.1;

/// Of a small rate more may be used at once: half of it, up to this many.
const BURST_SMALL: f64 = 20.0;

/// Lets requests through at the published rates.
pub struct Limiter {
    timer: Arc<dyn Timer>,
    permits: Arc<Semaphore>,
    whole: Option<Bucket>,
    paths: Vec<(String, Template, Bucket)>,
    blocked_until: Mutex<Duration>,
}

/// The right to have one request under way.
pub struct Permit(
    #[expect(dead_code, reason = "it is given back when dropped")] Option<OwnedSemaphorePermit>,
);

struct Bucket {
    capacity: f64,
    per_second: f64,
    state: Mutex<(f64, Duration)>,
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "rates are small numbers")]
        let (requests, seconds) = (rate.requests as f64, rate.seconds as f64);
        let small = (requests / 2.0).floor().min(BURST_SMALL);
        let capacity = (requests * BURST).max(small).max(1.0);
        let per_second = ((requests - capacity) / seconds).max(0.5 / seconds);
        Self { capacity, per_second, state: Mutex::new((capacity, Duration::ZERO)) }
    }

    /// Takes one, or says how long until there is one.
    fn take(&self, now: Duration) -> Option<Duration> {
        let Ok(mut state) = self.state.lock() else { return None };
        let passed = now.saturating_sub(state.1).as_secs_f64();
        let filled = (state.0 + passed * self.per_second).min(self.capacity);
        *state = (filled, now);
        if filled >= 1.0 {
            state.0 = filled - 1.0;
            return None;
        }
        let wait = (1.0 - filled) / self.per_second + 0.001;
        Some(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

impl Limiter {
    pub(super) fn new(limits: &Limits, timer: Arc<dyn Timer>) -> Self {
        let path = |(method, path, rate): &(String, Template, Rate)| {
            (method.clone(), path.clone(), Bucket::new(*rate))
        };
        Self {
            timer,
            permits: Arc::new(Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS))),
            whole: limits.rate.map(Bucket::new),
            paths: limits.paths.iter().map(path).collect(),
            blocked_until: Mutex::new(Duration::ZERO),
        }
    }

    /// Waits until `call` may be sent.
    pub(super) async fn enter(&self, call: &Call) -> Permit {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        loop {
            let now = self.timer.elapsed();
            let blocked = self.blocked_until.lock().map_or(Duration::ZERO, |until| *until);
            if blocked > now {
                self.timer.sleep(blocked - now).await;
                continue;
            }
            let mut buckets = self
                .paths
                .iter()
                .filter(|(method, path, _)| *method == call.method && covers(path, &call.path));
            let wait = buckets
                .find_map(|(_, _, bucket)| bucket.take(now))
                .or_else(|| self.whole.as_ref()?.take(now));
            match wait {
                Some(wait) => self.timer.sleep(wait).await,
                None => return Permit(permit),
            }
        }
    }

    /// Takes note of what the provider says about its rate.
    pub(super) fn learn(&self, answer: &Answer, limits: &Limits) {
        let now = self.timer.elapsed();
        let until = match answer.status {
            429 => answer.retry_after().map(|wait| now + wait.min(WAIT_MAX)),
            _ => self.exhausted(answer, limits).map(|wait| now + wait),
        };
        if let (Some(until), Ok(mut blocked)) = (until, self.blocked_until.lock()) {
            *blocked = until.max(*blocked);
        }
    }

    /// How long until there are more, when the headers say that there are none left.
    fn exhausted(&self, answer: &Answer, limits: &Limits) -> Option<Duration> {
        let number = |name: &Option<String>| -> Option<f64> {
            answer.header(name.as_deref()?)?.trim().parse().ok()
        };
        if number(&limits.remaining_header)? >= 1.0 {
            return None;
        }
        let reset = number(&limits.reset_header)?;
        let seconds = match limits.reset_is_epoch {
            true => reset - jiff::Timestamp::now().as_second() as f64,
            false => reset,
        };
        Duration::try_from_secs_f64(seconds.clamp(0.0, 120.0)).ok()
    }
}

/// Whether a path with expressions covers the path of a call: an expression stands for a segment.
fn covers(path: &Template, of_call: &str) -> bool {
    let text: String = path
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Expression { .. } => "*",
        })
        .collect();
    let (mut wanted, mut given) = (text.split('/'), of_call.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if w == "*" || w == g => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::timer::RealTimer;

    #[test]
    fn no_limit_is_too_large_to_be_kept() {
        let rate = Some(Rate { requests: 1, seconds: u64::MAX });
        let limits = Limits { rate, concurrency: usize::MAX, ..Limits::default() };
        let limiter = Limiter::new(&limits, Arc::new(RealTimer::default()));
        let bucket = limiter.whole.unwrap();
        assert_eq!(bucket.take(Duration::ZERO), None);
        assert_eq!(bucket.take(Duration::ZERO), Some(Duration::MAX));
    }
}
