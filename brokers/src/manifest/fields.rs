//! Reads the fields of one table of a manifest, and knows which ones nobody asked for.

use std::cell::RefCell;

use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::text::read::{self, mismatch, unknown_field};
use provision::text::{At, Entry, Kind, Node};

use super::template::{Template, Tree};

/// Where the problems of a manifest are gathered.
pub(super) type Problems = RefCell<Diagnostics>;

/// The fields of a table.
pub(super) struct Fields<'a> {
    node: &'a Node,
    what: &'static str,
    known: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which is called `what` in messages.
    pub(super) fn of(node: &'a Node, what: &'static str, problems: &'a Problems) -> Self {
        read::table(node, &mut problems.borrow_mut());
        Self { node, what, known: RefCell::default(), problems }
    }

    /// Where the table is written.
    pub(super) fn span(&self) -> Span {
        self.node.span
    }

    /// Everything in it.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.node.entries()
    }

    /// The value of a field.
    pub(super) fn node(&self, key: &'static str) -> Option<&'a Node> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.node.get(key)
    }

    /// Notes a problem.
    pub(super) fn problem(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes problems.
    pub(super) fn problems_of(&self, problems: Diagnostics) {
        self.problems.borrow_mut().extend(problems);
    }

    /// The fields of a node that belongs to this table.
    pub(super) fn inside(&self, node: &'a Node, what: &'static str) -> Fields<'a> {
        Fields::of(node, what, self.problems)
    }

    /// The value of a field that has to be there.
    pub(super) fn required(&self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() {
            let summary = format!("{} needs the field `{key}`.", capital(self.what));
            self.problem(Diagnostic::error("missing-field", summary).at(self.span()));
        }
        node
    }

    pub(super) fn text_at(&self, key: &'static str) -> Option<At<String>> {
        read::text(self.node(key)?, &mut self.problems.borrow_mut())
    }

    /// The text of a field that was asked for already.
    pub(super) fn text_again(&self, key: &'static str) -> Option<At<String>> {
        read::text(self.node.get(key)?, &mut self.problems.borrow_mut())
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.text_at(key).map(|text| text.value)
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        read::boolean(self.node(key)?, &mut self.problems.borrow_mut())
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, key: &'static str) -> Option<u64> {
        let node = self.node(key)?;
        match &node.kind {
            Kind::Number(number) if number.as_u64().is_some() => number.as_u64(),
            _ => mismatch("a whole number from 0", node, &mut self.problems.borrow_mut()),
        }
    }

    pub(super) fn integer(&self, key: &'static str) -> Option<i64> {
        let node = self.node(key)?;
        match &node.kind {
            Kind::Number(number) if number.as_i64().is_some() => number.as_i64(),
            _ => mismatch("a whole number", node, &mut self.problems.borrow_mut()),
        }
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let texts = read::texts(node, &mut self.problems.borrow_mut());
        texts.into_iter().map(|text| text.value).collect()
    }

    pub(super) fn template(&self, key: &'static str) -> Option<Template> {
        let text = self.text_at(key)?;
        Some(Template::parse(&text.value, text.span, &mut self.problems.borrow_mut()))
    }

    pub(super) fn tree(&self, key: &'static str) -> Option<Tree> {
        let node = self.node(key)?;
        Some(Tree::parse(node, &mut self.problems.borrow_mut()))
    }

    /// The templates of a table of texts, by key.
    pub(super) fn templates(&self, key: &'static str) -> Vec<(String, Template)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let mut problems = self.problems.borrow_mut();
        let mut templates = Vec::new();
        for entry in read::table(node, &mut problems) {
            if let Some(text) = read::text(&entry.value, &mut problems) {
                let template = Template::parse(&text.value, text.span, &mut problems);
                templates.push((entry.key.clone(), template));
            }
        }
        templates
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text_at(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let summary = format!("`{key}` must be one of {}.", names.join(", "));
            self.problem(Diagnostic::error("wrong-value", summary).at(text.span));
        }
        found.map(|(_, value)| *value)
    }

    /// A table inside this one.
    pub(super) fn table(&self, key: &'static str, what: &'static str) -> Option<Fields<'a>> {
        self.node(key).map(|node| Fields::of(node, what, self.problems))
    }

    /// The named tables inside the table `key`.
    pub(super) fn tables(
        &self,
        key: &'static str,
        what: &'static str,
    ) -> Vec<(&'a Entry, Fields<'a>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let entries = read::table(node, &mut self.problems.borrow_mut());
        entries.iter().map(|entry| (entry, Fields::of(&entry.value, what, self.problems))).collect()
    }

    /// The tables of the list `key`.
    pub(super) fn list(&self, key: &'static str, what: &'static str) -> Vec<Fields<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items = read::list(node, &mut self.problems.borrow_mut());
        items.iter().map(|item| Fields::of(item, what, self.problems)).collect()
    }

    /// Reports what is there and was not asked for.
    pub(super) fn done(self) {
        let known = self.known.borrow();
        for entry in self.node.entries() {
            if !known.contains(&entry.key.as_str()) {
                let problem = unknown_field(entry, self.what, &known);
                self.problems.borrow_mut().push(problem);
            }
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
