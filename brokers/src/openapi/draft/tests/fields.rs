//! What becomes of the fields of bodies and answers.

use expect_test::expect;

use super::{boxes, drafted, part};

#[test]
fn what_update_only_shows_is_replaced() {
    let create = "{ name: { type: string }, size: { type: integer }, place: { type: string }, \
                  color: { type: string }, shape: { type: string } }";
    let update = "allOf: [{ $ref: '#/components/schemas/Box' }, { type: object, properties: { \
                  size: { readOnly: true }, \
                  color: { allOf: [{ type: string }, { readOnly: true }] }, \
                  shape: { $ref: '#/components/schemas/Box/properties/place', readOnly: true } } }]";
    let shown = "{ id: { type: integer }, name: { type: string }, size: { type: integer } }";
    let text = drafted(&boxes(create, update, shown), "/boxes").service_toml;
    expect![[r#"
        [update.body]
        place = "{{ params.place }}"
    "#]]
    .assert_eq(&part(&text, "[update.body]"));
    for name in ["size", "color", "shape"] {
        let param = part(&text, &format!("[params.{name}]"));
        assert!(param.contains("on_change = \"replace\""), "{param}");
    }
    assert!(!part(&text, "[params.place]").contains("on_change"));
}

/// The names of the tables of a draft that hold `line`.
fn with(text: &str, line: &str) -> Vec<String> {
    let parts = text.split("\n\n").filter(|part| part.lines().any(|known| known.starts_with(line)));
    let head = |part: &str| part.lines().find(|line| line.starts_with('[')).map(str::to_owned);
    parts.filter_map(head).collect()
}

#[test]
fn secrets_are_sensitive() {
    let names = [
        "secret",
        "secret_key",
        "token",
        "password",
        "private_key",
        "accessKey",
        "apiKey",
        "authorization_header",
        "root_pass",
        "webhookSecret",
        "public_key",
        "idempotency_key",
        "primary_key",
        "key",
        "next_page_token",
        "token_type",
        "secret_id",
    ];
    let fields: Vec<String> = names.map(|name| format!("{name}: {{ type: string }}")).to_vec();
    let marked = "pin: { type: string, format: password }, word: { type: string, writeOnly: true }, \
                  has_password: { type: boolean }";
    let create = format!("{{ {}, {marked} }}", fields.join(", "));
    let text =
        drafted(&boxes(&create, &create, "{ id: { type: integer } }"), "/boxes").service_toml;
    expect![[r#"
        [
            "[params.secret]",
            "[params.secret_key]",
            "[params.token]",
            "[params.password]",
            "[params.private_key]",
            "[params.accessKey]",
            "[params.apiKey]",
            "[params.authorization_header]",
            "[params.root_pass]",
            "[params.webhookSecret]",
            "[params.pin]",
            "[params.word]",
        ]
    "#]]
    .assert_debug_eq(&with(&text, "sensitive = true"));
}

#[test]
fn a_secret_is_no_id() {
    let shown = "{ token: { type: string }, box: { type: string } }";
    let text = drafted(&boxes("{}", "{}", shown), "/boxes").service_toml;
    assert!(text.contains("id = \"{{ object.box }}\""), "{text}");
    assert_eq!(with(&text, "sensitive = true"), ["[outputs.token]"]);
}

#[test]
fn what_may_hold_a_secret_is_looked_at() {
    let create = "{ key: { type: string }, \
                  value: { type: string, description: The value of the environment variable. } }";
    let text = drafted(&boxes(create, create, "{ id: { type: integer } }"), "/boxes").service_toml;
    assert_eq!(with(&text, "# CHECK: `sensitive = true`"), ["[params.value]"]);
    assert_eq!(with(&text, "sensitive"), [""; 0]);
    let shown = create.replacen('{', "{ id: { type: integer },", 1);
    let text = drafted(&boxes("{}", "{}", &shown), "/boxes").service_toml;
    assert_eq!(with(&text, "# CHECK: `sensitive = true`"), ["[outputs.value]"]);
}

#[test]
fn what_create_alone_shows_is_kept() {
    let create = "{ name: { type: string }, size: { type: integer } }";
    let shown = "{ id: { type: integer }, name: { type: string } }";
    let text = boxes(create, create, shown);
    let made = "{ id: { type: integer }, token: { type: string }, code: { type: string }, \
                message: { type: string }, made_at: { type: string, format: date-time } }";
    let text = text.replacen(shown, made, 1);
    let text = drafted(&text, "/boxes").service_toml;
    expect![[r#"
        [outputs.token]
        description = "Its token."
        type = "string"
        value = "{{ object.token }}"
        sensitive = true
        once = true"#]]
    .assert_eq(part(&text, "[outputs.token]").trim_end());
    assert_eq!(with(&text, "once = true"), ["[outputs.token]", "[outputs.code]"]);
    assert_eq!(with(&text, "# CHECK: only the answer"), ["[outputs.code]"]);
    expect![[r#"
        [example.created]
        token = "example"
        code = "example"
    "#]]
    .assert_eq(&part(&text, "[example.created]"));
}

#[test]
fn a_list_of_texts_is_an_output() {
    let shown = "{ id: { type: integer }, ipv4: { type: array, items: { type: string }, \
                 example: [192.0.2.1] }, disks: { type: array, items: { type: object } } }";
    let text = drafted(&boxes("{ size: { type: integer } }", "{}", shown), "/boxes").service_toml;
    assert!(part(&text, "[outputs.ipv4]").contains("value = \"{{ object.ipv4 }}\""), "{text}");
    assert!(part(&text, "[example.object]").contains("ipv4 = [\"192.0.2.1\"]"), "{text}");
    assert!(!text.contains("[outputs.disks]"), "{text}");
}

#[test]
fn things_are_called_by_their_user_names_too() {
    let shown = "{ id: { type: integer }, username: { type: string } }";
    let create = "{ username: { type: string }, email: { type: string } }";
    let text = drafted(&boxes(create, create, shown), "/boxes").service_toml;
    assert!(part(&text, "[name]").contains("read = \"{{ object.username }}\""), "{text}");
}

#[test]
fn what_a_param_sets_is_not_waited_for() {
    let shown = "{ id: { type: integer }, status: { type: string, enum: [active, disabled] } }";
    let text = boxes("{ size: { type: integer } }", "{}", shown);
    assert!(drafted(&text, "/boxes").service_toml.contains("[wait]"));
    let create = "{ status: { type: string, enum: [active, disabled] } }";
    assert!(!drafted(&boxes(create, create, shown), "/boxes").service_toml.contains("[wait]"));
}

#[test]
fn patterns_and_values_are_kept_where_they_are_plain() {
    let create = "{ mode: { anyOf: [{ type: string, enum: [on, off] }, { type: 'null' }] }, \
                  code: { type: string, pattern: '^[A-Z]+$' }, \
                  kind: { type: string, pattern: '^(a|b)$' }, \
                  other: { type: string, pattern: '^a$|^b$' } }";
    let shown = "{ id: { type: integer } }";
    let text = drafted(&boxes(create, create, shown), "/boxes").service_toml;
    assert!(part(&text, "[params.mode]").contains("enum = [\"on\", \"off\"]"), "{text}");
    assert!(part(&text, "[params.code]").contains("pattern = \"[A-Z]+\""), "{text}");
    assert!(part(&text, "[params.kind]").contains("pattern = \"(a|b)\""), "{text}");
    assert!(!part(&text, "[params.other]").contains("pattern"), "{text}");
}

#[test]
fn examples_are_those_of_the_description() {
    let create = "{ name: { type: string }, size: { type: integer }, place: { type: string } }";
    let shown = "{ id: { type: integer, example: 12 }, name: { type: string } }";
    let text = boxes(create, create, shown);
    let text = text.replacen(
        "application/json: {",
        "application/json: { example: { name: crate, size: 7, place: [1] },",
        1,
    );
    let text = drafted(&text, "/boxes").service_toml;
    expect![[r#"
        [example]
        name = "crate"

        [example.params]
        size = 7

        [example.object]
        id = 12
        name = "{{ name }}"
    "#]]
    .assert_eq(&text[text.find("[example]").unwrap()..]);
}
