//! Fuzzes the files of a provider.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(manifest);
