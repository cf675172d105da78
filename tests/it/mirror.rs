//! The mirror of the CRM's contacts as the stores keep it: what intake has written, even half filled, is
//! available to the next process that opens the store. Each test runs on the embedded store and on Redis,
//! with a restart between two steps.

use std::sync::Arc;

use dozvon::intake::book::Book;
use dozvon::intake::mirror::{Changes, forget, learn, take_page};
use dozvon::link::{self, MirrorState, contacts};
use dozvon::process::{At, SchoolId};
use dozvon::signal::{ContactCard, ContactsRead};
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;
use dozvon::store::{Fence, Lease, Plan, Store, Unit};

use crate::support::folder::Folder;
use crate::support::redis_server::RedisServer;

/// A store that can be opened again and again.
enum StoreHome {
    Folder(Folder),
    Redis(Box<RedisServer>),
}

impl StoreHome {
    async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Folder(folder) => Arc::new(Embedded::open(folder.path()).expect("writable")),
            Self::Redis(server) => Arc::new(RedisStore::connect(&server.url()).await.expect("it answers")),
        }
    }
}

/// A school's owner between two restarts.
struct Owner {
    store: Arc<dyn Store>,
    book: Book,
}

impl Owner {
    async fn start(home: &StoreHome) -> Self {
        let store = home.open().await;
        let plan = Plan { config: "config".to_owned(), loaded: at(0) };
        assert_eq!(store.lease(&school(), &fence(), &plan, 600_000).await, Ok(Lease::Held));
        Self { book: Book::new(store.clone(), school(), Default::default()), store }
    }

    /// The bridge and the store's server are killed, and both come back.
    async fn restart(self, home: &mut StoreHome) -> Self {
        drop(self);
        if let StoreHome::Redis(server) = home {
            server.kill();
            server.start_again();
        }
        Self::start(home).await
    }

    async fn commit(&mut self, changes: Changes) {
        let unit = Unit { index: changes, at: at(0), ..Unit::default() };
        assert_eq!(self.store.commit(&school(), &fence(), unit).await.map(|_| ()), Ok(()));
        self.book.end_round();
        self.book.fit_budget();
    }

    async fn learn(&mut self, cards: &[ContactCard]) {
        let changes = learn(&mut self.book, cards).await.expect("the store answers");
        self.commit(changes).await;
    }

    async fn take(&mut self, cards: &[ContactCard], from: Option<MirrorState>, then: MirrorState) {
        let read = ContactsRead { contacts: cards.to_vec(), from, then };
        let changes = take_page(&mut self.book, &read).await.expect("the store answers");
        self.commit(changes).await;
    }

    async fn who(&self, key: &str) -> Vec<u64> {
        let found = self.store.find(&school(), &[key.to_owned()]).await.expect("the store answers");
        contacts(found[0].as_deref())
    }

    async fn state(&self) -> Option<MirrorState> {
        let found = self.store.find(&school(), &[link::MIRROR.to_owned()]).await.expect("the store answers");
        MirrorState::read(found[0].as_deref())
    }
}

fn school() -> SchoolId {
    "rost".into()
}

fn fence() -> Fence {
    Fence("owner".to_owned())
}

fn at(second: i64) -> At {
    At::from_timestamp(1_795_000_000 + second, 0).expect("in range")
}

fn card(contact: u64, at: i64, keys: &[&str]) -> ContactCard {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    ContactCard { contact, keys, updated_at: at, responsible: None }
}

async fn a_half_filled_mirror_goes_on_where_it_was(mut home: StoreHome) {
    let filling = |page| MirrorState::Filling { page, since: at(0) };
    let mut owner = Owner::start(&home).await;
    owner.take(&[card(1, 10, &["a", "shared"]), card(2, 10, &["b"])], None, filling(2)).await;
    owner.take(&[card(3, 10, &["shared"])], Some(filling(2)), filling(3)).await;

    let mut owner = owner.restart(&mut home).await;
    assert_eq!(owner.state().await, Some(filling(3)), "half filled, and it says so");
    assert_eq!((owner.who("a").await, owner.who("shared").await), (vec![1], vec![1, 3]));
    // A webhook arrives meanwhile; then a contact is deleted, and one page is read again.
    owner.learn(&[card(2, 20, &["c"])]).await;
    let changes = forget(&mut owner.book, 1).await.expect("the store answers");
    owner.commit(changes).await;

    let mut owner = owner.restart(&mut home).await;
    assert_eq!(owner.state().await, Some(filling(2)));
    assert_eq!((owner.who("a").await, owner.who("shared").await), (vec![], vec![3]));
    assert_eq!((owner.who("b").await, owner.who("c").await), (vec![], vec![2]));
    // The page that was requested before the restart skips nothing and reverts nothing.
    owner.take(&[card(2, 10, &["b"]), card(4, 10, &["d"])], Some(filling(3)), filling(4)).await;
    assert_eq!(owner.state().await, Some(filling(2)));
    assert_eq!((owner.who("b").await, owner.who("d").await), (vec![], vec![4]));
    let full = MirrorState::Full { at: at(0) };
    owner.take(&[card(3, 10, &["shared"])], Some(filling(2)), full.clone()).await;

    let owner = owner.restart(&mut home).await;
    assert_eq!(owner.state().await, Some(full));
    assert_eq!((owner.who("shared").await, owner.who("c").await), (vec![3], vec![2]));
}

#[tokio::test]
async fn a_half_filled_mirror_goes_on_on_the_embedded_store() {
    a_half_filled_mirror_goes_on_where_it_was(StoreHome::Folder(Folder::new())).await;
}

#[tokio::test]
async fn a_half_filled_mirror_goes_on_on_redis() {
    a_half_filled_mirror_goes_on_where_it_was(StoreHome::Redis(Box::new(RedisServer::start()))).await;
}

/// The index entries of two contacts under one key after states in this order.
async fn sights(home: StoreHome) {
    let mut home = home;
    for (nth, (sights, who)) in [
        (vec![card(1, 10, &["k"]), card(2, 10, &["k"])], vec![1, 2]),
        // An older state changes nothing, a later one takes its key along.
        (vec![card(1, 20, &["k"]), card(1, 10, &[])], vec![1]),
        (vec![card(1, 10, &["k"]), card(1, 20, &[])], vec![]),
        // Within one second no key is lost.
        (vec![card(1, 10, &["k"]), card(1, 10, &[])], vec![1]),
    ]
    .into_iter()
    .enumerate()
    {
        let own = |card: ContactCard| ContactCard {
            contact: card.contact + 10 * nth as u64,
            keys: card.keys.iter().map(|key| format!("{key}{nth}")).collect(),
            ..card
        };
        let mut owner = Owner::start(&home).await;
        for card in sights {
            owner.learn(&[own(card)]).await;
        }
        let owner = owner.restart(&mut home).await;
        let who: Vec<u64> = who.into_iter().map(|contact: u64| contact + 10 * nth as u64).collect();
        assert_eq!(owner.who(&format!("k{nth}")).await, who, "row {nth}");
        drop(owner);
    }
}

#[tokio::test]
async fn sights_are_told_apart_on_the_embedded_store() {
    sights(StoreHome::Folder(Folder::new())).await;
}

#[tokio::test]
async fn sights_are_told_apart_on_redis() {
    sights(StoreHome::Redis(Box::new(RedisServer::start()))).await;
}
