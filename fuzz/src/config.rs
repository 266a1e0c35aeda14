//! Configs: text → nodes → document → desired state → plan.

use provision::config::Document;
use provision::diagnostic::{Diagnostics, Sources};
use provision::plan::{Action, Options};
use provision::text::{Format, Node, parse, parse_placeless};

use crate::{places, room};

/// A config in TOML.
pub fn config_toml(bytes: &[u8]) {
    config(bytes, Format::Toml);
}

/// A config in YAML.
pub fn config_yaml(bytes: &[u8]) {
    config(bytes, Format::Yaml);
}

/// A config in JSON.
pub fn config_json(bytes: &[u8]) {
    config(bytes, Format::Json);
}

fn config(bytes: &[u8], format: Format) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut sources = Sources::default();
    let source = sources.add("config", text);
    let placeless = parse_placeless(text, format);
    let root = match parse(text, format, source) {
        Ok(root) => root,
        Err(problems) => {
            assert!(problems.has_errors(), "it was refused and nothing is wrong");
            places::check(&problems, &sources);
            assert!(placeless.is_none(), "it is read where no place is noted");
            return;
        }
    };
    places::check_node(&root, &sources);
    if let Some(placeless) = placeless {
        assert_eq!(placeless.to_value(), root.to_value(), "places change what is read");
    }
    document(root, &sources);
}

fn document(root: Node, sources: &Sources) {
    let mut problems = Diagnostics::default();
    let document = Document::read(root, &mut problems);
    let is_read = !problems.has_errors();
    let desired = room::desired(&document, &mut problems);
    places::check(&problems, sources);
    assert_eq!(desired.is_none(), problems.has_errors(), "{problems:?}");
    let Some(desired) = desired else { return };
    let plan = room::plan(&desired, &room::empty_journal(), &Options::default());
    room::check_plan(&plan);
    assert!(!problems.has_errors() && is_read);
    assert_eq!(plan.steps.len(), desired.instances.len(), "{plan:?}");
    let makes = [Action::Create, Action::Adopt];
    assert!(plan.steps.iter().all(|step| makes.contains(&step.action)), "{plan:?}");

    // What a migration keeps of it wants the same.
    let mut problems = Diagnostics::default();
    let kept = Document::from_snapshot(document.to_snapshot(), &mut problems);
    let again = room::desired(&kept, &mut problems).expect("a snapshot that can be read");
    assert_eq!(format!("{:?}", again.instances), format!("{:?}", desired.instances));
    assert_eq!(kept.to_snapshot(), document.to_snapshot());
}
