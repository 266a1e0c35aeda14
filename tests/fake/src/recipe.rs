//! How an answer has to look so that an expression over it yields what it is to yield: found by trying,
//! since an expression cannot be turned around.

use brokers::manifest::{Scope, Template};
use serde_json::{Map, Value};

use crate::json::{get, is_part, merge, put};
use crate::model::{Model, Route, Wanted, quoted};

/// How objects are put into an answer.
#[derive(Clone, Debug)]
pub struct Recipe {
    path: Vec<String>,
    how: How,
    /// Other places of the answer, and the field of the object that belongs there.
    others: Vec<(Vec<String>, String)>,
}

#[derive(Clone, Debug, PartialEq)]
enum How {
    /// The object.
    Whole,
    /// The objects.
    List,
    /// One field of the object.
    Field(String),
    /// One field of each object.
    ListOf(String),
    /// There is no need for any of it.
    Nothing,
}

impl How {
    fn of(&self, objects: &[Value]) -> Value {
        let first = || objects.first().cloned().unwrap_or_default();
        match self {
            Self::Whole => first(),
            Self::List => Value::from(objects.to_vec()),
            Self::Field(field) => first()[field].clone(),
            Self::ListOf(field) => objects.iter().map(|object| object[field].clone()).collect(),
            Self::Nothing => Value::Null,
        }
    }
}

impl Recipe {
    /// The recipe for the answers to a request, when objects are looked for in them.
    pub fn find(model: &Model, route: &Route) -> Option<Self> {
        if route.verb.contains(' ') || route.verb == "verify" {
            return None;
        }
        let object = model.shown_at_creation(&route.verb);
        let scope = sample_scope(model, route, &object);
        if let Some(items) = &route.request.items {
            let list = Value::from(vec![object.clone()]);
            return Self::search(model, items, &scope, &object, |value| *value == list);
        }
        let Some(template) = &route.request.object else {
            let of_verb = |other: &&Route| other.verb == route.verb;
            let is_said = |other: &Route| other.request.object.is_some();
            let is_elsewhere = model.routes.iter().filter(of_verb).any(is_said);
            let whole = Self { path: Vec::new(), how: How::Whole, others: Vec::new() };
            let recipe = match route.verb.as_str() {
                _ if !model.is_answer_needed(&route.verb) => Self { how: How::Nothing, ..whole },
                // Nobody looks at it: it is as an answer to a look is.
                "update" | "configure" => model.reading().unwrap_or(whole),
                _ => whole,
            };
            return (!is_elsewhere).then_some(recipe);
        };
        let id = model.id(&model.example, &object);
        // What is made anew has no more than what is shown once.
        let is_enough = |value: &Value| match route.verb.as_str() {
            "recover" => model.once(value).iter().all(|(_, value)| value.is_some()),
            _ => is_part(value, &object) && model.id(&model.example, value) == id,
        };
        Self::search(model, template, &scope, &object, is_enough)
    }

    fn search(
        model: &Model,
        template: &Template,
        scope: &Scope,
        object: &Value,
        is_enough: impl Fn(&Value) -> bool,
    ) -> Option<Self> {
        let mut paths = response_paths(model, template);
        paths.sort_by_key(Vec::len);
        let fields: Vec<String> =
            object.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        let mut ways = vec![How::Whole, How::List];
        ways.extend(fields.iter().cloned().map(How::Field));
        ways.extend(fields.iter().cloned().map(How::ListOf));
        for path in &paths {
            let others = paths.iter().filter(|other| *other != path);
            let others: Vec<_> = others
                .filter_map(|other| Some((other.clone(), other.last()?.clone())))
                .filter(|(_, field)| fields.contains(field))
                .collect();
            for how in &ways {
                let (path, others) = (path.clone(), others.clone());
                let recipe = Self { path, how: how.clone(), others };
                let scope = answered(scope, &recipe.answer(std::slice::from_ref(object)), 200);
                if model.value(template, &scope).is_some_and(|value| is_enough(&value)) {
                    return Some(recipe);
                }
            }
        }
        let scope = answered(scope, &Value::Null, 200);
        let is_independent = model.value(template, &scope).is_some_and(|value| is_enough(&value));
        is_independent.then(|| Self { path: vec![], how: How::Nothing, others: vec![] })
    }

    /// The answer that holds these objects.
    pub fn answer(&self, objects: &[Value]) -> Value {
        if self.how == How::Nothing && self.path.is_empty() && self.others.is_empty() {
            return Value::Object(Map::new());
        }
        let mut answer = Value::Null;
        for (path, field) in &self.others {
            if let Some(first) = objects.first() {
                put_at(&mut answer, path, first[field].clone());
            }
        }
        put_at(&mut answer, &self.path, self.how.of(objects));
        answer
    }

    /// Whether it holds any number of objects, and not one.
    pub fn is_of_many(&self) -> bool {
        matches!(self.how, How::List | How::ListOf(_))
    }

    /// The place in an answer that it fills.
    pub fn place(&self) -> &[String] {
        &self.path
    }
}

fn put_at(whole: &mut Value, path: &[String], value: Value) {
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    put(whole, &keys, value);
}

/// The places of an answer that an expression looks at.
pub fn response_paths(model: &Model, template: &Template) -> Vec<Vec<String>> {
    let names = model.names(template);
    let path = |name: &String| {
        let rest = name.strip_prefix("response")?;
        let keys = rest.split('.').filter(|key| !key.is_empty());
        Some(keys.map(str::to_owned).collect())
    };
    names.iter().filter_map(path).collect()
}

/// The names with those of an answer.
pub fn answered(scope: &Scope, response: &Value, status: u16) -> Scope {
    let headers = Value::Object(Map::new());
    scope
        .clone()
        .with("response", response)
        .with("status", &Value::from(status))
        .with("headers", &headers)
}

/// What a request of a verb may use, with the answers that the example gives to those before it.
fn sample_scope(model: &Model, route: &Route, object: &Value) -> Scope {
    let mut scope = model.about(&model.scope(&model.example), object);
    let mut saved = Map::new();
    for other in model.routes.iter().filter(|other| other.verb == route.verb) {
        let path = crate::wire::decode(&sample_path(other));
        let Some(answer) = model.answer(&other.request.method, &path) else { continue };
        let response = model.tree(&Some(answer.response.clone()), &scope);
        let over = answered(&scope, &response, answer.status);
        for (name, template) in &other.request.save {
            saved.extend(model.value(template, &over).map(|value| (name.clone(), value)));
        }
        scope.set("saved", &Value::Object(saved.clone()));
    }
    scope
}

fn sample_path(route: &Route) -> String {
    use brokers::manifest::Part;
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Expression { .. } => "x".to_owned(),
    };
    route.request.path.parts().iter().map(part).collect()
}

/// An answer over which an expression yields, or holds, a value: for questions about something else.
pub fn answer_with(model: &Model, template: &Template, wanted: &Value) -> Option<Value> {
    let scope = model.scope(&model.example);
    let text = template.single()?;
    let attributes = regex_lite::Regex::new(r"\]\.([a-z_]+)").unwrap();
    let mut keys = quoted(text);
    keys.extend(attributes.captures_iter(text).map(|found| found[1].to_owned()));
    let row = |keys: &[String]| {
        let entries = keys.iter().map(|key| (key.clone(), wanted.clone()));
        Value::from(vec![Value::Object(entries.collect())])
    };
    let keyed = provision::value::as_text(wanted);
    let mut candidates = vec![wanted.clone(), Value::from(vec![wanted.clone()])];
    candidates.extend(keys.iter().map(|key| row(std::slice::from_ref(key))));
    candidates.push(row(&keys));
    candidates.push(Value::Object(Map::from_iter([(keyed, Value::from("there"))])));
    for path in response_paths(model, template) {
        for candidate in &candidates {
            let mut answer = Value::Null;
            put_at(&mut answer, &path, candidate.clone());
            let value = model.value(template, &answered(&scope, &answer, 200));
            let holds = |value: &Value| match value {
                Value::Array(items) => items.contains(wanted),
                one => one == wanted,
            };
            if value.is_some_and(|value| holds(&value)) {
                return Some(answer);
            }
        }
    }
    None
}

/// A status and a body over which an expression of `[errors]` holds.
pub fn failure_with(model: &Model, template: Option<&Template>, standard: u16) -> (u16, Value) {
    let Some(template) = template else { return (standard, Value::Object(Map::new())) };
    let holds = |status: u16, body: &Value| {
        let scope = answered(&Scope::default(), body, status);
        template.lenient(&model.language, &scope) == Some(Value::Bool(true))
    };
    let words = quoted(template.single().unwrap_or_default());
    for status in [standard, 409, 422, 400, 403, 404] {
        let empty = Value::Object(Map::new());
        if holds(status, &empty) {
            return (status, empty);
        }
        for path in response_paths(model, template) {
            for word in &words {
                let mut body = Value::Null;
                put_at(&mut body, &path, Value::from(word.as_str()));
                if holds(status, &body) {
                    return (status, body);
                }
            }
        }
    }
    panic!("no answer makes `{:?}` true", template.single());
}

/// A failure in the provider's form: with a message and a code, where the manifest looks for them.
pub fn worded(
    model: &Model,
    template: Option<&Template>,
    (status, body): (u16, Value),
    code: &str,
) -> (u16, Value) {
    let errors = &model.manifest.provider.errors;
    let scope = |body: &Value| answered(&Scope::default(), body, status);
    let is_meant = |body: &Value| {
        template.is_none_or(|t| t.lenient(&model.language, &scope(body)) == Some(Value::Bool(true)))
    };
    let says = |template: &Option<Template>, body: &Value| {
        let said = template.as_ref().and_then(|t| t.lenient(&model.language, &scope(body)));
        said.is_some_and(|said| !provision::value::as_text(&said).is_empty())
    };
    let listed = serde_json::json!([{ "message": "It is so.", "code": 10_000 }]);
    let is_listed = errors.message.as_ref().and_then(Template::single).is_some_and(|text| {
        text.contains("(attribute='message')") && !text.contains("response.message")
    });
    let mut fields =
        vec![(&errors.message, if is_listed { listed } else { Value::from("It is so.") })];
    // A code is a word where the manifest tells words apart.
    let rules = [&errors.conflict, &errors.busy, &errors.gone];
    if rules.into_iter().flatten().any(|t| t.single().is_some_and(|t| t.contains(".code == '"))) {
        fields.push((&errors.code, Value::from(code)));
    }
    let mut body = body;
    for (template, value) in fields {
        for path in template.iter().flat_map(|t| response_paths(model, t)) {
            let mut tried = body.clone();
            put_at(&mut tried, &path, value.clone());
            if !says(template, &body) && says(template, &tried) && is_meant(&tried) {
                body = tried;
            }
        }
    }
    (status, body)
}

impl Model {
    /// The object as the example shows it, of an instance.
    pub fn shown(&self, wanted: &Wanted) -> Value {
        self.tree(&self.manifest.service.example.object, &self.scope(wanted))
    }

    /// The object as the answer to a verb shows it.
    pub fn shown_at_creation(&self, verb: &str) -> Value {
        let mut object = self.shown(&self.example);
        if matches!(verb, "create" | "recover") {
            let created =
                self.tree(&self.manifest.service.example.created, &self.scope(&self.example));
            if created.is_object() {
                merge(&mut object, &created);
            }
        }
        object
    }

    /// The names with those of an object: it, its id, its outputs.
    pub fn about(&self, scope: &Scope, object: &Value) -> Scope {
        let mut scope = scope.clone().with("object", object);
        let id = self.id_parts(&scope);
        scope.set("id", &id);
        let outputs = self.manifest.service.outputs.iter();
        let output = |rule: &brokers::manifest::OutputRule| {
            Some((rule.key.clone(), self.value(&rule.value, &scope)?))
        };
        let outputs: Map<String, Value> = outputs.filter_map(output).collect();
        scope.with("outputs", &Value::Object(outputs))
    }

    /// Whether anything of an answer to a verb is used: a request to make or change something tells
    /// nothing where id and outputs come from what was asked for.
    fn is_answer_needed(&self, verb: &str) -> bool {
        let service = &self.manifest.service;
        let outputs = service.outputs.iter().filter(|rule| rule.once).map(|rule| &rule.value);
        let mut all = service.id_rule.parts.iter().map(|(_, part)| part).chain(outputs);
        let is_act = matches!(verb, "create" | "update" | "configure" | "delete");
        !is_act || all.any(|t| self.names(t).iter().any(|name| name.starts_with("object")))
    }

    /// How one object is read.
    fn reading(&self) -> Option<Recipe> {
        let mut routes = self.routes.iter();
        let read = routes.find(|route| route.verb == "read" && route.request.object.is_some())?;
        Recipe::find(self, read).filter(|recipe| recipe.how == How::Whole)
    }

    fn id_parts(&self, scope: &Scope) -> Value {
        let rule = &self.manifest.service.id_rule;
        let text = |template| {
            let value = self.value(template, scope).unwrap_or_default();
            Value::from(provision::value::as_text(&value))
        };
        if rule.is_single() {
            return rule.parts.first().map(|(_, part)| text(part)).unwrap_or_default();
        }
        rule.parts.iter().map(|(name, part)| (name.clone(), text(part))).collect()
    }

    /// The id of an object.
    pub fn id(&self, wanted: &Wanted, object: &Value) -> String {
        let scope = self.scope(wanted).with("object", object);
        let parts = self.id_parts(&scope);
        let format = self.manifest.service.id_rule.format.clone();
        match parts {
            Value::Object(parts) => parts.iter().fold(format, |id, (name, value)| {
                id.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
            }),
            one => one.as_str().unwrap_or_default().to_owned(),
        }
    }

    /// What is shown once, over an object.
    pub fn once(&self, object: &Value) -> Vec<(String, Option<Value>)> {
        let scope = self.scope(&self.example).with("object", object);
        let rules = self.manifest.service.outputs.iter().filter(|rule| rule.once);
        let value = |rule: &brokers::manifest::OutputRule| {
            let value = self.value(&rule.value, &scope).filter(|value| !value.is_null());
            (rule.key.clone(), value)
        };
        rules.map(value).collect()
    }

    /// What a param is as an object shows it, to somebody who declared `wanted`.
    pub fn read(&self, param: &str, wanted: &Wanted, object: &Value) -> Option<Value> {
        let rule = self.manifest.service.param(param)?;
        let scope = self.about(&self.scope(wanted), object);
        self.value(rule.read.as_ref()?, &scope)
    }

    /// The place in the object that a param is read from, when that is all its `read` says.
    pub fn place_of(&self, param: &str) -> Option<Vec<String>> {
        let rule = self.manifest.service.param(param)?;
        let path = rule.read.as_ref()?.path()?.strip_prefix("object.")?;
        Some(path.split('.').map(str::to_owned).collect())
    }

    /// The literal in the example's object that makes ids differ, and its place.
    pub fn id_leaf(&self) -> Option<(Vec<String>, Value)> {
        let rule = &self.manifest.service.id_rule;
        let mut found = None;
        for (_, part) in &rule.parts {
            let names = self.names(part);
            if names.contains("name") {
                return None;
            }
            for name in names {
                let Some(path) = name.strip_prefix("object.") else { continue };
                let keys: Vec<&str> = path.split('.').collect();
                let object = self.shown(&self.example);
                let renamed = Wanted { name: "another".to_owned(), ..self.example.clone() };
                let other = self.shown(&renamed);
                let Some(value) = get(&object, &keys) else { continue };
                let is_declared = self.example.params.values().any(|param| param == value);
                if is_declared || get(&other, &keys) != Some(value) {
                    return None;
                }
                found = Some((keys.iter().map(|key| (*key).to_owned()).collect(), value.clone()));
            }
        }
        found
    }
}
