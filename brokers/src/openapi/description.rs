//! A provider's OpenAPI description: reading it, following its references, finding its operations.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::normalize;
use super::operation::Operation;
use super::schema::Schema;

/// What a reference that leads nowhere stands for: a schema that accepts everything.
pub(super) static ANYTHING: Value = Value::Bool(true);

/// The methods an operation may have.
pub(super) const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// Stands for an expression in a path.
pub(super) const HOLE: char = '\u{0}';

/// References may lead to references; further than this they lead in circles.
const MOST_REFERENCES: usize = 32;

/// A provider's description of its API.
#[derive(Debug)]
pub struct Description {
    root: Value,
    further: Option<Box<Self>>,
}

/// A text is no description.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is not YAML.
    #[error("it is not YAML: {0}")]
    Yaml(String),
    /// It is something else.
    #[error("it has no `openapi` or `swagger` version at its top, or no `paths`")]
    Other,
}

/// What a method and path lead to.
pub(super) enum Lookup<'a> {
    /// This operation.
    Found(Operation<'a>),
    /// A path without that method.
    OtherMethods(&'a str, Vec<String>),
    /// No path.
    Nothing,
}

/// What is looked for.
struct Request<'r> {
    method: &'r str,
    base_url: &'r str,
    path: &'r str,
}

/// A path that fits.
struct Place<'a> {
    description: &'a Description,
    score: usize,
    path: &'a str,
    item: &'a Value,
}

impl<'a> Place<'a> {
    fn operation(self, method: &str) -> Option<Operation<'a>> {
        Operation::new(self.description, method, self.path, self.item)
    }
}

impl Description {
    /// Reads a description of OpenAPI 3.0, 3.1 or Swagger 2.0, in JSON or YAML.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, DescriptionError> {
        let mut root = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text)?,
            false => yaml(text)?,
        };
        let is_description = (root.get("openapi").is_some() || root.get("swagger").is_some())
            && root.get("paths").is_some_and(Value::is_object);
        if !is_description {
            return Err(DescriptionError::Other);
        }
        normalize::normalize(&mut root);
        Ok(Self { root, further: None })
    }

    /// The same, and what it does not describe as `further` does.
    #[must_use]
    pub fn or(mut self, further: Self) -> Self {
        self.further = Some(Box::new(match self.further.take() {
            Some(known) => known.or(further),
            None => further,
        }));
        self
    }

    /// The name of the API.
    #[must_use]
    pub fn title(&self) -> &str {
        self.text("/info/title").unwrap_or("the API")
    }

    /// The version of the API that is described.
    #[must_use]
    pub fn version(&self) -> &str {
        self.text("/info/version").unwrap_or("unknown")
    }

    /// How many operations it describes.
    #[must_use]
    pub fn operation_count(&self) -> usize {
        let items = self.paths().map(|(_, item)| item);
        items.map(|item| METHODS.iter().filter(|method| item.get(**method).is_some()).count()).sum()
    }

    /// Every path at which something is made that can be read one by one.
    #[must_use]
    pub fn collections(&self) -> Vec<&str> {
        let all: Vec<(&str, &Value)> = self.paths().collect();
        let has_items = |path: &str| {
            all.iter().any(|(known, item)| {
                let rest = known.strip_prefix(path).and_then(|rest| rest.strip_prefix("/{"));
                let name = rest.and_then(|rest| rest.strip_suffix('}'));
                let is_item = name.is_some_and(|name| !name.contains(['{', '/']));
                is_item && item.get("get").is_some()
            })
        };
        let makes = all.iter().filter(|(path, item)| item.get("post").is_some() && has_items(path));
        makes.map(|(path, _)| *path).collect()
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.root.pointer(pointer)?.as_str()
    }

    pub(super) fn servers(&self) -> Vec<&str> {
        let servers = self.root.get("servers").and_then(Value::as_array);
        servers.into_iter().flatten().filter_map(|server| server.get("url")?.as_str()).collect()
    }

    pub(super) fn security_schemes(&self) -> impl Iterator<Item = (&String, &Value)> {
        let schemes = self.root.pointer("/components/securitySchemes").and_then(Value::as_object);
        schemes.into_iter().flatten().map(|(name, scheme)| (name, self.resolve(scheme)))
    }

    /// Which schemes a request needs: a list of ways, each an object of names.
    pub(super) fn security(&self) -> Option<&Value> {
        self.root.get("security")
    }

    /// Every path with what it holds.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &Value)> {
        let paths = self.root.get("paths").and_then(Value::as_object).into_iter().flatten();
        paths.map(|(path, item)| (path.as_str(), self.resolve(item)))
    }

    /// What `node` says, or what it refers to.
    pub(super) fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let mut node = node;
        for _ in 0..MOST_REFERENCES {
            let Some(reference) = node.get("$ref").and_then(Value::as_str) else { return node };
            let Some(target) = self.target(reference) else { return &ANYTHING };
            node = target;
        }
        &ANYTHING
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        self.root.pointer(&pointer)
    }

    /// The schema that `node` is.
    pub(super) fn schema<'a>(&'a self, node: &'a Value) -> Schema<'a> {
        Schema::new(self, node)
    }

    /// The operation of a path as it is written in the description.
    pub(super) fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let (path, item) = self.paths().find(|(known, _)| *known == path)?;
        Operation::new(self, method, path, item)
    }

    /// The operation that a request to `path` under `base_url` is; expressions are [`HOLE`]s.
    pub(super) fn lookup(&self, method: &str, base_url: &str, path: &str) -> Lookup<'_> {
        let place = Request { method, base_url, path };
        let own = self.best(&place, true);
        let further = self.further.as_deref().and_then(|further| further.best(&place, true));
        let is_closer = match (&own, &further) {
            (Some(own), Some(further)) => further.score > own.score,
            (own, _) => own.is_none(),
        };
        let found = if is_closer { further } else { own };
        if let Some(operation) = found.and_then(|found| found.operation(method)) {
            return Lookup::Found(operation);
        }
        let other = || self.further.as_deref().and_then(|further| further.best(&place, false));
        let Some(Place { path, item, .. }) = self.best(&place, false).or_else(other) else {
            return Lookup::Nothing;
        };
        let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
        Lookup::OtherMethods(path, methods.map(|method| method.to_ascii_uppercase()).collect())
    }

    /// The path that fits best, the method there if that is asked for.
    fn best(&self, request: &Request<'_>, needs_method: bool) -> Option<Place<'_>> {
        let wanted = self.candidates(request.base_url, request.path);
        let method = request.method.to_ascii_lowercase();
        let fitting = self.paths().filter_map(|(path, item)| {
            let score = wanted.iter().filter_map(|wanted| score(path, wanted)).max()?;
            let fits = item.get(&method).is_some() || !needs_method;
            fits.then_some(Place { description: self, score, path, item })
        });
        fitting.max_by_key(|place| place.score)
    }

    /// The path as the description may write it: servers have paths of their own, and a base URL may
    /// hold what a description writes into each path.
    fn candidates(&self, base_url: &str, path: &str) -> Vec<String> {
        let path = path.split('?').next().unwrap_or_default();
        let whole = format!("{}{path}", url_path(base_url));
        let prefixes = self.servers().into_iter().map(url_path);
        let mut found: Vec<String> = prefixes
            .filter_map(|prefix| whole.strip_prefix(prefix).map(str::to_owned))
            .chain([whole.clone(), path.to_owned()])
            .collect();
        found.dedup();
        found
    }
}

/// The path of a URL, without a slash at its end.
pub(super) fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = match url.starts_with('/') {
        true => url,
        false => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default(),
    };
    path.trim_end_matches('/')
}

/// How many segments of a described path are literally those of `wanted`, when they fit together.
fn score(described: &str, wanted: &str) -> Option<usize> {
    let described = described.split(['?', '#']).next().unwrap_or_default();
    let (mut ours, mut score) = (wanted.trim_matches('/').split('/'), 0);
    for theirs in described.trim_matches('/').split('/') {
        let ours = ours.next()?;
        let is_param = theirs.starts_with('{') && theirs.find('}') == Some(theirs.len() - 1);
        if theirs == ours {
            score += 1;
        } else if !(is_param && !ours.is_empty() || without_names(theirs) == ours) {
            return None;
        }
    }
    ours.next().is_none().then_some(score)
}

/// A segment such as `{a}:{b}` with holes instead of its parameters.
fn without_names(segment: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in segment.chars() {
        match c {
            '{' => {
                inside = true;
                text.push(HOLE);
            }
            '}' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

fn yaml(text: &str) -> Result<Value, DescriptionError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 256,
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_total_scalar_bytes: 256 * 1024 * 1024,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    let root: Map<String, Value> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| DescriptionError::Yaml(error.to_string()))?;
    Ok(Value::Object(root))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::openapi::schema::{Reach, reach};

    fn read(value: &Value) -> Description {
        Description::read(&value.to_string()).unwrap()
    }

    fn refused(text: &str, expected: &Expect) {
        expected.assert_eq(&Description::read(text).unwrap_err().to_string());
    }

    #[test]
    fn what_is_no_description_is_refused() {
        refused("", &expect!["it has no `openapi` or `swagger` version at its top, or no `paths`"]);
        refused("{", &expect!["it is not JSON: EOF while parsing an object at line 1 column 1"]);
        refused(
            "{}",
            &expect!["it has no `openapi` or `swagger` version at its top, or no `paths`"],
        );
        refused("a: [", &expect!["it is not YAML: unclosed bracket '[' at line 1, column 4"]);
        refused("- 1", &expect!["it is not YAML: expected mapping start at line 1, column 1"]);
        refused(
            "openapi: 3.0.0\npaths: []",
            &expect!["it has no `openapi` or `swagger` version at its top, or no `paths`"],
        );
        refused(
            &"[".repeat(100_000),
            &expect!["it is not YAML: recursion limit exceeded at line 1, column 256"],
        );
        refused(
            &format!("{{\"a\":{}", "[".repeat(100_000)),
            &expect!["it is not JSON: recursion limit exceeded at line 1 column 132"],
        );
    }

    fn found(description: &Description, base_url: &str, request: &str) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        match description.lookup(method, base_url, path) {
            Lookup::Found(operation) => operation.label(),
            Lookup::OtherMethods(path, methods) => format!("{path} has {}", methods.join(", ")),
            Lookup::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn base_urls_and_servers_may_differ() {
        let paths = json!({ "/things/{id}": { "get": {} }, "/v2/things": { "get": {} } });
        let at = |url: &str| {
            read(&json!({ "openapi": "3.0.0", "servers": [{ "url": url }], "paths": paths }))
        };
        let api = "https://api.example.com";
        for (server, base_url, path) in [
            ("https://api.example.com", api, "/things/1"),
            ("https://api.example.com/v1", "https://api.example.com/v1/", "/things/1"),
            ("https://api.example.com/v1", api, "/v1/things/1"),
            ("/v1", "http://127.0.0.1:9/v1", "/things/1"),
            ("https://{host}/v1", api, "/v1/things/1"),
        ] {
            let found = found(&at(server), base_url, &format!("GET {path}"));
            assert_eq!(found, "GET /things/{id}", "{server} {base_url}");
        }
        assert_eq!(found(&at("/"), "https://api.example.com/v2", "GET /things"), "GET /v2/things");
        assert_eq!(found(&at("/"), api, "GET /things"), "nothing");
        assert_eq!(found(&at("/"), api, "PUT /things/1"), "/things/{id} has GET");
    }

    #[test]
    fn another_description_tells_what_the_first_does_not() {
        let first = read(&json!({ "openapi": "3.0.0", "paths": { "/a/{x}": { "get": {} } } }));
        let second = json!({ "/a/b": { "get": {} }, "/a/{y}": { "get": {}, "put": {} } });
        let both = first.or(read(&json!({ "openapi": "3.0.0", "paths": second })));
        assert_eq!(found(&both, "", "GET /a/c"), "GET /a/{x}");
        assert_eq!(found(&both, "", "GET /a/b"), "GET /a/b");
        assert_eq!(found(&both, "", "PUT /a/c"), "PUT /a/{y}");
        assert_eq!(found(&both, "", "DELETE /a/c"), "/a/{x} has GET");
    }

    #[test]
    fn swagger_2_reads_as_openapi_3() {
        let description = Description::read(
            r##"
swagger: "2.0"
host: api.example.com
basePath: /v1
securityDefinitions: { a: { type: basic } }
parameters: { body: { in: body, name: b, required: true, schema: { $ref: "#/definitions/Thing" } } }
definitions: { Thing: { type: object, properties: { id: { type: string } } } }
paths:
  /things:
    post:
      parameters: [{ $ref: "#/parameters/body" }, { in: query, name: q, type: integer }]
      responses: { 200: { schema: { $ref: "#/definitions/Thing" } } }
    put:
      parameters: [{ in: formData, name: f, type: file, required: true }]
      responses: { default: { description: x } }
"##,
        )
        .unwrap();
        assert_eq!(description.servers(), ["https://api.example.com/v1"]);
        let post = description.operation("post", "/things").unwrap();
        let body = post.body().unwrap();
        assert!(body.required);
        assert_eq!(body.contents[0].0, "application/json");
        let answer = post.success().unwrap();
        assert!(matches!(reach(&answer, &["id"]), Reach::Schemas(_)));
        assert!(matches!(reach(&answer, &["no"]), Reach::Missing(..)));
        let query = post.parameters().into_iter().find(|p| p.name == "q").unwrap();
        assert_eq!(query.schema.shapes()[0].types(), ["integer"]);
        let put = description.operation("put", "/things").unwrap();
        assert_eq!(put.body().unwrap().contents[0].0, "multipart/form-data");
        assert!(put.success().is_none());
    }

    #[test]
    fn what_leads_in_circles_or_nowhere_ends() {
        let description = read(&json!({
            "openapi": "3.1.0",
            "paths": { "/a": { "get": { "responses": { "200": { "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/A" } } } } } } } },
            "components": { "schemas": {
                "A": { "allOf": [{ "$ref": "#/components/schemas/B" }], "properties": {
                    "self": { "$ref": "#/components/schemas/A" },
                    "list": { "$ref": "#/components/schemas/List" },
                    "ring": { "$ref": "#/components/schemas/Ring" },
                    "gone": { "$ref": "#/components/schemas/Gone" },
                    "other": { "$ref": "other.yaml#/A" },
                    "odd": { "type": 7, "enum": {}, "required": "x", "properties": [], "allOf": 1 } } },
                "B": { "anyOf": [{ "$ref": "#/components/schemas/A" }, { "type": "object" }] },
                "List": { "type": "array", "items": { "$ref": "#/components/schemas/List" } },
                "Ring": { "$ref": "#/components/schemas/Ring" } } } }));
        let operation = description.operation("get", "/a").unwrap();
        let answer = operation.success().unwrap();
        for path in [["self", "self"], ["list", "x"], ["ring", "x"], ["gone", "x"], ["odd", "x"]] {
            reach(&answer, &path);
        }
    }

    #[test]
    fn odd_descriptions_are_read() {
        for odd in [json!(null), json!(1), json!([1]), json!("x"), json!({ "get": [] })] {
            let description = read(&json!({ "openapi": 3, "servers": odd, "paths": { "/a": odd },
                "components": odd, "info": odd }));
            assert_eq!(description.title(), "the API");
            let _ = found(&description, "x", "GET /a");
            let old = json!({ "swagger": 2, "paths": { "/a": { "get": odd, "parameters": odd } },
                "securityDefinitions": odd, "parameters": odd, "consumes": odd });
            let _ = found(&read(&old), "x", "GET /a");
        }
    }
}
