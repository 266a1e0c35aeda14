//! What the answer to a request says about what may be left behind at the other side, as the Open
//! Service Broker API v2.17 has it under "Orphan Mitigation".

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An instance.
    Provision,
    /// A change of an instance.
    Update,
    /// The end of an instance.
    Deprovision,
    /// A binding of an instance.
    Bind,
    /// The end of a binding.
    Unbind,
    /// Nothing that changes anything.
    Look,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// What could be made of its body.
        body: Body,
    },
    /// None, although the request was sent.
    Timeout,
}

/// What could be made of the body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// It is what was agreed on.
    Sound,
    /// It is not.
    Malformed,
    /// It says that the operation that was accepted has failed.
    Failed,
}

/// What may be left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// An instance.
    Instance,
    /// A binding.
    Binding,
}

/// What may be left behind after `reply` to `asked`; `None` when nothing is, or when it is known well.
#[must_use]
pub fn left_behind(asked: Asked, reply: Reply) -> Option<Orphan> {
    let (makes, ends) = match asked {
        Asked::Provision => (Some(Orphan::Instance), None),
        Asked::Deprovision => (None, Some(Orphan::Instance)),
        Asked::Bind => (Some(Orphan::Binding), None),
        Asked::Unbind => (None, Some(Orphan::Binding)),
        Asked::Update | Asked::Look => (None, None),
    };
    match reply {
        Reply::Answer { status: 200, body: Body::Failed } => makes.or(ends),
        // A 200 says that what is asked for was there before.
        Reply::Answer { status: 200, .. } => None,
        Reply::Answer { status: 201 | 202, body: Body::Sound } => None,
        Reply::Answer { status: 201 | 202, .. } => makes,
        Reply::Answer { status: 203..=299 | 500..=599, .. } => makes.or(ends),
        // It was refused, or, with 408, never came to its end.
        Reply::Answer { .. } => None,
        Reply::Timeout => makes,
    }
}
