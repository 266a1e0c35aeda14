//! `prov generate`: writes the next migration. Touches no provider and no journal.

use provision::migration::{self, Migration};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::out;
use crate::view;

/// What `prov generate` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to call it
    #[arg(long)]
    name: Option<String>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let mut project = context.project()?;
    let snapshot = project.document.to_snapshot();
    context.desired(&mut project)?;
    let folder = context.history()?;
    let history = folder.load()?;
    let Some(migration) = next(snapshot, &history, args)? else {
        if context.global.json {
            view::document(&json!({ "format_version": view::FORMAT_VERSION, "migration": null }));
        } else {
            out("No changes: the config is what the last snapshot says.");
        }
        return Ok(Exit::Done);
    };
    if !args.dry_run {
        folder.add(&migration, &history)?;
    }
    show(context, &migration, args.dry_run);
    Ok(Exit::Done)
}

fn next(
    desired: Map<String, Value>,
    history: &[Migration],
    args: &Args,
) -> Result<Option<Migration>, Failure> {
    let empty = Map::new();
    let before = history.last().map_or(&empty, |last| &last.snapshot);
    if migration::is_same(before, &desired) {
        return Ok(None);
    }
    let index = u32::try_from(history.len()).unwrap_or(u32::MAX);
    let default = if history.is_empty() { "initial" } else { "migration" };
    let name = args.name.as_deref().unwrap_or(default);
    let name = safe_name(name)?;
    let mut snapshot = Map::new();
    snapshot.insert("version".into(), Value::from("1"));
    snapshot.insert("idx".into(), Value::from(index));
    snapshot.extend(desired);
    let steps = migration::steps_between(before, &snapshot);
    let sha256 = migration::digest_of(&snapshot, &steps)
        .map_err(|error| Failure::new(Exit::Error, "digest", format!("{error}.")))?;
    Ok(Some(Migration { index, tag: migration::tag(index, &name), snapshot, steps, sha256 }))
}

/// A name is part of a file name; one that could lead elsewhere is refused, not mended.
fn safe_name(name: &str) -> Result<String, Failure> {
    let is_fit = |c: char| c.is_alphanumeric() || " _-".contains(c);
    if let Some(fit) =
        migration::file_name_of(name).filter(|_| name.len() <= 100 && name.chars().all(is_fit))
    {
        return Ok(fit);
    }
    let summary = format!("`{name}` cannot be the name of a migration.");
    let help = "Use up to 100 letters, digits, `_` and `-`.";
    Err(Failure::with_help(Exit::Error, "migration-name", summary, help))
}

fn show(context: &Context, migration: &Migration, dry_run: bool) {
    if context.global.json {
        view::document(&json!({
            "format_version": view::FORMAT_VERSION,
            "migration": migration.tag,
            "sha256": migration.sha256,
            "written": !dry_run,
            "steps": migration.steps,
        }));
        return;
    }
    let verb = if dry_run { "Would generate" } else { "Generated" };
    out(format!("{verb} {}:", migration.tag));
    let cell = |step: &Value, key: &str| {
        step.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let rows: Vec<Vec<String>> = migration
        .steps
        .iter()
        .map(|step| {
            let object = format!("{} · {}", cell(step, "service"), cell(step, "name"));
            vec![format!("  {}", cell(step, "action")), cell(step, "ref"), object]
        })
        .collect();
    for line in view::table(&rows) {
        out(line);
    }
    if migration.steps.is_empty() {
        out("  no instance differs, but variables or stages do");
    }
}
