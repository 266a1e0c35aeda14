//! Which operations a collection's things are made, read, changed and removed with.

use serde_json::Value;

use super::sample::{self, sample};
use super::toml::snake;
use super::{DraftError, Wanted};
use crate::openapi::description::{ANYTHING, Description};
use crate::openapi::operation::{Operation, Parameter};
use crate::openapi::schema::Schema;

/// The operations of a collection.
pub(super) struct Plan<'a> {
    pub(super) create: Operation<'a>,
    pub(super) read: Operation<'a>,
    pub(super) delete: Operation<'a>,
    pub(super) list: Option<Operation<'a>>,
    pub(super) update: Option<Operation<'a>>,
    /// What has to be known besides the thing's own id.
    pub(super) anchors: Vec<Anchor<'a>>,
    /// The parameter of the path that is the thing's own.
    pub(super) own: String,
    /// The parameters of the path of a thing that only the thing itself tells.
    pub(super) outer: Vec<Outer<'a>>,
    /// Whether the path of a thing is not below that of its collection.
    is_elsewhere: bool,
    /// The schema of what is not described.
    pub(super) anything: Schema<'a>,
}

/// Something a request cannot be made without: a parent's id, an account.
pub(super) struct Anchor<'a> {
    /// Its name in the manifest.
    pub(super) key: String,
    /// Whether it is a value of the provider and no param.
    pub(super) is_provider: bool,
    /// What it may be.
    pub(super) schema: Schema<'a>,
}

/// A parameter of a path that the object tells.
pub(super) struct Outer<'a> {
    /// Its name in the manifest.
    pub(super) key: String,
    /// What it may be.
    pub(super) schema: Schema<'a>,
}

/// What a request says besides its body.
pub(super) struct Line {
    /// Method and path.
    pub(super) request: String,
    /// Its required query parameters, by name.
    pub(super) query: Vec<(String, String)>,
    /// Its required headers, by name.
    pub(super) headers: Vec<(String, String)>,
}

/// What is the same for everything of a user begins with one of these.
const OF_PROVIDERS: [&str; 4] = ["account", "organi", "tenant", "team"];

impl<'a> Plan<'a> {
    /// The operations of the collection that is wanted.
    pub(super) fn of(
        description: &'a Description,
        wanted: &Wanted<'_>,
    ) -> Result<Self, DraftError> {
        let path = wanted.path.trim_end_matches('/');
        let create = find(description, "post", path, false)
            .ok_or_else(|| DraftError::NoCreate(path.to_owned(), near(description, path)))?;
        let item = |method: &str| match wanted.item_path {
            Some(path) => find(description, method, path.trim_end_matches('/'), false),
            None => find(description, method, create.path, true),
        };
        let needed = |method: &str| {
            item(method).ok_or_else(|| missing(description, method, wanted, &create))
        };
        let (read, delete) = (needed("get")?, needed("delete")?);
        let mut plan = Self {
            create,
            list: find(description, "get", create.path, false),
            update: ["patch", "put", "post"].iter().find_map(|method| item(method)),
            own: names_in(read.path).pop().unwrap_or_default(),
            read,
            delete,
            anchors: Vec::new(),
            outer: Vec::new(),
            is_elsewhere: wanted.item_path.is_some(),
            anything: description.schema(&ANYTHING),
        };
        if plan.create.fields().is_none() && plan.create.body().is_some_and(|body| body.required) {
            return Err(DraftError::OtherBody(plan.create.label()));
        }
        plan.anchors = plan.anchors_needed();
        plan.outer = plan.outer_needed();
        Ok(plan)
    }

    /// What the path of a thing asks for, and that of its collection does not.
    fn outer_needed(&self) -> Vec<Outer<'a>> {
        if !self.is_elsewhere {
            return Vec::new();
        }
        let parameters = self.read.parameters();
        let names = names_in(self.read.path).into_iter();
        let is_outer = |name: &String| *name != self.own && !self.has_anchor(&snake(name));
        let outer = names.filter(is_outer).map(|name| {
            let is_it = |p: &&Parameter<'_>| p.place == "path" && p.name == name;
            let schema = parameters.iter().find(is_it).map(|parameter| parameter.schema.clone());
            let schema = schema.unwrap_or_else(|| self.anything.clone());
            Outer { key: snake(&name), schema }
        });
        outer.collect()
    }

    fn has_anchor(&self, key: &str) -> bool {
        self.anchors.iter().any(|anchor| anchor.key == key)
    }

    /// The parents that are a part of the id: not those that are needed to make a thing only.
    pub(super) fn parents(&self) -> impl Iterator<Item = &str> {
        let in_item: Vec<String> = names_in(self.read.path).iter().map(|n| snake(n)).collect();
        let in_create: Vec<String> = names_in(self.create.path).iter().map(|n| snake(n)).collect();
        let is_part = move |anchor: &&Anchor<'a>| {
            let is_of_create = in_create.contains(&anchor.key) && !in_item.contains(&anchor.key);
            !(anchor.is_provider || self.is_elsewhere && is_of_create)
        };
        self.anchors.iter().filter(is_part).map(|anchor| anchor.key.as_str())
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = Operation<'a>> {
        let always = [self.create, self.read, self.delete];
        always.into_iter().chain(self.list).chain(self.update)
    }

    fn anchors_needed(&self) -> Vec<Anchor<'a>> {
        let mut anchors: Vec<Anchor<'a>> = Vec::new();
        let mut add = |name: &str, schema: Schema<'a>| {
            let key = snake(name);
            if !anchors.iter().any(|anchor| anchor.key == key) {
                let is_provider = OF_PROVIDERS.iter().any(|word| key.starts_with(word));
                anchors.push(Anchor { key, is_provider, schema });
            }
        };
        let parameters = self.create.parameters();
        for name in names_in(self.create.path) {
            let is_it = |p: &&Parameter<'_>| p.place == "path" && p.name == name;
            let schema = parameters.iter().find(is_it).map(|parameter| parameter.schema.clone());
            add(&name, schema.unwrap_or_else(|| self.anything.clone()));
        }
        for operation in self.operations() {
            for parameter in operation.parameters() {
                if is_asked(&parameter, &operation) && literal(&parameter).is_none() {
                    add(parameter.name, parameter.schema.clone());
                }
            }
        }
        anchors
    }

    /// Whether an id has several parts.
    pub(super) fn has_parts(&self) -> bool {
        self.parents().next().is_some() || !self.outer.is_empty()
    }

    /// The name of the part of the id that is the thing's own.
    pub(super) fn own_part(&self) -> String {
        let is_taken =
            |key: &str| self.has_anchor(key) || self.outer.iter().any(|outer| outer.key == key);
        let own = if self.is_elsewhere { snake(&self.own) } else { "id".to_owned() };
        if is_taken(&own) { "own".to_owned() } else { own }
    }

    /// An operation as a manifest writes it.
    pub(super) fn line(&self, operation: &Operation<'a>) -> Line {
        let is_item = skeleton(operation.path, false) == skeleton(self.read.path, false);
        let anchor = |key: &str| match self.anchors.iter().find(|anchor| anchor.key == key) {
            Some(anchor) if anchor.is_provider => format!("{{{{ provider.{key} }}}}"),
            None if is_item => format!("{{{{ id.{key} }}}}"),
            _ if is_item => format!("{{{{ id.{key} }}}}"),
            _ => format!("{{{{ params.{key} }}}}"),
        };
        let own = match self.has_parts() {
            true => format!("{{{{ id.{} }}}}", self.own_part()),
            false => "{{ id }}".to_owned(),
        };
        let parents = names_in(self.create.path);
        let mut path = operation.path.to_owned();
        for (place, name) in names_in(operation.path).into_iter().enumerate() {
            let text = match parents.get(place) {
                _ if is_item && self.is_elsewhere && name == self.own => own.clone(),
                _ if is_item && self.is_elsewhere => anchor(&snake(&name)),
                Some(parent) => anchor(&snake(parent)),
                None => own.clone(),
            };
            path = path.replacen(&format!("{{{name}}}"), &text, 1);
        }
        let asked = |place: &str| {
            let parameters = operation.parameters().into_iter();
            let asked = parameters.filter(|p| p.place == place && is_asked(p, operation));
            asked
                .map(|parameter| {
                    let value =
                        literal(&parameter).unwrap_or_else(|| anchor(&snake(parameter.name)));
                    (parameter.name.to_owned(), value)
                })
                .collect()
        };
        let method = operation.label();
        let method = method.split(' ').next().unwrap_or_default();
        let request = format!("{method} {}", path.trim_end_matches('/'));
        Line { request, query: asked("query"), headers: asked("header") }
    }

    /// The last word of the path, e.g. `droplets`.
    pub(super) fn thing(&self) -> &'a str {
        let mut segments = self.create.path.split('/');
        let named = segments.rfind(|segment| !segment.is_empty() && !segment.contains('{'));
        named.unwrap_or("thing")
    }
}

/// Whether a parameter has to be sent, and is no credential.
fn is_asked(parameter: &Parameter<'_>, operation: &Operation<'_>) -> bool {
    const OF_HTTP: [&str; 4] = ["accept", "content-type", "content-length", "user-agent"];
    let name = parameter.name.to_ascii_lowercase();
    let is_header = parameter.place == "header"
        && !OF_HTTP.contains(&name.as_str())
        && !operation.auth_headers().contains(&name);
    let is_query = parameter.place == "query" && !operation.auth_query().contains(&name);
    parameter.required && (is_query || is_header)
}

/// What a required parameter may simply be.
fn literal(parameter: &Parameter<'_>) -> Option<String> {
    let shapes = parameter.schema.shapes();
    let shape = shapes.first()?;
    let is_known = shape.values().is_some()
        || shape.keyword("default").is_some()
        || sample::kind(&parameter.schema) == "boolean"
        || (parameter.place == "header" && parameter.schema.keyword("example").is_some());
    let value = sample(&parameter.schema, 0);
    let is_plain = !matches!(value, Value::Array(_) | Value::Object(_));
    (is_known && is_plain).then(|| provision::value::as_text(&value))
}

/// The operation at a collection's path, or below it; versions of paths may differ.
fn find<'a>(
    description: &'a Description,
    method: &str,
    path: &str,
    is_item: bool,
) -> Option<Operation<'a>> {
    let wanted = skeleton(path, is_item);
    let exact = format!("{path}/");
    let mut found: Vec<&str> = description
        .paths()
        .filter(|(known, item)| item.get(method).is_some() && skeleton(known, false) == wanted)
        .map(|(known, _)| known)
        .collect();
    // The same version first, then the newest.
    found.sort_by_key(|known| (!(*known == path || known.starts_with(&exact)), *known));
    let same = found.first().filter(|known| **known == path || known.starts_with(&exact));
    description.operation(method, same.or(found.last())?)
}

/// A path without the names of its parameters and without its version.
fn skeleton(path: &str, with_item: bool) -> Vec<String> {
    let is_version =
        |segment: &str| segment.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
    let plain = |segment: &str| if segment.contains('{') { "{}" } else { segment }.to_owned();
    let segments = path.split('/').filter(|segment| !segment.is_empty() && !is_version(segment));
    segments.map(plain).chain(with_item.then(|| "{}".to_owned())).collect()
}

/// The names of a path's parameters.
fn names_in(path: &str) -> Vec<String> {
    let parts = path.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name.to_owned())).collect()
}

fn missing(
    description: &Description,
    method: &str,
    wanted: &Wanted<'_>,
    create: &Operation<'_>,
) -> DraftError {
    let method = method.to_ascii_uppercase();
    match wanted.item_path {
        Some(path) => DraftError::NoItem(method, path.to_owned(), None),
        None => {
            let guess = elsewhere(description, create);
            DraftError::NoItem(method, format!("{}/{{…}}", create.path), guess)
        }
    }
}

/// Where what `create` answers is read and removed, as far as the same schema tells.
fn elsewhere(description: &Description, create: &Operation<'_>) -> Option<String> {
    let made = create.success()?;
    let made = made.first()?;
    let is_same = |path: &str| {
        let read = description.operation("get", path)?.success()?;
        let is_removed = description.operation("delete", path).is_some();
        (is_removed && path.ends_with('}')).then(|| read.iter().any(|read| read.is_same(made)))
    };
    let paths = description.paths().map(|(path, _)| path);
    let fitting = paths.filter(|path| is_same(path) == Some(true));
    // The same word in the path, and as few parameters as can be.
    let word = create.path.rsplit('/').find(|part| !part.is_empty() && !part.contains('{'));
    let key = |path: &&str| {
        let is_near = word.is_some_and(|word| path.split('/').any(|part| part == word));
        (!is_near, path.matches('{').count(), path.len())
    };
    fitting.min_by_key(key).map(str::to_owned)
}

/// Collections with a path much like this one.
fn near(description: &Description, path: &str) -> String {
    let collections = description.paths().filter(|(_, item)| item.get("post").is_some());
    let names: Vec<&str> = collections.map(|(path, _)| path).collect();
    let word = path.split('/').rfind(|segment| !segment.is_empty() && !segment.contains('{'));
    let close = provision::name::closest(path, names.iter().copied());
    let alike = || {
        let word = word?;
        names.iter().copied().find(|name| name.contains(word.trim_end_matches('s')))
    };
    match close.or_else(alike) {
        Some(close) => format!("; did you mean `{close}`?"),
        None => String::new(),
    }
}
