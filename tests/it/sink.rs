//! What lands in `.env` comes back exactly, whoever reads it.

use std::process::Command;

use proptest::prelude::*;
use prov_test::{Sandbox, say};
use serde_json::{Value, json};

use crate::sandbox;

/// A config that binds each text to a variable `V0`, `V1`, …
fn config(texts: &[String], sink: &Value) -> String {
    let instance = |(index, text): (usize, &String)| {
        json!({
            "ref": format!("i{index}"), "service": "local-value", "name": format!("i{index}"),
            "params": { "text": literal(text) }, "bind": { "text": format!("V{index}") },
        })
    };
    let instances: Vec<Value> = texts.iter().enumerate().map(instance).collect();
    json!({ "sink": sink, "instances": instances }).to_string()
}

/// A text as the config writes it, so that nothing in it is a reference.
fn literal(text: &str) -> String {
    let text = text.replace("${", "$${");
    if text.starts_with('@') { format!("@{text}") } else { text }
}

/// A sandbox where these texts are bound.
fn applied(texts: &[String]) -> Sandbox {
    let sandbox = sandbox();
    sandbox.file("prov.json", config(texts, &json!(".env")));
    sandbox.run("apply").ok();
    sandbox
}

/// What the shell has in the variables after a line, each ended by a NUL.
fn shell(sandbox: &Sandbox, line: &str, count: usize) -> Vec<String> {
    let names: String = (0..count).map(|index| format!(" \"$V{index}\"")).collect();
    let output = sandbox.sh(&format!("{line}; printf '%s\\0'{names}")).ok();
    assert_eq!(output.stderr, "", "{output}");
    let mut values: Vec<String> = output.raw.split('\0').map(str::to_owned).collect();
    assert_eq!(values.pop().as_deref(), Some(""), "{output}");
    values
}

/// Texts that somebody quotes wrong sooner or later.
const NASTY: &[&str] = &[
    "",
    " ",
    "plain",
    "two words",
    " led and trailed ",
    "it's",
    "say \"hi\"",
    "it's \"both\"",
    "$HOME",
    "${HOME}",
    "$(rm -r /)",
    "`id`",
    "a\\b",
    "a\\nb",
    "\\",
    "\\'",
    "'",
    "''",
    "\"",
    "\"\"",
    "one\ntwo",
    "\n",
    "ends\n",
    "#no comment",
    "a #b",
    "a=b",
    "export X=1",
    "!history",
    "a!b",
    "tab\there",
    "é💥",
    "~",
    "*",
    "?",
    "[a]",
    "{a,b}",
    ";",
    "a;b",
    "&",
    "|",
    "<",
    ">",
    "(",
    ")",
    "%s",
    "-n",
    "'\\\n",
    "'$\nX=1\n' # '\n\"",
    "a\r\nb",
    "@at",
    "@@at",
    "@a.id",
    "$${x}",
    "'$x'\"`",
    "K=V\nOTHER='x",
    "# a\nB=1",
];

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// Every reader that the program offers, and the shell's own.
fn check(texts: &[String]) {
    let sandbox = applied(texts);
    let count = texts.len();
    assert_eq!(shell(&sandbox, "set -a; . ./.env", count), texts, "`. ./.env`");
    let eval = "eval \"$(prov env --format shell)\"";
    assert_eq!(shell(&sandbox, eval, count), texts, "`prov env --format shell`");
    let dotenv = "prov env --format dotenv > copy; . ./copy";
    assert_eq!(shell(&sandbox, dotenv, count), texts, "`prov env --format dotenv`");
    let object = sandbox.run("env --format json").ok();
    let object: Value = serde_json::from_str(&object.raw).unwrap();
    let run =
        format!("printf '%s\\0'{}", (0..count).map(|i| format!(" \"$V{i}\"")).collect::<String>());
    let run = sandbox.args(&["run", "--", "sh", "-c", &run]).ok();
    for ((index, text), inherited) in texts.iter().enumerate().zip(run.raw.split('\0')) {
        assert_eq!(object[format!("V{index}")], **text, "`prov env --format json`");
        assert_eq!(inherited, text, "`prov run`");
    }
    // What is written once is read back by the next run, and not written again.
    let before = sandbox.read(".env");
    sandbox.run("apply").ok();
    assert_eq!(sandbox.read(".env"), before, "`.env` was not read back");
}

#[test]
fn nasty_texts_come_back() {
    check(&texts(NASTY));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn any_text_comes_back(
        texts in prop::collection::vec("([ -~]|['\"$`!\\\\#=\n\t{}@]|\\PC){0,12}", 1..30)
    ) {
        check(&texts);
    }
}

/// Node's reader knows no `'\''`, and drops carriage returns; the rest it has to get back.
#[test]
fn node_reads_it() {
    if Command::new("node").arg("--version").output().is_err() {
        say("NOT PROVEN: that node reads the sink, because there is no node");
        return;
    }
    let is_mixed = |text: &str| text.contains('\'') && text.contains(['"', '$', '\\', '`', '!']);
    let known: Vec<&str> =
        NASTY.iter().copied().filter(|text| !is_mixed(text) && !text.contains('\r')).collect();
    let sandbox = applied(&texts(&known));
    let print = "process.stdout.write(JSON.stringify(process.env))";
    let output = sandbox.sh(&format!("node --env-file=.env -e '{print}'"));
    if output.status == 9 {
        say("NOT PROVEN: that node reads the sink, because this one has no --env-file");
        return;
    }
    let seen: Value = serde_json::from_str(&output.ok().raw).unwrap();
    for (index, text) in known.iter().enumerate() {
        assert_eq!(seen[format!("V{index}")], *text, "V{index}");
    }
}

#[test]
fn a_file_of_others_keeps_what_is_theirs() {
    let sandbox = sandbox();
    let theirs = "# mine\nexport A='x\ny' # why\n\nV0=old\nB=2";
    sandbox.file(".env", theirs).file("prov.json", config(&texts(&["new"]), &json!(".env")));
    sandbox.run("apply").ok();
    assert_eq!(sandbox.read(".env"), "# mine\nexport A='x\ny' # why\n\nV0=new\nB=2\n");
    let renamed = config(&texts(&["new"]), &json!(".env")).replace("V0", "W0");
    sandbox.file("prov.json", renamed);
    sandbox.run("apply").ok();
    assert_eq!(sandbox.read(".env"), "# mine\nexport A='x\ny' # why\n\nB=2\nW0=new\n");
    sandbox.run("teardown --yes").ok();
    assert_eq!(sandbox.read(".env"), "# mine\nexport A='x\ny' # why\n\nB=2\n");
}

#[test]
fn a_new_file_is_for_its_owner() {
    for (sink, name) in [(json!(".env"), ".env"), (json!("deep/vars.json"), "deep/vars.json")] {
        let sandbox = sandbox();
        sandbox.file("prov.json", config(&texts(&["x"]), &sink));
        sandbox.sh("umask 000; prov apply").ok();
        assert_eq!(sandbox.files().mode(&format!("project/{name}")), Some(0o600), "{name}");
    }
}

#[test]
fn the_other_sinks() {
    let sandbox = sandbox();
    let text = texts(&["it's $5"]);
    sandbox.file("vars.json", "{\n  \"THEIRS\": [1]\n}\n");
    sandbox.file("prov.json", config(&text, &json!({ "kind": "json", "path": "vars.json" })));
    sandbox.run("apply").ok();
    let written: Value = serde_json::from_str(&sandbox.read("vars.json")).unwrap();
    assert_eq!(written, json!({ "THEIRS": [1], "V0": "it's $5" }));
    sandbox.file("prov.json", config(&text, &json!("stdout")));
    let output = sandbox.run("apply").ok();
    assert!(output.stdout.contains("V0='it'\\''s $5'\n"), "{output}");
    sandbox.file("prov.json", config(&text, &json!("none")));
    let output = sandbox.run("apply").ok();
    assert!(!output.raw.contains("V0"), "{output}");
    assert!(!sandbox.has(".env"), "no sink was asked for");
}
