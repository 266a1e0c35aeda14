//! Writing TOML that people go on with.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// A text as TOML writes it.
pub(super) fn text(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A key as TOML writes it.
pub(super) fn key(key: &str) -> String {
    match is_bare(key) {
        true => key.to_owned(),
        false => text(key),
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A value on one line; null is left out, as TOML has none.
pub(super) fn value(of: &Value) -> Option<String> {
    Some(match of {
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.to_string(),
            None => format!("{:?}", number.as_f64()?),
        },
        Value::String(of) => text(of),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => table(map),
    })
}

/// A table on one line.
pub(super) fn table(map: &Map<String, Value>) -> String {
    let entry = |(name, of): (&String, &Value)| Some(format!("{} = {}", key(name), value(of)?));
    let entries: Vec<String> = map.iter().filter_map(entry).collect();
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}

/// The first sentence of a description, without markup and not long.
pub(super) fn sentence(text: &str) -> Option<String> {
    const MOST: usize = 200;
    let plain = without_markup(text);
    let words: Vec<&str> = plain.split_whitespace().collect();
    let mut sentence = String::new();
    for word in words {
        if sentence.len() + word.len() > MOST {
            break;
        }
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let is_short_form = ["e.g.", "i.e.", "etc.", "vs."].contains(&word);
        if word.ends_with(['.', '!', '?']) && !is_short_form {
            break;
        }
    }
    let sentence = sentence.trim_end_matches(['.', ',', ':', ';', '!', '?', ' ']);
    (!sentence.is_empty()).then(|| format!("{sentence}."))
}

/// A text without what marks it up: tags, links, emphasis.
fn without_markup(text: &str) -> String {
    let mut plain = text.to_owned();
    for (pattern, kept) in [
        (r"!?\[([^\]]*)\]\([^)]*\)", "$1"),
        (r"!?\[([^\]]+)\]\[[^\]]*\]", "$1"),
        (r"</?[A-Za-z][^<>]*>", ""),
    ] {
        if let Ok(pattern) = Regex::new(pattern) {
            plain = pattern.replace_all(&plain, kept).into_owned();
        }
    }
    plain.replace(['*', '`', '<', '>'], "")
}

/// The article before some words, by their sound.
pub(super) fn article(words: &str) -> &'static str {
    const LIKE_CONSONANTS: [&str; 7] = ["uni", "use", "usa", "uti", "ur", "eu", "one"];
    const LIKE_VOWELS: [&str; 9] =
        ["hour", "honest", "ssh", "ssl", "sql", "sms", "smtp", "http", "mx "];
    let starts = |list: &[&str]| list.iter().any(|start| words.starts_with(start));
    let is_vowel = words.starts_with(['a', 'e', 'i', 'o', 'u']) && !starts(&LIKE_CONSONANTS);
    match is_vowel || starts(&LIKE_VOWELS) {
        true => "An",
        false => "A",
    }
}

/// Lower-case words between `_`, as names in expressions are written.
pub(super) fn snake(text: &str) -> String {
    let mut name = String::new();
    let mut last_was_lower = false;
    for c in text.chars() {
        if c.is_ascii_uppercase() && last_was_lower {
            name.push('_');
        }
        last_was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        match c.is_ascii_alphanumeric() {
            true => name.push(c.to_ascii_lowercase()),
            false if name.ends_with('_') || name.is_empty() => {}
            false => name.push('_'),
        }
    }
    let name = name.trim_end_matches('_').to_owned();
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        true => format!("x{name}"),
        false => name,
    }
}

/// Whether a text can be written behind a dot in an expression.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snakes() {
        let names = ["instance-id", "accountId", "2fa", "A b--c", "é"].map(snake);
        assert_eq!(names, ["instance_id", "account_id", "x2fa", "a_b_c", "x"]);
    }

    #[test]
    fn descriptions_become_a_sentence() {
        let text = "The **slug**, e.g. `a`.\n\nMore about it.";
        assert_eq!(sentence(text).as_deref(), Some("The slug, e.g. a."));
        let linked = "The [Region](/docs/api#r) to <b>deploy</b> it in, see ![x](y) [Plans][1].";
        assert_eq!(sentence(linked).as_deref(), Some("The Region to deploy it in, see x Plans."));
        assert_eq!(sentence("Its my_own_name < 5.").as_deref(), Some("Its my_own_name 5."));
        assert_eq!(sentence(" \n"), None);
        assert!(sentence(&"word ".repeat(100)).unwrap().len() < 210);
    }

    #[test]
    fn articles_follow_the_sound() {
        let words = ["user", "org", "unit", "ssh key", "volume", "url", "hour", "update"];
        assert_eq!(words.map(article), ["A", "An", "A", "An", "A", "A", "An", "An"]);
    }

    #[test]
    fn values_are_toml() {
        let of = serde_json::json!({ "a b": [1, 1.0, null, true, { "c": "\"\\\n" }], "d": null });
        assert_eq!(value(&of).unwrap(), r#"{ "a b" = [1, 1.0, true, { c = "\"\\ " }] }"#);
    }
}
