//! Goes through a manifest verb by verb, and knows what an answer and the object are at each place.

use super::Linter;
use super::answer::{Scene, Seen};
use crate::manifest::{Request, Service, Step, Verb, Work};

impl<'a> Linter<'a> {
    /// The requests of the provider's own file.
    pub(super) fn provider(&mut self) {
        if let Some(verify) = &self.provider.verify {
            let mut scene = Scene::new("verify");
            self.request(&verify.request, &mut scene);
            for (field, template) in [("who", &verify.who), ("scopes", &verify.scopes)] {
                if let Some(template) = template {
                    self.paths(template, &format!("verify.{field}"), &scene);
                }
            }
        }
        for (name, value) in &self.provider.values {
            let Some(request) = &value.request else { continue };
            let mut scene = Scene::new(&format!("values.{name}"));
            self.request(request, &mut scene);
            if let Some(template) = &value.value {
                self.paths(template, &format!("values.{name}.value"), &scene);
            }
        }
    }

    /// Everything in the file of a service.
    pub(super) fn service(&mut self, service: &'a Service) {
        self.service = Some(service);
        let created = service.verb("create").and_then(|verb| self.verb(verb, Scene::new("create")));
        self.created = created.clone();
        let mut seen = |name: &str, object: Option<Seen<'a>>| {
            let verb = service.verb(name)?;
            self.verb(verb, Scene { object, ..Scene::new(name) })
        };
        let read = seen("read", None);
        let is_plain = !service.verb("read").is_some_and(says_object);
        let read = read.or_else(|| created.clone().filter(|_| is_plain));
        let (found, listed) = (seen("find", None), seen("list", None));
        for name in ["update", "configure", "delete"] {
            seen(name, read.clone());
        }
        let recovered = seen("recover", read.clone());
        self.wait(service, read.as_ref());
        self.known(service);
        self.id(service, [("create", &created), ("find", &found), ("list", &listed)]);
        self.shown(service, read.as_ref(), &[&created, &recovered]);
    }

    /// The object a verb ends with, and whatever is wrong on the way.
    fn verb(&mut self, verb: &'a Verb, mut scene: Scene<'a>) -> Option<Seen<'a>> {
        for step in &verb.steps {
            self.step(step, &mut scene);
        }
        match scene.has_object {
            true => scene.object,
            false => scene.response,
        }
    }

    fn step(&mut self, step: &'a Step, scene: &mut Scene<'a>) {
        let before = scene.given.len();
        if let Some(when) = &step.when {
            self.paths(when, &format!("{}.when", scene.at), scene);
            scene.given.extend(given(when.single().unwrap_or_default()));
        }
        if let Some(items) = &step.for_each {
            self.paths(items, &format!("{}.for_each", scene.at), scene);
        }
        match &step.work {
            Work::Request(request) => self.request(request, scene),
            Work::Steps(steps) => steps.iter().for_each(|step| self.step(step, scene)),
        }
        scene.given.truncate(before);
    }

    /// One request: what it sends, and what is taken from its answer.
    pub(super) fn request(&mut self, request: &'a Request, scene: &mut Scene<'a>) {
        self.report.requests += 1;
        self.sent_paths(request, scene);
        let operation = self.operation(request, scene);
        if let Some(operation) = &operation {
            self.sent(request, operation, scene);
            self.unpaged(request, operation, &scene.at);
        }
        let place = scene.at.clone();
        let seen = |schemas| operation.as_ref().map(|o| Seen::new(schemas, o.label(), &place));
        let failure = operation.as_ref().and_then(|o| o.failure()).and_then(seen);
        scene.response = operation.as_ref().and_then(|o| o.success()).and_then(seen);
        self.note(request, scene.response.as_ref(), failure.as_ref());
        let at = |field: &str| format!("{}.{field}", scene.at);
        if let Some(accept) = &request.accept {
            let scene = Scene { response: failure, ..scene.clone() };
            self.paths(accept, &at("accept"), &scene);
        }
        let over =
            [("object", &request.object), ("items", &request.items), ("fail", &request.fail)];
        for (field, template) in over {
            if let Some(template) = template {
                self.paths(template, &at(field), scene);
            }
        }
        for (key, template) in &request.save {
            self.paths(template, &at(&format!("save.{key}")), scene);
        }
        let saved = request.save.iter().map(|(key, value)| (key.clone(), scene.follow(value)));
        let saved: Vec<_> = saved.collect();
        scene.saved.extend(saved);
        if let Some(object) = &request.object {
            scene.object = scene.follow(object);
            scene.has_object = true;
        }
        if let Some(items) = &request.items {
            scene.object = scene.follow(items).and_then(|seen| seen.items());
            scene.has_object = true;
        }
        if let Some(matching) = &request.matching {
            self.paths(matching, &at("match"), scene);
        }
    }

    fn wait(&mut self, service: &'a Service, read: Option<&Seen<'a>>) {
        let Some(wait) = &service.wait else { return };
        let object = match &wait.request {
            Some(verb) => self.verb(verb, Scene { object: read.cloned(), ..Scene::new("wait") }),
            None => read.cloned(),
        };
        let scene = Scene { object, ..Scene::new("wait") };
        self.paths(&wait.ready, "wait.ready", &scene);
        if let Some(failed) = &wait.failed {
            self.paths(failed, "wait.failed", &scene);
        }
    }

    fn known(&mut self, service: &'a Service) {
        for rule in &service.params {
            let Some(known) = &rule.known else { continue };
            let at = format!("params.{}.known", rule.param.name);
            let mut scene = Scene::new(&at);
            self.request(&known.request, &mut scene);
            self.paths(&known.values, &format!("{at}.values"), &scene);
        }
    }

    fn id(&mut self, service: &'a Service, objects: [(&str, &Option<Seen<'a>>); 3]) {
        for (name, object) in objects {
            if service.verb(name).is_none() {
                continue;
            }
            let scene = Scene { object: object.clone(), ..Scene::new("id") };
            for (part, template) in &service.id_rule.parts {
                let at = match service.id_rule.is_single() {
                    true => format!("id.{name}"),
                    false => format!("id.{part}.{name}"),
                };
                self.paths(template, &at, &scene);
            }
        }
    }

    /// What is shown of an object: name, params, outputs.
    fn shown(&mut self, service: &'a Service, read: Option<&Seen<'a>>, once: &[&Option<Seen<'a>>]) {
        let scene = Scene { object: read.cloned(), ..Scene::new("") };
        if let Some(template) = &service.name.read {
            self.paths(template, "name.read", &scene);
        }
        for rule in &service.params {
            if let Some(template) = &rule.read {
                self.paths(template, &format!("params.{}.read", rule.param.name), &scene);
            }
        }
        for rule in &service.outputs {
            let at = format!("outputs.{}", rule.key);
            if !rule.once {
                self.paths(&rule.value, &at, &scene);
                continue;
            }
            for object in once.iter().filter(|object| object.is_some()) {
                let scene = Scene { object: (*object).clone(), ..Scene::new("") };
                self.paths(&rule.value, &at, &scene);
            }
        }
    }
}

/// Whether a step of a verb says what the object is.
fn says_object(verb: &Verb) -> bool {
    verb.requests().iter().any(|request| request.object.is_some())
}

/// The params that are there where the condition `when` holds.
fn given(when: &str) -> Vec<String> {
    if when.contains(" or ") {
        return Vec::new();
    }
    let param = |part: &str| {
        let name = part.trim().strip_prefix("params.")?;
        let name = name.strip_suffix("is defined").unwrap_or(name).trim();
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name.then(|| name.to_owned())
    };
    when.split(" and ").filter_map(param).collect()
}
