//! How a request proves who sends it, in the first draft of a `provider.toml`.

use regex_lite::Regex;
use serde_json::Value;

use super::plan::Plan;
use super::toml::{key, snake, text};
use crate::openapi::description::Description;

/// One way to prove it, which may take several secrets at once.
struct Way {
    /// What it is called where it is not taken.
    name: String,
    /// Secrets, each with its variable.
    secrets: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    /// What is not certain about it.
    doubt: Option<&'static str>,
    /// The lower the likelier.
    rank: usize,
}

/// The `[[auth]]` of a provider whose variables begin with `variable`.
pub(super) fn auth(description: &Description, plan: &Plan<'_>, variable: &str) -> String {
    let mut ways: Vec<Way> = Vec::new();
    for names in asked(description, plan) {
        ways.extend(way(description, &names, variable));
    }
    ways.sort_by_key(|way| way.rank);
    let mut ways = ways.into_iter();
    let (chosen, is_said) = match ways.next() {
        Some(way) => (way, true),
        None => (bearer("token", variable, 0), false),
    };
    let is_other =
        |way: &Way| (&way.headers, &way.query) != (&chosen.headers, &chosen.query) && way.rank < 9;
    let others: Vec<String> = ways.filter(is_other).map(|way| format!("`{}`", way.name)).collect();
    let mut page = String::new();
    if !is_said {
        page.push_str(
            "# CHECK: how a request proves who sends it; the description does not say.\n",
        );
    }
    if let Some(doubt) = chosen.doubt {
        page.push_str(&format!("# CHECK: {doubt}\n"));
    }
    if !others.is_empty() {
        page.push_str(&format!("# The description knows other ways too: {}.\n", others.join(", ")));
    }
    page.push_str(&chosen.written());
    page
}

/// The names of the schemes, those that are needed together in one list.
fn asked(description: &Description, plan: &Plan<'_>) -> Vec<Vec<String>> {
    let said = plan.create.security().or_else(|| description.security());
    let said = said.and_then(Value::as_array).into_iter().flatten();
    let names = said.filter_map(|way| Some(way.as_object()?.keys().cloned().collect()));
    let said: Vec<Vec<String>> = names.filter(|names: &Vec<String>| !names.is_empty()).collect();
    match said.is_empty() {
        true => description.security_schemes().map(|(name, _)| vec![name.clone()]).collect(),
        false => said,
    }
}

/// What the schemes of these names come to together.
fn way(description: &Description, names: &[String], variable: &str) -> Option<Way> {
    let mut all: Vec<Way> = Vec::new();
    for name in names {
        let (_, scheme) = description.security_schemes().find(|(known, _)| *known == name)?;
        let secret = if names.len() == 1 { "token".to_owned() } else { snake(name) };
        all.push(Way { name: name.clone(), ..single(scheme, &secret, variable)? });
    }
    let mut all = all.into_iter();
    let first = all.next()?;
    Some(all.fold(first, Way::with))
}

/// What one scheme comes to.
fn single(scheme: &Value, secret: &str, variable: &str) -> Option<Way> {
    let of = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = of("name").to_owned();
    let value = format!("{{{{ {secret} }}}}");
    let plain = Way { rank: rank(&name), ..bearer(secret, variable, 0) };
    Some(match (of("type"), of("scheme").to_ascii_lowercase().as_str(), of("in")) {
        ("http", "basic", _) => basic(variable),
        ("http", "bearer" | "", _) => plain_bearer(secret, variable, 0),
        ("http", other, _) => Way {
            headers: vec![("Authorization".to_owned(), format!("{other} {value}"))],
            doubt: Some("what an Authorization of this kind holds."),
            ..bearer(secret, variable, 3)
        },
        ("oauth2" | "openIdConnect", ..) => plain_bearer(secret, variable, 2),
        ("apiKey", _, "header") if name.eq_ignore_ascii_case("authorization") => {
            match prefix(of("description")) {
                Some(word) => Way {
                    headers: vec![(name, format!("{word} {value}"))],
                    ..plain_bearer(secret, variable, 1)
                },
                None => bearer(secret, variable, 1),
            }
        }
        ("apiKey", _, "header") => Way { headers: vec![(name, value)], doubt: None, ..plain },
        ("apiKey", _, "query") => {
            let rank = plain.rank + 3;
            let query = vec![(name, value)];
            Way { headers: Vec::new(), query, doubt: None, rank, ..plain }
        }
        ("apiKey", _, "cookie") => Way {
            headers: vec![("Cookie".to_owned(), format!("{name}={value}"))],
            doubt: Some("where the cookie comes from; a token that lasts is better."),
            rank: 8,
            ..plain
        },
        _ => return None,
    })
}

/// A header or query parameter that is named after a credential is likelier to be one.
fn rank(name: &str) -> usize {
    let name = name.to_ascii_lowercase();
    let is_key = ["key", "token", "auth", "secret"].iter().any(|word| name.contains(word));
    if is_key { 1 } else { 6 }
}

/// The usual header, where it is not certain what stands in it before the secret.
fn bearer(secret: &str, variable: &str, rank: usize) -> Way {
    let upper = secret.to_ascii_uppercase();
    Way {
        name: String::new(),
        secrets: vec![(secret.to_owned(), format!("{variable}_{upper}"))],
        headers: vec![("Authorization".to_owned(), format!("Bearer {{{{ {secret} }}}}"))],
        query: Vec::new(),
        doubt: (rank > 0)
            .then_some("what stands before the token: `Bearer`, another word, nothing."),
        rank,
    }
}

fn plain_bearer(secret: &str, variable: &str, rank: usize) -> Way {
    Way { doubt: None, ..bearer(secret, variable, rank) }
}

fn basic(variable: &str) -> Way {
    let secret = |name: &str| (name.to_owned(), format!("{variable}_{}", name.to_uppercase()));
    let value = "Basic {{ (user ~ ':' ~ password) | b64encode }}";
    Way {
        secrets: vec![secret("user"), secret("password")],
        headers: vec![("Authorization".to_owned(), value.to_owned())],
        doubt: None,
        ..bearer("token", variable, 3)
    }
}

/// The word that stands before the secret, when a text tells it.
fn prefix(said: &str) -> Option<String> {
    const QUOTES: &str = "[\"'`*]";
    let patterns = [
        format!(
            r#"(?i:authorization){QUOTES}*\s*[:=]\s*{QUOTES}*([A-Za-z][A-Za-z-]*)\s+[<{{\[$A-Za-z"'`]"#
        ),
        format!(
            r"(?i:prepend|prefix|preced|start|begin)[a-z]*\s+(?:with|by)\s+(?:the\s+)?(?:word\s+|text\s+|string\s+)?{QUOTES}+([A-Za-z][A-Za-z-]*)\s?{QUOTES}"
        ),
        format!(r"(?i:prefix)\s+(?:of\s+|is\s+)?{QUOTES}+([A-Za-z][A-Za-z-]*)\s?{QUOTES}"),
        format!(r"{QUOTES}([A-Z][A-Za-z-]*)\s+[<{{\[]"),
    ];
    patterns.iter().find_map(|pattern| {
        let found = Regex::new(pattern).ok()?.captures(said)?;
        found.get(1).map(|word| word.as_str().to_owned())
    })
}

impl Way {
    /// Both at once.
    fn with(mut self, other: Self) -> Self {
        self.name = format!("{} and {}", self.name, other.name);
        self.secrets.extend(other.secrets);
        self.headers.extend(other.headers);
        self.query.extend(other.query);
        self.doubt = self.doubt.or(other.doubt);
        self.rank = self.rank.max(other.rank);
        self
    }

    fn written(&self) -> String {
        let secret = |(name, variable): &(String, String)| format!("{name} = [{}]", text(variable));
        let pair = |(name, value): &(String, String)| format!("{} = {}", key(name), text(value));
        let joined = |all: Vec<String>| all.join(", ");
        let mut page = String::from("[[auth]]\n");
        let secrets = joined(self.secrets.iter().map(secret).collect());
        page.push_str(&format!("secrets = {{ {secrets} }}\n"));
        for (field, pairs) in [("headers", &self.headers), ("query  ", &self.query)] {
            if !pairs.is_empty() {
                let pairs = joined(pairs.iter().map(pair).collect());
                page.push_str(&format!("{field} = {{ {pairs} }}\n"));
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn the_word_before_a_secret_is_read() {
        for (said, word) in [
            ("API tokens must be prepended with \"token\" followed by a space.", Some("token")),
            ("Send `Authorization: Bearer <token>`.", Some("Bearer")),
            ("Use the format \"Token {key}\".", Some("Token")),
            ("A prefix of `ApiKey ` is needed.", Some("ApiKey")),
            ("Starts with the word 'Key'.", Some("Key")),
            ("The key of your account.", None),
            ("", None),
        ] {
            assert_eq!(prefix(said).as_deref(), word, "{said}");
        }
    }
}
