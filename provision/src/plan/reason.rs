//! Why a step is in the plan.

use std::fmt;

use crate::name::Name;
use crate::state::Verb;

/// The typed cause of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is declared and not there.
    New,
    /// It was there, and is gone at the provider.
    Gone,
    /// Everything is as declared.
    UpToDate,
    /// Its params differ.
    ParamsChanged,
    /// Its plan (tier) differs.
    PlanChanged,
    /// Its name differs.
    NameChanged,
    /// Another service provisions it now.
    ServiceChanged {
        /// The former service.
        from: Name,
    },
    /// A param that the service cannot change in place differs.
    Immutable {
        /// The param, or `name`.
        property: String,
    },
    /// An instance it reads is made anew or changed, so its inputs may change.
    ProducerChanged {
        /// That instance.
        producer: Name,
    },
    /// A value it reads from elsewhere differs from the one it was made with.
    InputsChanged,
    /// What is live differs from what it was made as.
    Drifted,
    /// It was imported, and what it was made of is not known.
    Imported,
    /// The same inputs are written another way.
    Rewritten,
    /// Its outputs land in other variables.
    BindChanged,
    /// Its protection, or what happens on removal, differs.
    ProtectionChanged,
    /// Whose it is differs.
    OwnerChanged,
    /// The instances it waits for differ.
    DependenciesChanged,
    /// It goes by another ref.
    Moved {
        /// The former ref.
        from: Name,
    },
    /// It is there and the config takes it over.
    Adopted,
    /// It belongs to somebody else and is only read.
    External,
    /// An operation was begun and of its end nothing is known.
    Interrupted(Verb),
    /// Its last operation failed.
    Failed,
    /// It is in the journal and not declared.
    Orphan,
    /// It is not declared, and protected.
    OrphanProtected,
    /// It is not declared, and something that is kept needs it.
    NeededBy {
        /// What needs it.
        kept: Name,
    },
    /// It is not declared, and the config said to keep it.
    Retained,
    /// Its creation failed: there is no object, only the entry.
    NeverMade,
    /// A replacement left former instances behind.
    Leftover,
    /// The user asked for its removal.
    Requested,
    /// The user asked for its removal, and it is protected.
    Protected,
}

impl Reason {
    /// The stable word for it in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::UpToDate => "up-to-date",
            Self::ParamsChanged => "params-changed",
            Self::PlanChanged => "plan-changed",
            Self::NameChanged => "name-changed",
            Self::ServiceChanged { .. } => "service-changed",
            Self::Immutable { .. } => "immutable",
            Self::ProducerChanged { .. } => "producer-changed",
            Self::InputsChanged => "inputs-changed",
            Self::Drifted => "drifted",
            Self::Imported => "imported",
            Self::Rewritten => "rewritten",
            Self::BindChanged => "bind-changed",
            Self::ProtectionChanged => "protection-changed",
            Self::OwnerChanged => "owner-changed",
            Self::DependenciesChanged => "dependencies-changed",
            Self::Moved { .. } => "moved",
            Self::Adopted => "adopted",
            Self::External => "external",
            Self::Interrupted(_) => "interrupted",
            Self::Failed => "failed",
            Self::Orphan => "orphan",
            Self::OrphanProtected => "orphan-protected",
            Self::NeededBy { .. } => "needed",
            Self::Retained => "retained",
            Self::NeverMade => "never-made",
            Self::Leftover => "leftover",
            Self::Requested => "requested",
            Self::Protected => "protected",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new"),
            Self::Gone => f.write_str("gone, will be made again"),
            Self::UpToDate => f.write_str("up to date"),
            Self::ParamsChanged => f.write_str("params changed"),
            Self::PlanChanged => f.write_str("plan changed"),
            Self::NameChanged => f.write_str("name changed"),
            Self::ServiceChanged { from } => write!(f, "service changed, was {from}"),
            Self::Immutable { property } => write!(f, "{property} changed, forces replacement"),
            Self::ProducerChanged { producer } => write!(f, "reads {producer}, which changes"),
            Self::InputsChanged => f.write_str("a value or file it reads changed"),
            Self::Drifted => f.write_str("what is live differs"),
            Self::Imported => f.write_str("imported, not yet brought to what is declared"),
            Self::Rewritten => f.write_str("written another way, nothing to call"),
            Self::BindChanged => f.write_str("bind changed"),
            Self::ProtectionChanged => f.write_str("protection changed"),
            Self::OwnerChanged => f.write_str("whose it is changed"),
            Self::DependenciesChanged => f.write_str("dependencies changed"),
            Self::Moved { from } => write!(f, "was {from}"),
            Self::Adopted => f.write_str("exists, will be adopted"),
            Self::External => f.write_str("external, read only"),
            Self::Interrupted(Verb::Provision) => f.write_str("its creation was interrupted"),
            Self::Interrupted(Verb::Update) => f.write_str("its update was interrupted"),
            Self::Interrupted(Verb::Deprovision) => f.write_str("its removal was interrupted"),
            Self::Failed => f.write_str("its last operation failed"),
            Self::Orphan => f.write_str("in the journal, not in the config"),
            Self::OrphanProtected => f.write_str("not in the config, but protected: kept"),
            Self::NeededBy { kept } => write!(f, "needed by {kept}, which is kept"),
            Self::Retained => f.write_str("retained: forgotten, lives on"),
            Self::NeverMade => f.write_str("its creation failed, there is nothing to destroy"),
            Self::Leftover => f.write_str("left behind by a replacement"),
            Self::Requested => f.write_str("torn down"),
            Self::Protected => f.write_str("protected: kept"),
        }
    }
}
