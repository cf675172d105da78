//! Deletion of personal data: an ended order past its retention time, and a person who asks for erasure.
//! Never asks a platform to delete: the data in amoCRM, GetCourse and the telephony is theirs. Never writes;
//! the worker commits the units. Enter at [`retire`], [`erase`] and [`scrub`].
//!
//! A forgotten order leaves its id behind, so that a late webhook does not start it again: a retired order
//! reacts only to further money, an erased one to nothing.

mod mention;
#[cfg(test)]
mod tests;

pub use mention::Mention;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::calls::CallRecord;
use super::identity;
use super::mirror;
use crate::intake::envelope::Envelope;
use crate::intake::item::{Inbound, Item, Member};
use crate::link;
use crate::process::meters::counted_as;
use crate::process::{At, Client, ClientId, CommandId, LeadRole, Order, OrderId, SchoolId, TaskId};
use crate::store::{
    DeadLetter, DeadOp, DeliveryOp, DeliveryState, Forget, Seq, Store, StoreError, StoreResult, Unit,
};

/// Most orders erased together with the person; the scrub finds the others.
const ORDERS_AT_ONCE: usize = 20;
/// Records and requests checked in one unit.
const PAGE: usize = 100;

/// What is left of a forgotten order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    Erased,
    /// With the amount that was paid, in minor units.
    Retired {
        paid: i64,
    },
}

impl Gone {
    /// Reads the form stored in the index.
    pub fn read(stored: &str) -> Option<Self> {
        match stored.split_once(' ') {
            None if stored == "erased" => Some(Self::Erased),
            Some(("retired", paid)) => Some(Self::Retired { paid: paid.parse().ok()? }),
            _ => None,
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Erased => "erased".to_owned(),
            Self::Retired { paid } => format!("retired {paid}"),
        }
    }
}

/// What remains to be checked after an erasure; one page is one entry of the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scrub {
    pub mention: Mention,
    pub clients: BTreeSet<ClientId>,
    pub stage: ScrubPhase,
}

impl Scrub {
    /// Everything that is known of the person has been collected.
    pub fn is_at_requests(&self) -> bool {
        self.stage == ScrubPhase::Requests { after: None }
    }
}

/// The present phase and where it continues; each phase goes through all records of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum ScrubPhase {
    /// Orders that the client's record no longer names, after this key.
    Orders { after: Option<String> },
    /// Calls, after this key.
    Calls { after: Option<String> },
    /// Dead letters, after this place.
    Letters { after: u64 },
    /// Requests, after this place.
    Requests { after: Option<u64> },
}

/// Forgets an order that ended before `before`; any other order stays.
pub async fn retire(book: &mut Book, id: &OrderId, before: At, now: At) -> StoreResult<Unit> {
    let mut unit = Unit { at: now, ..Unit::default() };
    let Some(order) = book.order(id).await? else { return Ok(unit) };
    if order.end().is_none_or(|end| end.at() >= before) || !order.unsent.is_empty() {
        return Ok(unit);
    }
    let paid = order.paid.as_ref().map_or(0, |paid| paid.minor);
    traces(book, &order, &Gone::Retired { paid }, &mut unit).await?;
    if let Some(mut client) = book.client(&order.client).await? {
        client.orders.remove(id);
        client.joined.remove(id);
        if client.orders.is_empty() {
            person(book, &client, &mut unit).await?;
        } else {
            unit.put.extend(book.put_client(client));
        }
    }
    Ok(unit)
}

/// Forgets the person with this number (E.164) or this address (lower case): their record and orders at once,
/// and page by page whatever else mentions them. If no person is known by them, the pages are checked all the
/// same.
pub async fn erase(
    book: &mut Book,
    store: &dyn Store,
    school: &SchoolId,
    mention: Mention,
    now: At,
) -> StoreResult<Unit> {
    let mut unit = Unit { at: now, ..Unit::default() };
    let mut scrub = Scrub { mention, clients: BTreeSet::new(), stage: ScrubPhase::Orders { after: None } };
    let mut orders = BTreeSet::new();
    scrub.clients = scrub.mention.persons(&book.links_of(&scrub.mention.entries()).await?);
    for client in scrub.clients.clone() {
        let Some(record) = book.client(&client).await? else { continue };
        scrub.mention.learn(&record);
        for id in record.orders.keys().take(ORDERS_AT_ONCE) {
            if let Some(order) = book.order(id).await? {
                leave_desk(book, &order, &mut unit).await?;
                scrub.mention.ids.extend(traces(book, &order, &Gone::Erased, &mut unit).await?);
                orders.insert(id.clone());
            }
        }
    }
    let found = book.links_of(&scrub.mention.entries()).await?;
    scrub.mention.keep_own(&scrub.clients, &found);
    for client in scrub.clients.clone() {
        if let Some(record) = book.client(&client).await? {
            scrub.mention.ids.extend(person(book, &record, &mut unit).await?);
        }
    }
    unit.index.extend(unmirror(book, &mut scrub.mention).await?);
    unit.deliveries = deliveries(store, school, &orders).await?;
    unit.append.push(Item::Scrub(Box::new(scrub)).to_bytes());
    Ok(unit)
}

/// Checks one page and returns a further entry for the rest.
pub async fn scrub(
    book: &mut Book,
    store: &dyn Store,
    school: &SchoolId,
    mut scrub: Scrub,
    now: At,
) -> StoreResult<Unit> {
    let mut unit = Unit { at: now, ..Unit::default() };
    let next = match &scrub.stage {
        ScrubPhase::Orders { after } => {
            let page = store.scan(school, "order/", after.as_deref(), PAGE).await?;
            for (name, record) in &page {
                let Some(order) = readable::<Order>(name, &record.body) else { continue };
                if scrub.clients.contains(&order.client) {
                    leave_desk(book, &order, &mut unit).await?;
                    scrub.mention.ids.extend(traces(book, &order, &Gone::Erased, &mut unit).await?);
                    unit.deliveries.extend(deliveries(store, school, &BTreeSet::from([order.id])).await?);
                }
            }
            Some(match page.last().filter(|_| page.len() == PAGE) {
                Some((last, _)) => ScrubPhase::Orders { after: Some(last.clone()) },
                None => ScrubPhase::Calls { after: None },
            })
        }
        ScrubPhase::Calls { after } => {
            let page = store.scan(school, "call/", after.as_deref(), PAGE).await?;
            for (name, record) in &page {
                if scrub.mention.is_in(&String::from_utf8_lossy(&record.body)) {
                    let Some(call) = readable::<CallRecord>(name, &record.body) else { continue };
                    forget_call(book, &call.call, &mut unit).await?;
                }
            }
            Some(match page.last().filter(|_| page.len() == PAGE) {
                Some((last, _)) => ScrubPhase::Calls { after: Some(last.clone()) },
                None => ScrubPhase::Letters { after: 0 },
            })
        }
        ScrubPhase::Letters { after } => {
            let page = store.letters(school, *after, PAGE).await?;
            for (_, letter) in &page {
                if is_of_erased(book, letter).await? || mentioned_by(&scrub.mention, letter) {
                    unit.dead.push(DeadOp::Dig(letter.id.clone()));
                }
            }
            Some(match page.last() {
                Some((last, _)) => ScrubPhase::Letters { after: *last },
                None => ScrubPhase::Requests { after: None },
            })
        }
        ScrubPhase::Requests { after } => {
            let page = store.raws(school, after.map(Seq), PAGE).await?;
            let hits = page.iter().filter(|(_, raw)| mentions(&scrub.mention, raw));
            unit.forget.extend(hits.map(|(seq, _)| Forget::Raw(seq.clone())));
            page.last()
                .filter(|_| page.len() == PAGE)
                .map(|(last, _)| ScrubPhase::Requests { after: Some(last.0) })
        }
    };
    if let Some(stage) = next {
        unit.append.push(Item::Scrub(Box::new(Scrub { stage, ..scrub })).to_bytes());
    }
    Ok(unit)
}

/// Whether a stored request mentions the person. If it cannot be read, the answer is yes.
pub fn mentions(mention: &Mention, raw: &[u8]) -> bool {
    let Ok(envelope) = Envelope::read(raw) else { return true };
    mention.is_in(&envelope.query) || mention.is_in(&String::from_utf8_lossy(&envelope.body))
}

/// Whether a dead letter mentions the person. A request inside it is checked as it came.
pub fn mentioned_by(mention: &Mention, letter: &DeadLetter) -> bool {
    mention.is_in(&String::from_utf8_lossy(&letter.body))
        || held_request(letter).is_some_and(|held| mention.is_in(&String::from_utf8_lossy(&held.body)))
}

/// The stored request inside a dead letter.
pub fn held_request(letter: &DeadLetter) -> Option<Envelope> {
    match Inbound::read(&letter.body) {
        Ok(Inbound::Request(envelope)) => Some(*envelope),
        _ => None,
    }
}

async fn is_of_erased(book: &Book, letter: &DeadLetter) -> StoreResult<bool> {
    let Some(order) = &letter.order else { return Ok(false) };
    let gone = book.link(&link::gone(order)).await?;
    Ok(gone.and_then(|gone| Gone::read(&gone)) == Some(Gone::Erased))
}

/// Removes everything stored under an order's name. Returns the platforms' ids of it, which other records may
/// contain.
async fn traces(
    book: &mut Book,
    order: &Order,
    gone: &Gone,
    unit: &mut Unit,
) -> StoreResult<BTreeSet<String>> {
    let mut ids: BTreeSet<String> = order.gc_id.iter().chain(&order.number).cloned().collect();
    let roles = [LeadRole::Sales, LeadRole::Fulfilment, LeadRole::Revival];
    let leads =
        roles.iter().flat_map(|role| [link::lead(&order.id, *role), link::former_leads(&order.id, *role)]);
    let tasks = (1..=order.issued).map(|n| link::task(&TaskId(format!("t{n}·{}", order.id))));
    let (leads, tasks) = (leads.collect::<Vec<_>>(), tasks.collect());
    for (keys, entity, back) in
        [(leads, "lead", link::crm_lead as fn(u64) -> String), (tasks, "task", link::crm_task)]
    {
        let found = book.links_of(&keys).await?;
        for (name, named) in keys.into_iter().zip(found).filter_map(|(name, named)| Some((name, named?))) {
            drop_link(book, name, unit);
            for id in named.split(' ').filter_map(|id| id.parse().ok()) {
                drop_link(book, back(id), unit);
                forget_last_seen(book, &format!("{entity}/{id}"), unit).await?;
                ids.insert(id.to_string());
            }
        }
    }
    let note = [link::next_note(&order.id)];
    if book.links_of(&note).await?.iter().any(Option::is_some) {
        note.into_iter().for_each(|note| drop_link(book, note, unit));
    }
    let starts: Vec<String> =
        (1..=order.issued).map(|n| link::start(&CommandId(format!("{}.{n}", order.id)))).collect();
    let named = book.links_of(&starts).await?;
    for (start, names) in starts.into_iter().zip(named).filter_map(|(start, names)| Some((start, names?))) {
        drop_link(book, start, unit);
        names.split(' ').for_each(|name| drop_link(book, link::call(name), unit));
    }
    for call in &order.calls {
        forget_call(book, &call.call, unit).await?;
    }
    let tombstone = link::gone(&order.id);
    book.put_link(tombstone.clone(), Some(gone.write()));
    unit.index.push((tombstone, Some(gone.write())));
    unit.sleep.push(super::apply::order_member(order));
    unit.forget.push(Forget::Journal(order.id.clone()));
    unit.forget.extend(book.forget_order(&order.id).await?);
    Ok(ids)
}

/// Removes the person's own record and everything that points to it.
async fn person(book: &mut Book, client: &Client, unit: &mut Unit) -> StoreResult<BTreeSet<String>> {
    let mut ids: BTreeSet<String> = client.gc_user.iter().cloned().collect();
    let contact = link::contact(&client.id);
    if let Some(id) = book.link(&contact).await? {
        if let Ok(id) = id.parse() {
            drop_link(book, link::crm_contact(id), unit);
        }
        ids.insert(id);
    }
    drop_link(book, contact, unit);
    let names = Mention::of(client).keys();
    let owners = book.links_of(&names).await?;
    for (name, owner) in names.into_iter().zip(owners) {
        // A number that two persons share may point to the other one.
        if owner.as_deref() == Some(client.id.as_str()) {
            drop_link(book, name.clone(), unit);
        }
        if let Some((key, left)) = identity::change_alike(book, &name, &client.id, false).await? {
            book.put_link(key.clone(), left.clone());
            unit.index.push((key, left));
        }
    }
    if let Some(user) = &client.gc_user {
        drop_link(book, link::gc_user(user), unit);
    }
    let ways = client.phones.iter().chain(&client.emails);
    // An older version counted each spelling of an address by itself.
    let counted: BTreeSet<String> = ways.flat_map(|way| [way.clone(), counted_as(way)]).collect();
    for way in &counted {
        unit.forget.extend(book.forget_meter(way).await?);
    }
    unit.forget.extend(book.forget_client(&client.id).await?);
    Ok(ids)
}

/// Removes the person's contacts from the mirror. If the CRM still has one, its next change brings it back:
/// there it has to be deleted by hand.
async fn unmirror(book: &mut Book, mention: &mut Mention) -> StoreResult<mirror::Changes> {
    let own = |contact: u64| mention.ids.contains(&contact.to_string());
    let (changes, gone) = mirror::erase_person(book, &mention.mirror_keys(), own).await?;
    mention.ids.extend(gone.iter().map(u64::to_string));
    Ok(changes)
}

async fn forget_call(book: &mut Book, call: &str, unit: &mut Unit) -> StoreResult<()> {
    drop_link(book, link::call(call), unit);
    unit.sleep.push(Member::Call(call.to_owned()).to_string());
    unit.forget.extend(book.forget_call(call).await?);
    Ok(())
}

/// Removes the last seen state of a CRM entity, with those of a lead's notes.
async fn forget_last_seen(book: &mut Book, entity: &str, unit: &mut Unit) -> StoreResult<()> {
    for note in book.last_seen(entity).await?.notes() {
        unit.forget.extend(book.forget_last_seen(&format!("note/{note}")).await?);
    }
    unit.forget.extend(book.forget_last_seen(entity).await?);
    Ok(())
}

fn drop_link(book: &mut Book, name: String, unit: &mut Unit) {
    book.put_link(name.clone(), None);
    unit.index.push((name, None));
}

/// An open order no longer counts for its manager.
async fn leave_desk(book: &mut Book, order: &Order, unit: &mut Unit) -> StoreResult<()> {
    if let (true, Some(manager)) = (order.is_open(), &order.responsible) {
        let before = book.desks(std::iter::once(manager)).await?;
        let mut desks = before.clone();
        desks.release(manager);
        unit.put.extend(book.put_desks(&before, desks));
    }
    Ok(())
}

/// Removes the commands for these orders that wait to be sent.
async fn deliveries(
    store: &dyn Store,
    school: &SchoolId,
    orders: &BTreeSet<OrderId>,
) -> StoreResult<Vec<DeliveryOp>> {
    let (mut after, mut found) = (0, Vec::new());
    while !orders.is_empty() {
        let page = store.deliveries(school, after, crate::store::BATCH_MAX).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let named = page.into_iter().filter(|delivery| orders.contains(&delivery.command.order));
        found.extend(named.map(|delivery| match delivery.state {
            DeliveryState::Waiting | DeliveryState::Later { .. } => DeliveryOp::Revoke(delivery.command.id),
            // It may have left: its answer is no longer awaited.
            DeliveryState::Sending | DeliveryState::Unclear { .. } => DeliveryOp::Remove(delivery.command.id),
        }));
    }
    Ok(found)
}

/// A damaged record keeps nobody else from being erased. What it holds is not known, so a person has to look.
fn readable<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> Option<T> {
    let found = read(name, body);
    found
        .inspect_err(|error| {
            tracing::error!(record = name, %error, "ALARM: an erasure leaves out a record that cannot be read: look whether it is the person's");
        })
        .ok()
}

fn read<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> StoreResult<T> {
    serde_json::from_slice(body).map_err(|error| StoreError::not_understood(name, &error))
}
