//! Replaces files as a whole: after a crash there is either the old one or the new one.

use std::path::Path;

use super::StoreError;
use super::disk::{Disk, SystemDisk};

/// Replaces a file as a whole, readable by its owner alone: after a crash there is either the old
/// one or the new one.
///
/// # Errors
/// When the new one may not survive a crash.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(&SystemDisk, path, bytes, 0o600)
}

/// [`write_atomic`] for a file that is committed and read by everybody.
///
/// # Errors
/// When the new one may not survive a crash.
pub fn write_shared(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(&SystemDisk, path, bytes, 0o644)
}

/// [`write_atomic`] on any disk and with any rights. What a crash left of earlier drafts goes, too:
/// it may hold what nobody looks for there.
pub(super) fn write_whole(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> Result<(), StoreError> {
    disk.sweep(path).map_err(StoreError::io("clear what a crash left of", path))?;
    let (draft, mut file) = disk.draft(path, mode).map_err(StoreError::io("write beside", path))?;
    let written = file
        .write(bytes)
        .map_err(StoreError::io("write", path))
        .and_then(|()| file.sync().map_err(StoreError::io("sync", path)))
        .and_then(|()| disk.rename(&draft, path).map_err(StoreError::io("replace", path)));
    if written.is_err() {
        // The failure is what has to be told; a draft that stays is swept by the next write.
        drop(disk.remove(&draft));
    }
    written?;
    disk.sync_folder(path).map_err(StoreError::io("sync the folder of", path))
}
