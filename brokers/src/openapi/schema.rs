//! Schemas of a description, with references followed and alternatives laid out one beside the other.

use std::ptr;

use serde_json::Value;

use super::description::{ANYTHING, Description};

/// So many alternatives are told apart; a schema of more accepts everything.
const MOST_SHAPES: usize = 256;

/// So deep schemas are put together of others.
const MOST_DEPTH: usize = 24;

/// A schema: everything in it holds.
#[derive(Clone, Debug)]
pub(super) struct Schema<'a> {
    description: &'a Description,
    nodes: Vec<&'a Value>,
}

/// One alternative of a schema, without references and combinations.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    description: &'a Description,
    nodes: Vec<&'a Value>,
}

/// What a schema says about a field.
pub(super) enum Field<'a> {
    /// This is what it may be.
    Described(Schema<'a>),
    /// It may be there and may be anything.
    Anything,
    /// There is no such field.
    Unknown,
}

/// Where a path into a schema leads.
pub(super) enum Reach<'a> {
    /// To any of these.
    Schemas(Vec<Schema<'a>>),
    /// To something of which nothing is said.
    Anything,
    /// Nowhere: the field that is not there, and those that are.
    Missing(String, Vec<&'a str>),
}

impl<'a> Schema<'a> {
    pub(super) fn new(description: &'a Description, node: &'a Value) -> Self {
        Self { description, nodes: vec![node] }
    }

    /// Its alternatives.
    pub(super) fn shapes(&self) -> Vec<Shape<'a>> {
        let mut all = vec![Vec::new()];
        for node in &self.nodes {
            all = both(&all, &expand(self.description, node, 0));
        }
        let shape = |nodes| Shape { description: self.description, nodes };
        if all.len() > MOST_SHAPES {
            return vec![shape(vec![&ANYTHING])];
        }
        let all: Vec<Shape<'a>> = all.into_iter().map(shape).collect();
        let possible: Vec<Shape<'a>> = all.iter().filter(|s| s.is_possible()).cloned().collect();
        match self.nodes.as_slice() {
            _ if !possible.is_empty() => possible,
            // Parts that contradict each other are meant to replace each other.
            [_, .., last] => Self::new(self.description, last).shapes(),
            _ => all,
        }
    }

    /// The first text under `key` that it or its parts hold.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.keyword(key).and_then(Value::as_str)
    }

    /// The first value under `key` that it or its parts hold, the outermost first.
    pub(super) fn keyword(&self, key: &str) -> Option<&'a Value> {
        let outer = self.nodes.iter().find_map(|node| node.get(key));
        outer.or_else(|| self.shapes().first().and_then(|shape| shape.keyword(key)))
    }

    /// Whether it is written in the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let place = |schema: &Self| {
            let nodes = schema.nodes.iter().map(|node| self.description.resolve(node));
            nodes.map(ptr::from_ref).collect::<Vec<_>>()
        };
        place(self) == place(other)
    }

    /// Whether only answers have it.
    pub(super) fn is_read_only(&self) -> bool {
        self.says("readOnly")
    }

    /// Whether some part of it says `key = true`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.nodes.iter().any(|node| marks(self.description, node, key, 0))
    }
}

/// Whether a node says `key = true`: itself, beside its reference, in a part of it, or in each of its
/// alternatives.
fn marks(description: &Description, node: &Value, key: &str, depth: usize) -> bool {
    if depth > MOST_DEPTH || node.get(key) == Some(&Value::Bool(true)) {
        return depth <= MOST_DEPTH;
    }
    let node = description.resolve(node);
    let parts = |key: &str| node.get(key).and_then(Value::as_array).filter(|p| !p.is_empty());
    let is_marked = |part: &Value| marks(description, part, key, depth + 1);
    node.get(key) == Some(&Value::Bool(true))
        || parts("allOf").is_some_and(|parts| parts.iter().any(is_marked))
        || ["oneOf", "anyOf"]
            .iter()
            .any(|choice| parts(choice).is_some_and(|parts| parts.iter().all(is_marked)))
}

/// The alternatives of one node, each a list of nodes that hold together.
fn expand<'a>(description: &'a Description, node: &'a Value, depth: usize) -> Vec<Vec<&'a Value>> {
    if depth > MOST_DEPTH {
        return vec![vec![&ANYTHING]];
    }
    let node = description.resolve(node);
    let parts = |key: &str| node.get(key).and_then(Value::as_array).filter(|p| !p.is_empty());
    let mut all = vec![vec![node]];
    for part in parts("allOf").into_iter().flatten() {
        all = both(&all, &expand(description, part, depth + 1));
    }
    for choice in ["oneOf", "anyOf"] {
        let Some(parts) = parts(choice) else { continue };
        let mut any = Vec::new();
        for part in parts {
            any.extend(expand(description, part, depth + 1));
            if any.len() > MOST_SHAPES {
                return vec![vec![&ANYTHING]];
            }
        }
        all = both(&all, &any);
    }
    all
}

/// Every alternative of one together with every one of the other.
fn both<'a>(one: &[Vec<&'a Value>], other: &[Vec<&'a Value>]) -> Vec<Vec<&'a Value>> {
    if one.len().saturating_mul(other.len()) > MOST_SHAPES {
        return vec![vec![&ANYTHING]];
    }
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| a.iter().chain(b).copied().collect()).collect()
}

impl<'a> Shape<'a> {
    /// The first value under `key`.
    pub(super) fn keyword(&self, key: &str) -> Option<&'a Value> {
        self.nodes.iter().find_map(|node| node.get(key))
    }

    fn is_anything(&self) -> bool {
        self.nodes.iter().any(|node| ptr::eq(*node, &raw const ANYTHING))
    }

    /// The names of the types it may have; none when it may have any.
    pub(super) fn types(&self) -> Vec<&'a str> {
        self.declared_types().unwrap_or_default()
    }

    /// Whether its parts have a type in common.
    fn is_possible(&self) -> bool {
        self.declared_types().is_none_or(|types| !types.is_empty())
    }

    fn declared_types(&self) -> Option<Vec<&'a str>> {
        if self.is_anything() {
            return None;
        }
        let mut all: Option<Vec<&str>> = None;
        for types in self.nodes.iter().map(|node| types_of(node)).filter(|types| !types.is_empty())
        {
            all = Some(match all {
                None => types,
                Some(known) => in_common(&known, &types),
            });
        }
        all
    }

    /// Whether it may be of a type.
    pub(super) fn takes(&self, kind: &str) -> bool {
        let types = self.types();
        types.is_empty()
            || types.contains(&kind)
            || (kind == "integer" && types.contains(&"number"))
    }

    /// What it says about the field `name`.
    pub(super) fn field(&self, name: &str) -> Field<'a> {
        let mut found: Vec<&'a Value> = Vec::new();
        for node in &self.nodes {
            found.extend(node.get("properties").and_then(|fields| fields.get(name)));
            found.extend(by_pattern(node, name));
        }
        if !found.is_empty() {
            return Field::Described(Schema { description: self.description, nodes: found });
        }
        let rest = |node: &&'a Value| node.get("additionalProperties");
        let rests: Vec<&'a Value> = self.nodes.iter().filter_map(rest).collect();
        if let Some(schema) = rests.iter().find(|rest| rest.is_object()) {
            return Field::Described(self.description.schema(schema));
        }
        let lists = |node: &&Value| {
            ["properties", "patternProperties"].iter().any(|key| {
                node.get(*key).and_then(Value::as_object).is_some_and(|fields| !fields.is_empty())
            })
        };
        let is_open = rests.contains(&&Value::Bool(true))
            || (rests.is_empty() && !self.nodes.iter().any(lists));
        match is_open || self.is_anything() {
            true => Field::Anything,
            false => Field::Unknown,
        }
    }

    /// The names of its fields, in the order described.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for node in &self.nodes {
            let fields = node.get("properties").and_then(Value::as_object).into_iter().flatten();
            for (name, _) in fields {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The fields that have to be there.
    pub(super) fn required(&self) -> Vec<&'a str> {
        let lists = self.nodes.iter().filter_map(|node| node.get("required")?.as_array());
        let mut names: Vec<&str> = lists.flatten().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What its items may be; `None` when anything.
    pub(super) fn items(&self) -> Option<Schema<'a>> {
        let nodes: Vec<&'a Value> =
            self.nodes.iter().filter_map(|node| node.get("items")).collect();
        (!nodes.is_empty()).then_some(Schema { description: self.description, nodes })
    }

    /// The only values allowed, when there are such.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        let list = |node: &&'a Value| node.get("enum").and_then(Value::as_array);
        match self.nodes.iter().find_map(list) {
            Some(values) => Some(values.iter().collect()),
            None => self.keyword("const").map(|value| vec![value]),
        }
    }

    /// Every pattern that a text has to match.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &'a str> {
        self.nodes.iter().filter_map(|node| node.get("pattern")?.as_str())
    }
}

fn types_of(node: &Value) -> Vec<&str> {
    match node.get("type") {
        Some(Value::String(kind)) => vec![kind.as_str()],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => match () {
            () if node
                .get("enum")
                .is_some_and(|values| *values == Value::Array(vec![Value::Null])) =>
            {
                vec!["null"]
            }
            () if ["properties", "patternProperties"]
                .iter()
                .any(|key| node.get(*key).is_some()) =>
            {
                vec!["object"]
            }
            () if node.get("items").is_some() => vec!["array"],
            () => Vec::new(),
        },
    }
}

/// The types of both; integers are numbers.
fn in_common<'a>(one: &[&'a str], other: &[&'a str]) -> Vec<&'a str> {
    let is_in = |kind: &&str, types: &[&str]| {
        types.contains(kind) || (*kind == "integer" && types.contains(&"number"))
    };
    let mut both: Vec<&str> = one.iter().copied().filter(|kind| is_in(kind, other)).collect();
    both.extend(other.iter().filter(|kind| is_in(kind, one) && !one.contains(kind)));
    both
}

/// What the patterns of a node say about the field `name`.
fn by_pattern<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    let patterns = node.get("patternProperties")?.as_object()?;
    let fits =
        |pattern: &str| regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name));
    patterns.iter().find(|(pattern, _)| fits(pattern)).map(|(_, schema)| schema)
}

/// Where `segments` lead from any of `schemas`. A list stands for its items.
pub(super) fn reach<'a>(schemas: &[Schema<'a>], segments: &[&str]) -> Reach<'a> {
    let mut current = schemas.to_vec();
    for segment in segments {
        let mut step = Step { segment, found: Vec::new(), is_open: false, names: Vec::new() };
        for schema in &current {
            step.from(schema, 0);
        }
        if step.is_open {
            return Reach::Anything;
        }
        if step.found.is_empty() {
            return Reach::Missing((*segment).to_owned(), step.names);
        }
        current = step.found;
    }
    Reach::Schemas(current)
}

struct Step<'s, 'a> {
    segment: &'s str,
    found: Vec<Schema<'a>>,
    is_open: bool,
    names: Vec<&'a str>,
}

impl<'a> Step<'_, 'a> {
    fn from(&mut self, schema: &Schema<'a>, depth: usize) {
        for shape in schema.shapes() {
            let types = shape.types();
            if types.contains(&"array") {
                match shape.items() {
                    Some(items) if depth < 8 => self.from(&items, depth + 1),
                    _ => self.is_open = true,
                }
                continue;
            }
            if !types.is_empty() && !types.contains(&"object") {
                continue;
            }
            match shape.field(self.segment) {
                Field::Described(schema) => self.add(schema),
                Field::Anything => self.is_open = true,
                Field::Unknown => {
                    let names: Vec<&str> = shape.names();
                    let is_new = |name: &&str| !self.names.contains(name);
                    let new: Vec<&str> = names.into_iter().filter(is_new).collect();
                    self.names.extend(new);
                }
            }
        }
    }

    fn add(&mut self, schema: Schema<'a>) {
        let is_same = |known: &Schema<'a>| {
            known.nodes.len() == schema.nodes.len()
                && known.nodes.iter().zip(&schema.nodes).all(|(a, b)| ptr::eq(*a, *b))
        };
        if self.found.len() >= MOST_SHAPES {
            self.is_open = true;
        } else if !self.found.iter().any(is_same) {
            self.found.push(schema);
        }
    }
}

/// The items of any of `schemas`, where those are lists; `None` where nothing is said.
pub(super) fn items_of<'a>(schemas: &[Schema<'a>]) -> Option<Vec<Schema<'a>>> {
    let mut found = Vec::new();
    for shape in schemas.iter().flat_map(Schema::shapes) {
        match shape.types().contains(&"array") {
            true => found.push(shape.items()?),
            false if shape.types().is_empty() => return None,
            false => {}
        }
    }
    (!found.is_empty()).then_some(found)
}
