//! Saved plans.

use provision::config::{Desired, Document};
use provision::diagnostic::Diagnostics;
use provision::plan::{Basis, Options, SavedPlan, read_saved, write_saved};
use serde_json::json;

use crate::room;

/// A saved plan: read, written and read again it is the same; and it fits nothing but what it was
/// made from.
pub fn plan_file(bytes: &[u8]) {
    let saved = match read_saved(bytes) {
        Ok(saved) => saved,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = write_saved(&saved).expect("a saved plan has a JSON form");
    assert_eq!(read_saved(&written).as_ref(), Ok(&saved));
    check_fit(saved);
}

/// A plan fits what it was made from only if nothing of it was changed but what is shown.
fn check_fit(saved: SavedPlan) {
    let (desired, journal) = (desired(), room::empty_journal());
    let basis = Basis { desired: &desired, journal: &journal, catalog: &room::CATALOG };
    let options = Options { prune: saved.prune, force: saved.force, ..Options::default() };
    let plan = room::plan(&desired, &journal, &options);
    let made = SavedPlan::new(&plan, &basis, (saved.prune, saved.force), saved.shown.clone());
    assert_eq!(made.check_basis(&basis), Ok(()));
    assert_eq!(made.check_plan(&plan), Ok(()));
    let fits = saved.check_basis(&basis).is_ok() && saved.check_plan(&plan).is_ok();
    assert_eq!(fits, saved == made, "{saved:?} is not {made:?}");
    // The bytes are hardly ever right about all of it; each part alone is, where they say so.
    let mixed = SavedPlan { serial: saved.serial, ..made.clone() };
    assert_eq!(mixed.check_basis(&basis).is_ok(), mixed == made);
    let mixed = SavedPlan { stage: saved.stage, project: saved.project, ..made.clone() };
    assert_eq!(mixed.check_basis(&basis).is_ok(), mixed == made);
    let mixed = SavedPlan { config: saved.config, services: saved.services, ..made.clone() };
    assert_eq!(mixed.check_basis(&basis).is_ok(), mixed == made);
}

fn desired() -> Desired {
    let instance =
        json!({ "ref": "a", "service": "local-value", "name": "a", "params": { "x": 1 } });
    let snapshot = json!({ "instances": [instance] });
    let mut problems = Diagnostics::default();
    let snapshot = snapshot.as_object().cloned().unwrap_or_default();
    let document = Document::from_snapshot(snapshot, &mut problems);
    room::desired(&document, &mut problems).expect("a config that is right")
}
