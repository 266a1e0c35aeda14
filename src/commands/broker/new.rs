//! `prov broker new`: a first draft of a manifest, from the description of an API.

use std::fs;
use std::path::PathBuf;

use brokers::openapi::{Description, DraftError, Wanted, draft};
use provision::store::write_shared;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{out, talk};
use crate::view;

/// What `prov broker new` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The provider's description: OpenAPI 3 or Swagger 2, as JSON or YAML
    #[arg(long, value_name = "SPEC")]
    openapi: PathBuf,
    /// Where things are made, e.g. `/v2/things`
    #[arg(long, value_name = "PATH")]
    path: String,
    /// Where one of them is read, changed and removed, where that is not below `--path`, e.g.
    /// `/things/{id}` of what is posted to `/user/things`
    #[arg(long, value_name = "PATH")]
    item_path: Option<String>,
    /// The provider's name in service ids; without it, the name of the description's file up to its
    /// first dot
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The service's name behind that of its provider; without it, what the last word of the path
    /// is one of. Two paths with the same last word need it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Names of files that say nothing about who described an API.
const GENERIC: [&str; 12] = [
    "api",
    "openapi",
    "swagger",
    "spec",
    "specification",
    "schema",
    "description",
    "index",
    "docs",
    "v1",
    "v2",
    "v3",
];

/// Runs it.
///
/// # Errors
/// When the description does not say how such a thing is made, or a file stands in the way.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let description = super::lint::description(&args.openapi)?;
    let provider = match &args.provider {
        Some(name) => named(name, "provider")?,
        None => named(&derived(args, &description), "provider")?,
    };
    let name = args.name.as_deref().map(|name| named(name, "service")).transpose()?;
    let folder = context.root.join("brokers").join(&provider);
    let shared = context.bounds().own(&folder.join("provider.toml"))?;
    let known = fs::read_to_string(&shared).ok();
    let wanted = Wanted {
        provider_toml: known.as_deref(),
        item_path: args.item_path.as_deref(),
        name: name.as_deref(),
        ..Wanted::new(&provider, &args.path)
    };
    let draft = draft(&description, &wanted).map_err(|error| {
        let summary = sentence(&error.to_string());
        Failure::with_help(Exit::Error, "draft", summary, help(&error))
    })?;
    let service = (format!("{}.toml", draft.thing), &draft.service_toml);
    let mut files = vec![service];
    if !shared.exists() {
        files.push(("provider.toml".to_owned(), &draft.provider_toml));
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let shown = format!("brokers/{provider}/{name}");
        let place = context.bounds().own(&folder.join(&name))?;
        if place.exists() {
            let summary = format!("{shown} is there already.");
            let help = "A draft overwrites nothing. Move it away to start over, or say `--name NAME` for \
                        another service beside it.";
            return Err(Failure::with_help(Exit::Error, "exists", summary, help));
        }
        let io = |error: std::io::Error| {
            Failure::new(Exit::Error, "io", format!("{shown} cannot be written: {error}."))
        };
        fs::create_dir_all(&folder).map_err(io)?;
        write_shared(&place, text.as_bytes())?;
        written.push(shown);
    }
    let id = format!("{provider}-{}", draft.thing);
    if context.global.json {
        view::document(&view::versioned(json!({
            "service": id, "written": written, "problems": draft.problems,
        })));
    } else {
        out(format!("Wrote {}: the service `{id}`.", written.join(" and ")));
        draft.problems.iter().for_each(|problem| talk(format!("Still open: {problem}")));
        out("Read them, then `prov broker lint` and `prov broker test`.");
    }
    Ok(Exit::Done)
}

/// What to do about a draft that cannot be made.
fn help(error: &DraftError) -> String {
    match error {
        DraftError::NoItem(_, _, Some(guess)) => format!(
            "`GET {guess}` answers the same: say `--item-path '{guess}'`, if that is where it is read."
        ),
        DraftError::NoItem(_, _, None) => {
            "If things are read and removed at another path, say `--item-path PATH`.".to_owned()
        }
        _ => "`--path` is the path that things are posted to, as the description writes it."
            .to_owned(),
    }
}

/// A name of a provider or service, when it can be one.
fn named(name: &str, what: &str) -> Result<String, Failure> {
    let is_file = what == "service" && ["provider", "lint"].contains(&name);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits) && !is_file {
        return Ok(name.to_owned());
    }
    let summary = format!("`{name}` cannot be the name of a {what}.");
    let (code, option) = match what {
        "service" => ("service-name", "--name"),
        _ => ("provider-name", "--provider"),
    };
    let help = format!("Say `{option} NAME`, in small letters, digits and `-`.");
    Err(Failure::with_help(Exit::Usage, code, summary, help))
}

/// The provider's name: that of the file up to its first dot, or the first word of the title.
fn derived(args: &Args, description: &Description) -> String {
    let stem = args.openapi.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    let words = description.title().split(|c: char| c.is_whitespace() || c == '.');
    let candidates = [stem.split('.').next().unwrap_or_default()].into_iter().chain(words.take(1));
    let mut names = candidates.map(plain);
    let is_telling = |name: &String| !name.is_empty() && !GENERIC.contains(&name.as_str());
    names.find(is_telling).unwrap_or_else(|| stem.to_lowercase())
}

/// Small letters and digits, with `-` between the words.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
