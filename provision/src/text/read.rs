//! Reading typed values out of nodes; what does not fit becomes a diagnostic.

use super::node::{Entry, Kind, Node};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::name::closest;

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

/// The text of a node.
pub fn text(node: &Node, problems: &mut Diagnostics) -> Option<At<String>> {
    match &node.kind {
        Kind::Text(text) => Some(At { value: text.clone(), span: node.span }),
        _ => mismatch("a string", node, problems),
    }
}

/// The truth value of a node.
pub fn boolean(node: &Node, problems: &mut Diagnostics) -> Option<bool> {
    match node.kind {
        Kind::Boolean(value) => Some(value),
        _ => mismatch("true or false", node, problems),
    }
}

/// The items of a list.
pub fn list<'a>(node: &'a Node, problems: &mut Diagnostics) -> &'a [Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => mismatch("a list", node, problems).unwrap_or_default(),
    }
}

/// [`list`] of a node that is not needed any more.
pub fn into_list(node: Node, problems: &mut Diagnostics) -> Vec<Node> {
    match node.kind {
        Kind::List(items) => items,
        _ => mismatch("a list", &node, problems).unwrap_or_default(),
    }
}

/// [`table`] of a node that is not needed any more.
pub fn into_table(node: Node, problems: &mut Diagnostics) -> Vec<Entry> {
    match node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => Vec::new(),
        _ => mismatch("a table", &node, problems).unwrap_or_default(),
    }
}

/// The texts of a list.
pub fn texts(node: &Node, problems: &mut Diagnostics) -> Vec<At<String>> {
    list(node, problems).iter().filter_map(|item| text(item, problems)).collect()
}

/// The entries of a table; a null counts as an empty one.
pub fn table<'a>(node: &'a Node, problems: &mut Diagnostics) -> &'a [Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null => &[],
        _ => mismatch("a table", node, problems).unwrap_or_default(),
    }
}

/// The problem of a key that nobody knows.
#[must_use]
pub fn unknown_field(entry: &Entry, what: &str, known: &[&str]) -> Diagnostic {
    let help = match closest(&entry.key, known.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => format!("Known fields: {}.", known.join(", ")),
    };
    Diagnostic::error("unknown-field", format!("`{}` is not a field of {what}.", entry.key))
        .at(entry.span)
        .help(help)
}

/// Reports that `node` is not `expected`.
pub fn mismatch<T>(expected: &str, node: &Node, problems: &mut Diagnostics) -> Option<T> {
    problems.push(
        Diagnostic::error(
            "wrong-type",
            format!("Expected {expected}, found {}.", node.type_name()),
        )
        .at(node.span),
    );
    None
}
