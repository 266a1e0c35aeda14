//! The one vocabulary of prov's tests: a [`Sandbox`] to run the program in, an [`Output`] to look
//! at, [`golden`] files to compare with, and [`script`]s that tell a whole story.
//!
//! This crate does not depend on the program: whoever uses it says where the binary is.
#![expect(clippy::panic, clippy::expect_used, reason = "a test that cannot go on has failed")]

pub mod files;
pub mod golden;
mod output;
mod redact;
mod sandbox;
mod say;
pub mod script;
mod wait;

pub use output::Output;
pub use redact::Redactions;
pub use sandbox::Sandbox;
pub use say::say;
pub use wait::{PATIENCE, until};
