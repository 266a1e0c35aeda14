//! The engine of prov.

pub mod broker;
pub mod config;
pub mod diagnostic;
pub mod digest;
pub mod graph;
pub mod name;
pub mod plan;
pub mod state;
pub mod value;
