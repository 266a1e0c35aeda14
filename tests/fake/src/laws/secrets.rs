//! The law of secrets: none is in an error, in what `Debug` prints, in the journal or in a trace.

use std::io::Write;
use std::sync::{Arc, Mutex};

use provision::state::write_journal;
use tracing_subscriber::fmt::MakeWriter;

use crate::fake::{Fault, FaultKind};
use crate::json::texts;
use crate::scene::{Scene, credential};
use crate::stage::{Phase, Stage, Verdict, verdict};

/// Texts shorter than this are no secrets, and are in everything.
const LENGTH_MIN: usize = 6;

/// Everything that is printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Paper {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Paper {
    fn add(&self, what: &str, text: &str) {
        let mut paper = self.0.lock().unwrap();
        paper.extend_from_slice(format!("{what}: {text}\n").as_bytes());
    }
}

/// The secrets of an example, with what to call them.
fn secrets(stage: &Stage) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    let manifest = &stage.model.manifest;
    for (name, _) in manifest.provider.auth.first().iter().flat_map(|auth| &auth.secrets) {
        secrets.push((format!("the credential `{name}`"), credential(name)));
    }
    for rule in manifest.service.params.iter().filter(|rule| rule.param.sensitive) {
        let value = stage.example().params.get(&*rule.param.name);
        let found = value.map(texts).unwrap_or_default();
        let what = format!("the param `{}`", rule.param.name);
        secrets.extend(found.into_iter().map(|text| (what.clone(), text)));
    }
    let object = stage.model.shown_at_creation("create");
    let scope = stage.model.about(&stage.model.scope(stage.example()), &object);
    for rule in manifest.service.outputs.iter().filter(|rule| rule.sensitive) {
        let value = stage.model.value(&rule.value, &scope);
        let found = value.as_ref().map(texts).unwrap_or_default();
        let what = format!("the output `{}`", rule.key);
        secrets.extend(found.into_iter().map(|text| (what.clone(), text)));
    }
    secrets.retain(|(_, text)| text.len() >= LENGTH_MIN);
    secrets
}

/// No secret is printed anywhere.
pub async fn secrets_are_kept(stage: &Stage) -> Verdict {
    let paper = Paper::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(paper.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let scene = stage.scene().await;
    note(&paper, "life", stage.live(&scene, Phase::Whole, 1).await);
    let scene = stage.scene().await;
    note(&paper, "apply", scene.apply(stage.example()).await.map(drop));
    paper.add("observation", &format!("{:?}", scene.pull().await));
    for (param, _) in stage.visible() {
        let Some((Some(patch), _)) = stage.edit(&param) else { continue };
        if let Some(object) = scene.fake().objects.first_mut() {
            object.patches.push((param, patch));
        }
    }
    paper.add("observation", &format!("{:?}", scene.pull().await));
    papers(&paper, &scene).await;
    for (label, phase) in &stage.labels {
        let scene = stage.scene_of(label).await;
        let (label, kind) = (label.clone(), FaultKind::Echo);
        scene.fake().faults.push(Fault { label, kind, left: 1 });
        note(&paper, "error", stage.live(&scene, *phase, 1).await);
        papers(&paper, &scene).await;
    }
    drop(guard);
    let text = String::from_utf8_lossy(&paper.0.lock().unwrap()).into_owned();
    verdict(leaks(stage, &text))
}

fn note(paper: &Paper, what: &str, ended: Result<(), String>) {
    if let Err(error) = ended {
        paper.add(what, &error);
    }
}

/// The journal, as it is stored and as `Debug` prints it.
async fn papers(paper: &Paper, scene: &Scene) {
    let journal = scene.journal().await;
    let stored = write_journal(&journal).unwrap();
    paper.add("journal", &String::from_utf8_lossy(&stored));
    paper.add("journal", &format!("{journal:?}"));
}

/// The first line in which each secret is.
fn leaks(stage: &Stage, text: &str) -> Vec<String> {
    let mut leaks = Vec::new();
    for (what, secret) in secrets(stage) {
        let Some(line) = text.lines().find(|line| line.contains(&secret)) else { continue };
        let at = line.find(&secret).unwrap_or_default();
        let before: String = line.chars().take(120).collect();
        let around: String = line.get(at.saturating_sub(60)..at).unwrap_or_default().to_owned();
        leaks.push(format!("{what} is in: {before} … {around}"));
    }
    leaks.dedup();
    leaks
}
