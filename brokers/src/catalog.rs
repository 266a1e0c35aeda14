//! The manifests at hand: built in, of the user, of the project.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use provision::diagnostic::{Diagnostic, Diagnostics, Sources};

use crate::manifest::{self, File, Manifest, Origin};
use crate::rest::{RestBroker, Surroundings};

/// Provider, name and text of every file in `catalog/`.
const BUILT_IN: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// What stands in a provider's folder and describes no service.
const NOT_SERVICES: [&str; 1] = ["lint"];

/// The files that are part of the program.
#[must_use]
pub fn built_in() -> Vec<File> {
    let services = BUILT_IN.iter().filter(|(_, thing, _)| !NOT_SERVICES.contains(thing));
    services
        .map(|(provider, thing, text)| File {
            provider: (*provider).to_owned(),
            thing: (*thing).to_owned(),
            path: format!("brokers/{provider}/{thing}.toml"),
            text: Cow::Borrowed(text),
            origin: Origin::BuiltIn,
        })
        .collect()
}

/// What a description of a built-in provider gets wrong: the text of its `lint.toml`.
#[must_use]
pub fn built_in_exceptions(provider: &str) -> Option<&'static str> {
    let found = BUILT_IN.iter().find(|(folder, thing, _)| *folder == provider && *thing == "lint");
    found.map(|(_, _, text)| *text)
}

/// The files in a folder of providers; `shown` is what to call the folder in messages. A folder that
/// is not there has none.
pub fn in_folder(
    folder: &Path,
    shown: &str,
    origin: Origin,
    problems: &mut Diagnostics,
) -> Vec<File> {
    match read_folder(folder, shown, origin) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let summary = format!("The brokers in {shown} cannot be read: {error}.");
            problems.push(Diagnostic::error("brokers", summary));
            Vec::new()
        }
    }
}

fn read_folder(folder: &Path, shown: &str, origin: Origin) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for provider in names_in(folder)? {
        if !folder.join(&provider).is_dir() {
            continue;
        }
        for name in names_in(&folder.join(&provider))? {
            let Some(thing) = name.strip_suffix(".toml") else { continue };
            if NOT_SERVICES.contains(&thing) {
                continue;
            }
            files.push(File {
                text: fs::read_to_string(folder.join(&provider).join(&name))?.into(),
                path: format!("{shown}/{provider}/{name}"),
                thing: thing.to_owned(),
                provider: provider.clone(),
                origin,
            });
        }
    }
    Ok(files)
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// A broker for every provider of `files`. What is wrong with them goes to `problems`.
pub fn brokers(
    files: Vec<File>,
    around: &Surroundings,
    sources: &mut Sources,
    problems: &mut Diagnostics,
) -> Vec<Arc<RestBroker>> {
    let mut by_provider: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    for manifest in manifest::load(files, sources, problems) {
        by_provider.entry(manifest.provider.id.clone()).or_default().push(manifest);
    }
    let broker = |manifests: Vec<Manifest>| {
        let provider = Arc::clone(&manifests.first()?.provider);
        Some(Arc::new(RestBroker::new(provider, manifests, around.clone())))
    };
    by_provider.into_values().filter_map(broker).collect()
}
