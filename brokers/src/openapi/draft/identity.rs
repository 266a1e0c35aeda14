//! Which field of a thing is the one that its path asks for.

use super::object::{names_of, singular};
use super::plan::Plan;
use super::sample::kind;
use super::toml::{is_name, snake};
use crate::openapi::schema::Schema;

/// Fields that are ids wherever they are.
const USUAL: [&str; 7] = ["id", "uuid", "uid", "guid", "identifier", "Id", "ID"];

/// Fields that name a thing in its own words.
const HANDLES: [&str; 6] = ["slug", "login", "username", "handle", "key", "name"];

/// Words for the same, in paths and in answers.
const SAME: [&[&str]; 4] = [
    &["index", "number", "iid", "no"],
    &["username", "login", "user_name", "user", "handle", "name"],
    &["slug", "path", "name"],
    &["name", "full_name"],
];

/// A field that may be the id.
pub(super) struct Candidate {
    /// The field.
    pub(super) name: String,
    /// How little its name says that it is: 0 where it is the name of the path's parameter.
    rank: usize,
}

/// What is known of the parameter that the id is put into.
pub(super) struct Identity<'a> {
    /// Its name.
    own: String,
    thing: String,
    schema: Option<Schema<'a>>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(plan: &Plan<'a>) -> Self {
        let parameters = plan.read.parameters().into_iter();
        let mut its_own = parameters.filter(|p| p.place == "path" && p.name == plan.own);
        Self {
            own: snake(&plan.own),
            thing: snake(&singular(plan.thing())),
            schema: its_own.next().map(|parameter| parameter.schema),
        }
    }

    /// The fields that may be it, the likeliest first.
    pub(super) fn candidates(&self, own: &str, read: Option<&[Schema<'a>]>) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut add = |name: &str, rank: usize| {
            if is_name(name) && !found.iter().any(|known| known.name == name) {
                found.push(Candidate { name: name.to_owned(), rank });
            }
        };
        add(own, 0);
        add(&self.own, 0);
        if self.own.contains("id_or_") || self.own.ends_with("_or_id") {
            // Names change, and ids do not.
            ["id", "uid", "uuid"].into_iter().for_each(|name| add(name, 0));
        }
        let last = self.last_word();
        add(last, 0);
        if self.own.contains("name") {
            ["name", "Name"].into_iter().for_each(|name| add(name, 0));
        }
        let same = SAME.iter().filter(|words| words.contains(&last));
        same.flat_map(|words| words.iter()).for_each(|word| add(word, 1));
        USUAL.into_iter().for_each(|name| add(name, 2));
        let thing = &self.thing;
        add(&format!("{thing}_id"), 2);
        add(&format!("{thing}Id"), 2);
        HANDLES.into_iter().for_each(|name| add(name, 3));
        add(&format!("{thing}_name"), 3);
        add(thing, 3);
        let fields = read.map(names_of).unwrap_or_default().into_iter();
        let others = fields.filter(|name| name.ends_with("_id") || name.ends_with("Id"));
        others.for_each(|name| add(name, 4));
        found
    }

    /// `key` of `feed_key`.
    fn last_word(&self) -> &str {
        self.own.rsplit('_').next().unwrap_or(&self.own)
    }

    /// How badly a field fits, by its type and its name: 0 is well.
    pub(super) fn misfit(&self, candidate: &Candidate, field: Option<&Schema<'a>>) -> usize {
        let Some(field) = field else { return 0 };
        let (asked, is) = (self.schema.as_ref().map_or("any", kind), kind(field));
        let is_old = field.says("deprecated")
            || field.text("description").is_some_and(|said| {
                said.trim_start().to_ascii_lowercase().starts_with("deprecated")
            });
        let by_type = match (asked, is) {
            ("integer", "string") => 4,
            // A number can be written as a text, but a path that asks for a text seldom means one.
            ("string", "integer") if !self.asks_for_id() && candidate.rank > 0 => 2,
            _ => 0,
        };
        by_type + usize::from(is_old)
    }

    fn asks_for_id(&self) -> bool {
        const WORDS: [&str; 5] = ["id", "uuid", "uid", "guid", "identifier"];
        WORDS.contains(&self.last_word())
    }

    /// Whether nobody has to look.
    pub(super) fn is_sure(&self, candidate: &Candidate, misfit: usize) -> bool {
        let is_own = candidate.rank == 0 && self.is_of_thing();
        misfit == 0 && (is_own || (self.asks_for_id() && candidate.rank == 2))
    }

    /// Whether the parameter is named after nothing else: `user_id` of a member is.
    fn is_of_thing(&self) -> bool {
        let Some((of, _)) = self.own.rsplit_once('_') else { return true };
        let plain = |text: &str| text.replace('_', "");
        let (of, thing) = (plain(of), plain(&self.thing));
        of.contains(&thing) || thing.contains(&of)
    }
}

impl Candidate {
    /// Whether it is but some other thing's id.
    pub(super) fn is_far(&self) -> bool {
        self.rank == 4
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }
}
