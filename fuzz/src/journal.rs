//! Journals of any version.

use provision::diagnostic::Diagnostics;
use provision::name::Name;
use provision::plan::{self, Options};
use provision::state::{
    Journal, instance_from_json, instance_to_json, read_journal, write_journal,
};

use crate::room;

/// A journal: read, written and read again it is the same, and plans can be made of it.
pub fn journal(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (project, stage) = (Name::from("shop"), Name::from("default"));
    match read_journal(text, &project, &stage) {
        Ok(journal) => {
            check_written(&journal);
            check_plans(&journal);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Whether a journal is read as it was written.
pub(crate) fn check_written(journal: &Journal) {
    let written = write_journal(journal).expect("a journal has a JSON form");
    let text = std::str::from_utf8(&written).expect("JSON is UTF-8");
    let again = read_journal(text, &Name::from("other"), &Name::from("other"));
    assert_eq!(again.as_ref(), Ok(journal), "{text}");
    for instance in journal.instances.iter() {
        let json = instance_to_json(instance).expect("an instance has a JSON form");
        assert_eq!(instance_from_json(json).as_ref().ok(), Some(instance));
    }
}

fn check_plans(journal: &Journal) {
    let nothing = provision::config::Document::default();
    let desired = room::desired(&nothing, &mut Diagnostics::default()).expect("nothing is wanted");
    for (prune, force) in [(false, false), (true, false), (true, true)] {
        let options = Options { prune, force, ..Options::default() };
        room::check_plan(&room::plan(&desired, journal, &options));
        room::check_plan(&plan::teardown(journal, &options));
    }
}
