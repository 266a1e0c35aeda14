//! The engine of prov.

pub mod broker;
pub mod digest;
pub mod name;
pub mod value;
