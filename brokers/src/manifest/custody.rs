//! A credential goes to the host it was made for. A project's files come with a clone of it, so they
//! may not send the user's credentials anywhere else.

use std::cell::RefCell;
use std::collections::BTreeMap;

use provision::diagnostic::{Diagnostic, Diagnostics};
use provision::text::{Format, parse};

use super::provider::Provider;
use super::{File, Origin};

/// Checks the providers that come from the project against those the user trusts.
pub(super) fn check(
    trusted: &[File],
    chosen: &BTreeMap<(String, String), File>,
    problems: &mut Diagnostics,
) {
    let trusted: Vec<Provider> = trusted.iter().filter_map(read).collect();
    let is_own = |file: &&File| file.thing == "provider" && file.origin == Origin::Project;
    for file in chosen.values().filter(is_own) {
        let Some(own) = read(file) else { continue };
        match trusted.iter().find(|other| other.id.eq_ignore_ascii_case(&own.id)) {
            Some(other) => problems.extend(replaced(file, &own, other)),
            None => problems.extend(added(file, &own, &trusted)),
        }
    }
}

/// What a provider's file says, as far as it can be read; its mistakes are reported elsewhere.
fn read(file: &File) -> Option<Provider> {
    let node = parse(&file.text, Format::Toml, 0).ok()?;
    Some(Provider::read(&file.provider, &node, &RefCell::default()))
}

/// A project's version of a provider speaks to the same place and reads no other variables.
fn replaced(file: &File, own: &Provider, other: &Provider) -> Diagnostics {
    let mut problems = Diagnostics::default();
    if origin(own) != origin(other) {
        problems.push(refusal(format!(
            "{} would send the credential of {} to {} instead of {}.",
            file.path,
            other.name,
            origin(own),
            origin(other)
        )));
    }
    let known = variables(other);
    for name in variables(own).into_iter().filter(|name| !known.contains(name)) {
        problems.push(refusal(format!(
            "{} reads the variable `{name}`, which {} has nothing to do with.",
            file.path, other.name
        )));
    }
    problems
}

/// A provider that only the project knows reads variables that begin with its own name, and none
/// that another provider reads.
fn added(file: &File, own: &Provider, trusted: &[Provider]) -> Diagnostics {
    let mut problems = Diagnostics::default();
    let prefix = format!("{}_", own.id.to_uppercase().replace('-', "_"));
    let taken: Vec<String> = trusted.iter().flat_map(variables).collect();
    for name in variables(own).into_iter().filter(|name| taken.contains(name)) {
        problems.push(refusal(format!(
            "{} reads the variable `{name}`, which is meant for another provider.",
            file.path
        )));
    }
    let is_foreign = |name: &String| !name.starts_with(&prefix) && !taken.contains(name);
    for name in variables(own).into_iter().filter(is_foreign) {
        problems.push(refusal(format!(
            "{} reads the variable `{name}`, which does not begin with `{prefix}`.",
            file.path
        )));
    }
    problems
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

    use super::super::load;
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
