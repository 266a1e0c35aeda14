//! What a run tells its viewers.

use std::time::Duration;

use serde_json::Value;

use crate::name::Name;
use crate::plan::Action;

/// Something happened.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// A step starts.
    Started {
        /// The instance.
        reference: Name,
        /// What happens to it.
        action: Action,
    },
    /// It is under way, and has been for a while.
    Waiting {
        /// The instance.
        reference: Name,
        /// For how long already.
        elapsed: Duration,
    },
    /// A call failed and is tried again.
    Retrying {
        /// The instance.
        reference: Name,
        /// Why.
        reason: String,
        /// After which time.
        delay: Duration,
    },
    /// What was made or changed is shown otherwise than it was given.
    Differs {
        /// The instance.
        reference: Name,
        /// Params, as they were given and as the provider shows them; secrets are masked.
        params: Vec<(Name, Value, Value)>,
    },
    /// A step ended.
    Ended {
        /// The position of the step in the plan.
        step: usize,
        /// How.
        outcome: Outcome,
    },
    /// The user asked to stop; what runs is recorded, nothing new starts.
    Stopping,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Its inputs turned out the same: nothing had to be done.
    Unchanged,
    /// It failed.
    Failed {
        /// Why.
        error: String,
        /// What to do next.
        help: Option<String>,
    },
    /// Something it needs failed or was skipped.
    Skipped {
        /// That instance.
        because: Name,
    },
    /// The run was stopped before it started.
    Interrupted,
    /// The run was stopped while the provider was at it; it is recorded, and the next run finds out
    /// how it ended.
    InFlight,
}

impl Outcome {
    /// Which of the ends of a step's tasks is the step's end: the one with the most of it.
    pub(super) fn badness(&self) -> u8 {
        match self {
            Self::Unchanged => 0,
            Self::Done => 1,
            Self::Skipped { .. } => 2,
            Self::Interrupted => 3,
            Self::InFlight => 4,
            Self::Failed { .. } => 5,
        }
    }
}

/// Watches a run.
pub trait Observer {
    /// Something happened.
    fn on(&self, event: &RunEvent);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _event: &RunEvent) {}
}
