//! Time that passes when somebody waits for it, and only then.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use brokers::http::Timer;
use jiff::{SignedDuration, Timestamp};
use provision::world::Clock;

/// Time, for the engine, the brokers and the fake.
#[derive(Default)]
pub struct Time(Mutex<Duration>);

impl Time {
    fn pass(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }

    pub fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

#[async_trait]
impl Timer for Time {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        start + SignedDuration::try_from(self.elapsed()).unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        tokio::task::yield_now().await;
    }
}
