//! What the body of create takes, as params of a manifest.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::Value;

use super::object::Object;
use super::plan::Plan;
use super::sample::{self, sample};
use super::secret::{Secrecy, secrecy};
use super::toml::{sentence, snake};
use crate::openapi::schema::{Field as Known, Schema, Shape};

/// A field of a body, a param by default.
pub(super) struct Field<'a> {
    /// As the body has it.
    pub(super) name: &'a str,
    /// As the manifest has it.
    pub(super) key: String,
    pub(super) kind: &'static str,
    pub(super) required: bool,
    pub(super) schema: Schema<'a>,
    pub(super) values: Vec<Value>,
    pub(super) pattern: Option<String>,
    pub(super) bounds: (Option<i64>, Option<i64>),
    pub(super) secrecy: Secrecy,
    /// Whether update takes it too.
    pub(super) updates: bool,
    /// Whether the object shows it.
    pub(super) shown: bool,
    /// The value in the example.
    pub(super) example: Option<Value>,
}

/// The bodies of create and update.
pub(super) struct Fields<'a> {
    /// `body` or `form`.
    pub(super) place: &'static str,
    /// In the order described, without the name.
    pub(super) params: Vec<Field<'a>>,
    /// The one that is the name.
    pub(super) name: Option<Field<'a>>,
    /// `body` or `form` of update; nothing when there is no update.
    pub(super) update: Option<&'static str>,
    /// Whether the description knows several kinds of bodies.
    pub(super) has_others: bool,
}

/// What things are called by, the likeliest first.
const NAMES: [&str; 7] = ["name", "label", "title", "hostname", "domain", "username", "slug"];

impl<'a> Fields<'a> {
    pub(super) fn of(plan: &Plan<'a>, object: &Object<'a>, left_out: &BTreeSet<String>) -> Self {
        let taken = plan.create.fields();
        let place = taken.as_ref().map_or("body", |(place, _)| *place);
        let shapes: Vec<Shape<'a>> = taken.map(|(_, schema)| objects(&schema)).unwrap_or_default();
        let given = plan.create.example();
        let mut params: Vec<Field<'a>> = Vec::new();
        if let Some(shape) = shapes.first() {
            let undescribed =
                shape.required().into_iter().filter(|name| !shape.names().contains(name));
            for name in shape.names().into_iter().chain(undescribed) {
                let schema = match shape.field(name) {
                    Known::Described(schema) => schema,
                    _ => plan.anything.clone(),
                };
                let required = shape.required().contains(&name);
                let is_out = left_out.contains(&format!("create.{name}")) && !required;
                if !is_out && is_taken(&schema, required) {
                    let given = given.and_then(|given| given.get(name));
                    params.push(Field::of(name, required, schema, object, given));
                }
            }
        }
        let mut fields =
            Self { place, params, name: None, update: None, has_others: shapes.len() > 1 };
        fields.take_name(plan);
        fields.take_update(plan, left_out, &object.id);
        fields
    }

    /// The field that is the name becomes it.
    fn take_name(&mut self, plan: &Plan<'a>) {
        let is_anchor = |key: &str| plan.anchors.iter().any(|anchor| anchor.key == key);
        let is_name = |field: &Field<'_>, name: &str| {
            let is_text = field.kind == "string" && field.values.is_empty();
            field.name == name && is_text && !is_anchor(&field.key)
        };
        let place =
            NAMES.iter().find_map(|name| self.params.iter().position(|field| is_name(field, name)));
        self.name = place.map(|place| self.params.remove(place));
    }

    /// Which fields update takes too; there is no update where it requires others.
    fn take_update(&mut self, plan: &Plan<'a>, left_out: &BTreeSet<String>, id: &str) {
        let Some((place, schema)) = plan.update.and_then(|update| update.fields()) else { return };
        let Some(shape) = objects(&schema).into_iter().find(|shape| self.satisfies(shape)) else {
            return;
        };
        let mut any = false;
        for field in self.params.iter_mut().chain(&mut self.name) {
            let Known::Described(schema) = shape.field(field.name) else { continue };
            let is_out = left_out.contains(&format!("update.{}", field.name));
            let kind = sample::kind(&schema);
            let fits = kind == field.kind || kind == "any";
            // What is told by a field is another thing where that is another.
            let is_id = field.name == id;
            field.updates = fits && !is_out && !is_id && !schema.is_read_only();
            any |= field.updates;
        }
        self.update = any.then_some(place);
    }

    fn satisfies(&self, shape: &Shape<'a>) -> bool {
        shape.required().iter().all(|name| {
            let is_own = self.name.as_ref().is_some_and(|field| field.name == *name);
            let is_param = self.params.iter().any(|field| field.name == *name && field.required);
            is_own || is_param || is_read_only(shape, name)
        })
    }
}

/// The alternatives that are objects.
fn objects<'a>(schema: &Schema<'a>) -> Vec<Shape<'a>> {
    schema.shapes().into_iter().filter(|shape| shape.takes("object")).collect()
}

fn is_read_only(shape: &Shape<'_>, name: &str) -> bool {
    match shape.field(name) {
        Known::Described(schema) => schema.is_read_only(),
        _ => false,
    }
}

fn is_taken(schema: &Schema<'_>, required: bool) -> bool {
    !schema.is_read_only() && (required || !schema.says("deprecated"))
}

impl<'a> Field<'a> {
    fn of(
        name: &'a str,
        required: bool,
        schema: Schema<'a>,
        object: &Object<'a>,
        given: Option<&Value>,
    ) -> Self {
        let kind = sample::kind(&schema);
        let mut shapes: Vec<Shape<'a>> = schema.shapes();
        shapes.retain(|shape| shape.types() != ["null"]);
        let only = match shapes.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let given = given.filter(|given| is_shown(given, &schema));
        let example = given.cloned().unwrap_or_else(|| sample(&schema, 0));
        let has_own = given.is_some()
            || ["example", "examples", "default", "enum"]
                .iter()
                .any(|key| schema.keyword(key).is_some());
        let is_plain = !example.is_array() && !example.is_object();
        let shown = object.field(name).filter(|shown| sample::kind(shown) == kind);
        let is_compared = !["map", "list", "any"].contains(&kind);
        let secrecy = secrecy(name, &schema, object.thing);
        let sensitive = secrecy == Secrecy::Secret;
        Self {
            name,
            key: snake_kept(name),
            required,
            values: only.map(|only| values(only, kind)).unwrap_or_default(),
            pattern: only.and_then(|only| pattern(only, &example)),
            bounds: only.map_or((None, None), |only| bounds(only, kind)),
            secrecy,
            updates: false,
            shown: shown.is_some() && is_compared && !sensitive && super::toml::is_name(name),
            example: (required || (has_own && is_plain)).then_some(example),
            kind,
            schema,
        }
    }

    /// One sentence about it.
    pub(super) fn description(&self) -> String {
        let said = self.schema.text("description").and_then(sentence);
        said.unwrap_or_else(|| format!("The field {} of the API.", self.name))
    }
}

/// Whether a value from an example can stand in a manifest.
fn is_shown(given: &Value, schema: &Schema<'_>) -> bool {
    let is_scalar = !given.is_array() && !given.is_object();
    is_scalar && schema.shapes().iter().any(|shape| sample::fits(given, shape))
}

/// A name as it is where expressions can say it.
fn snake_kept(name: &str) -> String {
    match super::toml::is_name(name) {
        true => name.to_owned(),
        false => snake(name),
    }
}

fn values(shape: &Shape<'_>, kind: &str) -> Vec<Value> {
    let is_meant = |value: &&Value| match kind {
        "string" => value.as_str().is_some_and(|text| !text.contains("{{")),
        "integer" => value.as_i64().is_some(),
        _ => false,
    };
    shape.values().unwrap_or_default().into_iter().filter(is_meant).cloned().collect()
}

/// The pattern, when the whole of a text has to match it and the example does.
fn pattern(shape: &Shape<'_>, example: &Value) -> Option<String> {
    let mut patterns = shape.patterns();
    let pattern = patterns.next()?.strip_prefix('^')?.strip_suffix('$')?;
    let whole = Regex::new(&format!("^(?:{pattern})$")).ok()?;
    let is_plain = !is_alternative(pattern) && !pattern.ends_with('\\');
    (is_plain && example.as_str().is_some_and(|text| whole.is_match(text)))
        .then(|| pattern.to_owned())
}

/// Whether a pattern has alternatives as a whole, so that its ends belong to one of them only.
fn is_alternative(pattern: &str) -> bool {
    let mut depth = 0_i32;
    let mut is_escaped = false;
    pattern.chars().any(|c| {
        let is_plain = !is_escaped;
        is_escaped = c == '\\' && is_plain;
        match c {
            '(' | '[' if is_plain => depth += 1,
            ')' | ']' if is_plain => depth -= 1,
            _ => {}
        }
        c == '|' && is_plain && depth == 0
    })
}

fn bounds(shape: &Shape<'_>, kind: &str) -> (Option<i64>, Option<i64>) {
    let of = |key: &str| shape.keyword(key).and_then(Value::as_i64);
    match kind {
        "string" => (of("minLength").filter(|least| *least > 0), of("maxLength")),
        "integer" | "number" => (of("minimum"), of("maximum")),
        _ => (None, None),
    }
}
