//! The first draft of a service's file.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::field::{Field, Fields};
use super::object::{Object, singular};
use super::paging::Choice;
use super::plan::{Line, Plan};
use super::provider::words;
use super::sample::kind;
use super::secret::Secrecy;
use super::toml::{article, is_name, key, snake, table, text, value};
use crate::openapi::operation::Operation;

/// Words of a state in which a thing is ready, the likeliest first.
const READY: [&str; 9] =
    ["active", "running", "ready", "online", "available", "healthy", "succeeded", "live", "ok"];

/// What the file says, as it is put together.
pub(super) struct Page<'p, 'a> {
    pub(super) plan: &'p Plan<'a>,
    pub(super) object: &'p Object<'a>,
    pub(super) fields: &'p Fields<'a>,
    pub(super) left_out: &'p BTreeSet<String>,
    paging: Option<&'p Choice>,
    text: String,
}

impl<'p, 'a> Page<'p, 'a> {
    pub(super) fn new(
        plan: &'p Plan<'a>,
        object: &'p Object<'a>,
        fields: &'p Fields<'a>,
        left_out: &'p BTreeSet<String>,
    ) -> Self {
        Self { plan, object, fields, left_out, paging: None, text: String::new() }
    }

    /// The same, with what it says about how its list goes on.
    pub(super) fn paged(self, paging: &'p Choice) -> Self {
        Self { paging: Some(paging), ..self }
    }

    /// The text of the file.
    pub(super) fn write(mut self) -> String {
        self.head();
        self.name();
        self.params();
        self.create();
        self.rest();
        self.outputs();
        self.example();
        self.text
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} = {value}"));
    }

    fn head(&mut self) {
        let thing = singular(self.plan.thing());
        self.line("# A draft; lines with CHECK ask for a person.");
        let thing_words = words(&snake(&thing));
        let article = article(&thing_words);
        self.set("description", &text(&format!("{article} {thing_words}.")));
        self.line("# CHECK: database, storage and domain hold data and are protected.");
        self.set("kind", &text(kind_of(&thing)));
        if !self.plan.has_parts() {
            self.unsure();
            self.set("id", &text(&format!("{{{{ object.{} }}}}", self.object.id)));
        }
    }

    /// Asks for a look at the id where its name does not tell.
    fn unsure(&mut self) {
        if !self.object.is_sure {
            let (own, id) = (&self.plan.own, &self.object.id);
            self.line(&format!("# CHECK: that `{id}` is what the path's `{{{own}}}` asks for."));
        }
    }

    /// The id, where it has several parts; a table, so it comes behind what is none.
    fn id(&mut self) {
        let own = self.plan.own_part();
        let parents: Vec<String> = self.plan.parents().map(str::to_owned).collect();
        let outer = self.object.outer.iter().map(|(key, ..)| key);
        let all = parents.iter().chain(outer);
        let format: String = all.map(|parent| format!("{{{parent}}}:")).collect();
        self.line("\n[id]");
        self.set("format", &text(&format!("{format}{{{own}}}")));
        for parent in &parents {
            self.set(parent, &text(&format!("{{{{ params.{parent} }}}}")));
        }
        for (key, way, is_sure) in &self.object.outer {
            let way = way.join(".");
            if !is_sure {
                self.line(&format!(
                    "# CHECK: that `{way}` is what the path's `{{{key}}}` asks for."
                ));
            }
            self.set(key, &text(&format!("{{{{ object.{way} }}}}")));
        }
        self.unsure();
        self.set(&own, &text(&format!("{{{{ object.{} }}}}", self.object.id)));
    }

    fn name(&mut self) {
        if self.plan.has_parts() {
            self.id();
        }
        self.line("\n[name]");
        let Some(field) = &self.fields.name else {
            self.set("description", &text("A label of yours; the provider does not see it."));
            self.set("on_change", &text("ignore"));
            return;
        };
        self.set("description", &text(&field.description()));
        self.limits(field);
        self.line("# CHECK: `unique = true` where the provider allows one object of a name only.");
        if field.updates {
            self.set("on_change", &text("update"));
        }
        if field.shown && !self.left_out.contains("name.read") {
            self.set("read", &text(&format!("{{{{ object.{} }}}}", field.name)));
        }
    }

    fn limits(&mut self, field: &Field<'a>) {
        if let Some(pattern) = &field.pattern {
            self.set("pattern", &text(pattern));
        }
        for (name, bound) in [("min", field.bounds.0), ("max", field.bounds.1)] {
            if let Some(bound) = bound {
                self.set(name, &bound.to_string());
            }
        }
    }

    fn params(&mut self) {
        for anchor in self.plan.anchors.iter().filter(|anchor| !anchor.is_provider) {
            self.line(&format!("\n[params.{}]", key(&anchor.key)));
            let kind = kind(&anchor.schema);
            let is_other = ["integer", "number", "boolean"].contains(&kind);
            self.set("type", &text(if is_other { kind } else { "string" }));
            let description = format!("The {} it belongs to.", words(&anchor.key));
            self.set("description", &text(&description));
            self.set("required", "true");
            self.set("on_change", &text("replace"));
        }
        for field in &self.fields.params {
            if !self.is_anchor(field) {
                self.param(field);
            }
        }
    }

    pub(super) fn is_anchor(&self, field: &Field<'_>) -> bool {
        self.plan.anchors.iter().any(|anchor| anchor.key == field.key)
    }

    fn param(&mut self, field: &Field<'a>) {
        self.line("");
        if field.secrecy == Secrecy::Perhaps {
            self.line("# CHECK: `sensitive = true` where it holds a secret.");
        }
        self.line(&format!("[params.{}]", key(&field.key)));
        self.set("type", &text(field.kind));
        self.set("description", &text(&field.description()));
        if field.required {
            self.set("required", "true");
        }
        if let Some(values) = value(&json!(field.values)).filter(|_| !field.values.is_empty()) {
            self.set("enum", &values);
        }
        self.limits(field);
        if field.secrecy == Secrecy::Secret {
            self.set("sensitive", "true");
        }
        if self.fields.update.is_some() && !field.updates {
            self.set("on_change", &text("replace"));
        }
        if field.shown && !self.left_out.contains(&format!("params.{}.read", field.key)) {
            self.set("read", &text(&format!("{{{{ object.{} }}}}", field.name)));
        }
    }

    fn create(&mut self) {
        if self.fields.has_others {
            self.line(
                "\n# CHECK: the description knows other bodies too; this is the first of them.",
            );
            self.text.push_str("[create]\n");
        } else {
            self.line("\n[create]");
        }
        self.request(&self.plan.line(&self.plan.create));
        self.set("object", &text(&self.object.created));
        let fields = self.fields;
        if fields.name.is_none() && fields.params.is_empty() {
            self.empty_body(&self.plan.create);
        }
        self.body("create", fields.place, fields.name.iter().chain(&fields.params));
    }

    fn body<'f>(&mut self, verb: &str, place: &str, fields: impl Iterator<Item = &'f Field<'a>>)
    where
        'a: 'f,
    {
        let mut fields = fields.peekable();
        if fields.peek().is_some() {
            self.line(&format!("\n[{verb}.{place}]"));
        }
        for field in fields {
            let is_name = self.fields.name.as_ref().is_some_and(|name| name.name == field.name);
            let anchor = self.plan.anchors.iter().find(|anchor| anchor.key == field.key);
            let from = match anchor {
                _ if is_name => "name".to_owned(),
                Some(anchor) if anchor.is_provider => format!("provider.{}", anchor.key),
                _ => format!("params.{}", field.key),
            };
            self.set(&key(field.name), &text(&format!("{{{{ {from} }}}}")));
        }
    }

    /// A body with nothing in it, where there has to be one.
    fn empty_body(&mut self, operation: &Operation<'a>) {
        if operation.body().is_some_and(|body| body.required) {
            let place = operation.fields().map_or("body", |(place, _)| place);
            self.set(place, "{}");
        }
    }

    fn request(&mut self, line: &Line) {
        self.set("request", &text(&line.request));
        for (name, pairs) in [("query", &line.query), ("headers", &line.headers)] {
            let map = pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            if !pairs.is_empty() {
                self.set(name, &table(&map));
            }
        }
    }

    fn rest(&mut self) {
        self.line("\n[read]");
        self.request(&self.plan.line(&self.plan.read));
        self.set("object", &text(&self.object.read));
        self.wait();
        self.lists();
        if let Some((update, place)) = self.plan.update.zip(self.fields.update) {
            self.line("\n[update]");
            self.request(&self.plan.line(&update));
            let fields = self.fields;
            let all = fields.name.iter().chain(&fields.params);
            self.body("update", place, all.filter(|field| field.updates));
        }
        self.line("\n[delete]");
        self.request(&self.plan.line(&self.plan.delete));
        self.empty_body(&self.plan.delete);
    }

    /// The field that tells a state, with the value that means ready.
    pub(super) fn state(&self) -> Option<(&'static str, String)> {
        let states = ["status", "state"].into_iter();
        // What a param sets is what somebody wants, and says nothing about being ready.
        states.filter(|name| !self.is_param(name)).find_map(|name| {
            let schema = self.object.field(name)?;
            let shapes = schema.shapes();
            let values: Vec<&str> = shapes
                .iter()
                .flat_map(|shape| shape.values().unwrap_or_default())
                .filter_map(Value::as_str)
                .collect();
            let ready = READY
                .iter()
                .find_map(|word| values.iter().find(|value| value.eq_ignore_ascii_case(word)));
            ready.map(|ready| (name, (*ready).to_owned()))
        })
    }

    fn wait(&mut self) {
        let Some((name, ready)) = self.state() else { return };
        self.line("\n# CHECK: when it is ready, and when it never will be (`failed`).");
        self.line("[wait]");
        self.set("ready", &text(&format!("{{{{ object.{name} == '{ready}' }}}}")));
    }

    fn lists(&mut self) {
        let Some((list, items)) = self.plan.list.zip(self.object.listed.clone()) else { return };
        let line = self.plan.line(&list);
        let name = self.fields.name.as_ref().map(|field| field.name);
        if let Some(name) = name.filter(|name| is_name(name) && self.object.lists(name)) {
            self.line("\n# CHECK: names have to tell objects apart; else a marker has to.");
            self.line("[find]");
            self.set("by", &text("name"));
            self.request(&line);
            self.set("items", &text(&items));
            self.paging();
            self.set("match", &text(&format!("{{{{ object.{name} == name }}}}")));
        }
        self.line("");
        for advice in self.paging.into_iter().flat_map(|paging| &paging.advice) {
            self.line(advice);
        }
        self.line("[list]");
        self.request(&line);
        self.set("items", &text(&items));
        self.paging();
    }

    fn paging(&mut self) {
        if let Some(name) = self.paging.and_then(|paging| paging.name.as_ref()) {
            self.set("paging", &text(name));
        }
    }
}

/// What a thing is called in the universal tables.
fn kind_of(thing: &str) -> &'static str {
    const KINDS: [(&str, &str); 10] = [
        ("database", "database"),
        ("domain", "domain"),
        ("zone", "domain"),
        ("bucket", "storage"),
        ("volume", "storage"),
        ("server", "server"),
        ("instance", "server"),
        ("droplet", "server"),
        ("app", "web_service"),
        ("site", "web_service"),
    ];
    let found = KINDS.iter().find(|(word, _)| thing.contains(word));
    found.map_or("resource", |(_, kind)| kind)
}
