//! What is made at one path and read at another.

use expect_test::expect;

use super::{Wanted, draft, part};
use crate::openapi::{Description, DraftError};

const DESCRIPTION: &str = r##"
openapi: 3.0.3
info: { title: Forge, version: "1" }
servers: [{ url: "https://forge.example.com" }]
components:
  schemas:
    Repository:
      type: object
      properties:
        id: { type: integer }
        name: { type: string }
        owner: { type: object, properties: { id: { type: integer }, login: { type: string } } }
  requestBodies:
    Repository:
      content:
        application/json: { schema: { type: object, properties: { name: { type: string } } } }
  responses:
    Repository: { content: { application/json: { schema: { $ref: "#/components/schemas/Repository" } } } }
    Repositories: { content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Repository" } } } } }
paths:
  /user/repos:
    get: { responses: { 200: { $ref: "#/components/responses/Repositories" } } }
    post:
      requestBody: { $ref: "#/components/requestBodies/Repository" }
      responses: { 201: { $ref: "#/components/responses/Repository" } }
  /orgs/{org}/repos:
    get: { responses: { 200: { $ref: "#/components/responses/Repositories" } } }
    post:
      requestBody: { $ref: "#/components/requestBodies/Repository" }
      responses: { 201: { $ref: "#/components/responses/Repository" } }
  /repos/{owner}/{repo}:
    parameters:
      - { name: owner, in: path, required: true, schema: { type: string } }
      - { name: repo, in: path, required: true, schema: { type: string } }
    get: { responses: { 200: { $ref: "#/components/responses/Repository" } } }
    patch:
      requestBody: { $ref: "#/components/requestBodies/Repository" }
      responses: { 200: { $ref: "#/components/responses/Repository" } }
    delete: { responses: { 204: { description: gone } } }
  /teams/{team}/repos/{place}:
    get: { responses: { 200: { $ref: "#/components/responses/Repository" } } }
    delete: { responses: { 204: { description: gone } } }
"##;

fn text(path: &str) -> String {
    let item_path = Some("/repos/{owner}/{repo}");
    let wanted = Wanted { item_path, ..Wanted::new("forge", path) };
    let draft = draft(&Description::read(DESCRIPTION).unwrap(), &wanted).unwrap();
    assert_eq!(draft.problems, [""; 0], "{}", draft.service_toml);
    draft.service_toml
}

#[test]
fn what_is_read_elsewhere_has_the_parts_of_its_path() {
    let text = text("/user/repos");
    expect![[r#"
        [id]
        format = "{owner}:{repo}"
        # CHECK: that `owner.login` is what the path's `{owner}` asks for.
        owner = "{{ object.owner.login }}"
        # CHECK: that `name` is what the path's `{repo}` asks for.
        repo = "{{ object.name }}"
    "#]]
    .assert_eq(&part(&text, "[id]"));
    expect![[r#"
        [read]
        request = "GET /repos/{{ id.owner }}/{{ id.repo }}"
        object = "{{ response }}"
    "#]]
    .assert_eq(&part(&text, "[read]"));
    expect![[r#"
        [list]
        request = "GET /user/repos"
        items = "{{ response }}"
    "#]]
    .assert_eq(&part(&text, "[list]"));
    expect![""].assert_eq(&part(&text, "[update]"));
    expect![[r#"
        [example.object]
        name = "{{ name }}"
        owner = { login = "example" }
        id = 1
    "#]]
    .assert_eq(&part(&text, "[example.object]"));
}

#[test]
fn a_parent_may_be_needed_to_make_it_only() {
    let text = text("/orgs/{org}/repos");
    expect![[r#"
        [id]
        format = "{owner}:{repo}"
        # CHECK: that `owner.login` is what the path's `{owner}` asks for.
        owner = "{{ object.owner.login }}"
        # CHECK: that `name` is what the path's `{repo}` asks for.
        repo = "{{ object.name }}"
    "#]]
    .assert_eq(&part(&text, "[id]"));
    expect![[r#"
        [create]
        request = "POST /orgs/{{ params.org }}/repos"
        object = "{{ response }}"
    "#]]
    .assert_eq(&part(&text, "[create]"));
    assert!(text.contains("[params.org]"), "{text}");
    expect![[r#"
        [delete]
        request = "DELETE /repos/{{ id.owner }}/{{ id.repo }}"
    "#]]
    .assert_eq(&part(&text, "[delete]"));
}

#[test]
fn the_other_path_is_guessed() {
    let description = Description::read(DESCRIPTION).unwrap();
    let refused = |item_path| {
        let wanted = Wanted { item_path, ..Wanted::new("forge", "/user/repos") };
        draft(&description, &wanted).unwrap_err()
    };
    let error = refused(None);
    expect!["there is no `GET /user/repos/{…}`"].assert_eq(&error.to_string());
    let DraftError::NoItem(_, _, guess) = error else { panic!("{error}") };
    assert_eq!(guess.as_deref(), Some("/repos/{owner}/{repo}"));
    expect!["there is no `GET /nothing/{id}`"]
        .assert_eq(&refused(Some("/nothing/{id}")).to_string());
    expect!["nothing in what `GET /teams/{team}/repos/{place}` answers says what `{team}` is"]
        .assert_eq(&refused(Some("/teams/{team}/repos/{place}")).to_string());
}
