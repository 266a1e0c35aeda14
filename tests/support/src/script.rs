//! Scripts: whole stories as text.
//!
//! ```text
//! ## A remark.
//! --- file prov.toml
//! project = "shop"
//! ---
//! $ prov plan
//! what it printed
//! [exit 2]
//! ```
//!
//! A line that starts with `$ ` is run by `sh` in the project's folder; a line that starts with
//! `> ` continues it. What follows is what the command printed, standard error merged into standard
//! output in the order of writing, and `[exit N]` unless that is 0. A line that starts with `## ` is
//! a remark. Blank lines at the end of what is printed do not count.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{Sandbox, golden};

/// A piece of a script.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Remark(String),
    File { name: String, text: String },
    Command(String),
}

/// Runs the script at `path` in `sandbox` and compares what happens with what it says.
///
/// # Panics
/// When it differs and `UPDATE_SCRIPTS=1` is not set.
#[track_caller]
pub fn check(path: &Path, sandbox: &Sandbox) {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let pieces = parse(&text);
    let mut transcript = String::new();
    let mut after = None;
    for piece in &pieces {
        let is_remark = matches!(piece, Piece::Remark(_));
        // Remarks in a row stand together, and a remark stands with what it is about.
        if after.is_some_and(|was_remark: bool| !was_remark) {
            transcript.push('\n');
        }
        after = Some(is_remark);
        play(piece, sandbox, &mut transcript);
    }
    golden::check(path, &transcript);
}

fn play(piece: &Piece, sandbox: &Sandbox, transcript: &mut String) {
    let written = match piece {
        Piece::Remark(text) => writeln!(transcript, "{text}"),
        Piece::File { name, text } => {
            sandbox.file(name, text);
            writeln!(transcript, "--- file {name}\n{text}---")
        }
        Piece::Command(line) => {
            let output = sandbox.merged(line);
            let mut lines = line.lines();
            let first = lines.next().unwrap_or_default();
            let more: String = lines.map(|line| format!("\n> {line}")).collect();
            let printed = output.stdout.trim_end_matches('\n');
            let end = if printed.is_empty() { "" } else { "\n" };
            let status = match output.status {
                0 => String::new(),
                status => format!("[exit {status}]\n"),
            };
            writeln!(transcript, "$ {first}{more}\n{printed}{end}{status}")
                .map(|()| transcript.truncate(transcript.trim_end_matches('\n').len()))
                .and_then(|()| writeln!(transcript))
        }
    };
    written.expect("a text can be written to");
}

fn parse(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            pieces.push(Piece::Remark(line.to_owned()));
        } else if let Some(name) = line.strip_prefix("--- file ") {
            let body = lines.by_ref().take_while(|line| *line != "---");
            let text = body.map(|line| format!("{line}\n")).collect();
            pieces.push(Piece::File { name: name.to_owned(), text });
        } else if let Some(command) = line.strip_prefix("$ ") {
            let mut command = command.to_owned();
            while let Some(more) = lines.peek().and_then(|line| line.strip_prefix("> ")) {
                command.push('\n');
                command.push_str(more);
                lines.next();
            }
            pieces.push(Piece::Command(command));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_remarks_files_and_commands() {
        let text =
            "## one\n--- file a/b\nx\n\n$ y\n---\n$ cat <<E\n> z\n> E\nz\n[exit 1]\n\n$ true";
        let expected = [
            Piece::Remark("## one".into()),
            Piece::File { name: "a/b".into(), text: "x\n\n$ y\n".into() },
            Piece::Command("cat <<E\nz\nE".into()),
            Piece::Command("true".into()),
        ];
        assert_eq!(parse(text), expected);
    }
}
