//! Time that passes when somebody waits for it, and only then.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brokers::http::Timer;
use jiff::{SignedDuration, Timestamp};
use provision::world::{Clock, Ids, Vault, VaultError};
use serde_json::Value;

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

/// Ids that count.
#[derive(Default)]
pub struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn fresh(&self) -> String {
        format!("fresh-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A vault that turns texts around: enough that no secret is in the journal as it is.
pub struct MirrorVault;

impl Vault for MirrorVault {
    fn seal(&self, value: &Value) -> Result<String, VaultError> {
        Ok(value.to_string().chars().rev().collect())
    }

    fn open(&self, sealed: &str) -> Result<Value, VaultError> {
        let text: String = sealed.chars().rev().collect();
        serde_json::from_str(&text).map_err(|error| VaultError(error.to_string()))
    }
}
