//! Whether the journal's folder can be written and has room.

use std::path::Path;

use super::Finding;
use crate::context::Project;

/// Less room than this is a warning, in MiB. A journal of ten thousand instances takes ten.
const FREE_MIN: u64 = 100;

/// What the folder of the journal is like, or will be like once it is made.
pub fn examine(project: &Project, root: &Path) -> Vec<Finding> {
    let folder = project.store.path().parent().unwrap_or(root);
    let shown = folder.strip_prefix(root).unwrap_or(folder).display().to_string();
    let shown = if shown.is_empty() { ".".to_owned() } else { shown };
    let Some(there) = folder.ancestors().find(|folder| folder.exists()) else {
        return Vec::new();
    };
    if !there.is_dir() {
        let message = format!("{} is in the way of the folder {shown}", there.display());
        return vec![Finding::problem("folder", message, "Move it, or set `journal`.")];
    }
    vec![writable(there, &shown), free(there)]
}

#[cfg(unix)]
fn writable(folder: &Path, shown: &str) -> Finding {
    use rustix::fs::{Access, access};
    match access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::ok("folder", format!("{shown} can be written")),
        Err(error) => Finding::problem(
            "folder",
            format!("{shown} cannot be written: {error}"),
            format!("Run as its owner, or give yourself the right: `chmod u+wx {shown}`."),
        ),
    }
}

#[cfg(not(unix))]
fn writable(_folder: &Path, shown: &str) -> Finding {
    Finding::skipped("folder", format!("{shown}; not looked at on this system"))
}

#[cfg(unix)]
fn free(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => judge(disk.f_bavail.saturating_mul(disk.f_frsize) >> 20),
        Err(error) => Finding::skipped("disk", format!("cannot be asked: {error}")),
    }
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Finding {
    Finding::skipped("disk", "not looked at on this system")
}

fn judge(mebibytes: u64) -> Finding {
    if mebibytes < FREE_MIN {
        let message = format!("{mebibytes} MiB are free");
        let fix = "Make room: a run that cannot write its log stops.";
        return Finding::warning("disk", message, fix);
    }
    let words = match mebibytes >> 10 {
        0 => format!("{mebibytes} MiB are free"),
        gibibytes => format!("{gibibytes} GiB are free"),
    };
    Finding::ok("disk", words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn little_room_is_a_warning() {
        for (mebibytes, status, words) in [
            (99, Status::Warning, "99 MiB are free"),
            (100, Status::Ok, "100 MiB are free"),
            (20 << 10, Status::Ok, "20 GiB are free"),
        ] {
            let finding = judge(mebibytes);
            assert_eq!((finding.status, finding.message.as_str()), (status, words));
        }
    }
}
