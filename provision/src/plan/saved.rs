//! A plan as it is saved, bound to what it was made from: version 1.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Plan;
use crate::broker::Catalog;
use crate::config::Desired;
use crate::digest;
use crate::state::Journal;

/// The version of saved plans that this program writes.
const FORMAT_VERSION: &str = "1.0";

/// A saved plan. What executes is planned anew and has to come out the same, so that the file
/// holds no secret and nothing that was not decided by the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPlan {
    /// The project.
    pub project: String,
    /// The stage.
    pub stage: String,
    /// The journal's lineage; empty where nothing was ever made.
    pub lineage: String,
    /// The journal's serial.
    pub serial: u64,
    /// The digest of what is wanted.
    pub config: String,
    /// The digest of what the services can do.
    pub services: String,
    /// Whether it destroys what is not declared.
    pub prune: bool,
    /// Whether it may destroy what is protected.
    pub force: bool,
    /// The digest of the steps.
    pub steps: String,
    /// The plan as it was shown, for people and reviews.
    pub shown: Value,
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

/// A text that is no saved plan of a known version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It does not have the form of one.
    #[error("{reason}")]
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// Another program wrote it.
    #[error("its version is {found}")]
    Version {
        /// The version it says it has.
        found: String,
    },
}

/// A saved plan does not fit any more: what differs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The project.
    #[error("it was made for the project `{made_for}`")]
    Project {
        /// The project it was made for.
        made_for: String,
    },
    /// The stage.
    #[error("it was made for the stage `{made_for}`")]
    Stage {
        /// The stage it was made for.
        made_for: String,
    },
    /// The journal is another one.
    #[error("it was made for another journal")]
    Journal,
    /// The journal was written since.
    #[error("the journal has moved on from serial {made_for} to {found}")]
    Serial {
        /// The serial it was made for.
        made_for: u64,
        /// The serial that is there.
        found: u64,
    },
    /// What is wanted.
    #[error("the config, or a value it reads, has changed")]
    Config,
    /// What a service can do.
    #[error("a service's description has changed")]
    Services,
    /// What it comes to.
    #[error("the same inputs lead to other steps now, e.g. because files changed")]
    Steps,
}

#[derive(Serialize, Deserialize)]
struct SavedPlanV1 {
    format_version: String,
    project: String,
    stage: String,
    lineage: String,
    serial: u64,
    config: String,
    services: String,
    prune: bool,
    force: bool,
    steps: String,
    plan: Value,
}

impl SavedPlan {
    /// The saved form of `plan`, shown as `shown`.
    #[must_use]
    pub fn new(plan: &Plan, basis: &Basis<'_>, (prune, force): (bool, bool), shown: Value) -> Self {
        Self {
            project: basis.journal.project.to_string(),
            stage: basis.journal.stage.to_string(),
            lineage: basis.journal.lineage.clone(),
            serial: basis.journal.serial,
            config: config_digest(basis.desired),
            services: services_digest(basis.catalog),
            prune,
            force,
            steps: steps_digest(plan),
            shown,
        }
    }

    /// Refuses when anything the plan was made from differs.
    ///
    /// # Errors
    /// What differs.
    pub fn check_basis(&self, basis: &Basis<'_>) -> Result<(), Stale> {
        let journal = basis.journal;
        if self.project != journal.project.as_str() {
            Err(Stale::Project { made_for: self.project.clone() })
        } else if self.stage != journal.stage.as_str() {
            Err(Stale::Stage { made_for: self.stage.clone() })
        } else if self.lineage != journal.lineage && !self.lineage.is_empty() {
            Err(Stale::Journal)
        } else if self.serial != journal.serial {
            Err(Stale::Serial { made_for: self.serial, found: journal.serial })
        } else if self.config != config_digest(basis.desired) {
            Err(Stale::Config)
        } else if self.services != services_digest(basis.catalog) {
            Err(Stale::Services)
        } else {
            Ok(())
        }
    }

    /// Refuses when `plan` is not the saved one.
    ///
    /// # Errors
    /// That the steps differ.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), Stale> {
        if self.steps == steps_digest(plan) { Ok(()) } else { Err(Stale::Steps) }
    }
}

/// The text of a saved plan.
///
/// # Errors
/// When a value has no JSON form.
pub fn write_saved(saved: &SavedPlan) -> serde_json::Result<Vec<u8>> {
    let saved = saved.clone();
    serde_json::to_vec_pretty(&SavedPlanV1 {
        format_version: FORMAT_VERSION.to_owned(),
        project: saved.project,
        stage: saved.stage,
        lineage: saved.lineage,
        serial: saved.serial,
        config: saved.config,
        services: saved.services,
        prune: saved.prune,
        force: saved.force,
        steps: saved.steps,
        plan: saved.shown,
    })
}

/// Reads the text of a saved plan.
///
/// # Errors
/// When it is none, or one of another version.
pub fn read_saved(bytes: &[u8]) -> Result<SavedPlan, SavedPlanError> {
    let wire: SavedPlanV1 = serde_json::from_slice(bytes)
        .map_err(|error| SavedPlanError::Damaged { reason: error.to_string() })?;
    if wire.format_version.split('.').next() != Some("1") {
        return Err(SavedPlanError::Version { found: wire.format_version });
    }
    Ok(SavedPlan {
        project: wire.project,
        stage: wire.stage,
        lineage: wire.lineage,
        serial: wire.serial,
        config: wire.config,
        services: wire.services,
        prune: wire.prune,
        force: wire.force,
        steps: wire.steps,
        shown: wire.plan,
    })
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
