//! When a run is struck, and what it was doing then.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use provision::state::{Event, Record, read_log};

use crate::lane::Lane;
use crate::process::Run;

/// When a run is struck.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after something is seen in the files.
    Sight(Sight, Duration),
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub enum Sight {
    /// The log is there.
    Log,
    /// A file is being written beside the journal.
    Temporary,
    /// The journal is another one.
    Journal,
    /// The log was there and is gone.
    NoLog,
}

impl Moment {
    /// A moment of a run that takes about so long.
    pub fn draw(chance: &mut fastrand::Rng, length: Duration) -> Self {
        let more = Duration::from_micros(chance.u64(0..400));
        let (sight, more) = match chance.u32(0..20) {
            // Much of a run is reading; most of what can go wrong is while it has a log.
            0..8 => (Sight::Log, length.mul_f64(0.6 * chance.f64() * chance.f64())),
            8 | 9 => (Sight::Temporary, more),
            10 => (Sight::Journal, more),
            11 => (Sight::NoLog, more),
            // The last writes are a short time of a run.
            12 => return Self::After(length.mul_f64(0.8 + 0.25 * chance.f64())),
            _ => return Self::After(length.mul_f64(1.05 * chance.f64())),
        };
        Self::Sight(sight, more)
    }

    /// Waits for it; answers whether the run was still there when it came.
    pub fn wait(self, lane: &Lane, run: &mut Run) -> bool {
        match self {
            Self::After(length) => {
                let left = (run.started + length).saturating_duration_since(Instant::now());
                std::thread::sleep(left);
            }
            Self::Sight(sight, more) => {
                let mut eye = Eye::new(lane);
                while !eye.sees(sight) {
                    if run.is_over() {
                        return false;
                    }
                    std::thread::yield_now();
                }
                std::thread::sleep(more);
            }
        }
        !run.is_over()
    }
}

struct Eye<'l> {
    lane: &'l Lane,
    journal: Option<SystemTime>,
    saw_log: bool,
}

impl<'l> Eye<'l> {
    fn new(lane: &'l Lane) -> Self {
        let mut eye = Self { lane, journal: None, saw_log: false };
        eye.journal = eye.changed();
        eye
    }

    fn changed(&self) -> Option<SystemTime> {
        fs::metadata(self.lane.state_file("journal.json")).and_then(|meta| meta.modified()).ok()
    }

    fn sees(&mut self, sight: Sight) -> bool {
        let log = fs::metadata(self.lane.state_file("log.jsonl"));
        self.saw_log |= log.is_ok();
        match sight {
            Sight::Log => log.is_ok(),
            Sight::Temporary => has_temporary(self.lane),
            Sight::Journal => self.changed() != self.journal,
            Sight::NoLog => self.saw_log && log.is_err(),
        }
    }
}

fn has_temporary(lane: &Lane) -> bool {
    let entries = fs::read_dir(lane.root().join(".prov")).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.any(|name| name.contains(".prov-"))
}

/// The serial of the journal; 0 where there is none.
pub fn serial(lane: &Lane) -> u64 {
    let bytes = fs::read(lane.state_file("journal.json")).unwrap_or_default();
    let journal: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    journal["serial"].as_u64().unwrap_or(0)
}

/// What a killed run was doing, as the files show it. `before` is the serial before it.
pub fn phase(lane: &Lane, before: u64) -> &'static str {
    let is_saved = serial(lane) != before;
    let Ok(bytes) = fs::read(lane.state_file("log.jsonl")) else {
        return if is_saved { "after the journal was saved" } else { "before the log" };
    };
    let Ok((records, sound)) = read_log(&bytes) else { return "with a log that is damaged" };
    let continued = records.first().map_or(before, |record| record.fence);
    if has_temporary(lane) || serial(lane) > continued {
        return "while it saved the journal";
    }
    if sound < bytes.len() {
        return "in the middle of a line of the log";
    }
    match open(&records) {
        (0, 0) if records.len() < 2 => "after the first line of the log",
        (0, 0) => "between two steps",
        (0, _) => "while a provider worked on what it had accepted",
        _ => "between begin and done",
    }
}

/// How many operations are begun, and how many accepted, without an end.
fn open(records: &[Record]) -> (usize, usize) {
    let mut open = std::collections::BTreeMap::new();
    for record in records {
        match &record.event {
            Event::Begin(instance) => drop(open.insert(instance.reference.clone(), false)),
            Event::Accepted(instance) => drop(open.insert(instance.reference.clone(), true)),
            Event::Done(instance) | Event::Failed(instance) => {
                open.remove(&instance.reference);
            }
            Event::Removed { reference } => drop(open.remove(reference)),
            _ => {}
        }
    }
    let accepted = open.values().filter(|is_accepted| **is_accepted).count();
    (open.len() - accepted, accepted)
}
