//! Which request of the manifest it was that came in, and what it told.

use std::collections::{BTreeMap, BTreeSet};

use brokers::manifest::{Body, Scope, Template, Tree};
use provision::value::as_text;
use serde_json::{Map, Value, json};

use crate::fake::Fake;
use crate::json::{get, same};
use crate::model::{Captures, Route, Wanted};
use crate::wire::{Received, table_of};

/// What came in a request.
pub struct Sent {
    body: Value,
    is_text: bool,
    query: Value,
    headers: Value,
}

impl Sent {
    pub fn of(request: &Received) -> Self {
        let headers: Vec<(String, String)> = request.headers.clone().into_iter().collect();
        Self {
            body: request.body(),
            is_text: request.is_text(),
            query: table_of(&request.query),
            headers: table_of(&headers),
        }
    }
}

/// A request of the manifest that may be the one that came in.
pub struct Fit<'m> {
    pub route: &'m Route,
    pub captures: Captures,
    /// The object that it is about.
    pub target: Option<usize>,
    /// The params it told, with the value where that is not the declared one.
    pub values: BTreeMap<String, Option<Value>>,
    /// Whether it told name and marker.
    pub told: BTreeSet<String>,
    /// What came and is not what the manifest yields.
    pub misfits: Vec<String>,
    score: i32,
}

impl Fit<'_> {
    /// What is the better one of two.
    pub fn rank(&self) -> (bool, i32, u8) {
        let verb = match self.route.verb.as_str() {
            "update" | "configure" => 3,
            "recover" => 2,
            "delete" => 1,
            _ => 0,
        };
        (self.target.is_some() || self.route.verb == "create", self.score, verb)
    }

    /// Takes note of the names that a text which came is made of.
    fn tell(&mut self, names: &BTreeSet<String>) {
        self.score += 1;
        for name in names {
            let param = name.strip_prefix("params.").and_then(|rest| rest.split('.').next());
            match param {
                Some(param) => drop(self.values.insert(param.to_owned(), None)),
                None => drop(self.told.insert(name.clone())),
            }
        }
    }

    /// Holds one text of a template against what came.
    fn hold(&mut self, leaf: &Leaf<'_>, expected: &[Option<Value>], names: &BTreeSet<String>) {
        let sent = leaf.sent.cloned();
        let is_same = |expected: &Option<Value>| match (expected, &sent) {
            (None, None) => true,
            (Some(expected), Some(sent)) => same(expected, sent, leaf.is_text),
            _ => false,
        };
        if expected.iter().any(is_same) {
            if sent.is_some() {
                self.tell(names);
            }
            return;
        }
        let expected = expected.first().cloned().flatten();
        self.score -= 2;
        let plain = leaf.template.and_then(Template::path);
        if let (Some(param), Some(sent)) = (plain.and_then(|p| p.strip_prefix("params.")), &sent) {
            self.values.insert(param.to_owned(), Some(sent.clone()));
        }
        let text = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
        };
        // Sealed anew each time, so that two of them never are the same.
        let is_sealed =
            leaf.template.and_then(Template::single).is_some_and(|t| t.contains("sealed_box"));
        if !is_sealed {
            let (place, sent, expected) = (&leaf.place, text(&sent), text(&expected));
            let label = self.route.label();
            self.misfits.push(format!("{label}: `{place}` is {sent} instead of {expected}"));
        }
    }
}

/// One text, or one fixed value, of a table of a request, with what came in its place.
struct Leaf<'a> {
    place: String,
    template: Option<&'a Template>,
    fixed: Option<&'a Value>,
    sent: Option<&'a Value>,
    is_text: bool,
}

fn leaves<'a>(tree: &'a Tree, path: &[&str], came: (&'a Value, bool), out: &mut Vec<Leaf<'a>>) {
    let leaf = |template, fixed| Leaf {
        place: path.join("."),
        template,
        fixed,
        sent: get(came.0, path).filter(|value| !(path.is_empty() && value.is_null())),
        is_text: came.1,
    };
    match tree {
        Tree::Leaf(template) => out.push(leaf(Some(template), None)),
        Tree::Fixed(value) => out.push(leaf(None, Some(value))),
        Tree::List(items) => {
            for (at, item) in items.iter().enumerate() {
                let at = at.to_string();
                let path: Vec<&str> = path.iter().copied().chain([at.as_str()]).collect();
                leaves(item, &path, came, out);
            }
        }
        Tree::Table(entries) => {
            for (key, tree) in entries {
                let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
                leaves(tree, &path, came, out);
            }
        }
    }
}

impl Fake {
    /// The ways in which a request may be the one of a route.
    pub(crate) fn fits<'m>(
        &self,
        route: &'m Route,
        captures: &Captures,
        sent: &Sent,
    ) -> Vec<Fit<'m>> {
        let mut target = (0..self.objects.len()).find(|at| self.holds(captures, *at));
        if route.verb == "create" {
            target = target.filter(|at| self.is_what_would_be(route, *at));
        }
        let scope = self.scope_about(target);
        let items = match &route.for_each {
            None => vec![None],
            Some(each) => items_of(self.model.value(each, &scope)).into_iter().map(Some).collect(),
        };
        let mut fits = Vec::new();
        for item in items {
            let scope = match &item {
                Some(item) => scope.clone().with("item", item),
                None => scope.clone(),
            };
            let about = (target, captures.clone());
            fits.extend(self.fit(route, about, &scope, sent));
        }
        fits
    }

    fn fit<'m>(
        &self,
        route: &'m Route,
        (target, captures): (Option<usize>, Captures),
        scope: &Scope,
        sent: &Sent,
    ) -> Option<Fit<'m>> {
        let (values, told, misfits) = Default::default();
        let mut fit = Fit { route, captures, target, values, told, misfits, score: 0 };
        // What counts as changed is the interpreter's business: what differs, or anything.
        let params = self.wanted.params.keys().map(String::as_str);
        let all: Vec<&str> = params.chain(["name"]).collect();
        let scopes = [scope.clone(), scope.clone().with("changed", &json!(all))];
        for when in &route.whens {
            let is_true = |scope: &Scope| {
                let value = self.model.value(when, scope);
                !matches!(value, None | Some(Value::Null | Value::Bool(false)))
            };
            fit.score -= 5 * i32::from(!scopes.iter().any(is_true));
        }
        for (text, value) in fit.captures.clone() {
            let template = Template::expression(&text);
            let expected = self.model.value(&template, scope).map(|value| as_text(&value));
            let is_same = expected.as_ref() == Some(&value);
            if text.contains("item") && !is_same && !text.contains("segments") {
                return None;
            }
            if is_same {
                let params = self.model.params_in(&template);
                fit.values.extend(params.into_iter().map(|param| (param, None)));
                fit.told.extend(self.model.names(&template));
            }
        }
        for (tree, came) in tables(route, sent) {
            let mut found = Vec::new();
            leaves(&tree, &[], came, &mut found);
            for leaf in &found {
                let names = leaf.template.map(|t| self.model.names(t)).unwrap_or_default();
                let expected = match (leaf.template, leaf.fixed) {
                    (Some(template), _) => {
                        scopes.iter().map(|scope| self.model.value(template, scope)).collect()
                    }
                    (None, fixed) => vec![fixed.cloned()],
                };
                fit.hold(leaf, &expected, &names);
            }
            fit.score -= surplus(&tree, came.0);
        }
        self.follow_conditions(&mut fit);
        Some(fit)
    }

    /// A request that is sent because of a param, and says nothing of it, tells it all the same,
    /// where no other request does.
    fn follow_conditions(&self, fit: &mut Fit<'_>) {
        if !matches!(fit.route.verb.as_str(), "update" | "configure" | "recover") {
            return;
        }
        let conditions = fit.route.whens.iter().chain(&fit.route.for_each);
        for template in conditions {
            for param in self.model.params_in(template) {
                let said = |route: &&Route| {
                    matches!(route.verb.as_str(), "update" | "configure")
                        && trees(route).iter().any(|(tree, _)| {
                            tree.templates()
                                .iter()
                                .any(|t| self.model.params_in(t).contains(&param))
                        })
                };
                if self.model.routes.iter().find(said).is_none() {
                    fit.values.entry(param).or_insert(None);
                }
            }
        }
    }

    /// Whether an object is what a create with PUT would make, so that it changes it instead.
    fn is_what_would_be(&self, route: &Route, at: usize) -> bool {
        let would_be = self.model.id(&self.wanted, &self.model.shown(&self.wanted));
        let is_further = {
            let mut creates = self.model.routes.iter().filter(|other| {
                other.verb == "create"
                    && !other.is_look()
                    && !self.model.is_answered(&other.request)
            });
            creates.next().is_some_and(|first| first.label() != route.label())
        };
        is_further || (route.request.method == "PUT" && self.id(&self.objects[at]) == would_be)
    }

    /// Whether what a path says is true of an object, as far as it is about objects.
    pub(crate) fn holds(&self, captures: &Captures, at: usize) -> bool {
        let object = &self.objects[at];
        let wanted = Wanted { params: object.params(), ..object.belief.clone() };
        let scope = self.model.about(&self.model.scope(&wanted), &self.render(object));
        captures.iter().all(|(text, value)| {
            if ["item", "saved", "segments"].iter().any(|word| text.contains(word)) {
                return true;
            }
            let expected = self.model.value(&Template::expression(text), &scope);
            expected.is_none_or(|expected| as_text(&expected) == *value)
        })
    }

    /// The names that a request about an object may be made of.
    fn scope_about(&self, target: Option<usize>) -> Scope {
        let mut scope = self.model.scope(&self.wanted);
        if let Some(object) = target.and_then(|at| self.objects.get(at)) {
            scope = self.model.about(&scope, &self.render(object));
        }
        let (now, then) = (&self.wanted, &self.before);
        let mut changed: BTreeSet<&str> = BTreeSet::new();
        for key in now.params.keys().chain(then.params.keys()) {
            if now.params.get(key) != then.params.get(key) {
                changed.insert(key);
            }
        }
        if now.name != then.name {
            changed.insert("name");
        }
        scope
            .with("saved", &Value::Object(self.saved.clone()))
            .with("previous", &json!({ "params": then.params, "name": then.name }))
            .with("changed", &json!(changed))
    }
}

fn items_of(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::Object(table)) => {
            table.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
        }
        _ => Vec::new(),
    }
}

/// The trees of a request: body, query, headers.
fn trees(route: &Route) -> Vec<(Tree, usize)> {
    let request = &route.request;
    let body = match &request.body {
        Body::Json(tree) | Body::Form(tree) => Some(tree.clone()),
        Body::Multipart(parts) => {
            let text = |part: &brokers::manifest::BodyPart| part.value.clone().map(Tree::Leaf);
            let entries = parts.iter().filter_map(|(name, part)| Some((name.clone(), text(part)?)));
            Some(Tree::Table(entries.collect()))
        }
        Body::Raw(template, _) => Some(Tree::Leaf(template.clone())),
        Body::Empty | Body::File(..) => None,
    };
    let headers = request.headers.clone().map(|tree| match tree {
        Tree::Table(entries) => {
            let lower = |(key, tree): (String, Tree)| (key.to_ascii_lowercase(), tree);
            Tree::Table(entries.into_iter().map(lower).collect())
        }
        other => other,
    });
    let trees = [(body, 0), (request.query.clone(), 1), (headers, 2)];
    trees.into_iter().filter_map(|(tree, at)| Some((tree?, at))).collect()
}

fn tables<'s>(route: &Route, sent: &'s Sent) -> Vec<(Tree, (&'s Value, bool))> {
    let came = [(&sent.body, sent.is_text), (&sent.query, true), (&sent.headers, true)];
    trees(route).into_iter().map(|(tree, at)| (tree, came[at])).collect()
}

/// How much came that the manifest does not send here.
fn surplus(tree: &Tree, sent: &Value) -> i32 {
    let (Tree::Table(entries), Value::Object(sent)) = (tree, sent) else { return 0 };
    let of: Map<String, Value> = sent.clone();
    let known = |key: &String| entries.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
    let is_table_of_headers = of.contains_key("host");
    if is_table_of_headers {
        return 0;
    }
    i32::try_from(of.keys().filter(|key| !known(key)).count()).unwrap_or(0)
}
