//! One manifest under test, and how a law ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brokers::local::Settings;
use brokers::manifest::Manifest;
use provision::broker::{Broker, OnChange};
use provision::observe::LiveState;
use provision::value::Resolved;
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::fake::Patch;
use crate::front::Front;
use crate::json::{merge, same};
use crate::laws::life::lost;
use crate::model::{Model, Wanted};
use crate::scene::{House, Scene, Values, told};

/// How a law that does not simply hold ends.
#[derive(Clone, Debug)]
pub enum Fall {
    /// There is nothing to hold it against.
    Without(String),
    /// What was seen instead.
    Broken(Vec<String>),
}

/// How a law ends.
pub type Verdict = Result<(), Fall>;

/// A law that is broken.
pub fn broken<T>(what: impl Into<String>) -> Result<T, Fall> {
    Err(Fall::Broken(vec![what.into()]))
}

/// A law without an object.
pub fn without<T>(why: impl Into<String>) -> Result<T, Fall> {
    Err(Fall::Without(why.into()))
}

/// What was seen, when it is anything.
pub fn verdict(seen: Vec<String>) -> Verdict {
    if seen.is_empty() { Ok(()) } else { Err(Fall::Broken(seen)) }
}

/// Says in which step something failed.
pub trait During<T> {
    fn during(self, step: &str) -> Result<T, Fall>;
}

impl<T> During<T> for Result<T, String> {
    fn during(self, step: &str) -> Result<T, Fall> {
        self.map_err(|error| Fall::Broken(vec![format!("{step}: {error}")]))
    }
}

/// One manifest under test.
pub struct Stage {
    pub model: Arc<Model>,
    pub root: PathBuf,
    /// The request that makes an object.
    pub creation: Option<String>,
    /// Every kind of request that is sent, and the part of a life that it is sent in.
    pub labels: Vec<(String, Phase)>,
    /// Those of them that a broker sends once and never again.
    once: BTreeSet<String>,
    house: House,
    front: Arc<dyn Front>,
}

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// An instance is asked about, made, looked at and destroyed.
    Whole,
    /// It is made and changed, in the way of this place in [`Stage::changes`].
    Change(usize),
}

impl Stage {
    /// The stage of a manifest, with the folders of its example below `root`.
    pub async fn new(manifest: Manifest, root: &Path, front: Arc<dyn Front>) -> Self {
        let root = root.join(&manifest.service.id);
        for rule in manifest.service.params.iter().filter(|rule| rule.is_folder) {
            if let Some(Value::String(path)) =
                manifest.service.example.params.get(&*rule.param.name)
            {
                let place = root.join(path);
                std::fs::create_dir_all(place.join("css")).unwrap();
                std::fs::write(place.join("index.html"), "<p>Welcome.</p>").unwrap();
                std::fs::write(place.join("css/site.css"), "p {}").unwrap();
            }
        }
        std::fs::create_dir_all(&root).unwrap();
        let settings = Settings { root: root.clone(), allow_outside: false };
        let model = Arc::new(Model::new(manifest, settings, &front.values()));
        let house = House::new((&model, Values::InEnvironment), &root, &front).await;
        let (creation, labels, once) = Default::default();
        let mut stage = Self { model, root, creation, labels, once, house, front };
        stage.rehearse().await;
        stage
    }

    pub fn example(&self) -> &Wanted {
        &self.model.example
    }

    /// A provider and a broker that nothing happened to.
    pub async fn scene(&self) -> Scene {
        self.scene_with(Values::InEnvironment).await
    }

    /// The same where this many values of the provider are known.
    pub async fn scene_with(&self, values: Values) -> Scene {
        House::new((&self.model, values), &self.root, &self.front).await.scene()
    }

    /// A provider that nothing happened to, and a broker that spoke to it before.
    pub fn next_scene(&self) -> Scene {
        self.house.scene()
    }

    /// A scene in which requests of a label are sent.
    pub async fn scene_of(&self, label: &str) -> Scene {
        if self.once.contains(label) { self.scene().await } else { self.next_scene() }
    }

    /// Whole lives, to know which requests there are.
    async fn rehearse(&mut self) {
        let phases = (0..self.changes().len()).map(Phase::Change);
        for phase in std::iter::once(Phase::Whole).chain(phases) {
            let scene = self.next_scene();
            let _ = self.live(&scene, phase, 4).await;
            let fake = scene.fake();
            for entry in &fake.log {
                if !self.labels.iter().any(|(label, _)| *label == entry.label) {
                    self.labels.push((entry.label.clone(), phase));
                }
                if entry.made && self.creation.is_none() {
                    self.creation = Some(entry.label.clone());
                }
            }
        }
        let scene = self.next_scene();
        let _ = self.live(&scene, Phase::Whole, 4).await;
        let again: BTreeSet<String> = scene.since(0).into_iter().map(|entry| entry.label).collect();
        let whole = self.labels.iter().filter(|(_, phase)| *phase == Phase::Whole);
        self.once = whole.map(|(label, _)| label.clone()).filter(|l| !again.contains(l)).collect();
    }

    /// Lives a phase; each run is tried so many times. Answers what was not as it is to be.
    pub async fn live(&self, scene: &Scene, phase: Phase, tries: usize) -> Result<(), String> {
        if phase == Phase::Whole {
            let found = scene.preflight(self.example()).await?;
            if let Some(error) = found.first() {
                return Err(format!("preflight: {}", told(error)));
            }
            let id = &self.model.manifest.service.id;
            let listed =
                Broker::list(scene.broker.as_ref(), id, &[Resolved(self.example().params.clone())])
                    .await;
            listed.map_err(|error| format!("list: {}", told(&error)))?;
        }
        scene.apply_up_to(self.example(), tries).await.map_err(|e| format!("apply: {e}"))?;
        if let Some(lost) = lost(scene).await.first() {
            return Err(lost.clone());
        }
        if let Phase::Change(at) = phase {
            let Some((param, wanted)) = self.changes().into_iter().nth(at) else { return Ok(()) };
            let changed = scene.apply_up_to(&wanted, tries).await;
            return changed.map_err(|error| format!("update of {param}: {error}"));
        }
        for observation in scene.pull().await {
            if let LiveState::Error(error) = observation.state {
                return Err(format!("pull: {error}"));
            }
        }
        let mut last = scene.teardown().await;
        for _ in 1..tries {
            if last.is_err() {
                last = scene.teardown().await;
            }
        }
        last.map_err(|error| format!("teardown: {error}"))
    }

    /// For every param that changes in place, an instance in which it is another.
    pub fn changes(&self) -> Vec<(String, Wanted)> {
        let service = &self.model.manifest.service;
        let mut changes = Vec::new();
        for rule in &service.params {
            let is_updated = rule.param.on_change == OnChange::Update;
            if !is_updated
                || rule.is_folder
                || !self.example().params.contains_key(&*rule.param.name)
            {
                continue;
            }
            let Some((_, value)) = self.edit(&rule.param.name) else { continue };
            let mut wanted = self.example().clone();
            wanted.params.insert(rule.param.name.to_string(), value);
            changes.push((rule.param.name.to_string(), wanted));
        }
        if service.name.on_change == OnChange::Update {
            let name = self.another_text(&self.example().name, service.name.pattern.as_deref());
            changes.extend(name.map(|name| ("name".to_owned(), self.named(&name))));
        }
        changes
    }

    fn named(&self, name: &str) -> Wanted {
        Wanted { name: name.to_owned(), ..self.example().clone() }
    }

    /// An instance that is another in everything that can be seen of it, with what its object has that
    /// no param says.
    pub fn another(&self) -> (Wanted, Vec<(String, Patch)>) {
        let pattern = self.model.manifest.service.name.pattern.as_deref();
        let name = &self.example().name;
        let name = self.another_text(name, pattern).unwrap_or_else(|| name.clone());
        let mut wanted = Wanted { name, reference: "other".to_owned(), ..self.example().clone() };
        let scope = self.model.scope(&wanted);
        let mut patches = Vec::new();
        // It is inside of the same thing, so that one list holds both.
        let list = self.model.manifest.service.verb("list").map(|verb| verb.templates());
        let list = list.unwrap_or_default();
        let places: BTreeSet<String> =
            list.into_iter().flat_map(|template| self.model.params_in(template)).collect();
        for (param, _) in self.visible().into_iter().filter(|(param, _)| !places.contains(param)) {
            match self.edit(&param) {
                Some((Some(Patch::Over(_)), _)) => {
                    let edits = &self.model.manifest.service.example.edits;
                    let over = self.model.tree(&edits.get(&param).cloned(), &scope);
                    patches.push((param, Patch::Over(over)));
                }
                Some((Some(_), value)) => drop(wanted.params.insert(param, value)),
                _ => {}
            }
        }
        (wanted, patches)
    }

    /// How somebody else edits a param, and what it is then.
    pub fn edit(&self, param: &str) -> Option<(Option<Patch>, Value)> {
        let model = &self.model;
        let shown = model.shown(self.example());
        if let Some(tree) = model.manifest.service.example.edits.get(param) {
            let over = model.tree(&Some(tree.clone()), &model.scope(self.example()));
            let mut edited = shown;
            merge(&mut edited, &over);
            let value = model.read(param, self.example(), &edited)?;
            return Some((Some(Patch::Over(over)), value));
        }
        let declared = self.example().params.get(param)?;
        let value = self.another_value(param, declared)?;
        let place = model.place_of(param);
        Some((place.map(|place| Patch::Set(place, value.clone())), value))
    }

    /// Another value of the same type that the service takes.
    fn another_value(&self, param: &str, value: &Value) -> Option<Value> {
        let rule = self.model.manifest.service.param(param)?;
        if let Some(other) = rule.param.allowed.iter().find(|allowed| *allowed != value) {
            return Some(other.clone());
        }
        let (least, most) = rule.param.bounds.unwrap_or((i64::MIN, i64::MAX));
        match value {
            Value::Bool(value) => Some(json!(!value)),
            Value::Number(number) => match number.as_i64() {
                Some(number) if number < most => Some(json!(number + 1)),
                Some(number) if number > least => Some(json!(number - 1)),
                Some(_) => None,
                None => Some(json!(number.as_f64()? * 2.0)),
            },
            Value::String(text) => {
                self.another_text(text, rule.param.pattern.as_deref()).map(Value::from)
            }
            Value::Array(items) => {
                let mut items = items.clone();
                let more = match items.last() {
                    Some(Value::String(text)) => json!(format!("{text}2")),
                    Some(Value::Number(number)) => json!(number.as_i64()? + 1),
                    Some(Value::Object(table)) => {
                        let mut table = table.clone();
                        // The last text is hardly a kind, of which there are only so many.
                        let mut values = table.values_mut().rev();
                        if let Some(Value::String(text)) = values.find(|value| value.is_string()) {
                            text.push('2');
                        }
                        Value::Object(table)
                    }
                    _ => json!("another"),
                };
                items.push(more);
                Some(Value::Array(items))
            }
            Value::Object(table) => {
                let mut table = table.clone();
                match table.values_mut().find_map(|value| match value {
                    Value::String(text) => Some(text),
                    _ => None,
                }) {
                    Some(text) => text.push('2'),
                    None => drop(table.insert("another".to_owned(), json!("one"))),
                }
                Some(Value::Object(table))
            }
            Value::Null => None,
        }
    }

    fn another_text(&self, text: &str, pattern: Option<&str>) -> Option<String> {
        let mut candidates = vec![format!("{text}2"), format!("x{text}"), format!("{text}b")];
        for (from, to) in [('0', '1'), ('1', '2'), ('2', '3'), ('7', '8'), ('a', 'b'), ('e', 'o')] {
            candidates.push(text.replacen(from, &to.to_string(), 1));
        }
        candidates.into_iter().find(|other| other != text && fits(pattern, other))
    }

    /// Every declared param that can be seen, with its value.
    pub fn visible(&self) -> Vec<(String, Value)> {
        let rules = self.model.manifest.service.params.iter().filter(|rule| rule.read.is_some());
        let declared = |rule: &brokers::manifest::ParamRule| {
            let name = rule.param.name.to_string();
            let value = self.example().params.get(&name)?.clone();
            Some((name, value))
        };
        rules.filter_map(declared).collect()
    }
}

fn fits(pattern: Option<&str>, text: &str) -> bool {
    pattern.is_none_or(|pattern| Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text))
}

/// Whether two values are the same.
pub fn alike(one: &Value, other: &Value) -> bool {
    same(one, other, false)
}
