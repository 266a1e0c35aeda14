//! Why a command could not do what it was asked, with what the user needs to go on.

use provision::diagnostic::{Diagnostic, Diagnostics};
use provision::place::Escape;
use provision::run::RecordError;
use provision::store::{HistoryError, Holder, StoreError};
use serde_json::Value;

use crate::credentials::CredentialError;
use crate::exit::Exit;
use crate::holder;

/// A command's failure. Boxed, because it is rare and everything returns it.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: Exit,
    problems: Diagnostics,
    decisions: Vec<Value>,
}

impl Failure {
    /// A failure that reads `summary`.
    pub fn new(exit: Exit, code: &'static str, summary: impl Into<String>) -> Self {
        let mut problems = Diagnostics::default();
        problems.push(Diagnostic::error(code, summary));
        Self::of(exit, problems)
    }

    /// A failure with what to do about it.
    pub fn with_help(
        exit: Exit,
        code: &'static str,
        summary: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let mut problems = Diagnostics::default();
        problems.push(Diagnostic::error(code, summary).help(help));
        Self::of(exit, problems)
    }

    /// A failure of all these problems.
    pub fn of(exit: Exit, problems: Diagnostics) -> Self {
        Self(Box::new(Inner { exit, problems, decisions: Vec::new() }))
    }

    /// The same failure, with the decisions that it waits for.
    pub fn decisions(mut self, decisions: Vec<Value>) -> Self {
        self.0.decisions = decisions;
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// What is wrong.
    pub fn problems(&self) -> &Diagnostics {
        &self.0.problems
    }

    /// What somebody has to decide.
    pub fn pending(&self) -> &[Value] {
        &self.0.decisions
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if let StoreError::Held(holder) = &error {
            return held(holder.as_ref());
        }
        let (exit, code) = match &error {
            StoreError::State { source: provision::state::StateError::Newer { .. }, .. } => {
                (Exit::Error, "newer-journal")
            }
            StoreError::Log { .. } | StoreError::Mismatch { .. } => (Exit::Damaged, "damaged-log"),
            StoreError::Gone { .. } => (Exit::Damaged, "journal-gone"),
            StoreError::State { .. } => (Exit::Damaged, "damaged"),
            StoreError::Fenced { .. } => (Exit::Locked, "fenced"),
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                (Exit::Error, "no-file")
            }
            _ => (Exit::Error, "io"),
        };
        let help = match code {
            "newer-journal" => "Update prov; nothing was changed.",
            "damaged" => {
                "Nothing was changed. Restore the file from version control or with \
                 `prov state restore FILE`."
            }
            "damaged-log" => {
                "Nothing was changed. `prov state repair` shows what can be kept of it, and what \
                 would be cut."
            }
            "journal-gone" => {
                "Nothing was changed. Put the journal back, from version control or a copy. Without one, \
                 `prov state repair` keeps what the log mentions, and forgets the rest."
            }
            "fenced" => "What this run did is in its log; the later run goes on. Apply again.",
            "no-file" => "Nothing was changed. Look at the path.",
            _ => "Check the permissions and the free space; nothing was lost.",
        };
        Self::with_help(exit, code, sentence(&error.to_string()), help)
    }
}

impl From<Escape> for Failure {
    fn from(escape: Escape) -> Self {
        let summary = sentence(&escape.to_string());
        match escape.help() {
            Some(help) => Self::with_help(Exit::Error, "outside", summary, help),
            None => Self::new(Exit::Error, "io", summary),
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let help = match &error {
            CredentialError::Store(_) => {
                "Check the permissions and the free space; nothing was lost."
            }
            CredentialError::Vault(_) => {
                "Point PROV_AGE_IDENTITY at an identity, or unset it to use your own."
            }
            _ => "`prov auth set PROVIDER` stores it anew.",
        };
        Self::with_help(Exit::Error, "credential", sentence(&error.to_string()), help)
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            RecordError::Broken => Self::new(Exit::Error, "io", "The log could not be written."),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        let help = error.help();
        Self::with_help(Exit::Error, "history", sentence(&error.to_string()), help)
    }
}

fn held(theirs: Option<&Holder>) -> Failure {
    let (summary, help) = match theirs {
        Some(theirs) => (
            format!("Another run holds the lock: {}.", holder::told(theirs)),
            holder::way_on(theirs),
        ),
        None => (
            "Another run holds the lock, and has not written its name there.".to_owned(),
            "Wait for it (`--lock-timeout 60`).".to_owned(),
        ),
    };
    Failure::with_help(Exit::Locked, "locked", summary, help)
}

/// A library's lower-case fragment as a full sentence.
pub fn sentence(fragment: &str) -> String {
    let first_word = fragment.split(' ').next().unwrap_or_default();
    if first_word.contains(['.', '/', '`']) {
        // A file's name is written as it is.
        return format!("{}.", fragment.trim_end_matches('.'));
    }
    let mut characters = fragment.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), characters.as_str());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
