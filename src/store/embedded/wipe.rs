//! Removes from SQLite's files what was deleted: pages that were moved keep copies of deleted rows even with
//! `secure_delete`, and the log keeps former pages until they are written over. Never deletes anything itself. Enter
//! at [`wipe`].

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::store::{StoreResult, Wiped, Wiping};

/// The folder of temporary files is a setting of the whole process.
static REWRITING: Mutex<()> = Mutex::new(());

/// Outside of a transaction. After a person's erasure the file is written anew, which takes as long as its size.
pub fn wipe(db: &Connection, folder: &Path, what: Wiping) -> StoreResult<Wiped> {
    if what == Wiping::Person {
        write_anew(db, folder)?;
    }
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(if busy == 0 { Wiped::Done } else { Wiped::Later("another process reads the store".to_owned()) })
}

/// The second copy of everything lies in the store's own folder, not in memory and not where others look.
fn write_anew(db: &Connection, folder: &Path) -> StoreResult<()> {
    let _alone = REWRITING.lock().unwrap_or_else(PoisonError::into_inner);
    db.pragma_update(None, "temp_store_directory", folder.display().to_string())?;
    let done = db.execute_batch("PRAGMA temp_store = FILE; VACUUM;");
    db.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA temp_store_directory = '';")?;
    Ok(done?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::schema;

    /// Rows that were moved from page to page before they were deleted leave nothing in the file or its log.
    #[test]
    fn nothing_of_a_deleted_row_is_left_in_the_files() {
        let folder = std::env::temp_dir().join(format!("dozvon-wipe-{}", crate::secret::random_token()));
        crate::private::folder(&folder).expect("the test's own folder");
        let db = Connection::open(folder.join("dozvon.sqlite")).expect("a file");
        schema::prepare(&db).expect("tables");
        for n in 0..3_000_i64 {
            let body = (if n % 7 == 0 { "erased person " } else { "another person" })
                .repeat(1 + usize::try_from(n % 40).expect("small"));
            db.execute("INSERT INTO dead VALUES ('rost', ?1, ?2, ?3)", (format!("{:x}", n * 7919), n, body))
                .expect("a row");
        }
        db.execute("UPDATE dead SET body = substr(body, 1, 14) WHERE place % 7 <> 0 AND place % 2 = 0", ())
            .expect("shorter rows");
        db.execute("DELETE FROM dead WHERE place % 7 = 0", ()).expect("deleted");
        assert_eq!(wipe(&db, &folder, Wiping::Person), Ok(Wiped::Done));
        for file in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let bytes = std::fs::read(file.path()).expect("readable");
            let left = bytes.windows(6).filter(|part| part == b"erased").count();
            assert_eq!(left, 0, "{:?}", file.path());
        }
        let rows: i64 = db.query_row("SELECT count(*) FROM dead", (), |row| row.get(0)).expect("a count");
        assert_eq!(rows, 3_000 - 429);
        drop(db);
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}
