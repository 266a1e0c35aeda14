//! What no lint checks: the numbers of the house style, and what must be absent.
//!
//! Each test prints everything that breaks its rule, as `file:line: what`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prov_test::files::below;

use crate::workspace;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
const PARAMETERS_MAX: usize = 5;
const LINE_WIDTH_MAX: usize = 100;
/// How many packages may come from outside. Each is code that somebody else can change. HTTP with TLS
/// is a hundred of them; the lock file counts those of every platform.
const PACKAGES_MAX: usize = 420;

/// Where Rust files of ours are.
const ROOMS: [&str; 6] = ["src", "provision", "brokers", "tests", "benches", "fuzz"];

struct Source {
    /// Its path in the workspace.
    path: String,
    text: String,
}

impl Source {
    /// The text without the tests at its end.
    fn without_tests(&self) -> &str {
        self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        let is_in = |part: &str| self.path.contains(part);
        is_in("tests/")
            || is_in("/tests.rs")
            || is_in("/testing.rs")
            || is_in("benches/")
            || is_in("fuzz/")
    }
}

fn sources() -> Vec<Source> {
    let files = ROOMS.iter().flat_map(|room| below(&workspace().join(room)));
    let rust = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| Source { path: relative(&path), text: fs::read_to_string(&path).unwrap() })
        .collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap_or(path).display().to_string()
}

/// Fails with every breach, if there is one.
#[track_caller]
fn none(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// Every line of every file that `breaks` the rule.
fn lines_that(breaks: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut breaches = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            if breaks(&source, line) {
                breaches.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    breaches
}

#[test]
fn files_are_short() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", source.path))
    };
    let breaches: Vec<String> = sources().iter().filter_map(long).collect();
    none("a file has at most 600 lines", &breaches);
}

/// Rustfmt breaks code; what it leaves alone are texts and remarks, which may be longer.
#[test]
fn lines_are_short() {
    let is_code = |line: &str| {
        !line.contains('"') && !line.ends_with('\\') && !line.trim_start().starts_with("//")
    };
    let breaches = lines_that(|_, line| line.chars().count() > LINE_WIDTH_MAX && is_code(line));
    none("a line has at most 100 columns", &breaches);
}

/// A function of some file: where it starts, its signature, and how many lines it has.
struct Function {
    place: String,
    parameters: usize,
    lines: usize,
}

/// The functions of a file. Rustfmt puts a function's last brace under its first letter.
fn functions(source: &Source) -> Vec<Function> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start();
        let head = words.split("fn ").next().unwrap_or_default();
        let is_function = words.contains("fn ")
            && head.split_whitespace().all(|word| {
                word.starts_with("pub")
                    || ["async", "const", "unsafe", "extern"].contains(&word)
                    || word == "in"
                    || word.ends_with(')')
            });
        if !is_function {
            continue;
        }
        let rest = lines.get(start..).unwrap_or_default();
        let signature = rest.join("\n");
        let end = rest.iter().position(|line| {
            let is_level = line.len() - line.trim_start().len() == indent;
            is_level && (line.trim_start().starts_with('}') || line.ends_with(';'))
                || line.ends_with("{}")
        });
        found.push(Function {
            place: format!("{}:{}", source.path, start + 1),
            parameters: parameters(&signature),
            lines: end.map_or(1, |end| end + 1),
        });
    }
    found
}

/// How many parameters a signature has, `self` not counted.
fn parameters(signature: &str) -> usize {
    let after_name = signature.split_once("fn ").map_or(signature, |(_, rest)| rest);
    let Some((_, rest)) = after_name.split_once('(') else { return 0 };
    let mut depth = 0_i32;
    let mut names = 0;
    let mut previous = ' ';
    for letter in rest.chars() {
        match letter {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' if depth == 0 => break,
            '>' if previous == '-' => {}
            ')' | ']' | '>' | '}' => depth -= 1,
            // A type or a pattern follows; a path's own colons come in pairs.
            ':' if depth == 0 && previous != ':' => names += 1,
            _ => {}
        }
        if letter == ':' && previous == ':' && depth == 0 {
            names -= 1;
        }
        previous = letter;
    }
    names
}

#[test]
fn functions_are_short_and_take_little() {
    let mut breaches = Vec::new();
    let mut count = 0;
    for function in sources().iter().flat_map(functions) {
        count += 1;
        if function.lines > FUNCTION_LINES_MAX {
            breaches.push(format!("{}: {} lines", function.place, function.lines));
        }
        if function.parameters > PARAMETERS_MAX {
            breaches.push(format!("{}: {} parameters", function.place, function.parameters));
        }
    }
    assert!(count > 300, "only {count} functions were seen, so the search is broken");
    none("a function has at most 70 lines and 5 parameters", &breaches);
}

#[test]
fn the_search_for_functions_sees_what_is_there() {
    let text = "impl A {\n    pub(crate) async fn one<'a>(\n        &self,\n        a: &'a B<C, D>,\n        \
        f: impl Fn(E) -> F,\n        (g, h): (std::G, H),\n    ) -> I {\n        x(|y: J| y);\n    }\n}\n\
        fn two() {}\nfn three(a: A);\n";
    let source = Source { path: "x.rs".into(), text: text.into() };
    let seen: Vec<(usize, usize)> =
        functions(&source).iter().map(|function| (function.parameters, function.lines)).collect();
    assert_eq!(seen, [(3, 8), (0, 1), (1, 1)]);
}

#[test]
fn every_file_says_what_it_is() {
    // A `tests.rs` is the tests of the file beside it.
    let silent = |source: &Source| {
        let speaks = source.text.starts_with("//!") || source.path.ends_with("/tests.rs");
        (!speaks).then(|| source.path.clone())
    };
    let breaches: Vec<String> = sources().iter().filter_map(silent).collect();
    none("a file starts with `//!`", &breaches);
}

#[test]
fn every_exception_has_a_reason() {
    let mut breaches = Vec::new();
    for source in sources() {
        for kind in ["allow(", "expect("] {
            for opening in ["#[", "#!["] {
                let pattern = format!("{opening}{kind}");
                for part in source.text.split(&pattern).skip(1) {
                    let attribute = part.split(")]").next().unwrap_or_default();
                    if !attribute.contains("reason = ") {
                        breaches.push(format!("{}: {pattern}{attribute})]", source.path));
                    }
                }
            }
        }
    }
    none("an exception from a lint has its reason", &breaches);
}

#[test]
fn nothing_is_half_done() {
    let macros = [concat!("to", "do!"), concat!("unimp", "lemented!"), concat!("db", "g!(")];
    let breaches = lines_that(|_, line| macros.iter().any(|word| line.contains(word)));
    none("nothing half-done is committed", &breaches);
}

#[test]
fn nothing_panics_outside_of_tests() {
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (index, line) in source.without_tests().lines().enumerate() {
            if line.contains(".unwrap()") || line.contains(".expect(") || line.contains("panic!(") {
                breaches.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    none("outside of tests, an error is returned", &breaches);
}

#[test]
fn every_module_is_named_for_what_it_holds() {
    let bad = ["util", "utils", "helper", "helpers", "misc", "prelude", "common", "shared"];
    let stem = |source: &Source| {
        let path = PathBuf::from(&source.path);
        let names = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        let mut names = names.map(|name| name.trim_end_matches(".rs").to_owned());
        names.any(|name| bad.contains(&name.as_str()))
    };
    let breaches: Vec<String> = sources().into_iter().filter(stem).map(|s| s.path).collect();
    none("a module is named for what it holds", &breaches);
}

/// A clone works anywhere: nothing names a folder of the machine it was written on.
#[test]
fn nothing_names_this_machine() {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "bash")];
    let mut breaches = Vec::new();
    for path in tracked() {
        let Ok(text) = fs::read_to_string(workspace().join(&path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if folders.iter().any(|folder| line.contains(folder)) {
                breaches.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    none("nothing names a folder of one machine", &breaches);
}

/// Every file that is ours: what git knows, or all but what is built when there is no git.
fn tracked() -> Vec<String> {
    let listed = Command::new("git").arg("ls-files").current_dir(workspace()).output();
    match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        }
        _ => {
            let all = below(workspace()).into_iter().map(|path| relative(&path));
            all.filter(|path| !path.starts_with("target/") && !path.starts_with(".git/")).collect()
        }
    }
}

/// The invariants of ARCHITECTURE.md that a path in the source would break.
#[test]
fn every_room_uses_only_what_stands_before_it() {
    let rules: &[(&str, &[&str])] = &[
        ("provision/src/", &["std::env", "env::var", "std::process", "use std::net"]),
        ("provision/src/plan/", &["crate::world", "crate::run", "crate::observe", "crate::store"]),
        ("provision/src/plan/", &["std::fs", "std::time", "Timestamp::now", "async fn", "tokio"]),
        ("provision/src/config/", &["crate::plan", "crate::run", "crate::store", "std::fs"]),
        ("provision/src/run/machine.rs", &["async", "await", "std::time", "tokio"]),
        ("provision/src/run/retry.rs", &["async", "await", "sleep", "tokio"]),
        ("brokers/src/", &["provision::plan", "provision::run", "provision::store"]),
        ("brokers/src/", &["provision::state", "provision::config", "provision::migration"]),
    ];
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for (index, line) in source.without_tests().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (room, absent) in rules.iter().filter(|(room, _)| source.path.starts_with(room)) {
                for word in absent.iter().filter(|word| code.contains(**word)) {
                    breaches.push(format!("{}:{}: {room} uses {word}", source.path, index + 1));
                }
            }
        }
    }
    none("a room uses only what stands before it", &breaches);
}

#[test]
fn no_provider_is_named_in_code() {
    let catalog = fs::read_dir(workspace().join("brokers/catalog")).unwrap().flatten();
    let providers: Vec<String> =
        catalog.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert!(providers.len() > 5, "the catalogue is not found any more");
    let breaches = lines_that(|source, line| {
        let code = line.split("//").next().unwrap_or_default().to_lowercase();
        !source.is_test() && providers.iter().any(|provider| code.contains(provider.as_str()))
    });
    none("what is special about a provider is in its files", &breaches);
}

/// What the engine must not know: providers, HTTP, terminals, databases, arguments. The YAML reader
/// brings `annotate-snippets` and `anstyle`, which arrange text and touch no terminal.
#[test]
fn the_engine_depends_on_no_effect() {
    let tree = cargo(&["tree", "--package", "provision", "--edges", "normal", "--prefix", "none"]);
    let absent = [
        "reqwest",
        "hyper",
        "ureq",
        "curl",
        "rustls",
        "native-tls",
        "openssl",
        "clap",
        "rusqlite",
        "libsqlite3-sys",
        "tokio-postgres",
        "anstream",
        "indicatif",
        "crossterm",
        "console",
        "termcolor",
        "is-terminal",
        "brokers",
        "prov",
        "age",
    ];
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"petgraph"), "the tree is not what it was thought to be:\n{tree}");
    let breaches: Vec<String> =
        names.iter().filter(|name| absent.contains(name)).map(|name| (*name).to_owned()).collect();
    none("`provision` depends on no effect", &breaches);
}

#[test]
fn few_packages_come_from_outside() {
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap();
    let count = lock.matches("\nsource = ").count();
    println!("{count} packages come from outside; at most {PACKAGES_MAX} may");
    assert!(
        count <= PACKAGES_MAX,
        "{count} packages: remove one, or raise the limit with a reason"
    );
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
