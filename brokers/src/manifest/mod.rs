//! A broker as data: what a manifest may say, and reading it. `docs/manifests.md` is the reference.

mod check;
mod custody;
mod example;
mod fields;
mod finding;
mod functions;
mod language;
mod load;
mod provider;
mod request;
mod schema;
mod service;
mod template;
#[cfg(test)]
mod tests;

pub use example::check_params;
pub(crate) use functions::KEEP;
pub use language::{Language, Outline, SyntaxError};
pub use load::{Broken, File, Loaded, Manifest, Origin, load, read};
pub use provider::{
    Auth, Errors, Idempotency, Limits, Marker, Paging, Provider, ProviderValue, Rate, Verify,
};
pub use request::{Body, Part as BodyPart, Request, Step, Verb, Work};
pub use schema::json_schema;
pub use service::{
    Answer, Example, FoundBy, IdRule, Known, NameRule, OutputRule, ParamRule, Service, VERBS, Wait,
};
pub use template::{ExpressionError, Part, Scope, Template, Tree};
