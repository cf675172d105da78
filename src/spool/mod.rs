//! What a process keeps for a school beside the store: on this machine's disk, the requests received while
//! the store is away; in memory, the last seconds of confirmed requests and of sent commands. Never
//! acknowledges more than it holds: a request counts when it is synced, and a full spool refuses. Enter at
//! [`Spool::keep`]; `worker::spool_drain` empties it.

mod log;
mod quarantine;
mod quota;
mod replay;
mod sent;
mod store_note;

pub use sent::{EarlierTry, SendOutcome, Sent};

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::log::Log;
use self::quarantine::Quarantine;
use self::quota::DiskQuota;
use self::replay::ReplayBuffer;
use self::store_note::StoreNote;
use crate::away::AwayLog;
use crate::clock::stopwatch;
use crate::private;
use crate::process::{At, SchoolId};
use crate::request::IdempotencyKey;
use crate::store::{Accepted, Contents, Offer, Store, StoreResult};

/// How long a refusal counts as recent.
const REFUSING: Duration = Duration::from_secs(10);

/// The spools of all schools of this instance.
pub struct Spools {
    folder: PathBuf,
    quota: Arc<DiskQuota>,
    schools: Mutex<BTreeMap<SchoolId, Arc<Spool>>>,
}

/// Where a request was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    Stored(Accepted),
    Spooled,
}

/// Neither the store nor the spool accepted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the store nor the spool accepts it")]
pub struct NoRoom;

impl Spools {
    /// In the instance's own folder; at most `mb` mebibytes.
    pub fn new(data: &Path, mb: u32) -> Self {
        let quota = Arc::new(DiskQuota::new(u64::from(mb) * 1024 * 1024));
        Self { folder: data.join("spool"), quota, schools: Mutex::default() }
    }

    /// The school's spool: the same one however often its configuration is read.
    pub fn of(&self, school: &SchoolId) -> Arc<Spool> {
        let mut schools = self.schools.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Arc::new(Spool::open(&self.folder, school, self.quota.clone()));
        schools.entry(school.clone()).or_insert_with(open).clone()
    }
}

/// The files of a school in this folder of an instance that hold requests.
pub fn kept_beside(data: &Path, school: &SchoolId) -> Vec<PathBuf> {
    let files = ["log", "damaged"].map(|kind| data.join("spool").join(format!("{school}.{kind}")));
    files.into_iter().filter(|file| std::fs::metadata(file).is_ok_and(|file| file.len() > 0)).collect()
}

/// The spool of one school.
pub struct Spool {
    school: SchoolId,
    /// `None` if the file cannot be used: then requests are refused while the store is unreachable.
    log: Mutex<Option<Log<File>>>,
    /// Unreadable bytes, kept for a person.
    quarantine: Quarantine,
    store_note: StoreNote,
    /// The file could be opened.
    is_open: bool,
    /// Requests and bytes in the file; readable without the lock, which is held while the disk syncs.
    waiting: AtomicU64,
    bytes: AtomicU64,
    quota: Arc<DiskQuota>,
    replay: Mutex<ReplayBuffer>,
    sent: Mutex<Sent>,
    /// The store's epoch as last seen; see [`Spool::moves_on`].
    epoch: Mutex<Option<String>>,
    /// One task at a time takes requests out.
    emptying: tokio::sync::Mutex<()>,
    away: AwayLog,
    /// When a request was last refused.
    refused: Mutex<Option<Instant>>,
}

impl Spool {
    fn open(folder: &Path, school: &SchoolId, quota: Arc<DiskQuota>) -> Self {
        let quarantine = Quarantine::beside(folder, school);
        let log = match open_log(folder, school, quarantine.clone()) {
            Ok(log) => Some(log),
            Err(error) => {
                tracing::error!(%school, %error, folder = %folder.display(), "no spool: requests are refused while the store is away");
                None
            }
        };
        let waiting = log.as_ref().map_or(0, Log::waiting);
        if waiting > 0 {
            tracing::warn!(%school, waiting, "requests wait in the spool since the last run");
        }
        let bytes = log.as_ref().map_or(0, Log::bytes);
        quota.join(school, bytes);
        Self {
            school: school.clone(),
            is_open: log.is_some(),
            log: Mutex::new(log),
            quarantine,
            store_note: StoreNote::beside(folder, school),
            waiting: AtomicU64::new(waiting),
            bytes: AtomicU64::new(bytes),
            quota,
            replay: Mutex::default(),
            sent: Mutex::default(),
            epoch: Mutex::default(),
            emptying: tokio::sync::Mutex::default(),
            away: AwayLog::default(),
            refused: Mutex::default(),
        }
    }

    /// Requests that wait for the store.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Whether it would accept another request.
    pub fn has_room(&self) -> bool {
        self.is_open && self.quota.has_room(&self.school)
    }

    /// Whether a request was refused recently. It is not known when a full disk has room again, so this
    /// expires by time.
    pub fn refuses(&self) -> bool {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| at.elapsed() < REFUSING)
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Unreadable bytes that wait for a person; 0 once their file has been removed.
    pub async fn damaged_bytes(self: &Arc<Self>) -> u64 {
        self.on_disk(|spool| spool.quarantine.bytes()).await
    }

    /// Removes an erased person from the quarantine, and from the requests that a restarted store would be offered
    /// again. Requests that wait are not touched: the erasure has let each be processed first.
    pub async fn forget(self: &Arc<Self>, mentions: impl Fn(&str) -> bool + Send + 'static) {
        self.replay().forget(|offer| mentions(&String::from_utf8_lossy(&offer.raw)));
        if let Err(error) = self.on_disk(move |spool| spool.quarantine.forget(mentions)).await {
            tracing::error!(%error, "ALARM: an erased person may still be in spool/*.damaged of this machine: remove the file");
        }
    }

    /// Removes damaged bytes that nobody has looked at since this moment: they are kept as long as requests are.
    pub async fn forget_damage(self: &Arc<Self>, before: At) {
        if let Err(error) = self.on_disk(move |spool| spool.quarantine.expire(before.into())).await {
            tracing::error!(%error, "ALARM: spool/*.damaged of this machine is past its time and cannot be removed: remove it");
        }
    }

    /// What this instance last knew about the store.
    pub async fn noted_store(self: &Arc<Self>) -> Option<Contents> {
        self.on_disk(|spool| spool.store_note.read()).await
    }

    pub async fn note_store(self: &Arc<Self>, contents: Contents) {
        if let Err(error) = self.on_disk(move |spool| spool.store_note.write(&contents)).await {
            tracing::warn!(%error, "what the store holds cannot be noted: a loss while the bridge is down stays unnoticed");
        }
    }

    /// The commands sent lately.
    pub fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves a request: in the store, or on the disk if the store is away or other requests already wait
    /// there. Durable when it returns.
    pub async fn keep(
        self: &Arc<Self>,
        store: &dyn Store,
        school: &SchoolId,
        offer: Offer,
    ) -> Result<Saved, NoRoom> {
        if self.waiting() == 0 {
            match store.offer(school, &offer).await {
                Ok(accepted) => {
                    self.away.answers(school.as_str());
                    self.remember(offer);
                    return Ok(Saved::Stored(accepted));
                }
                Err(error) => self.away.failed(school.as_str(), "a request goes to the spool and", &error),
            }
        }
        match self.on_disk(move |spool| spool.put(&offer)).await {
            Ok(()) => return Ok(Saved::Spooled),
            Err(error) => {
                tracing::error!(%school, %error, "ALARM: the spool cannot be written; requests are refused");
            }
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopwatch());
        Err(NoRoom)
    }

    /// Gives everything that waits to the store, in order. After an error the rest stays in the spool.
    pub async fn empty(self: &Arc<Self>, store: &dyn Store, school: &SchoolId) -> StoreResult<u64> {
        let _alone = self.emptying.lock().await;
        let mut given = 0;
        while self.waiting() > 0
            && let Some((record, offer)) = self.on_disk(|spool| spool.first()).await
        {
            match offer {
                Some(offer) => {
                    store.offer(school, &offer).await?;
                    self.remember(offer);
                    self.on_disk(move |spool| spool.take_out(&record)).await;
                }
                None => self.on_disk(move |spool| spool.quarantine_record(&record)).await,
            }
            given += 1;
        }
        Ok(given)
    }

    /// Runs work on the file on a blocking thread. It finishes even if the caller stops waiting; a panic in
    /// it resumes in the caller.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let spool = self.clone();
        match tokio::task::spawn_blocking(move || work(&spool)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Cancelled: the runtime is shutting down.
            Err(_) => std::future::pending().await,
        }
    }

    /// Compares the store's epoch with the last one. If the store was restarted, the last confirmed requests
    /// are offered to it again; returns true once all of them have been.
    pub async fn moves_on(&self, store: &dyn Store, school: &SchoolId, epoch: &str) -> StoreResult<bool> {
        let known = self.epoch().clone();
        if known.as_deref() == Some(epoch) {
            self.replay().settle();
            return Ok(false);
        }
        if known.is_none() {
            *self.epoch() = Some(epoch.to_owned());
            return Ok(false);
        }
        let torn = |epoch: &str| epoch.rsplit_once(' ').map(|(_, torn)| torn.to_owned());
        let is_torn = known.as_deref().and_then(torn) != torn(epoch);
        let (mut lost, offers) = (0, self.replay().all());
        for offer in offers {
            match store.offer(school, &offer).await? {
                Accepted::New => lost += 1,
                // What came of it may be gone although the store knows that it was accepted; a step recognises what
                // it knows.
                _ if is_torn => {
                    let id = format!("{} {epoch}", offer.id);
                    let again = Offer { id, key: IdempotencyKey::Always, ..offer };
                    store.offer(school, &again).await?;
                }
                _ => {}
            }
        }
        *self.epoch() = Some(epoch.to_owned());
        tracing::warn!(%school, lost, "the store was restarted; the last requests that it had lost were submitted again");
        Ok(true)
    }

    fn remember(&self, offer: Offer) {
        self.replay().push(offer);
    }

    fn put(&self, offer: &Offer) -> io::Result<()> {
        let record = offer.to_bytes();
        let mut log = self.log();
        let log = log.as_mut().ok_or_else(|| io::Error::other("its file cannot be used"))?;
        let bytes = Log::<File>::cost(&record);
        if !self.quota.take(&self.school, bytes) {
            return Err(io::Error::other("limits.spool_mb is reached, or this school's part of it"));
        }
        if let Err(error) = log.push(&record) {
            self.quota.give_back(&self.school, bytes);
            return Err(error);
        }
        self.note(log);
        Ok(())
    }

    fn first(&self) -> Option<(Vec<u8>, Option<Offer>)> {
        let mut log = self.log();
        let log = log.as_mut()?;
        let before = log.bytes();
        let first = log.first();
        // If everything to the end of the file is damaged, `first()` has truncated it: release those bytes.
        self.quota.give_back(&self.school, before - log.bytes());
        self.note(log);
        match first {
            Ok(record) => record.map(|record| {
                let offer = Offer::from_bytes(&record);
                (record, offer)
            }),
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                None
            }
        }
    }

    fn take_out(&self, record: &[u8]) {
        let mut log = self.log();
        let Some(log) = log.as_mut() else { return };
        let before = log.bytes();
        log.shift(record);
        self.quota.give_back(&self.school, before - log.bytes());
        self.note(log);
    }

    /// Quarantines a whole record that this version cannot read.
    fn quarantine_record(&self, record: &[u8]) {
        self.log().iter_mut().for_each(|log| log.quarantine_record(record));
        self.take_out(record);
    }

    fn note(&self, log: &Log<File>) {
        self.waiting.store(log.waiting(), Ordering::SeqCst);
        self.bytes.store(log.bytes(), Ordering::SeqCst);
    }

    fn log(&self) -> MutexGuard<'_, Option<Log<File>>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replay(&self) -> MutexGuard<'_, ReplayBuffer> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self) -> MutexGuard<'_, Option<String>> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_log(folder: &Path, school: &SchoolId, quarantine: Quarantine) -> io::Result<Log<File>> {
    private::folder(folder)?;
    let path = folder.join(format!("{school}.log"));
    let file = private::options().read(true).write(true).open(path)?;
    // Two processes with one file would write over each other.
    file.try_lock().map_err(|_| io::Error::other("another process uses its file"))?;
    // The new file name also has to survive a power cut.
    File::open(folder)?.sync_all()?;
    let keep = move |bytes: &[u8], all| quarantine.keep(bytes, all);
    let (log, torn) = Log::open(file, Box::new(keep))?;
    if torn > 0 {
        tracing::warn!(%school, bytes = torn, "the end of the spool was torn by a crash and was cut off; that request had not been acknowledged");
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::request::IdempotencyKey;
    use crate::store::embedded::Embedded;

    /// A slow disk blocks neither the counters nor other work of the runtime.
    #[test]
    fn a_slow_disk_blocks_no_other_work() {
        let folder = std::env::temp_dir().join(format!("dozvon-slow-{}", crate::secret::random_token()));
        let school = SchoolId::from("rost");
        let spool = Spools::new(&folder, 1).of(&school);
        let at = crate::process::At::from_timestamp(1_795_000_000, 0).expect("in range");
        let offer = Offer { id: "a".to_owned(), key: IdempotencyKey::Always, at, raw: b"{}".to_vec() };
        spool.put(&offer).expect("the test's own folder");
        let (holds, held) = mpsc::channel();
        let (go_on, told) = mpsc::channel();
        let disk = std::thread::spawn({
            let spool = spool.clone();
            move || {
                let _slow = spool.log();
                holds.send(()).expect("the test waits");
                told.recv_timeout(Duration::from_secs(10)).is_ok()
            }
        });
        held.recv().expect("it holds the file");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let store = Embedded::in_memory().expect("memory");
        let given = runtime.block_on(async {
            let rest = async {
                assert!(spool.has_room() && spool.bytes() > 0);
                go_on.send(()).expect("the disk waits");
            };
            tokio::join!(spool.empty(&store, &school), rest).0
        });
        assert!(disk.join().expect("no panic"), "the rest had to wait for the disk");
        assert_eq!((given, spool.bytes()), (Ok(1), 0));
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}
