//! What is read, and what is accepted.

use expect_test::expect;

use super::{PROVIDER, SERVICE, check, exceptions, report, shown};

#[test]
fn expressions_point_into_answers() {
    check(
        "object = \"{{ response.thing }}\"",
        "object = \"{{ response.things }}\"",
        &expect![[r#"
            unknown-response at create.object.response.things
              `response.things` leads nowhere: what `POST /things` answers has no `things`
              there. Did you mean `thing`?
        "#]],
    );
    check(
        "items = \"{{ response.things }}\"",
        "items = \"{{ response.data }}\"",
        &expect![[r#"
            unknown-response at list.items.response.data
              `response.data` leads nowhere: what `GET /things` answers has no `data`
              there. It has `things`.
        "#]],
    );
    check(
        "object.addresses",
        "object.adresses",
        &expect![[r#"
            unknown-response at outputs.ip.object.adresses
              `object.adresses` leads nowhere: what `GET /things/{id}` answers has no
              `adresses` there. Did you mean `addresses`?
        "#]],
    );
}

#[test]
fn lists_brackets_and_recursion_are_seen_through() {
    check(
        "object.addresses | map(attribute='ip') | first",
        "object.addresses[0].ip",
        &expect![[""]],
    );
    check(
        "object.addresses | map(attribute='ip') | first",
        "object.addresses[0].ipp",
        &expect![[r#"
            unknown-response at outputs.ip.object.addresses.ipp
              `object.addresses.ipp` leads nowhere: what `GET /things/{id}` answers has no
              `ipp` there. Did you mean `ip`?
        "#]],
    );
    check(
        "object.addresses | map(attribute='ip') | first",
        "object['addreses']",
        &expect![[r#"
        unknown-response at outputs.ip.object.addreses
          `object.addreses` leads nowhere: what `GET /things/{id}` answers has no
          `addreses` there. Did you mean `addresses`?
    "#]],
    );
    check(
        "object.addresses | map(attribute='ip') | first",
        "object.parent.parent.parent.nam",
        &expect![[r#"
            unknown-response at outputs.ip.object.parent.parent.parent.nam
              `object.parent.parent.parent.nam` leads nowhere: what `GET /things/{id}`
              answers has no `nam` there. Did you mean `name`?
        "#]],
    );
    check(
        "object.addresses | map(attribute='ip') | first",
        "object.extra.any.thing",
        &expect![[""]],
    );
    check(
        "object.addresses | map(attribute='ip') | first",
        "object.name.first",
        &expect![[r#"
            unknown-response at outputs.ip.object.name.first
              `object.name.first` leads nowhere: what `GET /things/{id}` answers has no
              `first` there. It has none.
        "#]],
    );
}

#[test]
fn the_id_is_in_every_object() {
    check(
        "id = \"{{ object.id }}\"",
        "id = \"{{ object.uid }}\"",
        &expect![[r#"
            unknown-response at id.create.object.uid
              `object.uid` leads nowhere: what `POST /things` answers has no `uid` there.
              Did you mean `id`?
            unknown-response at id.list.object.uid
              `object.uid` leads nowhere: what `GET /things` answers has no `uid` there.
              Did you mean `id`?
        "#]],
    );
    check(
        "items = \"{{ response.things }}\"",
        "items = \"{{ response.things | list }}\"",
        &expect![[""]],
    );
}

#[test]
fn every_place_of_an_expression_is_looked_at() {
    let create = r#"
save = { first = "{{ response.thing.addresses[0] }}", none = "{{ response.nothing }}" }
accept = "{{ response.code == 1 or response.error == 2 }}"
fail = "{{ response.warning }}"
object = "{{ response.thing }}"
"#;
    check(
        "object = \"{{ response.thing }}\"",
        create,
        &expect![[r#"
            unknown-response at create.accept.response.error
              `response.error` leads nowhere: what `POST /things` answers has no `error`
              there. It has `code`.
            unknown-response at create.fail.response.warning
              `response.warning` leads nowhere: what `POST /things` answers has no
              `warning` there. It has `thing`.
            unknown-response at create.save.none.response.nothing
              `response.nothing` leads nowhere: what `POST /things` answers has no
              `nothing` there. Did you mean `thing`?
        "#]],
    );
    let wait =
        "[wait]\nready = \"{{ object.state == 'on' }}\"\nfailed = \"{{ object.error }}\"\n[delete]";
    check(
        "[delete]",
        wait,
        &expect![[r#"
            unknown-response at wait.ready.object.state
              `object.state` leads nowhere: what `GET /things/{id}` answers has no `state`
              there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`, `parent`.
            unknown-response at wait.failed.object.error
              `object.error` leads nowhere: what `GET /things/{id}` answers has no `error`
              there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`, `parent`.
        "#]],
    );
    let find = "[find]\nby = \"name\"\nrequest = \"GET /things\"\nquery = { owner = \"me\" }\nitems = \"{{ response.things }}\"\nmatch = \"{{ object.title == name }}\"\n[delete]";
    check(
        "[delete]",
        find,
        &expect![[r#"
            unknown-response at find.match.object.title
              `object.title` leads nowhere: what `GET /things` answers has no `title`
              there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`, `parent`.
        "#]],
    );
    let known = "[params.note]\ntype = \"string\"\ndescription = \"A note.\"\nread = \"{{ object.note }}\"\nknown = { request = \"GET /notes\", values = \"{{ response.x }}\" }\n[create]";
    check(
        "[create]",
        known,
        &expect![[r#"
            unknown-operation at params.note.known
              There is no `GET /notes`: Things describes no such path.
            unknown-response at params.note.read.object.note
              `object.note` leads nowhere: what `GET /things/{id}` answers has no `note`
              there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`, `parent`.
        "#]],
    );
}

#[test]
fn steps_know_what_earlier_ones_answered() {
    let steps = r#"[[update.steps]]
request = "GET /things"
query = { owner = "{{ object.name }}" }
save = { first = "{{ response.things | first }}" }
[[update.steps]]
for_each = "{{ response.things }}"
request = "PUT /things/{{ item.id }}/rule"
body = { kind = "host", host = "{{ saved.first.nam }}" }
[delete]"#;
    check(
        "[delete]",
        steps,
        &expect![[r#"
            unknown-response at update.body.saved.first.nam
              `saved.first.nam` leads nowhere: what `GET /things` answers has no `nam`
              there. Did you mean `name`?
        "#]],
    );
}

#[test]
fn objects_that_are_put_together_are_known() {
    let object = "object = \"{{ dict(response.thing, secret=response.thing.secret, first=response.thing.addresses[0]) }}\"";
    let service = SERVICE.replace("object = \"{{ response.thing }}\"", object);
    let service = service.replace(
        "object.addresses | map(attribute='ip') | first",
        "[object.secret.a, object.first.ipp, object.third]",
    );
    expect![[r#"
        unknown-response at create.object.response.thing.secret
          `response.thing.secret` leads nowhere: what `POST /things` answers has no
          `secret` there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`,
          `parent`.
        unknown-response at read.object.response.thing.secret
          `response.thing.secret` leads nowhere: what `GET /things/{id}` answers has no
          `secret` there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`,
          `parent`.
        unknown-response at outputs.ip.object.first.ipp
          `object.first.ipp` leads nowhere: what `GET /things/{id}` answers has no
          `ipp` there. Did you mean `ip`?
        unknown-response at outputs.ip.object.third
          `object.third` leads nowhere: what `GET /things/{id}` answers has no `third`
          there. It has `id`, `name`, `size`, `addresses`, `extra`, `port`, `parent`,
          `secret`, `first`.
    "#]]
    .assert_eq(&shown(report(PROVIDER, &service, "")));
    check(
        "object = \"{{ response.thing }}\"",
        "object = \"{{ response.thing if true else response }}\"",
        &expect![[""]],
    );
}

#[test]
fn the_file_of_the_provider_is_linted_once() {
    let provider = format!(
        "{PROVIDER}[verify]\nrequest = \"GET /account\"\n[values.owner]\nrequest = \"GET /things\"\nvalue = \"{{{{ response.owner }}}}\"\n"
    );
    expect![[r#"
        unknown-operation at verify
          There is no `GET /account`: Things describes no such path.
        missing-query at values.owner.query.owner
          `GET /things` requires the query parameter `owner`, which is not always sent.
        unknown-response at values.owner.value.response.owner
          `response.owner` leads nowhere: what `GET /things` answers has no `owner`
          there. It has `things`.
    "#]]
    .assert_eq(&shown(report(&provider, SERVICE, "")));
}

#[test]
fn exceptions_accept_findings() {
    let service = SERVICE
        .replace("object.addresses", "object.adresses")
        .replace("count = \"{{", "counts = \"{{");
    let allow = |rule: &str, at: &str| {
        format!(
            "[[allow]]\nservice = \"thing\"\nrule = \"{rule}\"\nat = \"{at}\"\nreason = \"So it is.\"\n"
        )
    };
    let all = [
        allow("unknown-field", "create.body.*"),
        allow("unknown-response", "read.response.thing.adresses"),
        allow("unknown-query", "create.query.x"),
    ];
    let report = report(PROVIDER, &service, &all.concat());
    assert_eq!(report.excepted, 2);
    expect![[r#"
        unused-exception at create.query.x
          Nothing is accepted by the exception for `unknown-query` at `create.query.x`:
          take it away.
    "#]]
    .assert_eq(&shown(report));
}

#[test]
fn exceptions_have_reasons() {
    let (_, problems) =
        exceptions("[[allow]]\nservice = \"a\"\nrule = \"b\"\nat = \"c\"\nwhy = 1\n[other]\n");
    let all: Vec<String> = problems.iter().map(|problem| problem.summary.clone()).collect();
    expect![[r#"
        `why` is not a field of an exception.
        An exception needs the field `reason`.
        `other` is not a field of a list of exceptions."#]]
    .assert_eq(&all.join("\n"));
}
