//! Fuzzes the references inside a config's texts.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(expression);
