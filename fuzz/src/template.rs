//! The texts of a manifest with their `{{ expressions }}`.

use std::sync::LazyLock;

use brokers::local::Settings;
use brokers::manifest::{Language, Part, Scope, Template, Tree};
use provision::diagnostic::{Diagnostics, Span};
use provision::text::{Format, parse};
use serde_json::{Value, json};

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| Language::new(Settings::default()));

/// A text: its parts are in it, and every way to evaluate it ends.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut problems = Diagnostics::default();
    let template = Template::parse(text, Span::default(), &mut problems);
    for part in template.parts() {
        match part {
            Part::Text(part) => assert!(text.contains(part.as_str())),
            Part::Expression { text: inside, offset } => {
                assert_eq!(text.get(*offset..*offset + inside.len()), Some(inside.as_str()));
                outline(inside);
            }
        }
    }
    if problems.is_empty() {
        assert_eq!(print(&template), text, "parts that are not the whole");
    }
    let scope = scope();
    evaluate(&template, &scope);
    let node = json!({ "a": [text, 1], "b": text }).to_string();
    let node = parse(&node, Format::Json, 0).expect("JSON is read");
    let tree = Tree::parse(&node, &mut problems);
    assert_eq!(tree.templates().len(), 2);
    if let Err(error) = tree.value(&LANGUAGE, &scope) {
        assert!(!error.message.is_empty());
    }
}

fn print(template: &Template) -> String {
    let print = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Expression { text, .. } => format!("{{{{{text}}}}}"),
    };
    template.parts().iter().map(print).collect()
}

fn outline(expression: &str) {
    match LANGUAGE.outline(expression) {
        Ok(outline) => assert!(outline.names.iter().all(|name| !name.is_empty())),
        Err(error) => {
            assert!(!error.message.is_empty());
            let range = error.range.unwrap_or(0..0);
            assert!(expression.get(range.clone()).is_some(), "{range:?} is not in {expression:?}");
        }
    }
}

fn evaluate(template: &Template, scope: &Scope) {
    let value = template.value(&LANGUAGE, scope);
    let _ = template.lenient(&LANGUAGE, scope);
    let _ = template.shown(&LANGUAGE, scope);
    let text = template.render(&LANGUAGE, scope, provision::value::as_text);
    if let Some(literal) = template.literal() {
        assert_eq!(value.ok().flatten(), Some(Value::from(literal)));
        assert_eq!(text.ok().as_deref(), Some(literal));
    }
}

fn scope() -> Scope {
    let response = json!({
        "id": 7,
        "droplet": { "id": "x/ü", "networks": { "v4": [{ "ip": "1.2.3.4", "type": "public" }] } },
        "list": [3, 1, 2, null, "b", { "name": "a", "on": true }],
        "text": "a b/c?d=é\u{0}",
        "big": 9_007_199_254_740_991_i64,
        "float": -1.5e300,
        "none": null
    });
    Scope::default()
        .with("params", &json!({ "region": "eu", "size": 3, "tags": ["a", "b"], "on": true }))
        .with("response", &response)
        .with("name", &json!("shop-db"))
        .with("item", &json!({ "id": 1, "name": "shop-db" }))
}
