//! From a wish to a finished run: lock, plan, ask, execute, write the sink, report.

use std::collections::{BTreeSet, HashSet};

use provision::broker::{BrokerError, ErrorKind};
use provision::config::Desired;
use provision::diagnostic::{Diagnostic, Diagnostics, Sources};
use provision::name::Name;
use provision::observe::{self, Observation, Refreshed};
use provision::plan::{self, Action, Input, Options, Plan};
use provision::run::{self, Ended, Observer, Settings};
use provision::state::{Applied, Journal};
use provision::store::Store as _;
use provision::value::as_text;
use serde_json::{Value, json};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::cli::Writing;
use crate::context::{Context, Project, environment, names_of};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::sink::Variable;
use crate::terminal::{ask, can_ask, out, talk};
use crate::{report, view};

/// How many instances are looked at at once, where nobody said.
pub const PARALLELISM: usize = 16;

/// What a changing command was told.
pub struct Order<'a> {
    /// The command, for the lock and the log.
    pub command: &'a str,
    /// What its end is called, e.g. `Apply`.
    pub title: &'a str,
    /// The lock and the parallelism.
    pub writing: &'a Writing,
    /// Whether every question is answered with yes.
    pub yes: bool,
    /// Whether protected instances may be destroyed.
    pub force: bool,
    /// The ledger to record at the end of a migration.
    pub ledger: Option<Vec<Applied>>,
    /// Whether the journal says more than its file: it was brought to what is live, or a log that an
    /// interrupted run left was folded in. That is recorded first.
    pub is_ahead: bool,
}

/// The plan of `desired` against `journal`, looking at the world where the plan needs it.
///
/// # Errors
/// What could not be found out.
pub async fn make_plan(
    project: &Project,
    desired: &Desired,
    journal: &Journal,
    options: Options,
) -> Result<Plan, Failure> {
    let findings = observe::gather(desired, journal, &project.world).await;
    let mut problems = Diagnostics::default();
    for (reference, error) in &findings.errors {
        let summary = format!("`{reference}`: {}", sentence(&error.to_string()));
        let problem = Diagnostic::error("observe", summary).about(reference);
        problems.push(problem.maybe_help(error.help.clone()));
    }
    if problems.has_errors() {
        return Err(Failure::of(Exit::Error, problems));
    }
    let options = Options { found: findings.found, contents: findings.contents, ..options };
    let input = Input { desired, journal, catalog: &project.world.catalog, options: &options };
    let plan = plan::plan(input);
    if plan.problems.has_errors() {
        return Err(Failure::of(Exit::Error, plan.problems));
    }
    Ok(plan)
}

/// The journal after a look at what is live.
///
/// # Errors
/// When a secret cannot be sealed.
pub fn refreshed(
    project: &Project,
    journal: Journal,
    seen: &[Observation],
) -> Result<Refreshed, Failure> {
    observe::refresh(journal, seen, &project.world)
        .map_err(|error| Failure::new(Exit::Error, "sealed", sentence(&error.to_string())))
}

/// Looks at everything the journal holds, before a plan is made.
///
/// # Errors
/// What could not be looked at: a plan that trusts half a look would be wrong.
pub async fn look(
    project: &Project,
    journal: Journal,
    parallelism: usize,
) -> Result<Refreshed, Failure> {
    let env = names_of(environment());
    let seen = observe::pull(&journal, &project.world, &env, parallelism).await;
    let refreshed = refreshed(project, journal, &seen)?;
    let mut problems = Diagnostics::default();
    for (reference, error) in &refreshed.errors {
        let summary = format!("`{reference}`: {}", sentence(error));
        problems.push(Diagnostic::error("observe", summary).about(reference));
    }
    if problems.has_errors() {
        return Err(Failure::of(Exit::Error, problems));
    }
    Ok(refreshed)
}

/// Errors that read the same, with the instances that have them.
fn grouped(found: Vec<(Name, BrokerError)>) -> Vec<(Vec<Name>, BrokerError)> {
    let mut groups: Vec<(Vec<Name>, BrokerError)> = Vec::new();
    for (reference, error) in found {
        match groups.iter_mut().find(|(_, known)| known.message == error.message) {
            Some((references, _)) => references.push(reference),
            None => groups.push((vec![reference], error)),
        }
    }
    groups
}

/// Asks the brokers what stands against a plan, before anything is changed.
async fn require_sound(
    project: &Project,
    plan: &Plan,
    desired: Option<&Desired>,
    journal: &Journal,
) -> Result<(), Failure> {
    let Some(desired) = desired else { return Ok(()) };
    let found = observe::preflight(plan, desired, journal, &project.world).await;
    let can_go_on = found.iter().all(|(_, error)| is_outage(error)) && has_rest(plan, &found);
    let mut problems = Diagnostics::default();
    for (references, error) in grouped(found) {
        let text = sentence(&error.to_string());
        let diagnostic = match can_go_on {
            true => Diagnostic::warning,
            false => Diagnostic::error,
        };
        let problem = match references.as_slice() {
            // What is wrong with a credential is wrong once, however many instances need it.
            _ if error.kind == ErrorKind::Unauthorized => diagnostic("preflight", text),
            [one] => diagnostic("preflight", format!("`{one}`: {text}")).about(one),
            many => {
                let names: Vec<String> = many.iter().map(|name| format!("`{name}`")).collect();
                diagnostic("preflight", format!("{}: {text}", names.join(", ")))
            }
        };
        problems.push(problem.maybe_help(error.help));
    }
    if problems.has_errors() {
        return Err(Failure::of(Exit::Error, problems));
    }
    report::show(&problems, &Sources::default());
    Ok(())
}

/// Whether nothing is known to stand against a step, and only its provider does not answer.
fn is_outage(error: &BrokerError) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Unknown)
}

/// Whether something is to be done that has nothing to do with what was found.
fn has_rest(plan: &Plan, found: &[(Name, BrokerError)]) -> bool {
    let mut hit: HashSet<&Name> = found.iter().map(|(reference, _)| reference).collect();
    // Steps stand after what they need.
    for step in &plan.steps {
        if step.depends_on.iter().any(|needed| hit.contains(needed)) {
            hit.insert(&step.reference);
        }
    }
    let acts = plan.steps.iter().filter(|step| step.action != Action::Noop);
    acts.into_iter().any(|step| !hit.contains(&step.reference))
}

/// Shows the plan, asks where something is destroyed, and runs it. The caller holds the lock.
///
/// # Errors
/// Protection, a missing decision, or a run that did not end well.
pub async fn execute(
    context: &Context,
    project: &Project,
    (plan, desired): (&Plan, Option<&Desired>),
    mut journal: Journal,
    order: Order<'_>,
) -> Result<Journal, Failure> {
    let is_json = context.global.json;
    if !is_json {
        talk(view::plan::human(plan, false));
    }
    refuse_protected(plan)?;
    decide(plan, &order)?;
    require_sound(project, plan, desired, &journal).await?;
    if order.is_ahead {
        save(project, &mut journal).await?;
    }
    if plan.tasks.list.is_empty() && order.ledger.is_none() {
        let journal = sync_sink(project, journal, desired).await?;
        if is_json {
            view::run::summary_json(plan, &nothing(&journal));
        } else if plan.is_clean() {
            out("Nothing to do.");
        }
        return Ok(journal);
    }
    let ended = start(context, project, (plan, desired), journal, &order).await?;
    if is_json {
        view::run::summary_json(plan, &ended);
    } else {
        view::run::summary(plan, &ended, order.title);
    }
    let is_written = ended.broken.is_none() && !ended.interrupted;
    let journal = if is_written {
        sync_sink(project, ended.journal.clone(), desired).await?
    } else {
        ended.journal.clone()
    };
    verdict(&ended)?;
    Ok(journal)
}

fn nothing(journal: &Journal) -> Ended {
    let outcomes = std::collections::BTreeMap::new();
    Ended { outcomes, interrupted: false, journal: journal.clone(), broken: None }
}

async fn start(
    context: &Context,
    project: &Project,
    (plan, desired): (&Plan, Option<&Desired>),
    journal: Journal,
    order: &Order<'_>,
) -> Result<Ended, Failure> {
    let stop = std::sync::Arc::new(Notify::new());
    let watcher = tokio::spawn(watch_interrupts(stop.clone()));
    let human = view::run::Human::new(plan, context.global.verbose > 0);
    let json = view::run::Json { plan };
    let observer: &dyn Observer = if context.global.json { &json } else { &human };
    let settings = Settings {
        run: project.world.ids.fresh(),
        command: order.command.to_owned(),
        parallelism: order.writing.parallelism,
        force: order.force,
        stop: &stop,
        observer,
        env: &names_of(environment()),
        ledger: order.ledger.clone(),
    };
    let ended = run::run(plan, desired, journal, &project.world, &settings).await;
    watcher.abort();
    Ok(ended?)
}

/// The first interrupt stops the run in good order, the second drops what is under way, and with
/// it the processes that were started for it: every step that was begun is already on disk. The
/// third ends the process whatever it is doing.
async fn watch_interrupts(stop: std::sync::Arc<Notify>) {
    for _ in 0..2 {
        interrupt().await;
        stop.notify_one();
    }
    interrupt().await;
    std::process::exit(i32::from(Exit::Interrupted.code()));
}

/// Waits until somebody wants this process to end.
#[cfg(unix)]
pub async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// Waits until somebody wants this process to end.
#[cfg(not(unix))]
pub async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}

fn verdict(ended: &Ended) -> Result<(), Failure> {
    if let Some(broken) = &ended.broken {
        return Err(Failure::with_help(
            Exit::Error,
            "io",
            sentence(broken),
            "Make room or mend the permissions, then run the same command again.",
        ));
    }
    if ended.interrupted {
        return Err(Failure::of(Exit::Interrupted, Diagnostics::default()));
    }
    if !ended.is_complete() {
        return Err(Failure::of(Exit::Partial, Diagnostics::default()));
    }
    Ok(())
}

fn decision(reference: &Name, action: Action, needs: &str) -> Value {
    json!({ "ref": reference, "action": action.as_str(), "needs": needs })
}

/// Refuses a plan that destroys what is protected.
///
/// # Errors
/// The protected instances, exit 5.
pub fn refuse_protected(plan: &Plan) -> Result<(), Failure> {
    if plan.refusals.is_empty() {
        return Ok(());
    }
    let mut problems = Diagnostics::default();
    for refusal in &plan.refusals {
        let reference = &refusal.reference;
        let summary = format!("`{reference}` is protected and this plan would destroy it.");
        let help = format!(
            "To destroy it, give `--force`. To end its protection, write `protected = false` for \
             `{reference}` and apply that first."
        );
        problems.push(Diagnostic::error("protected", summary).about(reference).help(help));
    }
    let decisions =
        plan.refusals.iter().map(|r| decision(&r.reference, r.action, "--force")).collect();
    Err(Failure::of(Exit::Refused, problems).decisions(decisions))
}

/// Asks before anything is destroyed; without somebody to ask, says what has to be decided.
fn decide(plan: &Plan, order: &Order<'_>) -> Result<(), Failure> {
    let destroying: Vec<_> = plan.destroying().collect();
    if destroying.is_empty() || order.yes {
        return Ok(());
    }
    let is_ci = environment().any(|(name, value)| name == "CI" && !value.is_empty());
    if can_ask() && !is_ci {
        let question = format!("{} of these destroy something. Go on?", destroying.len());
        if ask(&question) {
            return Ok(());
        }
        return Err(Failure::new(Exit::Refused, "declined", "Nothing was changed."));
    }
    let decisions =
        destroying.iter().map(|step| decision(&step.reference, step.action, "--yes")).collect();
    let summary = "This plan destroys something, and nobody is there to ask.";
    let help = "Read the plan, then give `--yes`.";
    Err(Failure::with_help(Exit::Refused, "decision-needed", summary, help).decisions(decisions))
}

/// Every bound variable and its value, from the journal.
///
/// # Errors
/// When a secret does not open.
pub fn bound_variables(
    project: &Project,
    journal: &Journal,
    desired: Option<&Desired>,
) -> Result<Vec<Variable>, Failure> {
    let mut variables = Vec::new();
    for entry in journal.instances.iter().filter(|entry| entry.exists()) {
        let declared = desired
            .filter(|_| entry.bind.is_none())
            .and_then(|desired| desired.instances.iter().find(|s| s.reference == entry.reference))
            .map(|spec| &spec.bind);
        let Some(bind) = entry.bind.as_ref().or(declared) else { continue };
        for (key, variable) in bind {
            let value = match entry.sensitive.get(key) {
                Some(sealed) => {
                    Some(project.world.vault.open(&sealed.sealed).map_err(|error| {
                        Failure::with_help(
                            Exit::Error,
                            "sealed",
                            format!("`{}`: {}", entry.reference, sentence(&error.to_string())),
                            "Point PROV_AGE_IDENTITY at the identity file of a recipient.",
                        )
                    })?)
                }
                None => entry.outputs.get(key).cloned(),
            };
            let Some(value) = value.filter(|value| !value.is_null()) else { continue };
            let text = as_text(&value);
            if text.contains('\0') {
                let summary = format!(
                    "`{}.{key}` holds a NUL byte, which `{variable}` cannot hold.",
                    entry.reference
                );
                let help = "Remove it from `bind`, or bind another output.";
                return Err(Failure::with_help(Exit::Error, "variable-value", summary, help));
            }
            variables.push((variable.clone(), Zeroizing::new(text)));
        }
    }
    Ok(variables)
}

/// Brings the sink to what is bound. The journal knows which variables are ours before they are
/// written and until they are taken out, so that a crash in between leaves nothing behind.
///
/// # Errors
/// When the sink or the journal cannot be written.
pub async fn sync_sink(
    project: &Project,
    mut journal: Journal,
    desired: Option<&Desired>,
) -> Result<Journal, Failure> {
    let variables = bound_variables(project, &journal, desired)?;
    let now: BTreeSet<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let obsolete: Vec<String> =
        journal.bound.iter().filter(|name| !now.contains(name.as_str())).cloned().collect();
    let names: Vec<String> = now.iter().map(|name| (*name).to_owned()).collect();
    if names.iter().any(|name| !journal.bound.contains(name)) {
        journal.bound = names.iter().chain(&obsolete).cloned().collect();
        save(project, &mut journal).await?;
    }
    project.sink.sync(&variables, &obsolete)?;
    if !obsolete.is_empty() {
        journal.bound = names;
        save(project, &mut journal).await?;
    }
    Ok(journal)
}

/// Writes the journal as its next serial. The caller holds the lock.
///
/// # Errors
/// When it cannot be written.
pub async fn save(project: &Project, journal: &mut Journal) -> Result<(), Failure> {
    if journal.lineage.is_empty() {
        journal.lineage = project.world.ids.fresh();
    }
    journal.serial += 1;
    Ok(project.store.save(journal).await?)
}

/// Prints a plan as the command line wants it.
pub fn show_plan(context: &Context, plan: &Plan, show_all: bool) {
    if context.global.json {
        view::document(&view::plan::json(plan, &context.sources));
    } else {
        out(view::plan::human(plan, show_all).trim_end());
        report::show(&plan.problems, &context.sources);
    }
}
