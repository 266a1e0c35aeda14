//! The checker: compares what is declared with the journal and with everything that is really there.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::items::{Item, Kind};
use crate::lane::Lane;

/// What is wrong with a world.
#[derive(Default)]
pub struct Wrong {
    pub orphans: usize,
    pub duplicates: usize,
    pub missing: usize,
    pub damaged: usize,
    pub said: Vec<String>,
}

impl Wrong {
    fn say(&mut self, what: impl Into<String>) {
        self.said.push(what.into());
    }

    /// So many of an item are there.
    fn count(&mut self, item: &Item, ids: &[String]) {
        let (reference, count) = (&item.reference, ids.len());
        match (item.is_declared, count) {
            (true, 1) | (false, 0) => return,
            (true, 0) => self.missing += 1,
            (true, _) => self.duplicates += count - 1,
            (false, _) => self.orphans += count,
        }
        let is = if item.is_declared { "declared" } else { "not declared" };
        self.say(format!("`{reference}` is {is} and is there {count} times: {ids:?}"));
    }
}

/// Everything that is not as the items say; `is_applied` when the config is what they say.
pub fn world(lane: &Lane, items: &[Item], is_applied: bool) -> Wrong {
    let mut wrong = Wrong::default();
    let Some(journal) = journal(lane, &mut wrong) else { return wrong };
    if lane.state_file("log.jsonl").exists() {
        wrong.say("the log is still there");
    }
    let entries = journal["instances"].as_array().cloned().unwrap_or_default();
    let named: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["ref"].as_str()).collect();
    let declared = items.iter().filter(|item| item.is_declared);
    let declared: BTreeSet<&str> = declared.map(|item| item.reference.as_str()).collect();
    if named != declared {
        wrong.say(format!("the journal holds {named:?}, declared is {declared:?}"));
    }
    for entry in &entries {
        let is_done = entry["state"] == "provisioned"
            && entry["operation"].is_null()
            && entry["deposed"].as_array().is_none_or(Vec::is_empty);
        if !is_done {
            wrong.say(format!("the journal has not done with {entry}"));
        }
    }
    for item in items {
        let entry = entries.iter().find(|entry| entry["ref"] == item.reference.as_str());
        reality(lane, item, entry, &mut wrong);
    }
    strays(lane, items, &mut wrong);
    if is_applied {
        for command in ["plan --exit-code", "check --orphans", "pull"] {
            let (status, said) = lane.run(command);
            if status != Some(0) {
                wrong.say(format!("`prov {command}` ended with {status:?}:\n{said}"));
            }
        }
    }
    wrong
}

/// The journal, when it is sound.
pub fn journal(lane: &Lane, wrong: &mut Wrong) -> Option<Value> {
    let path = lane.state_file("journal.json");
    let Ok(bytes) = fs::read(&path) else { return Some(Value::Null) };
    let read = serde_json::from_slice(&bytes);
    if let Err(error) = &read {
        wrong.damaged += 1;
        wrong.say(format!("the journal is damaged: {error}"));
    }
    read.ok()
}

fn reality(lane: &Lane, item: &Item, entry: Option<&Value>, wrong: &mut Wrong) {
    let path = lane.root().join(item.path());
    match &item.kind {
        Kind::Cloud { place, .. } => cloud(lane, (item, *place), entry, wrong),
        Kind::Exec | Kind::Slow => {
            let ids: Vec<String> =
                names(&path).into_iter().filter(|n| !n.starts_with('.')).collect();
            wrong.count(item, &ids);
            let Some(entry) = entry.filter(|_| ids.len() == 1) else { return };
            same(item, &entry["instanceId"], &ids[0], wrong);
            let text = fs::read_to_string(path.join(&ids[0])).unwrap_or_default();
            content(item, &text, wrong);
        }
        Kind::File if item.is_declared => {
            content(item, &fs::read_to_string(&path).unwrap_or_default(), wrong);
        }
        Kind::Sqlite | Kind::Bucket if item.is_declared => {
            wrong.count(item, &vec![item.path(); usize::from(path.exists())]);
        }
        Kind::File | Kind::Sqlite | Kind::Bucket | Kind::Secret => {}
    }
}

fn cloud(lane: &Lane, (item, place): (&Item, usize), entry: Option<&Value>, wrong: &mut Wrong) {
    let objects = lane.tell(place, "GET /-/objects", &Value::Null);
    let objects = objects.as_array().cloned().unwrap_or_default();
    let id = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
    wrong.count(item, &objects.iter().map(id).collect::<Vec<_>>());
    let (Some(entry), [object], Some(wanted)) = (entry, objects.as_slice(), item.wanted()) else {
        return;
    };
    same(item, &entry["instanceId"], &id(object), wrong);
    for param in item.edited() {
        let (is, should) = (&object["params"][param], &wanted.params[param]);
        if is != should {
            wrong.say(format!("`{}`: {param} is {is}, declared is {should}", item.reference));
        }
    }
}

fn same(item: &Item, known: &Value, id: &str, wrong: &mut Wrong) {
    if provision::value::as_text(known) != id {
        wrong.say(format!("`{}` is {id}, the journal says {known}", item.reference));
    }
}

fn content(item: &Item, text: &str, wrong: &mut Wrong) {
    if !text.starts_with(&item.content()) {
        wrong.say(format!("`{}` holds {text:?}", item.reference));
    }
}

/// What is in the folders of objects and belongs to no item.
fn strays(lane: &Lane, items: &[Item], wrong: &mut Wrong) {
    for folder in ["objects", "out"] {
        for name in names(&lane.root().join(folder)) {
            let path = format!("{folder}/{name}");
            // A draft of a file is no object; the next write of the file takes it away.
            if name.contains(".prov-") {
                continue;
            }
            if !items.iter().any(|item| item.is_declared && item.path() == path) {
                wrong.orphans += 1;
                wrong.say(format!("{path} is there and belongs to nothing that is declared"));
            }
        }
    }
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
