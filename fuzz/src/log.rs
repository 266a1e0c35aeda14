//! Logs: what is read stands in them, and what a crash cuts off takes nothing with it.

use std::collections::BTreeMap;

use provision::digest;
use provision::state::{Record, fold, read_log, salvage_log, write_record};
use serde_json::value::RawValue;

use crate::{journal, room};

/// A log as it is, and its lines as records with the checksums that they lack.
pub fn log(bytes: &[u8]) {
    check(bytes);
    let mut whole = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"fence")) {
        let digest = digest::of_bytes(line);
        whole.extend_from_slice(b"{\"sum\":\"");
        whole.extend_from_slice(&digest.as_bytes()[7..23]);
        whole.extend_from_slice(b"\",\"record\":");
        whole.extend_from_slice(line);
        whole.extend_from_slice(b"}\n");
    }
    check(&whole);
}

fn check(bytes: &[u8]) {
    check_salvaged(bytes);
    let (records, sound) = match read_log(bytes) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(sound <= bytes.len());
    assert!(records.iter().zip(0..).all(|(record, seq)| record.seq == seq), "{records:?}");
    check_invented(&records, &bytes[..sound]);
    check_written(&records);
    // One place to cut at is enough; the bytes choose it.
    let cut = bytes
        .iter()
        .fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    if let Ok((kept, _)) = read_log(&bytes[..cut % (bytes.len() + 1)]) {
        let same = records.get(..kept.len());
        assert_eq!(Some(kept.as_slice()), same, "a cut changes what was before");
    }
    let mut folded = room::empty_journal();
    records.into_iter().for_each(|record| fold(&mut folded, record.event));
    journal::check_written(&folded);
}

/// Every record is one of a line whose sum is right.
fn check_invented(records: &[Record], bytes: &[u8]) {
    let sound: Vec<String> = bytes.split(|byte| *byte == b'\n').filter_map(sound_record).collect();
    for record in records {
        let written = |line: &String| read_alone(line).as_ref() == Some(record);
        assert!(sound.iter().any(written), "{record:?} stands in no line");
    }
}

/// The text of a line's record, when the line says what its digest is.
fn sound_record(line: &[u8]) -> Option<String> {
    let parts: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(line).ok()?;
    let record = parts.get("record")?.get();
    let sum: String = serde_json::from_str(parts.get("sum")?.get()).ok()?;
    let is_sound = digest::of_bytes(record.as_bytes()).get(7..23) == Some(sum.as_str());
    is_sound.then(|| record.to_owned())
}

/// The record of a text, read as if it were the only one of its log.
fn read_alone(record: &str) -> Option<Record> {
    let sum = digest::of_bytes(record.as_bytes()).get(7..23)?.to_owned();
    let line = format!("{{\"sum\":\"{sum}\",\"record\":{record}}}\n");
    salvage_log(line.as_bytes()).records.pop()
}

fn check_written(records: &[Record]) {
    let mut written = Vec::new();
    for record in records {
        write_record(record, &mut written).expect("a record has a JSON form");
    }
    let (again, sound) = read_log(&written).expect("what was written can be read");
    assert_eq!(again, records);
    assert_eq!(sound, written.len());
}

/// What is saved of a log stands in it, once, in order; what is not, is shown.
fn check_salvaged(bytes: &[u8]) {
    let salvage = salvage_log(bytes);
    check_invented(&salvage.records, bytes);
    assert!(salvage.records.is_sorted_by(|one, next| one.seq < next.seq));
    for damaged in &salvage.damaged {
        let text = bytes.get(damaged.bytes.clone()).expect("a line of the log");
        assert_eq!(String::from_utf8_lossy(text), damaged.text);
    }
    if let (Ok((records, _)), [], []) = (read_log(bytes), &*salvage.damaged, &*salvage.missing) {
        assert_eq!(records, salvage.records);
    }
}
