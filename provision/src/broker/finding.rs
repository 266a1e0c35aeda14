//! How what a creation made is found again when its answer was lost.

use std::time::Duration;

/// How an instance is found again after the answer to its creation was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// In these ways, the first one that answers is believed. At least one.
    By(Vec<Way>),
    /// There is no way: the outcome stays unknown until a person looks.
    Never,
}

/// What tells the object of a creation from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The creation is asked for again under its idempotency key: what it made is answered again.
    Key {
        /// How long the provider remembers a key.
        lifetime: Duration,
    },
    /// Our mark on it, which names project, stage and ref.
    Marker,
    /// Its name, which no other object has.
    Name,
    /// Its id, which follows from name and params.
    Id,
    /// What it holds.
    Content,
}

impl Way {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::Marker => "marker",
            Self::Name => "name",
            Self::Id => "id",
            Self::Content => "content",
        }
    }
}

impl Finding {
    /// The ways, in the order they are tried; none when there is no way.
    #[must_use]
    pub fn ways(&self) -> &[Way] {
        match self {
            Self::By(ways) => ways,
            Self::Never => &[],
        }
    }

    /// Their words, in the order they are tried.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        self.ways().iter().map(|way| way.as_str()).collect()
    }

    /// Whether [`super::Broker::find`] can look for it.
    #[must_use]
    pub fn can_look(&self) -> bool {
        self.ways().iter().any(|way| !matches!(way, Way::Key { .. }))
    }

    /// Whether no second object can stand where one does.
    #[must_use]
    pub fn is_by_place(&self) -> bool {
        self.ways().iter().any(|way| matches!(way, Way::Name | Way::Id | Way::Content))
    }

    /// How long a creation can be asked for again without making a second object.
    #[must_use]
    pub fn repeatable_for(&self) -> Option<Duration> {
        self.ways().iter().find_map(|way| match way {
            Way::Key { lifetime } => Some(*lifetime),
            _ => None,
        })
    }
}

impl FromIterator<Way> for Finding {
    fn from_iter<T: IntoIterator<Item = Way>>(ways: T) -> Self {
        let ways: Vec<Way> = ways.into_iter().collect();
        if ways.is_empty() { Self::Never } else { Self::By(ways) }
    }
}
