//! Dotenv text: variables set and taken out, everything else kept.

use super::Variable;

/// `text` with `variables` set and `obsolete` ones taken out; other lines and comments stay.
pub(super) fn rewrite(text: &str, variables: &[Variable], obsolete: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut written = vec![false; variables.len()];
    let mut rest = text;
    while !rest.is_empty() {
        let (entry, after) = rest.split_at(entry_length(rest));
        rest = after;
        let name = name_of(entry);
        if name.is_some_and(|name| obsolete.iter().any(|gone| gone == name)) {
            continue;
        }
        let place = name.and_then(|name| variables.iter().position(|(known, _)| known == name));
        match place.and_then(|place| Some((variables.get(place)?, written.get_mut(place)?))) {
            // A second line of the same variable would win over the first.
            Some((_, done)) if *done => {}
            Some((variable, done)) => {
                *done = true;
                lines.push(line(variable));
            }
            None => lines.push(entry.trim_end_matches('\n').to_owned()),
        }
    }
    for (variable, _) in variables.iter().zip(&written).filter(|(_, done)| !**done) {
        lines.push(line(variable));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn line((name, value): &Variable) -> String {
    format!("{name}={}", quote(value))
}

/// The variable that an entry sets, with or without `export`.
fn name_of(entry: &str) -> Option<&str> {
    let entry = entry.trim_start();
    let entry = entry.strip_prefix("export ").unwrap_or(entry);
    let (name, _) = entry.split_once('=')?;
    let name = name.trim();
    (!name.starts_with('#')).then_some(name)
}

/// How long the first entry of `text` is: a line, or more when a quote spans lines.
fn entry_length(text: &str) -> usize {
    let line_end = |from: usize| {
        text.get(from..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| from + at + 1)
    };
    let first = line_end(0);
    let line = text.get(..first).unwrap_or_default();
    let Some(equals) = line.find('=').filter(|_| name_of(line).is_some()) else { return first };
    let value = text.get(equals + 1..).unwrap_or_default();
    let lead = value.len() - value.trim_start_matches([' ', '\t']).len();
    match quoted_length(value.get(lead..).unwrap_or_default()) {
        Some(length) => line_end(equals + 1 + lead + length),
        None => first,
    }
}

/// How long the quoted parts are that `value` starts with, one right after the other as in
/// `'it'\''s'`. `None` when it starts with no quote, or the last quote is never closed.
fn quoted_length(value: &str) -> Option<usize> {
    let mut open = None;
    let mut escaped = false;
    for (at, character) in value.char_indices() {
        match (open, character) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => open = Some(character),
            (None, _) => return (at > 0).then_some(at),
            (Some(quote), found) if found == quote => open = None,
            _ => {}
        }
    }
    (open.is_none() && !value.is_empty()).then_some(value.len())
}

/// A value as shells and dotenv readers both read it back, where such a form exists: bare, in
/// single quotes, or in double quotes. Only a value with a single quote and also one of
/// `" $ \ !` or a backquote has none; it is written as shells read it.
pub fn quote(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    if !value.is_empty() && value.chars().all(is_bare) {
        return value.to_owned();
    }
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    if !value.contains(['"', '$', '\\', '`', '!']) {
        return format!("\"{value}\"");
    }
    shell_quote(value)
}

/// A value as every POSIX shell reads it back.
pub fn shell_quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, set: &[(&str, &str)], gone: &[&str], expected: &Expect) {
        let set: Vec<Variable> =
            set.iter().map(|(name, value)| ((*name).into(), (*value).to_owned().into())).collect();
        let gone: Vec<String> = gone.iter().map(|name| (*name).into()).collect();
        expected.assert_eq(&rewrite(text, &set, &gone));
    }

    #[test]
    fn other_lines_and_comments_are_kept() {
        check(
            "# mine\nA=1\n\nexport B='x\ny'\nC=3",
            &[("A", "2"), ("D", "a b")],
            &["C"],
            &expect![[r"
                # mine
                A=2

                export B='x
                y'
                D='a b'
            "]],
        );
    }

    #[test]
    fn a_value_over_several_lines_is_replaced_as_a_whole() {
        check(
            "A=\"one\ntwo \\\" three\"\nB=1\n",
            &[("A", "x")],
            &[],
            &expect![[r"
                A=x
                B=1
            "]],
        );
    }

    #[test]
    fn a_value_of_several_quoted_parts_is_replaced_as_a_whole() {
        check(
            "A='it'\\''s $5\n'\nB='\n'\\''\n'\nC='open\nD=1\n",
            &[("A", "x"), ("B", "y"), ("D", "z")],
            &[],
            &expect![[r"
                A=x
                B=y
                C='open
                D=z
            "]],
        );
    }

    #[test]
    fn a_variable_is_written_once() {
        check(
            "A=1\nA=2\n",
            &[("A", "3")],
            &[],
            &expect![["
            A=3
        "]],
        );
    }

    #[test]
    fn quotes() {
        for (value, quoted) in [
            ("plain-1.x", "plain-1.x"),
            ("", "''"),
            ("a b#c", "'a b#c'"),
            ("$HOME\\n", "'$HOME\\n'"),
            ("it's", "\"it's\""),
            ("it's $5", "'it'\\''s $5'"),
        ] {
            assert_eq!(quote(value), quoted);
        }
    }
}
