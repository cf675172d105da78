//! Open records of one school, kept between steps: the owner steps its cases in memory and lets
//! the commits follow. Never writes to the store; it makes the [`Put`]s of a unit.
//! Enter at [`Book::order`] and its siblings; after a refused commit call [`Book::close`].

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::calls::CallRecord;
use super::last_seen::LastSeen;
use crate::process::{Client, ClientId, Desk, Order, OrderId, SchoolId};
use crate::store::key;
use crate::store::{Forget, Kept, Put, Store, StoreError};

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
    calls: Shelf<CallRecord>,
    shadows: Shelf<LastSeen>,
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

    pub async fn desk(&mut self) -> Kept<Desk> {
        let desk = open(&*self.store, &self.school, &mut self.desks, key::DESK.to_owned()).await?;
        Ok(desk.unwrap_or_default())
    }

    pub async fn call(&mut self, call: &str) -> Kept<Option<CallRecord>> {
        open(&*self.store, &self.school, &mut self.calls, key::call(call)).await
    }

    pub async fn shadow(&mut self, entity: &str) -> Kept<LastSeen> {
        let shadow = open(&*self.store, &self.school, &mut self.shadows, key::shadow(entity)).await?;
        Ok(shadow.unwrap_or_default())
    }

    pub fn put_order(&mut self, order: Order) -> Option<Put> {
        put(&mut self.orders, key::order(&order.id), order)
    }

    pub fn put_client(&mut self, client: Client) -> Option<Put> {
        put(&mut self.clients, key::client(&client.id), client)
    }

    pub fn put_desk(&mut self, desk: Desk) -> Option<Put> {
        put(&mut self.desks, key::DESK.to_owned(), desk)
    }

    pub fn put_call(&mut self, call: &str, record: CallRecord) -> Option<Put> {
        put(&mut self.calls, key::call(call), record)
    }

    pub fn put_shadow(&mut self, entity: &str, shadow: LastSeen) -> Option<Put> {
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
    let read = store.read(school, std::slice::from_ref(&key)).await?.pop().flatten();
    let (version, record) = match read {
        None => (0, None),
        Some(stored) => {
            let record = serde_json::from_slice(&stored.body)
                .map_err(|error| StoreError::not_understood(&key, &error))?;
            (stored.version, Some(record))
        }
    };
    shelf.insert(key, (version, record.clone()));
    Ok(record)
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
