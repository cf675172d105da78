//! The open records of one school, in memory between steps, so that commits can be pipelined. Never writes to
//! the store; it makes the [`Put`]s of a unit. All books of an instance share one memory budget; above it,
//! the least recently used records are closed. Enter at [`Book::order`] and its siblings; after a refused
//! commit call [`Book::close`].

mod budget;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::budget::Held;
pub use self::budget::RecordBudget;
use super::ahead::Ahead;
use super::calls::CallRecord;
use super::identity::named as named_in;
use super::last_seen::LastSeen;
use crate::json;
use crate::process::desks::{Desk, Desks, DesksV1};
use crate::process::meters::{Meter, Meters, SchoolMeter, counted_as};
use crate::process::{Client, ClientId, ManagerId, Order, OrderId, SchoolId};
use crate::store::{Forget, Put, Record, Store, StoreError, StoreResult, key};

/// Overhead per open record, beside its key and its JSON.
const RECORD_BYTES: usize = 256;

/// A book over the budget closes an eighth of its records at a time.
const CLOSED_AT_A_TIME: usize = 8;

/// A record with the version that the store has or will have.
struct Open<T> {
    version: u64,
    record: Option<T>,
    bytes: usize,
    /// The round in which it was used last.
    used: u64,
}

/// An index entry, and the round in which it was read or put.
struct Link {
    value: Option<String>,
    round: u64,
}

/// Open records of one kind.
type Shelf<T> = HashMap<String, Open<T>>;

pub struct Book {
    store: Arc<dyn Store>,
    school: SchoolId,
    orders: Shelf<Order>,
    clients: Shelf<Client>,
    desks: Shelf<Desk>,
    /// The desks of the first version, once they have been read.
    desks_v1: Option<DesksV1>,
    calls: Shelf<CallRecord>,
    last_seen: Shelf<LastSeen>,
    meters: Shelf<Meter>,
    school_meter: Shelf<SchoolMeter>,
    /// Index entries of this round and of the one before: as read, and as commits under way leave them.
    links: HashMap<String, Link>,
    held: Held,
    round: u64,
}

impl Book {
    pub fn new(store: Arc<dyn Store>, school: SchoolId, record_budget: Arc<RecordBudget>) -> Self {
        Self {
            store,
            school,
            orders: Shelf::new(),
            clients: Shelf::new(),
            desks: Shelf::new(),
            desks_v1: None,
            calls: Shelf::new(),
            last_seen: Shelf::new(),
            meters: Shelf::new(),
            school_meter: Shelf::new(),
            links: HashMap::new(),
            held: Held::new(record_budget),
            round: 0,
        }
    }

    /// Forgets everything, so that records are read from the store again.
    pub fn close(&mut self) {
        *self = Self::new(self.store.clone(), self.school.clone(), self.held.record_budget.clone());
    }

    /// A round has been stepped, and the commits of the one before are done: their links are in the store now. What was
    /// read ahead for the next round stays.
    pub fn end_round(&mut self) {
        self.links.retain(|_, link| link.round == self.round);
        self.round += 1;
    }

    /// Whether records have to be closed.
    pub fn is_over_budget(&self) -> bool {
        self.held.is_too_much()
    }

    /// All commits are done: records are closed if the budget is exceeded.
    pub fn fit_budget(&mut self) {
        while self.held.is_too_much() {
            let mut used: Vec<u64> = rounds(&self.orders).chain(rounds(&self.clients)).collect();
            used.extend(rounds(&self.calls).chain(rounds(&self.last_seen)).chain(rounds(&self.meters)));
            if used.is_empty() {
                return;
            }
            let place = used.len() / CLOSED_AT_A_TIME;
            let (_, last, _) = used.select_nth_unstable(place);
            let last = *last;
            close_unused(&mut self.orders, last, &mut self.held);
            close_unused(&mut self.clients, last, &mut self.held);
            close_unused(&mut self.calls, last, &mut self.held);
            close_unused(&mut self.last_seen, last, &mut self.held);
            close_unused(&mut self.meters, last, &mut self.held);
        }
    }

    /// Opens what will be needed, in three reads: orders, calls and index entries; then the clients of both; then their
    /// meters. An unreadable record stays closed, and fails where it is needed.
    pub async fn read_ahead(&mut self, ahead: Ahead) -> StoreResult<()> {
        let Ahead { orders, mut clients, calls, people, links, ways } = ahead;
        let (store, school, round) = (self.store.clone(), self.school.clone(), self.round);
        let order_keys: Vec<String> = orders.iter().map(key::order).collect();
        let call_keys = calls.iter().map(|call| key::call(call)).collect();
        let (missing_orders, missing_calls) =
            (missing(&self.orders, order_keys.clone()), missing(&self.calls, call_keys));
        let links = people.iter().chain(&links).filter(|key| !self.links.contains_key(*key));
        let links: Vec<String> = links.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let (orders, calls, found) = tokio::join!(
            read_all(&*store, &school, missing_orders),
            read_all(&*store, &school, missing_calls),
            async { if links.is_empty() { Ok(Vec::new()) } else { store.find(&school, &links).await } },
        );
        shelve_all((&mut self.orders, &mut self.held, round), orders?);
        shelve_all((&mut self.calls, &mut self.held, round), calls?);
        self.links.extend(links.into_iter().zip(found?.into_iter().map(|value| Link { value, round })));

        let named: Vec<_> =
            people.iter().filter_map(|key| Some(self.links.get(key)?.value.clone())).collect();
        clients.extend(named_in(&named));
        let of_orders = order_keys.iter().filter_map(|key| self.orders.get(key)?.record.as_ref());
        clients.extend(of_orders.map(|order| order.client.clone()));
        let client_keys: Vec<String> = clients.iter().map(key::client).collect();
        let read = read_all(&*store, &school, missing(&self.clients, client_keys.clone())).await?;
        shelve_all((&mut self.clients, &mut self.held, round), read);

        let of_clients = client_keys.iter().filter_map(|key| self.clients.get(key)?.record.as_ref());
        let known = of_clients.flat_map(|client| client.emails.iter().chain(&client.phones));
        let ways: BTreeSet<String> = known.map(|way| counted_as(way)).chain(ways).collect();
        let meters = ways.iter().map(|way| key::meter(way)).collect();
        let read = read_all(&*store, &school, missing(&self.meters, meters)).await?;
        shelve_all((&mut self.meters, &mut self.held, round), read);
        Ok(())
    }

    pub async fn order(&mut self, id: &OrderId) -> StoreResult<Option<Order>> {
        let Self { store, school, orders, held, round, .. } = self;
        open((&**store, school), (orders, held, *round), key::order(id)).await
    }

    pub async fn client(&mut self, id: &ClientId) -> StoreResult<Option<Client>> {
        let Self { store, school, clients, held, round, .. } = self;
        open((&**store, school), (clients, held, *round), key::client(id)).await
    }

    /// The desks of these managers, in one read. A manager without a record has the desk of the first
    /// version.
    pub async fn desks<'m>(&mut self, managers: impl Iterator<Item = &'m ManagerId>) -> StoreResult<Desks> {
        let wanted: BTreeMap<ManagerId, String> =
            managers.map(|manager| (manager.clone(), key::desk(manager))).collect();
        let mut missing: Vec<String> =
            wanted.values().filter(|key| !self.desks.contains_key(*key)).cloned().collect();
        if self.desks_v1.is_none() {
            missing.push(key::DESKS_V1.to_owned());
        }
        let found =
            if missing.is_empty() { Vec::new() } else { self.store.read(&self.school, &missing).await? };
        for (key, stored) in missing.into_iter().zip(found) {
            if key == key::DESKS_V1 {
                self.desks_v1 = Some(read(&key, stored)?.1.unwrap_or_default());
                continue;
            }
            let bytes = stored.as_ref().map_or(0, |stored| stored.body.len());
            let record = read(&key, stored)?;
            shelve((&mut self.desks, &mut self.held, self.round), key, record, bytes);
        }
        let old = |manager: &ManagerId| self.desks_v1.as_ref().map(|old| old.of(manager)).unwrap_or_default();
        let desks = wanted.into_iter().map(|(manager, key)| {
            let known = self.desks.get(&key).and_then(|open| open.record.clone());
            let desk = known.unwrap_or_else(|| old(&manager));
            (manager, desk)
        });
        Ok(Desks(desks.collect()))
    }

    /// What was counted for these addresses and numbers, and for the school, in one read.
    pub async fn meters(&mut self, ways: &BTreeSet<String>) -> StoreResult<Meters> {
        let wanted: Vec<(&String, String)> = ways.iter().map(|way| (way, key::meter(way))).collect();
        let missing = wanted.iter().map(|(_, key)| key).filter(|key| !self.meters.contains_key(*key));
        let mut missing: Vec<String> = missing.cloned().collect();
        if !self.school_meter.contains_key(key::SCHOOL_METER) {
            missing.push(key::SCHOOL_METER.to_owned());
        }
        let found =
            if missing.is_empty() { Vec::new() } else { self.store.read(&self.school, &missing).await? };
        for (key, stored) in missing.into_iter().zip(found) {
            let bytes = stored.as_ref().map_or(0, |stored| stored.body.len());
            if key == key::SCHOOL_METER {
                let record = read(&key, stored)?;
                shelve((&mut self.school_meter, &mut self.held, self.round), key, record, bytes);
            } else {
                let record = read(&key, stored)?;
                shelve((&mut self.meters, &mut self.held, self.round), key, record, bytes);
            }
        }
        let mut meters = Meters::default();
        for (way, key) in wanted {
            let open = self.meters.get_mut(&key);
            let known = open.and_then(|open| {
                open.used = self.round;
                open.record.clone()
            });
            meters.ways.extend(known.map(|meter| (way.clone(), meter)));
        }
        let school = self.school_meter.get(key::SCHOOL_METER).and_then(|open| open.record.clone());
        meters.school = school.unwrap_or_default();
        Ok(meters)
    }

    pub async fn call(&mut self, call: &str) -> StoreResult<Option<CallRecord>> {
        let Self { store, school, calls, held, round, .. } = self;
        open((&**store, school), (calls, held, *round), key::call(call)).await
    }

    pub async fn last_seen(&mut self, entity: &str) -> StoreResult<LastSeen> {
        let Self { store, school, last_seen, held, round, .. } = self;
        let seen = open((&**store, school), (last_seen, held, *round), key::last_seen(entity)).await?;
        Ok(seen.unwrap_or_default())
    }

    pub fn put_order(&mut self, order: Order) -> Option<Put> {
        put((&mut self.orders, &mut self.held, self.round), key::order(&order.id), order)
    }

    pub fn put_client(&mut self, client: Client) -> Option<Put> {
        put((&mut self.clients, &mut self.held, self.round), key::client(&client.id), client)
    }

    /// The desks that changed; they have been opened.
    pub fn put_desks(&mut self, before: &Desks, after: Desks) -> Vec<Put> {
        let changed = after.0.into_iter().filter(|(manager, desk)| before.of(manager) != *desk);
        let place = |(manager, desk): (ManagerId, Desk)| {
            put((&mut self.desks, &mut self.held, self.round), key::desk(&manager), desk)
        };
        changed.filter_map(place).collect()
    }

    /// The meters that changed; those that are known have been opened.
    pub fn put_meters(&mut self, before: &Meters, after: Meters) -> Vec<Put> {
        let changed = after.ways.into_iter().filter(|(way, meter)| before.ways.get(way) != Some(meter));
        let mut puts: Vec<Put> = changed
            .filter_map(|(way, meter)| {
                put((&mut self.meters, &mut self.held, self.round), key::meter(&way), meter)
            })
            .collect();
        if before.school != after.school {
            let place = (&mut self.school_meter, &mut self.held, self.round);
            puts.extend(put(place, key::SCHOOL_METER.to_owned(), after.school));
        }
        puts
    }

    pub async fn forget_meter(&mut self, way: &str) -> StoreResult<Option<Forget>> {
        self.meters(&BTreeSet::from([way.to_owned()])).await?;
        Ok(forget((&mut self.meters, &mut self.held, self.round), key::meter(way)))
    }

    pub fn put_call(&mut self, call: &str, record: CallRecord) -> Option<Put> {
        put((&mut self.calls, &mut self.held, self.round), key::call(call), record)
    }

    pub fn put_last_seen(&mut self, entity: &str, seen: LastSeen) -> Option<Put> {
        put((&mut self.last_seen, &mut self.held, self.round), key::last_seen(entity), seen)
    }

    pub async fn forget_order(&mut self, id: &OrderId) -> StoreResult<Option<Forget>> {
        self.order(id).await?;
        Ok(forget((&mut self.orders, &mut self.held, self.round), key::order(id)))
    }

    pub async fn forget_client(&mut self, id: &ClientId) -> StoreResult<Option<Forget>> {
        self.client(id).await?;
        Ok(forget((&mut self.clients, &mut self.held, self.round), key::client(id)))
    }

    pub async fn forget_call(&mut self, call: &str) -> StoreResult<Option<Forget>> {
        self.call(call).await?;
        Ok(forget((&mut self.calls, &mut self.held, self.round), key::call(call)))
    }

    pub async fn forget_last_seen(&mut self, entity: &str) -> StoreResult<Option<Forget>> {
        self.last_seen(entity).await?;
        Ok(forget((&mut self.last_seen, &mut self.held, self.round), key::last_seen(entity)))
    }

    /// One index entry.
    pub async fn link(&self, key: &str) -> StoreResult<Option<String>> {
        Ok(self.links_of(&[key.to_owned()]).await?.pop().flatten())
    }

    /// Index entries, with those of commits under way.
    pub async fn links_of(&self, keys: &[String]) -> StoreResult<Vec<Option<String>>> {
        let missing: Vec<String> =
            keys.iter().filter(|key| !self.links.contains_key(*key)).cloned().collect();
        let mut found =
            if missing.is_empty() { Vec::new() } else { self.store.find(&self.school, &missing).await? }
                .into_iter();
        Ok(keys
            .iter()
            .map(|key| match self.links.get(key) {
                Some(link) => link.value.clone(),
                None => found.next().flatten(),
            })
            .collect())
    }

    pub fn put_link(&mut self, key: String, value: Option<String>) {
        self.links.insert(key, Link { value, round: self.round });
    }
}

/// A shelf, the budget of its book, and the current round.
type ShelfSlot<'a, T> = (&'a mut Shelf<T>, &'a mut Held, u64);

async fn open<T: DeserializeOwned + Clone>(
    (store, school): (&dyn Store, &SchoolId),
    place: ShelfSlot<'_, T>,
    key: String,
) -> StoreResult<Option<T>> {
    if let Some(open) = place.0.get_mut(&key) {
        open.used = place.2;
        return Ok(open.record.clone());
    }
    let stored = store.read(school, std::slice::from_ref(&key)).await?.pop().flatten();
    let bytes = stored.as_ref().map_or(0, |stored| stored.body.len());
    let (version, record) = read(&key, stored)?;
    shelve(place, key, (version, record.clone()), bytes);
    Ok(record)
}

/// Those of the keys whose record is not open, each once.
fn missing<T>(shelf: &Shelf<T>, mut keys: Vec<String>) -> Vec<String> {
    keys.retain(|key| !shelf.contains_key(key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Records with their keys, in one read. A damaged one fails the whole read; later it fails alone, with its name.
async fn read_all(
    store: &dyn Store,
    school: &SchoolId,
    keys: Vec<String>,
) -> StoreResult<Vec<(String, Option<Record>)>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    match store.read(school, &keys).await {
        Err(StoreError::Unreadable(_)) => Ok(Vec::new()),
        read => Ok(keys.into_iter().zip(read?).collect()),
    }
}

/// Opens records that have been read, if they can be understood.
fn shelve_all<T: DeserializeOwned>(
    (shelf, held, used): ShelfSlot<'_, T>,
    records: Vec<(String, Option<Record>)>,
) {
    for (key, stored) in records {
        let bytes = stored.as_ref().map_or(0, |stored| stored.body.len());
        if let Ok(record) = read(&key, stored) {
            shelve((&mut *shelf, &mut *held, used), key, record, bytes);
        }
    }
}

/// A stored record with its version; version 0 if there is none.
fn read<T: DeserializeOwned>(key: &str, stored: Option<Record>) -> StoreResult<(u64, Option<T>)> {
    let Some(stored) = stored else { return Ok((0, None)) };
    let record =
        serde_json::from_slice(&stored.body).map_err(|error| StoreError::not_understood(key, &error))?;
    Ok((stored.version, Some(record)))
}

/// Stores a record on the shelf; returns the previous one with its version.
fn shelve<T>(
    (shelf, held, used): ShelfSlot<'_, T>,
    key: String,
    (version, record): (u64, Option<T>),
    json_bytes: usize,
) -> Option<(u64, Option<T>)> {
    let bytes = key.len() + json_bytes + RECORD_BYTES;
    held.take(bytes);
    let before = shelf.insert(key, Open { version, record, bytes, used })?;
    held.give_back(before.bytes);
    Some((before.version, before.record))
}

/// Removes an opened record; `None` if there is none.
fn forget<T>(place: ShelfSlot<'_, T>, key: String) -> Option<Forget> {
    let (expect, old) = shelve(place, key.clone(), (0, None), 0)?;
    old.map(|_| Forget::Record { key, expect })
}

/// The record's new body for a unit; `None` if nothing changed. The record must be open.
fn put<T: Serialize + PartialEq>(place: ShelfSlot<'_, T>, key: String, record: T) -> Option<Put> {
    let old = place.0.get(&key);
    if old.is_some_and(|old| old.record.as_ref() == Some(&record)) {
        return None;
    }
    let (expect, body) = (old.map_or(0, |old| old.version), json::bytes(&record));
    shelve(place, key.clone(), (expect + 1, Some(record)), body.len());
    Some(Put { key, expect, body })
}

fn rounds<T>(shelf: &Shelf<T>) -> impl Iterator<Item = u64> {
    shelf.values().map(|open| open.used)
}

/// Closes the records that were not used after this round.
fn close_unused<T>(shelf: &mut Shelf<T>, last: u64, held: &mut Held) {
    shelf.retain(|_, open| {
        let stays = open.used > last;
        if !stays {
            held.give_back(open.bytes);
        }
        stays
    });
}

#[cfg(test)]
mod tests;
