//! The log as it is written: one checksummed JSON line a record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::wire::{self, AppliedV1, InstanceV1};
use super::{Event, Record};
use crate::digest;
use crate::name::Name;

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    sum: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    record: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct RecordV1<'a> {
    fence: u64,
    seq: u64,
    durable: u64,
    #[serde(with = "wire::time")]
    at: Timestamp,
    #[serde(flatten, borrow)]
    event: EventV1<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum EventV1<'a> {
    Run { run: String, lineage: String, command: String },
    Begin { instance: InstanceV1<'a> },
    Accepted { instance: InstanceV1<'a> },
    Done { instance: InstanceV1<'a> },
    Failed { instance: InstanceV1<'a> },
    Noted { instance: InstanceV1<'a> },
    Moved { from: Name, instance: InstanceV1<'a> },
    Removed { reference: Name },
    Ledger { ledger: Vec<AppliedV1> },
    Bound { variables: Vec<String> },
}

/// Appends the line of `record` to `out`.
///
/// # Errors
/// When a value has no JSON form.
pub fn write_record(record: &Record, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let Record { fence, seq, durable, at, event } = record;
    let (fence, seq, durable, at) = (*fence, *seq, *durable, *at);
    let wire = RecordV1 { fence, seq, durable, at, event: to_wire(event) };
    let text = serde_json::value::to_raw_value(&wire)?;
    let line = Line { sum: sum(&text).into(), record: &text };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}

/// The record of a line, when it is what was written and whole.
pub(super) fn read_line(line: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let line: Line<'_> = serde_json::from_str(text).ok()?;
    if line.sum != sum(line.record) {
        return None;
    }
    let wire: RecordV1<'_> = serde_json::from_str(line.record.get()).ok()?;
    let RecordV1 { fence, seq, durable, at, event } = wire;
    Some(Record { fence, seq, durable, at, event: from_wire(event) })
}

/// Sixteen hex digits are enough to notice damage; nobody attacks their own log.
fn sum(record: &RawValue) -> String {
    let digest = digest::of_bytes(record.get().as_bytes());
    digest.get(7..23).unwrap_or_default().to_owned()
}

fn to_wire(event: &Event) -> EventV1<'_> {
    let wire = wire::instance_to_wire;
    match event {
        Event::Run { run, lineage, command } => {
            EventV1::Run { run: run.clone(), lineage: lineage.clone(), command: command.clone() }
        }
        Event::Begin(instance) => EventV1::Begin { instance: wire(instance) },
        Event::Accepted(instance) => EventV1::Accepted { instance: wire(instance) },
        Event::Done(instance) => EventV1::Done { instance: wire(instance) },
        Event::Failed(instance) => EventV1::Failed { instance: wire(instance) },
        Event::Noted(instance) => EventV1::Noted { instance: wire(instance) },
        Event::Moved { from, instance } => {
            EventV1::Moved { from: from.clone(), instance: wire(instance) }
        }
        Event::Removed { reference } => EventV1::Removed { reference: reference.clone() },
        Event::Ledger(ledger) => {
            EventV1::Ledger { ledger: ledger.iter().map(wire::applied_to_wire).collect() }
        }
        Event::Bound(variables) => EventV1::Bound { variables: variables.clone() },
    }
}

fn from_wire(event: EventV1<'_>) -> Event {
    let own = |instance| Box::new(wire::instance_from_wire(instance));
    match event {
        EventV1::Run { run, lineage, command } => Event::Run { run, lineage, command },
        EventV1::Begin { instance } => Event::Begin(own(instance)),
        EventV1::Accepted { instance } => Event::Accepted(own(instance)),
        EventV1::Done { instance } => Event::Done(own(instance)),
        EventV1::Failed { instance } => Event::Failed(own(instance)),
        EventV1::Noted { instance } => Event::Noted(own(instance)),
        EventV1::Moved { from, instance } => Event::Moved { from, instance: own(instance) },
        EventV1::Removed { reference } => Event::Removed { reference },
        EventV1::Ledger { ledger } => {
            Event::Ledger(ledger.into_iter().map(wire::applied_from_wire).collect())
        }
        EventV1::Bound { variables } => Event::Bound(variables),
    }
}
