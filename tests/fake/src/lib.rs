//! Providers made of manifests: stateful servers that behave as a manifest says its provider does, and
//! a scene in which the engine meets one.
//!
//! `brokers/tests/laws` holds every manifest to every law. The counterparts judge these providers
//! themselves, and the vendors' own clients drive them: what a fake gets wrong, a law would take for
//! right.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what cannot go on has failed"
)]
#![expect(missing_docs, reason = "part of the tests: names of fields say what they hold")]

pub mod clock;
pub mod fake;

pub mod fill;
mod fit;
pub mod front;
pub mod json;
pub mod laws;
pub mod model;
mod paging;
mod recipe;
pub mod scene;
pub mod stage;
pub mod wire;

pub use prov_sim::stand_in;
