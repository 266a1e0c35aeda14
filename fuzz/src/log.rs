//! Logs: what is read stands in them, and what a crash cuts off takes nothing with it.

use std::collections::BTreeMap;

use provision::digest;
use provision::state::{Record, fold, read_log, write_record};
use serde_json::value::RawValue;

use crate::{journal, room};

/// A log as it is, and its lines as records with the checksums that they lack.
pub fn log(bytes: &[u8]) {
    check(bytes);
    let mut whole = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"seq")) {
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
    let (records, sound) = match read_log(bytes) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(sound <= bytes.len());
    let lines: Vec<&[u8]> = bytes[..sound].split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), records.len(), "a record that is not a line");
    lines.iter().for_each(|line| check_sum(line));
    check_written(&records);
    // One place to cut at is enough; the bytes choose it.
    let cut = bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
    check_cut(&bytes[..cut % (bytes.len() + 1)], &records);
    let mut folded = room::empty_journal();
    records.into_iter().for_each(|record| fold(&mut folded, record.event));
    journal::check_written(&folded);
}

/// The line says what its record's digest is, and that is right.
fn check_sum(line: &[u8]) {
    let parts: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(line).expect("a line is a JSON object");
    let digest = digest::of_bytes(parts["record"].get().as_bytes());
    let sum: String = serde_json::from_str(parts["sum"].get()).expect("a sum is a text");
    assert_eq!(digest.get(7..23), Some(sum.as_str()));
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

fn check_cut(bytes: &[u8], records: &[Record]) {
    // Where a line that is cut was broken already, nothing follows it: a cut log is never refused.
    let (kept, sound) = read_log(bytes).expect("a log that is cut can be read");
    assert!(sound <= bytes.len());
    assert_eq!(Some(kept.as_slice()), records.get(..kept.len()), "a cut changes what was before");
    let whole = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(kept.len() >= whole.min(records.len()), "a whole line is lost");
}
