//! The folder of migrations: `NNNN_tag.json`, `meta/NNNN_snapshot.json` and `meta/_journal.json`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{StoreError, write_shared};
use crate::migration::{Migration, digest_of, refs_of};

/// A folder of migrations.
#[derive(Clone, Debug)]
pub struct HistoryFolder {
    folder: PathBuf,
}

/// Why the history cannot be trusted. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file that the history lists is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what it has to be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A migration differs from its recorded digest.
    #[error("the migration `{tag}` was edited: its files do not match the digest in {}", journal.display())]
    Edited {
        /// The migration.
        tag: String,
        /// The list with the digest.
        journal: PathBuf,
    },
    /// A migration does not follow the one it was written after.
    #[error("the migration `{tag}` was written after another one than the one before it in {}", journal.display())]
    Reordered {
        /// The migration.
        tag: String,
        /// The list.
        journal: PathBuf,
    },
    /// Two migrations have one index.
    #[error("the migrations `{first}` and `{second}` have the same index")]
    Collision {
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A migration file that the list does not know.
    #[error("{} is not listed in meta/_journal.json", path.display())]
    Unlisted {
        /// The file.
        path: PathBuf,
    },
}

impl HistoryError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Store(_) => "Check the folder's permissions and the free space.",
            Self::Missing { .. } | Self::Damaged { .. } | Self::Edited { .. } => {
                "Restore the file, e.g. from version control; to change what was migrated, \
                 generate a new migration."
            }
            Self::Reordered { .. } => {
                "Restore the order, e.g. from version control. After a merge of two branches, \
                 delete the migration that was not shared yet and generate it again."
            }
            Self::Collision { .. } => {
                "Two branches made a migration each: delete the one that was not shared yet, with \
                 its snapshot and its line in meta/_journal.json, and generate it again."
            }
            Self::Unlisted { .. } => {
                "Delete it if `prov generate` was interrupted, or restore meta/_journal.json."
            }
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct ListV1 {
    version: String,
    entries: Vec<EntryV1>,
}

#[derive(Clone, Serialize, Deserialize)]
struct EntryV1 {
    idx: u32,
    tag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
}

impl HistoryFolder {
    /// The history in `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Reads and verifies the whole history, oldest first. Changes nothing.
    ///
    /// # Errors
    /// When a file is missing, edited, reordered, colliding or unlisted.
    pub fn load(&self) -> Result<Vec<Migration>, HistoryError> {
        let entries = self.entries()?;
        self.check_files(&entries)?;
        let mut history: Vec<Migration> = Vec::with_capacity(entries.len());
        for entry in &entries {
            let migration = self.read(entry)?;
            self.check_chain(entry, &migration, history.last())?;
            history.push(migration);
        }
        Ok(history)
    }

    /// The indexes that `@suluk/provision` noted as applied beside the history.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn foreign_ledger(&self) -> Result<Option<Vec<u32>>, HistoryError> {
        let path = self.folder.join("meta/_applied.json");
        let Some(value) = read_json(&path)? else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| damaged(&path, &error))
    }

    /// Adds a migration after `history`: its steps, its snapshot, and last the line that makes it
    /// part of the history.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, migration: &Migration, history: &[Migration]) -> Result<(), HistoryError> {
        let meta = self.folder.join("meta");
        fs::create_dir_all(&meta).map_err(|source| StoreError::Io {
            doing: "create",
            path: meta.clone(),
            source,
        })?;
        let steps =
            json!({ "idx": migration.index, "tag": migration.tag, "steps": migration.steps });
        write_json(&self.steps_path(&migration.tag), &steps)?;
        let snapshot = Value::Object(migration.snapshot.clone());
        write_json(&self.snapshot_path(migration.index), &snapshot)?;
        let mut entries = self.entries()?;
        entries.push(EntryV1 {
            idx: migration.index,
            tag: migration.tag.clone(),
            sha256: Some(migration.sha256.clone()),
            prev: history.last().map(|last| last.sha256.clone()),
        });
        let list = ListV1 { version: "1".to_owned(), entries };
        write_json(&self.list_path(), &serde_json::to_value(list).unwrap_or_default())
    }

    fn list_path(&self) -> PathBuf {
        self.folder.join("meta/_journal.json")
    }

    fn steps_path(&self, tag: &str) -> PathBuf {
        self.folder.join(format!("{tag}.json"))
    }

    fn snapshot_path(&self, index: u32) -> PathBuf {
        self.folder.join(format!("meta/{index:04}_snapshot.json"))
    }

    fn entries(&self) -> Result<Vec<EntryV1>, HistoryError> {
        let path = self.list_path();
        let Some(value) = read_json(&path)? else { return Ok(Vec::new()) };
        let list: ListV1 = serde_json::from_value(value).map_err(|error| damaged(&path, &error))?;
        if list.version != "1" {
            let reason = format!("its version is {}, this program knows 1", list.version);
            return Err(HistoryError::Damaged { path, reason });
        }
        for (position, entry) in list.entries.iter().enumerate() {
            check_entry(entry, position, &list.entries, &path)?;
        }
        Ok(list.entries)
    }

    /// Every numbered file belongs to the history, and no two to one index.
    fn check_files(&self, entries: &[EntryV1]) -> Result<(), HistoryError> {
        let mut by_index: BTreeMap<String, String> = BTreeMap::new();
        for name in list_files(&self.folder)? {
            let Some(tag) = name.strip_suffix(".json").filter(|tag| is_tag(tag)) else { continue };
            let index = tag.split('_').next().unwrap_or_default().to_owned();
            if let Some(first) = by_index.insert(index, tag.to_owned()) {
                return Err(HistoryError::Collision { first, second: tag.to_owned() });
            }
            if !entries.iter().any(|entry| entry.tag == tag) {
                return Err(HistoryError::Unlisted { path: self.folder.join(name) });
            }
        }
        Ok(())
    }

    fn read(&self, entry: &EntryV1) -> Result<Migration, HistoryError> {
        let (steps_path, snapshot_path) =
            (self.steps_path(&entry.tag), self.snapshot_path(entry.idx));
        let steps = read_object(&steps_path)?;
        let snapshot = read_object(&snapshot_path)?;
        let steps = match steps.get("steps") {
            Some(Value::Array(steps)) => steps.clone(),
            _ => return Err(damaged(&steps_path, &"it has no steps")),
        };
        if !snapshot.get("instances").is_some_and(Value::is_array) {
            return Err(damaged(&snapshot_path, &"it has no instances"));
        }
        let mut refs = HashSet::new();
        if let Some(twice) = refs_of(&snapshot).into_iter().find(|name| !refs.insert(name.clone()))
        {
            return Err(damaged(&snapshot_path, &format!("the ref `{twice}` is in it twice")));
        }
        let sha256 =
            digest_of(&snapshot, &steps).map_err(|error| damaged(&snapshot_path, &error))?;
        Ok(Migration { index: entry.idx, tag: entry.tag.clone(), snapshot, steps, sha256 })
    }

    fn check_chain(
        &self,
        entry: &EntryV1,
        migration: &Migration,
        before: Option<&Migration>,
    ) -> Result<(), HistoryError> {
        let (tag, journal) = (entry.tag.clone(), self.list_path());
        if entry.sha256.as_ref().is_some_and(|sha256| *sha256 != migration.sha256) {
            return Err(HistoryError::Edited { tag, journal });
        }
        // Entries of `@suluk/provision` carry no digests; they are chained by what follows them.
        let is_chained = entry.sha256.is_some();
        if is_chained && entry.prev.as_ref() != before.map(|before| &before.sha256) {
            return Err(HistoryError::Reordered { tag, journal });
        }
        Ok(())
    }
}

fn check_entry(
    entry: &EntryV1,
    position: usize,
    entries: &[EntryV1],
    journal: &Path,
) -> Result<(), HistoryError> {
    let earlier = entries.iter().take(position).find(|known| known.idx == entry.idx);
    if let Some(earlier) = earlier {
        let (first, second) = (earlier.tag.clone(), entry.tag.clone());
        return Err(HistoryError::Collision { first, second });
    }
    if !is_tag(&entry.tag) || !entry.tag.starts_with(&format!("{:04}_", entry.idx)) {
        let reason = format!("`{}` is not a tag of index {}", entry.tag, entry.idx);
        return Err(HistoryError::Damaged { path: journal.to_owned(), reason });
    }
    if usize::try_from(entry.idx) != Ok(position) {
        let (tag, journal) = (entry.tag.clone(), journal.to_owned());
        return Err(HistoryError::Reordered { tag, journal });
    }
    Ok(())
}

/// Whether a text is `NNNN_name`, and no way out of the folder.
fn is_tag(text: &str) -> bool {
    let Some((index, name)) = text.split_once('_') else { return false };
    index.len() >= 4
        && index.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn list_files(folder: &Path) -> Result<Vec<String>, HistoryError> {
    let failed = |source| StoreError::Io { doing: "list", path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> HistoryError {
    HistoryError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

fn read_json(path: &Path) -> Result<Option<Value>, HistoryError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StoreError::Io { doing: "read", path: path.to_owned(), source }.into());
        }
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(path, &error))
}

fn read_object(path: &Path) -> Result<Map<String, Value>, HistoryError> {
    match read_json(path)? {
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(damaged(path, &"it is not an object")),
        None => Err(HistoryError::Missing { path: path.to_owned() }),
    }
}

fn write_json(path: &Path, value: &Value) -> Result<(), HistoryError> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    Ok(write_shared(path, &bytes)?)
}
