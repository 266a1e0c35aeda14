//! What goes wrong at a provider, and how often.

use std::time::Duration;

use provision::broker::{BrokerError, ErrorKind};

use super::Dice;
use super::services::{MAILBOX, SERVER};

/// How the provider is disposed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// How many of a hundred calls fail.
    pub faults: u64,
    /// How removals go.
    pub removals: Removals,
}

/// How removals go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Removals {
    /// Like everything else.
    #[default]
    Work,
    /// They fail.
    Fail,
    /// They work, and nobody hears of it.
    GoUnheard,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// 503: nothing happened.
    Unavailable,
    /// 429: nothing happened, and it says when to come back.
    TooMany,
    /// 500 in a case where the provider knows that it failed.
    Failed,
    /// The question was lost on its way.
    LostQuestion,
    /// It was done, and the answer was lost.
    LostAnswer,
    /// What it accepted fails later.
    LaterFailure,
}

impl Weather {
    fn fault(&self, service: &str, dice: &mut Dice) -> Option<Fault> {
        if dice.roll(100) >= self.faults {
            return None;
        }
        let fault = match dice.roll(6) {
            0 => Fault::Unavailable,
            1 => Fault::TooMany,
            2 => Fault::Failed,
            3 => Fault::LostQuestion,
            4 => Fault::LostAnswer,
            _ => Fault::LaterFailure,
        };
        let is_definite = matches!(fault, Fault::Unavailable | Fault::TooMany | Fault::Failed);
        // Nobody could ever settle what became of a mailbox.
        (service != MAILBOX || is_definite).then_some(fault)
    }

    /// The fault of a call and, when nothing happens because of it, the error.
    pub(crate) fn before(
        &self,
        service: &str,
        dice: &mut Dice,
    ) -> Result<Option<Fault>, BrokerError> {
        match self.fault(service, dice) {
            Some(Fault::Unavailable) => Err(error(ErrorKind::Unavailable)),
            Some(Fault::TooMany) => Err(too_many(dice)),
            Some(Fault::Failed) => Err(error(ErrorKind::Failed)),
            Some(Fault::LostQuestion) => Err(error(ErrorKind::Unknown)),
            fault => Ok(fault),
        }
    }

    /// What becomes of the fault of a removal.
    pub(crate) fn of_removal(&self, fault: Option<Fault>) -> Result<Option<Fault>, BrokerError> {
        match self.removals {
            Removals::Work => Ok(fault),
            Removals::Fail => Err(error(ErrorKind::Failed)),
            Removals::GoUnheard => Ok(Some(Fault::LostAnswer)),
        }
    }

    /// A question that changes nothing goes unanswered, or a part of a list does.
    pub(crate) fn question(&self, dice: &mut Dice) -> Result<(), BrokerError> {
        if dice.roll(100) >= self.faults {
            return Ok(());
        }
        match dice.roll(2) {
            0 => Err(error(ErrorKind::Unavailable)),
            _ => Err(too_many(dice)),
        }
    }

    /// Whether a request arrives twice. Where nothing tells two creations apart, nobody could help it.
    pub(crate) fn doubles(&self, service: &str, dice: &mut Dice) -> bool {
        ![MAILBOX, SERVER].contains(&service) && dice.roll(300) < self.faults
    }
}

impl Fault {
    /// The answer, unless it gets lost.
    pub(crate) fn deliver<T>(fault: Option<Self>, answer: T) -> Result<T, BrokerError> {
        match fault {
            Some(Self::LostAnswer) => Err(error(ErrorKind::Unknown)),
            _ => Ok(answer),
        }
    }
}

fn too_many(dice: &mut Dice) -> BrokerError {
    let mut error = error(ErrorKind::Unavailable);
    error.retry_after = Some(Duration::from_secs(1 + dice.roll(5)));
    error
}

/// A failure of the provider.
pub(crate) fn error(kind: ErrorKind) -> BrokerError {
    BrokerError::new(kind, "the provider was told to fail")
}
