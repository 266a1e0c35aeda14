//! Lists, one object a page, in the way that the manifest of the provider reads on.

use std::collections::BTreeSet;

use brokers::manifest::{Paging, Provider, Template};
use provision::value::as_text;
use serde_json::Value;

use crate::json::put;
use crate::model::{Model, Route};
use crate::recipe::{answered, response_paths};
use crate::wire::{Received, Reply};

type Query = Vec<(String, String)>;

/// What is remembered of pages: the query that asks for one, and where it begins.
#[derive(Default)]
pub struct Pages {
    known: Vec<(String, Query, usize)>,
    /// Requests whose lists cannot be paged here.
    pub whole: BTreeSet<String>,
    /// Requests whose lists were paged.
    pub paged: BTreeSet<String>,
}

/// One page to be.
struct Page<'a> {
    objects: &'a [Value],
    start: usize,
    /// Whether an empty page ends the list, with a cursor like the others.
    is_trailed: bool,
}

impl Page<'_> {
    fn is_last(&self) -> bool {
        self.start + usize::from(!self.is_trailed) >= self.objects.len()
    }

    fn number(&self) -> usize {
        self.start + 1
    }

    fn objects(&self) -> &[Value] {
        self.objects.get(self.start..(self.start + 1).min(self.objects.len())).unwrap_or_default()
    }
}

impl Pages {
    /// The answer to a request that lists these objects.
    pub fn answer(
        &mut self,
        model: &Model,
        provider: &Provider,
        (route, request): (&Route, &Received),
        objects: &[Value],
    ) -> Reply {
        let Some(recipe) = &route.recipe else { return Reply::of(200, Value::Null) };
        let whole = || Reply::of(200, recipe.answer(objects));
        let paging = provider.paging.get(route.request.paging_name());
        let Some(paging) = paging.filter(|_| route.request.is_paged() && recipe.is_of_many())
        else {
            return whole();
        };
        let mut nexts = paging.next.iter().filter_map(|(_, template)| template.single());
        let is_trailed = nexts.any(|text| text.contains("count > 0"));
        let page = Page { objects, start: self.start(request, paging, objects), is_trailed };
        let mut reply = recipe.answer(page.objects());
        if paging.link_header {
            return self.linked(request, &page, reply);
        }
        let next = decorate(model, paging, recipe.place(), &page, &mut reply);
        let Some(next) = next else {
            self.whole.insert(route.label());
            return whole();
        };
        self.paged.insert(route.label());
        if !page.is_last() {
            self.known.push((request.path.clone(), next, page.start + 1));
        }
        Reply::of(200, reply)
    }

    /// Where the page begins that a request asks for; nothing is left on one that no answer named.
    fn start(&self, request: &Received, paging: &Paging, objects: &[Value]) -> usize {
        let asks = |pairs: &[(String, String)]| pairs.iter().all(|p| request.query.contains(p));
        let known = self.known.iter().rev();
        let mut found = known.filter(|(path, pairs, _)| *path == request.path && asks(pairs));
        let is_of_next = |key: &str| paging.next.iter().any(|(name, _)| name == key);
        let mut asked = request.query.iter().filter(|(key, _)| is_of_next(key));
        let is_first = asked.all(|(_, value)| matches!(value.as_str(), "" | "1"));
        let start = if is_first { 0 } else { objects.len() };
        found.next().map_or(start, |(_, _, start)| *start)
    }

    fn linked(&mut self, request: &Received, page: &Page<'_>, body: Value) -> Reply {
        self.paged.insert(format!("{} {}", request.method, request.path));
        let mut headers = Vec::new();
        if !page.is_last() {
            let next = vec![("page".to_owned(), (page.number() + 1).to_string())];
            let mut query = request.query.clone();
            query.retain(|(key, _)| key != "page");
            query.extend(next.clone());
            let query: Vec<String> =
                query.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
            let host = request.headers.get("host").cloned().unwrap_or_default();
            let url = format!("http://{host}{}?{}", request.path, query.join("&"));
            headers.push(("link".to_owned(), format!("<{url}>; rel=\"next\"")));
            self.known.push((request.path.clone(), next, page.start + 1));
        }
        Reply::Answer { status: 200, headers, body }
    }
}

fn encoded(text: &str) -> String {
    brokers::http::encode_segment(text)
}

/// Adds to an answer what makes the provider's `next` go on, or end; answers the query of the next
/// page. `None` when nothing does.
fn decorate(
    model: &Model,
    paging: &Paging,
    place: &[String],
    page: &Page<'_>,
    reply: &mut Value,
) -> Option<Vec<(String, String)>> {
    let mut paths: BTreeSet<Vec<String>> = BTreeSet::new();
    for (_, template) in &paging.next {
        paths.extend(response_paths(model, template));
        paths.extend(behind_brackets(model, template));
    }
    paths.retain(|path| !path.is_empty() && path.as_slice() != place);
    let snapshot = paths.clone();
    // What other paths lead through is no leaf.
    paths.retain(|path| !snapshot.iter().any(|o| o.len() > path.len() && o.starts_with(path)));
    for choice in 0..2 {
        let mut tried = reply.clone();
        for path in &paths {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            put(&mut tried, &keys, leaf(keys.last().copied().unwrap_or_default(), page, choice));
        }
        let next = next_query(model, paging, &tried, page);
        if next.is_empty() == page.is_last() {
            *reply = tried;
            return Some(next);
        }
    }
    None
}

/// What a field of this name says on this page: first what is true, then what exaggerates.
fn leaf(name: &str, page: &Page<'_>, choice: usize) -> Value {
    let total = match (choice, page.is_last()) {
        (0, _) => page.objects.len(),
        (_, false) => 1_000_000,
        (_, true) => 0,
    };
    match name {
        "page" => Value::from(page.number()),
        "per_page" | "limit" => Value::from(1),
        "has_more" => Value::from(!page.is_last()),
        name if name.contains("total") => Value::from(total),
        _ if page.is_last() && !page.is_trailed => Value::Null,
        "next_page" => Value::from(page.number() + 1),
        _ => Value::from(format!("after-{}", page.start)),
    }
}

/// `(response.a | default({})).b` leads to `a.b`, which an outline does not tell.
fn behind_brackets(model: &Model, template: &Template) -> Vec<Vec<String>> {
    let behind = regex_lite::Regex::new(r"\)\.([a-z_]+)").unwrap();
    let text = template.single().unwrap_or_default();
    let Some(found) = behind.captures(text) else { return Vec::new() };
    let with = |mut path: Vec<String>| {
        path.push(found[1].to_owned());
        path
    };
    response_paths(model, template).into_iter().map(with).collect()
}

fn next_query(
    model: &Model,
    paging: &Paging,
    reply: &Value,
    page: &Page<'_>,
) -> Vec<(String, String)> {
    let scope = answered(&model.scope(&model.example), reply, 200)
        .with("page", &Value::from(page.number()))
        .with("count", &Value::from(page.objects().len()));
    let is_end = |v: &Value| v.is_null() || v.as_str() == Some("") || *v == Value::Bool(false);
    let value = |(key, template): &(String, Template)| {
        let value = model.value(template, &scope).filter(|value| !is_end(value))?;
        Some((key.clone(), as_text(&value)))
    };
    paging.next.iter().filter_map(value).collect()
}
