//! The exit codes: the one table.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done and clean.
    Done = 0,
    /// An error; nothing else is promised.
    Error = 1,
    /// There are changes or there is drift.
    Changes = 2,
    /// Some steps failed; the journal holds the rest.
    Partial = 3,
    /// Protection forbids it, or a decision is needed that nobody is there to take.
    Refused = 5,
    /// Somebody else holds the lock.
    Locked = 10,
    /// The saved plan is not the plan any more.
    Stale = 12,
    /// The journal or the log is damaged.
    Damaged = 13,
    /// The command line is wrong.
    Usage = 64,
    /// Stopped by the user; the next apply goes on.
    Interrupted = 130,
}

impl Exit {
    /// Every code with its meaning, for the manual.
    pub const TABLE: [(Self, &'static str); 10] = [
        (Self::Done, "done and clean"),
        (Self::Error, "error"),
        (Self::Changes, "changes or drift (`check`, `plan --exit-code`, `pull`)"),
        (Self::Partial, "some steps failed, the journal holds the rest"),
        (Self::Refused, "refused by protection, or a decision is needed"),
        (Self::Locked, "the lock is held by another run"),
        (Self::Stale, "the saved plan is stale"),
        (Self::Damaged, "the journal or the log is damaged"),
        (Self::Usage, "wrong usage"),
        (Self::Interrupted, "interrupted, resumable"),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
