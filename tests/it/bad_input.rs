//! Bad input gets a clear error, changes nothing and exits with 1.

use std::fmt::Write as _;
use std::fs::File;

use prov_test::{Output, Sandbox, golden};

use crate::{here, sandbox};

/// A title, the file that is bad, and what is in it.
type Case<'a> = (&'a str, &'a str, &'a str);

const FIELDS: &[Case<'static>] = &[
    ("an unknown key", "prov.toml", "projekt = 'x'\ninstances = []\n"),
    ("an unknown key", "prov.yaml", "projekt: x\ninstances: []\n"),
    ("an unknown key", "prov.json", "{\n  \"projekt\": \"x\",\n  \"instances\": []\n}\n"),
    (
        "an unknown field of an instance",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\nparms = { x = 1 }\n",
    ),
    (
        "an unknown field of an instance",
        "prov.yaml",
        "instances:\n  - ref: a\n    service: local-value\n    name: a\n    parms: { x: 1 }\n",
    ),
    ("a wrong type", "prov.toml", "instances = 'none'\nprune = 'yes'\nvars = 1\ninclude = 'x'\n"),
    ("a wrong type", "prov.yaml", "instances: none\nprune: 'yes'\nvars: 1\ninclude: x\n"),
    (
        "a wrong type",
        "prov.json",
        "{ \"instances\": \"none\", \"prune\": \"yes\",\n  \"vars\": 1, \"include\": \"x\" }\n",
    ),
    (
        "a wrong type in an instance",
        "prov.toml",
        "[[instances]]\nref = 1\nservice = ['x']\nname = {}\nparams = 'x'\nbind = { id = 3 }\n\
         protected = 'no'\ndepends_on = 'a'\non_remove = 'explode'\n",
    ),
    ("missing fields", "prov.toml", "[[instances]]\n\n[[instances]]\nref = 'b'\n"),
    (
        "a ref and a name that cannot be",
        "prov.toml",
        "[[instances]]\nref = 'a.b c'\nservice = 'local-value'\nname = ''\n",
    ),
    (
        "a variable that cannot be",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\nbind = { id = 'A B' }\n",
    ),
    ("an unknown sink", "prov.toml", "sink = { kind = 'kafka' }\ninstances = []\n"),
    ("a version that is none", "prov.toml", "required_version = 'newest'\ninstances = []\n"),
    (
        "an override of nothing",
        "prov.toml",
        "instances = []\n[stages.default.instances.x]\nname = 'x'\n",
    ),
    ("an unknown field of a stage", "prov.toml", "instances = []\n[stages.default]\nnmae = 'x'\n"),
];

const SYNTAX: &[Case<'static>] = &[
    ("a broken text", "prov.toml", "instances = [\n  { ref = 'a',\n"),
    ("a broken text", "prov.yaml", "instances:\n  - ref: [a\n"),
    ("a broken text", "prov.json", "{\n  \"instances\": [,]\n}\n"),
    ("a key twice", "prov.toml", "prune = true\nprune = false\n"),
    ("a key twice", "prov.yaml", "prune: true\nprune: false\n"),
    ("something else", "prov.yaml", "just a text\n"),
    ("something else", "prov.json", "[]\n"),
    ("an empty file", "prov.toml", ""),
    ("an empty file", "prov.yaml", "\n  \n"),
    ("an empty file", "prov.json", ""),
];

const REFERENCES: &[Case<'static>] = &[
    (
        "a ref twice",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n\n\
         [[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'b'\n",
    ),
    (
        "a service and name twice",
        "prov.yaml",
        "instances:\n  - { ref: a, service: local-value, name: x }\n\
         \x20 - { ref: b, service: local-value, name: x }\n",
    ),
    (
        "a service and name twice, seen only in this stage",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'x-default'\n\n\
         [[instances]]\nref = 'b'\nservice = 'local-value'\nname = 'x-${stage}'\n",
    ),
    (
        "an unknown service",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-valeu'\nname = 'a'\n\n\
         [[instances]]\nref = 'b'\nservice = 'quantum-database'\nname = 'b'\n",
    ),
    (
        "an unknown ref",
        "prov.toml",
        "[[instances]]\nref = 'database'\nservice = 'local-value'\nname = 'a'\n\n\
         [[instances]]\nref = 'b'\nservice = 'local-value'\nname = 'b'\n\
         params = { x = '@datbase.id', deep = [{ y = 'on ${datbase.id}' }] }\ndepends_on = ['c']\n",
    ),
    (
        "an unknown output",
        "prov.json",
        "{ \"instances\": [\n\
         {\"ref\": \"a\", \"service\": \"local-bucket\", \"name\": \"a\", \"params\": {\"path\": \"a\"}},\n\
         {\"ref\": \"b\", \"service\": \"local-value\", \"name\": \"b\", \"params\": {\"x\": \"@a.ulr\"}},\n\
         {\"ref\": \"c\", \"service\": \"local-bucket\", \"name\": \"c\", \"params\": {\"path\": \"c\"},\n\
         \x20\"bind\": {\"uri\": \"C\"}}\n] }\n",
    ),
    (
        "a cycle",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\nparams = { x = '@b.id' }\n\n\
         [[instances]]\nref = 'b'\nservice = 'local-value'\nname = 'b'\nparams = { x = '@c.id' }\n\n\
         [[instances]]\nref = 'c'\nservice = 'local-value'\nname = 'c'\ndepends_on = ['a']\n",
    ),
    (
        "itself",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\nparams = { x = '@a.id' }\n",
    ),
    (
        "missing variables",
        "prov.toml",
        "vars = { region = 'eu' }\n\n[[instances]]\nref = 'a'\nservice = 'local-value'\n\
         name = 'a-${var.regoin}'\nparams = { home = '${env.PROV_IT_NOWHERE}', s = '${stag}' }\n",
    ),
    (
        "texts that are no expressions",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n\
         params = { one = '@a', two = '${', three = '@.x', four = '${a b}' }\n",
    ),
];

const PARAMS: &[Case<'static>] = &[
    (
        "an unknown param",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-secret'\nname = 'a'\nparams = { lenght = 9 }\n",
    ),
    (
        "ill-typed params",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-secret'\nname = 'a'\n\
         params = { length = 'long', alphabet = 'klingon' }\n\n\
         [[instances]]\nref = 'b'\nservice = 'local-secret'\nname = 'b'\nparams = { length = 4 }\n\n\
         [[instances]]\nref = 'c'\nservice = 'local-file'\nname = 'c'\n\
         params = { path = 'c', content = 1, mode = 'rw' }\n\n\
         [[instances]]\nref = 'd'\nservice = 'local-bucket'\nname = 'd'\n\
         params = { path = 'd', force_destroy = 'yes' }\n",
    ),
    (
        "missing params",
        "prov.yaml",
        "instances:\n  - ref: a\n    service: local-file\n    name: a\n\
         \x20 - ref: b\n    service: local-sqlite\n    name: b\n    params: {}\n",
    ),
    (
        "an unknown plan",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-bucket'\nplan = 'gold'\nname = 'a'\n\
         params = { path = 'a' }\n",
    ),
    (
        "an integer beyond 2^53",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n\
         params = { ok = 9007199254740991, no = 9007199254740993 }\n",
    ),
    (
        "an integer beyond 2^53",
        "prov.yaml",
        "instances:\n  - ref: a\n    service: local-value\n    name: a\n    params:\n\
         \x20     no: -9007199254740993\n",
    ),
    (
        "an integer beyond 2^53",
        "prov.json",
        "{ \"instances\": [ { \"ref\": \"a\", \"service\": \"local-value\", \"name\": \"a\",\n\
         \"params\": { \"no\": [9007199254740993] } } ] }\n",
    ),
    (
        "a number that JSON has not",
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\nparams = { no = nan }\n",
    ),
];

/// What JSON alone lets through.
const OPEN: &[Case<'static>] = &[
    ("a key twice", "prov.json", "{ \"prune\": true,\n  \"prune\": false }\n"),
    (
        "an integer beyond 2^64",
        "prov.json",
        "{ \"instances\": [ { \"ref\": \"a\", \"service\": \"local-value\", \"name\": \"a\",\n\
         \"params\": { \"no\": [18446744073709551616] } } ] }\n",
    ),
];

#[test]
fn fields() {
    check("fields", FIELDS);
}

#[test]
fn syntax() {
    check("syntax", SYNTAX);
}

#[test]
fn references() {
    check("references", REFERENCES);
}

#[test]
fn params() {
    check("params", PARAMS);
}

#[test]
fn what_only_json_lets_through() {
    check("json", OPEN);
}

/// Eight mistakes of meaning, one run.
#[test]
fn every_mistake_of_meaning_is_reported_at_once() {
    all_at_once("meaning", &EIGHT.replace("projekt = 'x'", "prune = true"), 8);
}

/// A mistake of form beside eight of meaning.
#[test]
fn a_mistake_of_form_hides_no_mistake_of_meaning() {
    all_at_once("form_and_meaning", EIGHT, 9);
}

const EIGHT: &str = "projekt = 'x'\n\n\
    [[instances]]\nref = 'a'\nservice = 'local-valeu'\nname = 'a'\n\n\
    [[instances]]\nref = 'b'\nservice = 'local-secret'\nname = 'b'\n\
    params = { length = 4, lenght = 9 }\n\n\
    [[instances]]\nref = 'b'\nservice = 'local-value'\nname = 'c'\n\
    params = { x = '@nowhere.id', home = '${env.PROV_IT_NOWHERE}', v = '${var.v}' }\n\
    bind = { id = 'A B' }\n";

fn all_at_once(name: &str, text: &str, least: usize) {
    check(name, &[("many mistakes", "prov.toml", text)]);
    let sandbox = sandbox();
    sandbox.file("prov.toml", text);
    let answer = sandbox.run("validate --json").exits(1).json();
    let problems = answer["diagnostics"].as_array().unwrap();
    assert!(problems.len() >= least, "{answer:#}");
    for problem in problems {
        assert!(problem["line"].is_u64() && problem["column"].is_u64(), "no place: {problem:#}");
    }
}

/// Runs every case through `plan`, `validate` and `apply`; compares what `plan` says.
fn check(name: &str, cases: &[Case<'_>]) {
    let mut transcript = String::new();
    for (title, file, text) in cases {
        let sandbox = sandbox();
        sandbox.file(file, text);
        let output = refused(&sandbox, title);
        writeln!(transcript, "## {title}, in {file}\n{}", output.stderr).unwrap();
    }
    golden::check(&here().join("golden/bad_input").join(format!("{name}.txt")), &transcript);
}

/// What is said when nothing can be done with the config; no file changes.
fn refused(sandbox: &Sandbox, title: &str) -> Output {
    let before = sandbox.files();
    let output = sandbox.run("plan").exits(1);
    assert_eq!(output.stdout, "", "{title}: an error is talk, not data");
    assert!(output.stderr.starts_with("error: "), "{title}\n{output}");
    for command in ["validate", "apply --yes", "generate"] {
        let other = sandbox.run(command).exits(1);
        assert_eq!(other.stderr, output.stderr, "{title}: `{command}` says something else");
    }
    let json = sandbox.run("plan --json").exits(1).json();
    assert_eq!(json["error"], true, "{title}: {json:#}");
    assert!(json["diagnostics"][0]["code"].is_string(), "{title}: {json:#}");
    assert_eq!(sandbox.files().changes_since(&before), [""; 0], "{title}");
    output
}

/// Files that are no text at all.
#[test]
fn files_that_are_no_config() {
    let mut transcript = String::new();
    let mut add = |title: &str, sandbox: &Sandbox| {
        let output = refused(sandbox, title);
        writeln!(transcript, "## {title}\n{}", output.stderr).unwrap();
    };
    for name in ["prov.toml", "prov.yaml", "prov.json"] {
        let latin = sandbox();
        latin.file(name, b"# caf\xe9\nproject = 'x'\n");
        add(&format!("{name} is not UTF-8"), &latin);
        let folder = sandbox();
        folder.file(format!("{name}/x"), "");
        add(&format!("{name} is a folder"), &folder);
        let huge = sandbox();
        huge.file(name, "");
        let file = File::options().write(true).open(huge.root().join(name)).unwrap();
        file.set_len(100 * 1024 * 1024).unwrap();
        add(&format!("{name} has 100 MiB"), &huge);
    }
    golden::check(&here().join("golden/bad_input/files.txt"), &transcript);
}

/// What comes on standard input is checked as what is in a file.
#[test]
fn standard_input_that_is_no_config() {
    let mut transcript = String::new();
    let cases: [&str; 5] = ["", "{", "[]", "{ \"instancs\": [] }", "project = 'x'"];
    for text in cases {
        let sandbox = sandbox();
        let before = sandbox.files();
        let output = sandbox.feed(&["plan", "-c", "-"], text).exits(1);
        assert_eq!(sandbox.files().changes_since(&before), [""; 0], "{text}");
        writeln!(transcript, "## {text}\n{}", output.stderr).unwrap();
    }
    golden::check(&here().join("golden/bad_input/stdin.txt"), &transcript);
}

/// A disk that is full anywhere in a run: nothing is lost, nothing is made twice.
#[test]
fn a_full_disk_loses_nothing() {
    for blocks in 0..10 {
        let sandbox = sandbox();
        sandbox.file("prov.toml", FULL).file("create.sh", CREATE);
        let limited = format!("chmod +x create.sh; trap '' XFSZ; ulimit -f {blocks}; prov apply");
        let output = sandbox.sh(&limited);
        assert!([0, 1, 3].contains(&output.status), "with {blocks} blocks\n{output}");
        sandbox.run("status").ok();
        sandbox.run("apply").ok();
        sandbox.run("check").ok();
        let calls = std::fs::read_dir(sandbox.root().join("calls")).unwrap().count();
        assert_eq!(calls, 1, "with {blocks} blocks it was made {calls} times\n{output}");
    }
}

/// An instance that counts how often it is made, without writing more than a name.
const CREATE: &str = "#!/bin/sh\nmkdir -p calls/$$\necho '{\"id\": \"one\"}'\n";

const FULL: &str = r#"
[[instances]]
ref = "one"
service = "local-exec"
name = "one"

[instances.params]
create = ["./create.sh"]
read = ["sh", "-c", "[ -e calls ] && echo '{\"id\": \"one\"}' || echo null"]
find = ["sh", "-c", "[ -e calls ] && echo '{\"id\": \"one\"}' || echo null"]
delete = ["rm", "-r", "calls"]

[[instances]]
ref = "two"
service = "local-value"
name = "two"
depends_on = ["one"]
params = { text = "a text that takes some room in the journal" }
bind = { text = "TEXT" }
"#;
