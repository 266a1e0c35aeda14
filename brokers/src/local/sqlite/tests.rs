use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::testing::{Desk, live_output, output};
use super::*;

fn desk() -> Desk {
    Desk::new(SqliteBroker::new)
}

fn plain() -> Value {
    json!({ "path": "data/app.db" })
}

fn from_folder() -> Value {
    json!({ "path": "data/app.db", "migrations": "sql" })
}

fn listed(migrations: &[(&str, &str)]) -> Value {
    let list: Vec<Value> =
        migrations.iter().map(|(name, sql)| json!({ "name": name, "sql": sql })).collect();
    json!({ "path": "data/app.db", "migrations": list })
}

fn count(desk: &Desk, query: &str) -> i64 {
    let connection = Connection::open(desk.project.path("data/app.db")).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

fn tables(desk: &Desk, name: &str) -> i64 {
    count(desk, &format!("SELECT count(*) FROM sqlite_schema WHERE name = '{name}'"))
}

#[tokio::test]
async fn it_is_made_without_migrations_too() {
    let desk = desk();
    let made = desk.create(plain()).await.unwrap();
    assert!(desk.project.exists("data/app.db"));
    assert_eq!(made.instance_id, "data/app.db");
    assert_eq!(output(&made, "path"), "data/app.db");
    assert_eq!(output(&made, "version"), "");
    let url = format!("file:{}", desk.project.real("data/app.db").display());
    assert_eq!(output(&made, "url"), url.as_str());
    assert_eq!(desk.create(plain()).await.unwrap(), made);
    let live = desk.fetch(&made, plain()).await.unwrap().unwrap();
    assert_eq!(live.outputs, made.outputs);
}

#[test]
fn its_url_escapes_only_what_would_end_the_path() {
    let url = url(std::path::Path::new("/a b/100%?#.db"));
    assert_eq!(url, "file:/a b/100%25%3f%23.db");
}

#[tokio::test]
async fn a_folder_is_applied_in_the_order_of_its_names_and_once() {
    let desk = desk();
    desk.project.write("sql/0002_row.sql", "INSERT INTO t VALUES (1);");
    desk.project.write("sql/0001_table.sql", "CREATE TABLE t (a);");
    desk.project.write("sql/README.md", "not SQL");
    let made = desk.create(from_folder()).await.unwrap();
    assert_eq!(output(&made, "version"), "0002_row.sql");

    desk.project.write("sql/0003_row.sql", "INSERT INTO t VALUES (2);");
    let changed = desk.update(&made, from_folder(), from_folder()).await.unwrap();
    assert_eq!(output(&changed, "version"), "0003_row.sql");
    assert_eq!(count(&desk, "SELECT count(*) FROM t"), 2);
    assert_eq!(
        count(&desk, "SELECT count(*) FROM _prov_migrations WHERE applied_at LIKE '2%Z'"),
        3
    );
    let live = desk.fetch(&made, from_folder()).await.unwrap();
    assert_eq!(live_output(live, "version"), "0003_row.sql");
}

#[test]
fn a_new_edited_renamed_or_removed_file_is_a_changed_input() {
    let desk = desk();
    let digest = || desk.contents(from_folder()).unwrap().unwrap();
    desk.project.write("sql/0001.sql", "CREATE TABLE t (a);");
    let first = digest();
    assert!(first.starts_with("sha256:"));
    assert_eq!(digest(), first);
    desk.project.write("sql/README.md", "not SQL");
    assert_eq!(digest(), first);

    desk.project.write("sql/0002.sql", "SELECT 1;");
    let second = digest();
    desk.project.write("sql/0002.sql", "SELECT 2;");
    let edited = digest();
    desk.project.remove("sql/0002.sql");
    desk.project.write("sql/0003.sql", "SELECT 2;");
    let renamed = digest();
    desk.project.remove("sql/0003.sql");
    assert_eq!(digest(), first);
    let mut seen = vec![first, second, edited, renamed];
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[test]
fn without_a_folder_there_is_nothing_beside_the_params() {
    let desk = desk();
    assert_eq!(desk.contents(plain()).unwrap(), None);
    assert_eq!(desk.contents(listed(&[("1", "SELECT 1")])).unwrap(), None);
}

#[test]
fn a_folder_that_is_missing_or_outside_is_named() {
    let desk = desk();
    let params = |folder: &str| json!({ "path": "data/app.db", "migrations": folder });
    for folder in ["sql", "../sql", "a/../../sql"] {
        let error = desk.contents(params(folder)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains(&format!("`{folder}`")), "{error}");
    }
}

#[tokio::test]
async fn a_list_is_applied_in_its_order() {
    let desk = desk();
    let migrations = [("z", "CREATE TABLE t (a);"), ("a", "INSERT INTO t VALUES (1);")];
    let made = desk.create(listed(&migrations)).await.unwrap();
    assert_eq!(output(&made, "version"), "a");
    assert_eq!(count(&desk, "SELECT count(*) FROM t"), 1);
}

#[tokio::test]
async fn an_edited_migration_is_refused_by_name() {
    let desk = desk();
    desk.project.write("sql/0001_table.sql", "CREATE TABLE t (a);");
    let made = desk.create(from_folder()).await.unwrap();
    desk.project.write("sql/0001_table.sql", "CREATE TABLE t (a, b);");
    let error = desk.update(&made, from_folder(), from_folder()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(error.message, "the migration `0001_table.sql` was edited after it was applied");
}

#[tokio::test]
async fn a_bad_migration_leaves_nothing_of_itself() {
    let desk = desk();
    let good = ("1", "CREATE TABLE t (a);");
    let bad = ("2", "CREATE TABLE u (secret); INSERT INTO nowhere VALUES ('hunter2');");
    let error = desk.create(listed(&[good, bad])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(error.message, "the migration `2` failed: no such table: nowhere");
    assert_eq!((tables(&desk, "t"), tables(&desk, "u")), (1, 0));

    let mended = ("2", "CREATE TABLE u (a);");
    let made = desk.create(listed(&[good, mended])).await.unwrap();
    assert_eq!(output(&made, "version"), "2");
}

#[tokio::test]
async fn an_error_never_repeats_the_sql() {
    let sql = "INSERT INTO t VALUES ('hunter2') OOPS;";
    let error = desk().create(listed(&[("1", sql)])).await.unwrap_err();
    assert!(!error.message.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn its_own_transaction_is_refused_before_anything_stays() {
    for sql in ["BEGIN;", "COMMIT;", "END;", "ROLLBACK;"] {
        let desk = desk();
        let error = desk
            .create(listed(&[("1", &format!("CREATE TABLE t (a); {sql} CREATE TABLE u (a);"))]))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Failed, "{sql}");
        assert!(error.message.contains("BEGIN, COMMIT, END or ROLLBACK"), "{sql}: {error}");
        assert_eq!((tables(&desk, "t"), tables(&desk, "u")), (0, 0), "{sql}");
    }
}

#[tokio::test]
async fn triggers_and_savepoints_are_no_transactions() {
    let sql = "CREATE TABLE t (a);
        CREATE TRIGGER more AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 1; END;
        SAVEPOINT s; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); RELEASE s;";
    let desk = desk();
    desk.create(listed(&[("1", sql)])).await.unwrap();
    assert_eq!(count(&desk, "SELECT count(*) FROM t"), 1);
}

#[tokio::test]
async fn rebuilding_a_table_keeps_the_rows_that_depend_on_it() {
    let desk = desk();
    let first = (
        "1",
        "CREATE TABLE a (id INTEGER PRIMARY KEY);
         CREATE TABLE b (a INTEGER REFERENCES a (id) ON DELETE CASCADE);
         INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);",
    );
    let rebuild = (
        "2",
        "CREATE TABLE a2 (id INTEGER PRIMARY KEY, more TEXT); INSERT INTO a2 (id) SELECT id FROM a;
         DROP TABLE a; ALTER TABLE a2 RENAME TO a;",
    );
    desk.create(listed(&[first, rebuild])).await.unwrap();
    assert_eq!(count(&desk, "SELECT count(*) FROM b"), 1);

    let orphan = ("3", "DELETE FROM a;");
    let error = desk.create(listed(&[first, rebuild, orphan])).await.unwrap_err();
    assert!(error.message.contains("foreign key"), "{error}");
    assert_eq!(count(&desk, "SELECT count(*) FROM a"), 1);
}

#[tokio::test]
async fn malformed_migrations_are_refused_before_the_database_is_made() {
    let desk = desk();
    for migrations in [json!(5), json!([{}]), json!(["x"]), json!("missing"), json!("../sql")] {
        let params = json!({ "path": "app.db", "migrations": migrations });
        assert_eq!(desk.create(params).await.unwrap_err().kind, ErrorKind::Invalid);
    }
    assert!(desk.create(listed(&[("1", "SELECT 1"), ("1", "SELECT 1")])).await.is_err());
    assert!(!desk.project.exists("app.db") && !desk.project.exists("data"));
}

#[tokio::test]
async fn it_goes_with_everything_beside_it_and_stays_gone() {
    let desk = desk();
    let made = desk.create(plain()).await.unwrap();
    for companion in ["data/app.db-wal", "data/app.db-shm", "data/app.db-journal"] {
        desk.project.write(companion, "");
    }
    desk.delete(&made, plain()).await.unwrap();
    assert_eq!(std::fs::read_dir(desk.project.path("data")).unwrap().count(), 0);
    desk.delete(&made, plain()).await.unwrap();
    assert_eq!(desk.fetch(&made, plain()).await.unwrap(), None);
    let error = desk.update(&made, plain(), plain()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(!desk.project.exists("data/app.db"));
}

#[tokio::test]
async fn a_database_that_stands_there_already_is_found() {
    let desk = desk();
    assert_eq!(desk.find(plain()).await.unwrap(), None);
    desk.project.write("data/keep", "");
    let theirs = Connection::open(desk.project.path("data/app.db")).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert_eq!(live_output(desk.find(plain()).await.unwrap(), "version"), "");
    assert_eq!(tables(&desk, "_prov_migrations"), 0, "looking changes nothing");
}

#[tokio::test]
async fn what_is_no_database_is_a_conflict() {
    let desk = desk();
    desk.project.write("data/app.db", &"not a database".repeat(100));
    for error in [desk.create(plain()).await.unwrap_err(), desk.find(plain()).await.unwrap_err()] {
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    }
    assert!(desk.project.read("data/app.db").starts_with("not a database"));
}

#[tokio::test]
async fn one_whose_writer_was_killed_in_a_transaction_is_found_as_it_was_before() {
    let desk = desk();
    let made = desk.create(listed(&[("1", "CREATE TABLE t (a)")])).await.unwrap();
    let (place, copy) = (desk.project.path("data/app.db"), desk.project.path("copy.db"));
    let writer = Connection::open(&place).unwrap();
    // More than its memory holds is written to the file before the transaction ends.
    writer.execute_batch("PRAGMA cache_size = 1; BEGIN; DELETE FROM _prov_migrations;").unwrap();
    for _ in 0..64 {
        writer.execute("INSERT INTO t VALUES (zeroblob(4000))", []).unwrap();
    }
    // What the system would keep of a killed writer: both files, and no lock.
    let journal = |place: &Path| PathBuf::from(format!("{}-journal", place.display()));
    for (from, to) in [(place.clone(), copy.clone()), (journal(&place), journal(&copy))] {
        std::fs::copy(from, to).unwrap();
    }
    drop(writer);
    std::fs::rename(journal(&copy), journal(&place)).unwrap();
    std::fs::rename(&copy, &place).unwrap();

    let reader = Connection::open_with_flags(&place, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let read = reader.unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
    assert!(read.is_err(), "who only reads cannot undo it");

    let live = desk.find(listed(&[("1", "CREATE TABLE t (a)")])).await.unwrap();
    assert_eq!(live.unwrap().outputs, made.outputs);
    assert_eq!(count(&desk, "SELECT count(*) FROM t"), 0, "the half of it is undone");
}
