//! Folders of migrations.

use std::fs;
use std::path::Path;

use provision::config::Document;
use provision::diagnostic::Diagnostics;
use provision::migration::{Migration, digest_of, is_same, pending, refs_of, steps_between, tag};
use provision::state::Applied;
use provision::store::{HistoryError, HistoryFolder};
use serde_json::{Map, Value};

use crate::{parts, room};

/// The files that a folder may have; a part that is named otherwise goes by its number.
const FILES: [&str; 6] = [
    "meta/_journal.json",
    "meta/_applied.json",
    "meta/0000_snapshot.json",
    "meta/0001_snapshot.json",
    "0000_initial.json",
    "0001_next.json",
];

/// A folder of up to six files: its history is read whole or refused, and can be continued.
pub fn history(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("meta")).expect("a folder");
    for (index, (name, text)) in parts::of(bytes).iter().skip(1).enumerate() {
        let known = FILES.iter().find(|file| *file == name).copied();
        if let Some(file) = known.or_else(|| FILES.get(index).copied()) {
            fs::write(folder.path().join(file), text).expect("a file");
        }
    }
    let folder = HistoryFolder::new(folder.path().to_owned());
    let before = files(folder.path());
    let history = folder.load();
    let _ = folder.foreign_ledger();
    assert_eq!(files(folder.path()), before, "reading changes a file");
    match history {
        Ok(history) => {
            check(&history);
            check_continued(&folder, history);
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.help().is_empty()),
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| fs::read(folder.join(name)).ok().map(|text| (name.to_owned(), text));
    FILES.iter().filter_map(|name| read(name)).collect()
}

fn check(history: &[Migration]) {
    let mut before = Map::new();
    for (index, migration) in history.iter().enumerate() {
        assert_eq!(usize::try_from(migration.index), Ok(index));
        assert_eq!(digest_of(&migration.snapshot, &migration.steps).unwrap(), migration.sha256);
        assert!(is_same(&migration.snapshot, &migration.snapshot));
        let _ = (steps_between(&before, &migration.snapshot), refs_of(&migration.snapshot));
        before = migration.snapshot.clone();
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(before.clone(), &mut problems);
        if let Some(desired) = room::desired(&document, &mut problems) {
            let plan = room::plan(&desired, &room::empty_journal(), &Default::default());
            room::check_plan(&plan);
        }
    }
    let ledger: Vec<Applied> = history.iter().map(applied).collect();
    for done in 0..=ledger.len() {
        let left = pending(history, &ledger[..done]).expect("a ledger of this history");
        assert_eq!(left.len(), history.len() - done);
    }
}

fn applied(migration: &Migration) -> Applied {
    Applied {
        tag: migration.tag.clone(),
        sha256: migration.sha256.clone(),
        applied_at: Default::default(),
        run: "run".to_owned(),
    }
}

/// A migration more, and what was there before is as it was.
fn check_continued(folder: &HistoryFolder, mut history: Vec<Migration>) {
    let index = u32::try_from(history.len()).unwrap();
    let mut snapshot = Map::new();
    snapshot.insert("instances".to_owned(), Value::Array(Vec::new()));
    let steps = vec![Value::from("nothing")];
    let sha256 = digest_of(&snapshot, &steps).unwrap();
    let next = Migration { index, tag: tag(index, "more"), snapshot, steps, sha256 };
    match folder.add(&next, &history) {
        Ok(()) => {}
        Err(HistoryError::Store(error)) => panic!("{error}"),
        Err(error) => panic!("a whole history cannot be continued: {error}"),
    }
    history.push(next);
    assert_eq!(folder.load().expect("a history that was continued"), history);
}
