//! A small description, and what is drafted from it.

mod fields;
mod identity;
mod places;
mod provider;

use expect_test::{Expect, expect, expect_file};

use super::{Draft, Wanted, draft};
use crate::openapi::Description;

const DESCRIPTION: &str = include_str!("tests/things.yaml");

fn refused(path: &str, expected: &Expect) {
    let description = Description::read(DESCRIPTION).unwrap();
    expected.assert_eq(&draft(&description, &Wanted::new("things", path)).unwrap_err().to_string());
}

#[test]
fn what_cannot_be_managed_is_refused() {
    refused(
        "/policies",
        &expect![
            "there is no `POST /policies`; did you mean `/accounts/{accountId}/groups/{group-id}/policies`?"
        ],
    );
    refused("/nothing", &expect!["there is no `POST /nothing`"]);
    refused(
        "/account",
        &expect![
            "there is no `POST /account`; did you mean `/accounts/{accountId}/groups/{group-id}/policies`?"
        ],
    );
    refused("/files", &expect!["`POST /files` takes neither JSON nor a form"]);
    refused("/jobs", &expect!["there is no `DELETE /jobs/{…}`"]);
    refused("/marks", &expect!["no id is in what both `POST /marks` and `GET /marks/{id}` answer"]);
}

#[test]
fn a_collection_becomes_a_manifest() {
    let description = Description::read(DESCRIPTION).unwrap();
    let path = "/accounts/{accountId}/groups/{group-id}/policies";
    assert_eq!(description.collections(), [path, "/files", "/jobs", "/marks"]);
    let draft = draft(&description, &Wanted::new("things", path)).unwrap();
    assert!(draft.problems.is_empty(), "{:?}", draft.problems);
    assert_eq!(draft.thing, "policy");
    expect_file!["tests/provider.toml"].assert_eq(&draft.provider_toml);
    expect_file!["tests/policy.toml"].assert_eq(&draft.service_toml);
}

/// A description of boxes: the fields that create takes, that update takes and that an answer has.
fn boxes(create: &str, update: &str, shown: &str) -> String {
    let json = |schema: String| format!("{{ content: {{ application/json: {schema} }} }}");
    let object = |fields: &str| format!("{{ schema: {{ type: object, properties: {fields} }} }}");
    format!(
        r#"
openapi: 3.0.3
info: {{ title: Boxes, version: "1" }}
servers: [{{ url: "https://api.example.com" }}]
components:
  schemas:
    Size: {{ type: integer, description: "How large." }}
    Box: {{ type: object, properties: {{ size: {{ type: integer }}, place: {{ type: string }} }} }}
paths:
  /boxes:
    post:
      requestBody: {create}
      responses: {{ 201: {shown} }}
    get: {{ responses: {{ 200: {list} }} }}
  /boxes/{{box_id}}:
    get: {{ responses: {{ 200: {shown} }} }}
    patch:
      requestBody: {update}
      responses: {{ 200: {{ description: done }} }}
    delete: {{ responses: {{ 204: {{ description: gone }} }} }}
"#,
        create = json(object(create)),
        update = json(match update.starts_with('{') {
            true => object(update),
            false => format!("{{ schema: {{ {update} }} }}"),
        }),
        shown = json(object(shown)),
        list = json(format!(
            "{{ schema: {{ type: array, items: {{ type: object, properties: {shown} }} }} }}"
        )),
    )
}

/// What is drafted of `path`, without anything left open.
fn drafted(description: &str, path: &str) -> Draft {
    let draft =
        draft(&Description::read(description).unwrap(), &Wanted::new("example", path)).unwrap();
    assert_eq!(draft.problems, Vec::<String>::new(), "{}", draft.service_toml);
    draft
}

/// A table of a file, e.g. `[id]`, up to the next one; what stands before the first is `""`.
fn part(text: &str, head: &str) -> String {
    let start = match head.is_empty() {
        true => 0,
        false => text.find(&format!("\n{head}\n")).map_or(text.len(), |at| at + 1),
    };
    let rest = &text[start..];
    let end = rest.get(1..).and_then(|rest| rest.find("\n\n")).map_or(rest.len(), |at| at + 2);
    rest[..end].to_owned()
}
