//! The migrations of a database: reading them, and which of them are still to be applied.

use std::fs;
use std::path::Path;

use serde_json::Value;

use provision::broker::{BrokerError, ErrorKind};
use provision::digest;
use provision::value::Resolved;

use super::super::{Settings, invalid, path};

/// A migration as the config has it.
#[derive(Debug)]
pub(super) struct Migration {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) sha256: String,
}

/// A migration as the database remembers it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) name: String,
    pub(super) sha256: String,
}

impl Migration {
    pub(super) fn new(name: &str, sql: &str) -> Self {
        let sha256 = digest::of_bytes(sql.as_bytes()).trim_start_matches("sha256:").to_owned();
        Self { name: name.to_owned(), sql: sql.to_owned(), sha256 }
    }
}

/// The migrations in the order they are applied, `None` when the config has no such param.
pub(super) fn read(
    settings: &Settings,
    params: &Resolved,
) -> Result<Option<Vec<Migration>>, BrokerError> {
    match params.get("migrations") {
        None => Ok(None),
        Some(Value::String(folder)) => read_folder(settings, folder).map(Some),
        Some(Value::Array(list)) => read_list(list).map(Some),
        Some(_) => Err(invalid("the param `migrations` is neither a folder nor a list")),
    }
}

/// A digest of the folder that `migrations` names, `None` when it names none: a list is an input of
/// its own already.
pub(super) fn digest_of_folder(
    settings: &Settings,
    params: &Resolved,
) -> Result<Option<String>, BrokerError> {
    let Some(Value::String(folder)) = params.get("migrations") else { return Ok(None) };
    let mut text = String::new();
    for Migration { name, sha256, .. } in read_folder(settings, folder)? {
        // No file name holds a NUL, so two folders never give the same text.
        text.push_str(&sha256);
        text.push_str(&name);
        text.push('\0');
    }
    Ok(Some(digest::of_bytes(text.as_bytes())))
}

fn read_list(list: &[Value]) -> Result<Vec<Migration>, BrokerError> {
    let mut migrations: Vec<Migration> = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let text = |key| entry.get(key).and_then(Value::as_str);
        let name = text("name").filter(|name| !name.is_empty());
        let (Some(name), Some(sql)) = (name, text("sql")) else {
            return Err(invalid(format!("`migrations[{index}]` has no `name` or no `sql`")));
        };
        if migrations.iter().any(|earlier| earlier.name == name) {
            return Err(invalid(format!("the migration `{name}` is listed twice")));
        }
        migrations.push(Migration::new(name, sql));
    }
    Ok(migrations)
}

fn read_folder(settings: &Settings, folder: &str) -> Result<Vec<Migration>, BrokerError> {
    let place = settings.existing(folder)?;
    let entries =
        fs::read_dir(&place).map_err(|error| path::failed("read the folder", folder, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| path::failed("read the folder", folder, &error))?;
        let name = entry.file_name().into_string().map_err(|name| {
            invalid(format!("the name of `{}` is not UTF-8", name.to_string_lossy()))
        })?;
        if Path::new(&name).extension().is_some_and(|extension| extension == "sql") {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.iter().map(|name| read_file(settings, folder, name)).collect()
}

fn read_file(settings: &Settings, folder: &str, name: &str) -> Result<Migration, BrokerError> {
    let path = format!("{}/{name}", folder.trim_end_matches('/'));
    let place = settings.existing(&path)?;
    let sql = fs::read_to_string(place).map_err(|error| path::failed("read", &path, &error))?;
    Ok(Migration::new(name, &sql))
}

/// What of `wanted` is still to be applied, when what is applied is how `wanted` begins.
pub(super) fn pending<'a>(
    applied: &[Applied],
    wanted: &'a [Migration],
) -> Result<&'a [Migration], BrokerError> {
    for old in applied {
        let Some(found) = wanted.iter().find(|migration| migration.name == old.name) else {
            return Err(refused(&old.name, "is applied but no longer there")
                .help("Put it back; to undo it, add a new migration instead."));
        };
        if found.sha256 != old.sha256 {
            return Err(refused(&old.name, "was edited after it was applied")
                .help("Restore its text, and add a new migration instead."));
        }
    }
    for (old, migration) in applied.iter().zip(wanted) {
        if old.name != migration.name {
            let what = format!("comes before `{}`, which is already applied", old.name);
            return Err(refused(&migration.name, &what)
                .help("Name it so that it comes after every applied migration."));
        }
    }
    Ok(wanted.get(applied.len()..).unwrap_or_default())
}

/// The migration `name` failed; nothing of it is left, while the database and those before it may be
/// there.
pub(super) fn failed(name: &str, why: &str) -> BrokerError {
    BrokerError::new(ErrorKind::Failed, format!("the migration `{name}` failed: {why}"))
        .help("Nothing of it was applied. Correct it and apply again.")
}

fn refused(name: &str, why: &str) -> BrokerError {
    invalid(format!("the migration `{name}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(names: &[&str]) -> Vec<Migration> {
        names.iter().map(|name| Migration::new(name, "SELECT 1")).collect()
    }

    fn applied(names: &[&str]) -> Vec<Applied> {
        let made = wanted(names).into_iter();
        made.map(|Migration { name, sha256, .. }| Applied { name, sha256 }).collect()
    }

    fn left(old: &[&str], new: &[&str]) -> Result<Vec<String>, BrokerError> {
        let wanted = wanted(new);
        let pending = pending(&applied(old), &wanted)?;
        Ok(pending.iter().map(|migration| migration.name.clone()).collect())
    }

    #[test]
    fn what_follows_the_applied_ones_is_pending() {
        assert_eq!(left(&[], &["a", "b"]).unwrap(), ["a", "b"]);
        assert_eq!(left(&["a"], &["a", "b", "c"]).unwrap(), ["b", "c"]);
        assert!(left(&["a", "b"], &["a", "b"]).unwrap().is_empty());
    }

    #[test]
    fn history_is_not_rewritten() {
        let removed = left(&["a", "b"], &["b"]).unwrap_err();
        assert_eq!(removed.message, "the migration `a` is applied but no longer there");
        let early = left(&["b"], &["a", "b"]).unwrap_err();
        assert_eq!(early.message, "the migration `a` comes before `b`, which is already applied");
        assert!(left(&["a", "b"], &["b", "a"]).is_err());

        let mut edited = applied(&["a"]);
        edited[0].sha256 = "other".to_owned();
        let error = pending(&edited, &wanted(&["a"])).unwrap_err();
        assert_eq!(error.message, "the migration `a` was edited after it was applied");
        assert!(error.help.unwrap().contains("add a new migration instead"));
    }
}
