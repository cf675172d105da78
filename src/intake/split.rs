//! Undoes that a number or an address joined an order to a client (Q4): the order gets a client of its own, by what it
//! told itself. Never does so while a command of the order is under way, so nothing is done twice; never writes: the
//! worker commits the unit. Enter at [`split`].

use super::apply::{Source, apply, changed_links};
use super::book::Book;
use super::correlate::{Aim, newest, open_orders};
use crate::config::School;
use crate::intake::item::Item;
use crate::link;
use crate::process::{At, Client, ClientId, Event, News, OrderId};
use crate::store::{StoreResult, Unit};

/// An order that was not joined, or is apart already, changes nothing.
pub async fn split(school: &School, book: &mut Book, order: &OrderId, now: At) -> StoreResult<Unit> {
    let mut unit = Unit { at: now, ..Unit::default() };
    let Some(mut record) = book.order(order).await? else { return Ok(unit) };
    let Some(mut client) = book.client(&record.client).await? else { return Ok(unit) };
    if !client.joined.contains_key(order) {
        return Ok(unit);
    }
    if !record.unsent.is_empty() {
        // Its commands are in the lane of the client: the last receipt sets it apart.
        client.joined.entry(order.clone()).and_modify(|joined| joined.leaves = true);
        unit.put.extend(book.put_client(client));
        return Ok(unit);
    }
    let before = client.clone();
    let known = known(book, &client, order).await?;
    let Some(mut own) = client.part(order, known.clone()) else { return Ok(unit) };
    own.manager = own.manager.or_else(|| record.responsible.clone());
    record.client = own.id.clone();
    unit.index.extend(changed_links(book, &before, &client).await?);
    unit.index
        .extend(changed_links(book, &known.unwrap_or_else(|| Client::new(own.id.clone())), &own).await?);
    let left = News::Left { order: order.clone(), number: record.number.clone() };
    let orders = match open_orders(&client) {
        open if open.is_empty() => newest(&client).into_iter().collect(),
        open => open,
    };
    let told = |order| Item::Event { raw: None, order, event: Event::Sibling(left.clone()) }.to_bytes();
    unit.append.extend(orders.into_iter().map(told));
    let id: ClientId = own.id.clone();
    book.client(&id).await?;
    unit.put.extend(book.put_client(client));
    unit.put.extend(book.put_client(own));
    unit.put.extend(book.put_order(record));
    tracing::info!(school = %school.id, %order, "an order that was joined to a client is set apart");
    let aim = Aim::new(order.clone(), id, Event::Sibling(News::SetApart));
    Ok(unit.then(apply(school, book, aim, Source::default(), now).await?))
}

/// The client whom GetCourse's user of this order names, if it is another one.
async fn known(book: &mut Book, client: &Client, order: &OrderId) -> StoreResult<Option<Client>> {
    let user = client.joined.get(order).and_then(|joined| joined.apart.gc_user.as_deref());
    let Some(user) = user else { return Ok(None) };
    match book.link(&link::gc_user(user)).await?.map(ClientId) {
        Some(named) if named != client.id => book.client(&named).await,
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::config::fake::{noon, school};
    use crate::process::event::{ClientFacts, OrderFacts, SameWay};
    use crate::process::{Phone, SchoolId};
    use crate::store::embedded::Embedded;

    const PHONE: &str = "+79035550101";

    struct Played {
        school: School,
        book: Book,
    }

    impl Played {
        fn new() -> Self {
            let store = Arc::new(Embedded::in_memory().expect("memory"));
            Self { school: school(), book: Book::new(store, SchoolId("rost".to_owned()), Default::default()) }
        }

        async fn order(&mut self, id: &str, client: &str, facts: ClientFacts) -> Unit {
            let facts = OrderFacts {
                client: facts,
                confirmed: true,
                offers: vec![id.to_owned()],
                ..OrderFacts::default()
            };
            self.step(id, client, Event::Order(Box::new(facts))).await
        }

        async fn step(&mut self, id: &str, client: &str, event: Event) -> Unit {
            let aim = Aim::new(id.into(), client.into(), event);
            apply(&self.school, &mut self.book, aim, Source::default(), noon()).await.expect("memory")
        }

        async fn split(&mut self, id: &str) -> Unit {
            split(&self.school, &mut self.book, &id.into(), noon()).await.expect("memory")
        }

        /// All commands of the order have left.
        async fn settle(&mut self, id: &str) -> Vec<Unit> {
            let mut units = Vec::new();
            for _ in 0..100 {
                let order = self.book.order(&id.into()).await.expect("memory").expect("an order");
                let Some(command) = order.unsent.keys().next().cloned() else { return units };
                units.push(self.step(id, order.client.as_str(), Event::Receipt { command }).await);
            }
            panic!("commands never end");
        }

        async fn owner(&mut self, id: &str) -> String {
            self.book.order(&id.into()).await.expect("memory").expect("an order").client.to_string()
        }

        async fn owner_of(&self, key: String) -> Option<String> {
            self.book.link(&key).await.expect("memory")
        }
    }

    fn facts(user: Option<&str>, email: &str, by: Option<SameWay>) -> ClientFacts {
        ClientFacts {
            gc_user: user.map(str::to_owned),
            phone: Some(Phone::parse(PHONE)),
            email: Some(email.to_owned()),
            guessed: by.is_some(),
            by: by.into_iter().collect::<BTreeSet<_>>(),
            ..ClientFacts::default()
        }
    }

    fn appended(units: &[Unit]) -> Vec<Item> {
        units.iter().flat_map(|unit| &unit.append).filter_map(|item| Item::read(item)).collect()
    }

    async fn two_joined() -> Played {
        let mut played = Played::new();
        played.order("gc-1", "c-gc-1", facts(Some("7"), "maria@client.example", None)).await;
        played.order("gc-2", "c-gc-1", facts(None, "petr@client.example", Some(SameWay::Phone))).await;
        played
    }

    #[tokio::test]
    async fn it_waits_for_the_commands_under_way_and_is_done_once() {
        let mut played = two_joined().await;
        assert!(played.split("gc-2").await.deliveries.is_empty());
        assert_eq!(played.owner("gc-2").await, "c-gc-1", "its commands are under way");
        let settled = played.settle("gc-2").await;
        let asked = Item::Split { order: "gc-2".into() };
        assert!(appended(&settled).contains(&asked), "the last receipt asks again");

        let unit = played.split("gc-2").await;
        assert_eq!(played.owner("gc-2").await, "c-gc-2");
        assert!(unit.deliveries.iter().all(|one| !format!("{one:?}").contains("SendLetter")), "{unit:?}");
        let told = appended(&[unit]);
        assert!(
            matches!(&told[..], [Item::Event { order, event: Event::Sibling(News::Left { .. }), .. }] if order.to_string() == "gc-1"),
            "{told:?}"
        );
        assert_eq!(played.owner_of(link::email("petr@client.example")).await.as_deref(), Some("c-gc-2"));
        assert_eq!(played.owner_of(link::phone(PHONE)).await.as_deref(), Some("c-gc-1"));
        assert_eq!(played.owner_of(link::alike(&link::phone(PHONE))).await.as_deref(), Some("c-gc-2"));
        let again = played.split("gc-2").await;
        assert_eq!((again.put.len(), again.deliveries.len()), (0, 0), "once");
        assert_eq!(played.split("gc-1").await.put.len(), 0, "nobody joined it");
        assert_eq!(played.split("gc-77").await.put.len(), 0, "there is no such order");
    }

    /// A later report names another user of GetCourse: it was a mistake, and the user may be known.
    #[tokio::test]
    async fn another_user_leaves_by_himself() {
        for (known, owner) in [(None, "c-gc-2"), (Some("c-gc-3"), "c-gc-3")] {
            let mut played = two_joined().await;
            if let Some(client) = known {
                let of_petr = ClientFacts { phone: None, ..facts(Some("8"), "work@client.example", None) };
                played.order("gc-3", client, of_petr).await;
            }
            let later = facts(Some("8"), "petr@client.example", None);
            let mut units = vec![played.order("gc-2", "c-gc-1", later).await];
            units.extend(played.settle("gc-2").await);
            assert!(appended(&units).contains(&Item::Split { order: "gc-2".into() }));
            played.split("gc-2").await;
            assert_eq!(played.owner("gc-2").await, owner);
            assert_eq!(played.owner_of(link::gc_user("7")).await.as_deref(), Some("c-gc-1"));
            assert_eq!(played.owner_of(link::gc_user("8")).await.as_deref(), Some(owner));
        }
    }

    /// A report of a user, or a contact, has no order that could be set apart: it makes no two persons one.
    #[tokio::test]
    async fn without_an_order_nobody_is_joined() {
        let mut played = Played::new();
        played.order("gc-1", "c-gc-1", facts(None, "maria@client.example", None)).await;
        for read in [false, true] {
            let petr = ClientFacts { read, ..facts(Some("8"), "petr@client.example", Some(SameWay::Phone)) };
            played.step("gc-1", "c-gc-1", Event::Client(petr)).await;
        }
        assert_eq!(played.owner_of(link::gc_user("8")).await, None);
        assert_eq!(played.owner_of(link::email("petr@client.example")).await, None);
        // His order is, and comes apart.
        played.order("gc-2", "c-gc-1", facts(Some("8"), "petr@client.example", Some(SameWay::Phone))).await;
        assert_eq!(played.owner_of(link::gc_user("8")).await.as_deref(), Some("c-gc-1"));
        played.settle("gc-2").await;
        played.split("gc-2").await;
        assert_eq!(played.owner_of(link::gc_user("8")).await.as_deref(), Some("c-gc-2"));
        assert_eq!(played.owner_of(link::email("petr@client.example")).await.as_deref(), Some("c-gc-2"));
    }
}
