//! What is wrong with an input: where, why it matters and what to do, many at once.

use crate::name::Name;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and may not be what was meant.
    Warning,
    /// It cannot be done.
    Error,
}

/// A range of bytes in one of the [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Which source.
    pub source: u16,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of a source; positions past 4 GiB are cut off.
    #[must_use]
    pub fn new(source: u16, range: std::ops::Range<usize>) -> Self {
        let cut = |position| u32::try_from(position).unwrap_or(u32::MAX);
        Self { source, start: cut(range.start), end: cut(range.end) }
    }
}

/// A text that was read, with the name to call it by.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's path as the user knows it, or `<stdin>`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Every text of a run; spans point into it.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a text and answers its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> u16 {
        self.0.push(Source { name: name.into(), text: text.into() });
        u16::try_from(self.0.len() - 1).unwrap_or(u16::MAX)
    }

    /// The source with this number.
    #[must_use]
    pub fn get(&self, source: u16) -> Option<&Source> {
        self.0.get(usize::from(source))
    }

    /// File name, line and column of the start of a span; both count from 1, columns in characters.
    #[must_use]
    pub fn position(&self, span: Span) -> Option<(&str, usize, usize)> {
        let source = self.get(span.source)?;
        let mut start = (span.start as usize).min(source.text.len());
        while !source.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = source.text.get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        Some((&source.name, line, column))
    }
}

/// One problem, said to the user in full sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for the kind of problem, e.g. `unknown-ref`.
    pub code: &'static str,
    /// What is wrong.
    pub summary: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it is written.
    pub span: Option<Span>,
    /// Words beside the caret.
    pub label: Option<String>,
    /// The instance it is about.
    pub subject: Option<Name>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            summary: summary.into(),
            help: None,
            span: None,
            label: None,
            subject: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, summary) }
    }

    /// The same with its place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same with words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with what to do, when there is something.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The same with the instance it is about.
    #[must_use]
    pub fn about(mut self, subject: &Name) -> Self {
        self.subject = Some(subject.clone());
        self
    }
}

/// Problems as they are found: functions add to it and go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds many problems.
    pub fn extend(&mut self, others: Diagnostics) {
        self.0.extend(others.0);
    }

    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts them in the order of the text they are about; those without a place come last.
    pub fn sort(&mut self) {
        let place = |problem: &Diagnostic| match problem.span {
            Some(span) => (false, span.source, span.start),
            None => (true, 0, 0),
        };
        self.0.sort_by_key(place);
    }

    /// All of them, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }
}
