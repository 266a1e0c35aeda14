//! `prov broker lint`: whether manifests say what they should.

use std::fs;
use std::path::{Path, PathBuf};

use brokers::catalog;
use brokers::manifest::{self, Broken, File, Loaded, Manifest, Origin};
use brokers::openapi::{self, Description, Exceptions, Report};
use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use serde_json::json;

use super::paging;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// What `prov broker lint` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The manifests, or folders of them; without any, those of the project
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Hold every request against the provider's own description: OpenAPI 3 or Swagger 2, as JSON
    /// or YAML; what the first does not describe, a second one may
    #[arg(long, value_name = "SPEC")]
    openapi: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// What is wrong with them.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let mut problems = Diagnostics::default();
    let mut sources = Sources::default();
    let (mut files, unreadable) = context.manifest_files();
    let named = expanded(&args.files);
    let is_meant = |broken: &&Broken| args.files.is_empty() || is_about(broken, args, &named);
    for broken in unreadable.iter().filter(is_meant) {
        problems.extend(broken.shown(&mut sources));
    }
    if !args.files.is_empty() {
        // What was named is checked; of the rest only the providers have to be there.
        files.retain(|file| file.origin == Origin::BuiltIn || file.thing == "provider");
    }
    // What a description gets wrong stands beside the manifests and is none.
    let is_manifest = |path: &&PathBuf| path.file_stem().is_none_or(|stem| stem != "lint");
    for path in named.iter().filter(is_manifest) {
        files.push(read(&std::env::current_dir().unwrap_or_default(), path)?);
    }
    let Loaded { mut manifests, broken } = manifest::read(files, &mut sources);
    for broken in broken.iter().filter(is_meant) {
        problems.extend(broken.problems.clone());
    }
    if problems.has_errors() {
        context.sources = sources;
        problems.sort();
        return Err(Failure::of(Exit::Error, problems));
    }
    let is_asked = |manifest: &Manifest| match args.files.is_empty() {
        true => manifest.file.origin != Origin::BuiltIn,
        false => named.iter().any(|path| path.display().to_string() == manifest.file.path),
    };
    manifests.retain(is_asked);
    let report = match args.openapi.is_empty() {
        false => Some(described(context, &args.openapi, &manifests, &mut sources)?),
        true => None,
    };
    let checked: Vec<&str> =
        manifests.iter().map(|manifest| manifest.service.id.as_str()).collect();
    let seen = report.as_ref().map(|report| {
        json!({ "requests": report.requests, "paths": report.paths, "undescribed": report.skipped,
                "exceptions": report.excepted })
    });
    if context.global.json {
        view::document(&view::versioned(json!({
            "services": checked, "diagnostics": [], "openapi": seen,
        })));
    } else if checked.is_empty() {
        out(
            "There are no manifests of your own. `prov broker eject` copies one, `prov broker new` drafts one.",
        );
    } else {
        let noun = if checked.len() == 1 { "manifest" } else { "manifests" };
        out(format!("{} {noun} checked: no problems.", checked.len()));
        if let Some(report) = &report {
            out(format!(
                "{} requests and {} paths agree with the description; {} exceptions used.",
                report.requests, report.paths, report.excepted
            ));
        }
    }
    Ok(Exit::Done)
}

/// Holds manifests against a description.
fn described(
    context: &mut Context,
    paths: &[PathBuf],
    manifests: &[Manifest],
    sources: &mut Sources,
) -> Result<Report, Failure> {
    let mut descriptions = Vec::new();
    for path in paths {
        descriptions.push(description(path)?);
    }
    let Some(description) = descriptions.into_iter().reduce(Description::or) else {
        return Ok(Report::default());
    };
    let mut problems = Diagnostics::default();
    let exceptions = exceptions(context, manifests, sources, &mut problems);
    let mut report = openapi::lint(manifests, &description, &exceptions);
    report.findings = paging::gathered(&report.findings, manifests);
    for finding in &report.findings {
        let summary = format!("{} ({} at `{}`)", finding.message, finding.rule, finding.at);
        let mut problem = Diagnostic::error("openapi", summary);
        problem.span = finding.span;
        problems.push(problem);
    }
    if problems.has_errors() {
        context.sources = std::mem::take(sources);
        problems.sort();
        return Err(Failure::of(Exit::Error, problems));
    }
    Ok(report)
}

/// A description of an API in a file.
pub(super) fn description(path: &Path) -> Result<Description, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Error, "io", format!("{shown} cannot be read: {error}."))
    })?;
    Description::read(&text).map_err(|error| {
        let summary = format!("{shown} is no description of an API: {error}.");
        Failure::new(Exit::Error, "openapi", summary)
    })
}

/// What the description is known to get wrong: a `lint.toml` beside the manifests, else the built-in
/// one of the provider.
fn exceptions(
    context: &Context,
    manifests: &[Manifest],
    sources: &mut Sources,
    problems: &mut Diagnostics,
) -> Exceptions {
    let provider = manifests.first().map(|m| m.provider.id.clone()).unwrap_or_default();
    let path = format!("brokers/{provider}/lint.toml");
    match fs::read_to_string(context.root.join(&path)) {
        Ok(text) => Exceptions::read(&path, &text, sources, problems),
        Err(_) => match catalog::built_in_exceptions(&provider) {
            Some(text) => Exceptions::read(&path, text, sources, problems),
            None => Exceptions::default(),
        },
    }
}

/// Whether a file that cannot be used was named, or is in a folder that was, or describes the provider
/// of one that was.
fn is_about(broken: &Broken, args: &Args, named: &[PathBuf]) -> bool {
    let path = Path::new(&broken.path);
    let is_provider = path.file_stem().is_some_and(|stem| stem == "provider");
    let is_beside = |other: &PathBuf| {
        let here = std::env::current_dir().unwrap_or_default().join(other);
        let folder = here.parent().and_then(Path::file_name);
        folder.is_some_and(|folder| folder.to_string_lossy() == broken.provider)
    };
    args.files.iter().any(|asked| path.starts_with(asked))
        || (is_provider && named.iter().any(is_beside))
}

/// The files that were named; of a folder the manifests in it, and in the folders in it.
fn expanded(named: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let inner = inside(path);
        let below = inner.iter().filter(|path| path.is_dir()).flat_map(|path| inside(path));
        let all = inner.iter().cloned().chain(below);
        let is_manifest = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
        files.extend(all.filter(|path| is_manifest(path) && path.is_file()));
    }
    files
}

/// What is in a folder, in the order of names.
fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut inner: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inner.sort();
    inner
}

/// A file that was named on the command line.
fn read(here: &Path, path: &Path) -> Result<File, Failure> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(here.join(path)).map_err(|error| {
        Failure::new(Exit::Error, "io", format!("{shown} cannot be read: {error}."))
    })?;
    let whole = here.join(path);
    let name = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    Ok(File {
        provider: name(whole.parent().and_then(Path::file_name)),
        thing: name(whole.file_stem()),
        path: shown,
        text: text.into(),
        origin: Origin::Project,
    })
}
