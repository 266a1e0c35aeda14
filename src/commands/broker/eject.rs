//! `prov broker eject`: a copy of a manifest that is yours to edit.

use std::fs;

use provision::store::write_shared;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// What `prov broker eject` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The service, e.g. `cloudflare-d1`
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Copy provider.toml too, to change how the provider is spoken to
    #[arg(long)]
    provider: bool,
}

/// Runs it.
///
/// # Errors
/// When there is no such service, or a file stands in the way.
pub fn run(context: &mut Context, args: &Args) -> super::super::Answer {
    let manifest = super::manifest(context, &args.service)?;
    let (files, _) = context.manifest_files();
    let wanted = |file: &&brokers::manifest::File| {
        let is_service = file.thing == manifest.file.thing && file.origin == manifest.file.origin;
        file.provider == manifest.file.provider
            && (is_service || (args.provider && file.thing == "provider"))
    };
    let mut written = Vec::new();
    for file in files.iter().filter(wanted) {
        let folder = context.root.join("brokers").join(&file.provider);
        let path = format!("brokers/{}/{}.toml", file.provider, file.thing);
        let place = folder.join(format!("{}.toml", file.thing));
        let place = context.bounds().own(&place)?;
        let io = |error: std::io::Error| {
            Failure::new(Exit::Error, "io", format!("{path} cannot be written: {error}."))
        };
        if place.exists() && args.provider && file.thing != "provider" {
            continue;
        }
        if place.exists() {
            let summary = format!("{path} is there already.");
            let help = "It is the one that counts. Remove it to start over from the built-in one.";
            return Err(Failure::with_help(Exit::Error, "exists", summary, help));
        }
        fs::create_dir_all(&folder).map_err(io)?;
        write_shared(&place, file.text.as_bytes())?;
        written.push(path);
    }
    if context.global.json {
        view::document(&view::versioned(json!({ "written": written })));
    } else {
        for path in &written {
            out(format!(
                "Wrote {path}. It counts from now on; edit it, then `prov broker lint {path}`."
            ));
        }
    }
    Ok(Exit::Done)
}
