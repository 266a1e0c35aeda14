//! Which fields hold secrets, as far as a description tells.

use super::sample::kind;
use super::toml::snake;
use crate::openapi::schema::Schema;

/// How much a field looks like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// It is none.
    Open,
    /// Somebody has to say.
    Perhaps,
    /// It is one.
    Secret,
}

/// Ends of names of secrets, without what separates words.
const ENDS: [&str; 15] = [
    "password",
    "passphrase",
    "passwd",
    "secret",
    "secretkey",
    "privatekey",
    "apikey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "token",
    "authorization",
    "authorizationheader",
    "authheader",
];

/// Tokens that say where a list goes on, or what a form belongs to.
const PLAIN_TOKENS: [&str; 6] = ["page", "next", "previous", "continuation", "cursor", "sync"];

/// Words for what may hold anything, a secret too.
const MAY_HOLD_SECRETS: [&str; 5] =
    ["environment variable", "env var", "envvar", "env", "variable"];

/// What the field `name` of a `thing` is.
pub(super) fn secrecy(name: &str, schema: &Schema<'_>, thing: &str) -> Secrecy {
    if kind(schema) != "string" {
        return Secrecy::Open;
    }
    let is_marked = schema.says("writeOnly") || schema.text("format") == Some("password");
    match is_marked || is_named(name) {
        true => Secrecy::Secret,
        false if snake(name) == "value" => of_value(schema, thing),
        false => Secrecy::Open,
    }
}

fn is_named(name: &str) -> bool {
    let name = snake(name);
    let plain = name.replace('_', "");
    let is_plain_token = name
        .strip_suffix("_token")
        .and_then(|before| before.rsplit('_').next())
        .is_some_and(|word| PLAIN_TOKENS.contains(&word));
    let is_pass = name == "pass" || name.ends_with("_pass");
    is_pass || !is_plain_token && ENDS.iter().any(|end| plain.ends_with(end))
}

/// A value of a secret is one; that of a variable may be.
fn of_value(schema: &Schema<'_>, thing: &str) -> Secrecy {
    let said = schema.text("description").unwrap_or_default().to_ascii_lowercase();
    let thing = snake(thing);
    let holds = |word: &str| said.contains(word) || thing.contains(word);
    match () {
        () if holds("secret") => Secrecy::Secret,
        () if MAY_HOLD_SECRETS.into_iter().any(holds) => Secrecy::Perhaps,
        () => Secrecy::Open,
    }
}
