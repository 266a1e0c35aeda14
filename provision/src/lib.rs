//! The engine of prov: config, planner, journal, migrations and executor.
//!
//! It knows no provider, no HTTP, no terminal and no environment variable. Modules use only those
//! before them in this list: `name value mask place private digest diagnostic text` → `graph broker config state` → `plan
//! migration store` → `observe run` → `world`, the bundle of effects that a caller passes in.

pub mod broker;
pub mod config;
pub mod diagnostic;
pub mod digest;
pub mod graph;
pub mod mask;
pub mod migration;
pub mod name;
pub mod observe;
pub mod place;
pub mod plan;
pub mod private;
pub mod run;
pub mod state;
pub mod store;
pub mod text;
pub mod value;
pub mod world;
