//! What prov reads, given bytes that nobody wrote: one function a kind of input, each of which says
//! what has to hold of any bytes at all.
//!
//! `cargo test` replays the corpora and changes each input a little; `.ci/fuzz.sh` and `cargo fuzz
//! run NAME` have libFuzzer look for more. An input is what the file would be; where a target reads
//! several files, a line `=== NAME` begins each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what does not hold is a finding"
)]

mod config;
mod expression;
mod history;
mod journal;
mod log;
mod manifest;
mod parts;
mod places;
mod plan_file;
mod room;
mod template;

#[cfg(test)]
mod replay;

pub use config::{config_json, config_toml, config_yaml};
pub use expression::expression;
pub use history::history;
pub use journal::journal;
#[cfg(any(fuzzing, feature = "libfuzzer"))]
pub use libfuzzer_sys;
pub use log::log;
pub use manifest::manifest;
pub use plan_file::plan_file;
pub use template::template;

/// What holds of any bytes; what does not hold panics.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("config_toml", config_toml),
    ("config_yaml", config_yaml),
    ("config_json", config_json),
    ("expression", expression),
    ("template", template),
    ("manifest", manifest),
    ("journal", journal),
    ("log", log),
    ("history", history),
    ("plan_file", plan_file),
];

/// The program of a target: one that is given the files that are named.
#[cfg(not(any(fuzzing, feature = "libfuzzer")))]
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        fn main() -> std::io::Result<()> {
            for path in std::env::args_os().skip(1) {
                $crate::$name(&std::fs::read(path)?);
            }
            Ok(())
        }
    };
}

/// The program of a target: libFuzzer's.
#[cfg(any(fuzzing, feature = "libfuzzer"))]
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        use $crate::libfuzzer_sys;
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$name(bytes));
    };
}
