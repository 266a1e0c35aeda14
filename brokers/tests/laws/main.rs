//! Laws that every built-in manifest keeps, each held against a provider that is made of the manifest
//! itself: a new manifest is covered without a new line here.
//!
//! `LAWS=cloudflare-d1` looks at one service, `-- --nocapture` shows the table.
#![cfg(test)]

mod bite;
mod orphans;
mod rates;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use brokers::manifest::{Manifest, load};
use provision::diagnostic::{Diagnostics, Sources};

use prov_fake::front::Direct;
use prov_fake::laws::{LAWS, law, life};
use prov_fake::stage::{Fall, Stage, Verdict};

/// A law's number, what it says, and how it ended.
type Held = (u8, &'static str, Verdict);

/// The end of every law for one service.
struct Row {
    service: String,
    lines: usize,
    held: Vec<Held>,
}

fn manifests() -> Vec<Manifest> {
    let mut problems = Diagnostics::default();
    let files = brokers::catalog::built_in();
    let mut manifests = load(files, &mut Sources::default(), &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    if let Ok(only) = std::env::var("LAWS") {
        manifests.retain(|manifest| only.split(',').any(|id| manifest.service.id.starts_with(id)));
    }
    manifests
}

async fn hold(manifest: Manifest, root: &Path) -> Row {
    let (service, lines) = (manifest.service.id.clone(), manifest.file.text.lines().count());
    let stage = Stage::new(manifest, root, Arc::new(Direct)).await;
    let mut held = Vec::new();
    for (number, says) in LAWS {
        held.push((number, says, law(number, &stage).await));
    }
    Row { service, lines, held }
}

/// Holds all manifests, two at a time.
fn hold_all(root: &Path) -> Vec<Row> {
    let manifests = manifests();
    let next = AtomicUsize::new(0);
    let rows: Mutex<BTreeMap<usize, Row>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.unwrap();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(manifest) = manifests.get(at) else { return };
                    let row = runtime.block_on(hold(manifest.clone(), root));
                    rows.lock().unwrap().insert(at, row);
                }
            });
        }
    });
    rows.into_inner().unwrap().into_values().collect()
}

fn show(rows: &[Row]) {
    println!("{:<28} {:>5}  laws", "service", "lines");
    for row in rows {
        let marks: Vec<String> = row
            .held
            .iter()
            .map(|(number, _, verdict)| format!("{number}{}", life::mark(verdict)))
            .collect();
        println!("{:<28} {:>5}  {}", row.service, row.lines, marks.join(" "));
    }
    let mut reasons: BTreeMap<(u8, &str, &str), Vec<&str>> = BTreeMap::new();
    for row in rows {
        for (number, law, verdict) in &row.held {
            if let Err(Fall::Without(why)) = verdict {
                reasons.entry((*number, law, why)).or_default().push(&row.service);
            }
        }
    }
    println!("\nnot applicable");
    for ((number, law, why), services) in reasons {
        println!("{number} {law}: {why}: {}", services.join(", "));
    }
}

#[test]
fn every_manifest_keeps_every_law() {
    let root = tempfile::tempdir().unwrap();
    let rows = hold_all(root.path());
    show(&rows);
    let mut breaches = Vec::new();
    for row in &rows {
        for (number, law, verdict) in &row.held {
            if let Err(Fall::Broken(seen)) = verdict {
                let seen = seen.iter().map(|s| format!("{}: {number} {law}: {s}", row.service));
                breaches.extend(seen);
            }
        }
    }
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}
