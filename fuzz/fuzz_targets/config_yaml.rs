//! Fuzzes a config in YAML.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(config_yaml);
