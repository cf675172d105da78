//! A store that remembers everything that was written to it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dozvon::process::{At, CommandId, OrderId, SchoolId};
use dozvon::store::{
    Accepted, CommitError, Counts, DeadLetter, DeadOp, Delivery, DeliveryOp, Entry, Fence, JournalEntry, Kept,
    Lease, Offer, Plan, Rate, Record, Seq, Store, Unit, Wake,
};
use serde_json::Value;

#[derive(Default)]
pub struct Written {
    /// Key, body, when.
    pub records: Vec<(String, Value, At)>,
    pub items: Vec<Value>,
    pub deliveries: Vec<Value>,
    pub journal: Vec<Value>,
    pub letters: Vec<DeadLetter>,
}

pub struct Tape(pub Arc<dyn Store>, pub Arc<Mutex<Written>>);

#[async_trait]
impl Store for Tape {
    async fn offer(&self, school: &SchoolId, offer: &Offer) -> Kept<Accepted> {
        self.0.offer(school, offer).await
    }
    async fn epoch(&self) -> Kept<Option<String>> {
        self.0.epoch().await
    }
    async fn append(&self, school: &SchoolId, body: &[u8], at: At) -> Kept<()> {
        self.0.append(school, body, at).await
    }
    async fn inbox(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> Kept<Vec<Entry>> {
        let entries = self.0.inbox(school, after, max).await?;
        let items = entries.iter().filter_map(|entry| serde_json::from_slice(&entry.body).ok());
        self.1.lock().unwrap().items.extend(items);
        Ok(entries)
    }
    async fn read(&self, school: &SchoolId, keys: &[String]) -> Kept<Vec<Option<Record>>> {
        self.0.read(school, keys).await
    }
    async fn find(&self, school: &SchoolId, keys: &[String]) -> Kept<Vec<Option<String>>> {
        self.0.find(school, keys).await
    }
    async fn scan(
        &self,
        school: &SchoolId,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Kept<Vec<(String, Record)>> {
        self.0.scan(school, prefix, after, max).await
    }
    async fn commit(&self, school: &SchoolId, fence: &Fence, unit: Unit) -> Result<(), CommitError> {
        self.0.commit(school, fence, unit.clone()).await?;
        let mut written = self.1.lock().unwrap();
        for put in unit.put {
            written.records.push((put.key, serde_json::from_slice(&put.body).unwrap(), unit.at));
        }
        for op in unit.deliveries {
            if let DeliveryOp::Add(delivery) | DeliveryOp::Update(delivery) = op {
                written.deliveries.push(serde_json::to_value(delivery).unwrap());
            }
        }
        written.journal.extend(unit.journal.iter().map(|entry| serde_json::to_value(entry).unwrap()));
        for op in unit.dead {
            if let DeadOp::Bury(letter) | DeadOp::Update(letter) = op {
                written.letters.push(letter);
            }
        }
        Ok(())
    }
    async fn wakes(&self, school: &SchoolId, until_ms: i64, max: usize) -> Kept<Vec<Wake>> {
        self.0.wakes(school, until_ms, max).await
    }
    async fn wake_of(&self, school: &SchoolId, member: &str) -> Kept<Option<Wake>> {
        self.0.wake_of(school, member).await
    }
    async fn next_wake(&self, school: &SchoolId) -> Kept<Option<Wake>> {
        self.0.next_wake(school).await
    }
    async fn deliveries(&self, school: &SchoolId, after: u64, max: usize) -> Kept<Vec<Delivery>> {
        self.0.deliveries(school, after, max).await
    }
    async fn unreadable(&self, school: &SchoolId) -> Kept<Vec<(CommandId, Vec<u8>)>> {
        self.0.unreadable(school).await
    }
    async fn journal(&self, school: &SchoolId, order: &OrderId, max: usize) -> Kept<Vec<JournalEntry>> {
        self.0.journal(school, order, max).await
    }
    async fn raw(&self, school: &SchoolId, seq: &Seq) -> Kept<Option<Vec<u8>>> {
        self.0.raw(school, seq).await
    }
    async fn raws(&self, school: &SchoolId, after: Option<Seq>, max: usize) -> Kept<Vec<(Seq, Vec<u8>)>> {
        self.0.raws(school, after, max).await
    }
    async fn dead(&self, school: &SchoolId, max: usize) -> Kept<Vec<DeadLetter>> {
        self.0.dead(school, max).await
    }
    async fn letters(&self, school: &SchoolId, after: u64, max: usize) -> Kept<Vec<(u64, DeadLetter)>> {
        self.0.letters(school, after, max).await
    }
    async fn letter(&self, school: &SchoolId, id: &str) -> Kept<Option<DeadLetter>> {
        self.0.letter(school, id).await
    }
    async fn counts(&self, school: &SchoolId) -> Kept<Counts> {
        self.0.counts(school).await
    }
    async fn lease(&self, school: &SchoolId, fence: &Fence, plan: &Plan, ttl_ms: u64) -> Kept<Lease> {
        self.0.lease(school, fence, plan, ttl_ms).await
    }
    async fn release(&self, school: &SchoolId, fence: &Fence) -> Kept<()> {
        self.0.release(school, fence).await
    }
    async fn ring(&self, school: &SchoolId) -> Kept<()> {
        self.0.ring(school).await
    }
    async fn listen(&self, heard: &(dyn Fn(SchoolId) + Send + Sync)) -> Kept<()> {
        self.0.listen(heard).await
    }
    async fn budget(&self, account: &str, rate: Rate, now_ms: Option<i64>) -> Kept<u64> {
        self.0.budget(account, rate, now_ms).await
    }
    async fn secret(&self, name: &str) -> Kept<Option<Vec<u8>>> {
        self.0.secret(name).await
    }
    async fn swap_secret(&self, name: &str, old: Option<&[u8]>, new: &[u8]) -> Kept<bool> {
        self.0.swap_secret(name, old, new).await
    }
    async fn lock(&self, name: &str, token: &str, ttl_ms: u64) -> Kept<bool> {
        self.0.lock(name, token, ttl_ms).await
    }
    async fn unlock(&self, name: &str, token: &str) -> Kept<()> {
        self.0.unlock(name, token).await
    }
    async fn forget_raw(&self, school: &SchoolId, before: At, max: usize) -> Kept<u64> {
        self.0.forget_raw(school, before, max).await
    }
    async fn ping(&self) -> Kept<()> {
        self.0.ping().await
    }
}
