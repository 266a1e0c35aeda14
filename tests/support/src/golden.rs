//! Texts that are kept beside the tests and compared with what happens.

use std::fs;
use std::path::Path;

use similar::TextDiff;

/// The variable that, set to `1`, rewrites golden files instead of comparing with them.
pub const UPDATE: &str = "UPDATE_SCRIPTS";

/// Compares `actual` with the golden file at `path`.
///
/// # Panics
/// When they differ and `UPDATE_SCRIPTS=1` is not set.
#[track_caller]
pub fn check(path: &Path, actual: &str) {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the folder of golden files");
        }
        return fs::write(path, actual).expect("the golden file is written");
    }
    let diff = TextDiff::from_lines(&expected, actual);
    let diff = diff.unified_diff().header("expected", "actual").to_string();
    panic!("{} differs; {UPDATE}=1 rewrites it\n{diff}", path.display());
}
