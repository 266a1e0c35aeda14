//! Time that only goes forward.

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
