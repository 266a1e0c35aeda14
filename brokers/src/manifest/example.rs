//! Holds the example of a manifest to the manifest: its params to what they may be, and what is read
//! of an object to the object that it shows.

use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::name::closest;
use provision::text::{Entry, Node};
use provision::value::as_text;
use serde_json::{Map, Value, json};

use super::language::Language;
use super::provider::Provider;
use super::service::{OutputRule, ParamRule, Service};
use super::template::{ExpressionError, Scope, Template};

/// Checks the example of a service, where it has one.
pub(super) fn check(
    service: &Service,
    (provider, language): (Option<&Provider>, &Language),
    problems: &mut Diagnostics,
) {
    let example = &service.example;
    let Some(span) = example.span else { return };
    let found = match &example.written {
        Some(params) => check_params(service, params),
        None => missing(service, &[], span),
    };
    let is_sound = found.is_empty();
    problems.extend(found);
    let object = example.object.as_ref().filter(|tree| !is_tainted(&tree.templates(), problems));
    // An object of params that are wrong shows nothing, nor does one of a provider that is not known.
    let Some((object, provider)) = object.filter(|_| is_sound).zip(provider) else { return };
    let scope = scope(service, provider);
    let mut bench = Bench { service, language, scope, problems };
    match object.value(language, &bench.scope) {
        Ok(value) => bench.all(value.unwrap_or_default()),
        Err(error) => bench.failed(&error),
    }
}

/// Holds params, as they are written, to the rules of a service.
#[must_use]
pub fn check_params(service: &Service, params: &Node) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let mut given = Vec::new();
    for Entry { key, span, value } in params.entries() {
        let settled = value.to_value();
        match service.param(key) {
            Some(_) if settled.is_null() => {}
            Some(rule) => {
                given.push(key.as_str());
                if let Some(expected) = rule.param.misfit(&settled, value.type_name()) {
                    let summary = format!("`{key}` must be {expected}.");
                    let problem = Diagnostic::error("wrong-param", summary).at(value.span);
                    problems.push(problem.help(rule.param.description.clone()));
                }
            }
            None => problems.push(unknown(service, key).at(*span)),
        }
    }
    problems.extend(missing(service, &given, params.span));
    problems
}

fn unknown(service: &Service, key: &str) -> Diagnostic {
    let known: Vec<&str> = service.params.iter().map(|rule| &*rule.param.name).collect();
    let help = match closest(key, known.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => format!("Its params: {}.", known.join(", ")),
    };
    let summary = format!("`{}` has no param `{key}`.", service.id);
    Diagnostic::error("unknown-param", summary).help(help)
}

/// What has to be given and is not.
fn missing(service: &Service, given: &[&str], span: Span) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let is_missing = |rule: &&ParamRule| rule.param.required && !given.contains(&&*rule.param.name);
    for ParamRule { param, .. } in service.params.iter().filter(is_missing) {
        let summary = format!("`{}` needs the param `{}`.", service.id, param.name);
        let problem = Diagnostic::error("missing-param", summary).at(span);
        problems.push(problem.help(param.description.clone()));
    }
    let is_given = |group: &&Vec<String>| group.iter().any(|name| given.contains(&name.as_str()));
    for group in service.any_of.iter().filter(|group| !is_given(group)) {
        let names: Vec<String> = group.iter().map(|name| format!("`{name}`")).collect();
        let summary = format!("`{}` needs one of the params {}.", service.id, names.join(", "));
        problems.push(Diagnostic::error("missing-param", summary).at(span));
    }
    problems
}

/// Whether something is known to be wrong with one of these.
fn is_tainted(templates: &[&Template], problems: &Diagnostics) -> bool {
    let holds = |outer: Span, inner: Span| {
        outer.source == inner.source && outer.start <= inner.start && inner.end <= outer.end
    };
    let mut places = problems.iter().filter_map(|problem| problem.span);
    places.any(|place| templates.iter().any(|template| holds(template.span, place)))
}

/// The names that the expressions of an example may use.
fn scope(service: &Service, provider: &Provider) -> Scope {
    let example = &service.example;
    let mut params: Map<String, Value> = service
        .params
        .iter()
        .filter_map(|rule| Some((rule.param.name.to_string(), rule.param.default.clone()?)))
        .collect();
    params.extend(example.params.clone());
    params.retain(|_, value| !value.is_null());
    let values = provider.values.keys();
    let values: Map<String, Value> = values.map(|name| (name.clone(), json!("example"))).collect();
    let name = example.name.as_deref().unwrap_or("example");
    Scope::default()
        .with("params", &Value::Object(params))
        .with("name", &json!(name))
        .with("project", &json!("shop"))
        .with("stage", &json!("default"))
        .with("ref", &json!("it"))
        .with("marker", &json!("prov:shop/default/it"))
        .with("key", &json!("key"))
        .with("saved", &json!({}))
        .with("provider", &Value::Object(values))
}

/// An example whose object is known.
struct Bench<'a> {
    service: &'a Service,
    language: &'a Language,
    scope: Scope,
    problems: &'a mut Diagnostics,
}

impl Bench<'_> {
    /// Evaluates everything that is read of an object.
    fn all(&mut self, object: Value) {
        let service = self.service;
        self.scope.set("object", &object);
        self.id();
        for rule in &service.params {
            let given = service.example.params.get(&*rule.param.name);
            if let Some((read, given)) = rule.read.as_ref().zip(given) {
                self.param(&rule.param.name, read, given);
            }
        }
        for rule in service.outputs.iter().filter(|rule| !rule.once) {
            self.output(rule);
        }
        self.ready();
        let mut whole = object;
        let created = service.example.created.as_ref();
        if let Some(Ok(Some(created))) = created.map(|c| c.value(self.language, &self.scope)) {
            merge(&mut whole, created);
        }
        self.scope.set("object", &whole);
        for rule in service.outputs.iter().filter(|rule| rule.once) {
            self.output(rule);
        }
    }

    fn id(&mut self) {
        let mut parts = Map::new();
        for (name, template) in &self.service.id_rule.parts {
            if is_tainted(&[template], self.problems) {
                continue;
            }
            match template.value(self.language, &self.scope) {
                Ok(Some(value)) if !value.is_null() => {
                    parts.insert(name.clone(), Value::from(as_text(&value)));
                }
                Ok(_) if template.parts().is_empty() => {}
                Ok(_) if self.service.id_rule.is_single() => self.nothing("The `id`", template),
                Ok(_) => self.nothing(&format!("The part `{name}` of the `id`"), template),
                Err(error) => self.failed(&error),
            }
        }
        let id = match self.service.id_rule.is_single() {
            true => parts.remove("id").unwrap_or_default(),
            false => Value::Object(parts),
        };
        self.scope.set("id", &id);
    }

    fn param(&mut self, name: &str, read: &Template, given: &Value) {
        if is_tainted(&[read], self.problems) {
            return;
        }
        match read.shown(self.language, &self.scope) {
            Ok(Some(value)) if is_same(&value, given) => {}
            Ok(Some(value)) => {
                let summary =
                    format!("`{name}` reads {value} of the example's object, not {given}.");
                let help = "A plan would show this as a change that never ends.";
                self.problem(summary, read.span, help);
            }
            Ok(None) => self.nothing(&format!("The `read` of `{name}`"), read),
            Err(error) => self.failed(&error),
        }
    }

    fn output(&mut self, rule: &OutputRule) {
        if is_tainted(&[&rule.value], self.problems) {
            return;
        }
        match rule.value.shown(self.language, &self.scope) {
            // A null that the example spells out is meant.
            Ok(Some(_)) => {}
            Ok(None) => {
                let summary =
                    format!("The output `{}` finds nothing in the example's object.", rule.key);
                let help = "Correct it, or write into `object` of [example] all that the provider \
                            shows. One that may be missing ends with `| default(none)`.";
                self.problem(summary, rule.value.span, help);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// The example's object is ready; where something else tells so, it says nothing about that.
    fn ready(&mut self) {
        let Some(wait) = self.service.wait.as_ref().filter(|wait| wait.request.is_none()) else {
            return;
        };
        if is_tainted(&[&wait.ready], self.problems) {
            return;
        }
        match wait.ready.value(self.language, &self.scope) {
            Ok(Some(Value::Bool(false))) => {
                let summary = "`ready` is not true of the example's object.".to_owned();
                let help = "The object in [example] is to be one that is ready; how it differs \
                            before that is `pending`.";
                self.problem(summary, wait.ready.span, help);
            }
            Ok(_) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn nothing(&mut self, what: &str, template: &Template) {
        let summary = format!("{what} finds nothing in the example's object.");
        let help = "Correct it, or write into `object` of [example] all that the provider shows.";
        self.problem(summary, template.span, help);
    }

    fn failed(&mut self, error: &ExpressionError) {
        if error.expression.contains("files(") {
            // What is in a folder is known where the example's folder is, and that is not here.
            return;
        }
        let summary = format!("Over the example, {error}.");
        let help = "Correct it, or write into `object` of [example] all that the provider shows.";
        self.problem(summary, error.span, help);
    }

    fn problem(&mut self, summary: String, span: Span, help: &str) {
        self.problems.push(Diagnostic::error("example", summary).at(span).help(help));
    }
}

/// Whether a param is shown as it is declared, 1 and 1.0 included.
fn is_same(shown: &Value, given: &Value) -> bool {
    match (shown.as_f64(), given.as_f64()) {
        (Some(shown), Some(given)) => (shown - given).abs() < f64::EPSILON,
        _ => shown == given,
    }
}

/// Puts the fields of `over` into `object`, tables into tables.
fn merge(object: &mut Value, over: Value) {
    match (object, over) {
        (Value::Object(object), Value::Object(over)) => {
            for (key, value) in over {
                merge(object.entry(key).or_insert(Value::Null), value);
            }
        }
        (object, over) => *object = over,
    }
}
