//! `prov broker new`: a first draft of a manifest, from the description of an API.

use std::fs;
use std::path::PathBuf;

use brokers::openapi::{Wanted, draft};
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
    /// The provider's name in service ids; without it, the name of the description's file
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

/// Runs it.
///
/// # Errors
/// When the description does not say how such a thing is made, or a file stands in the way.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let description = super::lint::description(&args.openapi)?;
    let stem = args.openapi.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let provider = args.provider.clone().or(stem).unwrap_or_default();
    if provider.is_empty() || !provider.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let summary = format!("`{provider}` cannot be the name of a provider.");
        let help = "Say `--provider NAME`, in letters, digits and `-`.";
        return Err(Failure::with_help(Exit::Usage, "provider-name", summary, help));
    }
    let folder = context.root.join("brokers").join(&provider);
    let known = fs::read_to_string(folder.join("provider.toml")).ok();
    let wanted = Wanted { provider_toml: known.as_deref(), ..Wanted::new(&provider, &args.path) };
    let draft = draft(&description, &wanted).map_err(|error| {
        let summary = sentence(&error.to_string());
        let help = "`--path` is the path that things are posted to, as the description writes it.";
        Failure::with_help(Exit::Error, "draft", summary, help)
    })?;
    let service = (format!("{}.toml", draft.thing), &draft.service_toml);
    let mut files = vec![service];
    if !folder.join("provider.toml").exists() {
        files.push(("provider.toml".to_owned(), &draft.provider_toml));
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let shown = format!("brokers/{provider}/{name}");
        let place = folder.join(&name);
        if place.exists() {
            let summary = format!("{shown} is there already.");
            let help = "A draft overwrites nothing. Move it away to start over.";
            return Err(Failure::with_help(Exit::Error, "exists", summary, help));
        }
        let io = |error: std::io::Error| {
            Failure::new(Exit::Error, "io", format!("{shown} cannot be written: {error}."))
        };
        fs::create_dir_all(&folder).map_err(io)?;
        fs::write(&place, text).map_err(io)?;
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
