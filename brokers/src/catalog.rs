//! The manifests at hand: built in, of the user, of the project.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use provision::place::Bounds;

use crate::manifest::{self, Broken, File, Manifest, Origin};
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

/// A folder of providers: where it is, what to call it in messages, and whose it is.
pub struct Place {
    /// The folder, which need not be there.
    pub folder: PathBuf,
    /// What to call it.
    pub shown: String,
    /// Whose it is.
    pub origin: Origin,
    /// What its files must not lead out of, when it comes with a project.
    pub bounds: Option<Bounds>,
}

/// The files that are built in and those of some folders, and what is there and cannot be read: in
/// its place nothing else is taken.
#[must_use]
pub fn files(places: &[Place]) -> (Vec<File>, Vec<Broken>) {
    let (mut files, mut broken) = (built_in(), Vec::new());
    for place in places {
        let (found, unreadable) = in_folder(place);
        files.extend(found);
        for (file, problem) in unreadable {
            let is_hit = |other: &File| match file.thing.as_str() {
                "provider" => other.provider == file.provider,
                thing => other.provider == file.provider && other.thing == thing,
            };
            let mut services: Vec<String> =
                files.iter().filter(|other| is_hit(other)).map(File::service).collect();
            services.push(file.service());
            files.retain(|other| !is_hit(other));
            broken.push(unusable(file, services, problem));
        }
    }
    (files, broken)
}

fn unusable(file: File, services: Vec<String>, problem: Diagnostic) -> Broken {
    let mut problems = Diagnostics::default();
    problems.push(problem);
    let File { provider, path, text, .. } = file;
    Broken { path, provider, services, text, problems }
}

/// What cannot be read, and why.
type Unreadable = Vec<(File, Diagnostic)>;

fn in_folder(place: &Place) -> (Vec<File>, Unreadable) {
    let (mut files, mut unreadable) = (Vec::new(), Unreadable::new());
    let named = |provider: &str, thing: &str, path: &str| File {
        provider: provider.to_owned(),
        thing: thing.to_owned(),
        path: path.to_owned(),
        text: Cow::Borrowed(""),
        origin: place.origin,
    };
    let providers = match names_in(&place.folder) {
        Ok(providers) => providers,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                let file = named("", "", &place.shown);
                unreadable.push((file, no_folder(&place.shown, &error)));
            }
            return (files, unreadable);
        }
    };
    for provider in providers.iter().filter(|name| place.folder.join(name).is_dir()) {
        let folder = place.folder.join(provider);
        let shown = format!("{}/{provider}", place.shown);
        let names = match names_in(&folder) {
            Ok(names) => names,
            Err(error) => {
                unreadable.push((named(provider, "provider", &shown), no_folder(&shown, &error)));
                continue;
            }
        };
        for name in names {
            let Some(thing) = name.strip_suffix(".toml") else { continue };
            if NOT_SERVICES.contains(&thing) {
                continue;
            }
            let file = named(provider, thing, &format!("{shown}/{name}"));
            let escape = place.bounds.as_ref().map(|bounds| bounds.own(&folder.join(&name)));
            if let Some(Err(escape)) = escape {
                let problem = Diagnostic::error("outside", format!("{escape}."));
                unreadable.push((file, problem.maybe_help(escape.help().map(str::to_owned))));
                continue;
            }
            match fs::read_to_string(folder.join(&name)) {
                Ok(text) => files.push(File { text: text.into(), ..file }),
                Err(error) => {
                    let problem = no_file(&file.path, folder.join(&name).is_dir(), &error);
                    unreadable.push((file, problem));
                }
            }
        }
    }
    (files, unreadable)
}

fn no_folder(shown: &str, error: &io::Error) -> Diagnostic {
    if error.kind() == io::ErrorKind::NotADirectory {
        let summary = format!("{shown} is a file, and manifests are looked for in a folder there.");
        let help = "Rename the file, or put manifests into `brokers/<provider>/<thing>.toml`.";
        return Diagnostic::error("brokers", summary).help(help);
    }
    let summary = format!("The folder {shown} cannot be read: {error}.");
    Diagnostic::error("brokers", summary).help("Make it readable, or remove it.")
}

fn no_file(shown: &str, is_folder: bool, error: &io::Error) -> Diagnostic {
    if is_folder {
        let summary = format!("{shown} is a folder, and a manifest is a file.");
        return Diagnostic::error("brokers", summary).help("Rename the folder, or remove it.");
    }
    let summary = format!("{shown} cannot be read: {error}.");
    Diagnostic::error("brokers", summary).help("Make it a readable text in UTF-8, or remove it.")
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// A broker for every provider of `files`, and the files that cannot be used.
#[must_use]
pub fn brokers(files: Vec<File>, around: &Surroundings) -> (Vec<Arc<RestBroker>>, Vec<Broken>) {
    let loaded = manifest::read(files, &mut Sources::default());
    let mut by_provider: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    for manifest in loaded.manifests {
        by_provider.entry(manifest.provider.id.clone()).or_default().push(manifest);
    }
    let broker = |manifests: Vec<Manifest>| {
        let provider = Arc::clone(&manifests.first()?.provider);
        Some(Arc::new(RestBroker::new(provider, manifests, around.clone())))
    };
    (by_provider.into_values().filter_map(broker).collect(), loaded.broken)
}
