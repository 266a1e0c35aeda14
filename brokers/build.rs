//! Writes the list of built-in manifests: a new one is a file, and no line of Rust.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let catalog = root.join("catalog");
    println!("cargo::rerun-if-changed={}", catalog.display());
    let mut list = String::from("&[\n");
    for provider in sorted(&catalog)? {
        for file in sorted(&provider)? {
            println!("cargo::rerun-if-changed={}", file.display());
            let (Some(folder), Some(stem)) = (provider.file_name(), file.file_stem()) else {
                continue;
            };
            if file.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let (folder, stem) = (folder.to_string_lossy(), stem.to_string_lossy());
            let _ = writeln!(list, "    ({folder:?}, {stem:?}, include_str!({file:?})),");
        }
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("catalog.rs"), list)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}
