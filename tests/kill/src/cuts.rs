//! Cuts the log of a killed run, and a saved journal, at every byte: what is read then is right, or is
//! refused; a plan is never wrong.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use brokers::local::Settings;
use prov_fake::model::{PROJECT, STAGE};
use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use provision::name::Name;
use provision::plan::{Input, Options, plan};
use provision::state::{Journal, Record, read_log, write_record};
use provision::store::{FileStore, Store as _, StoreError};
use serde_json::Value;

use crate::check::world;
use crate::items::{Item, Kind};
use crate::lane::Lane;
use crate::say;

/// What is to be cut.
pub struct Order {
    pub prov: PathBuf,
    /// How many steps the run takes whose log is cut.
    pub steps: usize,
    /// Whether each cut is read with everything before it. Otherwise a line is cut at each byte behind
    /// the two lines before it, and with everything before it only around its ends.
    pub is_whole: bool,
    /// Of how many lines the ends are looked at with a plan.
    pub plans: usize,
    /// How many cuts are gone on from by the program itself.
    pub applies: usize,
    pub seed: u64,
}

/// A run that was killed: its project, and the log and journal that it left.
struct Killed {
    lane: Lane,
    items: Vec<Item>,
    log: Vec<u8>,
    lines: Vec<Range<usize>>,
    journal: Vec<u8>,
}

/// Cuts everywhere; answers what was wrong.
pub fn cut(order: &Order) -> Vec<String> {
    let killed = Killed::new(order);
    let Killed { log, lines, .. } = &killed;
    say(&format!("a log of {} steps: {} lines, {} bytes", order.steps, lines.len(), log.len()));
    let mut wrong = killed.log_at_every_byte(order.is_whole);
    wrong.extend(killed.plans(order.plans));
    wrong.extend(killed.applies(order));
    wrong.extend(journal_at_every_byte(&killed));
    wrong.iter().for_each(|wrong| say(wrong));
    wrong
}

impl Killed {
    fn new(order: &Order) -> Self {
        let mut lane = Lane::new(&order.prov, &[]);
        let file = |number| Item::new(format!("file{number}"), Kind::File, None);
        let mut items: Vec<Item> = (1..order.steps).map(file).collect();
        let last = items.last().cloned();
        items.push(Item::new("thing".to_owned(), Kind::Exec, last.as_ref()));
        lane.declare(&items);
        lane.set("THING_KILLS", "yes");
        let (status, said) = lane.run("apply --yes");
        assert_eq!(status, None, "it is killed by its own script: {said}");
        lane.set("THING_KILLS", "");
        let log = fs::read(lane.state_file("log.jsonl")).unwrap();
        let journal = fs::read(lane.state_file("journal.json")).unwrap();
        let mut end = 0;
        let range = |line: &[u8]| {
            end += line.len();
            end - line.len()..end
        };
        let lines = log.split_inclusive(|byte| *byte == b'\n').map(range).collect();
        Self { lane, items, log, lines, journal }
    }

    /// Reads the log cut off after each of its bytes.
    fn log_at_every_byte(&self, is_whole: bool) -> Vec<String> {
        let (all, sound) = read_log(&self.log).unwrap();
        assert_eq!((all.len(), sound), (self.lines.len(), self.log.len()), "the log is sound");
        let (next, cuts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let wrong = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::SeqCst);
                        if at >= self.lines.len() {
                            return;
                        }
                        let found = if is_whole { self.line(at, &all) } else { behind(at, &all) };
                        cuts.fetch_add(self.lines[at].len(), Ordering::SeqCst);
                        wrong.lock().unwrap().extend(found);
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        let how = if is_whole { "with all before it" } else { "behind the two lines before it" };
        say(&format!("the log cut at {} bytes, {how}: {} wrong", cuts.into_inner(), wrong.len()));
        wrong
    }

    /// Cuts a line at each of its bytes, with everything before it.
    fn line(&self, at: usize, all: &[Record]) -> Vec<String> {
        let line = self.lines[at].clone();
        let cuts = line.start + 1..=line.end;
        cuts.filter_map(|end| misread(&self.log[..end], &all[..=at], (line.start, line.end)))
            .collect()
    }

    /// The plan after cuts around the ends of so many lines, as the store loads it.
    fn plans(&self, count: usize) -> Vec<String> {
        let scratch = tempfile::tempdir().unwrap();
        let (project, stage) = (Name::from(PROJECT), Name::from(STAGE));
        let path = scratch.path().join(format!("{STAGE}.journal.json"));
        fs::write(&path, &self.journal).unwrap();
        let store = FileStore::new(path, project, stage);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let scene = Scene::new(&self.lane.root(), &self.items);
        let mut wrong = Vec::new();
        let mut plans = 0;
        let stride = (self.lines.len() / count.max(1)).max(1);
        for line in self.lines.iter().step_by(stride) {
            for end in line.end.saturating_sub(2)..=(line.end + 2).min(self.log.len()) {
                fs::write(scratch.path().join(format!("{STAGE}.log.jsonl")), &self.log[..end])
                    .unwrap();
                plans += 1;
                match runtime.block_on(store.load()) {
                    Ok(loaded) => wrong.extend(scene.differs(&loaded.journal, &self.log[..end])),
                    Err(error) => wrong.push(format!("cut at {end}: {error}")),
                }
            }
        }
        say(&format!("{plans} plans after cuts of the log: {} wrong", wrong.len()));
        wrong
    }

    /// Has the program go on after some cuts, with what can have been made by then.
    fn applies(&self, order: &Order) -> Vec<String> {
        let mut chance = fastrand::Rng::with_seed(order.seed);
        let mut wrong = Vec::new();
        for _ in 0..order.applies {
            let end = chance.usize(0..=self.log.len());
            self.set_up(end, &mut chance);
            let (status, said) = self.lane.run("apply --yes");
            if status != Some(0) {
                wrong.push(format!("cut at {end}: `prov apply` ended with {status:?}:\n{said}"));
                continue;
            }
            let seen = world(&self.lane, &self.items, true).said;
            wrong.extend(seen.into_iter().map(|seen| format!("cut at {end}: {seen}")));
        }
        say(&format!("{} applies after cuts of the log: {} wrong", order.applies, wrong.len()));
        wrong
    }

    /// The project as it was when the log was so long: what was begun may be there.
    fn set_up(&self, end: usize, chance: &mut fastrand::Rng) {
        let root = self.lane.root();
        for folder in ["out", "objects"] {
            let _ = fs::remove_dir_all(root.join(folder));
        }
        fs::create_dir_all(root.join("out")).unwrap();
        let states = states(&self.log[..end]);
        for item in &self.items {
            let is_there = match states.get(&item.reference).map(String::as_str) {
                Some("done") => true,
                Some("begin") => chance.bool() && matches!(item.kind, Kind::File),
                _ => false,
            };
            if is_there {
                fs::write(root.join(item.path()), item.content()).unwrap();
            }
        }
        fs::write(self.lane.state_file("journal.json"), &self.journal).unwrap();
        fs::write(self.lane.state_file("log.jsonl"), &self.log[..end]).unwrap();
    }
}

/// Cuts a record's line at each byte, behind the lines of the run and of the record before it.
fn behind(at: usize, all: &[Record]) -> Vec<String> {
    let before = all[..at].last().filter(|record| record.seq > 0);
    let picked = all[..at].first().into_iter().chain(before).chain([&all[at]]);
    let mut few: Vec<Record> = picked.cloned().collect();
    let mut bytes = Vec::new();
    let mut start = 0;
    for (seq, record) in few.iter_mut().enumerate() {
        start = bytes.len();
        record.seq = seq as u64;
        record.durable = record.durable.min(record.seq);
        write_record(record, &mut bytes).unwrap();
    }
    let place = (start, bytes.len());
    (start + 1..=bytes.len()).filter_map(|end| misread(&bytes[..end], &few, place)).collect()
}

/// What is wrong with how a log is read whose last line, at `place`, may be cut.
fn misread(log: &[u8], all: &[Record], (start, end): (usize, usize)) -> Option<String> {
    let is_whole = log.len() == end;
    let expected = &all[..all.len() - usize::from(!is_whole)];
    let bytes = if is_whole { end } else { start };
    match read_log(log) {
        Ok((records, sound)) if sound == bytes && records == expected => None,
        other => {
            let said = other.map(|(records, sound)| (records.len(), sound));
            Some(format!("the log cut at {} is read as {said:?}", log.len()))
        }
    }
}

/// The last thing that whole lines say of each instance, read without the engine.
fn states(log: &[u8]) -> HashMap<String, String> {
    let mut states = HashMap::new();
    for line in log.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let line: Value = serde_json::from_slice(line).unwrap();
        let (record, text) = (&line["record"], |value: &Value| value.as_str().map(str::to_owned));
        if let Some(reference) = text(&record["instance"]["ref"]) {
            states.insert(reference, text(&record["event"]).unwrap());
        }
    }
    states
}

/// What plans are made with.
struct Scene {
    desired: Desired,
    catalog: Catalog,
    items: Vec<String>,
}

impl Scene {
    fn new(root: &Path, items: &[Item]) -> Self {
        let settings = Settings { root: root.to_owned(), allow_outside: false };
        let catalog = Catalog::new(brokers::local(&settings));
        let config = fs::read(root.join("prov.json")).unwrap();
        let Value::Object(config) = serde_json::from_slice(&config).unwrap() else {
            unreachable!()
        };
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(config, &mut problems);
        let scope = Scope { stage: STAGE.to_owned(), ..Scope::default() };
        let desired = document.desired(scope, &catalog, Rules::default(), &mut problems);
        let items = items.iter().map(|item| item.reference.clone()).collect();
        Self { desired: desired.unwrap(), catalog, items }
    }

    /// How the plan is another one than the whole lines of the log want.
    fn differs(&self, journal: &Journal, log: &[u8]) -> Vec<String> {
        let options = Options { prune: true, ..Options::default() };
        let (desired, catalog) = (&self.desired, &self.catalog);
        let made = plan(Input { desired, journal, catalog, options: &options });
        let step = |step: &provision::plan::Step| {
            let told = format!("{}: {}", step.action.as_str(), step.reason);
            (step.reference.to_string(), told)
        };
        let mut steps: HashMap<String, String> = made.steps.iter().map(step).collect();
        let states = states(log);
        let mut wrong = Vec::new();
        for item in &self.items {
            let expected = match states.get(item).map(String::as_str) {
                None => "create: new",
                Some("begin") => "create: its creation was interrupted",
                Some("done") => "noop: up to date",
                Some(other) => other,
            };
            let is = steps.remove(item).unwrap_or_default();
            if is != expected {
                wrong.push(format!(
                    "cut at {}: `{item}` is planned as {is:?}, not {expected:?}",
                    log.len()
                ));
            }
        }
        wrong.extend(steps.into_iter().map(|step| format!("cut at {}: {step:?}", log.len())));
        wrong
    }
}

/// A saved journal cut off after each of its bytes: only the last line end may be missing.
fn journal_at_every_byte(killed: &Killed) -> Vec<String> {
    let lane = &killed.lane;
    let (status, said) = lane.run("apply --yes");
    assert_eq!(status, Some(0), "{said}");
    let path = lane.state_file("journal.json");
    let whole = fs::read(&path).unwrap();
    let store = FileStore::new(path.clone(), Name::from(PROJECT), Name::from(STAGE));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let right = runtime.block_on(store.load()).unwrap();
    // What is parsed to its end for each cut takes long; the first and the last bytes tell the most.
    let near = 4_000.min(whole.len() / 2);
    let cuts: Vec<usize> = (0..near).chain(whole.len() - near..whole.len()).collect();
    let mut wrong = Vec::new();
    for end in &cuts {
        fs::write(&path, &whole[..*end]).unwrap();
        match runtime.block_on(store.load()) {
            Err(StoreError::State { .. }) => {}
            Ok(loaded) if whole[*end..].trim_ascii().is_empty() && loaded == right => {}
            other => wrong.push(format!("the journal cut at {end} is read as {other:?}")),
        }
    }
    for end in cuts.iter().step_by(cuts.len() / 8) {
        fs::write(&path, &whole[..*end]).unwrap();
        for command in ["plan", "apply --yes"] {
            let (status, said) = lane.run(command);
            if status != Some(13) {
                wrong.push(format!(
                    "the journal cut at {end}: {command} ends with {status:?}:\n{said}"
                ));
            }
        }
    }
    say(&format!("the journal cut at {} bytes: {} wrong", cuts.len(), wrong.len()));
    wrong
}
