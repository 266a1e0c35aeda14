//! What is drafted of the provider.

use expect_test::{Expect, expect};

use super::{Wanted, boxes, draft, drafted, part};
use crate::openapi::Description;

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

/// A description whose list takes these query parameters, each of one type or schema, and answers
/// this, where `BOX` is the list.
fn listed(parameters: &[(&str, &str)], answer: &str, headers: &str) -> String {
    let parameter = |(name, schema): &(&str, &str)| {
        format!("{{ name: {name}, in: query, schema: {{ {schema} }} }}")
    };
    let parameters: Vec<String> = parameters.iter().map(parameter).collect();
    let list = format!("{{ type: array, items: {{ type: object, properties: {SHOWN} }} }}");
    let schema = answer.replace("BOX", &list);
    let text = boxes(FIELDS, FIELDS, SHOWN);
    let start = text.find("    get: { responses: { 200:").unwrap();
    let end = start + text[start..].find('\n').unwrap();
    let get = format!(
        "    get: {{ parameters: [{}], responses: {{ 200: {{ headers: {{ {headers} }}, \
         content: {{ application/json: {{ schema: {schema} }} }} }} }} }}",
        parameters.join(", ")
    );
    format!("{}{get}{}", &text[..start], &text[end..])
}

fn paged(parameters: &[(&str, &str)], answer: &str, expected: &Expect) {
    let draft = drafted(&listed(parameters, answer, ""), "/boxes").provider_toml;
    let start = draft.find("[errors]").unwrap();
    let rest = draft[start..].split_once("\n\n").unwrap().1;
    expected.assert_eq(rest.split("# CHECK: what is published").next().unwrap().trim());
}

const INTEGER: &str = "type: integer";
const TEXT: &str = "type: string";

#[test]
fn a_list_goes_on_by_numbers() {
    let size = ("page_size", "type: integer, maximum: 500");
    let pages = "{ properties: { data: BOX, page: { type: integer }, pages: { type: integer } } }";
    paged(
        &[("page", INTEGER), size],
        pages,
        &expect![[r#"
        [paging.default]
        query = { page_size = 500 }
        next  = { page = "{{ page + 1 if response.pages > page }}" }"#]],
    );
    let next = "{ properties: { boxes: BOX, meta: { properties: { pagination: \
                { properties: { next_page: { type: integer } } } } } } }";
    paged(
        &[("page", INTEGER), ("per_page", INTEGER)],
        next,
        &expect![[r#"
        [paging.default]
        query = { per_page = 100 }
        next  = { page = "{{ response.meta.pagination.next_page }}" }"#]],
    );
    let total =
        "{ properties: { boxes: BOX, meta: { properties: { total: { type: integer } } } } }";
    paged(
        &[("page", INTEGER), ("per_page", "type: integer, maximum: 200")],
        total,
        &expect![[r#"
        [paging.default]
        query = { per_page = 200 }
        next  = { page = "{{ page + 1 if response.meta.total > page * 200 }}" }"#]],
    );
    paged(
        &[("page", INTEGER), ("limit", INTEGER)],
        "BOX",
        &expect![[r##"
        # CHECK: how a list ends is not described; this asks until a page is empty.
        [paging.default]
        query = { limit = 100 }
        next  = { page = "{{ page + 1 if count > 0 }}" }"##]],
    );
    paged(
        &[("offset", INTEGER), ("limit", "type: integer, maximum: 50")],
        "BOX",
        &expect![[r##"
        # CHECK: this holds only where so many are on each page but the last.
        [paging.default]
        query = { limit = 50 }
        next  = { offset = "{{ page * 50 if count == 50 }}" }"##]],
    );
}

#[test]
fn a_list_goes_on_by_cursors() {
    let cursor = "{ properties: { boxes: BOX, next_cursor: { type: string } } }";
    paged(
        &[("cursor", TEXT), ("limit", INTEGER)],
        cursor,
        &expect![[r#"
        [paging.default]
        query = { limit = 100 }
        next  = { cursor = "{{ response.next_cursor }}" }"#]],
    );
    let more = "{ properties: { data: BOX, has_more: { type: boolean } } }";
    paged(
        &[("starting_after", TEXT)],
        more,
        &expect![[r#"
        [paging.default]
        next  = { starting_after = "{{ response.data[-1].id if response.has_more }}" }"#]],
    );
    let url = "{ properties: { boxes: BOX, links: { properties: { next: { type: string } } } } }";
    paged(
        &[("page", INTEGER)],
        url,
        &expect![[r#"
        [paging.default]
        next_url = "{{ response.links.next }}""#]],
    );
    paged(
        &[("cursor", TEXT)],
        url,
        &expect![[r##"
        # CHECK: whether this is the cursor, or the whole URL of the next page.
        [paging.default]
        next  = { cursor = "{{ response.links.next }}" }"##]],
    );
    paged(&[("filter", TEXT)], cursor, &expect!["# CHECK: how lists go on (`[paging.default]`)."]);
}

#[test]
fn a_list_goes_on_by_links() {
    let link = "Link: { schema: { type: string } }";
    let text = listed(&[("page", INTEGER), ("limit", INTEGER)], "BOX", link);
    let text = drafted(&text, "/boxes").provider_toml;
    expect![[r#"
        [paging.default]
        query = { limit = 100 }
        link_header = true
    "#]]
    .assert_eq(&part(&text, "[paging.default]"));
}

#[test]
fn a_provider_that_is_there_already_keeps_its_paging() {
    let known = |paging: &str| {
        format!("name = \"Example\"\nbase_url = \"https://api.example.com\"\n{paging}")
    };
    let pages = "{ properties: { data: BOX, page: { type: integer }, pages: { type: integer } } }";
    let text = listed(&[("page", INTEGER), ("page_size", INTEGER)], pages, "");
    let list = |paging: &str| {
        let known = known(paging);
        let wanted = Wanted { provider_toml: Some(&known), ..Wanted::new("example", "/boxes") };
        let draft = draft(&Description::read(&text).unwrap(), &wanted).unwrap();
        assert_eq!(draft.problems, [""; 0]);
        let start = draft.service_toml.find("[update]").unwrap();
        let before = &draft.service_toml[..start];
        before[before.find("match = ").unwrap()..].trim().to_owned()
    };
    let own =
        "query = { page_size = 50 }\nnext = { page = \"{{ page + 1 if response.pages > page }}\" }";
    expect![[r#"
        match = "{{ object.name == name }}"

        [list]
        request = "GET /boxes"
        items = "{{ response.data }}""#]]
    .assert_eq(&list(&format!("[paging.default]\n{own}")));
    let other = "[paging.default]\nnext = { cursor = \"{{ response.next }}\" }\n";
    expect![[r#"
        match = "{{ object.name == name }}"

        [list]
        request = "GET /boxes"
        items = "{{ response.data }}"
        paging = "pages""#]]
    .assert_eq(&list(&format!("{other}[paging.pages]\n{own}")));
    expect![[r#"
        match = "{{ object.name == name }}"

        # CHECK: this list goes on in a way that provider.toml does not know. Put this there, and `paging = "other"` here:
        #     [paging.other]
        #     query = { page_size = 100 }
        #     next  = { page = "{{ page + 1 if response.pages > page }}" }
        [list]
        request = "GET /boxes"
        items = "{{ response.data }}"
        paging = "none""#]].assert_eq(&list(other));
    expect![[r#"
        match = "{{ object.name == name }}"

        # CHECK: this list goes on in a way that provider.toml does not know. Put this there, and `paging = "default"` here:
        #     [paging.default]
        #     query = { page_size = 100 }
        #     next  = { page = "{{ page + 1 if response.pages > page }}" }
        [list]
        request = "GET /boxes"
        items = "{{ response.data }}"
        paging = "none""#]].assert_eq(&list(""));
}

fn errors(schema: &str, expected: &Expect) {
    let fail = format!("400: {{ content: {{ application/json: {{ schema: {schema} }} }} }}, 201: ");
    let text = boxes(FIELDS, FIELDS, SHOWN).replace("201: ", &fail);
    let draft = drafted(&text, "/boxes").provider_toml;
    let rest = &draft[draft.find("[verify]").unwrap_or_default()..];
    let start = rest.find("# CHECK: where").or(rest.find("[errors]")).unwrap();
    expected.assert_eq(rest[start..].split("\n\n").next().unwrap());
}

#[test]
fn failures_have_the_providers_words() {
    errors(
        "{ properties: { errors: { type: array, items: \
         { properties: { reason: { type: string }, field: { type: string } } } } } }",
        &expect![[r#"
            [errors]
            message    = "{{ response.errors | map(attribute='reason') | join('; ') }}""#]],
    );
    errors(
        "{ properties: { message: { type: string }, code: { type: string } } }",
        &expect![[r#"
        [errors]
        message    = "{{ response.message }}"
        code       = "{{ response.code }}""#]],
    );
    errors(
        "{ properties: { error: { properties: { message: { type: string } } } } }",
        &expect![[r#"
            [errors]
            message    = "{{ response.error.message }}""#]],
    );
    errors(
        "{ properties: { title: { type: string }, detail: { type: string } } }",
        &expect![[r#"
        [errors]
        message    = "{{ response.detail }}""#]],
    );
    errors(
        "{ properties: { errors: { type: array, items: { type: string } } } }",
        &expect![[r#"
        [errors]
        message    = "{{ response.errors | join('; ') }}""#]],
    );
    errors(
        "{ properties: { error: { type: string } } }",
        &expect![[r#"
        [errors]
        message    = "{{ response.error }}""#]],
    );
    errors(
        "{ properties: { fields: { type: object } } }",
        &expect![
            "# CHECK: where a failure has the provider's words (`message` of `[errors]`); what is described has no such field."
        ],
    );
    errors(
        "{ type: object }",
        &expect![
            "# CHECK: where a failure has the provider's words (`message` of `[errors]`); what is described has no such field."
        ],
    );
}
