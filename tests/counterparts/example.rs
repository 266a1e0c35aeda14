//! Answers as a manifest's `[example]` has them, so that each verb meets the object that it is about.

use brokers::local::Settings;
use brokers::manifest::{Language, Manifest, Part, Request, Scope, Template, Tree};
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::between::Passed;
use crate::judge::{Verdict, verdict};
use crate::wire::Message;

/// An instance of a service as its provider would show it.
pub struct Imitation {
    manifest: Manifest,
    language: Language,
    scope: Scope,
    /// The object.
    pub object: Value,
    /// Whether what is looked for is not there yet.
    absent: bool,
}

impl Imitation {
    /// The example itself.
    pub fn new(manifest: &Manifest, settings: &Settings, names: &Map<String, Value>) -> Self {
        let language = Language::new(settings.clone());
        let mut scope = Scope::default();
        for (name, value) in names {
            scope.set(name, value);
        }
        let example = &manifest.service.example;
        let object = example.object.as_ref().and_then(|tree| tree.value(&language, &scope).ok());
        let object = object.flatten().unwrap_or_default();
        Self { manifest: manifest.clone(), language, scope, object, absent: false }
    }

    /// The time before it was made.
    pub fn before_it_was(self) -> Self {
        Self { absent: true, ..self }
    }

    fn tree(&self, tree: &Tree) -> Value {
        tree.value(&self.language, &self.scope).ok().flatten().unwrap_or_default()
    }

    /// The object, edited by somebody.
    pub fn edit(&mut self, edit: &Value) {
        merge(&mut self.object, edit);
    }

    /// What somebody may have edited so that the param differs, if that can be seen.
    pub fn edit_of(&self, param: &str) -> Option<Value> {
        if let Some(tree) = self.manifest.service.example.edits.get(param) {
            return Some(self.tree(tree));
        }
        let path = self.manifest.service.param(param)?.read.as_ref()?.path()?;
        let keys: Vec<&str> = path.strip_prefix("object.")?.split('.').collect();
        let now = keys.iter().try_fold(&self.object, |value, key| value.get(key))?;
        let other = other_than(now);
        Some(keys.iter().rev().fold(other, |value, key| json!({ *key: value })))
    }

    /// What prov is told.
    pub fn answer(&self, before: &[Passed], passed: &Passed) -> Message {
        let (method, path) = (passed.request.method(), passed.request.path());
        let is_judged_well = verdict(&passed.answer) == Verdict::Accepted;
        let status = if is_judged_well { passed.answer.status() } else { 200 };
        let shown = if is_judged_well { passed.answer.json() } else { Value::Null };
        let example = &self.manifest.service.example;
        let fits = |answer: &&brokers::manifest::Answer| {
            let pattern = answer.request.replace('*', "\u{1}");
            let pattern = escape(&pattern).replace('\u{1}', "[^/]+");
            is_match(&pattern, &format!("{method} {path}"))
        };
        let is_next = before.iter().any(|one| {
            let (this, that) = (&passed.request, &one.request);
            let is_same = this.method() == that.method() && this.path() == that.path();
            one.verb == passed.verb && is_same && this.target() != that.target()
        });
        let Some(request) = self.described(&passed.verb, &passed.request) else {
            let told = example.answers.iter().find(fits);
            return match told {
                Some(told) => Message::answer(told.status, &self.tree(&told.response)),
                None => Message::answer(status, &shown),
            };
        };
        let is_absent = self.is_absent(before, passed);
        if let Some(told) = example.answers.iter().find(fits).filter(|_| !is_absent) {
            return Message::answer(told.status, &self.tree(&told.response));
        }
        if let Some(items) = &request.items {
            let is_last = is_next || is_absent;
            let items_now = if is_last { json!([]) } else { json!([self.object]) };
            let shown = if is_last || shown.is_null() { calm(shown) } else { shown };
            let path = path_of(items);
            let body = match items.single().is_some_and(|text| text.starts_with('[')) {
                true if is_absent => json!({ "success": true, "result": [] }),
                true => overlaid(shown, &path, items_now[0].clone()),
                false => overlaid(shown, &path, items_now),
            };
            return Message::answer(status, &body);
        }
        if is_absent {
            // Cloudflare's way to say that there are no rules yet; nobody else looks at it.
            return Message::answer(404, &json!({ "errors": [{ "code": 10003 }] }));
        }
        if method == "DELETE" {
            return Message::answer(status, &shown);
        }
        Message::answer(status, &self.shown(&passed.verb, request, shown))
    }

    /// Whether a request of `find` comes before the creation it is to clear the way for.
    fn is_absent(&self, before: &[Passed], passed: &Passed) -> bool {
        let mut before = before.iter().filter(|one| one.verb == passed.verb);
        let is_over = before.any(|one| one.request.method() != "GET");
        let find = self.manifest.service.verb("find").map(|verb| verb.requests());
        let last = find.unwrap_or_default().pop().filter(|one| is_sent(one, &passed.request));
        // The path of something else may look like that of an object: `secrets/public-key`.
        let verbs = self.manifest.service.verbs.values();
        let fits = verbs.flat_map(|verb| verb.requests()).filter(|r| is_sent(r, &passed.request));
        let is_find = last.is_some_and(|last| fits.map(holes).min() == Some(holes(last)));
        self.absent && is_find && !is_over && passed.request.method() == "GET"
    }

    /// The object inside of an answer of the published shape, whose lists of other things are empty.
    fn shown(&self, verb: &str, request: &Request, mut shown: Value) -> Value {
        empty(&mut shown);
        let mut object = self.object.clone();
        if let Some(created) = &self.manifest.service.example.created
            && matches!(verb, "create" | "update")
        {
            merge(&mut object, &self.tree(created));
        }
        for (_, saved) in &request.save {
            let path = path_of(saved);
            let is_whole = saved.path().is_some() && path.len() == 1;
            if is_whole && path.iter().all(|key| shown.get(key).is_some_and(Value::is_object)) {
                shown = overlaid(shown, &path, object.clone());
            }
        }
        let said = self.manifest.service.verbs.values().flat_map(|verb| verb.requests());
        let is_silent = said.filter(|one| one.span == request.span).all(|r| r.object.is_none());
        match &request.object {
            Some(template) if let Some((path, key)) = picked(template) => {
                let shown = overlaid(shown, &path, json!([object[key]]));
                let others = taken(template).into_iter();
                others.fold(shown, |shown, (path, key)| overlaid(shown, &path, object[key].clone()))
            }
            Some(template) => overlaid(shown, &path_of(template), object),
            None if is_silent && request.save.is_empty() => overlaid(shown, &[], object),
            None => shown,
        }
    }

    /// The request of the manifest that this one is, of the verb before others.
    fn described(&self, verb: &str, message: &Message) -> Option<&Request> {
        let order = match verb {
            "create" if message.method() == "GET" => ["find", "create", "read"],
            "delete" if message.method() == "GET" => ["read", "delete", "configure"],
            _ => [verb, "read", "configure"],
        };
        let mut others = self.manifest.service.verbs.keys();
        let first = order.iter().find_map(|verb| self.sent_by(verb, message));
        first.or_else(|| others.find_map(|verb| self.sent_by(verb, message)))
    }

    fn sent_by(&self, verb: &str, message: &Message) -> Option<&Request> {
        let verb = self.manifest.service.verb(verb)?;
        verb.requests().into_iter().find(|request| is_sent(request, message))
    }
}

/// Whether `message` is what the manifest's request sends.
pub fn is_sent(request: &Request, message: &Message) -> bool {
    request.method == message.method() && is_match(&pattern(&request.path), message.path())
}

/// How many expressions stand in the path.
fn holes(request: &Request) -> usize {
    let is_hole = |part: &&Part| matches!(part, Part::Expression { .. });
    request.path.parts().iter().filter(is_hole).count()
}

fn pattern(path: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => escape(text),
        Part::Expression { text, .. } if text.contains("segments") => ".+".into(),
        Part::Expression { .. } => "[^/]+".to_owned(),
    };
    path.parts().iter().map(part).collect()
}

fn is_match(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

fn escape(text: &str) -> String {
    regex_lite::escape(text)
}

/// Where an expression picks one of a list, and the key it puts that under.
fn picked(template: &Template) -> Option<(Vec<String>, String)> {
    let regex = Regex::new(r"'(\w+)': response((?:\.\w+)+) \| selectattr").ok()?;
    let found = regex.captures(template.single()?)?;
    Some((path_of(&Template::expression(&found[0])), found[1].to_owned()))
}

/// What an expression takes from the answer as it is, and the keys it puts that under.
fn taken(template: &Template) -> Vec<(Vec<String>, String)> {
    let Ok(regex) = Regex::new(r"'(\w+)': response((?:\.\w+)+)[,}]") else { return Vec::new() };
    let path = |text: &str| text.split('.').skip(1).map(str::to_owned).collect();
    let text = template.single().unwrap_or_default();
    regex.captures_iter(text).map(|found| (path(&found[2]), found[1].to_owned())).collect()
}

/// Where in the answer an expression begins to look.
fn path_of(template: &Template) -> Vec<String> {
    let text = template.single().unwrap_or_default();
    let Ok(regex) = Regex::new(r"\bresponse((?:\.\w+|\[0\])*)") else { return Vec::new() };
    let path = regex.captures(text).map(|found| found[1].replace("[0]", ".0")).unwrap_or_default();
    path.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect()
}

/// `base` with `value` at the path.
fn overlaid(mut base: Value, path: &[String], value: Value) -> Value {
    let Some((key, rest)) = path.split_first() else { return value };
    if key == "0" {
        return json!([overlaid(
            base.get_mut(0).map(Value::take).unwrap_or_default(),
            rest,
            value
        )]);
    }
    let mut map = match base {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let below = map.remove(key).unwrap_or_default();
    map.insert(key.clone(), overlaid(below, rest, value));
    Value::Object(map)
}

/// An answer whose list has no page behind it.
fn calm(answer: Value) -> Value {
    fn quiet(key: &str, value: &mut Value) {
        let is_next = ["next", "cursor"].iter().any(|word| key.contains(word));
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(key, value)| quiet(key, value)),
            _ if is_next => *value = Value::Null,
            Value::Number(_) => *value = json!(0),
            Value::String(_) => *value = json!(""),
            Value::Bool(_) => *value = json!(false),
            _ => {}
        }
    }
    // What a description that knows the path not leaves unsaid.
    let links =
        json!({ "total": 0, "links": { "next": null }, "pagination": { "next_page": null } });
    let mut whole = json!({ "meta": links, "pagination": { "next": null }, "has_more": false });
    match &answer {
        Value::Object(_) => merge(&mut whole, &answer),
        Value::Null => {}
        _ => return answer,
    }
    for key in ["meta", "result_info", "pagination", "links", "has_more"] {
        whole.get_mut(key).into_iter().for_each(|value| quiet(key, value));
    }
    whole
}

fn empty(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(empty),
        Value::Array(items) => items.clear(),
        _ => {}
    }
}

/// Puts `edit` over `value`.
pub fn merge(value: &mut Value, edit: &Value) {
    match (value, edit) {
        (Value::Object(map), Value::Object(edit)) => {
            for (key, edit) in edit {
                merge(map.entry(key.clone()).or_insert(Value::Null), edit);
            }
        }
        (value, edit) => *value = edit.clone(),
    }
}

/// Another value of the same type.
pub fn other_than(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(number) => json!(number.as_i64().unwrap_or(1) + 1),
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(_) => json!([]),
        _ => Value::Null,
    }
}
