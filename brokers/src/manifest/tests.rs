//! What is wrong with a manifest is said at its place, all of it at once.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use provision::diagnostic::{Diagnostics, Sources};

use super::{File, Origin, load};

pub(super) const PROVIDER: &str = "name = \"Acme\"\nbase_url = \"https://acme.test\"\n";

pub(super) const SERVICE: &str = r#"description = "A box."
kind = "storage"
id = "{{ object.id }}"
[params.size]
type = "integer"
description = "Its size."
required = true
max = 10
read = "{{ object.size }}"
[params.colour]
type = "string"
description = "Its colour."
enum = ["red", "blue"]
read = "{{ object.look.colour }}"
[create]
request = "POST /boxes"
body = { name = "{{ name }}", size = "{{ params.size }}" }
[read]
request = "GET /boxes/{{ id }}"
[wait]
ready = "{{ object.state == 'active' }}"
[delete]
request = "DELETE /boxes/{{ id }}"
[outputs.url]
description = "Where it is."
value = "{{ object.url }}"
[example]
params = { size = 3, colour = "red" }
object = { id = 1, size = "{{ params.size }}", look = { colour = "red" }, url = "u", state = "active" }
"#;

fn file(thing: &str, text: &str) -> File {
    File {
        provider: "acme".to_owned(),
        thing: thing.to_owned(),
        path: format!("{thing}.toml"),
        text: text.to_owned().into(),
        origin: Origin::Project,
    }
}

/// The problems of a provider and a service in it, in the order of their places.
pub(super) fn problems(provider: &str, service: &str) -> String {
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let files = vec![file("provider", provider), file("box", service)];
    load(files, &mut sources, &mut problems);
    problems.sort();
    let mut text = String::new();
    for problem in problems.iter() {
        let place = problem.span.and_then(|span| sources.position(span));
        let place = place.map(|(name, line, column)| format!("{name}:{line}:{column} "));
        let help = problem.help.as_ref().map(|help| format!(" {help}")).unwrap_or_default();
        writeln!(text, "{}{}{help}", place.unwrap_or_default(), problem.summary).unwrap();
    }
    text
}

/// The problems of the service with one text in the place of another.
pub(super) fn check(changes: &[(&str, &str)], expected: &Expect) {
    let mut service = SERVICE.to_owned();
    for (before, after) in changes {
        assert!(service.contains(before), "{before}");
        service = service.replace(before, after);
    }
    expected.assert_eq(&problems(PROVIDER, &service));
}

#[test]
fn what_is_right_has_no_problems() {
    check(&[], &expect![[""]]);
}

#[test]
fn a_kind_is_one_that_exists() {
    check(
        &[(r#""storage""#, r#""storag""#)],
        &expect![[r#"
        box.toml:2:8 `storag` is not a kind. Did you mean `storage`?
    "#]],
    );
    check(
        &[(r#""storage""#, r#""mailbox""#)],
        &expect![[r#"
        box.toml:2:8 `mailbox` is not a kind. Known kinds: certificate, custom, database, database_group, deployment, dns_record, domain, file, firewall, load_balancer, network, price, product, queue, redirect, repository, resource, role, secret, server, ssh_key, storage, token, user, value, variable, web_service, webhook, widget.
    "#]],
    );
}
