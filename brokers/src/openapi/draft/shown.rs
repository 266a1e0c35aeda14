//! What a service shows, in the first draft of its file: outputs and the example.

use serde_json::{Map, Value, json};

use super::provider::words;
use super::sample::{kind, sample};
use super::secret::{Secrecy, secrecy};
use super::service::Page;
use super::toml::{is_name, key, snake, text, value};
use crate::openapi::schema::Schema;

/// So many outputs are drafted.
const MOST_OUTPUTS: usize = 12;

/// What an output may be: what another instance may take, whole.
const OF_OUTPUTS: [&str; 5] = ["string", "integer", "number", "boolean", "texts"];

/// Fields that say something about an answer and nothing about what was made.
const OF_ANSWERS: [&str; 6] = ["message", "status", "state", "warning", "request_id", "object"];

impl<'a> Page<'_, 'a> {
    /// The fields of the object that are outputs.
    fn shown(&self) -> Vec<(&'a str, Schema<'a>)> {
        let mut shown: Vec<(&str, Schema<'a>)> = Vec::new();
        for name in self.object.names() {
            let Some(schema) = self.object.field(name).filter(|_| is_name(name)) else { continue };
            let is_shown = OF_OUTPUTS.contains(&kind(&schema));
            let is_out = self.left_out.contains(&format!("outputs.{name}"));
            let is_known = self.is_param(name) || name == self.object.id;
            if is_shown && !is_out && !is_known && !schema.says("writeOnly") {
                shown.push((name, schema));
            }
        }
        shown.truncate(MOST_OUTPUTS);
        shown
    }

    /// The texts that only the answer to create has.
    fn shown_once(&self) -> Vec<(&'a str, Schema<'a>)> {
        let is_param = |name: &str| self.is_param(name) || name == self.object.id;
        let is_meant = |(name, schema): &(&'a str, Schema<'a>)| {
            is_name(name)
                && kind(schema) == "string"
                && !["date", "date-time"].contains(&schema.text("format").unwrap_or_default())
                && !OF_ANSWERS.contains(&snake(name).as_str())
                && !is_param(name)
                && !self.left_out.contains(&format!("outputs.{name}"))
        };
        self.object.only_made().into_iter().filter(is_meant).collect()
    }

    pub(super) fn outputs(&mut self) {
        let id = snake(&self.object.id);
        self.line(&format!("\n[outputs.{id}]"));
        self.set("description", &text("Its id."));
        let own = self.object.field(&self.object.id);
        self.set("type", &text(own.as_ref().map_or("string", kind)));
        self.set("value", &text(&format!("{{{{ object.{} }}}}", self.object.id)));
        for (name, schema) in self.shown().into_iter().filter(|(name, _)| snake(name) != id) {
            self.line("");
            let secrecy = secrecy(name, &schema, self.object.thing);
            if secrecy == Secrecy::Perhaps {
                self.line("# CHECK: `sensitive = true` where it holds a secret.");
            }
            self.output(name, &schema);
            if secrecy == Secrecy::Secret {
                self.set("sensitive", "true");
            }
        }
        for (name, schema) in self.shown_once() {
            self.line("");
            if secrecy(name, &schema, self.object.thing) != Secrecy::Secret {
                self.line("# CHECK: only the answer to create has it; it is kept as a secret.");
            }
            self.output(name, &schema);
            self.set("sensitive", "true");
            self.set("once", "true");
        }
    }

    fn output(&mut self, name: &str, schema: &Schema<'a>) {
        self.line(&format!("[outputs.{}]", key(name)));
        let said = schema.text("description").and_then(super::toml::sentence);
        let said = said.unwrap_or_else(|| format!("Its {}.", words(&snake(name))));
        self.set("description", &text(&said));
        self.set("type", &text(kind(schema)));
        self.set("value", &text(&format!("{{{{ object.{name} }}}}")));
    }

    pub(super) fn is_param(&self, name: &str) -> bool {
        self.fields.params.iter().chain(&self.fields.name).any(|field| field.name == name)
    }

    pub(super) fn example(&mut self) {
        let name = self.fields.name.as_ref().and_then(|field| field.example.clone());
        let name = name.unwrap_or_else(|| json!("example"));
        let mut params = Map::new();
        for anchor in self.plan.anchors.iter().filter(|anchor| !anchor.is_provider) {
            let value = match sample(&anchor.schema, 0) {
                value @ (Value::Bool(_) | Value::Number(_)) => value,
                value => json!(provision::value::as_text(&value)),
            };
            params.insert(anchor.key.clone(), value);
        }
        for field in self.fields.params.iter().filter(|field| !self.is_anchor(field)) {
            if let Some(example) = &field.example {
                params.insert(field.key.clone(), example.clone());
            }
        }
        self.line(
            "\n# CHECK: an instance that create accepts, and the object as it is then shown.",
        );
        self.line("[example]");
        self.set("name", &value(&name).unwrap_or_default());
        self.line("\n[example.params]");
        for (name, of) in &params {
            if let Some(of) = value(of) {
                self.set(&key(name), &of);
            }
        }
        self.line("\n[example.object]");
        for (name, of) in self.example_object(&params) {
            if let Some(of) = value(&of) {
                self.set(&key(&name), &of);
            }
        }
        let once = self.shown_once();
        if !once.is_empty() {
            self.line("\n[example.created]");
        }
        for (name, schema) in once {
            if let Some(of) = value(&sample(&schema, 0)) {
                self.set(&key(name), &of);
            }
        }
    }

    fn example_object(&self, params: &Map<String, Value>) -> Map<String, Value> {
        let mut object = Map::new();
        let own = self.object.field(&self.object.id).map(|schema| sample(&schema, 0));
        object.insert(self.object.id.clone(), own.unwrap_or_else(|| json!("example-id")));
        for (_, way, _) in &self.object.outer {
            if let [field, rest @ ..] = way.as_slice() {
                let of = rest.iter().rev().fold(json!("example"), |of, name| json!({ name: of }));
                object.insert(field.clone(), of);
            }
        }
        for (name, schema) in self.shown() {
            object.entry(name).or_insert_with(|| sample(&schema, 0));
        }
        for field in self.fields.params.iter().filter(|field| field.shown) {
            if params.contains_key(&field.key) {
                object.insert(
                    field.name.to_owned(),
                    json!(format!("{{{{ params.{} }}}}", field.key)),
                );
            }
        }
        if let Some(field) = self.fields.name.as_ref().filter(|field| field.shown) {
            object.insert(field.name.to_owned(), json!("{{ name }}"));
        }
        if let Some((name, ready)) = self.state() {
            object.insert(name.to_owned(), json!(ready));
        }
        object
    }
}
