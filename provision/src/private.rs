//! Files and folders that only their owner may look into.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// The rights of a file.
pub const FILE: u32 = 0o600;

/// The rights of a folder.
pub const FOLDER: u32 = 0o700;

/// Makes a folder with those above it. One that is there keeps its rights.
///
/// # Errors
/// When there is none afterwards.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER);
    builder.create(folder)
}

/// Opens a file, and takes the rights of others from one that was there. A link is not followed:
/// nobody but prov makes this file.
///
/// # Errors
/// When it cannot be opened, or others keep their rights.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW.bits();
        options.mode(FILE).custom_flags(flags.try_into().unwrap_or_default());
    }
    let file = options.open(path)?;
    restrict(&file, FILE)?;
    Ok(file)
}

/// Takes the rights of others from what is open; without any it is left as it is.
///
/// # Errors
/// When they keep them.
pub fn restrict(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 == 0 {
            return Ok(());
        }
    }
    set_mode(file, mode)
}

/// Gives what is open these rights, where there are any.
///
/// # Errors
/// When it keeps those it has.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, mode);
        Ok(())
    }
}
