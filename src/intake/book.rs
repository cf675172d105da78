//! Open records of one school, kept between steps: the owner steps its cases in memory and lets
//! the commits follow. Never writes to the store; it makes the [`Put`]s of a unit.
//! Enter at [`Book::order`] and its siblings; after a refused commit call [`Book::close`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::calls::CallRecord;
use super::last_seen::Shadow;
use crate::process::desks::{Desk, Desks, DesksV1};
use crate::process::{Client, ClientId, ManagerId, Order, OrderId, SchoolId};
use crate::store::key;
use crate::store::{Forget, Kept, Put, Record, Store, StoreError};

/// More open records than this and the book is closed at the next quiet moment.
const OPEN_MAX: usize = 20_000;

/// Records of one kind with the version that the store has or will have.
type Shelf<T> = HashMap<String, (u64, Option<T>)>;

pub struct Book {
    store: Arc<dyn Store>,
    school: SchoolId,
    orders: Shelf<Order>,
    clients: Shelf<Client>,
    desks: Shelf<Desk>,
    /// The desks of the first version, once they were looked for.
    desks_v1: Option<DesksV1>,
    calls: Shelf<CallRecord>,
    shadows: Shelf<Shadow>,
    /// Index entries of commits that are still under way.
    links: HashMap<String, Option<String>>,
}

impl Book {
    pub fn new(store: Arc<dyn Store>, school: SchoolId) -> Self {
        Self {
            store,
            school,
            orders: Shelf::new(),
            clients: Shelf::new(),
            desks: Shelf::new(),
            desks_v1: None,
            calls: Shelf::new(),
            shadows: Shelf::new(),
            links: HashMap::new(),
        }
    }

    /// Forgets everything: what is in the store counts again.
    pub fn close(&mut self) {
        *self = Self::new(self.store.clone(), self.school.clone());
    }

    /// All commits are through: links stand in the store now, and a book too large is closed.
    pub fn settle(&mut self) {
        self.links.clear();
        if self.orders.len() + self.clients.len() + self.calls.len() + self.shadows.len() > OPEN_MAX {
            self.close();
        }
    }

    pub async fn order(&mut self, id: &OrderId) -> Kept<Option<Order>> {
        open(&*self.store, &self.school, &mut self.orders, key::order(id)).await
    }

    pub async fn client(&mut self, id: &ClientId) -> Kept<Option<Client>> {
        open(&*self.store, &self.school, &mut self.clients, key::client(id)).await
    }

    /// The desks of these managers, read at once. One without a record of its own is as the first version
    /// left it.
    pub async fn desks<'m>(&mut self, managers: impl Iterator<Item = &'m ManagerId>) -> Kept<Desks> {
        let wanted: BTreeMap<ManagerId, String> =
            managers.map(|manager| (manager.clone(), key::desk(manager))).collect();
        let missing: Vec<String> =
            wanted.values().filter(|key| !self.desks.contains_key(*key)).cloned().collect();
        if !missing.is_empty() {
            let found = self.store.read(&self.school, &missing).await?;
            for (key, stored) in missing.into_iter().zip(found) {
                let record = read(&key, stored)?;
                self.desks.insert(key, record);
            }
        }
        if self.desks_v1.is_none() {
            let key = key::DESKS_V1.to_owned();
            let stored = self.store.read(&self.school, std::slice::from_ref(&key)).await?.pop().flatten();
            self.desks_v1 = Some(read(&key, stored)?.1.unwrap_or_default());
        }
        let old = |manager: &ManagerId| self.desks_v1.as_ref().map(|old| old.of(manager)).unwrap_or_default();
        let desks = wanted.into_iter().map(|(manager, key)| {
            let known = self.desks.get(&key).and_then(|(_, desk)| desk.clone());
            let desk = known.unwrap_or_else(|| old(&manager));
            (manager, desk)
        });
        Ok(Desks(desks.collect()))
    }

    pub async fn call(&mut self, call: &str) -> Kept<Option<CallRecord>> {
        open(&*self.store, &self.school, &mut self.calls, key::call(call)).await
    }

    pub async fn shadow(&mut self, entity: &str) -> Kept<Shadow> {
        let shadow = open(&*self.store, &self.school, &mut self.shadows, key::shadow(entity)).await?;
        Ok(shadow.unwrap_or_default())
    }

    pub fn put_order(&mut self, order: Order) -> Option<Put> {
        put(&mut self.orders, key::order(&order.id), order)
    }

    pub fn put_client(&mut self, client: Client) -> Option<Put> {
        put(&mut self.clients, key::client(&client.id), client)
    }

    /// The desks that changed; they have been opened.
    pub fn put_desks(&mut self, before: &Desks, after: Desks) -> Vec<Put> {
        let changed = after.0.into_iter().filter(|(manager, desk)| before.of(manager) != *desk);
        changed.filter_map(|(manager, desk)| put(&mut self.desks, key::desk(&manager), desk)).collect()
    }

    pub fn put_call(&mut self, call: &str, record: CallRecord) -> Option<Put> {
        put(&mut self.calls, key::call(call), record)
    }

    pub fn put_shadow(&mut self, entity: &str, shadow: Shadow) -> Option<Put> {
        put(&mut self.shadows, key::shadow(entity), shadow)
    }

    pub async fn forget_order(&mut self, id: &OrderId) -> Kept<Option<Forget>> {
        self.order(id).await?;
        Ok(forget(&mut self.orders, key::order(id)))
    }

    pub async fn forget_client(&mut self, id: &ClientId) -> Kept<Option<Forget>> {
        self.client(id).await?;
        Ok(forget(&mut self.clients, key::client(id)))
    }

    pub async fn forget_call(&mut self, call: &str) -> Kept<Option<Forget>> {
        self.call(call).await?;
        Ok(forget(&mut self.calls, key::call(call)))
    }

    pub async fn forget_shadow(&mut self, entity: &str) -> Kept<Option<Forget>> {
        self.shadow(entity).await?;
        Ok(forget(&mut self.shadows, key::shadow(entity)))
    }

    /// One index entry.
    pub async fn link(&self, key: &str) -> Kept<Option<String>> {
        Ok(self.links_of(&[key.to_owned()]).await?.pop().flatten())
    }

    /// Index entries, with those of commits under way.
    pub async fn links_of(&self, keys: &[String]) -> Kept<Vec<Option<String>>> {
        let missing: Vec<String> =
            keys.iter().filter(|key| !self.links.contains_key(*key)).cloned().collect();
        let mut found =
            if missing.is_empty() { Vec::new() } else { self.store.find(&self.school, &missing).await? }
                .into_iter();
        Ok(keys
            .iter()
            .map(|key| match self.links.get(key) {
                Some(link) => link.clone(),
                None => found.next().flatten(),
            })
            .collect())
    }

    pub fn put_link(&mut self, key: String, value: Option<String>) {
        self.links.insert(key, value);
    }
}

async fn open<T: DeserializeOwned + Clone>(
    store: &dyn Store,
    school: &SchoolId,
    shelf: &mut Shelf<T>,
    key: String,
) -> Kept<Option<T>> {
    if let Some((_, record)) = shelf.get(&key) {
        return Ok(record.clone());
    }
    let stored = store.read(school, std::slice::from_ref(&key)).await?.pop().flatten();
    let (version, record) = read(&key, stored)?;
    shelf.insert(key, (version, record.clone()));
    Ok(record)
}

/// A stored record with its version; version 0 where there is none.
fn read<T: DeserializeOwned>(key: &str, stored: Option<Record>) -> Kept<(u64, Option<T>)> {
    let Some(stored) = stored else { return Ok((0, None)) };
    let record =
        serde_json::from_slice(&stored.body).map_err(|error| StoreError::not_understood(key, &error))?;
    Ok((stored.version, Some(record)))
}

/// Takes an opened record away; `None` where there is none.
fn forget<T>(shelf: &mut Shelf<T>, key: String) -> Option<Forget> {
    let (expect, old) = shelf.insert(key.clone(), (0, None))?;
    old.map(|_| Forget::Record { key, expect })
}

/// The record's new body for a unit; `None` where nothing changed. The record has been opened.
fn put<T: Serialize + PartialEq>(shelf: &mut Shelf<T>, key: String, record: T) -> Option<Put> {
    let (version, old) = shelf.remove(&key).unwrap_or((0, None));
    if old.as_ref() == Some(&record) {
        shelf.insert(key, (version, old));
        return None;
    }
    let body = serde_json::to_vec(&record).unwrap_or_default();
    shelf.insert(key.clone(), (version + 1, Some(record)));
    Some(Put { key, expect: version, body })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::process::At;
    use crate::store::embedded::Embedded;
    use crate::store::{Fence, Lease, Plan, Unit};

    /// The first version kept all desks in one record. Each manager's own record takes over when it changes,
    /// and nobody else's is written.
    #[tokio::test]
    async fn a_desk_is_a_record_of_its_own() {
        let now = At::from_timestamp(1_795_000_000, 0).expect("in range");
        let (school, fence) = (SchoolId::from("rost"), Fence("one".to_owned()));
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let plan = Plan { config: "c".to_owned(), loaded: now };
        assert_eq!(store.lease(&school, &fence, &plan, 600_000).await, Ok(Lease::Held));
        let until = now + TimeDelta::minutes(5);
        let old = serde_json::json!({ "load": { "irina": 3, "oleg": 1 }, "given_at": { "oleg": now },
            "busy": { "oleg": { "mango:1": until } } });
        let put = Put { key: key::DESKS_V1.to_owned(), expect: 0, body: old.to_string().into_bytes() };
        let unit = Unit { at: now, put: vec![put], ..Unit::default() };
        assert!(store.commit(&school, &fence, unit).await.is_ok());

        let managers: [ManagerId; 3] = ["irina".into(), "oleg".into(), "pavel".into()];
        let [irina, oleg, pavel] = &managers;
        let mut book = Book::new(store.clone(), school.clone());
        let before = book.desks(managers.iter()).await.expect("memory");
        assert_eq!((before.of(irina).load, before.of(pavel).load), (3, 0));
        assert!(before.is_busy(oleg, now) && before.of(oleg).given_at == Some(now));

        let mut desks = before.clone();
        desks.give(irina, now);
        let puts = book.put_desks(&before, desks.clone());
        assert_eq!(
            puts.iter().map(|put| (put.key.as_str(), put.expect)).collect::<Vec<_>>(),
            [("desk/irina", 0)]
        );
        let unit = Unit { at: now, put: puts, ..Unit::default() };
        assert!(store.commit(&school, &fence, unit).await.is_ok());

        assert_eq!(book.desks(managers.iter()).await, Ok(desks.clone()));
        book.close();
        let again = book.desks(managers.iter()).await.expect("memory");
        assert_eq!(again, desks, "read anew");
        let mut freed = again.clone();
        (freed.release(irina), freed.free("mango:1"));
        let puts = book.put_desks(&again, freed);
        let written: Vec<(&str, u64)> = puts.iter().map(|put| (put.key.as_str(), put.expect)).collect();
        assert_eq!(written, [("desk/irina", 1), ("desk/oleg", 0)]);
    }
}
