//! What is printed: for people and, under `--json`, as versioned documents.

pub mod auth;
pub mod doctor;
pub mod instances;
pub mod plan;
pub mod repair;
pub mod run;

use provision::store::Loaded;
use serde_json::Value;

use crate::terminal::out;

/// The version of every JSON document this program prints. Additions do not change it.
pub const FORMAT_VERSION: &str = "1.0";

/// Prints one JSON document.
pub fn document(value: &Value) {
    out(format!("{value:#}"));
}

/// A JSON object with the version of its format.
pub fn versioned(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.insert("format_version".into(), FORMAT_VERSION.into());
    }
    value
}

/// How to go on after a run that did not end.
pub fn way_on(loaded: &Loaded) -> String {
    match loaded.unended.as_deref() {
        None | Some("prov apply") => "`prov apply` goes on where it stopped.".to_owned(),
        Some(command) => format!(
            "`{command}` goes on where it stopped; `prov apply` brings everything to what is declared."
        ),
    }
}

/// The ways in which something is found again, for people.
pub fn found_by(words: &[&str]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// A table of columns, padded to the widest cell; the last column is not padded.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
