//! Every console block of the documentation is run and prints what it shows.
//!
//! A block runs in the sandbox of the block before it, or in a new one with a copy of a folder where
//! `<!-- in FOLDER -->` stands above it. A README of an example starts in a copy of that example.
//! `[..]` in what is shown stands for any text on that line, a line `...` for any lines.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prov_test::{Sandbox, files};
use regex_lite::Regex;

use crate::{sandbox, workspace};

/// A piece of a document that a test acts on.
enum Piece {
    /// From here on, commands run in a new sandbox with a copy of this folder.
    In(String),
    /// A command, what it is shown to print, and its line in the document.
    Command { line: usize, command: String, shown: String },
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![workspace().join("README.md"), workspace().join("CONTRIBUTING.md")];
    for folder in ["docs", "examples"] {
        for entry in std::fs::read_dir(workspace().join(folder)).unwrap().flatten() {
            let path = entry.path();
            found.push(if path.is_dir() { path.join("README.md") } else { path });
        }
    }
    found.sort();
    found
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(folder) = line.strip_prefix("<!-- in ").and_then(|l| l.strip_suffix(" -->")) {
            pieces.push(Piece::In(folder.to_owned()));
        } else if line.starts_with("```") {
            in_block = line == "```console";
        } else if let (true, Some(command)) = (in_block, line.strip_prefix("$ ")) {
            let (command, shown) = (command.to_owned(), String::new());
            pieces.push(Piece::Command { line: index + 1, command, shown });
        } else if let (true, Some(Piece::Command { command, shown, .. })) =
            (in_block, pieces.last_mut())
        {
            match line.strip_prefix("> ").filter(|_| shown.is_empty()) {
                Some(more) => write!(command, "\n{more}").unwrap(),
                None => writeln!(shown, "{line}").unwrap(),
            }
        }
    }
    pieces
}

fn in_copy_of(folder: &str) -> Sandbox {
    let sandbox = sandbox().unredacted();
    if folder != "empty" {
        files::copy(&workspace().join(folder), &sandbox.root());
    }
    sandbox
}

/// What is shown as a pattern over what is printed.
fn pattern(shown: &str) -> Regex {
    let line = |line: &str| match line {
        "..." => "(?s:.*)".to_owned(),
        line => regex_lite::escape(line).replace("\\[\\.\\.\\]", ".*"),
    };
    let lines: Vec<String> = shown.trim_end().lines().map(line).collect();
    Regex::new(&format!("^{}$", lines.join("\n"))).unwrap()
}

/// Runs a document and answers what differs.
fn run(path: &Path, commands: &mut usize) -> String {
    let folder = path.parent().unwrap().strip_prefix(workspace()).unwrap();
    let start = if folder.starts_with("examples") { folder.to_str().unwrap() } else { "empty" };
    let mut sandbox = in_copy_of(start);
    let mut differences = String::new();
    for piece in pieces(&std::fs::read_to_string(path).unwrap()) {
        match piece {
            Piece::In(folder) => sandbox = in_copy_of(&folder),
            Piece::Command { line, command, shown } => {
                *commands += 1;
                let printed = sandbox.merged(&command).stdout;
                if !pattern(&shown).is_match(printed.trim_end()) {
                    let place = path.strip_prefix(workspace()).unwrap().display();
                    writeln!(
                        differences,
                        "{place}:{line}: $ {command}\n--- shown\n{shown}--- printed\n{printed}"
                    )
                    .unwrap();
                }
            }
        }
    }
    differences
}

#[test]
fn every_console_block_prints_what_it_shows() {
    let mut commands = 0;
    let differences: String = documents().iter().map(|path| run(path, &mut commands)).collect();
    println!("{commands} commands of the documentation were run");
    assert!(commands > 50, "the blocks are not found any more");
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    let mut more = documents();
    more.extend(["ARCHITECTURE.md", "CHANGELOG.md"].map(|name| workspace().join(name)));
    for path in more {
        let text = std::fs::read_to_string(&path).unwrap();
        for found in link.captures_iter(&text) {
            let target = path.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: {} leads nowhere", path.display(), &found[1]);
        }
    }
}

#[test]
fn every_service_is_described() {
    let read = |name: &str| std::fs::read_to_string(workspace().join("docs").join(name)).unwrap();
    let (providers, local) = (read("providers.md"), read("local-services.md"));
    let list = sandbox().run("brokers --json").ok().json();
    for service in list["services"].as_array().unwrap() {
        let id = service["service"].as_str().unwrap();
        let is_described =
            providers.contains(&format!("\n| `{id}` |")) || local.contains(&format!("\n## {id}\n"));
        assert!(is_described, "{id} is neither in docs/providers.md nor in docs/local-services.md");
    }
}
