//! The real world: time, ids, the environment and this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use etcetera::BaseStrategy as _;
use jiff::Timestamp;
use provision::name::Name;
use provision::world::{Clock, Ids};

/// The environment, as far as it is text.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    })
}

/// Variables as the engine takes them.
pub fn names_of(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<Name, String> {
    variables.map(|(name, value)| (Name::from(name), value)).collect()
}

/// Where the user's own age identity is.
pub(super) fn identity_path() -> PathBuf {
    config_home().join("prov").join("identity.txt")
}

pub(super) fn config_home() -> PathBuf {
    etcetera::choose_base_strategy()
        .map_or_else(|_| PathBuf::from(".prov"), |strategy| strategy.config_dir())
}

/// The name of this machine.
pub fn host() -> String {
    let from_file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    from_file.map(|name| name.trim().to_owned()).unwrap_or_else(|| "this machine".to_owned())
}

pub(super) fn user() -> String {
    let named = std::env::var("USER").or_else(|_| std::env::var("USERNAME"));
    named.unwrap_or_else(|_| "somebody".to_owned())
}

/// The time of this machine.
pub(super) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Whole seconds are what a reader of the journal wants to see.
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Ids that sort by the time they were made.
pub(super) struct Uuids;

impl Ids for Uuids {
    fn fresh(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}
