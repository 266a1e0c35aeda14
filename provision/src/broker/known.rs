//! Ids of objects that are known already.

use rpds::HashTrieMapSync;

/// A set of ids that costs next to nothing to hand on: two that differ little share all the rest.
#[derive(Clone, Debug, Default)]
pub struct KnownIds(HashTrieMapSync<String, usize>);

impl KnownIds {
    /// Whether an id is among them.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an id. One that was added twice is there until it is removed twice.
    pub fn insert(&mut self, id: &str) {
        let times = self.0.get(id).copied().unwrap_or_default();
        self.0.insert_mut(id.to_owned(), times.saturating_add(1));
    }

    /// Takes an id out once.
    pub fn remove(&mut self, id: &str) {
        match self.0.get(id).copied() {
            Some(times) if times > 1 => self.0.insert_mut(id.to_owned(), times - 1),
            Some(_) => {
                self.0.remove_mut(id);
            }
            None => {}
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for KnownIds {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        let mut known = Self::default();
        ids.into_iter().for_each(|id| known.insert(id.as_ref()));
        known
    }
}
