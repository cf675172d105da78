//! The embedded store: SQLite in one folder, for one process, with group commit. Never shares its folder: a
//! second process gets an error that says so. Enter at [`Embedded::open`]; `group` is the thread that
//! commits, `unit` writes, `read` reads, `shared` holds leases, budgets, secrets and locks.

mod group;
mod read;
mod schema;
mod shared;
mod unit;
mod wipe;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode};

use crate::clock::{Clock, WallClock};
use crate::private;
use crate::process::{At, CommandId, OrderId, SchoolId};
use crate::store::body::pack;
use crate::store::{
    Accepted, BATCH_MAX, CommitError, Contents, Counts, DeadLetter, Delivery, Entry, Fence, JournalEntry,
    Lease, Offer, Places, Plan, Rate, Record, Seq, Store, StoreError, StoreResult, Term, Unit, Wake, Wiped,
    Wiping,
};
use group::Group;

/// The store port over SQLite.
pub struct Embedded {
    side: Executor,
    clock: Arc<dyn Clock>,
    /// `None` in memory.
    folder: Option<PathBuf>,
    /// Locked while the store is open; dropped last, after the thread has ended.
    _lock: Option<FolderLock>,
}

/// The folder belongs to one process while this value lives.
struct FolderLock(File);

enum Executor {
    /// Every call runs in the caller, so that paused time stays deterministic.
    Inline(Box<Mutex<Connection>>),
    Thread(Group),
}

impl Embedded {
    /// Opens the store in `folder`, which is created if it does not exist.
    pub fn open(folder: &Path) -> StoreResult<Self> {
        let failed = |what: &str, error: std::io::Error| {
            StoreError::Unreachable(format!("{what} {}: {error}", folder.display()))
        };
        private::folder(folder).map_err(|error| failed("cannot make", error))?;
        let mine = |name: &str| private::options().write(true).open(folder.join(name));
        let file = mine("lock").map_err(|error| failed("cannot write in", error))?;
        let lock = FolderLock::take(file).map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Unreachable(format!(
                "another process uses {}: stop it, or give this one a folder of its own",
                folder.display()
            )),
            TryLockError::Error(error) => failed("cannot lock", error),
        })?;
        // SQLite gives its log the rights of the file, which is made here.
        mine("dozvon.sqlite").map_err(|error| failed("cannot write in", error))?;
        let db = Connection::open(folder.join("dozvon.sqlite"))?;
        schema::prepare(&db)?;
        // The folder's last owner is dead, otherwise the lock would be held; its leases end with it.
        db.execute("DELETE FROM lease", [])?;
        Ok(Self {
            side: Executor::Thread(Group::start(db)?),
            clock: Arc::new(WallClock),
            folder: Some(folder.to_owned()),
            _lock: Some(lock),
        })
    }

    /// Opens a store that another process may be working with: to read, or to append to the inbox.
    pub fn visit(folder: &Path) -> StoreResult<Self> {
        let file = folder.join("dozvon.sqlite");
        if !file.exists() {
            return Err(StoreError::Unreachable(format!("there is no store in {}", folder.display())));
        }
        let db = Connection::open(file)?;
        schema::connect(&db)?;
        Ok(Self {
            side: Executor::Thread(Group::start(db)?),
            clock: Arc::new(WallClock),
            folder: Some(folder.to_owned()),
            _lock: None,
        })
    }

    /// A store that exists only as long as the value; every call runs inline, without a thread.
    pub fn in_memory() -> StoreResult<Self> {
        let db = Connection::open_in_memory()?;
        schema::prepare(&db)?;
        Ok(Self {
            side: Executor::Inline(Box::new(Mutex::new(db))),
            clock: Arc::new(WallClock),
            folder: None,
            _lock: None,
        })
    }

    /// Leases, locks and budgets use `clock` instead of the wall clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn run<T, E>(&self, work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<rusqlite::Error> + Send + 'static,
    {
        match &self.side {
            Executor::Thread(group) => group.run(work).await,
            Executor::Inline(db) => {
                let db = db.lock().unwrap_or_else(PoisonError::into_inner);
                group::whole(&db, work).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().timestamp_millis()
    }
}

#[async_trait]
impl Store for Embedded {
    async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
        let offer = Offer { raw: pack(&offer.raw), ..offer.clone() };
        let school = school.clone();
        self.run(move |db| Ok(unit::accept(db, school.as_str(), &offer)?)).await
    }

    /// Every commit is on the disk before it is confirmed, so nothing can be lost.
    async fn epoch(&self) -> StoreResult<Option<String>> {
        Ok(None)
    }

    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()> {
        let (school, body) = (school.clone(), pack(body));
        self.run(move |db| Ok(unit::append(db, school.as_str(), &body, at)?)).await
    }

    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>> {
        let (school, after) = (school.clone(), after.map_or(0, |seq| seq.0));
        self.run(move |db| read::inbox(db, school.as_str(), after, max.min(BATCH_MAX))).await
    }

    async fn read(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>> {
        let (school, keys) = (school.clone(), keys.to_vec());
        self.run(move |db| read::records(db, school.as_str(), &keys)).await
    }

    async fn find(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
        let (school, keys) = (school.clone(), keys.to_vec());
        self.run(move |db| read::links(db, school.as_str(), &keys)).await
    }

    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> StoreResult<Vec<(String, Record)>> {
        let (school, prefix, after) = (school.clone(), prefix.to_owned(), after.map(str::to_owned));
        self.run(move |db| read::scan(db, school.as_str(), &prefix, after.as_deref(), max.min(BATCH_MAX)))
            .await
    }

    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError> {
        let (school, fence, now_ms) = (school.clone(), fence.clone(), self.now_ms());
        self.run(move |db| unit::commit(db, school.as_str(), &fence, &unit, now_ms)).await
    }

    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>> {
        let school = school.clone();
        self.run(move |db| read::wakes(db, school.as_str(), until_ms, max.min(BATCH_MAX))).await
    }

    async fn wake_of(&self, school: &SchoolId, member: &str) -> StoreResult<Option<Wake>> {
        let (school, member) = (school.clone(), member.to_owned());
        self.run(move |db| read::wake_of(db, school.as_str(), &member)).await
    }

    async fn next_wake(&self, school: &SchoolId) -> StoreResult<Option<Wake>> {
        let school = school.clone();
        self.run(move |db| read::next_wake(db, school.as_str())).await
    }

    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>> {
        let school = school.clone();
        self.run(move |db| read::deliveries(db, school.as_str(), after, max.min(BATCH_MAX))).await
    }

    async fn pending(&self, school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>> {
        let (school, ids) = (school.clone(), ids.to_vec());
        self.run(move |db| read::pending(db, school.as_str(), &ids)).await
    }

    async fn unreadable(&self, school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>> {
        let school = school.clone();
        self.run(move |db| read::unreadable(db, school.as_str())).await
    }

    async fn journal(
        &self,
        school: &SchoolId,
        order: &OrderId,
        max: usize,
    ) -> StoreResult<Vec<JournalEntry>> {
        let (school, order) = (school.clone(), order.clone());
        self.run(move |db| read::journal(db, school.as_str(), &order.to_string(), max)).await
    }

    async fn raw(&self, school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>> {
        let (school, seq) = (school.clone(), seq.0);
        self.run(move |db| read::raw(db, school.as_str(), seq)).await
    }

    async fn raws(
        &self,
        school: &SchoolId,
        after: Option<Seq>,
        max: usize,
    ) -> StoreResult<Vec<(Seq, Vec<u8>)>> {
        let (school, after) = (school.clone(), after.map_or(0, |seq| seq.0));
        self.run(move |db| read::raws(db, school.as_str(), after, max)).await
    }

    async fn dead(&self, school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>> {
        let school = school.clone();
        self.run(move |db| read::dead(db, school.as_str(), max.min(BATCH_MAX))).await
    }

    async fn letters(
        &self,
        school: &SchoolId,
        after: u64,
        max: usize,
    ) -> StoreResult<Vec<(u64, DeadLetter)>> {
        let school = school.clone();
        self.run(move |db| read::letters(db, school.as_str(), after, max.min(BATCH_MAX))).await
    }

    async fn letter(&self, school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>> {
        let (school, id) = (school.clone(), id.to_owned());
        self.run(move |db| read::letter(db, school.as_str(), &id)).await
    }

    async fn counts(&self, school: &SchoolId) -> StoreResult<Counts> {
        let school = school.clone();
        self.run(move |db| read::counts(db, school.as_str())).await
    }

    async fn renew(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)> {
        let (school, fence, plan, clock) = (school.clone(), fence.clone(), plan.clone(), self.clock.clone());
        let ttl_ms = match term {
            Term::Ms(ms) => *ms,
            Term::Life(life) => life.ms,
        };
        self.run(move |db| {
            // It lasts from when its turn has come: before it may stand many commits.
            let now_ms = clock.now().timestamp_millis();
            let lease = shared::lease(db, school.as_str(), &fence, &plan, now_ms, ttl_ms)?;
            Ok((lease, shared::contents(db, school.as_str())?))
        })
        .await
    }

    async fn release(&self, school: &SchoolId, fence: &Fence) -> StoreResult<()> {
        let (school, fence) = (school.clone(), fence.clone());
        self.run(move |db| shared::release(db, school.as_str(), &fence)).await
    }

    async fn is_owned(&self, school: &SchoolId) -> StoreResult<bool> {
        let (school, now_ms) = (school.clone(), self.clock.now().timestamp_millis());
        self.run(move |db| shared::is_owned(db, school.as_str(), now_ms)).await
    }

    /// A command in another process cannot ring here; the bridge polls.
    async fn ring(&self, _school: &SchoolId) -> StoreResult<()> {
        Ok(())
    }

    async fn listen(&self, _heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()> {
        std::future::pending().await
    }

    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64> {
        let (account, now_ms) = (account.to_owned(), now_ms.unwrap_or_else(|| self.now_ms()));
        self.run(move |db| shared::budget(db, &account, rate, now_ms as f64)).await
    }

    async fn secret(&self, name: &str) -> StoreResult<Option<Vec<u8>>> {
        let name = name.to_owned();
        self.run(move |db| shared::secret(db, &name)).await
    }

    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool> {
        let (name, old, new) = (name.to_owned(), old.map(<[u8]>::to_vec), new.to_vec());
        self.run(move |db| shared::swap_secret(db, &name, old.as_deref(), &new)).await
    }

    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool> {
        let (name, token, now_ms) = (name.to_owned(), token.to_owned(), self.now_ms());
        self.run(move |db| shared::lock(db, &name, &token, now_ms, ttl_ms)).await
    }

    async fn unlock(&self, name: &str, token: &str) -> StoreResult<()> {
        let (name, token) = (name.to_owned(), token.to_owned());
        self.run(move |db| shared::unlock(db, &name, &token)).await
    }

    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> StoreResult<u64> {
        let school = school.clone();
        self.run(move |db| read::forget_raw(db, school.as_str(), before, max.min(BATCH_MAX))).await
    }

    async fn wipe(&self, _school: &SchoolId, what: Wiping) -> StoreResult<Wiped> {
        match (&self.side, self.folder.clone()) {
            (Executor::Thread(group), Some(folder)) => {
                group.run_alone(move |db| wipe::wipe(db, &folder, what)).await
            }
            _ => Ok(Wiped::Done),
        }
    }

    async fn ping(&self) -> StoreResult<()> {
        self.run(|db| Ok(db.prepare_cached("SELECT 1")?.query_row([], |_| Ok(()))?)).await
    }
}

impl FolderLock {
    fn take(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for FolderLock {
    /// Unlocks explicitly: a child process that is just being started shares the file for a moment, and only
    /// closing our side would leave it locked.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Classified by what the caller can do: wait, or call a person.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let damaged = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch)
        ) || matches!(
            error,
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)
        );
        if damaged { Self::Unreadable(error.to_string()) } else { Self::Unreachable(error.to_string()) }
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
