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
        writeln!(text, "{}{}", place.unwrap_or_default(), problem.summary).unwrap();
        // What is long is told by its beginning.
        if let Some(help) = &problem.help {
            writeln!(text, "    {}", help.chars().take(70).collect::<String>()).unwrap();
        }
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
            box.toml:2:8 `storag` is not a kind.
                Did you mean `storage`?
        "#]],
    );
    check(
        &[(r#""storage""#, r#""mailbox""#)],
        &expect![[r#"
            box.toml:2:8 `mailbox` is not a kind.
                Known kinds: certificate, custom, database, database_group, deployment
        "#]],
    );
}

#[test]
fn an_example_fits_its_manifest() {
    check(
        &[("size = 3, colour = \"red\"", "sise = 3, colour = \"red\"")],
        &expect![[r#"
            box.toml:28:10 `acme-box` needs the param `size`.
                Its size.
            box.toml:28:12 `acme-box` has no param `sise`.
                Did you mean `size`?
        "#]],
    );
    check(
        &[("{ size = 3, colour = \"red\"", "{ size = 30, colour = \"reed\"")],
        &expect![[r#"
            box.toml:28:19 `size` must be at most 10.
                Its size.
            box.toml:28:32 `colour` must be one of red, blue (did you mean `red`?).
                Its colour.
        "#]],
    );
    check(
        &[("{ size = 3,", "{ size = \"3\",")],
        &expect![[r#"
            box.toml:28:19 `size` must be a whole number, found a string.
                Its size.
        "#]],
    );
    check(
        &[("size = \"{{ params.size }}\", look", "size = \"{{ params.sise }}\", look")],
        &expect![[r#"
            box.toml:29:31 `sise` is not a param.
                Did you mean `size`?
        "#]],
    );
    check(
        &[(
            "[example]",
            "[example.edits]\nsise = { size = 4 }\n[example]\ncreated = { a = \"{{ nam }}\" }",
        )],
        &expect![[r#"
            box.toml:28:1 `sise` is not a param.
                Did you mean `size`?
            box.toml:30:21 There is no `nam` here.
                Did you mean `name`?
        "#]],
    );
    check(
        &[(
            "[example]",
            "[[example.answers]]\nrequest = \"GET /x\"\nresponse = [\"{{ nam }}\"]\n[example]\npending = { a = \"{{ params.siz }}\" }",
        )],
        &expect![[r#"
            box.toml:29:17 There is no `nam` here.
                Did you mean `name`?
            box.toml:31:21 `siz` is not a param.
                Did you mean `size`?
        "#]],
    );
}

#[test]
fn what_is_read_is_in_the_example() {
    check(
        &[("value = \"{{ object.url }}\"", "value = \"{{ object.urls.public }}\"")],
        &expect![[r#"
            box.toml:26:9 The output `url` finds nothing in the example's object.
                Correct it, or write into `object` of [example] all that the provider 
        "#]],
    );
    check(
        &[("object.look.colour", "object.color")],
        &expect![[r#"
            box.toml:14:8 The `read` of `colour` finds nothing in the example's object.
                Correct it, or write into `object` of [example] all that the provider 
        "#]],
    );
    check(
        &[("{{ object.size }}", "{{ object.size ~ '' }}")],
        &expect![[r#"
            box.toml:9:8 `size` reads "3" of the example's object, not 3.
                A plan would show this as a change that never ends.
        "#]],
    );
    check(
        &[("{{ object.id }}", "{{ object.uid }}")],
        &expect![[r#"
            box.toml:3:6 The `id` finds nothing in the example's object.
                Correct it, or write into `object` of [example] all that the provider 
        "#]],
    );
    check(
        &[("== 'active'", "== 'avtive'")],
        &expect![[r#"
            box.toml:21:9 `ready` is not true of the example's object.
                The object in [example] is to be one that is ready; how it differs bef
        "#]],
    );
    check(
        &[
            ("{{ object.url }}\"", "{{ object.token }}\"\nonce = true\nsensitive = true"),
            ("[example]", "[example]\ncreated = { token = \"t\" }"),
        ],
        &expect![[""]],
    );
}

#[test]
fn all_mistakes_are_shown_at_once() {
    check(
        &[
            ("type = \"integer\"", "typ = \"integer\""),
            ("POST /boxes", "POST boxes"),
            ("{{ id }}", "{{ idd }}"),
            ("{{ params.size }}\", look", "{{ params.sise }}\", look"),
            ("object.url", "objekt.url"),
            ("colour = \"red\" }\nobject", "colour = \"rot\" }\nobject"),
        ],
        &expect![[r#"
            box.toml:4:1 A param needs the field `type`.
            box.toml:5:1 `typ` is not a field of a param.
                Did you mean `type`?
            box.toml:16:11 A request is a method and a path, as in `GET /v2/things`.
                Methods: GET, HEAD, POST, PUT, PATCH, DELETE.
            box.toml:19:26 There is no `idd` here.
                Did you mean `id`?
            box.toml:23:29 There is no `idd` here.
                Did you mean `id`?
            box.toml:26:13 There is no `objekt` here.
                Did you mean `object`?
            box.toml:28:31 `colour` must be one of red, blue.
                Its colour.
            box.toml:29:31 `sise` is not a param.
                Did you mean `size`?
        "#]],
    );
    let provider = PROVIDER.replace("base_url", "bas_url");
    let service = SERVICE.replace("object.url", "objekt.url");
    expect![[r#"
        provider.toml:1:1 A provider needs the field `base_url`.
        provider.toml:2:1 `bas_url` is not a field of a provider.
            Did you mean `base_url`?
        box.toml:26:13 There is no `objekt` here.
            Did you mean `object`?
    "#]]
    .assert_eq(&problems(&provider, &service));
}

#[test]
fn built_in_manifests_have_no_problems() {
    let mut files = crate::catalog::built_in();
    files.iter_mut().for_each(|file| file.origin = Origin::User);
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    load(files, &mut sources, &mut problems);
    let found = problems.iter().map(|problem| {
        let place = problem.span.and_then(|span| sources.position(span));
        format!("{place:?} {}", problem.summary)
    });
    assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
}
