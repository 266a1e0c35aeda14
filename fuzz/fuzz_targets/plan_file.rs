//! Fuzzes a saved plan.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(plan_file);
