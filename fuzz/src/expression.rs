//! References inside the texts of a config: `@ref.key`, `${…}` and their escapes.

use std::collections::BTreeMap;

use provision::config::expression::{Expression, Segment, Writer, escape, outputs_in, parse};
use provision::config::fill_env;
use provision::name::Name;
use provision::plan::{Lookup, fill};
use serde_json::{Value, json};

/// A text: what it means is the same after it was printed, and filling it in is total.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let escaped = escape(text);
    assert!(matches!(parse(&escaped), Ok(Expression::Literal(read)) if read == text), "{escaped}");
    match parse(text) {
        Ok(read) => {
            let printed = print(&read);
            let again = parse(&printed).expect("what was printed can be read");
            assert_eq!(joined(&again), joined(&read), "{printed}");
            check_filled(text, &read);
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(text.get(error.range.clone()).is_some(), "{error:?} is not in the text");
        }
    }
}

/// The expression as it is written in a config.
fn print(expression: &Expression<'_>) -> String {
    match expression {
        Expression::Literal(text) => escape(text).into_owned(),
        Expression::Reference(output) => format!("@{}.{}", output.reference, output.key),
        Expression::Template(segments) => {
            let mut writer = Writer::default();
            segments.iter().for_each(|segment| writer.segment(segment));
            writer.finish()
        }
    }
}

/// The parts of an expression; text that stands together is one part.
fn joined(expression: &Expression<'_>) -> Vec<String> {
    match expression {
        Expression::Literal(text) => vec![format!("literal {text}")],
        Expression::Reference(output) => vec![format!("{output:?}")],
        Expression::Template(segments) => {
            let mut parts: Vec<String> = Vec::new();
            let mut is_text = false;
            for segment in segments {
                match (segment, parts.last_mut()) {
                    (Segment::Text(text), Some(last)) if is_text => last.push_str(text),
                    (Segment::Text(text), _) => parts.push((*text).to_owned()),
                    (other, _) => parts.push(format!("{other:?}")),
                }
                is_text = matches!(segment, Segment::Text(_));
            }
            parts
        }
    }
}

fn check_filled(text: &str, read: &Expression<'_>) {
    let value = json!({ "deep": [text] });
    let outputs = outputs_in(&value);
    let env = BTreeMap::from([(Name::from("HOME"), "@x.y${z}".to_owned())]);
    let lookup = |reference: &str, key: &str| Some(json!([reference, key]));
    let filled = fill(&Value::from(text), &Lookup { output: &lookup, env: &env });
    match read {
        Expression::Literal(literal) => assert_eq!(filled, Some(Value::from(literal.as_ref()))),
        Expression::Reference(output) => {
            assert_eq!(filled, lookup(output.reference, output.key));
            assert_eq!(outputs, [*output]);
        }
        Expression::Template(segments) => {
            let read = segments.iter().filter(|part| matches!(part, Segment::Output(_))).count();
            assert_eq!(outputs.len(), read);
            let without = fill_env(text, &env);
            assert_eq!(outputs_in(&Value::from(without)), outputs, "the environment adds reads");
        }
    }
}
