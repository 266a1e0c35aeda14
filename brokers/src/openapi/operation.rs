//! One operation of a description: what it takes and what it answers.

use std::collections::HashSet;

use serde_json::Value;

use super::description::Description;
use super::schema::Schema;

/// An operation.
#[derive(Clone, Copy)]
pub(super) struct Operation<'a> {
    description: &'a Description,
    /// The path as the description writes it.
    pub(super) path: &'a str,
    method: &'static str,
    item: &'a Value,
    node: &'a Value,
}

/// A parameter outside of the body.
pub(super) struct Parameter<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// `query`, `header`, `path` or `cookie`.
    pub(super) place: &'a str,
    /// Whether it has to be sent.
    pub(super) required: bool,
    /// What it may be.
    pub(super) schema: Schema<'a>,
}

/// What an operation takes as its body.
pub(super) struct Taken<'a> {
    /// Whether it has to be sent.
    pub(super) required: bool,
    /// The types it may have, each with what it may be.
    pub(super) contents: Vec<(&'a str, Option<Schema<'a>>)>,
}

impl<'a> Operation<'a> {
    pub(super) fn new(
        description: &'a Description,
        method: &str,
        path: &'a str,
        item: &'a Value,
    ) -> Option<Self> {
        let method = super::description::METHODS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))?;
        Some(Self { description, path, method, item, node: item.get(method)? })
    }

    /// Its method and path.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.path)
    }

    /// Its parameters; its own ones hide those of the path.
    pub(super) fn parameters(&self) -> Vec<Parameter<'a>> {
        let all = [self.node, self.item].into_iter();
        let all = all.filter_map(|node| node.get("parameters")?.as_array()).flatten();
        let mut seen = HashSet::new();
        let mut parameters = Vec::new();
        for node in all.map(|node| self.description.resolve(node)) {
            let text = |key: &str| node.get(key).and_then(Value::as_str);
            let (Some(name), Some(place)) = (text("name"), text("in")) else { continue };
            if seen.insert((name, place)) {
                let required = node.get("required") == Some(&Value::Bool(true));
                let schema = self.description.schema(self.parameter_schema(node));
                parameters.push(Parameter { name, place, required, schema });
            }
        }
        parameters
    }

    /// Swagger 2.0 writes the schema's fields into the parameter.
    fn parameter_schema(&self, node: &'a Value) -> &'a Value {
        let contents = node.get("content").and_then(Value::as_object);
        let content = contents.and_then(|contents| contents.values().next()?.get("schema"));
        node.get("schema").or(content).unwrap_or(node)
    }

    /// The body it takes.
    pub(super) fn body(&self) -> Option<Taken<'a>> {
        let body = self.description.resolve(self.node.get("requestBody")?);
        let required = body.get("required") == Some(&Value::Bool(true));
        let contents = body.get("content").and_then(Value::as_object).into_iter().flatten();
        let contents = contents.map(|(kind, content)| {
            let schema = content.get("schema").map(|schema| self.description.schema(schema));
            (kind.as_str(), schema)
        });
        Some(Taken { required, contents: contents.collect() })
    }

    /// What it takes as JSON or a form, and which of the two.
    pub(super) fn fields(&self) -> Option<(&'static str, Schema<'a>)> {
        let mut contents = self.body()?.contents.into_iter();
        contents.find_map(|(kind, schema)| match kind {
            kind if is_json(kind) => Some(("body", schema?)),
            kind if kind.contains("form-urlencoded") => Some(("form", schema?)),
            _ => None,
        })
    }

    /// A whole body that it takes, where one is shown.
    pub(super) fn example(&self) -> Option<&'a Value> {
        let body = self.description.resolve(self.node.get("requestBody")?);
        let contents = body.get("content").and_then(Value::as_object)?;
        let (_, content) = contents.iter().find(|(kind, _)| is_json(kind))?;
        let several = || {
            let first = content.get("examples")?.as_object()?.values().next()?;
            self.description.resolve(first).get("value")
        };
        let of_schema = || self.description.schema(content.get("schema")?).keyword("example");
        content.get("example").or_else(several).or_else(of_schema).filter(|shown| shown.is_object())
    }

    /// What it answers when all is well; `None` when that is not said.
    pub(super) fn success(&self) -> Option<Vec<Schema<'a>>> {
        self.answers(|status| status.starts_with('2'))
            .or_else(|| self.answers(|status| status == "default"))?
    }

    /// What it answers when something is wrong; `None` when that is not said.
    pub(super) fn failure(&self) -> Option<Vec<Schema<'a>>> {
        self.answers(|status| status.starts_with(['4', '5']) || status == "default")?
    }

    /// The schemas of some answers: none where no answer is of that kind, and nothing certain where
    /// one may be anything.
    fn answers(&self, is_meant: impl Fn(&str) -> bool) -> Option<Option<Vec<Schema<'a>>>> {
        let responses = self.node.get("responses").and_then(Value::as_object);
        let mut meant =
            responses.into_iter().flatten().filter(|(status, _)| is_meant(status)).peekable();
        meant.peek()?;
        let mut schemas = Vec::new();
        for (_, response) in meant {
            let response = self.description.resolve(response);
            let contents = response.get("content").and_then(Value::as_object);
            let Some(contents) = contents.filter(|contents| !contents.is_empty()) else { continue };
            let json = contents.iter().find(|(kind, _)| is_json(kind));
            let schema = json.and_then(|(_, content)| content.get("schema"));
            let Some(schema) = schema else { return Some(None) };
            schemas.push(self.description.schema(schema));
        }
        Some((!schemas.is_empty()).then_some(schemas))
    }

    /// Whether an answer is described to have a header, given in lower case.
    pub(super) fn answers_header(&self, name: &str) -> bool {
        let responses = self.node.get("responses").and_then(Value::as_object);
        let good = responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
        let headers = good
            .map(|(_, response)| self.description.resolve(response))
            .filter_map(|response| response.get("headers")?.as_object());
        headers.flatten().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Which schemes it needs, where it says so itself.
    pub(super) fn security(&self) -> Option<&'a Value> {
        self.node.get("security")
    }

    /// The headers that authenticate, in lower case.
    pub(super) fn auth_headers(&self) -> Vec<String> {
        self.auth_names("header").chain(["authorization".to_owned()]).collect()
    }

    /// The query parameters that authenticate, in lower case.
    pub(super) fn auth_query(&self) -> Vec<String> {
        self.auth_names("query").collect()
    }

    fn auth_names(&self, place: &'static str) -> impl Iterator<Item = String> {
        self.description.security_schemes().filter_map(move |(_, scheme)| {
            let is_there = scheme.get("in").and_then(Value::as_str) == Some(place);
            let name = scheme.get("name").and_then(Value::as_str);
            name.filter(|_| is_there).map(str::to_ascii_lowercase)
        })
    }
}

/// Whether a type is one of JSON, or any.
pub(super) fn is_json(kind: &str) -> bool {
    kind.contains("json") || kind == "*/*" || kind == "application/*"
}
