//! What a command printed, and how it ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;

use crate::Redactions;

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    title: String,
    /// The exit code; 128 + n when the signal n ended it.
    pub status: i32,
    /// Standard output, redacted.
    pub stdout: String,
    /// Standard error, redacted.
    pub stderr: String,
    /// Both, as they were.
    pub raw: String,
}

impl Output {
    pub(crate) fn new(title: &str, ended: &std::process::Output, known: &Redactions) -> Self {
        let stdout = String::from_utf8_lossy(&ended.stdout);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let signal = ended.status.signal().map_or(-1, |signal| 128 + signal);
        Self {
            title: title.to_owned(),
            status: ended.status.code().unwrap_or(signal),
            raw: format!("{stdout}{stderr}"),
            stdout: known.apply(&stdout),
            stderr: known.apply(&stderr),
        }
    }

    /// The same output, if the command ended with `status`.
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "another exit code than expected\n{self}");
        self
    }

    /// The same output, if the command ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Standard output as one JSON document.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Standard output as one JSON value a line.
    #[track_caller]
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// The transcript: the command, what it printed on either stream, and its exit code if not 0.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.title)?;
        if !self.stdout.is_empty() {
            writeln!(f, "{}", self.stdout.trim_end_matches('\n'))?;
        }
        if !self.stderr.is_empty() {
            writeln!(f, "--- stderr\n{}", self.stderr.trim_end_matches('\n'))?;
        }
        if self.status != 0 {
            writeln!(f, "[exit {}]", self.status)?;
        }
        Ok(())
    }
}
