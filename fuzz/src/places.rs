//! Whether what is said of a text points into that text.

use provision::diagnostic::{Diagnostics, Sources, Span};
use provision::text::{Kind, Node};

/// Every problem says something, and its place is in a text.
pub(crate) fn check(problems: &Diagnostics, sources: &Sources) {
    for problem in problems.iter() {
        assert!(!problem.summary.is_empty(), "a problem without words: {problem:?}");
        if let Some(span) = problem.span {
            check_span(span, sources, &problem.summary);
        }
    }
}

/// Every value of a parsed text stands in it.
pub(crate) fn check_node(node: &Node, sources: &Sources) {
    check_span(node.span, sources, node.type_name());
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| check_node(item, sources)),
        Kind::Map(entries) => {
            for entry in entries {
                check_span(entry.span, sources, &entry.key);
                check_node(&entry.value, sources);
            }
        }
        _ => {}
    }
}

fn check_span(span: Span, sources: &Sources, what: &str) {
    let source = sources.get(span.source).expect("a place in a text that was read");
    let range = span.start as usize..span.end as usize;
    let shown = source.text.get(range.clone());
    assert!(
        shown.is_some(),
        "{range:?} is no place in {} bytes of {}: {what}",
        source.text.len(),
        source.name
    );
    let (_, line, column) = sources.position(span).expect("a line and a column");
    assert!(line > 0 && column > 0);
}
