//! Instance ids: made of parts, taken apart again.

use serde_json::{Map, Value};

use crate::manifest::IdRule;

/// The id of these parts.
pub(super) fn join(rule: &IdRule, parts: &[(String, String)]) -> String {
    parts
        .iter()
        .fold(rule.format.clone(), |id, (name, value)| id.replace(&format!("{{{name}}}"), value))
}

/// An id as expressions see it: a text, or a table of its parts. `None` when it does not look like
/// the format.
pub(super) fn split(rule: &IdRule, id: &str) -> Option<Value> {
    if rule.is_single() {
        return Some(Value::from(id));
    }
    let mut parts = Map::new();
    let (mut format, mut rest) = (rule.format.as_str(), id);
    while let Some((literal, behind)) = format.split_once('{') {
        rest = rest.strip_prefix(literal)?;
        let (name, after) = behind.split_once('}')?;
        let next = after.split('{').next().unwrap_or_default();
        let end = if after.is_empty() { rest.len() } else { rest.find(next)? };
        let (value, left) = rest.split_at_checked(end)?;
        parts.insert(name.to_owned(), Value::from(value));
        (format, rest) = (after, left);
    }
    (rest == format && !parts.is_empty()).then_some(Value::Object(parts))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use provision::diagnostic::Span;

    use super::*;

    fn check(format: &str, id: &str, expected: &Expect) {
        let rule = IdRule { format: format.to_owned(), parts: Vec::new(), span: Span::default() };
        let parts = split(&rule, id).map_or_else(|| "no".to_owned(), |value| value.to_string());
        expected.assert_eq(&parts);
    }

    #[test]
    fn an_id_is_taken_apart_by_its_format() {
        check("{id}", "a:b", &expect![[r#""a:b""#]]);
        check("{zone}:{record}", "a:b:c", &expect![[r#"{"zone":"a","record":"b:c"}"#]]);
        check("{script}:secrets", "my:secrets", &expect![[r#"{"script":"my"}"#]]);
        check("{project}::{domain}", "p::d.e", &expect![[r#"{"project":"p","domain":"d.e"}"#]]);
        check("{script}:secrets", "my:other", &expect!["no"]);
        check("{zone}:{record}", "a", &expect!["no"]);
    }
}
