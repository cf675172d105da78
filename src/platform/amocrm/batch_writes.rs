//! Batched writes: writes of one kind that wait for the account's budget leave as one request. Never delays a
//! write to fill a batch (an idle account sends a single item at once), never lets one rejected item fail
//! another, never matches answer entries by position. Enter at [`WriteBatcher::send`]. Sources:
//! amocrm.ru/developers/content/crm_platform/leads-api (answers by `request_id`; `complex` may return fewer
//! entries) and amocrm.ru/developers/content/api/recommendations (50 items, 504).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::card::{list, number, page, text};
use super::classify::{Rejection, Reply};
use super::client::{AmoClient, Asked, Call};
use crate::platform::Fault;
use crate::platform::http::{BudgetRequest, Granted, Group};
use crate::process::Urgency;

/// Most items in one request; the platform accepts 250 and recommends 50.
const MOST: usize = 50;
/// How many items a halved limit regains after each success.
const MOST_STEP: usize = 5;

/// What is written; each kind has its own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    Lead,
    /// A new lead that brings its contact.
    LeadWithContact,
    Contact,
    Task,
    /// A note on a lead, which its item names as `entity_id`.
    Note,
    Call,
}

const KINDS: usize = 6;

/// Create a new entity, or change the one with this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteTo {
    New,
    Known(u64),
}

/// One item to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub kind: WriteKind,
    pub to: WriteTo,
    /// The `request_id` that identifies this item's part of the answer.
    pub id: String,
    pub item: Value,
    /// Users to try in turn if the account refuses the responsible one: a write without any would make the
    /// token's user responsible.
    pub instead: Vec<u64>,
    pub urgency: Urgency,
}

/// The writes of one account that wait for the budget. It has no task of its own: the caller whose turn comes
/// first sends the batch for all callers in it.
pub struct WriteBatcher {
    client: AmoClient,
    waiting: Mutex<BTreeMap<u64, PendingWrite>>,
    last: AtomicU64,
    /// Most items of one request, per group: halved when a request was too heavy, then raised step by step.
    most: [AtomicUsize; 2 * KINDS],
}

/// The result of one item: its own part of the answer, or its own rejection.
pub type WriteResult = Result<Reply, Fault>;

struct PendingWrite {
    write: Write,
    done: oneshot::Sender<WriteResult>,
}

impl PendingWrite {
    /// The caller may be gone; then nobody receives the result.
    fn send_result(self, outcome: WriteResult) {
        let _ = self.done.send(outcome);
    }
}

impl WriteKind {
    fn path(self) -> &'static str {
        match self {
            Self::Lead => "/api/v4/leads",
            Self::LeadWithContact => "/api/v4/leads/complex",
            Self::Contact => "/api/v4/contacts",
            Self::Task => "/api/v4/tasks",
            Self::Note => "/api/v4/leads/notes",
            Self::Call => "/api/v4/calls",
        }
    }

    /// The list's name in an answer; `complex` answers with a bare array.
    fn name(self) -> &'static str {
        match self {
            Self::Lead | Self::LeadWithContact => "leads",
            Self::Contact => "contacts",
            Self::Task => "tasks",
            Self::Note => "notes",
            Self::Call => "calls",
        }
    }
}

impl Write {
    fn group(&self) -> usize {
        self.kind as usize + if self.to == WriteTo::New { 0 } else { KINDS }
    }

    /// The item in the form it has in an array.
    fn in_array(&self) -> Value {
        let mut item = self.item.clone();
        if let WriteTo::Known(id) = self.to {
            item["id"] = id.into();
        }
        item["request_id"] = self.id.as_str().into();
        item
    }

    /// The entry of an answer that belongs to this item.
    fn part<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let entries = body.as_array().map_or_else(|| page(body, self.kind.name()), Vec::as_slice);
        entries.iter().find(|entry| match self.to {
            WriteTo::New => is_named(&entry["request_id"], &self.id),
            WriteTo::Known(id) => number(&entry["id"]) == Some(id),
        })
    }
}

impl WriteBatcher {
    pub fn new(client: AmoClient) -> Self {
        let most = [const { AtomicUsize::new(MOST) }; 2 * KINDS];
        Self { client, waiting: Mutex::default(), last: AtomicU64::new(0), most }
    }

    /// Writes one item, together with the other waiting writes of its group.
    pub async fn send(&self, write: Write) -> WriteResult {
        let (item, asked) = (self.last.fetch_add(1, Ordering::SeqCst), self.client.asked());
        let (urgency, name) = (write.urgency, write.group());
        let most = self.most[name].load(Ordering::SeqCst);
        let (done, outcome) = oneshot::channel();
        self.waiting().insert(item, PendingWrite { write, done });
        let _guard = RemoveWriteOnDrop(self, item);
        let group = Some(Group { name: name as u32, item, most });
        if let Granted::Send(items) =
            self.client.turn(BudgetRequest { urgency, deliveries: 1, group }).await?
        {
            let batch = {
                let mut waiting = self.waiting();
                items.iter().filter_map(|item| waiting.remove(item)).collect()
            };
            self.carry(batch, asked).await;
        }
        outcome.await.unwrap_or_else(|_| Err(Fault::unclear("the caller that sent this batch was stopped")))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, PendingWrite>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a batch and passes each result on; items that have to be sent again wait for further turns.
    async fn carry(&self, batch: Vec<PendingWrite>, asked: Asked) {
        let mut turn = Ok(Granted::SentByPeer);
        let mut batches = vec![batch];
        while let Some(batch) = batches.pop() {
            let Some(first) = batch.first() else { continue };
            let (group, size) = (first.write.group(), batch.len());
            let call = call(&batch);
            let _lighter = Lighter { most: &self.most[group], size };
            let outcome = match turn {
                Ok(_) => self.client.send_now(&call, asked).await,
                Err(fault) => Err(fault),
            };
            self.learn(group, size, &outcome);
            batches.extend(hand_out(batch, outcome));
            let Some(next) = batches.last() else { return };
            let urgency = next.iter().map(|one| one.write.urgency).min().unwrap_or(Urgency::Usual);
            let deliveries = batches.iter().map(Vec::len).sum::<usize>() as u64;
            turn = self.client.turn(BudgetRequest { urgency, deliveries, group: None }).await;
        }
    }

    /// A request with an unknown outcome may have been too heavy.
    fn learn(&self, group: usize, size: usize, outcome: &WriteResult) {
        let most = &self.most[group];
        let now = most.load(Ordering::SeqCst);
        let next = match outcome {
            Err(Fault::Unclear { .. } | Fault::Later { after_ms: None, .. }) if size > 1 => size / 2,
            Err(_) => now,
            Ok(_) => (now + MOST_STEP).min(MOST),
        };
        most.store(next, Ordering::SeqCst);
    }
}

/// Halves the batch size when handling a batch panics, until the item at fault is sent alone.
struct Lighter<'a> {
    most: &'a AtomicUsize,
    size: usize,
}

impl Drop for Lighter<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.most.store((self.size / 2).max(1), Ordering::SeqCst);
        }
    }
}

/// Removes a waiting item when its caller goes away.
struct RemoveWriteOnDrop<'a>(&'a WriteBatcher, u64);

impl Drop for RemoveWriteOnDrop<'_> {
    fn drop(&mut self) {
        self.0.waiting().remove(&self.1);
    }
}

/// A single change goes as an object to its own address; several items go as an array.
fn call(batch: &[PendingWrite]) -> Call {
    let writes = || batch.iter().map(|waiting| &waiting.write);
    let urgency = writes().map(|write| write.urgency).min().unwrap_or(Urgency::Usual);
    let call = match batch {
        [PendingWrite { write: Write { kind, to: WriteTo::Known(id), item, .. }, .. }] => {
            Call::patch(format!("{}/{id}", kind.path()), item.clone(), urgency)
        }
        _ => {
            let path = batch.first().map_or("", |first| first.write.kind.path());
            let items = Value::Array(writes().map(Write::in_array).collect());
            match batch.first().map(|first| first.write.to) {
                Some(WriteTo::Known(_)) => Call::patch(path, items, urgency),
                _ => Call::create(path, items, urgency),
            }
        }
    };
    call.for_deliveries(batch.len() as u64)
}

/// Gives each item its result and returns the items to send again, grouped by request.
fn hand_out(batch: Vec<PendingWrite>, outcome: WriteResult) -> Vec<Vec<PendingWrite>> {
    match outcome {
        Ok(Reply::Body(body)) => answered(batch, &body),
        Ok(Reply::Rejected(rejection)) if batch.len() > 1 => refused(batch, &rejection),
        same => {
            batch.into_iter().for_each(|one| one.send_result(same.clone()));
            Vec::new()
        }
    }
}

/// Passes each entry of an answer to the item it names. A change that the answer does not name is sent again
/// alone, because a single request reports a missing entity clearly.
fn answered(batch: Vec<PendingWrite>, body: &Value) -> Vec<Vec<PendingWrite>> {
    let alone = batch.len() == 1;
    let mut again = Vec::new();
    for one in batch {
        match (one.write.part(body).or_else(|| nameless(&one.write, body).filter(|_| alone)), one.write.to) {
            (Some(part), _) => one.send_result(Ok(Reply::Body(part.clone()))),
            (None, WriteTo::Known(_)) if alone => one.send_result(Ok(Reply::Body(body.clone()))),
            (None, WriteTo::Known(_)) => again.push(vec![one]),
            // A number without a card: nothing was stored.
            (None, WriteTo::New) if one.write.kind == WriteKind::Call => {
                one.send_result(Ok(Reply::Body(Value::Null)))
            }
            (None, WriteTo::New) => {
                one.send_result(Err(Fault::unclear("amoCRM's answer does not name what was to be made")));
            }
        }
    }
    again
}

/// The only entry of an answer that has no `request_id`.
fn nameless<'a>(write: &Write, body: &'a Value) -> Option<&'a Value> {
    let entries = body.as_array().map_or_else(|| page(body, write.kind.name()), Vec::as_slice);
    entries.first().filter(|entry| entry["request_id"].is_null())
}

/// Items named in the error get their own rejection and the others are sent again. If none is named, the
/// batch is split in two and both halves are sent.
fn refused(batch: Vec<PendingWrite>, rejection: &Rejection) -> Vec<Vec<PendingWrite>> {
    let ids: Vec<String> = batch.iter().map(|one| one.write.id.clone()).collect();
    let named = by_item(&rejection.body["validation-errors"], &ids);
    let mut rest = Vec::new();
    let mut again = Vec::new();
    for (place, one) in batch.into_iter().enumerate() {
        if let Some(part) = one.write.part(&rejection.body) {
            // For calls, the answer lists those that were stored and those whose number has no card.
            one.send_result(Ok(Reply::Body(part.clone())));
        } else if one.write.kind == WriteKind::Call && rejection.body["errors"].is_array() {
            one.send_result(Ok(Reply::Body(Value::Null)));
        } else if let Some(errors) = named.get(&place) {
            match one.write.to {
                WriteTo::Known(_) if is_about_id(errors) => again.push(vec![one]),
                _ => {
                    let body = json!({ "validation-errors": errors, "status": rejection.status });
                    one.send_result(Ok(Reply::Rejected(Rejection { status: rejection.status, body })));
                }
            }
        } else {
            rest.push(one);
        }
    }
    if named.is_empty() && rest.len() > 1 {
        again.push(rest.split_off(rest.len() / 2));
    }
    again.extend((!rest.is_empty()).then_some(rest));
    again
}

/// Positions in the batch → their lines of `validation-errors`: by our id, or by the index that amoCRM writes
/// for an item without an id.
fn by_item(errors: &Value, ids: &[String]) -> BTreeMap<usize, Vec<Value>> {
    let mut named: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for line in list(errors) {
        let by_id = ids.iter().position(|id| is_named(&line["request_id"], id));
        let by_index = || number::<usize>(&line["request_id"]).filter(|place| *place < ids.len());
        if let Some(place) = by_id.or_else(by_index) {
            named.entry(place).or_default().push(line.clone());
        }
    }
    named
}

/// The error may mean that the entity is missing; a single request reports that clearly.
fn is_about_id(errors: &[Value]) -> bool {
    let paths = errors.iter().flat_map(|line| list(&line["errors"])).map(|error| text(&error["path"]));
    paths.into_iter().any(|path| path.rsplit('.').next() == Some("id"))
}

/// The value is one id, or a list of ids that were put on one entity (`complex`).
fn is_named(value: &Value, id: &str) -> bool {
    text(value) == id || list(value).iter().any(|one| text(one) == id)
}

#[cfg(test)]
#[path = "batch_writes_tests.rs"]
mod tests;
