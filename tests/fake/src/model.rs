//! A manifest as the fake and the laws look at it: its requests as routes, its expressions over what
//! is wanted, and its example.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use brokers::local::Settings;
use brokers::manifest::{Language, Manifest, Part, Request, Scope, Step, Template, Tree, Work};
use provision::value::as_text;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::recipe::Recipe;
use crate::wire::decode;

/// The project and the stage of every test.
pub const PROJECT: &str = "shop";
pub const STAGE: &str = "test";

/// An instance as it is declared: its params with defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub name: String,
    pub reference: String,
    pub params: Map<String, Value>,
}

/// A request of the manifest and what it stands under.
#[derive(Clone, Debug)]
pub struct Route {
    /// The verb; also `wait`, `verify`, `value NAME` and `known PARAM`.
    pub verb: String,
    pub request: Request,
    /// The innermost `for_each` above it.
    pub for_each: Option<Template>,
    /// Every `when` above it.
    pub whens: Vec<Template>,
    /// What its path looks like, and the expressions in it.
    shape: (Regex, Vec<String>),
    /// How an answer is made so that the manifest finds the object, or the objects, in it.
    pub recipe: Option<Recipe>,
}

/// A manifest.
pub struct Model {
    pub manifest: Manifest,
    pub language: Language,
    /// The values of the provider.
    pub provider: Value,
    pub routes: Vec<Route>,
    /// The instance of the example.
    pub example: Wanted,
    /// Our mark on an instance, by its ref.
    markers: Mutex<HashMap<String, String>>,
}

/// The text of an expression in a path, and what stands there in the path of a request.
pub type Captures = Vec<(String, String)>;

impl Model {
    /// The model of a manifest whose provider's values are those of `values`, or made up.
    pub fn new(manifest: Manifest, settings: Settings, values: &BTreeMap<String, String>) -> Self {
        let value = |name: &String| values.get(name).cloned().unwrap_or_else(|| value_of(name));
        let names = manifest.provider.values.keys();
        let provider: Map<String, Value> =
            names.map(|name| (name.clone(), Value::from(value(name)))).collect();
        let service = &manifest.service;
        let mut params = service.example.params.clone();
        for rule in &service.params {
            if let Some(default) = &rule.param.default {
                params.entry(rule.param.name.to_string()).or_insert_with(|| default.clone());
            }
        }
        let name = service.example.name.clone().unwrap_or_else(|| "thing".to_owned());
        let example = Wanted { name, reference: "it".to_owned(), params };
        let mut model = Self {
            routes: routes(&manifest),
            manifest,
            language: Language::new(settings),
            provider: Value::Object(provider),
            example,
            markers: Mutex::default(),
        };
        for at in 0..model.routes.len() {
            let recipe = Recipe::find(&model, &model.routes[at]);
            model.routes[at].recipe = recipe;
        }
        model
    }

    /// The names that expressions about an instance may use.
    pub fn scope(&self, wanted: &Wanted) -> Scope {
        let given: Map<String, Value> = wanted
            .params
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut scope = Scope::default();
        for (name, value) in [
            ("params", Value::Object(given)),
            ("name", Value::from(wanted.name.as_str())),
            ("project", Value::from(PROJECT)),
            ("stage", Value::from(STAGE)),
            ("ref", Value::from(wanted.reference.as_str())),
            ("provider", self.provider.clone()),
            ("saved", json!({})),
        ] {
            scope.set(name, &value);
        }
        let marker = self.marker(&wanted.reference, &scope);
        scope.with("marker", &Value::from(marker))
    }

    fn marker(&self, reference: &str, scope: &Scope) -> String {
        if let Some(marker) = self.markers.lock().unwrap().get(reference) {
            return marker.clone();
        }
        let rule = &self.manifest.provider.marker;
        let whole = rule.format.render(&self.language, scope, as_text).unwrap_or_default();
        let clean = Regex::new(&format!("[^{}]", rule.allowed)).unwrap();
        let clean = clean.replace_all(&whole, "-").into_owned();
        assert!(clean == whole && whole.len() <= rule.max, "the test's marker is a plain one");
        self.markers.lock().unwrap().insert(reference.to_owned(), whole.clone());
        whole
    }

    /// The value of an expression; `None` when it has none here or cannot be evaluated.
    pub fn value(&self, template: &Template, scope: &Scope) -> Option<Value> {
        template.value(&self.language, scope).ok().flatten()
    }

    /// The value of a tree.
    pub fn tree(&self, tree: &Option<Tree>, scope: &Scope) -> Value {
        let value = tree.as_ref().and_then(|tree| tree.value(&self.language, scope).ok());
        value.flatten().unwrap_or(Value::Null)
    }

    /// The names an expression uses: `params.x`, `name`, `object.id`, … What was saved counts as what
    /// it was made of.
    pub fn names(&self, template: &Template) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.gather_names(template, &mut names);
        names
    }

    fn gather_names(&self, template: &Template, names: &mut BTreeSet<String>) {
        for part in template.parts() {
            let Part::Expression { text, .. } = part else { continue };
            let Ok(outline) = self.language.outline(text) else { continue };
            for name in outline.names {
                if name == "params" {
                    names.extend(quoted(text).into_iter().map(|word| format!("params.{word}")));
                }
                let saved = name.strip_prefix("saved.").map(str::to_owned);
                if !names.insert(name) {
                    continue;
                }
                let Some(saved) = saved else { continue };
                let key = saved.split('.').next().unwrap_or_default();
                let all = self.routes.iter().flat_map(|route| &route.request.save);
                all.filter(|(name, _)| name == key).for_each(|(_, t)| self.gather_names(t, names));
            }
        }
    }

    /// The params among the names of an expression.
    pub fn params_in(&self, template: &Template) -> BTreeSet<String> {
        let names = self.names(template);
        let of = |name: &String| Some(name.strip_prefix("params.")?.split('.').next()?.to_owned());
        names.iter().filter_map(of).filter(|n| self.manifest.service.param(n).is_some()).collect()
    }

    /// The routes that a request takes.
    pub fn taken(&self, method: &str, path: &str) -> Vec<(&Route, Captures)> {
        let fits = |route: &'_ &Route| route.request.method == method;
        self.routes
            .iter()
            .filter(fits)
            .filter_map(|route| Some((route, route.capture(path)?)))
            .collect()
    }

    /// The answer that the example gives to a request, and the text of it.
    pub fn answer(&self, method: &str, path: &str) -> Option<&brokers::manifest::Answer> {
        let given: Vec<&str> = path.split('/').collect();
        self.manifest.service.example.answers.iter().find(|answer| {
            let Some((wanted, path)) = answer.request.split_once(' ') else { return false };
            let wanted_path: Vec<&str> = path.split('/').collect();
            wanted == method
                && wanted_path.len() == given.len()
                && wanted_path.iter().zip(&given).all(|(w, g)| *w == "*" || *w == decode(g))
        })
    }

    /// Whether the example answers this request itself.
    pub fn is_answered(&self, request: &Request) -> bool {
        let path: String = request
            .path
            .parts()
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Expression { .. } => "x",
            })
            .collect();
        self.answer(&request.method, &path).is_some()
    }
}

/// A value of the provider in tests.
fn value_of(name: &str) -> String {
    format!("{}-9a7806061c88ada1", name.replace('_', "-"))
}

/// The words in quotation marks.
pub fn quoted(text: &str) -> Vec<String> {
    let words = Regex::new("'([^']*)'|\"([^\"]*)\"").unwrap();
    let word = |found: regex_lite::Captures<'_>| {
        found.get(1).or_else(|| found.get(2)).map(|word| word.as_str().to_owned())
    };
    words.captures_iter(text).filter_map(word).collect()
}

fn routes(manifest: &Manifest) -> Vec<Route> {
    let mut routes = Vec::new();
    let service = &manifest.service;
    for (verb, steps) in &service.verbs {
        gather(verb, &steps.steps, &(None, Vec::new()), &mut routes);
    }
    if let Some(verb) = service.wait.as_ref().and_then(|wait| wait.request.as_ref()) {
        gather("wait", &verb.steps, &(None, Vec::new()), &mut routes);
    }
    let mut plain = |verb: String, request: &Request| {
        let (for_each, whens) = (None, Vec::new());
        routes.push(Route::new(verb, request.clone(), for_each, whens));
    };
    for rule in &service.params {
        if let Some(known) = &rule.known {
            let mut request = known.request.clone();
            request.items = Some(known.values.clone());
            plain(format!("known {}", rule.param.name), &request);
        }
    }
    for (name, value) in &manifest.provider.values {
        if let (Some(request), Some(template)) = (&value.request, &value.value) {
            let mut request = request.clone();
            request.object = Some(template.clone());
            plain(format!("value {name}"), &request);
        }
    }
    if let Some(verify) = &manifest.provider.verify {
        plain("verify".to_owned(), &verify.request);
    }
    routes
}

type Above = (Option<Template>, Vec<Template>);

fn gather(verb: &str, steps: &[Step], above: &Above, routes: &mut Vec<Route>) {
    for step in steps {
        let for_each = step.for_each.clone().or_else(|| above.0.clone());
        let whens: Vec<Template> = above.1.iter().chain(&step.when).cloned().collect();
        match &step.work {
            Work::Steps(steps) => gather(verb, steps, &(for_each, whens), routes),
            Work::Request(request) => {
                let (verb, request) = (verb.to_owned(), (**request).clone());
                routes.push(Route::new(verb, request, for_each, whens));
            }
        }
    }
}

impl Route {
    fn new(
        verb: String,
        request: Request,
        for_each: Option<Template>,
        whens: Vec<Template>,
    ) -> Self {
        let mut pattern = String::from("^");
        let mut texts = Vec::new();
        for part in request.path.parts() {
            match part {
                Part::Text(text) => pattern.push_str(&regex_lite::escape(text)),
                Part::Expression { text, .. } => {
                    let is_long = text.contains("| segments");
                    pattern.push_str(if is_long { "(.+)" } else { "([^/]+)" });
                    texts.push(text.trim().to_owned());
                }
            }
        }
        pattern.push('$');
        let shape = (Regex::new(&pattern).unwrap(), texts);
        Self { verb, request, for_each, whens, shape, recipe: None }
    }

    /// What stands for the expressions of the path, when a path is of this form.
    fn capture(&self, path: &str) -> Option<Captures> {
        let found = self.shape.0.captures(path)?;
        let values = found.iter().skip(1).flatten().map(|value| decode(value.as_str()));
        Some(self.shape.1.iter().cloned().zip(values).collect())
    }

    /// What to call it: its method and its path as the manifest writes it.
    pub fn label(&self) -> String {
        format!("{} {}", self.request.method, text_of(&self.request.path))
    }

    /// Whether it can change nothing: it only asks, or says so with `safe`.
    pub fn is_look(&self) -> bool {
        let asks = ["read", "find", "list", "wait", "verify"].contains(&self.verb.as_str());
        let request = &self.request;
        match request.method.as_str() {
            "GET" | "HEAD" => true,
            "POST" => (asks || self.verb.contains(' ')) && request.safe,
            _ => false,
        }
    }
}

/// The text of a template, as in the manifest.
fn text_of(template: &Template) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Expression { text, .. } => format!("{{{{{text}}}}}"),
    };
    template.parts().iter().map(part).collect()
}
