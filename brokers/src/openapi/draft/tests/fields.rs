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
