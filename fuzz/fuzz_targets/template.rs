//! Fuzzes the expressions of a manifest.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(template);
