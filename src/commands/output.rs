//! `prov output`: the outputs of instances.

use provision::state::Instance;
use provision::value::as_text;
use provision::world::Vault;
use serde_json::{Map, Value, json};

use super::show::find;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::out;
use crate::view;
use crate::view::instances::shown;

/// What `prov output` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// One instance, or one output of it: `db` or `db.url`
    #[arg(value_name = "REF[.KEY]")]
    what: Option<String>,
    /// Print secrets in clear
    #[arg(long)]
    show_sensitive: bool,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let journal = project.load().await?.journal;
    let vault = args.show_sensitive.then_some(project.world.vault.as_ref());
    let Some(what) = &args.what else {
        let mut all = Map::new();
        for instance in journal.instances.iter() {
            let outputs = outputs(instance, vault)?;
            all.insert(instance.reference.to_string(), Value::Object(outputs));
        }
        print_all(context, &all);
        return Ok(Exit::Done);
    };
    let (reference, key) = match what.split_once('.') {
        Some((reference, key)) => (reference, Some(key)),
        None => (what.as_str(), None),
    };
    let instance = find(&journal, reference)?;
    let outputs = outputs(instance, vault)?;
    match key {
        None => print_one(context, &outputs),
        Some(key) => print_value(context, instance, &outputs, key)?,
    }
    Ok(Exit::Done)
}

fn outputs(instance: &Instance, vault: Option<&dyn Vault>) -> Result<Map<String, Value>, Failure> {
    let mut outputs = view::instances::outputs(instance);
    let Some(vault) = vault else { return Ok(outputs) };
    for (key, sealed) in &instance.sensitive {
        let value = vault.open(&sealed.sealed).map_err(|error| {
            Failure::with_help(
                Exit::Error,
                "sealed",
                sentence(&error.to_string()),
                "Point PROV_AGE_IDENTITY at the identity file of a recipient.",
            )
        })?;
        outputs.insert(key.to_string(), value);
    }
    Ok(outputs)
}

fn print_all(context: &Context, all: &Map<String, Value>) {
    if context.global.json {
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "outputs": all }));
        return;
    }
    for (reference, outputs) in all {
        for (key, value) in outputs.as_object().into_iter().flatten() {
            out(format!("{reference}.{key} = {}", shown(value)));
        }
    }
}

fn print_one(context: &Context, outputs: &Map<String, Value>) {
    if context.global.json {
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "outputs": outputs }));
        return;
    }
    for (key, value) in outputs {
        out(format!("{key} = {}", shown(value)));
    }
}

/// One value, bare, so that a shell can take it; under `--json` in its JSON type, bare as well.
fn print_value(
    context: &Context,
    instance: &Instance,
    outputs: &Map<String, Value>,
    key: &str,
) -> Result<(), Failure> {
    let Some(value) = outputs.get(key) else {
        let keys: Vec<&str> = outputs.keys().map(String::as_str).collect();
        let summary = format!("`{}` has no output `{key}`.", instance.reference);
        let help = format!("It has: {}.", keys.join(", "));
        return Err(Failure::with_help(Exit::Error, "unknown-output", summary, help));
    };
    out(if context.global.json { value.to_string() } else { as_text(value) });
    Ok(())
}
