//! JSON to nodes. The YAML parser would take most of JSON, but not all: not a control character such
//! as DEL inside a text, and no key of more than 1024 characters.
//!
//! `serde_json` judges the text and reads what has no parts; this file only notes where it stands.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::node::{Entry, Kind, Node};
use super::parse::{DEPTH_MAX, not_finite, syntax};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// Reads JSON.
///
/// # Errors
/// The first mistake in it.
pub(super) fn parse(text: &str, source: u16) -> Result<Node, Diagnostics> {
    let read = judge(text, source).and_then(|()| {
        let mut reader = Reader { text, source, at: 0, depth: 0 };
        reader.value()
    });
    read.map_err(|problem| {
        let mut problems = Diagnostics::default();
        problems.push(*problem);
        problems
    })
}

type Read<T> = Result<T, Box<Diagnostic>>;

fn judge(text: &str, source: u16) -> Read<()> {
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) else { return Ok(()) };
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let line_start = lines.map(str::len).sum::<usize>();
    let mut place = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    Err(refused(&error, Span::new(source, place..place)))
}

fn refused(error: &serde_json::Error, place: Span) -> Box<Diagnostic> {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Box::new(syntax("JSON", message).at(place))
}

/// Reads a text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    source: u16,
    /// The next byte.
    at: usize,
    /// How many lists and maps are open.
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Read<Node> {
        self.skip_space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.inside(Self::map)?,
            Some(b'[') => self.inside(Self::list)?,
            Some(b'"') => Kind::Text(self.string()?),
            _ => self.scalar()?,
        };
        Ok(Node { kind, span: self.since(start) })
    }

    /// The inside of a list or map, which begins here.
    fn inside(&mut self, read: fn(&mut Self) -> Read<Kind>) -> Read<Kind> {
        if self.depth == DEPTH_MAX {
            let message = format!("it nests more than {DEPTH_MAX} levels");
            return Err(Box::new(syntax("JSON", &message).at(self.here())));
        }
        self.depth += 1;
        self.at += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn list(&mut self) -> Read<Kind> {
        let mut items = Vec::new();
        while !self.ends(b']')? {
            items.push(self.value()?);
        }
        Ok(Kind::List(items))
    }

    fn map(&mut self) -> Read<Kind> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known = HashSet::new();
        while !self.ends(b'}')? {
            let start = self.at;
            let key = self.string()?;
            let span = self.since(start);
            if !known.insert(key.clone()) {
                let message = format!("duplicate mapping key: {key}");
                return Err(Box::new(syntax("JSON", &message).at(span)));
            }
            self.skip_space();
            self.take(b':')?;
            entries.push(Entry { key, span, value: self.value()? });
        }
        Ok(Kind::Map(entries))
    }

    /// Whether a list or map ends here; else what is next begins here.
    fn ends(&mut self, closing: u8) -> Read<bool> {
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space();
        }
        let ends = self.peek() == Some(closing);
        if ends || self.peek().is_none() {
            self.take(closing)?;
        }
        Ok(ends)
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        self.take(b'"')?;
        while let Some(byte) = self.peek().filter(|byte| *byte != b'"') {
            self.at += if byte == b'\\' { 2 } else { 1 };
        }
        self.take(b'"')?;
        let text = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(text).map_err(|error| refused(&error, self.since(start)))
    }

    fn scalar(&mut self) -> Read<Kind> {
        let start = self.at;
        let is_inside = |byte: &u8| !b",]} \t\r\n".contains(byte);
        while self.peek().as_ref().is_some_and(is_inside) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match serde_json::from_str(text) {
            Ok(Value::Null) => Ok(Kind::Null),
            Ok(Value::Bool(value)) => Ok(Kind::Boolean(value)),
            Ok(Value::Number(number)) => self.number(number, start),
            Ok(_) => Err(self.unexpected()),
            Err(_) if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                Err(Box::new(not_finite(text, self.source, &(start..self.at))))
            }
            Err(error) => Err(refused(&error, self.since(start))),
        }
    }

    /// An integer of more than 64 bits arrives as a float that is rounded.
    fn number(&self, number: Number, start: usize) -> Read<Kind> {
        let text = self.text.get(start..self.at).unwrap_or_default();
        let is_rounded = number.as_f64().is_some_and(|value| value != 0.0) && number.is_f64();
        if is_rounded && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
            return Err(Box::new(super::parse::too_big(text, self.source, &(start..self.at))));
        }
        Ok(Kind::Number(number))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    fn since(&self, start: usize) -> Span {
        Span::new(self.source, start..self.at.min(self.text.len()))
    }

    fn here(&self) -> Span {
        Span::new(self.source, self.at..self.at)
    }

    fn unexpected(&self) -> Box<Diagnostic> {
        Box::new(syntax("JSON", "something else was expected here").at(self.here()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&match parse(text, 0) {
            Ok(node) => node.to_value().to_string(),
            Err(problems) => problems
                .iter()
                .map(|problem| {
                    let place = problem.span.map(|span| span.start..span.end);
                    format!("{place:?} {}", problem.summary)
                })
                .collect(),
        });
    }

    #[test]
    fn everything_that_is_json_is_read() {
        check(
            "\t{\"a\\u0041\\\"\" : [1, -0, 1.5e3, true, null, \"\\ud83d\\ude00\\/\"]\r\n,\"\":{}}",
            &expect![[r#"{"aA\"":[1,-0.0,1500.0,true,null,"😀/"],"":{}}"#]],
        );
        assert!(parse("[\"\u{7f}\u{80}\"]", 0).is_ok());
        let key = "k".repeat(2000);
        assert!(parse(&format!("{{\"{key}\"\n:1}}"), 0).is_ok());
    }

    #[test]
    fn what_json_lets_through_is_refused_at_its_place() {
        check(
            "{\"a\":1,\"a\":2}",
            &expect![[r#"Some(7..10) This is not valid JSON: duplicate mapping key: a."#]],
        );
        check("[1e400]", &expect!["Some(1..6) The number 1e400 cannot be written as JSON."]);
        check(
            "[-18446744073709551616]",
            &expect!["Some(1..22) The integer -18446744073709551616 is beyond 2^53."],
        );
        check(
            "[\"\\ud800\"]",
            &expect!["Some(1..9) This is not valid JSON: unexpected end of hex escape."],
        );
        check("[1,]", &expect!["Some(3..3) This is not valid JSON: expected value."]);
        check("\"é", &expect!["Some(1..1) This is not valid JSON: EOF while parsing a string."]);
    }

    #[test]
    fn it_nests_only_so_deep() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(DEPTH_MAX), 0).is_ok());
        check(
            &nested(100_000),
            &expect!["Some(128..128) This is not valid JSON: it nests more than 128 levels."],
        );
    }
}
