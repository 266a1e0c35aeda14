//! Text to nodes: TOML and YAML.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

use super::json;
use super::node::{Entry, Kind, Node};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// The languages a config may be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// The format that a file name's extension stands for.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Parses `text`, which is number `source` of the run's sources.
///
/// # Errors
/// Every syntax error the parser could find.
pub fn parse(text: &str, format: Format, source: u16) -> Result<Node, Diagnostics> {
    match format {
        Format::Toml => parse_toml(text, source),
        Format::Yaml => parse_yaml(text, source),
        Format::Json => json::parse(text, source),
    }
}

/// Parses JSON without noting places, five times as fast as [`parse`]: enough for a config that
/// turns out to have no problem to point at. `None` when there is a problem, or another format.
#[must_use]
pub fn parse_placeless(text: &str, format: Format) -> Option<Node> {
    if format != Format::Json {
        return None;
    }
    serde_json::from_str::<Placeless>(text).ok().map(|document| document.0)
}

fn parse_toml(text: &str, source: u16) -> Result<Node, Diagnostics> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut diagnostics = Diagnostics::default();
    for error in &errors {
        let span = Span::new(source, error.span().unwrap_or(0..0));
        diagnostics.push(syntax("TOML", error.message()).at(span));
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let span = Span::new(source, table.span());
    match from_table(table.into_inner(), source) {
        Ok(kind) => Ok(Node { kind, span }),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            Err(diagnostics)
        }
    }
}

fn from_table(table: DeTable<'_>, source: u16) -> Result<Kind, Box<Diagnostic>> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let (span, range) = (Span::new(source, key.span()), value.span());
        let kind = from_toml(value.into_inner(), source, &range)?;
        let value = Node { kind, span: Span::new(source, range) };
        entries.push(Entry { key: key.into_inner().into_owned(), span, value });
    }
    Ok(Kind::Map(entries))
}

fn from_toml(
    value: DeValue<'_>,
    source: u16,
    range: &std::ops::Range<usize>,
) -> Result<Kind, Box<Diagnostic>> {
    Ok(match value {
        DeValue::String(text) => Kind::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Kind::Number(number.into()),
            Err(_) => return Err(Box::new(too_big(&number.to_string(), source, range))),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Kind::Number(number),
            None => return Err(Box::new(not_finite(number.as_str(), source, range))),
        },
        DeValue::Boolean(value) => Kind::Boolean(value),
        DeValue::Datetime(value) => Kind::Text(value.to_string()),
        DeValue::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                let range = item.span();
                let kind = from_toml(item.into_inner(), source, &range)?;
                list.push(Node { kind, span: Span::new(source, range) });
            }
            Kind::List(list)
        }
        DeValue::Table(table) => from_table(table, source)?,
    })
}

pub(super) fn too_big(number: &str, source: u16, range: &std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error("integer-range", format!("The integer {number} is beyond 2^53."))
        .at(Span::new(source, range.clone()))
        .help("Write it as a string; JSON would round it.")
}

pub(super) fn not_finite(number: &str, source: u16, range: &std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error("number-range", format!("The number {number} cannot be written as JSON."))
        .at(Span::new(source, range.clone()))
        .help("Write a finite number.")
}

pub(super) fn syntax(language: &str, message: &str) -> Diagnostic {
    Diagnostic::error("syntax", format!("This is not valid {language}: {message}."))
}

/// How deep a document may nest; `serde_json` has the same limit.
pub(super) const DEPTH_MAX: usize = 128;

fn parse_yaml(text: &str, source: u16) -> Result<Node, Diagnostics> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: usize::MAX,
            max_events: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
        },
        with_snippet: false,
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(root) => {
            let root = to_node(root, source);
            let mut problems = Diagnostics::default();
            find_rounded(&root, text, &mut problems);
            if problems.is_empty() { Ok(root) } else { Err(problems) }
        }
        Err(error) => {
            let range = error.location().map_or(0..0, |place| place_in(text, &place));
            let message = error.without_snippet().to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            // The parser speaks to programmers of its options.
            let message = message.split(", set ").next().unwrap_or_default().to_owned();
            let mut diagnostics = Diagnostics::default();
            diagnostics
                .push(syntax("YAML", message.trim_end_matches('.')).at(Span::new(source, range)));
            Err(diagnostics)
        }
    }
}

/// An integer of more than 64 bits arrives as a rounded float; its text tells it from one that was
/// written as a float.
fn find_rounded(node: &Node, text: &str, problems: &mut Diagnostics) {
    match &node.kind {
        Kind::Number(number) if number.is_f64() => {
            let range = node.span.start as usize..node.span.end as usize;
            let written = text.get(range.clone()).unwrap_or_default();
            let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'_');
            if !written.is_empty() && written.bytes().all(is_digit) {
                problems.push(too_big(written, node.span.source, &range));
            }
        }
        Kind::List(items) => items.iter().for_each(|item| find_rounded(item, text, problems)),
        Kind::Map(entries) => {
            entries.iter().for_each(|entry| find_rounded(&entry.value, text, problems));
        }
        _ => {}
    }
}

fn byte_range(place: &serde_saphyr::Location, limit: usize) -> std::ops::Range<usize> {
    let span = place.span();
    let cut = |position: u64| usize::try_from(position).unwrap_or(limit).min(limit);
    let start = cut(span.byte_offset().unwrap_or_else(|| span.offset()));
    let length = cut(span.byte_len().unwrap_or_else(|| span.len()));
    start..start.saturating_add(length).min(limit)
}

/// The place of an error, of which the parser sometimes knows only how many characters are before it.
fn place_in(text: &str, place: &serde_saphyr::Location) -> std::ops::Range<usize> {
    let span = place.span();
    if span.byte_offset().is_some() {
        return byte_range(place, text.len());
    }
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let bytes =
        |text: &str, count| text.char_indices().nth(count).map_or(text.len(), |(place, _)| place);
    let start = bytes(text, count(span.offset()));
    let rest = text.get(start..).unwrap_or_default();
    start..start + bytes(rest, count(span.len()))
}

fn to_node(raw: Spanned<Raw>, source: u16) -> Node {
    let span = Span::new(source, byte_range(&raw.referenced, usize::MAX));
    let kind = match raw.value {
        Raw::Scalar(kind) => kind,
        Raw::List(items) => {
            Kind::List(items.into_iter().map(|item| to_node(item, source)).collect())
        }
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    span: Span::new(source, byte_range(&key.referenced, usize::MAX)),
                    key: key.value,
                    value: to_node(value, source),
                })
                .collect(),
        ),
    };
    Node { kind, span }
}

/// A JSON value whose places are all the start of the file.
struct Placeless(Node);

impl<'de> Deserialize<'de> for Placeless {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = deserializer.deserialize_any(PlacelessVisitor)?;
        Ok(Self(Node { kind, span: Span::default() }))
    }
}

/// Refuses what needs a second look with places: duplicate keys, and numbers that `serde_json` may
/// have rounded already.
struct PlacelessVisitor;

impl<'de> Visitor<'de> for PlacelessVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Kind, E> {
        let is_exact = value.abs() < 2_f64.powi(63);
        let number = Number::from_f64(value).filter(|_| is_exact);
        number.map(Kind::Number).ok_or_else(|| E::custom("a number to look at again"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Kind, E> {
        Ok(Kind::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(Placeless(item)) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known = HashSet::new();
        while let Some((key, Placeless(value))) = map.next_entry::<String, Placeless>()? {
            if !known.insert(key.clone()) {
                return Err(serde::de::Error::custom("a duplicate key"));
            }
            entries.push(Entry { key, span: Span::default(), value });
        }
        Ok(Kind::Map(entries))
    }
}

/// A node for a value that was never written in a file.
#[must_use]
pub fn placeless(value: serde_json::Value) -> Node {
    use serde_json::Value;
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Boolean(value),
        Value::Number(number) => Kind::Number(number),
        Value::String(text) => Kind::Text(text),
        Value::Array(items) => Kind::List(items.into_iter().map(placeless).collect()),
        Value::Object(map) => Kind::Map(
            map.into_iter()
                .map(|(key, value)| Entry { key, span: Span::default(), value: placeless(value) })
                .collect(),
        ),
    };
    Node { kind, span: Span::default() }
}

/// What serde sees of a YAML document before places are turned into [`Span`]s.
enum Raw {
    Scalar(Kind),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Boolean(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Number(value.into())))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Raw, E> {
        Err(E::custom(format!("the integer {value} is beyond 2^53; write it as a string")))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Raw, E> {
        Err(E::custom(format!("the integer {value} is beyond 2^53; write it as a string")))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value)
            .ok_or_else(|| E::custom(format!("the number {value} cannot be written as JSON")))?;
        Ok(Raw::Scalar(Kind::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Text(text)))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Kind::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;

    fn check(text: &str, format: Format) -> String {
        let mut sources = Sources::default();
        sources.add("f", text);
        match parse(text, format, 0) {
            Ok(node) => node.to_value().to_string(),
            Err(problems) => problems
                .iter()
                .map(|problem| {
                    let place = problem.span.and_then(|span| sources.position(span));
                    format!("{place:?} {}\n", problem.summary)
                })
                .collect(),
        }
    }

    #[test]
    fn the_three_formats_say_the_same() {
        let json = r#"{"a": [1, 1.5, true, null, "x", {"é": "no"}], "b": "2"}"#;
        let value = check(json, Format::Json);
        assert_eq!(value, check("a: [1, 1.5, true, null, x, {é: no}]\nb: '2'\n", Format::Yaml));
        let toml = "a = [1, 1.5, true, \"x\", {\"é\" = \"no\"}]\nb = '2'\n";
        assert_eq!(value.replace("null,", ""), check(toml, Format::Toml));
    }

    #[test]
    fn places_are_bytes_of_the_text() {
        let text = "é: 1\nbb: [ü, {k: v}]\n";
        let node = parse(text, Format::Yaml, 0).unwrap();
        let list = node.get("bb").unwrap();
        let Kind::List(items) = &list.kind else { panic!() };
        let span = items[1].get("k").unwrap().span;
        assert_eq!(&text[span.start as usize..span.end as usize], "v");
    }

    #[test]
    fn the_place_of_a_mistake_is_one_of_bytes_too() {
        let text = "é: ü\nß: \"a\"b\n";
        let problems = parse(text, Format::Yaml, 0).unwrap_err();
        let span = problems.iter().find_map(|problem| problem.span).unwrap();
        assert_eq!(&text[span.start as usize..span.end as usize], "b");
    }

    #[test]
    fn what_may_be_rounded_or_is_said_twice_is_looked_at_again() {
        for text in ["{\"a\":1,\"a\":2}", "[123456789012345678901234567890]", "[1e300]"] {
            assert!(parse_placeless(text, Format::Json).is_none(), "{text}");
        }
        assert!(parse_placeless("{\"a\":[1.5,-2,\"x\"]}", Format::Json).is_some());
    }
}
