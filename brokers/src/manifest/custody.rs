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
    let is_own = |file: &&File| file.thing == "provider" && file.origin == Origin::Project;
    for file in chosen.values().filter(is_own) {
        let Some(own) = read(file) else { continue };
        for other in trusted.iter().filter_map(read) {
            let is_same_provider = other.id == own.id;
            if host(&own) == host(&other) || !(is_same_provider || shares_variables(&own, &other)) {
                continue;
            }
            let summary = format!(
                "{} would send the credential of {} to {} instead of {}.",
                file.path,
                other.name,
                host(&own),
                host(&other)
            );
            let help = "A project may not do that. If it is meant, put the file into `brokers/` of \
                        your own configuration folder, or give it variables of its own.";
            problems.push(Diagnostic::error("custody", summary).help(help));
            break;
        }
    }
}

/// What a provider's file says, as far as it can be read; its mistakes are reported elsewhere.
fn read(file: &File) -> Option<Provider> {
    let node = parse(&file.text, Format::Toml, 0).ok()?;
    Some(Provider::read(&file.provider, &node, &RefCell::default()))
}

fn host(provider: &Provider) -> String {
    let url = reqwest::Url::parse(&provider.base_url).ok();
    url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

fn shares_variables(own: &Provider, other: &Provider) -> bool {
    let names = |provider: &Provider| -> Vec<String> {
        let secrets = provider.auth.iter().flat_map(|auth| &auth.secrets);
        secrets.flat_map(|(_, names)| names.clone()).collect()
    };
    let known = names(other);
    names(own).iter().any(|name| known.contains(name))
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
        check(file("other", "other.test", "OTHER_TOKEN", project), &expect![""]);
        check(
            file("acme", "evil.test", "OTHER_TOKEN", project),
            &expect![
                "acme/provider.toml would send the credential of acme to evil.test instead of api.acme.test."
            ],
        );
        check(
            file("other", "evil.test", "ACME_TOKEN", project),
            &expect![
                "other/provider.toml would send the credential of acme to evil.test instead of api.acme.test."
            ],
        );
        check(file("acme", "mine.test", "ACME_TOKEN", Origin::User), &expect![""]);
    }
}
