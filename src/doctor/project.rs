//! The config, and the files of the project: journal, log, lock, sink.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use provision::store::Loaded;

use super::{Finding, Known, room};
use crate::context::{Context, Project};
use crate::failure::Failure;
use crate::holder;
use crate::sink::Sink;
use crate::view;

/// Everything about the project. Notes what others want to know.
pub async fn examine(context: &mut Context, known: &mut Known) -> Vec<Finding> {
    let (finding, project) = config(context, known);
    let mut findings = vec![finding];
    let Some(project) = project else {
        let message = "not looked for: the config says where it is, and cannot be read";
        findings.push(Finding::skipped("journal", message));
        return findings;
    };
    match project.load().await {
        Ok(loaded) => {
            findings.push(journal(&project, &loaded));
            findings.push(log(&project, &loaded));
            note(&project, &loaded, known);
        }
        Err(failure) => {
            let fix = "Restore it with `prov state restore FILE`.";
            findings.push(Finding::failed("journal", &failure, fix));
        }
    }
    findings.push(lock(&project));
    findings.extend(room::examine(&project, &context.root));
    findings.push(sink(&project, &context.root));
    findings
}

fn config(context: &mut Context, known: &mut Known) -> (Finding, Option<Project>) {
    let broken = |failure: Failure| {
        Finding::failed("config", &failure, "`prov validate` says everything that is wrong.")
    };
    if !context.has_config() {
        let finding = Finding::ok("config", "there is none here; `prov init` writes one");
        return (finding, context.project_or_bare().ok());
    }
    let mut project = match context.project() {
        Ok(project) => project,
        Err(failure) => return (broken(failure), None),
    };
    let finding = match context.desired(&mut project) {
        Ok(desired) => {
            let services = desired.instances.iter().map(|spec| spec.service.to_string());
            known.services.extend(services);
            let count = counted(desired.instances.len(), "instance");
            Finding::ok("config", format!("{count} in the project `{}`", project.name))
        }
        Err(failure) => broken(failure),
    };
    (finding, Some(project))
}

fn journal(project: &Project, loaded: &Loaded) -> Finding {
    if !loaded.existed {
        return Finding::ok("journal", format!("none yet in the stage `{}`", project.stage));
    }
    let count = counted(loaded.journal.instances.iter().count(), "instance");
    Finding::ok("journal", format!("{count}, serial {}", loaded.journal.serial))
}

fn log(project: &Project, loaded: &Loaded) -> Finding {
    match loaded.replayed {
        0 => Finding::ok("log", "none is left"),
        _ if project.store.is_held() => Finding::ok("log", "a run is writing it"),
        records => {
            let count = counted(records, "record");
            Finding::warning(
                "log",
                format!("the last run did not end: {count} of it are not in the journal yet"),
                view::way_on(loaded),
            )
        }
    }
}

/// What the checks of identity and credentials want to know.
fn note(project: &Project, loaded: &Loaded, known: &mut Known) {
    let vault = &project.world.vault;
    for instance in loaded.journal.instances.iter() {
        known.services.insert(instance.service.to_string());
        for sealed in instance.sensitive.values() {
            known.sealed += 1;
            known.opened += usize::from(vault.open(&sealed.sealed).is_ok());
        }
    }
}

fn lock(project: &Project) -> Finding {
    if !project.store.is_held() {
        return Finding::ok("lock", "free");
    }
    let Some(holder) = project.store.holder() else {
        return Finding::warning("lock", "another run holds it", "Wait for it.");
    };
    let message = format!("held by {}", holder::told(&holder));
    let fix = holder::way_on(&holder);
    Finding::warning("lock", message, fix)
}

/// Whether the values that land in a file could be committed.
fn sink(project: &Project, root: &Path) -> Finding {
    let (Sink::Dotenv(path) | Sink::Json(path)) = &project.sink else {
        return Finding::ok("sink", "no file");
    };
    let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
    if !root.ancestors().any(|folder| folder.join(".git").exists()) {
        return Finding::ok("sink", format!("{shown}; the project is not in git"));
    }
    let (tracked, ignored) = (["ls-files", "--error-unmatch"], ["check-ignore", "--quiet"]);
    match (git(root, tracked, path), git(root, ignored, path)) {
        (Some(0), _) => Finding::problem(
            "sink",
            format!("{shown} is committed, with the values in it"),
            format!(
                "`git rm --cached {shown}`, a line `{shown}` in .gitignore, and new values for \
                 what it held."
            ),
        ),
        (_, Some(0)) => Finding::ok("sink", format!("{shown}, which git ignores")),
        (_, Some(1)) => Finding::warning(
            "sink",
            format!("{shown} is not in .gitignore, so the values in it may be committed"),
            format!("Add a line `{shown}` to .gitignore."),
        ),
        _ => Finding::skipped("sink", format!("{shown}; git could not be asked about it")),
    }
}

/// The exit code of a question to git, if there is one.
fn git(root: &Path, question: [&str; 2], path: &PathBuf) -> Option<i32> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(question).arg("--").arg(path);
    command.env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok()?.code()
}

/// A number with its noun.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
