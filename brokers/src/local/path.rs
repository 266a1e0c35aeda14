//! Where a path of the config leads, and that it stays inside the project.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use provision::broker::{BrokerError, ErrorKind, FindRequest};

use super::{Settings, invalid, params};

const OUTSIDE_HELP: &str = "Move it into the project folder, or pass `--allow-outside`.";

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
        let wanted = self.absolute(path)?;
        let root = self.real_root()?;
        let (Some(parent), Some(name)) = (wanted.parent(), wanted.file_name()) else {
            return Err(contains_project(path));
        };
        let place = real_folder(parent, path)?.join(name);
        self.check_inside(&root, &place, path)?;
        if root.starts_with(&place) {
            return Err(contains_project(path));
        }
        if fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink()) {
            let help = "Remove the link, or give the path it leads to.";
            return Err(invalid(format!("`{path}` is a symbolic link")).help(help));
        }
        Ok(place)
    }

    /// The real place of `path`, something that exists and is only read.
    pub(crate) fn existing(&self, path: &str) -> Result<PathBuf, BrokerError> {
        let wanted = self.absolute(path)?;
        let real = fs::canonicalize(wanted).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => invalid(format!("`{path}` does not exist")),
            _ => failed("look at", path, &error),
        })?;
        self.check_inside(&self.real_root()?, &real, path)?;
        Ok(real)
    }

    fn absolute(&self, path: &str) -> Result<PathBuf, BrokerError> {
        if path.is_empty() {
            return Err(invalid("the path is empty"));
        }
        let absolute = normal(&self.root.join(path));
        let inside = self.allow_outside || absolute.starts_with(normal(&self.root));
        if inside || absolute.starts_with(self.real_root()?) {
            return Ok(absolute);
        }
        Err(self.outside(path))
    }

    fn check_inside(&self, root: &Path, place: &Path, path: &str) -> Result<(), BrokerError> {
        if self.allow_outside || place.starts_with(root) {
            return Ok(());
        }
        Err(self.outside(path))
    }

    fn outside(&self, path: &str) -> BrokerError {
        let root = self.root.display();
        invalid(format!("`{path}` leads out of the project folder {root}")).help(OUTSIDE_HELP)
    }

    fn real_root(&self) -> Result<PathBuf, BrokerError> {
        fs::canonicalize(&self.root)
            .map_err(|error| failed("look at", &self.root.display().to_string(), &error))
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

fn contains_project(path: &str) -> BrokerError {
    invalid(format!("`{path}` is the project folder or a folder around it"))
        .help("Give a path below the project folder.")
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
fn real_folder(folder: &Path, path: &str) -> Result<PathBuf, BrokerError> {
    for ancestor in folder.ancestors() {
        if metadata(ancestor, path)?.is_none() {
            continue;
        }
        // A link that leads nowhere exists as a link, and fails here.
        let real = fs::canonicalize(ancestor)
            .map_err(|error| failed("follow the links of", path, &error))?;
        let rest = folder.strip_prefix(ancestor).unwrap_or(Path::new(""));
        return Ok(real.join(rest));
    }
    Err(invalid(format!("`{path}` is below nothing that exists")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;
    use super::*;

    #[test]
    fn text_alone_tells_whether_a_path_escapes() {
        for inside in ["a", "./a/b", "a/../b", "a/./../b/", ""] {
            assert!(!escapes(inside), "{inside}");
        }
        for outside in ["..", "../a", "a/../../b", "/etc/passwd", "a/../.."] {
            assert!(escapes(outside), "{outside}");
        }
    }

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
            assert_eq!(error.help.as_deref(), Some(OUTSIDE_HELP));
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
