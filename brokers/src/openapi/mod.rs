//! Manifests against a provider's own OpenAPI description: whether each request is one it takes, and first
//! drafts made from one.

mod description;
mod draft;
mod exceptions;
mod lint;
mod normalize;
mod operation;
mod schema;

pub use description::{Description, DescriptionError};
pub use draft::{Draft, DraftError, Wanted, draft};
pub use exceptions::Exceptions;
pub use lint::{Finding, Report, lint};
