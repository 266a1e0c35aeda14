//! Expressions over answers and objects: whether what they name is described.

use super::composed::{Composed, composed};
use super::{Linter, suggestion};
use crate::manifest::{Body, Part, Request, Template};
use crate::openapi::schema::{Reach, Schema, items_of, reach};

/// What is known of a value: it is one of these.
#[derive(Clone)]
pub(super) struct Seen<'a> {
    /// What it may be.
    schemas: Vec<Schema<'a>>,
    /// Fields that the manifest adds, with what is known of them.
    added: Vec<(String, Option<Self>)>,
    /// The operation that answers it.
    of: String,
    /// The place in the answer, e.g. `read.response.droplet`.
    place: String,
}

/// What the names mean at some place of a manifest; `None` where nothing is known.
#[derive(Clone)]
pub(super) struct Scene<'a> {
    /// The place.
    pub(super) at: String,
    /// `response`.
    pub(super) response: Option<Seen<'a>>,
    /// `object`.
    pub(super) object: Option<Seen<'a>>,
    /// Whether a step said what the object is.
    pub(super) has_object: bool,
    /// `saved`.
    pub(super) saved: Vec<(String, Option<Seen<'a>>)>,
    /// Params that are certainly there.
    pub(super) given: Vec<String>,
}

/// Where a path of names leads.
enum Step<'a> {
    To(Seen<'a>),
    Anywhere,
    Nowhere(String, Vec<String>),
}

impl<'a> Seen<'a> {
    /// The answer to a request of the verb `at`.
    pub(super) fn new(schemas: Vec<Schema<'a>>, of: String, at: &str) -> Self {
        Self { schemas, added: Vec::new(), of, place: format!("{at}.response") }
    }

    /// The items of a list.
    pub(super) fn items(self) -> Option<Self> {
        items_of(&self.schemas).map(|schemas| Self { schemas, ..self })
    }

    /// The operation that answers it.
    pub(super) fn of(&self) -> &str {
        &self.of
    }

    /// The types it may have; none when it may have any.
    pub(super) fn kinds(&self) -> Vec<&'a str> {
        let mut kinds = Vec::new();
        for shape in self.schemas.iter().flat_map(Schema::shapes) {
            if shape.types().is_empty() {
                return Vec::new();
            }
            kinds.extend(shape.types().into_iter().filter(|kind| *kind != "null"));
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    fn step(&self, segments: &[&str]) -> Step<'a> {
        let Some((first, rest)) = segments.split_first() else { return Step::To(self.clone()) };
        match self.added.iter().find(|(name, _)| name == first) {
            Some((_, Some(seen))) => return seen.step(rest),
            Some((_, None)) => return Step::Anywhere,
            None => {}
        }
        match reach(&self.schemas, segments) {
            Reach::Anything => Step::Anywhere,
            Reach::Missing(segment, names) => {
                let added = self.added.iter().map(|(name, _)| name.clone());
                Step::Nowhere(segment, names.into_iter().map(str::to_owned).chain(added).collect())
            }
            Reach::Schemas(schemas) => {
                let place = format!("{}.{}", self.place, segments.join("."));
                Step::To(Self { schemas, added: Vec::new(), of: self.of.clone(), place })
            }
        }
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(at: &str) -> Self {
        Self {
            at: at.to_owned(),
            response: None,
            object: None,
            has_object: false,
            saved: Vec::new(),
            given: Vec::new(),
        }
    }

    /// What the root of a path is, and the segments after it; `None` when it is neither an answer
    /// nor an object.
    fn root<'p>(&self, path: &'p str) -> Option<(Option<&Seen<'a>>, Vec<&'p str>)> {
        let mut segments = path.split('.');
        let seen = match segments.next()? {
            "response" => self.response.as_ref(),
            "object" => self.object.as_ref(),
            "saved" => {
                let name = segments.next()?;
                self.saved.iter().rev().find(|(known, _)| known == name)?.1.as_ref()
            }
            _ => return None,
        };
        Some((seen, segments.collect()))
    }

    /// The segment of a path that is not there, and the names that are; nothing where it may lead
    /// somewhere.
    pub(super) fn missing(&self, path: &str) -> Option<(String, Vec<String>)> {
        let (seen, segments) = self.root(path)?;
        match seen?.step(&segments) {
            Step::Nowhere(segment, names) => Some((segment, names)),
            Step::To(_) | Step::Anywhere => None,
        }
    }

    /// What a template leads to, when it is a plain path or put together of such.
    pub(super) fn follow(&self, template: &Template) -> Option<Seen<'a>> {
        self.follow_text(template.single()?)
    }

    fn follow_text(&self, text: &str) -> Option<Seen<'a>> {
        if let Some(Composed { base, fields }) = composed(text) {
            let mut seen = match base {
                Some(base) => self.follow_text(base)?,
                None => Seen::new(Vec::new(), "the manifest".to_owned(), &self.at),
            };
            let added = fields.into_iter().map(|(name, value)| (name, self.follow_text(value)));
            seen.added.extend(added);
            return Some(seen);
        }
        let (path, is_item) = plain(text)?;
        let (seen, segments) = self.root(&path)?;
        let Step::To(reached) = seen?.step(&segments) else { return None };
        match is_item {
            true => reached.items(),
            false => Some(reached),
        }
    }
}

/// The path that an expression is, and whether it goes on to an item of what that leads to:
/// `response.result[0]`, `response.items | first`.
fn plain(text: &str) -> Option<(String, bool)> {
    let text = text.trim();
    let without = ["first", "last"]
        .iter()
        .find_map(|filter| text.strip_suffix(filter)?.trim_end().strip_suffix('|'));
    let mut rest = without.unwrap_or(text).trim_end();
    let mut is_item = without.is_some();
    let mut path = String::new();
    while let Some((before, behind)) = rest.split_once('[') {
        let (index, after) = behind.split_once(']')?;
        if index.is_empty() || !index.trim_start_matches('-').chars().all(|c| c.is_ascii_digit()) {
            return None;
        }
        path.push_str(before);
        is_item |= after.is_empty();
        rest = after;
    }
    path.push_str(rest);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    path.chars().all(is_plain).then_some((path, is_item))
}

impl<'a> Linter<'a> {
    /// The expressions in what a request sends.
    pub(super) fn sent_paths(&mut self, request: &'a Request, scene: &Scene<'a>) {
        self.paths(&request.path, &format!("{}.request", scene.at), scene);
        for (field, tree) in [("query", &request.query), ("headers", &request.headers)] {
            for template in tree.iter().flat_map(|tree| tree.templates()) {
                self.paths(template, &format!("{}.{field}", scene.at), scene);
            }
        }
        let at = format!("{}.{}", scene.at, super::request::field_of(&request.body));
        let templates = match &request.body {
            Body::Empty => Vec::new(),
            Body::Json(tree) | Body::Form(tree) => tree.templates(),
            Body::Multipart(parts) => {
                let parts = parts.iter().flat_map(|(_, part)| [&part.value, &part.file]);
                parts.flatten().collect()
            }
            Body::Raw(template, _) | Body::File(template, _) => vec![template],
        };
        for template in templates {
            self.paths(template, &at, scene);
        }
    }

    /// Whether every path of a template leads somewhere.
    pub(super) fn paths(&mut self, template: &Template, at: &str, scene: &Scene<'a>) {
        for part in template.parts() {
            let Part::Expression { text, .. } = part else { continue };
            let mut lost: Option<String> = None;
            for name in super::paths::paths(self.language, text) {
                // What is not there holds nothing either.
                if lost.as_ref().is_some_and(|lost| name.starts_with(lost)) {
                    continue;
                }
                if !self.path(&name, (template, at), scene) {
                    lost = Some(format!("{name}."));
                }
            }
        }
    }

    /// Whether one path may lead somewhere.
    fn path(&mut self, path: &str, (template, at): (&Template, &str), scene: &Scene<'a>) -> bool {
        let Some((seen, segments)) = scene.root(path).filter(|(_, rest)| !rest.is_empty()) else {
            return true;
        };
        self.report.paths += 1;
        let Some(seen) = seen else {
            self.report.skipped += 1;
            return true;
        };
        let (segment, names) = match seen.step(&segments) {
            Step::To(_) => return true,
            Step::Anywhere => {
                self.report.open += 1;
                return true;
            }
            Step::Nowhere(segment, names) => (segment, names),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!(
            "`{path}` leads nowhere: what `{}` answers has no `{segment}` there. {}",
            seen.of,
            suggestion(&segment, &names)
        );
        let at = format!("{at}.{path}");
        let mut finding = self.finding("unknown-response", at, message, template.span);
        finding.answer = Some(format!("{}.{}", seen.place, segments.join(".")));
        self.report.findings.push(finding);
        false
    }
}
