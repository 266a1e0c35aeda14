//! A run: its steps as they end, and its summary.

use std::collections::HashMap;
use std::time::Duration;

use provision::name::Name;
use provision::plan::{Action, Plan, Step, Work};
use provision::run::{Ended, Observer, Outcome, RunEvent};
use serde_json::{Value, json};

use super::{FORMAT_VERSION, plan, versioned};
use crate::failure::sentence;
use crate::terminal::{BAD, BOLD, CHANGE, DIM, GOOD, out, paint, talk};

/// Shows a run to a person.
pub struct Human<'a> {
    plan: &'a Plan,
    width: usize,
    verbose: bool,
}

impl<'a> Human<'a> {
    /// A viewer of a run of `plan`.
    pub fn new(plan: &'a Plan, verbose: bool) -> Self {
        let widths = plan.steps.iter().map(|step| step.reference.as_str().chars().count());
        Self { plan, width: widths.max().unwrap_or_default(), verbose }
    }

    fn ended(&self, step: &Step, outcome: &Outcome) {
        let (symbol, style) = plan::symbol(step);
        let word = match outcome {
            Outcome::Done => paint(DIM, done_word(step)),
            Outcome::Unchanged => paint(DIM, "unchanged"),
            Outcome::Failed { error, .. } => paint(BAD, format!("failed: {error}")),
            Outcome::Skipped { because } => paint(CHANGE, format!("skipped: {because} failed")),
            Outcome::Interrupted => paint(CHANGE, "not started"),
            Outcome::InFlight => paint(CHANGE, "in flight: recorded, its end is not known yet"),
        };
        let head = format!("{symbol:>3} {:<11}", step.action.as_str());
        let width = self.width;
        talk(format!("{} {:width$}  {word}", paint(style, head), step.reference));
        if let Outcome::Failed { help: Some(help), .. } = outcome {
            talk(format!("      help: {help}"));
        }
    }
}

fn done_word(step: &Step) -> &'static str {
    match (step.action, step.work) {
        (Action::Create, _) => "created",
        (Action::Update, Work::Note) => "recorded",
        (Action::Update, _) => "updated",
        (Action::Replace, _) => "replaced",
        (Action::Move, _) => "moved",
        (Action::Adopt, _) => "adopted",
        (Action::Noop, _) => "unchanged",
        (Action::Deprovision, _) => "destroyed",
        (Action::Forget, _) => "forgotten",
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

impl Observer for Human<'_> {
    fn on(&self, event: &RunEvent) {
        match event {
            RunEvent::Started { reference, action } if self.verbose => {
                talk(paint(DIM, format!("    {} {reference} …", action.as_str())));
            }
            RunEvent::Started { .. } => {}
            RunEvent::Waiting { reference, elapsed } => {
                let note = format!("  … {reference} in progress, {} so far", seconds(*elapsed));
                talk(paint(DIM, note));
            }
            RunEvent::Retrying { reference, reason, delay } => {
                let delay = seconds(*delay);
                talk(paint(DIM, format!("  … {reference}: {reason}; again in {delay}")));
            }
            RunEvent::Differs { reference, params } => {
                for (param, given, shown) in params {
                    talk(format!(
                        "{}: `{reference}` was given {param} = {given}, and its provider shows \
                         {shown}: `prov plan --refresh` will want to change it. Declare it as it is \
                         shown, or look at what the provider takes.",
                        paint(CHANGE, "warning"),
                    ));
                }
            }
            RunEvent::Ended { step, outcome } => {
                if let Some(step) = self.plan.steps.get(*step) {
                    self.ended(step, outcome);
                }
            }
            RunEvent::Stopping => talk(
                "Stopping: nothing new starts, what runs is recorded. Interrupt again to leave at once.",
            ),
        }
    }
}

/// Shows a run as one JSON event a line.
pub struct Json<'a> {
    /// The plan that runs.
    pub plan: &'a Plan,
}

impl Observer for Json<'_> {
    fn on(&self, event: &RunEvent) {
        let value = match event {
            RunEvent::Started { reference, action } => {
                json!({ "type": "started", "ref": reference, "action": action.as_str() })
            }
            RunEvent::Waiting { reference, elapsed } => {
                json!({ "type": "waiting", "ref": reference, "elapsed_ms": millis(*elapsed) })
            }
            RunEvent::Retrying { reference, reason, delay } => json!({
                "type": "retrying", "ref": reference, "reason": reason, "delay_ms": millis(*delay)
            }),
            RunEvent::Differs { reference, params } => {
                let differing = |(param, given, shown): &(Name, Value, Value)| json!({ "param": param, "given": given, "shown": shown });
                let params: Vec<Value> = params.iter().map(differing).collect();
                json!({ "type": "differs", "ref": reference, "params": params })
            }
            RunEvent::Ended { step, outcome } => match self.plan.steps.get(*step) {
                Some(step) => outcome_json(step, outcome),
                None => return,
            },
            RunEvent::Stopping => json!({ "type": "stopping" }),
        };
        out(versioned(value));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn outcome_json(step: &Step, outcome: &Outcome) -> Value {
    let (word, error, help, because): (_, Option<&str>, Option<&str>, Option<&Name>) = match outcome
    {
        Outcome::Done => ("done", None, None, None),
        Outcome::Unchanged => ("unchanged", None, None, None),
        Outcome::Failed { error, help } => ("failed", Some(error), help.as_deref(), None),
        Outcome::Skipped { because } => ("skipped", None, None, Some(because)),
        Outcome::Interrupted => ("not-started", None, None, None),
        Outcome::InFlight => ("in-flight", None, None, None),
    };
    json!({
        "type": "ended", "ref": step.reference, "action": step.action.as_str(), "outcome": word,
        "error": error, "help": help, "because": because,
    })
}

/// How many steps ended how.
struct Tally {
    added: usize,
    changed: usize,
    destroyed: usize,
    /// What Terraform's sentence has no word for.
    others: [(usize, &'static str); 3],
    failed: Vec<Name>,
    skipped: Vec<Name>,
    unstarted: Vec<Name>,
    in_flight: Vec<Name>,
}

impl Tally {
    fn of(plan: &Plan, ended: &Ended) -> Self {
        let mut done: HashMap<Action, usize> = HashMap::new();
        let mut tally = Self {
            added: 0,
            changed: 0,
            destroyed: 0,
            others: [(0, ""); 3],
            failed: Vec::new(),
            skipped: Vec::new(),
            unstarted: Vec::new(),
            in_flight: Vec::new(),
        };
        for (index, outcome) in &ended.outcomes {
            let Some(step) = plan.steps.get(*index) else { continue };
            match outcome {
                Outcome::Done => *done.entry(step.action).or_default() += 1,
                Outcome::Unchanged => {}
                Outcome::Failed { .. } => tally.failed.push(step.reference.clone()),
                Outcome::Skipped { .. } => tally.skipped.push(step.reference.clone()),
                Outcome::Interrupted => tally.unstarted.push(step.reference.clone()),
                Outcome::InFlight => tally.in_flight.push(step.reference.clone()),
            }
        }
        let count = |action| done.get(&action).copied().unwrap_or_default();
        tally.added = count(Action::Create) + count(Action::Replace);
        tally.changed = count(Action::Update);
        tally.others = [
            (count(Action::Move), "moved"),
            (count(Action::Adopt), "adopted"),
            (count(Action::Forget), "forgotten"),
        ];
        tally.destroyed = count(Action::Deprovision) + count(Action::Replace);
        tally
    }
}

/// The last words of a run, for people.
pub fn summary(plan: &Plan, ended: &Ended, what: &str) {
    let tally = Tally::of(plan, ended);
    let is_complete = ended.is_complete();
    let verdict = if is_complete {
        paint(GOOD, format!("{what} complete!"))
    } else if ended.interrupted {
        paint(CHANGE, format!("{what} interrupted."))
    } else {
        paint(BAD, format!("{what} incomplete."))
    };
    talk("");
    let others: Vec<String> = tally
        .others
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let others =
        if others.is_empty() { others.join("") } else { format!(" Also {}.", others.join(", ")) };
    out(format!(
        "{verdict} Resources: {} added, {} changed, {} destroyed.{others}",
        tally.added, tally.changed, tally.destroyed
    ));
    for (word, names) in [
        ("Failed", &tally.failed),
        ("Skipped", &tally.skipped),
        ("In flight", &tally.in_flight),
        ("Not started", &tally.unstarted),
    ] {
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(Name::as_str).collect();
            out(format!("{}: {}.", paint(BOLD, word), names.join(", ")));
        }
    }
    if let Some(broken) = &ended.broken {
        talk(paint(BAD, sentence(broken)));
    }
    if !is_complete {
        talk("What was done is recorded; run the same command again to go on.");
    }
}

/// The last line of a run as JSON.
pub fn summary_json(plan: &Plan, ended: &Ended) {
    let tally = Tally::of(plan, ended);
    out(json!({
        "format_version": FORMAT_VERSION,
        "type": "summary",
        "complete": ended.is_complete(),
        "interrupted": ended.interrupted,
        "added": tally.added,
        "changed": tally.changed,
        "destroyed": tally.destroyed,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "in_flight": tally.in_flight,
        "not_started": tally.unstarted,
        "serial": ended.journal.serial,
    }));
}
