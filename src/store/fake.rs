//! A store in memory that a test takes away, restarts, or lets lose an answer. Loses nothing by itself.
//! Enter at [`FakeStore::default`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::embedded::Embedded;
use super::{
    Accepted, Beat, CommitError, Contents, Counts, DeadLetter, Delivery, Entry, Fence, Glance, JournalEntry,
    Lease, LookFrom, Offer, Places, Plan, Rate, Record, Seq, Store, StoreError, StoreResult, Term, Unit,
    Unlisted, Wake, Wiped, Wiping, Word,
};
use crate::process::{At, CommandId, OrderId, SchoolId};

pub struct FakeStore {
    inner: Embedded,
    away: AtomicBool,
    deaf: AtomicBool,
    searches_hang: AtomicBool,
    /// The next look at the inbox keeps its thread.
    keeps_thread: AtomicBool,
    renewals: AtomicU32,
    /// Reads of records and of index entries.
    reads: AtomicU32,
    epoch: Mutex<Option<String>>,
    /// What the last renewal of a lease left, once a test has said so.
    beat: Mutex<Option<Beat>>,
    /// What was to be wiped, and its answers to the next ones, then «done».
    wiped: Mutex<Vec<Wiping>>,
    wipe_answers: Mutex<VecDeque<Wiped>>,
    /// What a glance shows, once a test has said so.
    glance: Mutex<Option<Glance>>,
}

impl Default for FakeStore {
    fn default() -> Self {
        let inner = Embedded::in_memory().expect("memory");
        let (away, deaf, searches_hang, keeps_thread) = Default::default();
        Self {
            inner,
            away,
            deaf,
            searches_hang,
            keeps_thread,
            renewals: AtomicU32::default(),
            reads: AtomicU32::default(),
            epoch: Mutex::new(Some("run-1".to_owned())),
            beat: Mutex::default(),
            wiped: Mutex::default(),
            wipe_answers: Mutex::default(),
            glance: Mutex::default(),
        }
    }
}

impl FakeStore {
    /// From now on it does not answer, or it answers again.
    pub fn set_away(&self, is_away: bool) {
        self.away.store(is_away, Ordering::SeqCst);
    }

    /// From now on the search for what is gone never ends.
    pub fn hang_searches(&self) {
        self.searches_hang.store(true, Ordering::SeqCst);
    }

    /// The next commit is applied, and its answer is lost.
    pub fn lose_next_answer(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// The next look at the inbox keeps its thread until the lease was renewed again, for some seconds at most.
    pub fn keep_thread(&self) {
        self.keeps_thread.store(true, Ordering::SeqCst);
    }

    pub fn renewals(&self) -> u32 {
        self.renewals.load(Ordering::SeqCst)
    }

    pub fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Another run of the store.
    pub fn restart(&self, run: &str) {
        *lock(&self.epoch) = Some(run.to_owned());
    }

    /// The last renewal of a lease was this process's.
    pub fn was_renewed_by(&self, by: &str) {
        *lock(&self.beat) = Some(Beat { by: by.to_owned(), n: 1 });
    }

    /// From now on a glance shows this; the word before is the last one, and a lease without a life depends on that of who
    /// asks.
    pub fn shows(&self, glance: Glance) {
        *lock(&self.glance) = Some(glance);
    }

    pub fn wipes_answer(&self, answers: impl IntoIterator<Item = Wiped>) {
        lock(&self.wipe_answers).extend(answers);
    }

    pub fn wiped(&self) -> Vec<Wiping> {
        lock(&self.wiped).clone()
    }

    fn there(&self) -> StoreResult<()> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unreachable("it is away".to_owned())),
            false => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for FakeStore {
    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError> {
        self.there()?;
        let done = self.inner.commit(school, fence, unit).await?;
        if self.deaf.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unreachable("the answer was lost".to_owned()).into());
        }
        Ok(done)
    }

    async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
        self.there()?;
        self.inner.offer(school, offer).await
    }

    async fn epoch(&self) -> StoreResult<Option<String>> {
        self.there()?;
        Ok(lock(&self.epoch).clone())
    }

    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()> {
        self.there()?;
        self.inner.append(school, body, at).await
    }

    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>> {
        self.there()?;
        if self.keeps_thread.swap(false, Ordering::SeqCst) {
            let (begun, renewals) = (crate::clock::stopwatch(), self.renewals());
            while self.renewals() == renewals && begun.elapsed().as_secs() < 5 {
                std::thread::yield_now();
            }
        }
        self.inner.inbox(school, after, max).await
    }

    async fn read(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>> {
        self.there()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(school, keys).await
    }

    async fn find(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
        self.there()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.find(school, keys).await
    }

    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> StoreResult<Vec<(String, Record)>> {
        self.there()?;
        self.inner.scan(school, prefix, after, max).await
    }

    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>> {
        self.there()?;
        self.inner.wakes(school, until_ms, max).await
    }

    async fn wake_of(&self, school: &SchoolId, member: &str) -> StoreResult<Option<Wake>> {
        self.there()?;
        self.inner.wake_of(school, member).await
    }

    async fn next_wake(&self, school: &SchoolId) -> StoreResult<Option<Wake>> {
        self.there()?;
        self.inner.next_wake(school).await
    }

    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>> {
        self.there()?;
        self.inner.deliveries(school, after, max).await
    }

    async fn unlist_gone(&self, _: &SchoolId, _: &LookFrom) -> StoreResult<Unlisted> {
        if self.searches_hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(Unlisted::default())
    }

    async fn pending(&self, school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>> {
        self.there()?;
        self.inner.pending(school, ids).await
    }

    async fn unreadable(&self, school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>> {
        self.there()?;
        self.inner.unreadable(school).await
    }

    async fn journal(
        &self,
        school: &SchoolId,
        order: &OrderId,
        max: usize,
    ) -> StoreResult<Vec<JournalEntry>> {
        self.there()?;
        self.inner.journal(school, order, max).await
    }

    async fn raw(&self, school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>> {
        self.there()?;
        self.inner.raw(school, seq).await
    }

    async fn raws(
        &self,
        school: &SchoolId,
        after: Option<Seq>,
        max: usize,
    ) -> StoreResult<Vec<(Seq, Vec<u8>)>> {
        self.there()?;
        self.inner.raws(school, after, max).await
    }

    async fn dead(&self, school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>> {
        self.there()?;
        self.inner.dead(school, max).await
    }

    async fn letters(
        &self,
        school: &SchoolId,
        after: u64,
        max: usize,
    ) -> StoreResult<Vec<(u64, DeadLetter)>> {
        self.there()?;
        self.inner.letters(school, after, max).await
    }

    async fn letter(&self, school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>> {
        self.there()?;
        self.inner.letter(school, id).await
    }

    async fn counts(&self, school: &SchoolId) -> StoreResult<Counts> {
        self.there()?;
        self.inner.counts(school).await
    }

    async fn renew(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)> {
        self.there()?;
        let (lease, contents) = self.inner.renew(school, fence, plan, term).await?;
        self.renewals.fetch_add(1, Ordering::SeqCst);
        let mut beat = lock(&self.beat);
        let left = beat.as_ref().map(|last| Beat { by: "this one".to_owned(), n: last.n + 1 });
        let found = std::mem::replace(&mut *beat, left.clone());
        Ok((lease, Contents { found, left, ..contents }))
    }

    async fn glance(&self, word: &Word, _: &[(SchoolId, bool)]) -> StoreResult<Option<Glance>> {
        self.there()?;
        let Some(mut glance) = lock(&self.glance).clone() else { return Ok(None) };
        if word.is_first {
            glance.found = Some(word.n);
        }
        for lease in glance.schools.iter_mut().filter_map(|school| school.lease.as_mut()) {
            lease.life.get_or_insert_with(|| word.life.id.clone());
        }
        Ok(Some(glance))
    }

    async fn wipe(&self, _: &SchoolId, what: Wiping) -> StoreResult<Wiped> {
        self.there()?;
        lock(&self.wiped).push(what);
        Ok(lock(&self.wipe_answers).pop_front().unwrap_or(Wiped::Done))
    }

    async fn release(&self, school: &SchoolId, fence: &Fence) -> StoreResult<()> {
        self.there()?;
        self.inner.release(school, fence).await
    }

    async fn is_owned(&self, school: &SchoolId) -> StoreResult<bool> {
        self.there()?;
        self.inner.is_owned(school).await
    }

    async fn ring(&self, school: &SchoolId) -> StoreResult<()> {
        self.there()?;
        self.inner.ring(school).await
    }

    async fn listen(&self, heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()> {
        self.there()?;
        self.inner.listen(heard).await
    }

    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64> {
        self.there()?;
        self.inner.budget(account, rate, now_ms).await
    }

    async fn secret(&self, name: &str) -> StoreResult<Option<Vec<u8>>> {
        self.there()?;
        self.inner.secret(name).await
    }

    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool> {
        self.there()?;
        self.inner.swap_secret(name, old, new).await
    }

    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool> {
        self.there()?;
        self.inner.lock(name, token, ttl_ms).await
    }

    async fn unlock(&self, name: &str, token: &str) -> StoreResult<()> {
        self.there()?;
        self.inner.unlock(name, token).await
    }

    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> StoreResult<u64> {
        self.there()?;
        self.inner.forget_raw(school, before, max).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.there()?;
        self.inner.ping().await
    }
}
