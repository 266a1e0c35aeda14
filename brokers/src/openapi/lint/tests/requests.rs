//! What is sent.

use expect_test::{Expect, expect};

use super::{PROVIDER, SERVICE, check, report, shown};

const BODY: &str =
    r#"{ name = "{{ name }}", size = "{{ params.size }}", count = "{{ params.count }}" }"#;

#[test]
fn a_service_may_agree() {
    check("", "", &expect![[""]]);
    let report = report(PROVIDER, SERVICE, "");
    assert_eq!((report.requests, report.paths, report.skipped), (4, 7, 0));
}

#[test]
fn operations_exist() {
    check(
        "POST /things\"",
        "PUT /things\"",
        &expect![[r#"
            unknown-operation at create
              There is no `PUT /things`: `/things` has `GET`, `POST`.
        "#]],
    );
    check(
        "DELETE /things/{{ id }}",
        "DELETE /thing/{{ id }}",
        &expect![[r#"
            unknown-operation at delete
              There is no `DELETE /thing/{}`: Things describes no such path.
        "#]],
    );
    // A literal segment is preferred; an expression is none.
    check("GET /things/{{ id }}", "GET /things/search", &expect![[""]]);
    check("DELETE /things/{{ id }}", "DELETE /things/search", &expect![[""]]);
}

fn port(expression: &str, expected: &Expect) {
    let update = format!(
        "[update]\nrequest = \"PUT /things/{{{{ id }}}}/ports/{{{{ {expression} }}}}\"\n[delete]"
    );
    check("[delete]", &update, expected);
}

#[test]
fn what_is_in_a_path_is_of_its_type() {
    port("params.count", &expect![""]);
    port("object.port", &expect![""]);
    port("params.text | int", &expect![""]);
    port(
        "params.text",
        &expect![[r#"
        wrong-type at update.request.port
          `PUT /things/{id}/ports/{port}` takes `integer` as `{port}` in its path;
          `params.text` is `string`.
    "#]],
    );
    port(
        "name",
        &expect![[r#"
        wrong-type at update.request.port
          `PUT /things/{id}/ports/{port}` takes `integer` as `{port}` in its path;
          `name` is `string`.
    "#]],
    );
    port(
        "object.name",
        &expect![[r#"
        wrong-type at update.request.port
          `PUT /things/{id}/ports/{port}` takes `integer` as `{port}` in its path;
          `object.name` is `string`.
    "#]],
    );
    port(
        "params.tags",
        &expect![[r#"
        wrong-type at update.request.port
          `PUT /things/{id}/ports/{port}` takes `integer` as `{port}` in its path;
          `params.tags` is `array`.
    "#]],
    );
    port(
        "id",
        &expect![[r#"
        wrong-type at update.request.port
          `PUT /things/{id}/ports/{port}` takes `integer` as `{port}` in its path; `id`
          is `string`.
    "#]],
    );
    // A number is a text as well.
    check("{{ object.id }}", "{{ object.port }}", &expect![""]);
}

#[test]
fn queries_are_declared_and_sent() {
    check(
        "query = { owner = \"me\" }",
        "query = { owner = \"me\", limit = 5 }",
        &expect![[r#"
            unknown-query at list.query.limit
              `GET /things` takes no query parameter `limit`. It has `page`, `owner`.
        "#]],
    );
    check(
        "query = { owner = \"me\" }",
        "",
        &expect![[r#"
            missing-query at list.query.owner
              `GET /things` requires the query parameter `owner`, which is not always sent.
        "#]],
    );
    check(
        "owner = \"me\"",
        "owner = \"{{ params.text }}\"",
        &expect![[r#"
            missing-query at list.query.owner
              `GET /things` requires the query parameter `owner`, which is not always sent.
        "#]],
    );
    check(
        "owner = \"me\" }",
        "owner = \"me\" }\npaging = \"cursor\"",
        &expect![[r#"
            unknown-query at list.query.limit
              `GET /things` takes no query parameter `limit`. It has `page`, `owner`.
            unknown-query at list.query.cursor
              `GET /things` takes no query parameter `cursor`. It has `page`, `owner`.
            unknown-response at paging.cursor.next.cursor.response.next
              `response.next` leads nowhere: what `GET /things` answers has no `next`
              there. It has `things`.
        "#]],
    );
    check(
        "POST /things\"",
        "POST /things\"\nquery = { dry = \"yes\" }",
        &expect![[r#"
            wrong-type at create.query.dry
              `POST /things` takes `boolean` here, not a string.
        "#]],
    );
    check("POST /things\"", "POST /things\"\nquery = { dry = \"true\" }", &expect![[""]]);
}

#[test]
fn headers_are_sent() {
    let provider = PROVIDER.replace("X-Team", "X-Other");
    expect![[r#"
        missing-header at create.headers.X-Team
          `POST /things` requires the header `X-Team`, which is not sent.
    "#]]
    .assert_eq(&shown(report(&provider, SERVICE, "")));
}

#[test]
fn a_credential_may_be_in_the_query() {
    let provider = PROVIDER.replace(
        "headers = { Authorization = \"Bearer {{ token }}\" }",
        "query = { owner = \"{{ token }}\" }",
    );
    let service = SERVICE.replace("query = { owner = \"me\" }", "");
    expect![""].assert_eq(&shown(report(&provider, &service, "")));
}

#[test]
fn required_fields_are_always_sent() {
    check(
        BODY,
        r#"{ name = "{{ name }}" }"#,
        &expect![[r#"
            missing-field at create.body.size
              `POST /things` requires the field `size`, which is not sent.
        "#]],
    );
    check(
        "size = \"{{ params.size }}\"",
        "size = \"{{ params.text }}\"",
        &expect![[r#"
            missing-field at create.body.size
              `POST /things` requires the field `size`, which is sent only when it has a
              value.
        "#]],
    );
    check(
        "size = \"{{ params.size }}\"",
        "size = \"{{ params.size if params.count is defined }}\"",
        &expect![[r#"
            missing-field at create.body.size
              `POST /things` requires the field `size`, which is sent only when it has a
              value.
        "#]],
    );
    check(
        "size = \"{{ params.size }}\"",
        "size = \"{{ params.text or 'small' }}\"",
        &expect![[""]],
    );
    let certain = "[create]\nwhen = \"{{ params.text is defined }}\"";
    let service = SERVICE
        .replace("[create]", certain)
        .replace("size = \"{{ params.size", "size = \"{{ params.text");
    expect![[""]].assert_eq(&shown(report(PROVIDER, &service, "")));
}

#[test]
fn sent_fields_exist() {
    check(
        "count = \"{{",
        "counts = \"{{",
        &expect![[r#"
            unknown-field at create.body.counts
              `POST /things` takes no field `counts` here. Did you mean `count`?
        "#]],
    );
    check(
        "count = \"{{",
        "note = \"x\", free = { a = 1 }, parent = { name = \"a\", size = \"small\", nam = 1 }, count = \"{{",
        &expect![[r#"
            unknown-field at create.body.parent.nam
              `POST /things` takes no field `nam` here. Did you mean `name`?
        "#]],
    );
}

#[test]
fn what_only_answers_have_is_not_sent() {
    check(
        "count = \"{{",
        "state = \"on\", since = \"now\", id = \"a\", count = \"{{",
        &expect![[r#"
            read-only-field at create.body.state
              `POST /things` does not take the field `state`: it is marked readOnly, for
              answers only.
            read-only-field at create.body.since
              `POST /things` does not take the field `since`: it is marked readOnly, for
              answers only.
            read-only-field at create.body.id
              `POST /things` does not take the field `id`: it is marked readOnly, for
              answers only.
        "#]],
    );
}

#[test]
fn sent_values_fit() {
    check(
        "count = \"{{ params.count }}\"",
        "count = \"{{ params.text }}\"",
        &expect![[r#"
            wrong-type at create.body.count
              `POST /things` takes `integer`, `null` here, not a string.
        "#]],
    );
    check("count = \"{{ params.count }}\"", "count = \"{{ params.count | int }}\"", &expect![[""]]);
    check(
        "count = \"{{ params.count }}\"",
        "count = 10",
        &expect![[r#"
            wrong-value at create.body.count
              `POST /things` does not take `10` here: the most is 9.
        "#]],
    );
    check(
        "count = \"{{ params.count }}\"",
        "tags = [\"a\", 1]",
        &expect![[r#"
            wrong-type at create.body.tags[1]
              `POST /things` takes `string` here, not an integer.
        "#]],
    );
    check("count = \"{{ params.count }}\"", "tags = \"{{ params.tags }}\"", &expect![[""]]);
    check(
        "count = \"{{ params.count }}\"",
        "note = \"{{ params.tags }}\"",
        &expect![[r#"
            wrong-type at create.body.note
              `POST /things` takes `string` here, not a list of strings.
        "#]],
    );
    check(
        "count = \"{{ params.count }}\"",
        "note = \"{{ name }}-{{ params.count }}\"",
        &expect![[""]],
    );
}

#[test]
fn written_values_are_allowed() {
    check(
        "name = \"{{ name }}\"",
        "name = \"A\"",
        &expect![[r#"
            wrong-value at create.body.name
              `POST /things` does not take `A` here: it has to match `^[a-z]+$`.
        "#]],
    );
    check(
        "size = \"{{ params.size }}\"",
        "size = \"tiny\"",
        &expect![[r#"
            wrong-value at create.body.size
              `POST /things` takes `small`, `large` here, not `tiny`.
        "#]],
    );
    check(
        "enum = [\"small\", \"large\"]",
        "enum = [\"small\", \"tiny\"]",
        &expect![[r#"
            wrong-value at create.body.size
              `POST /things` takes `small`, `large` here, not `tiny`.
        "#]],
    );
    check(
        BODY,
        "\"{{ params.text }}\"",
        &expect![[r#"
            wrong-type at create.body
              `POST /things` takes `object` here, not a string.
        "#]],
    );
    check(BODY, "\"{{ dict(params, name=name) }}\"", &expect![[""]]);
}

#[test]
fn a_body_is_of_a_type_that_is_taken() {
    check(
        "body = {",
        "form = {",
        &expect![[r#"
            wrong-content-type at create.form
              `POST /things` takes `application/json`, not
              `application/x-www-form-urlencoded`.
        "#]],
    );
    check(
        &format!("body = {BODY}"),
        "",
        &expect![[r#"
            missing-field at create.body
              `POST /things` requires a body, and none is sent.
        "#]],
    );
    check(
        "DELETE /things/{{ id }}\"",
        "DELETE /things/{{ id }}\"\nbody = { a = 1 }",
        &expect![[r#"
            wrong-content-type at delete.body
              `DELETE /things/{id}` takes no body.
        "#]],
    );
    check(
        &format!("body = {BODY}"),
        "raw = \"{}\"\ncontent_type = \"application/json\"",
        &expect![[""]],
    );
    check(
        &format!("body = {BODY}"),
        "raw = \"{}\"",
        &expect![[r#"
            wrong-content-type at create.raw
              `POST /things` takes `application/json`, not `text/plain`.
        "#]],
    );
}

fn rule(body: &str, expected: &Expect) {
    let update =
        format!("[update]\nrequest = \"PUT /things/{{{{ id }}}}/rule\"\nbody = {body}\n[delete]");
    check("[delete]", &update, expected);
}

#[test]
fn one_alternative_fits() {
    rule(r#"{ kind = "host", host = "a" }"#, &expect![[""]]);
    rule(
        r#"{ kind = "port", port = "a" }"#,
        &expect![[r#"
            wrong-type at update.body.port
              `PUT /things/{id}/rule` takes `integer` here, not a string.
        "#]],
    );
    rule(
        r#"{ kind = "port", host = "a" }"#,
        &expect![[r#"
            missing-field at update.body.port
              `PUT /things/{id}/rule` requires the field `port`, which is not sent.
            unknown-field at update.body.host
              `PUT /things/{id}/rule` takes no field `host` here. It has `kind`, `port`.
        "#]],
    );
    rule(
        r#"{ kind = "{{ params.size }}", host = "{{ params.text }}", port = "{{ params.count }}" }"#,
        &expect![[r#"
            wrong-value at update.body.kind
              `PUT /things/{id}/rule` takes `host` here, not `small`.
            wrong-value at update.body.kind
              `PUT /things/{id}/rule` takes `host` here, not `large`.
        "#]],
    );
}

#[test]
fn alternatives_are_told_apart_by_a_param() {
    let service = SERVICE.replace("enum = [\"small\", \"large\"]", "enum = [\"host\", \"port\"]");
    let service = service.replace("size = \"{{ params.size }}\"", "size = \"small\"");
    let body = r#"{ kind = "{{ params.size }}", host = "{{ params.text }}", port = "{{ params.count }}" }"#;
    let update =
        format!("[update]\nrequest = \"PUT /things/{{{{ id }}}}/rule\"\nbody = {body}\n[delete]");
    let both = service.replace("[delete]", &update);
    expect![""].assert_eq(&shown(report(PROVIDER, &both, "")));
    let swapped = both.replace("port = \"{{ params.count", "port = \"{{ params.tags");
    expect![[r#"
        unknown-field at update.body.port
          `PUT /things/{id}/rule` takes no field `port` here. It has `kind`, `host`.
        wrong-type at update.body.port
          `PUT /things/{id}/rule` takes `integer` here, not a list of strings.
    "#]]
    .assert_eq(&shown(report(PROVIDER, &swapped, "")));
}

fn form(form: &str, expected: &Expect) {
    let update =
        format!("[update]\nrequest = \"POST /things/{{{{ id }}}}/form\"\nform = {form}\n[delete]");
    check("[delete]", &update, expected);
}

#[test]
fn flat_forms_are_nested_ones() {
    form(
        r#"{ active = false, count = "{{ params.count }}", metadata = { prov = "{{ marker }}" }, recurring = { interval = "day" }, tiers = [{ amount = 1 }] }"#,
        &expect![[""]],
    );
    form(
        r#"{ metadata = "{{ params.text }}", tiers = "{{ params.tags }}" }"#,
        &expect![[r#"
            wrong-type at update.form.metadata
              `POST /things/{id}/form` takes `object` here, not a string.
            wrong-type at update.form.tiers
              `POST /things/{id}/form` takes `array` of `object` here, not a list of
              strings.
        "#]],
    );
    form(
        r#"{ recurring = { interval = "year", every = 2 }, tiers = [{ amounts = 1 }] }"#,
        &expect![[r#"
            wrong-value at update.form.recurring.interval
              `POST /things/{id}/form` takes `day`, `week` here, not `year`.
            unknown-field at update.form.recurring.every
              `POST /things/{id}/form` takes no field `every` here. It has `interval`.
            unknown-field at update.form.tiers[0].amounts
              `POST /things/{id}/form` takes no field `amounts` here. Did you mean
              `amount`?
        "#]],
    );
    form(
        r#"{ recurrring = 1 }"#,
        &expect![[r#"
            unknown-field at update.form.recurrring
              `POST /things/{id}/form` takes no field `recurrring` here. Did you mean
              `recurring`?
        "#]],
    );
}
