//! Text to values that know where they were written: TOML, YAML, JSON.

mod json;
mod node;
mod parse;
pub mod read;

pub use node::{Entry, Kind, Node};
pub(crate) use parse::placeless;
pub use parse::{Format, parse, parse_placeless};
pub use read::At;
