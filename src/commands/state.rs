//! `prov state`: looks into the journal and mends it by hand.

use std::path::{Path, PathBuf};

use provision::name::{Name, is_ref};
use provision::state::{Journal, Verb, read_journal, write_journal};
use provision::store::{StoreError, write_atomic};
use serde_json::json;

use super::show::{self, find};
use crate::change::{save, sync_sink};
use crate::cli::Writing;
use crate::context::{Context, Project};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::out;
use crate::view;

/// What can be done to the journal.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// List the refs
    List,
    /// Show one entry
    Show(show::Args),
    /// Give an entry another ref
    Mv {
        /// Its ref
        from: String,
        /// Its new ref
        to: String,
        #[command(flatten)]
        writing: Writing,
    },
    /// Forget an entry; its object lives on
    Rm {
        /// Its ref
        #[arg(value_name = "REF")]
        reference: String,
        #[command(flatten)]
        writing: Writing,
    },
    /// Copy the journal into a file
    Backup {
        /// The file; standard output when not given
        file: Option<PathBuf>,
    },
    /// Show what is damaged in the log of an interrupted run, and cut it after a yes
    Repair(super::repair::Args),
    /// Replace the journal by a copy
    Restore {
        /// The file
        file: PathBuf,
        /// Restore even a copy of another journal
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        writing: Writing,
    },
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, command: Command) -> super::Answer {
    if let Command::Show(args) = &command {
        return show::run(context, args).await;
    }
    if let Command::Repair(args) = &command {
        return super::repair::run(context, args).await;
    }
    let project = context.project_or_bare()?;
    match command {
        Command::List | Command::Show(_) | Command::Repair(_) => list(context, &project).await?,
        Command::Mv { from, to, writing } => {
            let _lock = project.lock("prov state mv", writing.lock_timeout).await?;
            rename(&project, &from, &to).await?;
            say(context, &format!("`{from}` is `{to}` now."));
        }
        Command::Rm { reference, writing } => {
            let _lock = project.lock("prov state rm", writing.lock_timeout).await?;
            remove(&project, &reference).await?;
            say(context, &format!("Forgot `{reference}`; what it stands for lives on."));
        }
        Command::Backup { file } => backup(context, &project, file.as_deref()).await?,
        Command::Restore { file, force, writing } => {
            let _lock = project.lock("prov state restore", writing.lock_timeout).await?;
            let kept = restore(&project, &file, force).await?;
            let log = kept.map_or_else(String::new, |copy| {
                format!(" The log of another run was beside it, and is kept as {}.", copy.display())
            });
            say(context, &format!("Restored the journal from {}.{log}", file.display()));
        }
    }
    Ok(Exit::Done)
}

fn say(context: &Context, sentence: &str) {
    if context.global.json {
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "message": sentence }));
    } else {
        out(sentence);
    }
}

async fn list(context: &Context, project: &Project) -> Result<(), Failure> {
    let journal = project.load().await?.journal;
    let refs: Vec<&Name> = journal.instances.iter().map(|entry| &entry.reference).collect();
    if context.global.json {
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "refs": refs }));
    } else {
        refs.iter().for_each(out);
    }
    Ok(())
}

async fn rename(project: &Project, from: &str, to: &str) -> Result<(), Failure> {
    let mut journal = project.load().await?.journal;
    let mut entry = find(&journal, from)?.clone();
    if !is_ref(to) || journal.instances.get(to).is_some() {
        let summary = format!("`{to}` is taken, or cannot be a ref.");
        return Err(Failure::new(Exit::Error, "ref-name", summary));
    }
    let pending = entry.operation.as_ref().filter(|pending| pending.verb == Verb::Provision);
    if pending.is_some() && !entry.exists() {
        let summary = format!("Nobody knows yet whether `{from}` was made.");
        let help = "At the provider it is known by this ref: run `prov apply` first.";
        return Err(Failure::with_help(Exit::Error, "begun", summary, help));
    }
    entry.reference = Name::from(to);
    journal.instances.rename(from, entry);
    save(project, &mut journal).await
}

async fn remove(project: &Project, reference: &str) -> Result<(), Failure> {
    let mut journal = project.load().await?.journal;
    find(&journal, reference)?;
    journal.forget(reference);
    save(project, &mut journal).await?;
    sync_sink(project, journal, None).await?;
    Ok(())
}

async fn backup(context: &Context, project: &Project, file: Option<&Path>) -> Result<(), Failure> {
    let journal = project.load().await?.journal;
    let bytes = write_journal(&journal)
        .map_err(|error| Failure::new(Exit::Error, "journal", sentence(&error.to_string())))?;
    match file {
        None => crate::terminal::out_raw(&bytes),
        Some(path) => {
            let place = context.typed(path)?;
            refuse_other(&place, path, project)?;
            write_atomic(&place, &bytes)?;
            say(context, &format!("Copied the journal to {}.", path.display()));
        }
    }
    Ok(())
}

/// Nothing but an earlier copy is overwritten.
fn refuse_other(place: &Path, shown: &Path, project: &Project) -> Result<(), Failure> {
    let is_copy = |text: String| read_journal(&text, &project.name, &project.stage).is_ok();
    if crate::saved::is_free(place, |bytes| String::from_utf8(bytes).is_ok_and(is_copy)) {
        return Ok(());
    }
    let summary = format!("{} is there and is no copy of a journal.", shown.display());
    let help = "Nothing was changed. Give another name, or remove it first.";
    Err(Failure::with_help(Exit::Refused, "file-exists", summary, help))
}

/// Puts a copy in the journal's place. A damaged journal is what this is for, so the one that is
/// there is read only to see whether the copy belongs to it.
async fn restore(project: &Project, file: &Path, force: bool) -> Result<Option<PathBuf>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|source| StoreError::Io {
        doing: "read",
        path: file.to_owned(),
        source,
    })?;
    let current = match project.load().await {
        Ok(loaded) => Some(loaded.journal),
        // Its log may be damaged, and the journal be whole.
        Err(_) => project.store.read_journal().ok().map(|(journal, _)| journal),
    };
    let mut journal: Journal = read_journal(&text, &project.name, &project.stage)
        .map_err(|source| StoreError::State { path: file.to_owned(), source })?;
    let is_foreign = current
        .as_ref()
        .is_some_and(|current| !current.lineage.is_empty() && current.lineage != journal.lineage);
    if (is_foreign || journal.stage != project.stage) && !force {
        let summary = format!("{} is a copy of another journal.", file.display());
        let help = "Give `--force` to put it here all the same.";
        return Err(Failure::with_help(Exit::Refused, "other-journal", summary, help));
    }
    journal.stage = project.stage.clone();
    let kept = project.store.rejoin(&mut journal)?;
    journal.serial = journal.serial.max(current.map_or(0, |current| current.serial));
    save(project, &mut journal).await?;
    Ok(kept)
}
