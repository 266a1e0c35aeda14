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
            "[params.webhookSecret]",
            "[params.pin]",
            "[params.word]",
        ]
    "#]]
    .assert_debug_eq(&with(&text, "sensitive = true"));
}

#[test]
fn what_may_hold_a_secret_is_looked_at() {
    let create = "{ key: { type: string }, \
                  value: { type: string, description: The value of the environment variable. } }";
    let text = drafted(&boxes(create, create, "{ id: { type: integer } }"), "/boxes").service_toml;
    assert_eq!(with(&text, "# CHECK: `sensitive = true`"), ["[params.value]"]);
    assert_eq!(with(&text, "sensitive"), [""; 0]);
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
