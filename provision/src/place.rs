//! Where a path really leads, and that it stays inside the project: the one place that decides it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The folder that paths stay in.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// The project's folder, absolute: paths are relative to it.
    pub root: PathBuf,
    /// Whether paths may lead out of it all the same.
    pub allow_outside: bool,
}

/// Why a path is not used.
#[derive(Debug, thiserror::Error)]
pub enum Escape {
    /// It is no path.
    #[error("the path is empty")]
    Empty,
    /// It is written so that it leads out, or passes a link that does.
    #[error("`{path}` leads out of the project folder {}", root.display())]
    Outside {
        /// The path as it was written.
        path: String,
        /// The project's folder.
        root: PathBuf,
    },
    /// It is itself a link that leads out.
    #[error("`{path}` is a symbolic link to {}, out of the project folder {}", to.display(), root.display())]
    LinkOut {
        /// The path as it was written.
        path: String,
        /// Where it leads.
        to: PathBuf,
        /// The project's folder.
        root: PathBuf,
    },
    /// It is a link, where none may be.
    #[error("`{path}` is a symbolic link")]
    Link {
        /// The path as it was written.
        path: String,
    },
    /// It is a link to what is not there.
    #[error("`{path}` is a symbolic link to {}, which is not there", to.display())]
    Dangling {
        /// The path as it was written.
        path: String,
        /// Where it leads.
        to: PathBuf,
    },
    /// It would replace what everything stands in.
    #[error("`{path}` is the project folder or a folder around it")]
    Around {
        /// The path as it was written.
        path: String,
    },
    /// What stands there cannot be seen.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// What was tried, e.g. `look at`.
        doing: &'static str,
        /// The path as it was written.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Escape {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Outside { .. } => {
                Some("Move it into the project folder, or pass `--allow-outside`.")
            }
            Self::LinkOut { .. } => {
                Some("Remove the link, or pass `--allow-outside` if it is meant to be followed.")
            }
            Self::Link { .. } => Some(
                "Remove the link, or give the path it leads to; one out of the project folder needs \
                 `--allow-outside`.",
            ),
            Self::Dangling { .. } => Some(
                "Remove the link, or make what it leads to; out of the project folder it is \
                 followed only with `--allow-outside`.",
            ),
            Self::Around { .. } => Some("Give a path below the project folder."),
            Self::Empty | Self::Io { .. } => None,
        }
    }
}

impl Bounds {
    /// The real place of a path that somebody wrote into a config, where something may be written:
    /// free of links, and itself none.
    ///
    /// # Errors
    /// When it leads out, or is a link, or the project's folder.
    pub fn unlinked(&self, path: &str) -> Result<PathBuf, Escape> {
        let place = self.place(Path::new(path), path)?;
        match link_at(&place) {
            Some(_) => Err(Escape::Link { path: path.to_owned() }),
            None => Ok(place),
        }
    }

    /// The real place of a file or folder of prov's own, where something may be written. A link is
    /// followed as long as it stays inside.
    ///
    /// # Errors
    /// When it, or a link on the way, leads out or nowhere.
    pub fn own(&self, path: &Path) -> Result<PathBuf, Escape> {
        let shown = self.shown(path);
        let place = self.place(path, &shown)?;
        let Some(to) = link_at(&place) else { return Ok(place) };
        match fs::canonicalize(&place) {
            Ok(real) if self.allow_outside || real.starts_with(self.real_root()?) => Ok(real),
            Ok(to) => Err(Escape::LinkOut { path: shown, to, root: self.root.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Escape::Dangling { path: shown, to })
            }
            Err(source) => Err(Escape::Io { doing: "follow", path: shown, source }),
        }
    }

    /// The place of a path that the user typed. One outside is meant to be there; one inside stays
    /// inside like every other.
    ///
    /// # Errors
    /// When it looks like one inside, and a link leads out or nowhere.
    pub fn typed(&self, path: &Path) -> Result<PathBuf, Escape> {
        let place = std::path::absolute(path).map(|path| normal(&path));
        match place {
            Ok(place) if place.starts_with(normal(&self.root)) => self.own(&place),
            _ => Ok(path.to_owned()),
        }
    }

    /// The real place of a path, something that exists and is only read.
    ///
    /// # Errors
    /// When it is not there, or leads out.
    pub fn existing(&self, path: &str) -> Result<PathBuf, Escape> {
        let wanted = self.absolute(Path::new(path), path)?;
        let real = fs::canonicalize(wanted).map_err(io_error("look at", path))?;
        self.check_inside(&real, path)?;
        Ok(real)
    }

    /// The real place of a path, its last link not followed.
    fn place(&self, path: &Path, shown: &str) -> Result<PathBuf, Escape> {
        let wanted = self.absolute(path, shown)?;
        let around = || Escape::Around { path: shown.to_owned() };
        let (Some(parent), Some(name)) = (wanted.parent(), wanted.file_name()) else {
            return Err(around());
        };
        let place = real_folder(parent, shown)?.join(name);
        self.check_inside(&place, shown)?;
        if self.real_root()?.starts_with(&place) { Err(around()) } else { Ok(place) }
    }

    fn absolute(&self, path: &Path, shown: &str) -> Result<PathBuf, Escape> {
        if path.as_os_str().is_empty() {
            return Err(Escape::Empty);
        }
        let absolute = normal(&self.root.join(path));
        let inside = self.allow_outside || absolute.starts_with(normal(&self.root));
        if inside || absolute.starts_with(self.real_root()?) {
            return Ok(absolute);
        }
        Err(self.outside(shown))
    }

    fn check_inside(&self, place: &Path, shown: &str) -> Result<(), Escape> {
        if self.allow_outside || place.starts_with(self.real_root()?) {
            return Ok(());
        }
        Err(self.outside(shown))
    }

    fn outside(&self, shown: &str) -> Escape {
        Escape::Outside { path: shown.to_owned(), root: self.root.clone() }
    }

    /// A path as messages call it: relative to the project's folder where it is below it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    fn real_root(&self) -> Result<PathBuf, Escape> {
        let shown = self.root.display().to_string();
        fs::canonicalize(&self.root).map_err(io_error("look at", &shown))
    }
}

/// Whether `path`, taken as text alone, leads out of the folder it is relative to.
///
/// An absolute path counts as leading out, since only the file system can tell where it ends.
#[must_use]
pub fn escapes(path: &str) -> bool {
    let mut depth = 0_usize;
    for component in Path::new(path).components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

fn io_error<'a>(doing: &'static str, path: &'a str) -> impl FnOnce(io::Error) -> Escape + 'a {
    move |source| Escape::Io { doing, path: path.to_owned(), source }
}

/// Where the link at `place` leads, when there is one.
fn link_at(place: &Path) -> Option<PathBuf> {
    fs::read_link(place).ok()
}

/// `path` without `.` and `..`, by its text.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// `folder` with its existing part made real: the rest cannot be a link, as it is not there.
fn real_folder(folder: &Path, shown: &str) -> Result<PathBuf, Escape> {
    for ancestor in folder.ancestors() {
        match fs::symlink_metadata(ancestor) {
            Err(error) if is_absent(&error) => continue,
            found => found.map_err(io_error("look at", shown))?,
        };
        let real = match fs::canonicalize(ancestor) {
            // A link that leads nowhere exists as a link.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let to = link_at(ancestor).unwrap_or_default();
                return Err(Escape::Dangling { path: shown.to_owned(), to });
            }
            real => real.map_err(io_error("follow the links of", shown))?,
        };
        let rest = folder.strip_prefix(ancestor).unwrap_or(Path::new(""));
        return Ok(real.join(rest));
    }
    let source = io::Error::from(io::ErrorKind::NotFound);
    Err(Escape::Io { doing: "look at", path: shown.to_owned(), source })
}

// A parent that is a file means absent too: nothing can stand below it.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
