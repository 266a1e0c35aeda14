//! `prov secret`: who can open what is sealed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use provision::name::{Name, is_ref};
use provision::state::Journal;
use provision::world::{Vault, VaultError};
use serde_json::json;

use crate::change::save;
use crate::cli::Writing;
use crate::context::{Context, Project, credentials};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::terminal::{out, talk};
use crate::view;

/// How every sealed value begins: the first line of an age file, in base64.
const SEALED_START: &[u8] = b"YWdlLWVuY3J5cHRpb24ub3JnL3Yx";

/// The greatest file that is searched for what is still sealed as before, in bytes.
const SEARCHED_MAX: u64 = 256 * 1024 * 1024;

/// What can be done with what is sealed.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Seal everything anew, for the `recipients` that the config has now
    Rotate(Rotate),
}

/// What `prov secret rotate` takes.
#[derive(clap::Args, Debug)]
pub struct Rotate {
    /// Every stage: those the config names, and those that have a journal
    #[arg(long)]
    all_stages: bool,
    /// Your stored credentials too, for the first identity at hand
    #[arg(long)]
    credentials: bool,
    /// Also where no identity at hand could open anything afterwards
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, command: Command) -> super::Answer {
    let Command::Rotate(args) = command;
    if args.all_stages && context.global.config.as_deref() == Some(Path::new("-")) {
        let summary = "`--all-stages` reads the config once for each stage.";
        let help = "Give it as a file, or name the stages one by one: `--stage NAME`.";
        return Err(Failure::with_help(Exit::Usage, "usage", summary, help));
    }
    let project = context.project_or_bare()?;
    let stages = match args.all_stages {
        true => stages(context, &project),
        false => vec![context.stage.clone()],
    };
    let recipients = project.document.recipients.iter();
    let recipients = recipients.map(|recipient| recipient.value.clone()).collect();
    let mut done = Done { recipients, ..Done::default() };
    if !args.force && done.would_shut_out()? {
        let summary =
            "You are not among the `recipients`: no identity at hand could open anything.";
        let own = own_recipients()?.join(" or ");
        let help = format!(
            "Nothing was changed. Add yours, {own}, or give `--force` if others are to have them alone."
        );
        return Err(Failure::with_help(Exit::Refused, "shut-out", summary, help));
    }
    for stage in stages {
        context.stage = stage;
        let project = context.project_or_bare()?;
        // Stages whose `journal` is one file have one journal.
        if done.journals.iter().all(|known| known.path != project.store.path()) {
            done.journals.extend(rotate(&project, &args.writing).await?);
        }
    }
    if args.credentials {
        let known = credentials();
        for provider in known.providers()? {
            done.credentials += usize::from(known.reseal(&provider)?);
        }
    }
    done.show(context)?;
    Ok(Exit::Done)
}

/// Every stage that has or may have a journal, the one that was named first.
fn stages(context: &Context, project: &Project) -> Vec<Name> {
    let mut known = vec![context.stage.clone(), Name::from("default")];
    known.extend(project.document.stages.iter().map(|stage| Name::from(stage.key.as_str())));
    for path in files_beside(project.store.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stage = name.strip_suffix(".journal.json").filter(|stage| is_ref(stage));
        known.extend(stage.map(Name::from));
    }
    let mut seen = BTreeSet::new();
    known.retain(|stage| seen.insert(stage.clone()));
    known
}

/// A journal that was looked at.
struct Rotated {
    stage: Name,
    path: PathBuf,
    sealed: usize,
}

/// Seals one journal anew: all of it, or nothing.
async fn rotate(project: &Project, writing: &Writing) -> Result<Option<Rotated>, Failure> {
    // A lock would make the folder of a journal that is not there.
    if !project.load().await?.existed {
        return Ok(None);
    }
    let _lock = project.lock("prov secret rotate", writing.lock_timeout).await?;
    let mut journal = project.load().await?.journal;
    let sealed = reseal(&mut journal, project.world.vault.as_ref())?;
    if sealed > 0 {
        save(project, &mut journal).await?;
    }
    let path = project.store.path().to_owned();
    Ok(Some(Rotated { stage: project.stage.clone(), path, sealed }))
}

fn reseal(journal: &mut Journal, vault: &dyn Vault) -> Result<usize, Failure> {
    journal
        .reseal(|reference, sealed| {
            let again = || vault.seal(&vault.open(sealed)?);
            again().map_err(|error: VaultError| (reference.clone(), error))
        })
        .map_err(|(reference, error)| {
            let summary = format!("`{reference}`: {}", sentence(&error.to_string()));
            let help = "Nothing of this stage was changed. Point PROV_AGE_IDENTITY at the identity \
                        file of somebody it is sealed for.";
            Failure::with_help(Exit::Error, "sealed", summary, help)
        })
}

/// What the identities at hand are recipients as.
fn own_recipients() -> Result<Vec<String>, Failure> {
    let own = credentials().vault().at_hand();
    own.map_err(|error| Failure::new(Exit::Error, "identity", sentence(&error.to_string())))
}

/// What was done, over all stages.
#[derive(Default)]
struct Done {
    journals: Vec<Rotated>,
    recipients: Vec<String>,
    credentials: usize,
}

impl Done {
    fn show(&self, context: &Context) -> Result<(), Failure> {
        let left = self.left();
        let is_shut_out = self.is_shut_out()?;
        if context.global.json {
            let stages = self.journals.iter();
            let stages = stages.map(|one| json!({ "stage": one.stage, "sealed": one.sealed }));
            view::document(&json!({
                "format_version": view::FORMAT_VERSION,
                "stages": stages.collect::<Vec<_>>(),
                "recipients": self.recipients,
                "credentials": self.credentials,
                "sealed_as_before": left,
                "opens_here": !is_shut_out,
            }));
            return Ok(());
        }
        self.say();
        for path in left {
            talk(format!(
                "warning: {} was not sealed anew: who could open it still can.",
                path.display()
            ));
        }
        if is_shut_out {
            talk("warning: You are not among the `recipients`: no identity at hand opens it now.");
        }
        Ok(())
    }

    fn say(&self) {
        let whom = match self.recipients.len() {
            0 => "for you alone".to_owned(),
            1 => "for 1 recipient".to_owned(),
            count => format!("for {count} recipients"),
        };
        for Rotated { stage, sealed, .. } in &self.journals {
            out(match sealed {
                0 => format!("Nothing is sealed in the stage `{stage}`."),
                1 => format!("Sealed 1 value of the stage `{stage}` anew, {whom}."),
                count => format!("Sealed {count} values of the stage `{stage}` anew, {whom}."),
            });
        }
        if self.journals.is_empty() {
            out("There is no journal here, so nothing is sealed.");
        }
        match self.credentials {
            0 => {}
            1 => out("Sealed 1 stored credential anew, for you alone."),
            count => out(format!("Sealed {count} stored credentials anew, for you alone.")),
        }
    }

    /// Whether what was sealed cannot be opened here any more.
    fn is_shut_out(&self) -> Result<bool, Failure> {
        Ok(self.journals.iter().any(|one| one.sealed > 0) && self.would_shut_out()?)
    }

    /// Whether what is sealed for these recipients does not open here.
    fn would_shut_out(&self) -> Result<bool, Failure> {
        if self.recipients.is_empty() {
            return Ok(false);
        }
        let mine = own_recipients()?;
        // Without any, nothing can be opened to be sealed anew.
        Ok(!mine.is_empty() && !mine.iter().any(|own| self.recipients.contains(own)))
    }

    /// Files beside the journals that hold something sealed and were not sealed anew: copies,
    /// journals of other stages, what a crash left.
    fn left(&self) -> Vec<PathBuf> {
        let is_ours = |path: &PathBuf| self.journals.iter().any(|one| one.path == *path);
        let beside = self.journals.iter().flat_map(|one| files_beside(&one.path));
        let found = beside.filter(|path| !is_ours(path) && holds_sealed(path));
        found.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The files in the folder of `path`; none where there is no such folder.
fn files_beside(path: &Path) -> Vec<PathBuf> {
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Whether a file holds something sealed. A folder, and what is too large for a journal, does not.
fn holds_sealed(path: &Path) -> bool {
    let is_small = fs::metadata(path).is_ok_and(|f| f.is_file() && f.len() <= SEARCHED_MAX);
    let bytes = if is_small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    bytes.windows(SEALED_START.len()).any(|part| part == SEALED_START)
}
