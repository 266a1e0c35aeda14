//! Services that are real things on this machine: values, secrets, files, folders, SQLite databases
//! and whatever a command makes.

pub(crate) mod bucket;
pub(crate) mod exec;
pub(crate) mod file;
mod params;
pub mod path;
pub(crate) mod secret;
pub(crate) mod sqlite;
#[cfg(test)]
mod testing;
pub(crate) mod value;

use std::path::PathBuf;
use std::time::Duration;

use provision::broker::{
    BrokerError, ErrorKind, Finding, OnChange, Plans, Progress, Provisioned, ReplaceOrder, Service,
    Way,
};
use provision::name::Name;
use provision::value::Outputs;

/// Where the local services work.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The project folder, absolute: paths are relative to it and commands run in it.
    pub root: PathBuf,
    /// Whether paths may lead out of the project folder.
    pub allow_outside: bool,
}

/// A service without params and outputs that behaves as most local ones do.
fn service(id: &str, kind: &str, description: &'static str) -> Service {
    Service {
        id: Name::from(id),
        kind: Name::from(kind),
        description: description.into(),
        plans: Plans::Named(Vec::new()),
        params: Vec::new(),
        params_open: false,
        any_of: Vec::new(),
        outputs: Vec::new(),
        outputs_open: false,
        name_pattern: None,
        name_bounds: None,
        on_rename: OnChange::Update,
        replace_order: ReplaceOrder::CreateFirst,
        finding: Finding::By(vec![Way::Id]),
        find_with: None,
        journal_only: false,
        deadline: Duration::from_secs(60),
        // Nothing here goes on without prov but commands, which are waited for by their latch.
        in_flight: Duration::ZERO,
        stateful: None,
        revision: Default::default(),
    }
}

fn done(instance_id: &str, outputs: Outputs) -> Progress<Provisioned> {
    Progress::Done(Provisioned::new(instance_id, outputs))
}

fn invalid(message: impl Into<String>) -> BrokerError {
    BrokerError::new(ErrorKind::Invalid, message)
}
