//! The file of a saved plan.

use std::path::Path;

use provision::plan::{SavedPlan, Stale, read_saved, write_saved};
use provision::store::write_atomic;

use crate::exit::Exit;
use crate::failure::Failure;

/// Writes the file, readable by its owner alone.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, plan: &SavedPlan) -> Result<(), Failure> {
    // Nothing but an earlier plan is overwritten.
    if !is_free(path, |there| read_saved(&there).is_ok()) {
        let summary = format!("{} is there and is no saved plan.", path.display());
        let help = "Nothing was written. Give another name, or remove it first.";
        return Err(Failure::with_help(Exit::Refused, "file-exists", summary, help));
    }
    let bytes = write_saved(plan)
        .map_err(|error| Failure::new(Exit::Error, "plan-file", format!("{error}.")))?;
    Ok(write_atomic(path, &bytes)?)
}

/// Whether a file may be written at a path: nothing is there, or a file that may be replaced.
pub fn is_free(path: &Path, is_replaceable: impl FnOnce(Vec<u8>) -> bool) -> bool {
    match std::fs::metadata(path) {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(there) => there.is_file() && std::fs::read(path).is_ok_and(is_replaceable),
    }
}

/// Reads the file.
///
/// # Errors
/// When it is no saved plan.
pub fn read(path: &Path) -> Result<SavedPlan, Failure> {
    let failed = |reason: String| {
        let summary = format!("{} is not a saved plan: {reason}.", path.display());
        Failure::with_help(Exit::Error, "plan-file", summary, "Make one: `prov plan --out FILE`.")
    };
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    read_saved(&bytes).map_err(|error| failed(error.to_string()))
}

impl From<Stale> for Failure {
    fn from(stale: Stale) -> Self {
        let summary = format!("The saved plan is stale: {stale}.");
        Self::with_help(Exit::Stale, "stale-plan", summary, "Nothing was changed. Plan again.")
    }
}
