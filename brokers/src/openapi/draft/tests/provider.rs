//! What is drafted of the provider.

use expect_test::{Expect, expect};

use super::{boxes, drafted};

const FIELDS: &str = "{ name: { type: string } }";
const SHOWN: &str = "{ id: { type: integer }, name: { type: string } }";

/// What is drafted when the description has these `schemes`, and `more` at its top.
fn auth(schemes: &str, more: &str, expected: &Expect) {
    let components = format!("components:\n  securitySchemes: {{ {schemes} }}\n");
    let text = boxes(FIELDS, FIELDS, SHOWN).replace("components:\n", &components);
    let draft = drafted(&format!("{text}\n{more}\n"), "/boxes").provider_toml;
    let start = draft.find("API_URL\"]\n\n").unwrap() + 11;
    let end = draft.find("# CHECK: the cheapest").unwrap();
    expected.assert_eq(draft[start..end].trim_end());
}

#[test]
fn a_key_is_sent_where_it_is_asked_for() {
    auth(
        "a: { type: http, scheme: bearer }, b: { type: oauth2 }",
        "",
        &expect![[r#"
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        headers = { Authorization = "Bearer {{ token }}" }"#]],
    );
    auth(
        "a: { type: apiKey, in: header, name: X-AIO-Key }",
        "",
        &expect![[r#"
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        headers = { X-AIO-Key = "{{ token }}" }"#]],
    );
    auth(
        "a: { type: apiKey, in: query, name: circle-token }",
        "",
        &expect![[r#"
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        query   = { circle-token = "{{ token }}" }"#]],
    );
    auth(
        "a: { type: http, scheme: basic }",
        "",
        &expect![[r#"
        [[auth]]
        secrets = { user = ["EXAMPLE_USER"], password = ["EXAMPLE_PASSWORD"] }
        headers = { Authorization = "Basic {{ (user ~ ':' ~ password) | b64encode }}" }"#]],
    );
    auth(
        "a: { type: apiKey, in: header, name: Authorization }",
        "",
        &expect![[r##"
        # CHECK: what stands before the token: `Bearer`, another word, nothing.
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        headers = { Authorization = "Bearer {{ token }}" }"##]],
    );
    auth(
        "a: { type: apiKey, in: header, name: Authorization, \
         description: Must be prepended with \"token\" followed by a space. }",
        "",
        &expect![[r#"
            [[auth]]
            secrets = { token = ["EXAMPLE_TOKEN"] }
            headers = { Authorization = "token {{ token }}" }"#]],
    );
    auth(
        "",
        "",
        &expect![[r##"
        # CHECK: how a request proves who sends it; the description does not say.
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        headers = { Authorization = "Bearer {{ token }}" }"##]],
    );
}

#[test]
fn of_several_ways_the_usual_one_is_taken() {
    let keys = "basic: { type: http, scheme: basic }, \
                signature: { type: apiKey, in: header, name: X-Signature }, \
                param: { type: apiKey, in: query, name: key }, \
                api: { type: apiKey, in: header, name: X-Api-Key }, \
                app: { type: apiKey, in: header, name: X-App-Key }";
    auth(
        keys,
        "",
        &expect![[r##"
        # The description knows other ways too: `app`, `basic`, `param`, `signature`.
        [[auth]]
        secrets = { token = ["EXAMPLE_TOKEN"] }
        headers = { X-Api-Key = "{{ token }}" }"##]],
    );
    auth(
        keys,
        "security: [{ basic: [] }]",
        &expect![[r#"
        [[auth]]
        secrets = { user = ["EXAMPLE_USER"], password = ["EXAMPLE_PASSWORD"] }
        headers = { Authorization = "Basic {{ (user ~ ':' ~ password) | b64encode }}" }"#]],
    );
    auth(
        keys,
        "security: [{ api: [], app: [] }]",
        &expect![[r#"
        [[auth]]
        secrets = { api = ["EXAMPLE_API"], app = ["EXAMPLE_APP"] }
        headers = { X-Api-Key = "{{ api }}", X-App-Key = "{{ app }}" }"#]],
    );
}
