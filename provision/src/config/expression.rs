//! References and interpolation inside the strings of a config.
//!
//! `@ref.key` as a whole string is a reference; `${ref.key}`, `${var.x}`, `${env.X}` and `${stage}`
//! interpolate inside text. `@@` at the start and `$${` anywhere write the characters themselves;
//! `${$}` writes a dollar, which before `${` can be written in no other way.

use std::borrow::Cow;
use std::ops::Range;

use crate::name::{is_key, is_ref};

/// What a string of a config means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression<'a> {
    /// Just text, escapes undone.
    Literal(Cow<'a, str>),
    /// The output of another instance, with its JSON type.
    Reference(OutputName<'a>),
    /// Text with parts to fill in.
    Template(Vec<Segment<'a>>),
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Text.
    Text(&'a str),
    /// The output of another instance.
    Output(OutputName<'a>),
    /// A variable of the config.
    Var(&'a str),
    /// A variable of the environment.
    Env(&'a str),
    /// The name of the stage.
    Stage,
}

/// An output of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutputName<'a> {
    /// The instance.
    pub reference: &'a str,
    /// The key of the output.
    pub key: &'a str,
}

/// A string that is neither text nor a well-formed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong, as a full sentence.
    pub message: String,
    /// Which bytes of the string.
    pub range: Range<usize>,
}

/// Reads a string of a config.
///
/// # Errors
/// When a `${` is not closed, holds no known expression, or reads another project.
pub fn parse(text: &str) -> Result<Expression<'_>, ExpressionError> {
    if let Some(rest) = text.strip_prefix('@') {
        if let Some(output) = output_name(rest) {
            return Ok(Expression::Reference(output));
        }
        refuse_foreign(rest, 0..text.len())?;
    }
    let body = if text.starts_with("@@") { text.get(1..).unwrap_or_default() } else { text };
    if !body.contains("${") {
        return Ok(Expression::Literal(Cow::Borrowed(body)));
    }
    let segments = segments(body, text.len() - body.len())?;
    if segments.iter().all(|segment| matches!(segment, Segment::Text(_))) {
        let literal = segments.iter().map(|segment| match segment {
            Segment::Text(text) => *text,
            _ => "",
        });
        return Ok(Expression::Literal(Cow::Owned(literal.collect())));
    }
    Ok(Expression::Template(segments))
}

/// Every output that a value reads, in the order written, repeats included.
#[must_use]
pub fn outputs_in(value: &serde_json::Value) -> Vec<OutputName<'_>> {
    use serde_json::Value;
    match value {
        Value::String(text) => match parse(text) {
            Ok(Expression::Reference(output)) => vec![output],
            Ok(Expression::Template(segments)) => segments
                .into_iter()
                .filter_map(|segment| match segment {
                    Segment::Output(output) => Some(output),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        },
        Value::Array(items) => items.iter().flat_map(outputs_in).collect(),
        Value::Object(map) => map.values().flat_map(outputs_in).collect(),
        _ => Vec::new(),
    }
}

/// `text` written so that [`parse`] reads it as just that text.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    let at = text.starts_with('@');
    if !at && !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let body = text.replace("${", "$${");
    Cow::Owned(if at { format!("@{body}") } else { body })
}

/// Writes an expression part by part, so that [`parse`] reads just that: text that comes from
/// somewhere else never becomes an expression by what stands beside it.
#[derive(Debug, Default)]
pub struct Writer {
    whole: String,
    /// The text since the last expression.
    text: String,
}

impl Writer {
    /// Adds text that means nothing.
    pub fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a part.
    pub fn segment(&mut self, segment: &Segment<'_>) {
        let written = match segment {
            Segment::Text(text) => return self.text(text),
            Segment::Output(output) => format!("${{{}.{}}}", output.reference, output.key),
            Segment::Var(name) => format!("${{var.{name}}}"),
            Segment::Env(name) => format!("${{env.{name}}}"),
            Segment::Stage => "${stage}".to_owned(),
        };
        // A dollar right before `${` would take its meaning from it.
        let text = std::mem::take(&mut self.text);
        let before = text.trim_end_matches('$');
        self.whole.push_str(&before.replace("${", "$${"));
        self.whole.push_str(&DOLLAR.repeat(text.len() - before.len()));
        self.whole.push_str(&written);
    }

    /// The expression.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.whole.push_str(&self.text.replace("${", "$${"));
        if self.whole.starts_with('@') { format!("@{}", self.whole) } else { self.whole }
    }
}

/// A dollar, also where `${` follows.
const DOLLAR: &str = "${$}";

fn segments(body: &str, offset: usize) -> Result<Vec<Segment<'_>>, ExpressionError> {
    let mut segments = Vec::new();
    let (mut rest, mut position) = (body, offset);
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        if let Some(kept) = before.strip_suffix('$') {
            // `$${`: one dollar goes, the brace stays text.
            segments.push(Segment::Text(kept));
            segments.push(Segment::Text("${"));
            rest = after.get(2..).unwrap_or_default();
            position += start + 2;
            continue;
        }
        segments.push(Segment::Text(before));
        let place = position + start;
        let Some(length) = after.find('}') else {
            let message = "This `${` is never closed.".to_owned();
            return Err(ExpressionError { message, range: place..place + after.len() });
        };
        let inside = after.get(2..length).unwrap_or_default().trim();
        segments.push(segment(inside, place..place + length + 1)?);
        rest = after.get(length + 1..).unwrap_or_default();
        position = place + length + 1;
    }
    segments.push(Segment::Text(rest));
    segments.retain(|segment| *segment != Segment::Text(""));
    Ok(segments)
}

fn segment(inside: &str, range: Range<usize>) -> Result<Segment<'_>, ExpressionError> {
    match inside {
        "stage" => return Ok(Segment::Stage),
        "$" => return Ok(Segment::Text("$")),
        _ => {}
    }
    if let Some(name) = inside.strip_prefix("var.").filter(|name| is_key(name)) {
        return Ok(Segment::Var(name));
    }
    if let Some(name) = inside.strip_prefix("env.").filter(|name| is_ref(name)) {
        return Ok(Segment::Env(name));
    }
    if let Some(output) = output_name(inside) {
        return Ok(Segment::Output(output));
    }
    refuse_foreign(inside, range.clone())?;
    let message = format!("`${{{inside}}}` is not an expression.");
    Err(ExpressionError { message, range })
}

fn output_name(text: &str) -> Option<OutputName<'_>> {
    let (reference, key) = text.split_once('.')?;
    (is_ref(reference) && is_key(key)).then_some(OutputName { reference, key })
}

fn refuse_foreign(text: &str, range: Range<usize>) -> Result<(), ExpressionError> {
    let Some((path, key)) = text.split_once('.') else { return Ok(()) };
    let names: Vec<&str> = path.split('/').collect();
    if names.len() < 2 || names.len() > 3 || !names.iter().all(|name| is_ref(name)) || !is_key(key)
    {
        return Ok(());
    }
    let message = format!("`{text}` reads another project, which this version cannot do.");
    Err(ExpressionError { message, range })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&match parse(text) {
            Ok(expression) => format!("{expression:?}"),
            Err(error) => format!("{:?} {}", error.range, error.message),
        });
    }

    #[test]
    fn a_whole_string_is_a_reference_split_at_its_first_dot() {
        check("@db.id", &expect![[r#"Reference(OutputName { reference: "db", key: "id" })"#]]);
        check("@db.a.b", &expect![[r#"Reference(OutputName { reference: "db", key: "a.b" })"#]]);
    }

    #[test]
    fn text_that_only_looks_like_one_is_text() {
        for text in ["@", "@daily", "a@b.c", "@.x", "@a.", "@a b.c", "$5", "{x}", "@acme/pkg"] {
            assert_eq!(parse(text), Ok(Expression::Literal(Cow::Borrowed(text))), "{text}");
        }
    }

    #[test]
    fn escapes_write_the_characters() {
        check("@@db.id", &expect![[r#"Literal("@db.id")"#]]);
        check("a $${x} b", &expect![[r#"Literal("a ${x} b")"#]]);
        check("$$${stage}", &expect![[r#"Literal("$${stage}")"#]]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = Writer::default();
        writer.text("@a$");
        writer.text("{b.c} $$");
        writer.segment(&Segment::Stage);
        writer.text("${");
        let written = writer.finish();
        assert_eq!(written, "@@a$${b.c} ${$}${$}${stage}$${");
        check(
            &written,
            &expect![[
                r#"Template([Text("@a"), Text("${"), Text("b.c} "), Text("$"), Text("$"), Stage, Text("${")])"#
            ]],
        );
        check("${$}{a.b}", &expect![[r#"Literal("${a.b}")"#]]);
    }

    #[test]
    fn templates() {
        check(
            "a-${stage}-${ var.x }-${db.id}${env.HOME}",
            &expect![[
                r#"Template([Text("a-"), Stage, Text("-"), Var("x"), Text("-"), Output(OutputName { reference: "db", key: "id" }), Env("HOME")])"#
            ]],
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        check("a ${db.id", &expect!["2..9 This `${` is never closed."]);
        check("a ${db}", &expect!["2..7 `${db}` is not an expression."]);
        check(
            "@shop/db.id",
            &expect!["0..11 `shop/db.id` reads another project, which this version cannot do."],
        );
    }

    proptest::proptest! {
        #[test]
        fn escape_is_undone_by_parse(text in "[@${}a.b/]{0,12}") {
            let escaped = escape(&text).into_owned();
            proptest::prop_assert_eq!(parse(&escaped), Ok(Expression::Literal(Cow::Owned(text))));
        }

        #[test]
        fn parse_is_total(text in ".*") {
            let _ = parse(&text);
        }
    }
}
