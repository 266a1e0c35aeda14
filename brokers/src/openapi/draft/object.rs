//! Where in the answers the object is, and which of its fields is its id.

use super::DraftError;
use super::identity::Identity;
use super::plan::{Outer, Plan};
use super::sample::kind;
use super::secret::{Secrecy, secrecy};
use super::toml::{is_name, snake};
use crate::openapi::schema::{Reach, Schema, items_of, reach};

/// The places of the object.
pub(super) struct Object<'a> {
    /// The last word of the path, e.g. `droplets`.
    pub(super) thing: &'a str,
    /// The field that is the id.
    pub(super) id: String,
    /// Whether that is certain.
    pub(super) is_sure: bool,
    /// The other parts of its path that it tells: the name of the part, the way to it, and whether
    /// that is certain.
    pub(super) outer: Vec<(String, Vec<String>, bool)>,
    /// In the answer to create, as an expression.
    pub(super) created: String,
    /// In the answer to read.
    pub(super) read: String,
    /// The list in the answer to list.
    pub(super) listed: Option<String>,
    /// What the object may be as read shows it; nothing when that is not said.
    pub(super) schemas: Vec<Schema<'a>>,
    /// What it may be as create shows it.
    pub(super) made: Vec<Schema<'a>>,
    /// What it may be in a list.
    pub(super) items: Vec<Schema<'a>>,
}

/// A field that can be the id, and the ways to what it is a field of.
struct Found<'a> {
    id: String,
    is_sure: bool,
    in_created: Vec<&'a str>,
    in_read: Vec<&'a str>,
    schemas: Vec<Schema<'a>>,
}

/// What is answered: nothing where the description does not say.
type Answer<'a> = Option<Vec<Schema<'a>>>;

impl<'a> Object<'a> {
    /// Looks for the object in the answers to the operations of `plan`.
    pub(super) fn of(plan: &Plan<'a>) -> Result<Self, DraftError> {
        let (created, read) = (plan.create.success(), plan.read.success());
        let listed = plan.list.map(|list| list.success());
        let thing = plan.thing();
        let identity = Identity::of(plan);
        let in_list =
            |id: &String| listed.as_ref().and_then(|listed| route(listed, &[id], thing, true));
        let candidates = identity.candidates(&plan.own, read.as_deref());
        let found = candidates.iter().filter_map(|candidate| {
            let in_created = route(&created, &[&candidate.name], thing, false)?;
            let in_read = route(&read, &[&candidate.name], thing, false)?;
            let schemas = read.as_deref().map(|read| followed(read, &in_read)).unwrap_or_default();
            let own = described(&schemas, &candidate.name);
            // Ids are in paths, plans and journals for everybody to see.
            let is_secret = |own| secrecy(&candidate.name, own, thing) == Secrecy::Secret;
            if own.as_ref().is_some_and(is_secret) {
                return None;
            }
            let misfit = identity.misfit(candidate, own.as_ref());
            // What is deeper inside belongs to something else.
            let far = (candidate.is_far(), in_read.len(), misfit, candidate.rank());
            let key = (far, in_list(&candidate.name).is_none());
            let is_sure = identity.is_sure(candidate, misfit);
            Some((key, Found { id: candidate.name.clone(), is_sure, in_created, in_read, schemas }))
        });
        let Some((_, found)) = found.min_by_key(|(key, _)| *key) else {
            return Err(DraftError::NoId(plan.create.label(), plan.read.label()));
        };
        let in_list = in_list(&found.id);
        let items = listed.flatten().zip(in_list.as_ref());
        let items = items.and_then(|(schemas, route)| items_of(&followed(&schemas, route)));
        let made = created.as_deref().map(|created| followed(created, &found.in_created));
        let outer = plan.outer.iter().map(|outer| {
            let (way, is_sure) = way_to(outer, &found.schemas)
                .ok_or_else(|| DraftError::NoPart(plan.read.label(), outer.key.clone()))?;
            Ok((outer.key.clone(), way, is_sure))
        });
        let outer = outer.collect::<Result<_, DraftError>>()?;
        Ok(Self {
            thing,
            outer,
            made: made.unwrap_or_default(),
            created: expression(&found.in_created),
            read: expression(&found.in_read),
            listed: in_list.as_deref().map(expression),
            schemas: found.schemas,
            items: items.unwrap_or_default(),
            id: found.id,
            is_sure: found.is_sure,
        })
    }

    /// The schema of a field of the object, when it is described.
    pub(super) fn field(&self, name: &str) -> Option<Schema<'a>> {
        described(&self.schemas, name)
    }

    /// Whether the objects of a list have a field.
    pub(super) fn lists(&self, name: &str) -> bool {
        self.items.is_empty() || !matches!(reach(&self.items, &[name]), Reach::Missing(..))
    }

    /// The fields that create shows and read does not, each with what it may be.
    pub(super) fn only_made(&self) -> Vec<(&'a str, Schema<'a>)> {
        if self.schemas.is_empty() {
            return Vec::new();
        }
        let is_hidden = |name: &&str| {
            let is_marked = self.field(name).is_some_and(|schema| schema.says("writeOnly"));
            is_marked || matches!(reach(&self.schemas, &[name]), Reach::Missing(..))
        };
        let hidden = names_of(&self.made).into_iter().filter(is_hidden);
        hidden.filter_map(|name| Some((name, described(&self.made, name)?))).collect()
    }

    /// The names of the object's fields.
    pub(super) fn names(&self) -> Vec<&'a str> {
        names_of(&self.schemas)
    }
}

/// The way to a part of the path in the object: a field of its name, or what names the one in it.
fn way_to(outer: &Outer<'_>, schemas: &[Schema<'_>]) -> Option<(Vec<String>, bool)> {
    const WORDS: [&str; 6] = ["login", "username", "slug", "name", "key", "id"];
    const NUMBERS: [&str; 3] = ["id", "number", "index"];
    let known = names_of(schemas);
    let field = known.into_iter().find(|name| snake(name) == outer.key && is_name(name))?;
    let inner = followed(schemas, &[field]);
    let names = names_of(&inner);
    if names.is_empty() {
        return (!is_array(&inner)).then(|| (vec![field.to_owned()], true));
    }
    let likely: &[&str] = if kind(&outer.schema) == "integer" { &NUMBERS } else { &WORDS };
    let found = likely.iter().find(|name| names.contains(name))?;
    Some((vec![field.to_owned(), (*found).to_owned()], false))
}

/// The schema of a field, when it is described.
pub(super) fn described<'a>(schemas: &[Schema<'a>], name: &str) -> Option<Schema<'a>> {
    match reach(schemas, &[name]) {
        Reach::Schemas(schemas) => schemas.into_iter().next(),
        _ => None,
    }
}

fn expression(route: &[&str]) -> String {
    let segments: String = route.iter().map(|segment| format!(".{segment}")).collect();
    format!("{{{{ response{segments} }}}}")
}

fn followed<'a>(schemas: &[Schema<'a>], route: &[&str]) -> Vec<Schema<'a>> {
    match reach(schemas, route) {
        Reach::Schemas(schemas) => schemas,
        _ => Vec::new(),
    }
}

/// The way to what holds all of `fields`, or to a list of such.
fn route<'a>(
    answer: &Answer<'a>,
    fields: &[&String],
    thing: &str,
    is_list: bool,
) -> Option<Vec<&'a str>> {
    let Some(schemas) = answer else { return Some(Vec::new()) };
    let mut waiting = vec![(Vec::new(), schemas.clone())];
    for _ in 0..3 {
        let mut next: Vec<(Vec<&'a str>, Vec<Schema<'a>>)> = Vec::new();
        for (way, schemas) in waiting {
            let inner = match is_list {
                true => items_of(&schemas),
                false => (!is_array(&schemas)).then(|| schemas.clone()),
            };
            if inner.is_some_and(|inner| fields.iter().all(|field| has(&inner, field))) {
                return Some(way);
            }
            let mut names = if is_array(&schemas) { Vec::new() } else { names_of(&schemas) };
            names.retain(|name| is_name(name));
            names.sort_by_key(|name| likelihood(name, thing));
            for name in names.into_iter().take(40) {
                if let Reach::Schemas(inner) = reach(&schemas, &[name]) {
                    next.push(([way.clone(), vec![name]].concat(), inner));
                }
            }
        }
        waiting = next;
    }
    None
}

fn has(schemas: &[Schema<'_>], field: &str) -> bool {
    match reach(schemas, &[field]) {
        Reach::Schemas(found) => !is_array(&found) && names_of(&found).is_empty(),
        Reach::Anything => true,
        Reach::Missing(..) => false,
    }
}

/// The likeliest names of an envelope come first.
fn likelihood(name: &str, thing: &str) -> usize {
    let plain = |text: &str| snake(text).replace('_', "");
    let (name, thing) = (plain(name), plain(thing));
    let one = singular(&thing);
    match name {
        name if name == one || name == thing => 0,
        name if name == "data" || name == "result" => 1,
        name if thing.contains(&name) || name.contains(&one) => 2,
        _ => 3,
    }
}

pub(super) fn is_array(schemas: &[Schema<'_>]) -> bool {
    schemas.iter().flat_map(Schema::shapes).any(|shape| shape.types().contains(&"array"))
}

pub(super) fn names_of<'a>(schemas: &[Schema<'a>]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in schemas.iter().flat_map(Schema::shapes).flat_map(|shape| shape.names()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One of many: `policies` is `policy`.
pub(super) fn singular(word: &str) -> String {
    let ends = [("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ss", "ss"), ("s", "")];
    let found =
        ends.iter().find_map(|(many, one)| Some(format!("{}{one}", word.strip_suffix(many)?)));
    found.filter(|word| !word.is_empty()).unwrap_or_else(|| word.to_owned())
}
