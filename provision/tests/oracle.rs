//! The planner against `@suluk/provision`, whose migrations and journals prov takes over: its answers
//! to random configs are recorded in `tests/fixtures/oracle`, one case a line.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use provision::broker::Catalog;
use provision::config::expression::outputs_in;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use provision::digest;
use provision::migration;
use provision::name::Name;
use provision::plan::{self, Action, Input, Options, Plan, Step};
use provision::state::{Journal, read_journal};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A recorded question and its answer.
#[derive(Deserialize)]
struct Case {
    op: String,
    config: Map<String, Value>,
    #[serde(default)]
    state: Value,
    #[serde(default)]
    prev: Map<String, Value>,
    #[serde(default)]
    prune: bool,
    expect: Option<String>,
    result: Answer,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ok(Value),
    Error(String),
}

#[derive(Debug, Deserialize)]
struct PlanAnswer {
    steps: Vec<StepAnswer>,
    orphans: Vec<String>,
    clean: bool,
}

#[derive(Debug, Deserialize, PartialEq)]
struct StepAnswer {
    action: String,
    #[serde(rename = "ref")]
    reference: String,
}

#[derive(Deserialize)]
struct Fingerprint {
    spec: Value,
    canonical: String,
    fingerprint: String,
}

fn cases<T: for<'de> Deserialize<'de>>(file: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/oracle");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn catalog() -> Catalog {
    let settings = brokers::local::Settings { root: PathBuf::from("."), allow_outside: false };
    Catalog::new(brokers::local(&settings))
}

fn desired(config: &Map<String, Value>, catalog: &Catalog) -> Result<Desired, Diagnostics> {
    let mut problems = Diagnostics::default();
    let document = Document::from_snapshot(config.clone(), &mut problems);
    let desired = document.desired(Scope::default(), catalog, Rules::default(), &mut problems);
    desired.ok_or(problems)
}

fn journal(state: &Value) -> Journal {
    read_journal(&state.to_string(), &Name::from("shop"), &Name::from("default")).unwrap()
}

/// What each instance reads, by ref.
type Reads = HashMap<String, Vec<String>>;

fn reads_of_config(config: &Map<String, Value>) -> Reads {
    let read = |spec: &Value| {
        let read = outputs_in(&spec["params"]).into_iter().map(|o| o.reference.to_owned());
        (spec["ref"].as_str().unwrap().to_owned(), read.collect())
    };
    config["instances"].as_array().unwrap().iter().map(read).collect()
}

fn reads_of_journal(journal: &Journal) -> Reads {
    let needs = |names: &[Name]| names.iter().map(ToString::to_string).collect();
    journal.instances.iter().map(|i| (i.reference.to_string(), needs(&i.depends_on))).collect()
}

/// Asserts that no ref comes before one that it reads, or, `reversed`, after one.
fn assert_order(refs: &[&str], reads: &Reads, reversed: bool) {
    let places: HashMap<&str, usize> = refs.iter().enumerate().map(|(at, r)| (*r, at)).collect();
    for (place, reference) in refs.iter().enumerate() {
        for read in reads.get(*reference).into_iter().flatten() {
            let Some(other) = places.get(read.as_str()) else { continue };
            assert_eq!(*other < place, !reversed, "{reference} and {read} in {refs:?}");
        }
    }
}

/// Everything that reads an instance that changes, or one that is affected itself.
fn affected(changing: &HashSet<&str>, reads: &Reads) -> HashSet<String> {
    let mut affected: HashSet<String> = HashSet::new();
    loop {
        let is_stale =
            |read: &String| changing.contains(read.as_str()) || affected.contains(read.as_str());
        let more: Vec<String> = reads
            .iter()
            .filter(|(name, read)| !affected.contains(*name) && read.iter().any(is_stale))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return affected;
        }
        affected.extend(more);
    }
}

/// Holds a plan against the recorded one; whether it shows the one difference there has to be: what
/// reads a changed instance is updated too, so that no stale value stays behind a clean plan.
fn compare(plan: &Plan, answer: &PlanAnswer, reads: &Reads) -> bool {
    let ours: BTreeMap<&str, &str> =
        plan.steps.iter().map(|s| (s.reference.as_str(), s.action.as_str())).collect();
    let theirs: BTreeMap<&str, &str> =
        answer.steps.iter().map(|s| (s.reference.as_str(), s.action.as_str())).collect();
    assert_eq!(ours.len(), plan.steps.len(), "one step a ref");
    assert!(ours.keys().eq(theirs.keys()), "{ours:?}\n{theirs:?}");
    let changing = theirs.iter().filter(|(_, action)| ["create", "update"].contains(*action));
    let affected = affected(&changing.map(|(name, _)| *name).collect(), reads);
    let mut used = false;
    for (name, action) in ours {
        let is_stale = theirs[name] == "noop" && affected.contains(name);
        assert_eq!(action, if is_stale { "update" } else { theirs[name] }, "{name}");
        used |= is_stale;
    }
    let orphans: Vec<&str> = plan.orphans.iter().map(Name::as_str).collect();
    assert_eq!(orphans, answer.orphans);
    assert_eq!(plan.is_clean(), answer.clean);
    used
}

fn check_plan(case: &Case, answer: Value, catalog: &Catalog) -> bool {
    let desired = desired(&case.config, catalog).unwrap();
    let journal = journal(&case.state);
    let options = Options { prune: case.prune, ..Options::default() };
    let input = Input { desired: &desired, journal: &journal, catalog, options: &options };
    let plan = plan::plan(input);
    assert!(plan.problems.is_empty(), "{:?}", plan.problems);
    let refs = |is_wanted: fn(&Step) -> bool| -> Vec<&str> {
        let steps = plan.steps.iter().filter(|step| is_wanted(step));
        steps.map(|step| step.reference.as_str()).collect()
    };
    let reads = reads_of_config(&case.config);
    assert_order(&refs(|step| step.action != Action::Deprovision), &reads, false);
    let removed = refs(|step| step.action == Action::Deprovision);
    assert_order(&removed, &reads_of_journal(&journal), true);
    compare(&plan, &serde_json::from_value(answer).unwrap(), &reads)
}

fn check_diff(case: &Case, answer: Value) {
    let steps = Value::from(migration::steps_between(&case.prev, &case.config));
    let ours: Vec<StepAnswer> = serde_json::from_value(steps).unwrap();
    let theirs: Vec<StepAnswer> = serde_json::from_value(answer).unwrap();
    let is_removal = |step: &StepAnswer| step.action == "deprovision";
    let (our_removals, ours): (Vec<_>, Vec<_>) = ours.into_iter().partition(is_removal);
    let (their_removals, theirs): (Vec<_>, Vec<_>) = theirs.into_iter().partition(is_removal);
    assert_eq!(ours, theirs);
    let set = |steps: &[StepAnswer]| -> BTreeSet<String> {
        steps.iter().map(|step| step.reference.clone()).collect()
    };
    assert_eq!(set(&our_removals), set(&their_removals));
    assert_eq!(our_removals.len(), their_removals.len());
    let refs: Vec<&str> = our_removals.iter().map(|step| step.reference.as_str()).collect();
    assert_order(&refs, &reads_of_config(&case.prev), true);
}

fn check_refusal(case: &Case, catalog: &Catalog) {
    let code = match case.expect.as_deref() {
        Some("cycle") => "cycle",
        Some("dup") => "duplicate-ref",
        Some("unknown") => "unknown-ref",
        other => panic!("no refusal is called {other:?}"),
    };
    let problems = desired(&case.config, catalog).unwrap_err();
    let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
    assert!(codes.contains(&code), "{code} is not among {codes:?}");
}

#[test]
fn plans_and_migration_steps_are_those_of_suluk() {
    let catalog = catalog();
    let (mut plans, mut diffs, mut refusals, mut differing) = (0, 0, 0, 0);
    for case in cases::<Case>("plans.ndjson") {
        match (case.op.as_str(), case.result.clone()) {
            (_, Answer::Error(error)) => {
                assert!(case.expect.is_some(), "{error}");
                check_refusal(&case, &catalog);
                refusals += 1;
            }
            ("plan", Answer::Ok(answer)) => {
                differing += usize::from(check_plan(&case, answer, &catalog));
                plans += 1;
            }
            ("diff", Answer::Ok(answer)) => {
                check_diff(&case, answer);
                diffs += 1;
            }
            (other, _) => panic!("no case is called {other}"),
        }
    }
    println!("{plans} plans, {differing} with more updates; {diffs} diffs; {refusals} refusals");
    assert_eq!((plans, diffs, refusals), (142, 75, 83));
}

#[test]
fn fingerprints_are_those_of_suluk() {
    let cases = cases::<Fingerprint>("fingerprints.ndjson");
    for case in &cases {
        let text = |key: &str| case.spec[key].as_str();
        let name = text("name").unwrap();
        let plan = text("plan").map(Name::from);
        let params =
            case.spec.get("params").and_then(Value::as_object).cloned().unwrap_or_default();
        let canonical = digest::identity(name, &params, plan.as_ref()).unwrap();
        let canonical = String::from_utf8(canonical).unwrap();
        assert_eq!(canonical, case.canonical);
        assert_eq!(digest::fingerprint(name, &params, plan.as_ref()).unwrap(), case.fingerprint);
    }
    println!("{} fingerprints", cases.len());
    assert_eq!(cases.len(), 155);
}
