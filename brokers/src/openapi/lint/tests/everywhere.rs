//! What the provider's file says for every service.

use expect_test::expect;

use super::{PROVIDER, SERVICE, report, shown};

#[test]
fn paging_reads_what_lists_answer() {
    let provider = |next: &str| PROVIDER.replacen("{{ page + 1 }}", next, 1);
    let check = |next: &str| shown(report(&provider(next), SERVICE, ""));
    expect![""].assert_eq(&check("{{ page + 1 if response.things | length == 50 }}"));
    expect![[r#"
        unknown-response at paging.default.next.page.response.pagez
          `response.pagez` leads nowhere: what `GET /things` answers has no `pagez`
          there. It has `things`.
    "#]]
    .assert_eq(&check("{{ page + 1 if response.pagez > page }}"));
    let all = report(&provider("{{ response.pagez }}"), SERVICE, "");
    assert_eq!(all.findings.first().map(|finding| finding.service.as_str()), Some("provider"));
    let url = PROVIDER.replacen(
        "next = { page = \"{{ page + 1 }}\" }",
        "next_url = \"{{ response.links.next }}\"",
        1,
    );
    expect![[r#"
        unknown-response at paging.default.next_url.response.links.next
          `response.links.next` leads nowhere: what `GET /things` answers has no
          `links` there. It has `things`.
    "#]]
    .assert_eq(&shown(report(&url, SERVICE, "")));
}

#[test]
fn errors_are_what_failures_have() {
    let check = |errors: &str| {
        let provider = format!("{PROVIDER}\n[errors]\n{errors}");
        shown(report(&provider, SERVICE, ""))
    };
    expect![""].assert_eq(&check("message = \"{{ response.code }}\""));
    expect![[r#"
        unknown-response at errors.message.response.errorz.message
          `response.errorz.message` leads nowhere: what `POST /things` answers has no
          `errorz` there. It has `code`.
    "#]]
    .assert_eq(&check("message = \"{{ response.errorz[0].message }}\""));
    // What looks well is asked whether it failed, too.
    expect![""].assert_eq(&check("failed = \"{{ response.thing is undefined }}\""));
}

#[test]
fn a_list_is_read_to_its_end() {
    let provider = PROVIDER.replacen("[paging.default]", "[paging.other]", 1);
    expect![[r#"
        missing-paging at list.paging
          `GET /things` takes `page`, and nothing says how its list goes on: what is
          not on the first page is not seen. Say it in provider.toml as
          `[paging.default]`, or `paging = "none"` here where one page is all.
    "#]]
    .assert_eq(&shown(report(&provider, SERVICE, "")));
    let service = SERVICE.replace("[list]", "[list]\npaging = \"none\"");
    expect![""].assert_eq(&shown(report(&provider, &service, "")));
}
