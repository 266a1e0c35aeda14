//! The identity that opens what is sealed, and who else could read it.

use std::path::Path;

use super::{Finding, Known};
use crate::credentials::Credentials;
use crate::failure::sentence;
use crate::vault::AgeVault;

const CHECK: &str = "identity";

/// Whether it is there, opens what is sealed, and is private; and that credentials are private.
pub fn examine(credentials: &Credentials, known: &Known) -> Vec<Finding> {
    let mut findings = match credentials.providers() {
        Ok(stored) => vec![identity(credentials.vault(), stored.len(), known)],
        Err(error) => {
            let fix = "Make the folder readable for yourself.";
            vec![Finding::problem("credentials", sentence(&error.to_string()), fix)]
        }
    };
    for provider in credentials.providers().unwrap_or_default() {
        let path = credentials.path(&provider);
        findings.extend(exposed("credentials", &path).map(|finding| finding.about(&provider)));
    }
    findings
}

fn identity(vault: &AgeVault, stored: usize, known: &Known) -> Finding {
    let place = vault.place();
    let restore = "Restore it from a backup, or point PROV_AGE_IDENTITY at it.";
    let at_hand = match vault.at_hand() {
        Ok(keys) => keys.len(),
        Err(error) => return Finding::problem(CHECK, sentence(&error.0), restore),
    };
    let sealed = known.sealed + stored;
    if at_hand == 0 && sealed == 0 {
        let message = "none yet; one is made when the first secret is sealed";
        return Finding::ok(CHECK, message);
    }
    if at_hand == 0 {
        let message = format!("there is none at {place}, and {sealed} secrets are sealed");
        return Finding::problem(CHECK, message, restore);
    }
    if let Some(finding) = vault.file().and_then(|file| exposed(CHECK, file)) {
        return finding;
    }
    match known.sealed - known.opened {
        0 => Finding::ok(CHECK, place),
        closed => Finding::warning(
            CHECK,
            format!("{place} does not open {closed} of the {} sealed outputs", known.sealed),
            "Point PROV_AGE_IDENTITY at the identity of one of the recipients.",
        ),
    }
}

/// A warning when others than its owner may read a file.
#[cfg(unix)]
fn exposed(check: &'static str, path: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0).then(|| {
        let message = format!("{path} can be read by others than you (mode {mode:04o})");
        Finding::warning(check, message, format!("`chmod 600 {path}`"))
    })
}

#[cfg(not(unix))]
fn exposed(_check: &'static str, _path: &Path) -> Option<Finding> {
    None
}
