//! What nests 100,000 levels deep is refused: no file that prov reads makes it run out of stack.

use prov_test::Sandbox;

use crate::sandbox;

const LEVELS: usize = 100_000;

/// `before` and `after` as often as that, around a value.
fn nested(before: &str, after: &str) -> String {
    format!("{}1{}", before.repeat(LEVELS), after.repeat(LEVELS))
}

fn refused(sandbox: &Sandbox, command: &str, status: i32, what: &str) {
    let output = sandbox.run(command).exits(status);
    assert!(output.stderr.starts_with("error: "), "{what}\n{output}");
}

#[test]
fn no_config_is_too_deep() {
    let dots = vec!["a"; LEVELS].join(".");
    for (file, text) in [
        ("prov.toml", format!("vars = {}", nested("[", "]"))),
        ("prov.toml", format!("vars = {}", nested("{a=", "}"))),
        ("prov.toml", format!("vars.{dots} = 1")),
        ("prov.toml", format!("[vars.{dots}]\nx = 1")),
        ("prov.yaml", format!("vars: {}", nested("[", "]"))),
        ("prov.yaml", format!("vars: {}", nested("{a: ", "}"))),
        ("prov.yaml", nested("- ", "")),
        ("prov.yaml", nested("? ", "")),
        ("prov.json", format!("{{\"vars\": {}}}", nested("[", "]"))),
        ("prov.json", nested("{\"vars\": ", "}")),
        ("prov.json", "[".repeat(LEVELS)),
    ] {
        let sandbox = sandbox();
        sandbox.file(file, &text);
        refused(&sandbox, "plan", 1, text.get(..20).unwrap());
    }
}

#[test]
fn no_file_of_state_is_too_deep() {
    let deep = nested("[", "]");
    let object = format!("{{\"version\": {deep}}}");
    let config = "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n";
    for (file, text, command, status) in [
        (".prov/default.journal.json", &object, "plan", 13),
        (".prov/default.journal.json", &deep, "plan", 13),
        ("saved.plan", &object, "apply saved.plan", 1),
        ("provision/meta/_journal.json", &object, "migrate", 1),
        ("brokers/acme/provider.toml", &format!("version = {deep}"), "broker lint acme-x", 1),
    ] {
        let sandbox = sandbox();
        sandbox.file("prov.toml", config).file(file, text);
        refused(&sandbox, command, status, file);
    }
    let sandbox = sandbox();
    let line = format!("{{\"sum\":\"0\",\"record\":{deep}}}\n");
    sandbox.file("prov.toml", config).file(".prov/default.log.jsonl", line.repeat(2));
    refused(&sandbox, "plan", 13, "the log");
}
