//! The paths of local services: where they lead, and what stands there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use provision::broker::{BrokerError, ErrorKind, FindRequest};
use provision::place::{Bounds, Escape};

use super::{Settings, invalid, params};

/// The names of the files below `folder`, relative to it and with `/`, sorted. Links are refused:
/// what is uploaded is what is in the folder.
pub(crate) fn files_below(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((place, prefix)) = open.pop() {
        for entry in fs::read_dir(&place)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::other(format!("the name {} is not UTF-8", name.display()))
            })?;
            let name = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                names.push(name);
            } else {
                return Err(io::Error::other(format!("`{name}` is no file and no folder")));
            }
        }
    }
    names.sort();
    Ok(names)
}

impl Settings {
    /// The absolute place of `path`, free of symbolic links, where something may be written.
    pub(super) fn place(&self, path: &str) -> Result<PathBuf, BrokerError> {
        self.bounds().unlinked(path).map_err(refused)
    }

    /// The real place of `path`, something that exists and is only read.
    pub(crate) fn existing(&self, path: &str) -> Result<PathBuf, BrokerError> {
        self.bounds().existing(path).map_err(refused)
    }

    /// The folder that paths stay in.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { root: self.root.clone(), allow_outside: self.allow_outside }
    }
}

/// The failure to use a path.
pub(super) fn refused(escape: Escape) -> BrokerError {
    let message = escape.to_string();
    match escape {
        Escape::Io { source, path, .. } if source.kind() == io::ErrorKind::NotFound => {
            invalid(format!("`{path}` does not exist"))
        }
        Escape::Io { source, doing, path } => failed(doing, &path, &source),
        other => match other.help() {
            Some(help) => invalid(message).help(help),
            None => invalid(message),
        },
    }
}

/// The failure to `verb` what stands at `path`.
pub(super) fn failed(verb: &str, path: &str, error: &io::Error) -> BrokerError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Unauthorized,
        io::ErrorKind::InvalidInput => ErrorKind::Invalid,
        _ => ErrorKind::Failed,
    };
    BrokerError::new(kind, format!("cannot {verb} `{path}`: {error}"))
}

/// What stands at `place`, nothing when it is definitely not there.
fn metadata(place: &Path, path: &str) -> Result<Option<fs::Metadata>, BrokerError> {
    match fs::symlink_metadata(place) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("look at", path, &error)),
    }
}

/// Whether `what` stands at `place`; anything else there is in the way.
pub(super) fn stands(
    place: &Path,
    path: &str,
    what: &str,
    fits: impl FnOnce(&fs::Metadata) -> bool,
) -> Result<bool, BrokerError> {
    match metadata(place, path)? {
        None => Ok(false),
        Some(found) if fits(&found) => Ok(true),
        Some(_) => {
            let message = format!("`{path}` exists and is not {what}");
            Err(BrokerError::new(ErrorKind::Conflict, message))
        }
    }
}

/// The path to look at: the one the user named, or else the one of the params.
pub(super) fn to_find(request: &FindRequest) -> Result<&str, BrokerError> {
    match &request.instance_id {
        Some(path) => Ok(path),
        None => params::required_text(&request.params, "path"),
    }
}

/// Removes the file at `place`; one that is not there is removed already.
pub(super) fn remove_file(place: &Path, path: &str) -> Result<(), BrokerError> {
    match fs::remove_file(place) {
        Err(error) if !is_absent(&error) => Err(failed("remove", path, &error)),
        _ => Ok(()),
    }
}

/// Makes the folder of `place` and those above it, and returns it.
pub(super) fn make_parent<'a>(place: &'a Path, path: &str) -> Result<&'a Path, BrokerError> {
    let folder = place.parent().unwrap_or(place);
    fs::create_dir_all(folder).map_err(|error| failed("make the folder of", path, &error))?;
    Ok(folder)
}

// A parent that is a file means absent too: nothing can stand below it.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;
    use super::*;

    #[test]
    fn a_path_inside_is_found_however_it_is_written() {
        let project = Project::new();
        let expected = project.real("a/b");
        let absolute = project.path("a/b").display().to_string();
        for path in ["a/b", "./a/./b", "c/../a/b", &absolute] {
            assert_eq!(project.settings().place(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_path_outside_is_refused_unless_allowed() {
        let project = Project::new();
        let other = Project::new();
        let absolute = other.path("x").display().to_string();
        for path in ["../x", "a/../../x", &absolute] {
            let error = project.settings().place(path).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(path), "{error}");
            assert!(error.help.unwrap().contains("--allow-outside"));
        }
        let settings = Settings { allow_outside: true, ..project.settings() };
        assert_eq!(settings.place(&absolute).unwrap(), other.real("x"));
    }

    #[test]
    fn the_project_folder_and_those_around_it_are_refused() {
        let project = Project::new();
        let settings = Settings { allow_outside: true, ..project.settings() };
        for path in [".", "a/..", "..", "/"] {
            let error = settings.place(path).unwrap_err();
            assert!(error.message.contains("project folder"), "{error}");
        }
        assert!(settings.place("").is_err());
    }

    #[test]
    fn a_parent_that_is_a_file_means_nothing_is_there() {
        let project = Project::new();
        project.write("a", "text");
        assert!(metadata(&project.path("a/b"), "a/b").unwrap().is_none());
        remove_file(&project.path("a/b"), "a/b").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_refused() {
        let project = Project::new();
        let other = Project::new();
        project.link("out", &other.path(""));
        project.link("nowhere", &other.path("missing"));
        for path in ["out/x", "out/deep/x", "out", "nowhere", "nowhere/x"] {
            assert!(project.settings().place(path).is_err(), "{path}");
        }
        other.write("x", "text");
        assert!(project.settings().existing("out/x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_stay_inside_are_followed_but_the_last() {
        let project = Project::new();
        project.write("real/x", "text");
        project.link("folder", &project.path("real"));
        project.link("file", &project.path("real/x"));
        let settings = project.settings();
        assert_eq!(settings.place("folder/x").unwrap(), project.real("real/x"));
        assert_eq!(settings.existing("file").unwrap(), project.real("real/x"));
        assert_eq!(settings.place("file").unwrap_err().message, "`file` is a symbolic link");
    }
}
