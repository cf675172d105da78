//! The tables of the embedded store and the settings of its connection. Never reads or writes a row. Enter at
//! [`prepare`].

use rusqlite::Connection;

use crate::store::{StoreError, StoreResult};

/// Stored in the file's header; a file of a newer form is refused.
const FORM: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS token (school TEXT PRIMARY KEY, token TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (school TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    school TEXT NOT NULL, seq INTEGER NOT NULL, at_us INTEGER NOT NULL, body BLOB,
    PRIMARY KEY (school, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS raw (
    id INTEGER PRIMARY KEY, school TEXT NOT NULL, seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
    body BLOB NOT NULL, UNIQUE (school, seq));
CREATE TABLE IF NOT EXISTS seen (
    id INTEGER PRIMARY KEY, school TEXT NOT NULL, name BLOB NOT NULL, digest BLOB NOT NULL,
    until_ms INTEGER NOT NULL, UNIQUE (school, name));
CREATE INDEX IF NOT EXISTS seen_until ON seen (until_ms);
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY, school TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
    body BLOB NOT NULL, UNIQUE (school, name));
CREATE TABLE IF NOT EXISTS link (
    school TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (school, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wake (
    school TEXT NOT NULL, member TEXT NOT NULL, at_ms INTEGER NOT NULL, promised INTEGER NOT NULL,
    PRIMARY KEY (school, member)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wake_at ON wake (school, promised, at_ms, member);
CREATE TABLE IF NOT EXISTS delivery (
    school TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL, revocable INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (school, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS delivery_place ON delivery (school, place);
CREATE TABLE IF NOT EXISTS journal (
    school TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (school, name, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (
    school TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (school, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS dead_place ON dead (school, place);
CREATE TABLE IF NOT EXISTS lease (
    school TEXT PRIMARY KEY, owner TEXT NOT NULL, config TEXT NOT NULL, until_ms INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (school TEXT PRIMARY KEY, config TEXT NOT NULL, loaded_us INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS budget (account TEXT PRIMARY KEY, next_ms REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lock (name TEXT PRIMARY KEY, token TEXT NOT NULL, until_ms INTEGER NOT NULL)
    WITHOUT ROWID;
";

/// More statements than the store has, so each is parsed once.
const STATEMENTS: usize = 96;

/// Sets the connection up and creates missing tables.
pub fn prepare(db: &Connection) -> StoreResult<()> {
    connect(db)?;
    db.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {FORM}; COMMIT;"))?;
    Ok(())
}

/// Sets the connection up; writes nothing, because another process may be writing.
pub fn connect(db: &Connection) -> StoreResult<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // FULL: the log is synced at every commit, so acknowledged requests survive a power cut. What is deleted is
    // written over; `wipe` does the rest.
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16000; PRAGMA secure_delete = ON;",
    )?;
    let form: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if form > FORM {
        return Err(StoreError::Unreadable(format!(
            "the file has form {form}, this version reads up to {FORM}: start the newer version"
        )));
    }
    Ok(())
}
