//! Diagnostics as annotated text and as JSON.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use provision::diagnostic::{Diagnostic, Diagnostics, Severity, Sources};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::terminal::{BAD, BOLD, CHANGE, out, paint, talk};

/// Shows problems to a person.
pub fn show(problems: &Diagnostics, sources: &Sources) {
    for problem in problems.iter() {
        talk(render(problem, sources));
    }
}

/// Shows a failure: to a person, or as one JSON document.
pub fn failure(failure: &Failure, sources: &Sources, is_json: bool) {
    if failure.problems().is_empty() {
        // The command has said everything itself.
        return;
    }
    if is_json {
        out(json!({
            "format_version": "1.0",
            "error": true,
            "exit_code": failure.exit().code(),
            "diagnostics": to_json(failure.problems(), sources),
            "decisions": failure.pending(),
        }));
        return;
    }
    show(failure.problems(), sources);
    if !failure.pending().is_empty() {
        out(json!({ "decisions": failure.pending() }));
    }
}

/// The JSON form of problems.
pub fn to_json(problems: &Diagnostics, sources: &Sources) -> Vec<Value> {
    problems.iter().map(|problem| one_to_json(problem, sources)).collect()
}

fn one_to_json(problem: &Diagnostic, sources: &Sources) -> Value {
    let place = problem.span.and_then(|span| sources.position(span));
    json!({
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": problem.code,
        "summary": problem.summary,
        "help": problem.help,
        "ref": problem.subject,
        "file": place.map(|(file, _, _)| file),
        "line": place.map(|(_, line, _)| line),
        "column": place.map(|(_, _, column)| column),
    })
}

fn render(problem: &Diagnostic, sources: &Sources) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let located = problem.span.and_then(|span| Some((span, sources.get(span.source)?)));
    let mut groups: Vec<Group<'_>> = Vec::new();
    let title = level.primary_title(&problem.summary);
    match located {
        Some((span, source)) if !source.text.is_empty() => {
            let range = char_range(&source.text, span.start as usize, span.end as usize);
            let mut annotation = AnnotationKind::Primary.span(range);
            if let Some(label) = &problem.label {
                annotation = annotation.label(label);
            }
            let snippet =
                Snippet::source(&source.text).path(&source.name).fold(true).annotation(annotation);
            groups.push(title.element(snippet));
        }
        _ => return placeless(problem),
    }
    if let Some(help) = &problem.help {
        groups.push(Group::with_title(Level::HELP.secondary_title(help)));
    }
    Renderer::styled().decor_style(DecorStyle::Ascii).render(&groups)
}

/// A problem without a place: the renderer would draw an empty frame around it.
fn placeless(problem: &Diagnostic) -> String {
    let (word, style) = match problem.severity {
        Severity::Error => ("error", BAD),
        Severity::Warning => ("warning", CHANGE),
    };
    let mut text = format!("{}: {}", paint(style, word), problem.summary);
    if let Some(help) = &problem.help {
        text.push_str(&format!("\n{}: {help}", paint(BOLD, "help")));
    }
    text
}

/// A range inside the text, on character boundaries, cut off at its first line's end.
fn char_range(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line = text.get(start..end).unwrap_or_default().split('\n').next().unwrap_or_default();
    start..start + line.trim_end().len()
}
