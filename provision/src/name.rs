//! Names that are compared and copied everywhere, interned so that a copy is a pointer.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An immutable, cheaply cloned name: a ref, a service id, an instance name or an output key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

impl Name {
    /// Whether it holds no output that is only known while applying.
    pub(crate) fn is_settled(&self) -> bool {
        !self.as_str().contains("${") && !self.as_str().starts_with('@')
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Hands out one allocation for equal names.
#[derive(Default)]
pub struct Names(HashSet<Name>);

impl Names {
    /// The one `Name` for `text`.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let name = Name::from(text);
        self.0.insert(name.clone());
        name
    }
}

/// Whether `text` may be used as a ref: letters, digits, `_` and `-`, at least one.
#[must_use]
pub fn is_ref(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether `text` may be used as an output key: like a ref, dots allowed.
#[must_use]
pub fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// The longest word that a slip of the hand is looked for in, in bytes. To compare two words takes
/// as much memory as the product of their lengths.
const WORD_MAX: usize = 256;

/// The known word closest to `text`, when one is close enough to be a slip of the hand.
pub fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > WORD_MAX {
        return None;
    }
    known
        .into_iter()
        .filter(|word| word.len() <= WORD_MAX)
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= word.len().max(text.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_seen_and_a_book_is_not_compared() {
        assert_eq!(closest("instnaces", ["include", "instances"]), Some("instances"));
        assert_eq!(closest("quantum", ["include", "instances"]), None);
        let book = "x".repeat(10_000_000);
        assert_eq!(closest(&book, ["include", book.as_str()]), None);
    }
}
