//! `prov broker lint`: whether manifests say what they should.

use std::fs;
use std::path::{Path, PathBuf};

use brokers::manifest::{self, File, Origin};
use provision::diagnostic::{Diagnostics, Sources};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// What `prov broker lint` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The manifests; without any, those of the project
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// What is wrong with them.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let mut problems = Diagnostics::default();
    let mut files = context.manifest_files(&mut problems);
    for file in &mut files {
        if file.origin == Origin::Project && !args.files.is_empty() {
            // What was named is checked; the rest only has to be there.
            file.origin = Origin::User;
        }
    }
    for path in &args.files {
        files.push(named(&std::env::current_dir().unwrap_or_default(), path)?);
    }
    let mut sources = Sources::default();
    let manifests = manifest::load(files, &mut sources, &mut problems);
    if problems.has_errors() {
        context.sources = sources;
        problems.sort();
        return Err(Failure::of(Exit::Error, problems));
    }
    let checked: Vec<&str> = manifests
        .iter()
        .filter(|manifest| manifest.file.origin == Origin::Project)
        .map(|manifest| manifest.service.id.as_str())
        .collect();
    if context.global.json {
        view::document(&view::versioned(json!({ "services": checked, "diagnostics": [] })));
    } else {
        let noun = if checked.len() == 1 { "manifest" } else { "manifests" };
        out(format!("{} {noun} checked: no problems.", checked.len()));
    }
    Ok(Exit::Done)
}

/// A file that was named on the command line.
fn named(here: &Path, path: &Path) -> Result<File, Failure> {
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
