//! What happened during a run, and what it makes of the journal.

use jiff::Timestamp;

use super::{Applied, Instance, Journal};
use crate::name::Name;

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The fencing number of its run: the serial that the run gave the journal when it began. A
    /// store that has seen a greater one refuses the record.
    pub fence: u64,
    /// Counts the records of one run from 0.
    pub seq: u64,
    /// How many records of the run were durable before this one was written.
    pub durable: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What a record says. Where it carries an instance, that is the entry as it stands afterwards, so
/// that a fold needs no knowledge of how it came about.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A run starts from the journal of this lineage, whose serial is the record's fencing number.
    Run {
        /// The run's id.
        run: String,
        /// The journal's lineage.
        lineage: String,
        /// The command of the run.
        command: String,
    },
    /// An operation is about to be asked for.
    Begin(Box<Instance>),
    /// The provider works on it.
    Accepted(Box<Instance>),
    /// It ended well.
    Done(Box<Instance>),
    /// It failed.
    Failed(Box<Instance>),
    /// The entry changed and nothing else did.
    Noted(Box<Instance>),
    /// An instance goes by another ref now.
    Moved {
        /// Its former ref.
        from: Name,
        /// The entry under its new one.
        instance: Box<Instance>,
    },
    /// An instance is gone, or forgotten.
    Removed {
        /// Its ref.
        reference: Name,
    },
    /// Migrations were applied or taken back; the ledger as it stands.
    Ledger(Vec<Applied>),
    /// These variables are in the sink, or about to be.
    Bound(Vec<String>),
}

/// Applies one event to the journal.
pub fn fold(journal: &mut Journal, event: Event) {
    match event {
        Event::Run { lineage, .. } => journal.lineage = lineage,
        Event::Begin(instance)
        | Event::Accepted(instance)
        | Event::Done(instance)
        | Event::Failed(instance)
        | Event::Noted(instance) => journal.instances.put(*instance),
        Event::Moved { from, instance } => journal.instances.rename(from.as_str(), *instance),
        Event::Removed { reference } => {
            journal.instances.remove(reference.as_str());
        }
        Event::Ledger(ledger) => journal.ledger = ledger,
        Event::Bound(variables) => journal.bound = variables,
    }
}
