//! Which field is the id.

use super::{boxes, drafted, part};

/// The line of the id, with the CHECK before it, when the path of a box ends with `parameter` of the
/// type `kind`, and a box has the fields `shown`.
fn id(parameter: &str, kind: &str, shown: &str) -> String {
    let text = boxes("{ size: { type: integer } }", "{ size: { type: integer } }", shown);
    let schema =
        format!("{{ name: {parameter}, in: path, required: true, schema: {{ type: {kind} }} }}");
    let text = text.replace(
        "  /boxes/{box_id}:\n",
        &format!("  /boxes/{{{parameter}}}:\n    parameters: [{schema}]\n"),
    );
    let text = drafted(&text, "/boxes").service_toml;
    let head = part(&text, "");
    let lines: Vec<&str> =
        head.lines().skip_while(|line| !line.starts_with("kind")).skip(1).collect();
    lines.join("\n").trim().to_owned()
}

#[test]
fn the_id_is_what_the_path_asks_for() {
    let both = "{ id: { type: integer }, name: { type: string }, key: { type: string } }";
    assert_eq!(id("box_id", "integer", both), "id = \"{{ object.id }}\"");
    assert_eq!(id("box_key", "string", both), "id = \"{{ object.key }}\"");
    assert_eq!(id("name", "string", both), "id = \"{{ object.name }}\"");
    assert_eq!(id("id", "string", both), "id = \"{{ object.id }}\"");
    let issue = "{ id: { type: integer }, number: { type: integer }, title: { type: string } }";
    assert_eq!(
        id("index", "integer", issue),
        "# CHECK: that `number` is what the path's `{index}` asks for.\nid = \"{{ object.number }}\""
    );
    assert!(id("box_id_or_name", "string", both).ends_with("{{ object.id }}\""));
    assert_eq!(id("number", "integer", issue), "id = \"{{ object.number }}\"");
}

#[test]
fn a_text_is_no_number() {
    let organization = "{ id: { type: integer }, full_name: { type: string }, \
                        username: { type: string, description: deprecated }, name: { type: string } }";
    assert_eq!(
        id("box", "string", organization),
        "# CHECK: that `name` is what the path's `{box}` asks for.\nid = \"{{ object.name }}\""
    );
    let text = "{ id: { type: string }, name: { type: string } }";
    assert_eq!(
        id("box", "string", text),
        "# CHECK: that `id` is what the path's `{box}` asks for.\nid = \"{{ object.id }}\""
    );
}

#[test]
fn the_id_of_something_else_is_looked_at() {
    let member = "{ id: { type: integer }, role: { type: string } }";
    assert!(id("user_id", "integer", member).starts_with("# CHECK"));
    let nested = "{ id: { type: integer }, owner: { type: object, properties: { slug: { type: string } } } }";
    assert!(id("slug", "string", nested).ends_with("id = \"{{ object.id }}\""));
}
