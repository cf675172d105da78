//! Ports of a bridge that panic where a test says so, and do what they do otherwise.
//! Never panics by itself. Enter at [`Breaker::arm`]; `within` puts the ports into a bridge.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dozvon::clock::stopwatch;
use dozvon::platform::reconcile::{Known, Reconciled};
use dozvon::platform::{
    Courier, Fault, Hooks, Links, Mirroring, Receipt, Reconciler, Room, Try, Undecodable,
};
use dozvon::platform::{HookAnswer, Reception, Refused, Verified};
use dozvon::process::{At, Command, CommandId, OrderId, SchoolId};
use dozvon::request::RawRequest;
use dozvon::signal::{Consent, Signal};
use dozvon::store::{
    Accepted, CommitError, Contents, Counts, DeadLetter, Delivery, DeliveryOp, Entry, Fence, JournalEntry,
    Lease, Offer, Places, Plan, Rate, Record, Seq, Store, StoreResult, Term, Unit, Wake,
};
use serde_json::Value;
use tokio::time::Instant;

/// Where the ports panic, and how often still.
#[derive(Default)]
pub struct Breaker {
    armed: Mutex<Vec<(String, u64)>>,
    fired: AtomicU64,
    /// Commits of this kind that are refused still, as if somebody else had changed what they are about.
    to_refuse: Mutex<Option<(&'static str, u64)>>,
    refused_at: Mutex<Vec<Instant>>,
    forgotten: Mutex<Vec<CommandId>>,
}

impl Breaker {
    /// Panics at so many of the next places whose name has all of these words.
    pub fn arm(&self, words: impl Into<String>, times: u64) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push((words.into(), times));
    }

    /// Panics so far.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::SeqCst)
    }

    /// So many commits of a kind are refused.
    pub fn refuse(&self, kind: &'static str, times: u64) {
        *self.to_refuse.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, times));
    }

    /// From the first refusal to the last.
    pub fn refused_for(&self) -> Duration {
        let at = self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        at.first().zip(at.last()).map_or(Duration::ZERO, |(first, last)| *last - *first)
    }

    fn refuses(&self, kind: &str) -> bool {
        let mut to_refuse = self.to_refuse.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = to_refuse.as_mut().filter(|(meant, left)| *left > 0 && *meant == kind);
        let Some((_, left)) = meant else { return false };
        *left -= 1;
        self.refused_at.lock().unwrap_or_else(PoisonError::into_inner).push(stopwatch());
        true
    }

    /// Commands of which the couriers were told that they are no longer to be carried out.
    pub fn forgotten(&self) -> Vec<CommandId> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The work has come to this place.
    fn at(&self, place: impl Display) {
        let place = place.to_string();
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |words: &str| words.split(' ').all(|word| place.contains(word));
        let meant = armed.iter_mut().find(|(words, left)| *left > 0 && is_meant(words));
        if let Some((_, left)) = meant {
            *left -= 1;
            self.fired.fetch_add(1, Ordering::SeqCst);
            drop(armed);
            // A panic may quote data, as this one does; nobody may read it in a log.
            panic!("+79035550199 at {place}");
        }
    }
}

pub struct Breaking<T>(pub T, pub Arc<Breaker>);

#[async_trait]
impl Courier for Breaking<Arc<dyn Courier>> {
    fn room(&self) -> Room {
        self.0.room()
    }

    async fn deliver(
        &self,
        command: &Command,
        tried: Try,
        links: &dyn Links,
        now: At,
    ) -> Result<Receipt, Fault> {
        self.1.at(format_args!("deliver {} {}", command.ask.name(), command.id));
        let done = self.0.deliver(command, tried, links, now).await;
        self.1.at(format_args!("delivered {} {}", command.ask.name(), command.id));
        done
    }

    fn forget(&self, command: &CommandId) {
        self.1.forgotten.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
        self.0.forget(command);
    }

    async fn consent(&self, consent: &Consent) -> Result<(), Fault> {
        self.0.consent(consent).await
    }

    async fn chore(&self, now: At) -> Result<At, Fault> {
        self.1.at("chore");
        self.0.chore(now).await
    }

    async fn mirror(&self, links: &dyn Links, now: At) -> Result<Option<Mirroring>, Fault> {
        self.1.at("mirror");
        self.0.mirror(links, now).await
    }
}

#[async_trait]
impl Reconciler for Breaking<Arc<dyn Reconciler>> {
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault> {
        self.1.at("look");
        self.0.reconcile(cursor, known, now).await
    }
}

impl Hooks for Breaking<Arc<dyn Hooks>> {
    fn body_bytes_max(&self) -> usize {
        self.0.body_bytes_max()
    }

    fn verify(&self, request: &RawRequest) -> Result<Reception, Refused> {
        self.1.at(format_args!("verify {}", request.query));
        self.0.verify(request)
    }

    fn answer(&self, request: &Verified) -> HookAnswer {
        self.0.answer(request)
    }

    fn decode(&self, request: &Verified, at: At) -> Result<Vec<Signal>, Undecodable> {
        self.1.at(format_args!("decode {}", request.request().query));
        self.0.decode(request, at)
    }

    fn unread(&self, request: &RawRequest) -> Vec<String> {
        self.0.unread(request)
    }

    fn decode_found(&self, request: &RawRequest, at: At) -> Result<Vec<Signal>, Undecodable> {
        self.0.decode_found(request, at)
    }
}

/// Whatever it is for: does it mark something that is to leave?
fn marks(unit: &Unit) -> bool {
    unit.deliveries.iter().any(
        |op| matches!(op, DeliveryOp::Add(delivery) | DeliveryOp::Update(delivery) if delivery.is_leaving()),
    )
}

/// What a unit is for: `mark` and `settle` of deliveries, `entry` or `wake` of the inbox.
fn kind_of(unit: &Unit) -> &'static str {
    let of_delivery = unit.deliveries.iter().find_map(|op| match op {
        DeliveryOp::Update(_) => Some("mark"),
        DeliveryOp::Remove(_) => Some("settle"),
        DeliveryOp::Add(_) | DeliveryOp::Revoke(_) => None,
    });
    let of_inbox = if !unit.ack.is_empty() { "entry" } else { "other" };
    let is_wake = unit.ack.is_empty() && (!unit.wake.is_empty() || !unit.sleep.is_empty());
    of_delivery.unwrap_or(if is_wake { "wake" } else { of_inbox })
}

#[async_trait]
impl Store for Breaking<Arc<dyn Store>> {
    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<Places, CommitError> {
        let kind = kind_of(&unit);
        let marks = if marks(&unit) { " mark" } else { "" };
        self.1.at(format_args!("commit before {kind}{marks}"));
        if self.1.refuses(kind) {
            return Err(CommitError::Conflict("refused by the test".to_owned()));
        }
        let done = self.0.commit(school, fence, unit).await;
        self.1.at(format_args!("commit after {kind}{marks}"));
        done
    }

    async fn offer(&self, school: &SchoolId, offer: &Offer) -> StoreResult<Accepted> {
        self.1.at("store offer");
        self.0.offer(school, offer).await
    }

    async fn epoch(&self) -> StoreResult<Option<String>> {
        self.1.at("store epoch");
        self.0.epoch().await
    }

    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> StoreResult<()> {
        self.1.at("store append");
        self.0.append(school, body, at).await
    }

    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> StoreResult<Vec<Entry>> {
        self.1.at("store inbox");
        self.0.inbox(school, after, max).await
    }

    async fn read(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<Record>>> {
        self.1.at("store read");
        self.0.read(school, keys).await
    }

    async fn find(&self, school: &SchoolId, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
        self.1.at("store find");
        self.0.find(school, keys).await
    }

    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> StoreResult<Vec<(String, Record)>> {
        self.1.at("store scan");
        self.0.scan(school, prefix, after, max).await
    }

    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> StoreResult<Vec<Wake>> {
        self.1.at("store wakes");
        self.0.wakes(school, until_ms, max).await
    }

    async fn wake_of(&self, school: &SchoolId, member: &str) -> StoreResult<Option<Wake>> {
        self.1.at("store wake_of");
        self.0.wake_of(school, member).await
    }

    async fn next_wake(&self, school: &SchoolId) -> StoreResult<Option<Wake>> {
        self.1.at("store next_wake");
        self.0.next_wake(school).await
    }

    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> StoreResult<Vec<Delivery>> {
        self.1.at("store deliveries");
        self.0.deliveries(school, after, max).await
    }

    async fn pending(&self, school: &SchoolId, ids: &[CommandId]) -> StoreResult<Vec<Option<Delivery>>> {
        self.1.at("store pending");
        self.0.pending(school, ids).await
    }

    async fn unreadable(&self, school: &SchoolId) -> StoreResult<Vec<(CommandId, Vec<u8>)>> {
        self.1.at("store unreadable");
        self.0.unreadable(school).await
    }

    async fn journal(
        &self,
        school: &SchoolId,
        order: &OrderId,
        max: usize,
    ) -> StoreResult<Vec<JournalEntry>> {
        self.1.at("store journal");
        self.0.journal(school, order, max).await
    }

    async fn raw(&self, school: &SchoolId, seq: &Seq) -> StoreResult<Option<Vec<u8>>> {
        self.1.at("store raw");
        self.0.raw(school, seq).await
    }

    async fn raws(
        &self,
        school: &SchoolId,
        after: Option<Seq>,
        max: usize,
    ) -> StoreResult<Vec<(Seq, Vec<u8>)>> {
        self.1.at("store raws");
        self.0.raws(school, after, max).await
    }

    async fn dead(&self, school: &SchoolId, max: usize) -> StoreResult<Vec<DeadLetter>> {
        self.1.at("store dead");
        self.0.dead(school, max).await
    }

    async fn letters(
        &self,
        school: &SchoolId,
        after: u64,
        max: usize,
    ) -> StoreResult<Vec<(u64, DeadLetter)>> {
        self.1.at("store letters");
        self.0.letters(school, after, max).await
    }

    async fn letter(&self, school: &SchoolId, id: &str) -> StoreResult<Option<DeadLetter>> {
        self.1.at("store letter");
        self.0.letter(school, id).await
    }

    async fn counts(&self, school: &SchoolId) -> StoreResult<Counts> {
        self.1.at("store counts");
        self.0.counts(school).await
    }

    async fn renew(
        &self,
        school: &SchoolId,
        fence: &Fence,
        plan: &Plan,
        term: &Term,
    ) -> StoreResult<(Lease, Contents)> {
        self.1.at("store lease");
        self.0.renew(school, fence, plan, term).await
    }

    async fn release(&self, school: &SchoolId, fence: &Fence) -> StoreResult<()> {
        self.1.at("store release");
        self.0.release(school, fence).await
    }

    async fn is_owned(&self, school: &SchoolId) -> StoreResult<bool> {
        self.0.is_owned(school).await
    }

    async fn ring(&self, school: &SchoolId) -> StoreResult<()> {
        self.1.at("store ring");
        self.0.ring(school).await
    }

    async fn listen(&self, heard: &(dyn Fn(SchoolId) + Send + Sync)) -> StoreResult<()> {
        self.1.at("store listen");
        self.0.listen(heard).await
    }

    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> StoreResult<u64> {
        self.1.at(format_args!("store budget {account}"));
        self.0.budget(account, rate, now_ms).await
    }

    async fn secret(&self, name: &str) -> StoreResult<Option<Vec<u8>>> {
        self.1.at("store secret");
        self.0.secret(name).await
    }

    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> StoreResult<bool> {
        self.1.at("store swap_secret");
        self.0.swap_secret(name, old, new).await
    }

    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> StoreResult<bool> {
        self.1.at("store lock");
        self.0.lock(name, token, ttl_ms).await
    }

    async fn unlock(&self, name: &str, token: &str) -> StoreResult<()> {
        self.1.at("store unlock");
        self.0.unlock(name, token).await
    }

    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> StoreResult<u64> {
        self.1.at("store forget_raw");
        self.0.forget_raw(school, before, max).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.1.at("store ping");
        self.0.ping().await
    }
}
