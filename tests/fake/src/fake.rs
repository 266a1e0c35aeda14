//! A provider made of a manifest: it keeps objects, answers in the shapes that the manifest reads, and
//! believes of an object what it was sent, and no more.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Time;
use crate::fit::{Fit, Sent};
use crate::json::{get, merge, put, same};
use crate::model::{Captures, Model, Route, Wanted};
use crate::paging::Pages;
use crate::recipe::{answer_with, answered, failure_with, worded};
use crate::wire::{Received, Reply};

/// How often a new object is shown unfinished.
const PENDING_READS: u32 = 2;

/// How long an object is hidden when it is to be hidden.
const HIDDEN: Duration = Duration::from_secs(30);

/// A provider.
pub struct Fake {
    pub model: Arc<Model>,
    /// What is declared, and what was before that: what a request may have been made from.
    pub wanted: Wanted,
    pub before: Wanted,
    pub objects: Vec<Object>,
    pub log: Vec<Logged>,
    pub faults: Vec<Fault>,
    /// Whether new objects are hidden for a while.
    pub hides: bool,
    /// Whether nothing is answered.
    pub is_down: bool,
    /// What was sent and cannot be told from the manifest.
    pub notes: BTreeSet<String>,
    pub pages: Pages,
    pub(crate) saved: Map<String, Value>,
    replayed: BTreeMap<String, Reply>,
    rendered: RefCell<HashMap<String, Value>>,
    pub(crate) time: Arc<Time>,
    serial: u64,
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it was told of itself.
    pub belief: Wanted,
    /// What was declared when it was made.
    pub declared: Map<String, Value>,
    /// Whether it was told our mark.
    pub is_marked: bool,
    /// How it differs from the example's object, by param.
    pub patches: Vec<(String, Patch)>,
    fresh: Option<(Vec<String>, Value)>,
    born: Duration,
    is_hidden: bool,
    pending: u32,
}

/// A difference from the example's object.
#[derive(Clone, Debug)]
pub enum Patch {
    /// Another value at a place.
    Set(Vec<String>, Value),
    /// Something merged over it.
    Over(Value),
}

impl Patch {
    pub fn apply(&self, object: &mut Value) {
        match self {
            Self::Set(path, value) => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                put(object, &keys, value.clone());
            }
            Self::Over(over) => merge(object, over),
        }
    }
}

/// A request as it was answered.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Method and path as the manifest writes them.
    pub label: String,
    /// Method and path as they came.
    pub line: String,
    pub body: String,
    /// Whether the manifest means it to change nothing.
    pub is_look: bool,
    /// Whether it made an object.
    pub made: bool,
    /// Whether a fault was played on it.
    pub is_fault: bool,
    pub at: Duration,
}

/// Something that goes wrong with the next requests of a label.
#[derive(Clone, Debug)]
pub struct Fault {
    pub label: String,
    pub kind: FaultKind,
    pub left: u32,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// Nothing is done, and this status says so.
    Status(u16),
    /// Nothing is done, and this is said.
    Text(u16, &'static str),
    /// Nothing is done, and the answer never comes.
    Silence,
    /// Too many requests: to be asked again after so many seconds.
    Rate(u64),
    /// It is done, and the answer never comes.
    Lost,
    /// It is done, and from then on nothing is answered.
    Down,
    /// It is refused, with everything in the answer that was sent.
    Echo,
}

impl Fake {
    pub fn new(model: Arc<Model>, time: Arc<Time>) -> Self {
        let (wanted, before) = (model.example.clone(), model.example.clone());
        Self {
            model,
            wanted,
            before,
            objects: Vec::new(),
            log: Vec::new(),
            faults: Vec::new(),
            hides: false,
            is_down: false,
            notes: BTreeSet::new(),
            pages: Pages::default(),
            saved: Map::new(),
            replayed: BTreeMap::new(),
            rendered: RefCell::default(),
            time,
            serial: 0,
        }
    }

    /// From now on this is declared.
    pub fn declare(&mut self, wanted: &Wanted) {
        self.before = std::mem::replace(&mut self.wanted, wanted.clone());
    }

    /// Puts an object there that nobody here made.
    pub fn seed(&mut self, wanted: &Wanted) -> usize {
        let mut object = self.fresh(wanted);
        object.belief = wanted.clone();
        object.is_marked = true;
        (object.pending, object.is_hidden) = (0, false);
        self.objects.push(object);
        self.objects.len() - 1
    }

    /// The object as its provider shows it.
    pub fn render(&self, object: &Object) -> Value {
        // It is asked for far more often than it changes.
        let key = format!("{object:?}");
        if let Some(shown) = self.rendered.borrow().get(&key) {
            return shown.clone();
        }
        let shown = self.render_anew(object);
        self.rendered.borrow_mut().insert(key, shown.clone());
        shown
    }

    fn render_anew(&self, object: &Object) -> Value {
        let model = &self.model;
        let scope = |params: Map<String, Value>| {
            let scope = model.scope(&Wanted { params, ..object.belief.clone() });
            if object.is_marked { scope } else { scope.with("marker", &Value::from("")) }
        };
        let Some(tree) = &model.manifest.service.example.object else { return Value::Null };
        let shown = tree.value(&model.language, &scope(self.told(object)));
        let shown = shown.or_else(|_| tree.value(&model.language, &scope(object.params())));
        let mut shown = shown.ok().flatten().unwrap_or_default();
        // A provider shows what it was not told, too.
        for param in object.declared.keys().filter(|key| !object.belief.params.contains_key(*key)) {
            if let Some(place) = model.place_of(param) {
                let keys: Vec<&str> = place.iter().map(String::as_str).collect();
                if get(&shown, &keys).is_none() {
                    put(&mut shown, &keys, Value::Null);
                }
            }
        }
        if let Some((path, value)) = &object.fresh {
            Patch::Set(path.clone(), value.clone()).apply(&mut shown);
        }
        object.patches.iter().for_each(|(_, patch)| patch.apply(&mut shown));
        shown
    }

    /// The params that an object was told; of a list and a table that it was not, the empty one.
    fn told(&self, object: &Object) -> Map<String, Value> {
        let mut params = object.belief.params.clone();
        for (param, value) in &object.declared {
            let empty = match value {
                Value::Array(_) => Value::Array(Vec::new()),
                Value::Object(_) => Value::Object(Map::new()),
                _ => continue,
            };
            params.entry(param.clone()).or_insert(empty);
        }
        params
    }

    /// The id of an object.
    pub fn id(&self, object: &Object) -> String {
        let wanted = Wanted { params: object.params(), ..object.belief.clone() };
        self.model.id(&wanted, &self.render(object))
    }

    fn fresh(&mut self, wanted: &Wanted) -> Object {
        self.serial += 1;
        let leaf = self.model.id_leaf().filter(|_| self.serial > 1);
        Object {
            belief: Wanted { params: Map::new(), ..wanted.clone() },
            declared: wanted.params.clone(),
            is_marked: false,
            patches: Vec::new(),
            fresh: leaf.map(|(path, value)| (path, another_id(&value, self.serial - 1))),
            born: self.time.elapsed(),
            is_hidden: self.hides,
            pending: match &self.model.manifest.service.example.pending {
                Some(_) if self.model.manifest.service.wait.is_some() => PENDING_READS,
                _ => 0,
            },
        }
    }

    pub(crate) fn is_visible(&self, object: &Object) -> bool {
        !object.is_hidden || self.time.elapsed() >= object.born + HIDDEN
    }

    /// Answers a request.
    pub fn handle(&mut self, request: &Received) -> Reply {
        if self.is_down {
            return Reply::Nothing;
        }
        let model = Arc::clone(&self.model);
        let taken = model.taken(&request.method, &request.path);
        let fixed = model.answer(&request.method, &request.path);
        let label = match (fixed, taken.first()) {
            (Some(answer), _) => answer.request.clone(),
            (None, Some((route, _))) => route.label(),
            (None, None) => format!("{} {}", request.method, request.path),
        };
        let fault = self.fault(&label);
        self.log.push(Logged {
            label,
            line: format!("{} {}", request.method, request.path),
            body: request.body().to_string(),
            is_look: request.method == "GET" || taken.iter().all(|(route, _)| route.is_look()),
            made: false,
            is_fault: fault.is_some(),
            at: self.time.elapsed(),
        });
        match fault {
            Some(FaultKind::Status(status)) => return Reply::of(status, Value::Object(Map::new())),
            Some(FaultKind::Text(status, text)) => return Reply::Text(status, text),
            Some(FaultKind::Silence) => return Reply::Nothing,
            Some(FaultKind::Rate(seconds)) => return too_many(seconds),
            Some(FaultKind::Echo) => return echo(request),
            Some(FaultKind::Down) => self.is_down = true,
            Some(FaultKind::Lost) | None => {}
        }
        let rule = model.manifest.provider.idempotency.as_ref();
        let key = rule.and_then(|rule| request.headers.get(&rule.header.to_ascii_lowercase()));
        let key = key.cloned();
        let reply = match key.as_ref().and_then(|key| self.replayed.get(key)) {
            Some(reply) => reply.clone(),
            None => self.work(request, &taken),
        };
        if let Some(key) = key {
            self.replayed.insert(key, reply.clone());
        }
        self.save(&taken, &reply);
        if matches!(fault, Some(FaultKind::Lost | FaultKind::Down)) {
            Reply::Nothing
        } else {
            reply
        }
    }

    fn fault(&mut self, label: &str) -> Option<FaultKind> {
        let mut faults = self.faults.iter_mut();
        let fault = faults.find(|fault| fault.label == label && fault.left > 0)?;
        fault.left -= 1;
        Some(fault.kind.clone())
    }

    fn work(&mut self, request: &Received, taken: &[(&Route, Captures)]) -> Reply {
        let is_look = request.method == "GET" || taken.iter().all(|(route, _)| route.is_look());
        let fixed = self.fixed(request);
        if taken.is_empty() && fixed.is_none() {
            return self.gone();
        }
        if is_look {
            return fixed.unwrap_or_else(|| self.look(request, taken));
        }
        let sent = Sent::of(request);
        let mut fits: Vec<Fit<'_>> = Vec::new();
        for (route, captures) in taken {
            fits.extend(self.fits(route, captures, &sent));
        }
        let best = fits.into_iter().max_by_key(Fit::rank);
        match (best, fixed) {
            (None, Some(fixed)) => fixed,
            (None, None) => self.gone(),
            (Some(fit), Some(fixed)) => {
                if let Some(at) = fit.target {
                    self.adopt(at, &fit);
                }
                fixed
            }
            (Some(fit), None) => self.act(&fit),
        }
    }

    fn fixed(&self, request: &Received) -> Option<Reply> {
        let answer = self.model.answer(&request.method, &request.path)?;
        let scope = self.model.scope(&self.wanted);
        let body = self.model.tree(&Some(answer.response.clone()), &scope);
        Some(Reply::of(answer.status, body))
    }

    /// What the manifest saves of an answer is known to later requests.
    fn save(&mut self, taken: &[(&Route, Captures)], reply: &Reply) {
        let Reply::Answer { status, body, .. } = reply else { return };
        let scope = self.model.scope(&self.wanted);
        for (route, _) in taken {
            let saved = Value::Object(self.saved.clone());
            let scope = answered(&scope, body, *status).with("saved", &saved);
            for (name, template) in &route.request.save {
                let value = self.model.value(template, &scope);
                self.saved.extend(value.map(|value| (name.clone(), value)));
            }
        }
    }

    fn gone(&self) -> Reply {
        let gone = self.model.manifest.provider.errors.gone.as_ref();
        let failure = failure_with(&self.model, gone, 404);
        let (status, body) = worded(&self.model, gone, failure, "not_found");
        Reply::of(status, body)
    }

    fn conflict(&self) -> Reply {
        let conflict = self.model.manifest.provider.errors.conflict.as_ref();
        let failure = failure_with(&self.model, conflict, 409);
        let (status, body) = worded(&self.model, conflict, failure, "already_exists");
        Reply::of(status, body)
    }

    fn look(&mut self, request: &Received, taken: &[(&Route, Captures)]) -> Reply {
        if let Some(answer) = self.elsewhere(taken) {
            return Reply::of(200, answer);
        }
        let mut routes: Vec<_> = taken.iter().filter(|(r, _)| r.recipe.is_some()).collect();
        routes.sort_by_key(|(route, _)| match (route.verb.as_str(), &route.request.items) {
            ("read", _) => 0,
            ("find", None) => 1,
            _ => 2,
        });
        for (route, captures) in &routes {
            let Some(recipe) = &route.recipe else { continue };
            let found: Vec<usize> = (0..self.objects.len())
                .filter(|at| self.is_visible(&self.objects[*at]) && self.holds(captures, *at))
                .collect();
            let is_one = route.request.items.is_none();
            if found.is_empty() && !recipe.is_of_many() {
                continue;
            }
            if is_one && !found.is_empty() {
                let objects: Vec<Value> = found.iter().map(|at| self.read(*at)).collect();
                return Reply::of(200, recipe.answer(&objects));
            }
            let objects: Vec<Value> = found.iter().map(|at| self.listed(*at)).collect();
            let server = &self.model.manifest.provider;
            return self.pages.answer(&self.model, server, (route, request), &objects);
        }
        if routes.is_empty() { Reply::of(200, Value::Object(Map::new())) } else { self.gone() }
    }

    /// The answer to a question that is not about objects of the service.
    fn elsewhere(&self, taken: &[(&Route, Captures)]) -> Option<Value> {
        let about = |kind: &str| {
            taken.iter().find_map(|(route, _)| Some((route, route.verb.strip_prefix(kind)?)))
        };
        if let Some((route, name)) = about("value ") {
            let value = self.model.provider[name].clone();
            return answer_with(&self.model, route.request.object.as_ref()?, &value);
        }
        if let Some((route, name)) = about("known ") {
            let value = self.wanted.params.get(name)?;
            return answer_with(&self.model, route.request.items.as_ref()?, value);
        }
        let is_verify = taken.iter().any(|(route, _)| route.verb == "verify");
        let is_object = taken.iter().any(|(route, _)| route.recipe.is_some());
        (is_verify && !is_object).then(|| Value::Object(Map::new()))
    }

    /// The object as the next read shows it.
    fn read(&mut self, at: usize) -> Value {
        let shown = self.listed(at);
        let object = &mut self.objects[at];
        object.pending = object.pending.saturating_sub(1);
        shown
    }

    fn listed(&self, at: usize) -> Value {
        let object = &self.objects[at];
        let mut shown = self.render(object);
        if object.pending > 0 {
            let scope = self.model.scope(&self.wanted);
            let pending = self.model.tree(&self.model.manifest.service.example.pending, &scope);
            merge(&mut shown, &pending);
        }
        shown
    }

    fn act(&mut self, fit: &Fit<'_>) -> Reply {
        let route = fit.route;
        if route.verb == "delete" && self.is_removal(route) {
            let Some(at) = fit.target else { return self.gone() };
            self.objects.remove(at);
            return Reply::of(204, Value::Null);
        }
        let at = match fit.target {
            Some(at) => at,
            None if route.verb == "create" => match self.create(fit) {
                Some(at) => at,
                None => return self.conflict(),
            },
            None => return self.gone(),
        };
        self.adopt(at, fit);
        let mut shown = self.listed(at);
        if matches!(route.verb.as_str(), "create" | "recover") {
            let scope = self.model.scope(&self.wanted);
            let created = self.model.tree(&self.model.manifest.service.example.created, &scope);
            if created.is_object() {
                merge(&mut shown, &created);
            }
        }
        let body = route.recipe.as_ref().map(|recipe| recipe.answer(&[shown]));
        Reply::of(200, body.unwrap_or_else(|| Value::Object(Map::new())))
    }

    /// Whether a request of `delete` is the one that destroys: by its method, or the last of them.
    fn is_removal(&self, route: &Route) -> bool {
        let acts = self.model.routes.iter().filter(|other| {
            other.verb == "delete" && !other.is_look() && !self.model.is_answered(&other.request)
        });
        let is_last = acts.last().is_some_and(|last| last.request.span == route.request.span);
        route.request.method == "DELETE" || is_last
    }

    /// Makes an object; `None` when something is in the way.
    fn create(&mut self, fit: &Fit<'_>) -> Option<usize> {
        let wanted = self.wanted.clone();
        let object = self.fresh(&wanted);
        let id = self.id(&Object { belief: wanted.clone(), ..object.clone() });
        let is_unique = self.model.manifest.service.name.unique;
        let is_same = |at: &usize| {
            let other = &self.objects[*at];
            let is_named = is_unique && other.belief.name == wanted.name;
            self.id(other) == id || (is_named && self.holds(&fit.captures, *at))
        };
        if (0..self.objects.len()).any(|at| is_same(&at)) {
            return None;
        }
        if let Some(logged) = self.log.last_mut() {
            logged.made = true;
        }
        self.objects.push(object);
        Some(self.objects.len() - 1)
    }

    /// An object takes over what a request told it.
    fn adopt(&mut self, at: usize, fit: &Fit<'_>) {
        self.notes.extend(fit.misfits.iter().cloned());
        let wanted = self.wanted.clone();
        let object = &mut self.objects[at];
        object.is_marked |= fit.told.contains("marker");
        if fit.told.contains("name") {
            object.belief.name.clone_from(&wanted.name);
            object.patches.retain(|(patched, _)| patched != "name");
        }
        for (param, sent) in &fit.values {
            match sent.as_ref().or_else(|| wanted.params.get(param)) {
                Some(value) => drop(object.belief.params.insert(param.clone(), value.clone())),
                None => drop(object.belief.params.remove(param)),
            }
            object.patches.retain(|(patched, _)| patched != param);
        }
        for param in fit.values.keys() {
            self.show(at, param);
        }
    }

    /// Sees to it that an object shows a param as it was told it.
    fn show(&mut self, at: usize, param: &str) {
        let object = &self.objects[at];
        let Some(value) = object.belief.params.get(param).cloned() else { return };
        let wanted = Wanted { params: object.params(), ..object.belief.clone() };
        let shown = self.render(object);
        let yields = |object: &Value| {
            let read = self.model.read(param, &wanted, object);
            // One that cannot be seen, as it is now, does not have to be shown.
            read.is_none_or(|read| same(&read, &value, false))
        };
        let has_read = |rule: &brokers::manifest::ParamRule| rule.read.is_some();
        if !self.model.manifest.service.param(param).is_some_and(has_read) || yields(&shown) {
            return;
        }
        let place = self.model.place_of(param);
        let edit = self.model.manifest.service.example.edits.get(param).cloned();
        let edit = edit.map(|tree| self.model.tree(&Some(tree), &self.model.scope(&wanted)));
        let patches = place.map(|place| Patch::Set(place, value.clone())).into_iter();
        for patch in patches.chain(edit.map(Patch::Over)) {
            let mut tried = shown.clone();
            patch.apply(&mut tried);
            if yields(&tried) {
                self.objects[at].patches.push((param.to_owned(), patch));
                return;
            }
        }
        self.notes.insert(format!("no object shows `{param}` as {value}"));
    }
}

impl Object {
    /// Its params: what was declared, and what it was told since.
    pub fn params(&self) -> Map<String, Value> {
        let mut params = self.declared.clone();
        params.extend(self.belief.params.clone());
        params
    }
}

/// Another id that looks like this one.
fn another_id(value: &Value, serial: u64) -> Value {
    if let Some(number) = value.as_u64() {
        return Value::from(number + serial);
    }
    let text = value.as_str().unwrap_or_default();
    let mut letters: Vec<char> = text.chars().collect();
    let last = letters.iter().rposition(char::is_ascii_digit).or(letters.len().checked_sub(1));
    if let Some(letter) = last.and_then(|at| letters.get_mut(at)) {
        let digit = letter.to_digit(10).unwrap_or(0) + u32::try_from(serial).unwrap_or(1);
        *letter = char::from_digit(digit % 10, 10).unwrap_or('0');
    }
    Value::from(letters.into_iter().collect::<String>())
}

fn too_many(seconds: u64) -> Reply {
    let headers = vec![("retry-after".to_owned(), seconds.to_string())];
    Reply::Answer { status: 429, headers, body: Value::Object(Map::new()) }
}

/// A refusal that says everything that was sent, wherever words are looked for.
fn echo(request: &Received) -> Reply {
    let text =
        format!("refused: {:?} {}", request.headers, String::from_utf8_lossy(&request.bytes));
    let one = serde_json::json!({ "message": text, "code": text, "type": text });
    let mut body = one.clone();
    body["errors"] = serde_json::json!([one]);
    body["error"] = one;
    body["msg"] = Value::from(text);
    debug_assert!(get(&body, &["errors", "0", "message"]).is_some());
    Reply::of(400, body)
}
