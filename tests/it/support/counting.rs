//! A store that counts what is written through it, and writes it into another store.
//! Never changes what is asked or answered. Enter at [`Counting::over`].

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dozvon::process::{At, CommandId, OrderId, SchoolId};
use dozvon::store::*;

pub struct Counting {
    inner: Arc<dyn Store>,
    /// What each commit and each accepted request has done, in words.
    written: Mutex<Vec<String>>,
}

impl Counting {
    pub fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, written: Mutex::default() })
    }

    /// What was written since the last call: one line a commit or an accepted request.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, line: String) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// A unit in words: what it acknowledges, steps, appends, and does with deliveries.
fn told(unit: &Unit) -> String {
    let mut words = Vec::new();
    words.extend((!unit.ack.is_empty()).then(|| format!("{} acknowledged", unit.ack.len())));
    words.extend(unit.journal.iter().map(|entry| format!("{} steps {}", entry.order, entry.event["event"])));
    words.extend((!unit.append.is_empty()).then(|| format!("{} appended", unit.append.len())));
    words.extend(unit.deliveries.iter().map(|op| match op {
        DeliveryOp::Add(delivery) => format!("add {} {}", delivery.command.ask.name(), delivery.id()),
        DeliveryOp::Update(delivery) => format!("{:?} {}", delivery.state, delivery.id()),
        DeliveryOp::Revoke(id) => format!("revoke {id}"),
        DeliveryOp::Remove(id) => format!("settle {id}"),
    }));
    words.extend((!unit.put.is_empty()).then(|| format!("{} records", unit.put.len())));
    words.join(", ")
}

/// Methods that are only passed on.
macro_rules! passed_on {
    ($(async fn $name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Counting {
            async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
                let accepted = self.inner.offer(school, offer).await;
                if accepted == Ok(Accepted::New) {
                    self.note("a request is accepted".to_owned());
                }
                accepted
            }

            async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()> {
                self.note("an entry is appended".to_owned());
                self.inner.append(school, body, at).await
            }

            async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError> {
                self.note(told(&unit));
                self.inner.commit(school, fence, unit).await
            }

            $(async fn $name(&self, $($arg: $kind),*) -> $answer {
                self.inner.$name($($arg),*).await
            })*
        }
    };
}

passed_on! {
    async fn epoch() -> StoreResult<Option<String>>;
    async fn inbox(school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>>;
    async fn read(school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>>;
    async fn find(school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>>;
    async fn scan(school: &SchoolId, prefix: &str, after: Option<&str>, max: usize) -> StoreResult<Vec<(String, Record)>>;
    async fn wakes(school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>>;
    async fn wake_of(school: &SchoolId, member: &str) -> StoreResult<Option<Wake>>;
    async fn next_wake(school: &SchoolId) -> StoreResult<Option<Wake>>;
    async fn deliveries(school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>>;
    async fn pending(school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>>;
    async fn unreadable(school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>>;
    async fn journal(school: &SchoolId, order: &OrderId, max: usize) -> StoreResult<Vec<JournalEntry>>;
    async fn raw(school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>>;
    async fn raws(school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<(Seq, Vec<u8>)>>;
    async fn dead(school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>>;
    async fn letters(school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<(u64, DeadLetter)>>;
    async fn letter(school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>>;
    async fn counts(school: &SchoolId) -> StoreResult<Counts>;
    async fn renew(school: &SchoolId, fence: &Fence, plan: &Plan, term: &Term) -> StoreResult<(Lease, Contents)>;
    async fn release(school: &SchoolId, fence: &Fence) -> StoreResult<()>;
    async fn is_owned(school: &SchoolId) -> StoreResult<bool>;
    async fn ring(school: &SchoolId) -> StoreResult<()>;
    async fn listen(heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()>;
    async fn budget(account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64>;
    async fn secret(name: &str) -> StoreResult<Option<Vec<u8>>>;
    async fn swap_secret(name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool>;
    async fn lock(name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool>;
    async fn unlock(name: &str, token: &str) -> StoreResult<()>;
    async fn forget_raw(school: &SchoolId, before: At, max: usize) -> StoreResult<u64>;
    async fn ping() -> StoreResult<()>;
}
