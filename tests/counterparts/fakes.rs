//! Our own providers, which the laws are held against, judged by Prism with the real providers'
//! descriptions: every request and every answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use brokers::manifest::Manifest;
use prov_fake::front::Front;
use prov_fake::laws::law;
use prov_fake::stage::{Fall, Stage};

use crate::between::Passed;
use crate::front::Judged;
use crate::judge::breaches;
use crate::prism::{parts, providers, reason};
use crate::{say, unproven};

/// The laws of lives without faults: what a fault breaks is no word of the description.
const LAWS: [u8; 5] = [1, 2, 4, 5, 11];

/// What a description says otherwise than its provider answers: service, a word of the breach, reason.
const ANSWERS: [(&str, &str, &str); 0] = [];

/// What was seen of one service.
struct Row {
    requests: usize,
    /// Excused breaches, by reason.
    excepted: BTreeMap<String, usize>,
    breaches: BTreeMap<String, usize>,
    laws: Vec<String>,
}

#[test]
fn what_the_laws_are_held_against_speaks_as_its_provider() {
    let proof = "that the fakes answer as the providers' descriptions say";
    let Some((counterparts, mut descriptions)) = parts(proof) else { return };
    let only = std::env::var("LAWS").unwrap_or_default();
    let mut failures = Vec::new();
    for (provider, manifests) in providers() {
        let manifests: Vec<Manifest> = manifests
            .into_iter()
            .filter(|m| only.split(',').any(|id| m.service.id.starts_with(id)))
            .collect();
        if manifests.is_empty() || descriptions.cut(&provider).is_none() {
            continue;
        }
        let judged = match Judged::start(&counterparts, &mut descriptions, &provider) {
            Ok(judged) => Arc::new(judged),
            Err(why) => return unproven(proof, &why),
        };
        for manifest in manifests {
            let id = manifest.service.id.clone();
            let row = hold(manifest, &judged);
            row.print(&id);
            failures.extend(row.failures(&id));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn hold(manifest: Manifest, judged: &Arc<Judged>) -> Row {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let front = Arc::clone(judged) as Arc<dyn Front>;
    let mut laws = Vec::new();
    runtime.block_on(async {
        let stage = Stage::new(manifest.clone(), &root, front).await;
        for number in LAWS {
            if let Err(Fall::Broken(seen)) = law(number, &stage).await {
                laws.extend(seen.into_iter().map(|seen| format!("law {number}: {seen}")));
            }
        }
    });
    let mut row = Row { requests: 0, excepted: BTreeMap::new(), breaches: BTreeMap::new(), laws };
    for passed in judged.take() {
        row.judge(&manifest, &passed);
    }
    row
}

impl Row {
    fn judge(&mut self, manifest: &Manifest, passed: &Passed) {
        self.requests += 1;
        let header = passed.answer.header("sl-violations").unwrap_or("[]");
        let listed = serde_json::from_str(header).map(|list| breaches(&list));
        let mut listed = listed.unwrap_or_else(|_| vec![header.chars().take(500).collect()]);
        if passed.answer.text().contains("stoplight.io/prism/errors") {
            listed.push(passed.answer.text());
        }
        for breach in listed {
            let excuse = ANSWERS.iter().find(|(service, word, _)| {
                *service == manifest.service.id && breach.contains(word)
            });
            let excuse = excuse.map(|(.., reason)| (*reason).to_owned());
            match excuse.or_else(|| reason(manifest, "", &breach)) {
                Some(reason) => *self.excepted.entry(reason).or_default() += 1,
                None => {
                    let line =
                        format!("{} {}: {breach}", passed.request.method(), passed.request.path());
                    *self.breaches.entry(line).or_default() += 1;
                }
            }
        }
    }

    fn print(&self, id: &str) {
        let (excepted, breaches) = (self.excepted.len(), self.breaches.len());
        let requests = self.requests;
        say(&format!(
            "{id:28} {requests:4} requests and answers, excepted {excepted}, breaches {breaches}"
        ));
        for (reason, count) in &self.excepted {
            say(&format!("    excepted {count} times: {reason}"));
        }
        for (breach, count) in &self.breaches {
            say(&format!("    BREACH {count} times: {breach}"));
        }
        for law in &self.laws {
            say(&format!("    {law}"));
        }
    }

    fn failures(&self, id: &str) -> Vec<String> {
        let all = self.breaches.keys().chain(&self.laws);
        all.map(|what| format!("{id}: {what}")).collect()
    }
}
