//! Fuzzes a config in TOML.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(config_toml);
