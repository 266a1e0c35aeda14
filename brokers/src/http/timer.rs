//! Time that only goes forward.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

/// Time that only goes forward, and waiting for it.
#[async_trait]
pub trait Timer: Send + Sync {
    /// How long this timer has been running.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// How much longer a provider may fail to answer, over all calls of one question. To wait until its rates
/// allow more does not count, nor does an answer that takes long.
#[derive(Clone)]
pub struct Patience(Arc<Mutex<Duration>>);

impl Patience {
    /// So much of it.
    #[must_use]
    pub fn of(whole: Duration) -> Self {
        Self(Arc::new(Mutex::new(whole)))
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.0.lock().map_or(Duration::ZERO, |left| *left)
    }

    /// Takes from it; whether there was enough.
    pub fn spend(&self, time: Duration) -> bool {
        let Ok(mut left) = self.0.lock() else { return false };
        let is_enough = time < *left;
        *left = left.saturating_sub(time);
        is_enough
    }
}

/// The time of this machine.
pub struct RealTimer(Instant);

impl Default for RealTimer {
    fn default() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Timer for RealTimer {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
