//! A small description, and what is drafted from it.

use expect_test::{Expect, expect, expect_file};

use super::draft;
use crate::openapi::Description;

const DESCRIPTION: &str = include_str!("tests/things.yaml");

fn refused(path: &str, expected: &Expect) {
    let description = Description::read(DESCRIPTION).unwrap();
    expected.assert_eq(&draft(&description, "things", path).unwrap_err().to_string());
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
    let draft = draft(&description, "things", path).unwrap();
    assert!(draft.problems.is_empty(), "{:?}", draft.problems);
    assert_eq!(draft.thing, "policy");
    expect_file!["tests/provider.toml"].assert_eq(&draft.provider_toml);
    expect_file!["tests/policy.toml"].assert_eq(&draft.service_toml);
}
