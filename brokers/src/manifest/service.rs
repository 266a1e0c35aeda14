//! What the file of a service says: params, verbs, outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use provision::broker::{KINDS, OnChange, ParamType, ReplaceOrder};
use provision::diagnostic::{Diagnostic, Span};
use provision::name::closest;
use provision::text::{Entry, Node};
use serde_json::Value;

use super::fields::{Fields, Problems};
use super::request::{Request, Verb};
use super::template::{Template, Tree};

/// A service as its manifest describes it.
#[derive(Clone, Debug)]
pub struct Service {
    /// The id: `cloudflare-d1`.
    pub id: String,
    /// One sentence about it.
    pub description: String,
    /// Where its instances appear in the universal tables.
    pub kind: String,
    /// Its documentation.
    pub docs: Option<String>,
    /// Whether instances hold data; `None` as the kind says.
    pub stateful: Option<bool>,
    /// How long an operation may take.
    pub deadline: Duration,
    /// In which order a replacement happens; `None` as the name decides.
    pub replace: Option<ReplaceOrder>,
    /// What a name may be.
    pub name: NameRule,
    /// The params, in the order written.
    pub params: Vec<ParamRule>,
    /// Groups of params; of each group at least one has to be given.
    pub any_of: Vec<Vec<String>>,
    /// How an instance id is made.
    pub id_rule: IdRule,
    /// The verbs by name, see [`VERBS`].
    pub verbs: BTreeMap<&'static str, Verb>,
    /// When it is ready.
    pub wait: Option<Wait>,
    /// How `find` tells it.
    pub found_by: Option<FoundBy>,
    /// Whether an object that `find` found bears our mark.
    pub ours: Option<Template>,
    /// Whether a removal is done only when `read` says it is gone.
    pub until_gone: bool,
    /// Whether what acts is done for one instance at a time: they write something they share.
    pub exclusive: bool,
    /// Params whose change makes what is shown once anew.
    pub recover_on: Vec<String>,
    /// The outputs, in the order written.
    pub outputs: Vec<OutputRule>,
    /// An instance that works.
    pub example: Example,
    /// Where the file's text is.
    pub span: Span,
}

/// The verbs a manifest may describe.
pub const VERBS: [&str; 8] =
    ["create", "read", "find", "list", "update", "configure", "delete", "recover"];

/// What an instance's name may be.
#[derive(Clone, Debug)]
pub struct NameRule {
    /// One sentence about it.
    pub description: Option<String>,
    /// The regular expression that the whole of it must match.
    pub pattern: Option<String>,
    /// Its least and greatest length.
    pub bounds: Option<(i64, i64)>,
    /// Whether the provider allows one object of a name only.
    pub unique: bool,
    /// What a changed name means.
    pub on_change: OnChange,
    /// How the provider shows it.
    pub read: Option<Template>,
}

/// A param.
#[derive(Clone, Debug)]
pub struct ParamRule {
    /// What the engine knows of it.
    pub param: provision::broker::Param,
    /// How the provider shows it.
    pub read: Option<Template>,
    /// The values the provider knows.
    pub known: Option<Known>,
    /// Whether its files are uploaded.
    pub is_folder: bool,
    /// Where it is written.
    pub span: Span,
}

/// A list of values that the provider knows.
#[derive(Clone, Debug)]
pub struct Known {
    /// The request that answers it.
    pub request: Request,
    /// The values in the answer.
    pub values: Template,
}

/// How an instance id is made.
#[derive(Clone, Debug)]
pub struct IdRule {
    /// What the id looks like, with `{part}`; `{id}` where it has one part only.
    pub format: String,
    /// The parts and their expressions.
    pub parts: Vec<(String, Template)>,
    /// Where it is written.
    pub span: Span,
}

/// When an instance is ready.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The request that tells, instead of `read`.
    pub request: Option<Verb>,
    /// True when it is.
    pub ready: Template,
    /// True, or a text, when it never will be.
    pub failed: Option<Template>,
    /// Between two questions.
    pub interval: Duration,
}

/// What an object is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// Our mark on it.
    Marker,
    /// Its name, which is the provider's only one.
    Name,
    /// Its id, which follows from params and name.
    Id,
    /// What it says.
    Content,
}

/// An output.
#[derive(Clone, Debug)]
pub struct OutputRule {
    /// Its key.
    pub key: String,
    /// One sentence about it.
    pub description: String,
    /// Its type, for people.
    pub kind: String,
    /// Its value.
    pub value: Template,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Whether only the answer to create shows it.
    pub once: bool,
    /// Where it is written.
    pub span: Span,
}

/// An instance that works.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// Its name.
    pub name: Option<String>,
    /// Its params.
    pub params: serde_json::Map<String, Value>,
    /// The whole object as the provider shows it.
    pub object: Option<Tree>,
    /// What the answer to create has besides.
    pub created: Option<Tree>,
    /// How it differs while it is not ready.
    pub pending: Option<Tree>,
    /// By param: how it differs when somebody edited that param.
    pub edits: BTreeMap<String, Tree>,
    /// Answers to requests that are about something else.
    pub answers: Vec<Answer>,
    /// Its params with their places; `None` where there are none.
    pub written: Option<Node>,
    /// The params of `edits`, and where they are written.
    pub edited: Vec<(String, Span)>,
    /// Where it is written, when it is.
    pub span: Option<Span>,
}

/// An answer to a request that is not about the object.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Method and path; a segment `*` stands for any.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub response: Tree,
}

impl Wait {
    /// Every template in it.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        let mut all = self.request.as_ref().map(Verb::templates).unwrap_or_default();
        all.push(&self.ready);
        all.extend(&self.failed);
        all
    }
}

impl FoundBy {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marker => "marker",
            Self::Name => "name",
            Self::Id => "id",
            Self::Content => "content",
        }
    }
}

impl Service {
    pub(super) fn read(id: &str, node: &Node, problems: &Problems) -> Self {
        let fields = Fields::of(node, "a service", problems);
        for key in ["description", "kind", "id"] {
            fields.required(key);
        }
        let (mut until_gone, mut found_by, mut recover_on) = (false, None, Vec::new());
        let mut ours = None;
        let mut verbs = BTreeMap::new();
        for key in VERBS {
            let is_required = matches!(key, "create" | "read" | "delete");
            if is_required && fields.required(key).is_none() {
                continue;
            }
            let Some(table) = fields.table(key, key) else { continue };
            if let Some(verb) = Verb::read(&table) {
                verbs.insert(key, verb);
            }
            match key {
                "delete" => until_gone = table.flag("until_gone").unwrap_or(false),
                "find" => {
                    found_by = table.word("by", FOUND_BY);
                    ours = table.template("ours");
                }
                "recover" => recover_on = table.texts("on"),
                _ => {}
            }
            table.done();
        }
        let changes = verbs.contains_key("update") || verbs.contains_key("configure");
        let on_change = if changes { OnChange::Update } else { OnChange::Replace };
        let outputs = fields.tables("outputs", "an output");
        let params = fields.tables("params", "a param");
        let service = Self {
            id: id.to_owned(),
            description: fields.text("description").unwrap_or_default(),
            kind: kind(&fields),
            docs: fields.text("docs"),
            stateful: fields.flag("stateful"),
            deadline: Duration::from_secs(fields.count("deadline").unwrap_or(300)),
            replace: fields.word("replace", ORDERS),
            name: fields.table("name", "name").map(NameRule::read).unwrap_or_default(),
            params: params
                .into_iter()
                .map(|(entry, fields)| ParamRule::read(entry, fields, on_change))
                .collect(),
            any_of: any_of(&fields),
            id_rule: IdRule::read(&fields),
            wait: fields.table("wait", "wait").and_then(Wait::read),
            found_by,
            ours,
            until_gone,
            exclusive: fields.flag("exclusive").unwrap_or(false),
            recover_on,
            outputs: outputs
                .into_iter()
                .filter_map(|(entry, fields)| OutputRule::read(entry, fields))
                .collect(),
            example: fields.table("example", "example").map(Example::read).unwrap_or_default(),
            verbs,
            span: node.span,
        };
        fields.done();
        service
    }

    /// The verb of this name, when it is described.
    #[must_use]
    pub fn verb(&self, name: &str) -> Option<&Verb> {
        self.verbs.get(name)
    }

    /// The rule of a param.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&ParamRule> {
        self.params.iter().find(|rule| rule.param.name == name)
    }
}

pub(super) const FOUND_BY: &[(&str, FoundBy)] = &[
    ("marker", FoundBy::Marker),
    ("name", FoundBy::Name),
    ("id", FoundBy::Id),
    ("content", FoundBy::Content),
];

pub(super) const ORDERS: &[(&str, ReplaceOrder)] =
    &[("create_first", ReplaceOrder::CreateFirst), ("delete_first", ReplaceOrder::DeleteFirst)];

pub(super) const CHANGES: &[(&str, OnChange)] =
    &[("update", OnChange::Update), ("replace", OnChange::Replace), ("ignore", OnChange::Ignore)];

pub(super) const TYPES: &[(&str, ParamType)] = &[
    ("string", ParamType::String),
    ("integer", ParamType::Integer),
    ("number", ParamType::Number),
    ("boolean", ParamType::Boolean),
    ("list", ParamType::List),
    ("texts", ParamType::Texts),
    ("map", ParamType::Map),
    ("text_map", ParamType::TextMap),
    ("folder", ParamType::Path),
    ("file", ParamType::Path),
    ("any", ParamType::Any),
];

/// One of the kinds: a word that is none would silently end the protection of what holds data.
fn kind(fields: &Fields<'_>) -> String {
    let Some(kind) = fields.text_at("kind") else { return String::new() };
    let known = || KINDS.iter().map(|(kind, _)| *kind);
    if !known().any(|word| word == kind.value) {
        let help = match closest(&kind.value, known()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("Known kinds: {}.", known().collect::<Vec<_>>().join(", ")),
        };
        let summary = format!("`{}` is not a kind.", kind.value);
        fields.problem(Diagnostic::error("unknown-kind", summary).at(kind.span).help(help));
    }
    kind.value
}

fn bounds(fields: &Fields<'_>) -> Option<(i64, i64)> {
    let (min, max) = (fields.integer("min"), fields.integer("max"));
    (min.is_some() || max.is_some()).then(|| (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX)))
}

/// The groups of `any_of`.
fn any_of(fields: &Fields<'_>) -> Vec<Vec<String>> {
    let Some(node) = fields.node("any_of") else { return Vec::new() };
    let mut problems = provision::diagnostic::Diagnostics::default();
    let groups = provision::text::read::list(node, &mut problems);
    let texts = |group| provision::text::read::texts(group, &mut problems);
    let groups: Vec<_> = groups.iter().map(texts).collect();
    fields.problems_of(problems);
    let names = |group: Vec<provision::text::At<String>>| {
        group.into_iter().map(|name| name.value).collect()
    };
    groups.into_iter().map(names).collect()
}

/// The text of a regular expression that compiles.
fn pattern(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text_at("pattern")?;
    if let Err(error) = regex_lite::Regex::new(&format!("^(?:{})$", text.value)) {
        let summary = format!("`{}` is no regular expression: {error}.", text.value);
        fields.problem(Diagnostic::error("pattern", summary).at(text.span));
        return None;
    }
    Some(text.value)
}

impl NameRule {
    fn read(fields: Fields<'_>) -> Self {
        let rule = Self {
            description: fields.text("description"),
            pattern: pattern(&fields),
            bounds: bounds(&fields),
            unique: fields.flag("unique").unwrap_or(false),
            on_change: fields.word("on_change", CHANGES).unwrap_or(OnChange::Replace),
            read: fields.template("read"),
        };
        fields.done();
        rule
    }
}

impl Default for NameRule {
    fn default() -> Self {
        Self {
            description: None,
            pattern: None,
            bounds: None,
            unique: false,
            on_change: OnChange::Replace,
            read: None,
        }
    }
}

impl ParamRule {
    fn read(entry: &Entry, fields: Fields<'_>, standard: OnChange) -> Self {
        for key in ["type", "description"] {
            fields.required(key);
        }
        let word = fields.text("type").unwrap_or_default();
        let kind = fields.word("type", TYPES);
        let description = fields.text("description").unwrap_or_default();
        let mut param = provision::broker::Param::new(
            entry.key.clone(),
            kind.unwrap_or(ParamType::Any),
            description,
        );
        param.required = fields.flag("required").unwrap_or(false);
        param.default = fields.node("default").map(Node::to_value);
        param.allowed = match fields.node("enum").map(Node::to_value) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        param.pattern = pattern(&fields).map(Into::into);
        param.bounds = bounds(&fields);
        param.sensitive = fields.flag("sensitive").unwrap_or(false);
        param.on_change = fields.word("on_change", CHANGES).unwrap_or(standard);
        let known = fields.table("known", "known").and_then(Known::read);
        let read = fields.template("read");
        let span = entry.span;
        fields.done();
        // One without a type is a param all the same: what refers to it is no mistake.
        Self { param, read, known, is_folder: word == "folder", span }
    }
}

impl Known {
    fn read(fields: Fields<'_>) -> Option<Self> {
        fields.required("values");
        let known = Request::read(&fields)
            .zip(fields.template("values"))
            .map(|(request, values)| Self { request, values });
        fields.done();
        known
    }
}

impl IdRule {
    fn read(fields: &Fields<'_>) -> Self {
        let span = fields.node("id").map_or(fields.span(), |node| node.span);
        let whole = |part: Template| Self {
            format: "{id}".to_owned(),
            parts: vec![("id".to_owned(), part)],
            span,
        };
        match fields.node("id").map(|node| &node.kind) {
            Some(provision::text::Kind::Map(_)) => {}
            Some(_) => {
                return whole(fields.template("id").unwrap_or_default());
            }
            None => return whole(Template::default()),
        }
        let Some(table) = fields.table("id", "id") else {
            return whole(Template::default());
        };
        table.required("format");
        let format = table.text("format").unwrap_or_default();
        let mut parts = fields.templates("id");
        parts.retain(|(key, _)| key != "format");
        for (key, template) in &parts {
            if !format.contains(&format!("{{{key}}}")) {
                let summary = format!("The part `{key}` is not in the format `{format}`.");
                fields.problem(Diagnostic::error("id", summary).at(template.span));
            }
        }
        Self { format, parts, span }
    }

    /// Whether the id is one text and not several parts.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.format == "{id}"
    }
}

impl Wait {
    fn read(fields: Fields<'_>) -> Option<Self> {
        fields.required("ready");
        let request = match fields.node("request") {
            Some(_) => Verb::read(&fields),
            None => None,
        };
        let ready = fields.template("ready")?;
        let wait = Self {
            request,
            ready,
            failed: fields.template("failed"),
            interval: Duration::from_secs(fields.count("interval").unwrap_or(3).max(1)),
        };
        fields.done();
        Some(wait)
    }
}

impl OutputRule {
    fn read(entry: &Entry, fields: Fields<'_>) -> Option<Self> {
        for key in ["value", "description"] {
            fields.required(key);
        }
        let rule = Self {
            key: entry.key.clone(),
            description: fields.text("description").unwrap_or_default(),
            kind: fields.text("type").unwrap_or_else(|| "string".to_owned()),
            value: fields.template("value")?,
            sensitive: fields.flag("sensitive").unwrap_or(false),
            once: fields.flag("once").unwrap_or(false),
            span: entry.span,
        };
        fields.done();
        Some(rule)
    }
}

impl Example {
    fn read(fields: Fields<'_>) -> Self {
        let edits = match fields.tree("edits") {
            Some(Tree::Table(edits)) => edits.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let params = match fields.node("params").map(Node::to_value) {
            Some(Value::Object(params)) => params,
            _ => serde_json::Map::new(),
        };
        let example = Self {
            name: fields.text("name"),
            params,
            object: fields.tree("object"),
            created: fields.tree("created"),
            pending: fields.tree("pending"),
            edits,
            answers: fields
                .list("answers", "an answer")
                .into_iter()
                .filter_map(Answer::read)
                .collect(),
            written: fields.node("params").cloned(),
            edited: fields
                .node("edits")
                .map_or(&[][..], Node::entries)
                .iter()
                .map(|entry| (entry.key.clone(), entry.span))
                .collect(),
            span: Some(fields.span()),
        };
        fields.done();
        example
    }
}

impl Answer {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let answer = Self {
            request: fields.text("request")?,
            status: fields.count("status").and_then(|s| u16::try_from(s).ok()).unwrap_or(200),
            response: fields.tree("response").unwrap_or(Tree::Fixed(Value::Null)),
        };
        fields.done();
        Some(answer)
    }
}
