//! What the provider's file says for every service: how lists go on, and how failures look.

use super::answer::{Scene, Seen};
use super::{Finding, Linter, named, suggestion};
use crate::manifest::{Part, Request, Template};
use crate::openapi::draft::paging::is_of_paging;
use crate::openapi::operation::Operation;

/// What requests answer, over all services.
#[derive(Default)]
pub(super) struct Answers<'a> {
    /// Pages of lists, each with the name of its paging.
    pages: Vec<(String, Seen<'a>)>,
    /// When all is well.
    good: Vec<Seen<'a>>,
    /// When something is wrong.
    bad: Vec<Seen<'a>>,
}

impl<'a> Answers<'a> {
    pub(super) fn add(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.good.extend(other.good);
        self.bad.extend(other.bad);
    }
}

impl<'a> Linter<'a> {
    /// Notes what a request answers.
    pub(super) fn note(
        &mut self,
        request: &Request,
        good: Option<&Seen<'a>>,
        bad: Option<&Seen<'a>>,
    ) {
        if request.is_paged() {
            let page = good.map(|seen| (request.paging_name().to_owned(), seen.clone()));
            self.answers.pages.extend(page);
        }
        self.answers.good.extend(good.cloned());
        self.answers.bad.extend(bad.cloned());
    }

    /// A list of which only the first page would be read.
    pub(super) fn unpaged(&mut self, request: &Request, operation: &Operation<'a>, at: &str) {
        let name = request.paging_name();
        if !request.is_paged() || name == "none" || self.provider.paging.contains_key(name) {
            return;
        }
        let parameters = operation.parameters();
        let of_paging: Vec<&str> =
            parameters.iter().filter(|p| is_of_paging(p)).map(|p| p.name).collect();
        if of_paging.is_empty() {
            return;
        }
        let message = format!(
            "`{}` takes {}, and nothing says how its list goes on: what is not on the first page is not seen. Say it in provider.toml as `[paging.default]`, or `paging = \"none\"` here where one page is all.",
            operation.label(),
            named(&of_paging)
        );
        self.report("missing-paging", format!("{at}.paging"), message, request.span);
    }

    /// The expressions in `[paging]` and `[errors]`, against what all the services' requests answer.
    pub(super) fn shared(&mut self, answers: &Answers<'a>) {
        for (name, paging) in &self.provider.paging {
            let pages: Vec<&Seen<'a>> =
                answers.pages.iter().filter(|(of, _)| of == name).map(|(_, seen)| seen).collect();
            for (key, template) in &paging.next {
                self.everywhere(template, &format!("paging.{name}.next.{key}"), &pages);
            }
            if let Some(template) = &paging.next_url {
                self.everywhere(template, &format!("paging.{name}.next_url"), &pages);
            }
        }
        let bad: Vec<&Seen<'a>> = answers.bad.iter().collect();
        let all: Vec<&Seen<'a>> = answers.bad.iter().chain(&answers.good).collect();
        for (name, template) in self.provider.errors.templates() {
            // Also what looks well is asked whether it failed.
            let seen = if name == "failed" { &all } else { &bad };
            self.everywhere(template, &format!("errors.{name}"), seen);
        }
    }

    /// A path that leads nowhere in any of the answers; one of several may well lead nowhere in some.
    fn everywhere(&mut self, template: &Template, at: &str, answers: &[&Seen<'a>]) {
        if answers.is_empty() {
            return;
        }
        for part in template.parts() {
            let Part::Expression { text, .. } = part else { continue };
            let mut lost: Option<String> = None;
            for path in super::paths::paths(self.language, text) {
                if !path.starts_with("response.")
                    || lost.as_ref().is_some_and(|lost| path.starts_with(lost))
                {
                    continue;
                }
                self.report.paths += 1;
                if let Some(finding) = self.nowhere(&path, (template, at), answers) {
                    lost = Some(format!("{path}."));
                    self.report.findings.push(finding);
                }
            }
        }
    }

    fn nowhere(
        &self,
        path: &str,
        (template, at): (&Template, &str),
        answers: &[&Seen<'a>],
    ) -> Option<Finding> {
        let mut names: Vec<String> = Vec::new();
        let mut missing = None;
        for seen in answers {
            let scene = Scene { response: Some((*seen).clone()), ..Scene::new(at) };
            let (segment, known) = scene.missing(path)?;
            names.extend(known);
            missing.get_or_insert((segment, seen.of()));
        }
        let (segment, first) = missing?;
        names.sort();
        names.dedup();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let others = match answers.len() - 1 {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let message = format!(
            "`{path}` leads nowhere: what `{first}`{others} answers has no `{segment}` there. {}",
            suggestion(&segment, &known)
        );
        Some(self.finding("unknown-response", format!("{at}.{path}"), message, template.span))
    }
}
