//! Random configs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use serde_json::{Map, Value, json};

use super::services::{self, DATABASE, FILE, MAILBOX, SERVER, TOKEN, VALUE};

/// How many instances a config may have; two configs share their tags, so that they overlap.
const TAGS: u8 = 8;

/// What random configs may hold.
#[derive(Clone, Copy, Debug)]
pub struct Flavor {
    /// The services they use.
    pub services: &'static [&'static str],
    /// Whether they retain, adopt and use what is somebody else's.
    pub wild: bool,
    /// Whether the ref of what has a place of its own changes too. After a failure the former ref
    /// may still hold the place, and then a person has to decide.
    pub moving: bool,
}

/// Everything there is.
pub const WILD: Flavor = Flavor { services: &services::ALL, wild: true, moving: true };
/// What is made and destroyed by us alone.
pub const TAME: Flavor = Flavor { wild: false, moving: false, ..WILD };
/// What can be settled after a crash.
pub const FINDABLE: Flavor = Flavor { services: &services::FINDABLE, ..TAME };
/// What the provider makes once, whoever asks late.
pub const UNIQUE: Flavor = Flavor { services: &services::UNIQUE, ..TAME };
/// What can be settled by a person at least.
pub const MOVING: Flavor = Flavor { moving: true, ..FINDABLE };

/// One instance in numbers, which shrink well; [`Project::config`] says what they mean.
#[derive(Clone, Debug)]
struct Draft {
    service: usize,
    /// Which earlier instances it reads, and how.
    reads: Vec<(usize, u8)>,
    needs: Vec<usize>,
    content: u8,
    fixed: u8,
    name: u8,
    protected: Option<bool>,
    special: u8,
    place: u8,
}

/// A config in numbers.
#[derive(Clone, Debug)]
pub struct Project {
    flavor: Flavor,
    drafts: Vec<Draft>,
    /// Who is who across configs: instances with one tag have one name, whatever their ref.
    tags: Vec<u8>,
    /// The tags whose refs are spelled another way, so that the next config moves them.
    aliases: u8,
}

/// Any project of a flavor.
pub fn projects(flavor: Flavor) -> impl Strategy<Value = Project> {
    let drafts = prop::collection::vec(drafts(), 0..=usize::from(TAGS));
    let tags = Just((0..TAGS).collect::<Vec<_>>()).prop_shuffle();
    (drafts, tags, any::<u8>()).prop_map(move |(drafts, tags, aliases)| Project {
        flavor,
        drafts,
        tags,
        aliases,
    })
}

/// Projects one after the other: sometimes another one, mostly the last with a few edits.
pub fn histories(flavor: Flavor, longest: usize) -> impl Strategy<Value = Vec<Project>> {
    let edits = prop::collection::vec((any::<usize>(), edits()), 0..4);
    let next = prop_oneof![
        projects(flavor).prop_map(|project| (Some(project), Vec::new())),
        edits.clone().prop_map(|edits| (None, edits)),
        edits.prop_map(|edits| (None, edits)),
    ];
    (projects(flavor), prop::collection::vec(next, 0..longest)).prop_map(|(first, rest)| {
        let mut history = vec![first];
        for (other, edits) in rest {
            let mut next = other.unwrap_or_else(|| history[history.len() - 1].clone());
            edits.into_iter().for_each(|(at, edit)| next.edit(at, edit));
            history.push(next);
        }
        history
    })
}

/// A small change of a config.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Service(usize),
    Content(u8),
    Fixed(u8),
    Name(u8),
    Special(u8),
    Aliases(u8),
    Unread,
    Remove,
}

fn edits() -> impl Strategy<Value = Edit> + Clone {
    prop_oneof![
        any::<usize>().prop_map(Edit::Service),
        any::<u8>().prop_map(Edit::Content),
        (0..6_u8).prop_map(Edit::Fixed),
        (0..4_u8).prop_map(Edit::Name),
        any::<u8>().prop_map(Edit::Special),
        any::<u8>().prop_map(Edit::Aliases),
        Just(Edit::Unread),
        Just(Edit::Remove),
    ]
}

fn drafts() -> impl Strategy<Value = Draft> {
    let reads = prop::collection::vec((any::<usize>(), any::<u8>()), 0..3);
    let needs = prop::collection::vec(any::<usize>(), 0..2);
    let numbers = (any::<u8>(), 0..6_u8, 0..4_u8, any::<u8>(), any::<u8>());
    (any::<usize>(), reads, needs, any::<Option<bool>>(), numbers).prop_map(
        |(service, reads, needs, protected, (content, fixed, name, special, place))| Draft {
            service,
            reads,
            needs,
            content,
            fixed,
            name,
            protected,
            special,
            place,
        },
    )
}

/// An instance that others may read.
struct Producer {
    reference: String,
    service: &'static str,
}

impl Producer {
    fn output(&self, choice: u8) -> String {
        let keys: &[&str] = match self.service {
            VALUE => &["id", "copy"],
            FILE => &["path", "digest"],
            DATABASE => &["id", "password"],
            TOKEN => &["id", "revision", "token"],
            SERVER => &["id", "address"],
            _ => &["id"],
        };
        format!("{}.{}", self.reference, keys[usize::from(choice) % keys.len()])
    }
}

impl Project {
    fn edit(&mut self, at: usize, edit: Edit) {
        let at = at % self.drafts.len().max(1);
        let Some(draft) = self.drafts.get_mut(at) else { return };
        match edit {
            Edit::Service(service) => draft.service = service,
            Edit::Content(content) => draft.content = content,
            Edit::Fixed(fixed) => draft.fixed = fixed,
            Edit::Name(name) => draft.name = name,
            Edit::Special(special) => draft.special = special,
            Edit::Aliases(aliases) => self.aliases = aliases,
            Edit::Unread => draft.reads.clear(),
            Edit::Remove => {
                self.drafts.remove(at);
                let tag = self.tags.remove(at);
                self.tags.push(tag);
            }
        }
    }

    /// The config, as a file would have it.
    pub fn config(&self) -> Map<String, Value> {
        let mut producers: Vec<Producer> = Vec::new();
        let mut instances: Vec<(u8, Value)> = Vec::new();
        for (draft, tag) in self.drafts.iter().zip(&self.tags) {
            let service = self.flavor.services[draft.service % self.flavor.services.len()];
            let is_movable = self.flavor.moving || ![FILE, DATABASE].contains(&service);
            let alias = if is_movable && self.aliases >> tag & 1 == 1 { "-alias" } else { "" };
            let producer = Producer { reference: format!("r{tag}{alias}"), service };
            let instance = draft.instance(self.flavor, *tag, &producer, &producers);
            instances.push((draft.place, instance));
            producers.push(producer);
        }
        instances.sort_by_key(|(place, _)| *place);
        let instances: Vec<Value> = instances.into_iter().map(|(_, instance)| instance).collect();
        let config = json!({ "instances": instances, "vars": { "size": 3, "who": "us" } });
        config.as_object().cloned().unwrap_or_default()
    }

    /// What the config means.
    pub fn desired(&self, catalog: &Catalog) -> Desired {
        desired(self.config(), catalog)
    }
}

/// What a config without mistakes means.
pub fn desired(config: Map<String, Value>, catalog: &Catalog) -> Desired {
    let mut problems = Diagnostics::default();
    let document = Document::from_snapshot(config, &mut problems);
    let desired = document.desired(scope(), catalog, Rules::default(), &mut problems);
    desired.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// A stage, and an environment with a secret.
pub fn scope() -> Scope {
    let env = BTreeMap::from([("KEY".to_owned(), "env-secret-7".to_owned())]);
    Scope { stage: "test".to_owned(), env, ..Scope::default() }
}

impl Draft {
    fn instance(&self, flavor: Flavor, tag: u8, own: &Producer, earlier: &[Producer]) -> Value {
        let reads: Vec<(&Producer, u8)> = self
            .reads
            .iter()
            .filter_map(|(at, how)| Some((earlier.get(at % earlier.len().max(1))?, *how)))
            .collect();
        let needs: Vec<&str> = self
            .needs
            .iter()
            .filter_map(|at| Some(earlier.get(at % earlier.len().max(1))?.reference.as_str()))
            .collect();
        let name = self.name(tag, own.service, &reads);
        let is_external = flavor.wild && own.service == FILE && self.special.is_multiple_of(8);
        let mut instance = json!({
            "ref": own.reference,
            "service": own.service,
            "name": name,
            "params": self.params(own.service, &name, is_external, &reads),
            "depends_on": needs,
            "bind": { own.output(0).split('.').next_back().unwrap(): format!("VAR_{tag}") },
        });
        if let Some(protected) = self.protected {
            instance["protected"] = json!(protected);
        }
        if own.service == DATABASE && !self.content.is_multiple_of(3) {
            instance["plan"] = json!(["small", "large"][usize::from(self.content % 3 - 1)]);
        }
        if flavor.wild && self.special % 3 == 1 {
            instance["on_remove"] = json!("retain");
        }
        // A file may have been somebody else's before, who has to agree to it becoming ours.
        let is_taken = own.service == FILE && !is_external;
        if flavor.wild && (is_taken || own.service != MAILBOX && self.special % 5 == 1) {
            instance["adopt"] = json!(true);
        }
        if is_external {
            instance["external"] = json!(true);
        }
        instance
    }

    /// A name that no other tag ever has.
    fn name(&self, tag: u8, service: &str, reads: &[(&Producer, u8)]) -> String {
        match (self.name, reads) {
            (0, [(producer, _), ..]) if service == TOKEN => {
                format!("n-{tag}-${{{}}}", producer.output(0))
            }
            (1, _) => format!("n-{tag}-${{stage}}-${{var.who}}"),
            _ => format!("n-{tag}"),
        }
    }

    fn params(
        &self,
        service: &str,
        name: &str,
        is_external: bool,
        reads: &[(&Producer, u8)],
    ) -> Value {
        let content = self.content(reads);
        let fixed = self.fixed(reads);
        match service {
            FILE if is_external => json!({ "path": format!("foreign/{name}"), "content": content }),
            // The path follows the name, so that no two tags ever want one path.
            FILE => json!({ "path": format!("{name}-{}", self.fixed % 2), "content": content }),
            DATABASE => json!({ "region": fixed, "content": content }),
            TOKEN => json!({ "scope": fixed, "content": content }),
            SERVER => json!({ "image": fixed, "content": content }),
            _ => json!({ "content": content }),
        }
    }

    fn content(&self, reads: &[(&Producer, u8)]) -> Value {
        let read: Vec<Value> = reads
            .iter()
            .map(|(producer, how)| {
                let output = producer.output(how / 4);
                match how % 4 {
                    0 => json!(format!("@{output}")),
                    1 => json!(format!("<${{{output}}}> $${{x}}")),
                    2 => json!({ "deep": [{ "er": format!("@{output}") }, 1.5, null] }),
                    _ => json!([format!("${{{output}}}/${{var.size}}/${{{output}}}"), true]),
                }
            })
            .collect();
        let mut content = json!({ "value": self.content % 4, "read": read });
        match self.content % 7 {
            0 => content["env"] = json!("key ${env.KEY}"),
            1 => content["size"] = json!("${var.size}"),
            2 => content["escaped"] = json!("@@not.read"),
            _ => {}
        }
        content
    }

    /// What cannot change in place reads at most an id, which only a replacement changes: anything
    /// else can force a replacement that shows when its producer is there, in the next plan.
    fn fixed(&self, reads: &[(&Producer, u8)]) -> String {
        let with_id = reads.iter().find(|(producer, _)| producer.service != FILE);
        match (self.fixed, with_id) {
            (0 | 1, Some((producer, _))) => format!("@{}.id", producer.reference),
            (2, Some((producer, _))) => format!("in ${{{}.id}}", producer.reference),
            _ => format!("fixed-{}", self.fixed % 2),
        }
    }
}
