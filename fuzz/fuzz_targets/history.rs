//! Fuzzes a folder of migrations.
#![cfg_attr(any(fuzzing, feature = "libfuzzer"), no_main)]

prov_fuzz::target!(history);
