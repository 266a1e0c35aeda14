//! The command line from outside: one binary, one vocabulary (`prov-test`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what cannot go on has failed")]
#![cfg(unix)]

use std::path::{Path, PathBuf};

use prov_test::Sandbox;

mod bad_input;
mod canary;
mod cloud;
mod crash;
mod credentials;
mod deep;
mod docs;
mod doctor;
mod drafts;
mod drift;
mod examples;
mod faults;
mod hostile;
mod links;
mod locks;
mod outputs;
mod own_manifests;
mod provider;
mod redirects;
mod rights;
mod rotate;
mod runs;
mod schema;
mod scripts;
mod secrets;
mod sink;
mod tidy;
mod twins;
mod unknown;

/// An empty project to run `prov` in.
fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_prov"))
}

/// The workspace's folder.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of these tests.
fn here() -> PathBuf {
    workspace().join("tests/it")
}

#[test]
fn every_file_is_a_module() {
    let text = std::fs::read_to_string(here().join("main.rs")).unwrap();
    for entry in std::fs::read_dir(here()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(text.contains(&format!("\nmod {module};\n")), "{name} is not a module of main.rs");
    }
}
