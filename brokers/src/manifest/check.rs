//! What a manifest's expressions refer to has to exist where they stand.

use std::collections::HashSet;

use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::name::closest;

use super::language::{FILTERS, Language};
use super::provider::Provider;
use super::request::{Request, Step, Verb, Work};
use super::service::Service;
use super::template::{Part, Template, Tree};

/// Functions that may be called.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace", "sealed_box", "files"];

/// Names known wherever an instance is known.
const ALWAYS: &[&str] = &["params", "name", "project", "stage", "ref", "marker", "provider", "key"];

/// What an answer adds.
const ANSWER: &[&str] = &["response", "status", "headers"];

/// Checks the expressions of a provider.
pub(super) fn provider(
    provider: &Provider,
    text: &str,
    language: &Language,
    problems: &mut Diagnostics,
) {
    let mut checker = Checker::new(text, language, problems);
    checker.provider = Some(provider.values.keys().cloned().collect());
    // What could not be read has been reported, and so has what would have made these names known.
    for auth in provider.auth.iter().filter(|auth| !auth.secrets.is_empty()) {
        let names: Vec<&str> = auth.secrets.iter().map(|(name, _)| name.as_str()).collect();
        for (_, template) in auth.headers.iter().chain(&auth.query) {
            checker.template(template, &[&names]);
        }
    }
    for value in provider.values.values() {
        if let Some(request) = &value.request {
            checker.request(request, &[]);
        }
        if let Some(template) = &value.value {
            checker.template(template, &[ANSWER]);
        }
    }
    for tree in [&provider.query, &provider.headers].into_iter().flatten() {
        checker.tree(tree, &[&["provider"]]);
    }
    if let Some(verify) = &provider.verify {
        checker.request(&verify.request, &[&["provider"]]);
        for template in [&verify.who, &verify.scopes].into_iter().flatten() {
            checker.template(template, &[ANSWER, &["provider"]]);
        }
    }
    for (_, template) in provider.errors.templates() {
        checker.template(template, &[ANSWER]);
    }
    for paging in provider.paging.values() {
        if let Some(tree) = &paging.query {
            checker.tree(tree, &[]);
        }
        let next = paging.next.iter().map(|(_, template)| template);
        for template in next.chain(&paging.next_url) {
            checker.template(template, &[ANSWER, &["page", "count"]]);
        }
    }
    for (_, path, _) in &provider.limits.paths {
        checker.template(path, &[ALWAYS, &["id"]]);
    }
    checker.template(&provider.marker.format, &[&["project", "stage", "ref"]]);
}

/// Checks the expressions of a service, and its example. Of a provider that cannot be used nothing is
/// known: what a service says about it is taken for right.
pub(super) fn service(
    service: &Service,
    provider: Option<&Provider>,
    (text, language): (&str, &Language),
    problems: &mut Diagnostics,
) {
    let is_whole = !problems.has_errors();
    let mut checker = Checker::new(text, language, problems);
    checker.is_whole = is_whole;
    checker.provider = provider.map(|provider| provider.values.keys().cloned().collect());
    checker.params = Some(service.params.iter().map(|rule| rule.param.name.to_string()).collect());
    if !service.id_rule.is_single() {
        checker.parts = Some(service.id_rule.parts.iter().map(|(name, _)| name.clone()).collect());
    }
    checker.pagings = provider.map(|provider| provider.paging.keys().cloned().collect());
    for (name, verb) in &service.verbs {
        checker.saved = saved_in(verb);
        let more: &[&str] = match *name {
            "read" => &["id"],
            "update" | "configure" => &["id", "object", "previous", "changed", "outputs"],
            "delete" => &["id", "previous", "outputs"],
            "recover" => &["id", "object", "outputs"],
            _ => &[],
        };
        checker.verb(verb, &[ALWAYS, more]);
    }
    if let Some(ours) = &service.ours {
        checker.template(ours, &[ALWAYS, &["object"]]);
    }
    checker.saved = service.verb("create").map(saved_in).unwrap_or_default();
    if let Some(wait) = &service.wait {
        let names: &[&[&str]] = &[ALWAYS, &["id", "object", "saved"]];
        if let Some(verb) = &wait.request {
            checker.verb(verb, names);
        }
        for template in std::iter::once(&wait.ready).chain(&wait.failed) {
            checker.template(template, names);
        }
    }
    checker.shown(service);
    checker.example(service);
    let around = (provider, language);
    super::example::check(service, around, problems);
}

/// The names that a verb's steps save.
fn saved_in(verb: &Verb) -> HashSet<String> {
    let names = verb.requests().into_iter().flat_map(|request| &request.save);
    names.map(|(name, _)| name.clone()).collect()
}

struct Checker<'a> {
    text: &'a str,
    language: &'a Language,
    problems: &'a mut Diagnostics,
    params: Option<HashSet<String>>,
    provider: Option<HashSet<String>>,
    parts: Option<HashSet<String>>,
    pagings: Option<HashSet<String>>,
    saved: HashSet<String>,
    /// Whether everything in the file was understood: what was not may have saved a value.
    is_whole: bool,
}

impl<'a> Checker<'a> {
    fn new(text: &'a str, language: &'a Language, problems: &'a mut Diagnostics) -> Self {
        Self {
            text,
            language,
            problems,
            params: None,
            provider: None,
            parts: None,
            pagings: None,
            saved: HashSet::new(),
            is_whole: true,
        }
    }

    /// The expressions over an object that is shown: id, params, outputs.
    fn shown(&mut self, service: &Service) {
        for (_, template) in &service.id_rule.parts {
            self.template(template, &[ALWAYS, &["object"]]);
        }
        let reads = service.params.iter().filter_map(|rule| rule.read.as_ref());
        for template in reads.chain(&service.name.read) {
            self.template(template, &[ALWAYS, &["object", "id"]]);
        }
        for rule in &service.outputs {
            self.template(&rule.value, &[ALWAYS, &["object", "id"]]);
        }
        for known in service.params.iter().filter_map(|rule| rule.known.as_ref()) {
            self.request(&known.request, &[ALWAYS]);
            self.template(&known.values, &[ALWAYS, ANSWER]);
        }
        let grouped = service.any_of.iter().flatten();
        for name in service.recover_on.iter().chain(grouped) {
            if service.param(name).is_none() {
                let summary = format!("`{name}` is not a param.");
                self.problems.push(Diagnostic::error("unknown-name", summary).at(service.span));
            }
        }
        for rule in service.outputs.iter().filter(|rule| rule.once && !rule.sensitive) {
            let summary = format!("`{}` is shown once and not marked as sensitive.", rule.key);
            let help =
                "What is shown once is a secret, and only secrets are kept: `sensitive = true`.";
            self.problems.push(Diagnostic::error("once", summary).at(rule.span).help(help));
        }
    }

    fn example(&mut self, service: &Service) {
        let example = &service.example;
        let trees = [&example.object, &example.created, &example.pending].into_iter().flatten();
        let answers = example.answers.iter().map(|answer| &answer.response);
        for tree in trees.chain(example.edits.values()).chain(answers) {
            self.tree(tree, &[ALWAYS]);
        }
        let known = || service.params.iter().map(|rule| &*rule.param.name).chain(["name"]);
        for (param, span) in &example.edited {
            if !known().any(|name| name == param) {
                let summary = format!("`{param}` is not a param.");
                self.problems.push(unknown(&summary, param, known()).at(*span));
            }
        }
    }

    fn verb(&mut self, verb: &Verb, names: &[&[&str]]) {
        for step in &verb.steps {
            self.step(step, names);
        }
    }

    fn step(&mut self, step: &Step, names: &[&[&str]]) {
        let steps = [names, &[&["saved", "object"], ANSWER]].concat();
        for template in [&step.when, &step.for_each].into_iter().flatten() {
            self.template(template, &steps);
        }
        let inner = match step.for_each {
            Some(_) => [&steps[..], &[&["item"]]].concat(),
            None => steps,
        };
        match &step.work {
            Work::Request(request) => self.request(request, &inner),
            Work::Steps(steps) => steps.iter().for_each(|step| self.step(step, &inner)),
        }
    }

    fn request(&mut self, request: &Request, names: &[&[&str]]) {
        self.template(&request.path, names);
        for tree in [&request.query, &request.headers].into_iter().flatten() {
            self.tree(tree, names);
        }
        for template in request.body.templates() {
            self.template(template, names);
        }
        let answer = [names, &[ANSWER, &["saved"]]].concat();
        let over = [&request.object, &request.items, &request.accept, &request.fail];
        let saves = request.save.iter().map(|(_, template)| template);
        for template in over.into_iter().flatten().chain(saves) {
            self.template(template, &answer);
        }
        if let Some(template) = &request.matching {
            self.template(template, &[&answer[..], &[&["object"]]].concat());
        }
        self.paging(request);
    }

    fn paging(&mut self, request: &Request) {
        let (Some(name), Some(known)) = (&request.paging, &self.pagings) else { return };
        if name != "none" && name != "default" && !known.contains(name) {
            let summary = format!("The provider has no paging `{name}`.");
            self.problems.push(Diagnostic::error("unknown-name", summary).at(request.span));
        }
    }

    fn tree(&mut self, tree: &Tree, names: &[&[&str]]) {
        for template in tree.templates() {
            self.template(template, names);
        }
    }

    fn template(&mut self, template: &Template, names: &[&[&str]]) {
        for part in template.parts() {
            if let Part::Expression { text, .. } = part {
                self.expression(text, template.span, names);
            }
        }
    }

    fn expression(&mut self, text: &str, span: Span, names: &[&[&str]]) {
        let outline = match self.language.outline(text) {
            Ok(outline) => outline,
            Err(error) => {
                let place = self.place(text, span, error.range.as_ref());
                let summary = format!("`{}` is no expression: {}.", text.trim(), error.message);
                self.problems.push(Diagnostic::error("expression", summary).at(place));
                return;
            }
        };
        for filter in outline.unknown_filters {
            let place = self.place_of(text, &filter, span);
            let summary = format!("There is no filter `{filter}`.");
            let known = FILTERS.iter().copied();
            self.problems.push(unknown(&summary, &filter, known).at(place));
        }
        let mut used: Vec<String> = outline.names.into_iter().collect();
        used.sort();
        for path in used {
            if let Some(problem) = self.name(&path, names) {
                let place = self.place_of(text, &path, span);
                self.problems.push(problem.at(place));
            }
        }
    }

    /// What is wrong with the path of a name, when something is.
    fn name(&self, path: &str, names: &[&[&str]]) -> Option<Diagnostic> {
        let mut segments = path.split('.');
        let root = segments.next().unwrap_or_default();
        let known = || names.iter().flat_map(|group| group.iter().copied());
        if !known().any(|name| name == root) && !FUNCTIONS.contains(&root) {
            return Some(unknown(&format!("There is no `{root}` here."), root, known()));
        }
        let (declared, what) = match root {
            "params" => (self.params.as_ref(), "param"),
            "provider" => (self.provider.as_ref(), "value of the provider"),
            "id" => (self.parts.as_ref(), "part of the id"),
            "saved" => (Some(&self.saved), "value saved by a step"),
            _ => (None, ""),
        };
        let declared = declared?;
        match segments.next() {
            Some(key) if declared.contains(key) => None,
            Some(_) if root == "saved" && !self.is_whole => None,
            Some(key) => {
                let summary = format!("`{key}` is not a {what}.");
                Some(unknown(&summary, key, declared.iter().map(String::as_str)))
            }
            None if root == "id" => {
                let summary = "`id` has several parts here.".to_owned();
                Some(unknown(&summary, "", declared.iter().map(String::as_str)))
            }
            None => None,
        }
    }

    /// The place of `range` of the expression `text` inside the text at `span`.
    fn place(&self, text: &str, span: Span, range: Option<&std::ops::Range<usize>>) -> Span {
        let whole = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let Some(start) = whole.find(text) else { return span };
        let start = span.start as usize + start;
        let range = range.cloned().unwrap_or(0..text.len());
        // An end that is missing is shown at the last character.
        let rest = text.get(range.start..).unwrap_or_default();
        let least = range.start + rest.chars().next().map_or(0, char::len_utf8);
        Span::new(span.source, start + range.start..start + range.end.max(least))
    }

    fn place_of(&self, text: &str, word: &str, span: Span) -> Span {
        let range = text.find(word).map(|start| start..start + word.len());
        self.place(text, span, range.as_ref())
    }
}

fn unknown<'a>(summary: &str, word: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let help = match closest(word, known.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None if known.is_empty() => "There is none.".to_owned(),
        None => format!("Known: {}.", known.join(", ")),
    };
    Diagnostic::error("unknown-name", summary).help(help)
}
