//! What is put into a path, against what the description's parameters may be.

use provision::broker::ParamType;

use super::answer::{Scene, Seen};
use super::{Linter, named};
use crate::manifest::{Part, Request, Template};
use crate::openapi::operation::{Operation, Parameter};

/// A segment of a path that is one expression.
struct Segment<'a> {
    text: &'a str,
    /// Its place from the end.
    from_end: usize,
}

impl<'a> Linter<'a> {
    /// The parameters in the path of a request.
    pub(super) fn segments(
        &mut self,
        request: &'a Request,
        operation: &Operation<'a>,
        scene: &Scene<'a>,
    ) {
        let parameters = operation.parameters();
        let theirs: Vec<&str> = operation.path.trim_matches('/').rsplit('/').collect();
        for segment in segments(&request.path) {
            let name = theirs.get(segment.from_end).and_then(|theirs| {
                let name = theirs.strip_prefix('{')?.strip_suffix('}')?;
                (!name.contains(['{', '}'])).then_some(name)
            });
            let is_it = |p: &&Parameter<'_>| p.place == "path" && Some(p.name) == name;
            let Some(parameter) = parameters.iter().find(is_it) else { continue };
            let Some(kinds) = self.kinds(segment.text, scene) else { continue };
            let asked = asked(parameter);
            if fits(&kinds, &asked) {
                continue;
            }
            let message = format!(
                "`{}` takes {} as `{{{}}}` in its path; `{}` is {}.",
                operation.label(),
                named(&asked),
                parameter.name,
                segment.text,
                named(&kinds)
            );
            let at = format!("{}.request.{}", scene.at, parameter.name);
            self.report("wrong-type", at, message, request.path.span);
        }
    }

    /// The types an expression may have; nothing where that is not known.
    fn kinds(&self, text: &str, scene: &Scene<'a>) -> Option<Vec<&'a str>> {
        match text {
            "name" | "marker" | "ref" | "project" | "stage" => return Some(vec!["string"]),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("params.") {
            return Some(vec![word(self.service?.param(name)?.param.kind)?]);
        }
        if text == "id" || text.starts_with("id.") {
            let rule = &self.service?.id_rule;
            let part = text.strip_prefix("id.").unwrap_or("id");
            let (_, template) = rule.parts.iter().find(|(name, _)| name == part)?;
            let text = template.single().filter(|text| !text.starts_with("id"))?;
            return self.kinds(text, &Scene { object: self.created.clone(), ..Scene::new("id") });
        }
        scene.follow(&Template::expression(text)).as_ref().map(Seen::kinds)
    }
}

/// The types a parameter may have; none when it may have any.
fn asked<'a>(parameter: &Parameter<'a>) -> Vec<&'a str> {
    let mut asked: Vec<&str> = Vec::new();
    for shape in parameter.schema.shapes() {
        let kinds = shape.types();
        if kinds.is_empty() {
            return Vec::new();
        }
        asked.extend(kinds);
    }
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// Whether what is of one of `kinds` can stand, as text, where one of `asked` is.
fn fits(kinds: &[&str], asked: &[&str]) -> bool {
    let is_number = |kind: &str| ["integer", "number"].contains(&kind);
    let is_whole = |kind: &&str| ["array", "object"].contains(kind);
    if kinds.is_empty() || asked.is_empty() {
        return true;
    }
    let fits = |kind: &&str| match *kind {
        kind if is_whole(&kind) => asked.contains(&kind),
        kind if asked.iter().all(|asked| is_number(asked)) => is_number(kind),
        _ => true,
    };
    kinds.iter().any(fits)
}

fn word(kind: ParamType) -> Option<&'static str> {
    Some(match kind {
        ParamType::String => "string",
        ParamType::Integer => "integer",
        ParamType::Number => "number",
        ParamType::Boolean => "boolean",
        ParamType::List | ParamType::Texts => "array",
        ParamType::Map | ParamType::TextMap => "object",
        ParamType::Any | ParamType::Path | ParamType::PathOrList => return None,
    })
}

/// The segments of a path that are one expression each.
fn segments(path: &Template) -> Vec<Segment<'_>> {
    let mut all: Vec<(Vec<&str>, String)> = vec![(Vec::new(), String::new())];
    for part in path.parts() {
        match part {
            Part::Expression { text, .. } => {
                if let Some((expressions, _)) = all.last_mut() {
                    expressions.push(text.trim());
                }
            }
            Part::Text(text) => {
                let path = text.split('?').next().unwrap_or_default();
                for (place, piece) in path.split('/').enumerate() {
                    if place > 0 {
                        all.push((Vec::new(), String::new()));
                    }
                    if let Some((_, text)) = all.last_mut() {
                        text.push_str(piece);
                    }
                }
                if text.contains('?') {
                    break;
                }
            }
        }
    }
    let is_empty =
        |(expressions, text): &(Vec<&str>, String)| expressions.is_empty() && text.is_empty();
    all.pop_if(|last| is_empty(last));
    let single =
        all.iter().rev().enumerate().filter_map(
            |(from_end, (expressions, text))| match expressions.as_slice() {
                [only] if text.is_empty() => Some(Segment { text: only, from_end }),
                _ => None,
            },
        );
    single.collect()
}
