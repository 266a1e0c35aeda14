//! `prov init`: a config that applies as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use provision::config::json_schema;
use provision::store::{StoreError, make_private_folder, write_shared};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// The format of the config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// prov.toml
    #[default]
    Toml,
    /// prov.yaml
    Yaml,
    /// prov.json
    Json,
}

/// What `prov init` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The format
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    format: Form,
}

/// Where the schema for editors is written.
const SCHEMA: &str = ".prov/config.schema.json";

/// What must not be committed.
const IGNORED: [&str; 6] =
    [".env", ".env.*", ".prov/*.lock", ".prov/*.log.jsonl*", ".prov/running/", ".data/"];

/// Runs it.
///
/// # Errors
/// When there is a config already, or a file cannot be written.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let (name, text) = match args.format {
        Form::Toml => ("prov.toml", include_str!("init/prov.toml")),
        Form::Yaml => ("prov.yaml", include_str!("init/prov.yaml")),
        Form::Json => ("prov.json", include_str!("init/prov.json")),
    };
    let schema = json_schema(&context.brokers().catalog());
    // Everything is looked at before anything is written.
    let place = |name: &str| context.bounds().own(&context.root.join(name));
    let (config, described) = (place(name)?, place(SCHEMA)?);
    let ignoring = place(".gitignore")?;
    refuse_existing(&context.root)?;
    make_private_folder(&described).map_err(|source| StoreError::Io {
        doing: "create the folder of",
        path: described.clone(),
        source,
    })?;
    write_shared(&described, format!("{schema:#}\n").as_bytes())?;
    write_shared(&config, text.as_bytes())?;
    let ignored = ignore(ignoring)?;
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "written": [name, SCHEMA],
            "ignored": ignored,
        }));
    } else {
        out(format!("Wrote {name}, {SCHEMA} and .gitignore."));
        out("Next: `prov plan` shows what it would make, `prov apply` makes it.");
    }
    Ok(Exit::Done)
}

fn refuse_existing(root: &Path) -> Result<(), Failure> {
    let names = ["prov.toml", "prov.yaml", "prov.yml", "prov.json"];
    let Some(name) = names.iter().find(|name| root.join(name).exists()) else { return Ok(()) };
    let summary = format!("There is a config already: {name}.");
    Err(Failure::with_help(
        Exit::Error,
        "exists",
        summary,
        "Edit it; `prov plan` shows what it means.",
    ))
}

/// Adds the missing lines to `.gitignore` and answers them.
fn ignore(path: PathBuf) -> Result<Vec<&'static str>, Failure> {
    let mut text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(StoreError::Io { doing: "read", path, source }.into()),
    };
    let is_missing = |line: &&str| !text.lines().any(|known| known.trim() == *line);
    let missing: Vec<&'static str> = IGNORED.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in &missing {
        text.push_str(line);
        text.push('\n');
    }
    write_shared(&path, text.as_bytes())?;
    Ok(missing)
}
