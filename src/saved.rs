//! A plan in a file, bound to what it was made from.

use std::path::Path;

use provision::broker::Catalog;
use provision::config::Desired;
use provision::digest;
use provision::plan::Plan;
use provision::state::Journal;
use provision::store::write_atomic;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// A saved plan. What executes is planned anew and has to come out the same, so that the file
/// holds no secret and nothing that was not decided by the planner.
#[derive(Debug, Deserialize, Serialize)]
pub struct SavedPlan {
    format_version: String,
    /// The project.
    pub project: String,
    /// The stage.
    pub stage: String,
    lineage: String,
    serial: u64,
    config: String,
    services: String,
    /// Whether it destroys what is not declared.
    pub prune: bool,
    /// Whether it may destroy what is protected.
    pub force: bool,
    steps: String,
    plan: Value,
}

/// What a plan is made from.
pub struct Basis<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What is believed live.
    pub journal: &'a Journal,
    /// The services.
    pub catalog: &'a Catalog,
}

impl SavedPlan {
    /// The saved form of `plan`, shown as `view`.
    pub fn new(plan: &Plan, basis: &Basis<'_>, (prune, force): (bool, bool), view: Value) -> Self {
        Self {
            format_version: "1.0".to_owned(),
            project: basis.journal.project.to_string(),
            stage: basis.journal.stage.to_string(),
            lineage: basis.journal.lineage.clone(),
            serial: basis.journal.serial,
            config: config_digest(basis.desired),
            services: services_digest(basis.catalog),
            prune,
            force,
            steps: steps_digest(plan),
            plan: view,
        }
    }

    /// Writes the file, readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        Ok(write_atomic(path, &bytes)?)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is no saved plan.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |reason: String| {
            let summary = format!("{} is not a saved plan: {reason}.", path.display());
            Failure::with_help(
                Exit::Error,
                "plan-file",
                summary,
                "Make one: `prov plan --out FILE`.",
            )
        };
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let saved: Self =
            serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        if saved.format_version.split('.').next() != Some("1") {
            return Err(failed(format!("its version is {}", saved.format_version)));
        }
        Ok(saved)
    }

    /// Refuses when anything the plan was made from differs.
    ///
    /// # Errors
    /// What differs, exit 12.
    pub fn check_basis(&self, basis: &Basis<'_>) -> Result<(), Failure> {
        let journal = basis.journal;
        let stale = if self.stage != journal.stage.as_str() {
            format!("it was made for the stage `{}`", self.stage)
        } else if self.lineage != journal.lineage && !self.lineage.is_empty() {
            "it was made for another journal".to_owned()
        } else if self.serial != journal.serial {
            format!("the journal has moved on from serial {} to {}", self.serial, journal.serial)
        } else if self.config != config_digest(basis.desired) {
            "the config, or a value it reads, has changed".to_owned()
        } else if self.services != services_digest(basis.catalog) {
            "a service's description has changed".to_owned()
        } else {
            return Ok(());
        };
        Err(stale_plan(&stale))
    }

    /// Refuses when `plan` is not the saved one.
    ///
    /// # Errors
    /// Exit 12.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), Failure> {
        if self.steps == steps_digest(plan) {
            return Ok(());
        }
        Err(stale_plan("the same inputs lead to other steps now, e.g. because files changed"))
    }
}

fn stale_plan(why: &str) -> Failure {
    let summary = format!("The saved plan is stale: {why}.");
    Failure::with_help(Exit::Stale, "stale-plan", summary, "Nothing was changed. Plan again.")
}

fn config_digest(desired: &Desired) -> String {
    digest::of_bytes(format!("{:?}{:?}", desired.instances, desired.env).as_bytes())
}

fn services_digest(catalog: &Catalog) -> String {
    catalog.digest().unwrap_or_default()
}

fn steps_digest(plan: &Plan) -> String {
    digest::of_bytes(format!("{:?}", plan.steps).as_bytes())
}
