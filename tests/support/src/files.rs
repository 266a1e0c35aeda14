//! Every file below some folders, to compare before and after.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Every file below some folders: its mode and its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Files(BTreeMap<String, (u32, Vec<u8>)>);

impl Files {
    /// What is below the folders, each under its label.
    #[must_use]
    pub fn of(folders: &[(&str, &Path)]) -> Self {
        let mut files = BTreeMap::new();
        for (label, folder) in folders {
            for path in below(folder) {
                let inside = path.strip_prefix(folder).unwrap_or(&path).display();
                files.insert(format!("{label}/{inside}"), content(&path));
            }
        }
        Self(files)
    }

    /// The names of the files that hold `text`.
    #[must_use]
    pub fn holding(&self, text: &str) -> Vec<&str> {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        let found = self.0.iter().filter(|(_, (_, bytes))| holds(bytes));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Every file with its bytes; of a link where it points.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, (_, bytes))| (name.as_str(), bytes.as_slice()))
    }

    /// The permission bits of a file.
    #[must_use]
    pub fn mode(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|(mode, _)| mode & 0o777)
    }

    /// What differs from `before`, a line for each file.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let names: std::collections::BTreeSet<_> = self.0.keys().chain(before.0.keys()).collect();
        let change = |name: &&String| match (before.0.get(*name), self.0.get(*name)) {
            (None, _) => Some(format!("added {name}")),
            (_, None) => Some(format!("removed {name}")),
            (old, new) => (old != new).then(|| format!("changed {name}")),
        };
        names.iter().filter_map(change).collect()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |(mode, bytes): &(u32, Vec<u8>)| format!("{:o}, {} bytes", mode, bytes.len());
        f.debug_map().entries(self.0.iter().map(|(name, file)| (name, size(file)))).finish()
    }
}

fn content(path: &Path) -> (u32, Vec<u8>) {
    let metadata = fs::symlink_metadata(path).expect("a file that was just listed");
    let bytes = match metadata.file_type() {
        kind if kind.is_file() => fs::read(path).expect("a file that can be read"),
        kind if kind.is_symlink() => {
            fs::read_link(path).expect("a link").into_os_string().into_encoded_bytes()
        }
        _ => Vec::new(),
    };
    (metadata.permissions().mode(), bytes)
}

/// Everything below `folder`, folders included, sorted.
#[must_use]
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder to copy to");
    for path in below(from) {
        let target = to.join(path.strip_prefix(from).expect("a path below the folder"));
        if path.is_dir() {
            fs::create_dir_all(&target).expect("a folder of the copy");
        } else {
            fs::copy(&path, &target).expect("a file of the copy");
        }
    }
}
