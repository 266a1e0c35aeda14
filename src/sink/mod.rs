//! Where bound outputs land.

mod dotenv;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use provision::store::{StoreError, make_private, write_atomic};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

pub use dotenv::{quote, shell_quote};

/// A variable and its value, which may be a secret.
pub type Variable = (String, Zeroizing<String>);

/// Where bound outputs land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A dotenv file; lines and comments of others are kept.
    Dotenv(PathBuf),
    /// A JSON object; keys of others are kept.
    Json(PathBuf),
    /// Standard output, after a run.
    Stdout,
    /// Standard output, as one more JSON event.
    Events,
    /// Nowhere.
    None,
}

impl Sink {
    /// Brings the sink to `variables`, taking out `obsolete` ones. An unchanged file is not touched.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn sync(&self, variables: &[Variable], obsolete: &[String]) -> Result<(), StoreError> {
        match self {
            Self::None => Ok(()),
            Self::Events => {
                let pairs = variables.iter();
                let pairs = pairs.map(|(name, value)| (name.clone(), value.as_str().into()));
                let bound: Map<String, Value> = pairs.collect();
                crate::terminal::out(json!({
                    "format_version": crate::view::FORMAT_VERSION, "type": "bound", "variables": bound,
                }));
                Ok(())
            }
            Self::Stdout => {
                for (name, value) in variables {
                    crate::terminal::out(format!("{name}={}", quote(value)));
                }
                Ok(())
            }
            Self::Dotenv(path) => {
                rewrite(path, |text| Ok(dotenv::rewrite(text, variables, obsolete)))
            }
            Self::Json(path) => rewrite(path, |text| rewrite_json(text, variables, obsolete)),
        }
    }
}

fn rewrite(path: &Path, change: impl FnOnce(&str) -> io::Result<String>) -> Result<(), StoreError> {
    let failed = |doing| move |source| StoreError::Io { doing, path: path.to_owned(), source };
    let old = match fs::read_to_string(path) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("read")(error)),
    };
    let before = old.as_ref().map(|text| text.as_str());
    let new = change(before.unwrap_or_default()).map_err(failed("change"))?;
    let new = Zeroizing::new(new);
    if new.is_empty() && old.is_none() {
        return Ok(());
    }
    if before == Some(new.as_str()) {
        return make_private(path).map_err(failed("take the rights of others from"));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    write_atomic(path, new.as_bytes())
}

fn rewrite_json(text: &str, variables: &[Variable], obsolete: &[String]) -> io::Result<String> {
    let mut object: Map<String, Value> =
        if text.trim().is_empty() { Map::new() } else { serde_json::from_str(text)? };
    for name in obsolete {
        object.shift_remove(name);
    }
    for (name, value) in variables {
        object.insert(name.clone(), Value::from(value.as_str()));
    }
    if object.is_empty() && text.is_empty() {
        return Ok(String::new());
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&object)?))
}
