//! A SQLite database: opening it, and applying what is missing, each migration in one transaction
//! with its record.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, OptionalExtension as _, params};
use rusqlite::{Transaction, TransactionBehavior};

use provision::broker::{BrokerError, ErrorKind};

use super::migration::{self, Applied, Migration};

const BUSY: Duration = Duration::from_secs(5);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _prov_migrations (
    name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL)";

const RECORD: &str = "INSERT INTO _prov_migrations (name, sha256, applied_at)
    VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))";

/// Opens the database, which is made when it is not there.
pub(super) fn open(place: &Path) -> Result<Connection, BrokerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = open_with(place, flags)?;
    // As the usual tools have it: with foreign keys on, the customary rebuild of a table (make,
    // copy, drop, rename) would delete the rows of other tables that cascade from it.
    connection.execute_batch("PRAGMA foreign_keys = OFF").map_err(|error| problem(&error))?;
    Ok(connection)
}

/// The name of the last applied migration of a database that is there. Changes nothing in it.
pub(super) fn look(place: &Path) -> Result<String, BrokerError> {
    let connection = open_with(place, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    match read_version(&connection) {
        // A writer was killed in a transaction. Who reads first undoes what that had done of it, as
        // any program would, and needs to write for it.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            version(&open_with(place, OpenFlags::SQLITE_OPEN_READ_WRITE)?)
        }
        read => read.map_err(|error| problem(&error)),
    }
}

fn open_with(place: &Path, access: OpenFlags) -> Result<Connection, BrokerError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(place, flags).map_err(|error| problem(&error))?;
    connection.busy_timeout(BUSY).map_err(|error| problem(&error))?;
    Ok(connection)
}

/// Applies the migrations that are missing and returns the last one's name; without `wanted` the
/// schema is not ours to manage.
pub(super) fn migrate(
    connection: &mut Connection,
    wanted: Option<&[Migration]>,
) -> Result<String, BrokerError> {
    connection.execute_batch(TABLE).map_err(|error| problem(&error))?;
    let Some(wanted) = wanted else { return version(connection) };
    let applied = applied(connection).map_err(|error| problem(&error))?;
    let pending = migration::pending(&applied, wanted)?;
    let guard = forbid_transactions(connection).map_err(|error| problem(&error))?;
    for migration in pending {
        apply(connection, migration, &guard)?;
    }
    version(connection)
}

/// The name of the last applied migration, empty when none is.
fn version(connection: &Connection) -> Result<String, BrokerError> {
    read_version(connection).map_err(|error| problem(&error))
}

fn read_version(connection: &Connection) -> rusqlite::Result<String> {
    let ours = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_prov_migrations'";
    let last = "SELECT name FROM _prov_migrations ORDER BY rowid DESC LIMIT 1";
    if connection.query_row(ours, [], |_| Ok(())).optional()?.is_none() {
        return Ok(String::new());
    }
    Ok(connection.query_row(last, [], |row| row.get(0)).optional()?.unwrap_or_default())
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let mut query =
        connection.prepare("SELECT name, sha256 FROM _prov_migrations ORDER BY rowid")?;
    let rows = query.query_map([], |row| Ok(Applied { name: row.get(0)?, sha256: row.get(1)? }))?;
    rows.collect()
}

/// Refuses `BEGIN`, `COMMIT`, `END` and `ROLLBACK` while the returned guard is set.
fn forbid_transactions(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicBool>> {
    let guard = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&guard);
    connection.authorizer(Some(move |context: AuthContext<'_>| match context.action {
        AuthAction::Transaction { .. } if set.load(Ordering::Relaxed) => Authorization::Deny,
        _ => Authorization::Allow,
    }))?;
    Ok(guard)
}

fn apply(
    connection: &mut Connection,
    migration: &Migration,
    guard: &AtomicBool,
) -> Result<(), BrokerError> {
    let before = dangling(connection);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| problem(&error))?;
    guard.store(true, Ordering::Relaxed);
    let result = transaction.execute_batch(&migration.sql);
    guard.store(false, Ordering::Relaxed);
    result.map_err(|error| broken(&migration.name, &error))?;
    if dangling(&transaction) > before {
        return Err(migration::failed(
            &migration.name,
            "it leaves rows whose foreign key leads nowhere",
        ));
    }
    record(transaction, migration).map_err(|error| problem(&error))
}

fn record(transaction: Transaction<'_>, migration: &Migration) -> rusqlite::Result<()> {
    transaction.execute(RECORD, params![migration.name, migration.sha256])?;
    transaction.commit()
}

// A schema that SQLite cannot check is not judged: the migration may be the one that mends it.
fn dangling(connection: &Connection) -> i64 {
    let count = "SELECT count(*) FROM pragma_foreign_key_check";
    connection.query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

fn broken(name: &str, error: &Error) -> BrokerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => {
            migration::failed(name, "it has its own BEGIN, COMMIT, END or ROLLBACK")
                .help("Remove it: every migration already runs in one transaction.")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => problem(error),
        _ => migration::failed(name, &message(error)),
    }
}

fn problem(error: &Error) -> BrokerError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Unavailable,
        Some(ErrorCode::NotADatabase) => ErrorKind::Conflict,
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => ErrorKind::Unauthorized,
        _ => ErrorKind::Failed,
    };
    BrokerError::new(kind, format!("SQLite: {}", message(error)))
}

// rusqlite's own text repeats the SQL, which may hold secrets.
fn message(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqliteFailure(code, None) => code.to_string(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        _ => "an unexpected answer".to_owned(),
    }
}
