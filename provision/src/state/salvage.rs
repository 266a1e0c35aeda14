//! What a log still says after a crash, and after damage.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Record;
use super::log::read_line;

/// A log that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// A line was durable and is not what was written.
    #[error("line {line} of the log is damaged")]
    Damaged {
        /// Its number, from 1.
        line: usize,
    },
    /// Records are missing that were durable.
    #[error("records are missing before line {line} of the log")]
    Gap {
        /// The number of the line after the gap, from 1.
        line: usize,
    },
    /// A line was written by another run than the first.
    #[error("line {line} of the log was written by another run")]
    Foreign {
        /// Its number, from 1.
        line: usize,
    },
}

/// Everything that is whole in a log, and everything that is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Salvage {
    /// The records of the run that wrote last, in the order in which they were made, each once.
    pub records: Vec<Record>,
    /// The lines that are no record, or none of that run.
    pub damaged: Vec<DamagedLine>,
    /// The numbers of the records that are missing among the others.
    pub missing: Vec<u64>,
}

/// A line that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// Its number, from 1.
    pub line: usize,
    /// Where it stands, in bytes.
    pub bytes: Range<usize>,
    /// What is there, as far as it is text.
    pub text: String,
}

/// A line, its record when it is whole, and whether a crash may have left it as it is.
struct Line {
    bytes: Range<usize>,
    record: Option<Record>,
    is_torn: bool,
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut end = 0;
    let ends = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = end;
        end += line.len();
        // What was never synced ends anywhere, or has holes that read as zeros.
        let is_torn = end == bytes.len() || line.contains(&0);
        Line { bytes: start..end, record: read_line(line), is_torn }
    });
    ends.collect()
}

/// Reads a log. Lines may stand in another order than they were made, and more than once. A torn
/// end, which a crash leaves, is cut off: whatever comes after the first line that is not whole, as
/// long as a crash leaves such lines and nothing of it was durable. The number of bytes that are sound is answered with the
/// records.
///
/// # Errors
/// When anything that was durable is damaged or missing.
pub fn read_log(bytes: &[u8]) -> Result<(Vec<Record>, usize), LogError> {
    let lines = lines(bytes);
    let mut records: BTreeMap<u64, &Record> = BTreeMap::new();
    // The records, lines and bytes up to where nothing is missing.
    let mut sound = (0_u64, 0, 0);
    let mut fence = None;
    for (index, line) in lines.iter().enumerate() {
        let Some(record) = &line.record else { break };
        if *fence.get_or_insert(record.fence) != record.fence {
            return Err(LogError::Foreign { line: index + 1 });
        }
        if records.insert(record.seq, record).is_some_and(|same| same != record) {
            return Err(LogError::Damaged { line: index + 1 });
        }
        let is_gapless = records.last_key_value().is_some_and(|(last, _)| {
            u64::try_from(records.len()).is_ok_and(|count| count == last.saturating_add(1))
        });
        if is_gapless {
            sound = (records.len() as u64, index + 1, line.bytes.end);
        }
    }
    let (count, first_unsound, end) = sound;
    let rest = lines.iter().enumerate().skip(first_unsound);
    let mut damaged = None;
    for (index, line) in rest {
        match &line.record {
            None if !line.is_torn => return Err(LogError::Damaged { line: index + 1 }),
            None => damaged = damaged.or(Some(index + 1)),
            Some(record) if record.durable > count => {
                let gap = LogError::Gap { line: index + 1 };
                return Err(damaged.map_or(gap, |line| LogError::Damaged { line }));
            }
            Some(_) => {}
        }
    }
    Ok((records.into_values().take_while(|record| record.seq < count).cloned().collect(), end))
}

/// Reads what is whole in a log, whatever happened to the rest.
#[must_use]
pub fn salvage_log(bytes: &[u8]) -> Salvage {
    let lines = lines(bytes);
    let fence = lines.iter().filter_map(|line| Some(line.record.as_ref()?.fence)).max();
    let mut records: BTreeMap<u64, Record> = BTreeMap::new();
    let mut damaged = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        match line.record {
            Some(record) if Some(record.fence) == fence => {
                records.insert(record.seq, record);
            }
            _ => {
                let text = bytes.get(line.bytes.clone()).unwrap_or_default();
                let text = String::from_utf8_lossy(text).into_owned();
                damaged.push(DamagedLine { line: index + 1, bytes: line.bytes, text });
            }
        }
    }
    let end = records.last_key_value().map_or(0, |(last, _)| *last);
    // A number that is out of all proportion is damage of its own, and no list of what is missing.
    let is_possible = end <= bytes.len() as u64;
    let missing = (0..end).filter(|seq| is_possible && !records.contains_key(seq)).collect();
    Salvage { records: records.into_values().collect(), damaged, missing }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::name::Name;
    use crate::state::{Event, write_record};

    fn record(seq: u64, durable: u64) -> Record {
        let reference = Name::from(format!("r{seq}"));
        let event = Event::Removed { reference };
        Record { fence: 3, seq, durable, at: Timestamp::UNIX_EPOCH, event }
    }

    fn line(record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_record(record, &mut bytes).unwrap();
        bytes
    }

    fn log(records: &[(u64, u64)]) -> Vec<u8> {
        records.iter().flat_map(|(seq, durable)| line(&record(*seq, *durable))).collect()
    }

    /// The numbers of the records, and how many bytes are left over.
    fn read(bytes: &[u8]) -> Result<(Vec<u64>, usize), LogError> {
        let (records, sound) = read_log(bytes)?;
        Ok((records.iter().map(|record| record.seq).collect(), bytes.len() - sound))
    }

    #[test]
    fn lines_may_come_twice_and_in_another_order() {
        assert_eq!(
            read(&log(&[(0, 0), (2, 1), (1, 1), (2, 1), (3, 3)])),
            Ok((vec![0, 1, 2, 3], 0))
        );
    }

    #[test]
    fn one_number_stands_for_one_record() {
        let mut bytes = log(&[(0, 0), (1, 1)]);
        bytes.extend(line(&Record { durable: 0, ..record(1, 0) }));
        assert_eq!(read(&bytes), Err(LogError::Damaged { line: 3 }));
    }

    #[test]
    fn a_log_belongs_to_one_run() {
        let mut bytes = log(&[(0, 0)]);
        bytes.extend(line(&Record { fence: 2, ..record(1, 1) }));
        assert_eq!(read(&bytes), Err(LogError::Foreign { line: 2 }));
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_begins() {
        let whole = log(&[(0, 0), (1, 1)]);
        let first = line(&record(0, 0)).len();
        for end in 0..whole.len() {
            let expected = if end < first { (vec![], end) } else { (vec![0], end - first) };
            assert_eq!(read(&whole[..end]), Ok(expected), "{end}");
        }
    }

    #[test]
    fn a_hole_in_what_was_never_synced_is_a_torn_end() {
        let mut bytes = log(&[(0, 0), (1, 1), (2, 1), (3, 1)]);
        let first = line(&record(0, 0)).len();
        bytes[first + 3..first + 9].fill(0);
        assert_eq!(read(&bytes), Ok((vec![0], bytes.len() - first)));
        // Once something was written after the sync, the same hole is damage.
        bytes.extend(log(&[(4, 4)]));
        assert_eq!(read(&bytes), Err(LogError::Damaged { line: 2 }));
    }

    #[test]
    fn what_is_missing_is_torn_off_or_a_gap() {
        assert_eq!(read(&log(&[(0, 0), (2, 1)])).map(|(seqs, _)| seqs), Ok(vec![0]));
        assert_eq!(read(&log(&[(0, 0), (2, 2)])), Err(LogError::Gap { line: 2 }));
        assert_eq!(read(&log(&[(1, 1)])), Err(LogError::Gap { line: 1 }));
    }

    #[test]
    fn a_line_that_no_crash_leaves_is_damage() {
        let mut bytes = b"garbage\n".to_vec();
        bytes.extend(b"{\"half");
        assert_eq!(read(&bytes), Err(LogError::Damaged { line: 1 }));
    }

    #[test]
    fn what_is_whole_is_saved_from_what_is_not() {
        let mut bytes = log(&[(0, 0), (1, 1), (3, 3)]);
        bytes.extend(b"garbage\n");
        bytes.extend(log(&[(4, 4), (4, 4)]));
        let salvage = salvage_log(&bytes);
        let seqs: Vec<u64> = salvage.records.iter().map(|record| record.seq).collect();
        assert_eq!((seqs, salvage.missing), (vec![0, 1, 3, 4], vec![2]));
        let damaged = &salvage.damaged[0];
        assert_eq!((damaged.line, damaged.text.as_str()), (4, "garbage\n"));
        assert_eq!(&bytes[damaged.bytes.clone()], b"garbage\n");
    }
}
