//! What a request sends besides its body: whether the operation exists and takes it.

use super::answer::Scene;
use super::body::Judge;
use super::{Linter, named, suggestion};
use crate::manifest::{Body, Part, Request, Template, Tree};
use crate::openapi::description::{HOLE, Lookup};
use crate::openapi::operation::{Operation, Parameter, Taken, is_json};

/// A header or query parameter that is sent.
struct Sent<'a> {
    name: String,
    value: Option<&'a Tree>,
}

impl<'a> Linter<'a> {
    /// The operation that a request is.
    pub(super) fn operation(
        &mut self,
        request: &'a Request,
        scene: &Scene<'a>,
    ) -> Option<Operation<'a>> {
        let path = text_of(&request.path, HOLE);
        let shown = format!("{} {}", request.method, path.replace(HOLE, "{}"));
        let lookup = self.description.lookup(&request.method, &self.provider.base_url, &path);
        let message = match lookup {
            Lookup::Found(operation) => return Some(operation),
            Lookup::OtherMethods(path, methods) => {
                let methods: Vec<&str> = methods.iter().map(String::as_str).collect();
                format!("There is no `{shown}`: `{path}` has {}.", named(&methods))
            }
            Lookup::Nothing => {
                let title = self.description.title();
                format!("There is no `{shown}`: {title} describes no such path.")
            }
        };
        self.report("unknown-operation", scene.at.clone(), message, request.span);
        None
    }

    /// Query, headers and body of a request.
    pub(super) fn sent(
        &mut self,
        request: &'a Request,
        operation: &Operation<'a>,
        scene: &Scene<'a>,
    ) {
        let parameters = operation.parameters();
        self.segments(request, operation, scene);
        self.query(request, (operation, &parameters), scene);
        self.headers(request, (operation, &parameters), scene);
        self.body(request, operation, scene);
    }

    fn query(
        &mut self,
        request: &'a Request,
        (operation, parameters): (&Operation<'a>, &[Parameter<'a>]),
        scene: &Scene<'a>,
    ) {
        let sent = self.query_sent(request);
        let declared: Vec<&Parameter<'a>> =
            parameters.iter().filter(|parameter| parameter.place == "query").collect();
        let label = operation.label();
        let mut judge = Judge::new(self, scene, &label, request.span);
        judge.is_text = true;
        let mut findings = Vec::new();
        for Sent { name, value } in &sent {
            let at = format!("{}.query.{name}", scene.at);
            let found = declared.iter().find(|parameter| is_same(name, parameter.name));
            match (found, value) {
                (Some(parameter), Some(tree)) if name == parameter.name => {
                    findings.extend(judge.judge(tree, &parameter.schema, &at));
                }
                (Some(_), _) => {}
                (None, _) => {
                    let names: Vec<&str> = declared.iter().map(|param| param.name).collect();
                    let message = format!(
                        "`{label}` takes no query parameter `{name}`. {}",
                        suggestion(name, &names)
                    );
                    findings.push(self.finding("unknown-query", at, message, request.span));
                }
            }
        }
        let credential = self.provider.auth.iter().flat_map(|auth| &auth.query);
        let credential: Vec<&String> = credential.map(|(name, _)| name).collect();
        for parameter in declared.iter().filter(|parameter| parameter.required) {
            if credential.iter().any(|name| *name == parameter.name) {
                continue;
            }
            let is_sent = |sent: &&Sent<'_>| is_same(&sent.name, parameter.name);
            let value = sent.iter().find(is_sent);
            if !value.is_some_and(|sent| sent.value.is_none_or(|tree| judge.is_always_sent(tree))) {
                let at = format!("{}.query.{}", scene.at, parameter.name);
                let message = format!(
                    "`{label}` requires the query parameter `{}`, which is not always sent.",
                    parameter.name
                );
                findings.push(self.finding("missing-query", at, message, request.span));
            }
        }
        self.report.findings.extend(findings);
    }

    /// The query of a request: its own, the provider's and that of the paging it follows.
    fn query_sent(&self, request: &'a Request) -> Vec<Sent<'a>> {
        let path = text_of(&request.path, HOLE);
        let written = path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let pairs = written.split('&').filter(|pair| !pair.is_empty());
        let mut sent: Vec<Sent<'a>> = pairs
            .map(|pair| Sent {
                name: pair.split('=').next().unwrap_or_default().to_owned(),
                value: None,
            })
            .collect();
        let paging = self.provider.paging.get(request.paging_name());
        let paging = paging.filter(|_| request.is_paged());
        let tables = [
            request.query.as_ref(),
            self.provider.query.as_ref(),
            paging.and_then(|paging| paging.query.as_ref()),
        ];
        for (name, value) in tables.into_iter().flatten().flat_map(entries) {
            if !sent.iter().any(|sent| sent.name == *name) {
                sent.push(Sent { name: name.clone(), value: Some(value) });
            }
        }
        for (name, _) in paging.into_iter().flat_map(|paging| &paging.next) {
            if !sent.iter().any(|sent| sent.name == *name) {
                sent.push(Sent { name: name.clone(), value: None });
            }
        }
        sent
    }

    fn headers(
        &mut self,
        request: &'a Request,
        (operation, parameters): (&Operation<'a>, &[Parameter<'a>]),
        scene: &Scene<'a>,
    ) {
        let tables = [request.headers.as_ref(), self.provider.headers.as_ref()];
        let tables = tables.into_iter().flatten().flat_map(entries).map(|(name, _)| name);
        let auth = self.provider.auth.iter().flat_map(|auth| &auth.headers).map(|(name, _)| name);
        let sent: Vec<String> = tables
            .chain(auth)
            .chain(self.provider.idempotency.as_ref().map(|rule| &rule.header))
            .map(|name| name.to_ascii_lowercase())
            .chain(["accept", "content-type", "content-length", "user-agent"].map(str::to_owned))
            .chain(operation.auth_headers())
            .collect();
        for parameter in parameters {
            let name = parameter.name.to_ascii_lowercase();
            if parameter.place == "header" && parameter.required && !sent.contains(&name) {
                let at = format!("{}.headers.{}", scene.at, parameter.name);
                let label = operation.label();
                let message = format!(
                    "`{label}` requires the header `{}`, which is not sent.",
                    parameter.name
                );
                self.report("missing-header", at, message, request.span);
            }
        }
    }

    fn body(&mut self, request: &'a Request, operation: &Operation<'a>, scene: &Scene<'a>) {
        let label = operation.label();
        let at = format!("{}.{}", scene.at, field_of(&request.body));
        let taken = operation.body().filter(|taken| !taken.contents.is_empty());
        let Some(taken) = taken else {
            if !matches!(request.body, Body::Empty) {
                let message = format!("`{label}` takes no body.");
                self.report("wrong-content-type", at, message, request.span);
            }
            return;
        };
        if matches!(request.body, Body::Empty) {
            if taken.required {
                let message = format!("`{label}` requires a body, and none is sent.");
                self.report("missing-field", at, message, request.span);
            }
            return;
        }
        let Some(kind) = content_type(&request.body) else { return };
        let Some(schema) = offered(&taken, &kind) else {
            let kinds: Vec<&str> = taken.contents.iter().map(|(kind, _)| *kind).collect();
            let message = format!("`{label}` takes {}, not `{kind}`.", named(&kinds));
            self.report("wrong-content-type", at, message, request.span);
            return;
        };
        let Some(schema) = schema else { return };
        let mut judge = Judge::new(self, scene, &label, request.span);
        let findings = match &request.body {
            Body::Json(tree) => judge.judge(tree, schema, &at),
            Body::Form(tree) => {
                judge.is_text = true;
                judge.judge(tree, schema, &at)
            }
            Body::Multipart(parts) => judge.parts(parts, schema, &at),
            _ => Vec::new(),
        };
        self.report.findings.extend(findings);
    }
}

/// The field of a manifest that a body is written in.
pub(super) fn field_of(body: &Body) -> &'static str {
    match body {
        Body::Form(_) => "form",
        Body::Multipart(_) => "multipart",
        Body::Raw(..) => "raw",
        Body::File(..) => "file",
        Body::Json(_) | Body::Empty => "body",
    }
}

/// The type a body is sent as; `None` where an expression tells.
fn content_type(body: &Body) -> Option<String> {
    let said = |kind: &Option<Template>, standard: &str| match kind {
        Some(template) => template.literal().map(str::to_owned),
        None => Some(standard.to_owned()),
    };
    match body {
        Body::Empty => None,
        Body::Json(_) => Some("application/json".to_owned()),
        Body::Form(_) => Some("application/x-www-form-urlencoded".to_owned()),
        Body::Multipart(_) => Some("multipart/form-data".to_owned()),
        Body::Raw(_, kind) => said(kind, "text/plain"),
        Body::File(_, kind) => said(kind, "application/octet-stream"),
    }
}

/// What a body of type `kind` may be, when such a body is taken.
fn offered<'t, 'a>(
    taken: &'t Taken<'a>,
    kind: &str,
) -> Option<&'t Option<crate::openapi::schema::Schema<'a>>> {
    let bare = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let wanted = bare(kind);
    let exact = taken.contents.iter().find(|(kind, _)| bare(kind) == wanted);
    let wide = || {
        taken.contents.iter().find(|(kind, _)| {
            let start = kind.strip_suffix("/*").unwrap_or(kind);
            *kind == "*/*"
                || (kind.ends_with("/*") && wanted.starts_with(start))
                || (wanted == "application/json" && is_json(kind))
        })
    };
    exact.or_else(wide).map(|(_, schema)| schema)
}

fn entries(tree: &Tree) -> &[(String, Tree)] {
    match tree {
        Tree::Table(entries) => entries,
        _ => &[],
    }
}

/// Whether `sent` is the declared parameter, or a part of it: `created[gte]`, `keys[]`.
fn is_same(sent: &str, declared: &str) -> bool {
    let stem = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
    sent == declared
        || (sent.contains('[') && stem(sent) == stem(declared))
        || declared.strip_suffix("[]") == Some(sent)
}

/// The text of a template, `hole` for each of its expressions.
fn text_of(template: &Template, hole: char) -> String {
    let mut text = String::new();
    for part in template.parts() {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Expression { .. } => text.push(hole),
        }
    }
    text
}
