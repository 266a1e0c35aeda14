//! A credential goes to the host it was made for. A project's files come with a clone of it, so they
//! may not send the user's credentials anywhere else.

use std::cell::RefCell;

use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::text::{Format, Kind, Node, parse};

use super::File;
use super::provider::Provider;

/// Checks a provider that comes from the project against those the user trusts.
pub(super) fn check(
    trusted: &[Provider],
    file: &File,
    (own, node): (&Provider, &Node),
) -> Diagnostics {
    match trusted.iter().find(|other| other.id.eq_ignore_ascii_case(&own.id)) {
        Some(other) => replaced(file, (own, node), other),
        None => added(file, (own, node), trusted),
    }
}

/// What a provider's file says, as far as it can be read; its mistakes are reported elsewhere.
pub(super) fn read(file: &File) -> Option<Provider> {
    let node = parse(&file.text, Format::Toml, 0).ok()?;
    Some(Provider::read(&file.provider, &node, &RefCell::default()))
}

/// A project's version of a provider speaks to the same place and reads no other variables.
fn replaced(file: &File, (own, node): (&Provider, &Node), other: &Provider) -> Diagnostics {
    let mut problems = Diagnostics::default();
    if origin(own) != origin(other) {
        let summary = format!(
            "{} would send the credential of {} to {} instead of {}.",
            file.path,
            other.name,
            origin(own),
            origin(other)
        );
        let place = node.get("base_url").map_or(node.span, |node| node.span);
        problems.push(refusal(summary).at(place));
    }
    let known = variables(other);
    for name in variables(own).into_iter().filter(|name| !known.contains(name)) {
        let summary = format!(
            "{} reads the variable `{name}`, which {} has nothing to do with.",
            file.path, other.name
        );
        problems.push(refusal(summary).at(place_of(node, &name)));
    }
    problems
}

/// A provider that only the project knows reads variables that begin with its own name, and none
/// that another provider reads.
fn added(file: &File, (own, node): (&Provider, &Node), trusted: &[Provider]) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let prefix = format!("{}_", own.id.to_uppercase().replace('-', "_"));
    let taken: Vec<String> = trusted.iter().flat_map(variables).collect();
    for name in variables(own).into_iter().filter(|name| taken.contains(name)) {
        let summary = format!(
            "{} reads the variable `{name}`, which is meant for another provider.",
            file.path
        );
        problems.push(refusal(summary).at(place_of(node, &name)));
    }
    let is_foreign = |name: &String| !name.starts_with(&prefix) && !taken.contains(name);
    for name in variables(own).into_iter().filter(is_foreign) {
        let summary = format!(
            "{} reads the variable `{name}`, which does not begin with `{prefix}`.",
            file.path
        );
        problems.push(refusal(summary).at(place_of(node, &name)));
    }
    problems
}

/// Where a text is written for the first time.
fn place_of(node: &Node, text: &str) -> Span {
    find(node, text).unwrap_or(node.span)
}

fn find(node: &Node, text: &str) -> Option<Span> {
    match &node.kind {
        Kind::Text(found) => (found == text).then_some(node.span),
        Kind::List(items) => items.iter().find_map(|item| find(item, text)),
        Kind::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, text)),
        _ => None,
    }
}

fn refusal(summary: String) -> Diagnostic {
    Diagnostic::error("custody", summary).help(
        "What comes with a project may not take credentials that were meant for others. If it is \
         meant, put the file into `brokers/` of your own configuration folder.",
    )
}

/// Scheme, host and port.
fn origin(provider: &Provider) -> String {
    let url = reqwest::Url::parse(&provider.base_url).ok();
    url.map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// Every variable that a provider reads.
fn variables(provider: &Provider) -> Vec<String> {
    let secrets = provider.auth.iter().flat_map(|auth| &auth.secrets);
    let secrets = secrets.flat_map(|(_, names)| names);
    let values = provider.values.values().flat_map(|value| &value.env);
    secrets.chain(values).chain(&provider.base_url_env).cloned().collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use provision::diagnostic::Sources;

    use super::super::{Origin, load};
    use super::*;

    fn file(provider: &str, host: &str, variable: &str, origin: Origin) -> File {
        let text = format!(
            "name = '{provider}'\nbase_url = 'https://{host}'\n[[auth]]\n\
             secrets = {{ token = ['{variable}'] }}\nheaders = {{ A = '{{{{ token }}}}' }}\n"
        );
        let (provider, path) = (provider.to_owned(), format!("{provider}/provider.toml"));
        File { provider, thing: "provider".to_owned(), path, text: text.into(), origin }
    }

    fn check(own: File, expected: &Expect) {
        let mut problems = Diagnostics::default();
        let trusted = file("acme", "api.acme.test", "ACME_TOKEN", Origin::BuiltIn);
        load(vec![trusted, own], &mut Sources::default(), &mut problems);
        let texts: Vec<&str> = problems.iter().map(|problem| problem.summary.as_str()).collect();
        expected.assert_eq(&texts.join("\n"));
    }

    #[test]
    fn a_project_cannot_send_a_credential_elsewhere() {
        let project = Origin::Project;
        check(file("acme", "api.acme.test", "ACME_TOKEN", project), &expect![""]);
        check(file("other-one", "other.test", "OTHER_ONE_TOKEN", project), &expect![""]);
        check(
            file("acme", "evil.test", "ACME_TOKEN", project),
            &expect![
                "acme/provider.toml would send the credential of acme to https://evil.test instead of https://api.acme.test."
            ],
        );
        check(
            file("acme", "api.acme.test:8080", "ACME_TOKEN", project),
            &expect![
                "acme/provider.toml would send the credential of acme to https://api.acme.test:8080 instead of https://api.acme.test."
            ],
        );
        check(
            file("acme", "api.acme.test", "OTHER_TOKEN", project),
            &expect![
                "acme/provider.toml reads the variable `OTHER_TOKEN`, which acme has nothing to do with."
            ],
        );
        check(
            file("other", "evil.test", "ACME_TOKEN", project),
            &expect![
                "other/provider.toml reads the variable `ACME_TOKEN`, which is meant for another provider."
            ],
        );
        check(
            file("ACME", "evil.test", "ACME_TOKEN", project),
            &expect![
                "ACME/provider.toml would send the credential of acme to https://evil.test instead of https://api.acme.test."
            ],
        );
        check(
            file("ac", "ac.test", "TOKEN", project),
            &expect![
                "ac/provider.toml reads the variable `TOKEN`, which does not begin with `AC_`."
            ],
        );
        check(file("acme", "mine.test", "ACME_TOKEN", Origin::User), &expect![""]);
    }
}
