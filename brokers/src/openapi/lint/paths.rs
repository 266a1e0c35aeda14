//! The paths an expression uses. The language itself tells those without what is in brackets or in the
//! filters behind them: `response.links[0].id`, `object.rules | map(attribute='id')`.

use std::collections::BTreeSet;

use crate::manifest::Language;

/// Filters that hand on items of what they are given.
const SAME_ITEMS: [&str; 8] = ["list", "unique", "reverse", "first", "last", "sort", "max", "min"];

/// Filters whose first argument is an attribute of an item.
const BY_ATTRIBUTE: [&str; 2] = ["selectattr", "rejectattr"];

/// The paths that `text` uses, in order; none when it is no expression.
pub(super) fn paths(language: &Language, text: &str) -> BTreeSet<String> {
    let flat = without_brackets(text);
    let outline = language.outline(&flat).or_else(|_| language.outline(text));
    let mut names: BTreeSet<String> =
        outline.map(|outline| outline.names.into_iter().collect()).unwrap_or_default();
    for path in names.clone() {
        for (at, _) in flat.match_indices(&path) {
            let before = flat.get(..at).and_then(|text| text.chars().next_back());
            let behind = flat.get(at + path.len()..).unwrap_or_default();
            if before.is_none_or(|c| !is_of_name(c)) {
                filtered(&path, behind, &mut names);
            }
        }
    }
    names
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || "_.'\"".contains(c)
}

/// Indexes taken out, and keys in brackets written as attributes.
fn without_brackets(text: &str) -> String {
    let mut flat = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, behind) = rest.split_at(at);
        flat.push_str(before);
        let inner = behind.split(']').next().and_then(|inner| inner.get(1..)).unwrap_or_default();
        let follows_value = flat.ends_with(|c: char| c.is_alphanumeric() || "_)".contains(c));
        let is_index =
            !inner.is_empty() && inner.chars().all(|c| c.is_ascii_digit() || "-:".contains(c));
        let key = ['\'', '"'].iter().find_map(|quote| {
            let key = inner.strip_prefix(*quote)?.strip_suffix(*quote)?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            (is_key && key.chars().all(is_name)).then_some(key)
        });
        match key {
            _ if !follows_value => flat.push('['),
            Some(key) => {
                flat.push('.');
                flat.push_str(key);
            }
            None if is_index => {}
            None => flat.push('['),
        }
        let taken = match follows_value && (is_index || key.is_some()) {
            true => inner.len() + 2,
            false => 1,
        };
        rest = behind.get(taken..).unwrap_or_default();
    }
    flat.push_str(rest);
    flat
}

/// Adds what the filters behind a path take from its items.
fn filtered(path: &str, behind: &str, names: &mut BTreeSet<String>) {
    let (mut path, mut rest) = (path.to_owned(), behind);
    while let Some(filter) = rest.trim_start().strip_prefix('|') {
        let filter = filter.trim_start();
        let end = filter.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(filter.len());
        let (name, behind) = filter.split_at(end);
        let (arguments, behind) = match behind.strip_prefix('(').and_then(|b| b.split_once(')')) {
            Some((arguments, _)) if arguments.contains('(') => return,
            Some((arguments, behind)) => (arguments, behind),
            None => ("", behind),
        };
        let first = arguments.split(',').next().unwrap_or_default().trim();
        let by_name = first.strip_prefix("attribute").map(str::trim_start);
        let by_name = by_name.and_then(|rest| rest.strip_prefix('=')).map(str::trim);
        let attribute = match name {
            name if BY_ATTRIBUTE.contains(&name) => Some(first),
            _ => by_name,
        };
        if let Some(attribute) = attribute.and_then(unquoted) {
            let inner = format!("{path}.{attribute}");
            names.insert(inner.clone());
            if name == "map" {
                path = inner;
            }
        } else if !SAME_ITEMS.contains(&name) {
            return;
        }
        rest = behind;
    }
}

/// The text of a literal that is a path.
fn unquoted(literal: &str) -> Option<&str> {
    let text = literal.trim_matches(['\'', '"']);
    let is_path = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
    (literal.len() == text.len() + 2 && text.chars().all(is_path)).then_some(text)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::local::Settings;

    fn check(text: &str, expected: &Expect) {
        let names = paths(&Language::new(Settings::default()), text);
        expected.assert_eq(&names.into_iter().collect::<Vec<_>>().join(" "));
    }

    #[test]
    fn brackets_are_seen_through() {
        check("response.a[0].b", &expect![["response.a.b"]]);
        check("response.a[-1]['b c'].d", &expect![["response.a"]]);
        check("response['a'].b[params.c].d", &expect![["params.c response.a.b"]]);
        check("(object.a or '')[:5]", &expect!["object.a"]);
        check("[object.a, 'x[0]']", &expect![["object.a"]]);
        check("name in ['a', 'b']", &expect![["name"]]);
        check("{'a': object.b[1]}", &expect![["object.b"]]);
    }

    #[test]
    fn filters_are_seen_through() {
        check("object.a | map(attribute='b.c') | first", &expect!["object.a object.a.b.c"]);
        check(
            "object.v4 | selectattr('type', 'equalto', 'public') | map(attribute='ip') | first",
            &expect!["object.v4 object.v4.ip object.v4.type"],
        );
        check(
            "object.a | sort(attribute='b') | reject('x') | map(attribute='c')",
            &expect!["object.a object.a.b"],
        );
        check("saved.a | map('json') | map(attribute='c')", &expect!["saved.a"]);
        check(
            "object.a | length + object.ab | map(attribute='c') | list",
            &expect!["object.a object.ab object.ab.c"],
        );
    }

    #[test]
    fn what_is_no_expression_has_none() {
        check("object.", &expect![[""]]);
        check("object[", &expect![[""]]);
    }
}
