//! The mirror: which contacts of the CRM have a number or an address, stored in the index. Never asks the CRM
//! and never decides whether the mirror can be believed; all changes go through the inbox, one after another.
//! Enter at [`told`], [`learn`] and [`forget`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::book::Book;
use crate::json;
use crate::link::{self, MirrorState, contacts};
use crate::process::{At, Client};
use crate::signal::{ContactCard, ContactsRead};
use crate::store::StoreResult;

/// Most contacts stored under one key; with more, the key is in doubt anyway.
const SHARED_MAX: usize = 8;

/// One contact in the index, so that a later change finds its earlier keys.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mirrored {
    /// Unix seconds.
    at: i64,
    keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    responsible: Option<u64>,
}

/// Index entries of a commit; `None` removes one.
pub type Changes = Vec<(String, Option<String>)>;

/// Takes in what a webhook shows of a contact, which is only somebody's word (F104), if no number and no address moves by
/// it except those of its own client, which we write there. `None`: the contact has to be read.
pub async fn told(
    book: &mut Book,
    card: &ContactCard,
    owner: Option<&Client>,
    now: At,
) -> StoreResult<Option<Changes>> {
    let known = book.link(&link::mirror_contact(card.contact)).await?;
    let known: Mirrored = known.and_then(|stored| serde_json::from_str(&stored).ok()).unwrap_or_default();
    if known.at > card.updated_at {
        return Ok(Some(Vec::new()));
    }
    let own = owner.map(|client| link::mirror_keys(&client.phones, &client.emails)).unwrap_or_default();
    let others: Vec<String> = card.keys.iter().filter(|key| !own.contains(key)).cloned().collect();
    let stored = book.links_of(&others).await?;
    // A key that too many contacts have takes no further one.
    let has_it = |ids: &[u64]| ids.contains(&card.contact) || ids.len() >= SHARED_MAX;
    let adds = stored.iter().any(|stored| !has_it(&contacts(stored.as_deref())));
    if adds || known.keys.iter().any(|key| !card.keys.contains(key)) {
        return Ok(None);
    }
    // A later time than now would hide all that happens until then.
    let updated_at = card.updated_at.min(now.timestamp());
    learn(book, &[ContactCard { updated_at, ..card.clone() }]).await.map(Some)
}

/// That a new contact was seen, and under none of its keys yet; `None` if it is known.
pub async fn note(book: &mut Book, card: &ContactCard, now: At) -> StoreResult<Option<Changes>> {
    let name = link::mirror_contact(card.contact);
    if book.link(&name).await?.is_some() {
        return Ok(None);
    }
    let (at, keys) = (card.updated_at.min(now.timestamp()), card.keys.clone());
    let seen = Some(json::text(&Mirrored { at, keys, responsible: card.responsible }));
    book.put_link(name.clone(), seen.clone());
    Ok(Some(vec![(name, seen)]))
}

/// Takes in contacts as the CRM shows them; an older state of a contact changes nothing.
pub async fn learn(book: &mut Book, cards: &[ContactCard]) -> StoreResult<Changes> {
    let names: Vec<String> = cards.iter().map(|card| link::mirror_contact(card.contact)).collect();
    let known = book.links_of(&names).await?;
    let known: Vec<Option<Mirrored>> =
        known.iter().map(|stored| serde_json::from_str(stored.as_deref()?).ok()).collect();
    let mut draft = Draft::open(book, cards, &known).await?;
    for ((card, name), known) in cards.iter().zip(names).zip(known) {
        let known = known.unwrap_or_default();
        let mut new =
            Mirrored { at: card.updated_at, keys: card.keys.clone(), responsible: card.responsible };
        if known.at == new.at {
            // The order of two states within one second is not known. One key too many costs a read, one too
            // few a duplicate.
            new.keys.extend(known.keys.iter().filter(|key| !card.keys.contains(key)).cloned());
        }
        if known.at > new.at || known == new {
            continue;
        }
        known.keys.iter().filter(|key| !new.keys.contains(key)).for_each(|key| draft.drop(key, card.contact));
        new.keys.iter().for_each(|key| draft.add(key, card.contact));
        draft.changes.push((name, Some(json::text(&new))));
    }
    Ok(draft.close(book))
}

/// A contact is gone: deleted, or merged into another. While the mirror is being filled, the contacts after
/// it move up one place, so one page is read again.
pub async fn forget(book: &mut Book, contact: u64) -> StoreResult<Changes> {
    if book.link(&link::mirror_contact(contact)).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut changes = erase(book, contact).await?;
    let state = book.link(link::MIRROR).await?;
    if let Some(MirrorState::Filling { page, since }) = MirrorState::read(state.as_deref())
        && page > 1
    {
        changes.extend(put(book, MirrorState::Filling { page: page - 1, since }));
    }
    Ok(changes)
}

/// Removes one contact from the mirror.
pub async fn erase(book: &mut Book, contact: u64) -> StoreResult<Changes> {
    let gone = ContactCard { contact, updated_at: i64::MAX, ..ContactCard::default() };
    let mut changes = learn(book, &[gone]).await?;
    let name = link::mirror_contact(contact);
    changes.retain(|(key, _)| *key != name);
    book.put_link(name.clone(), None);
    changes.push((name, None));
    Ok(changes)
}

/// Removes a person's keys from the mirror, together with the contacts in `own` and those without any other
/// key; a contact that another person shares keeps its other keys. Returns the removed contacts.
pub async fn erase_person(
    book: &mut Book,
    keys: &[String],
    own: impl Fn(u64) -> bool,
) -> StoreResult<(Changes, Vec<u64>)> {
    let found = book.links_of(keys).await?;
    let under: BTreeSet<u64> = found.iter().flat_map(|stored| contacts(stored.as_deref())).collect();
    let (mut changes, mut gone) = (Vec::new(), Vec::new());
    for contact in under {
        let known = book.link(&link::mirror_contact(contact)).await?;
        let known: Mirrored = known.and_then(|stored| serde_json::from_str(&stored).ok()).unwrap_or_default();
        let others: Vec<String> = known.keys.into_iter().filter(|key| !keys.contains(key)).collect();
        if own(contact) || others.is_empty() {
            changes.extend(erase(book, contact).await?);
            gone.push(contact);
            continue;
        }
        // One second later than the last state, otherwise the keys of both would be kept.
        let (responsible, updated_at) = (known.responsible, known.at + 1);
        let card = ContactCard { contact, keys: others, updated_at, responsible };
        changes.extend(learn(book, &[card]).await?);
    }
    Ok((changes, gone))
}

/// Takes in a page that was read. It moves the mirror forward only from the state for which it was read.
pub async fn take_page(book: &mut Book, read: &ContactsRead) -> StoreResult<Changes> {
    let mut changes = learn(book, &read.contacts).await?;
    let state = book.link(link::MIRROR).await?;
    if MirrorState::read(state.as_deref()) == read.from {
        changes.extend(put(book, read.then.clone()));
    }
    Ok(changes)
}

fn put(book: &mut Book, state: MirrorState) -> Changes {
    let text = state.to_text();
    book.put_link(link::MIRROR.to_owned(), Some(text.clone()));
    vec![(link::MIRROR.to_owned(), Some(text))]
}

/// Shared keys while several contacts are being written into them.
struct Draft {
    shared: BTreeMap<String, Vec<u64>>,
    /// Keys that have changed.
    touched: BTreeMap<String, ()>,
    changes: Changes,
}

impl Draft {
    async fn open(book: &Book, cards: &[ContactCard], known: &[Option<Mirrored>]) -> StoreResult<Self> {
        let old = known.iter().flatten().flat_map(|known| known.keys.iter().cloned());
        let keys: BTreeMap<String, ()> =
            cards.iter().flat_map(|card| card.keys.iter().cloned()).chain(old).map(|key| (key, ())).collect();
        let keys: Vec<String> = keys.into_keys().collect();
        let found = book.links_of(&keys).await?;
        let shared = keys.into_iter().zip(found.iter().map(|stored| contacts(stored.as_deref()))).collect();
        Ok(Self { shared, touched: BTreeMap::new(), changes: Vec::new() })
    }

    fn add(&mut self, key: &str, contact: u64) {
        let ids = self.shared.entry(key.to_owned()).or_default();
        if !ids.contains(&contact) && ids.len() < SHARED_MAX {
            ids.push(contact);
            self.touched.insert(key.to_owned(), ());
        }
    }

    fn drop(&mut self, key: &str, contact: u64) {
        if let Some(ids) = self.shared.get_mut(key)
            && ids.contains(&contact)
        {
            ids.retain(|id| *id != contact);
            self.touched.insert(key.to_owned(), ());
        }
    }

    fn close(self, book: &mut Book) -> Changes {
        let Self { shared, touched, mut changes } = self;
        changes.extend(touched.into_keys().map(|key| {
            let ids: Vec<String> = shared.get(&key).into_iter().flatten().map(u64::to_string).collect();
            (key, (!ids.is_empty()).then(|| ids.join(" ")))
        }));
        for (key, value) in &changes {
            book.put_link(key.clone(), value.clone());
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::embedded::Embedded;

    fn card(contact: u64, at: i64, keys: &[&str]) -> ContactCard {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        ContactCard { contact, keys, updated_at: at, responsible: None }
    }

    fn at(second: i64) -> At {
        At::from_timestamp(1_795_000_000 + second, 0).expect("in range")
    }

    /// A book over an empty store: everything put counts as being written.
    fn book() -> Book {
        Book::new(Arc::new(Embedded::in_memory().expect("memory")), "rost".into(), Default::default())
    }

    async fn who(book: &Book, key: &str) -> Vec<u64> {
        contacts(book.link(key).await.expect("memory").as_deref())
    }

    #[tokio::test]
    async fn a_change_leaves_no_old_key_and_an_older_state_changes_nothing() {
        let mut book = book();
        learn(&mut book, &[card(1, 10, &["a", "b"]), card(2, 10, &["b"])]).await.expect("memory");
        assert_eq!((who(&book, "a").await, who(&book, "b").await), (vec![1], vec![1, 2]));
        learn(&mut book, &[card(1, 20, &["c"])]).await.expect("memory");
        learn(&mut book, &[card(1, 15, &["a"])]).await.expect("memory");
        assert!(who(&book, "a").await.is_empty());
        assert_eq!((who(&book, "b").await, who(&book, "c").await), (vec![2], vec![1]));
        let again = learn(&mut book, &[card(1, 20, &["c"])]).await.expect("memory");
        assert!(again.is_empty(), "nothing new, nothing written");
    }

    #[tokio::test]
    async fn an_echo_of_what_we_wrote_costs_no_read() {
        let mut book = book();
        learn(&mut book, &[card(1, 10, &["a"])]).await.expect("memory");
        let mut client = Client::new("c-1".into());
        client.phones.push("+79035550102".to_owned());
        let (number, owner) = ("mirror-phone:9035550102", Some(client));
        let told = told(&mut book, &card(2, 20, &[number]), None, at(0)).await;
        assert_eq!(told, Ok(None), "nobody's contact with a client's number");
        assert!(who(&book, number).await.is_empty());
        let told = super::told(&mut book, &card(1, 20, &["a", number]), owner.as_ref(), at(0)).await;
        assert!(told.expect("memory").is_some());
        assert_eq!(who(&book, number).await, [1]);
    }

    /// Webhooks of one second come in any order.
    #[tokio::test]
    async fn two_states_of_one_second_keep_all_keys() {
        let mut book = book();
        learn(&mut book, &[card(1, 10, &["a"])]).await.expect("memory");
        learn(&mut book, &[card(1, 10, &[])]).await.expect("memory");
        assert_eq!(who(&book, "a").await, [1]);
        learn(&mut book, &[card(1, 11, &[])]).await.expect("memory");
        assert!(who(&book, "a").await.is_empty());
    }

    #[tokio::test]
    async fn a_person_is_erased_and_a_contact_with_the_same_number_stays() {
        let mut book = book();
        learn(&mut book, &[card(1, 10, &["shared", "his"]), card(2, 10, &["shared", "hers"])])
            .await
            .expect("memory");
        let keys = ["shared", "his"].map(str::to_owned);
        let (_, gone) = erase_person(&mut book, &keys, |_| false).await.expect("memory");
        assert_eq!(gone, [1]);
        for (key, whose) in [("shared", vec![]), ("his", vec![]), ("hers", vec![2])] {
            assert_eq!(who(&book, key).await, whose, "{key}");
        }
        learn(&mut book, &[card(2, 20, &["shared", "hers"])]).await.expect("memory");
        let (_, gone) = erase_person(&mut book, &keys[..1], |contact| contact == 2).await.expect("memory");
        assert_eq!(
            (gone, who(&book, "hers").await),
            (vec![2], vec![]),
            "the person's own contact, whatever other keys it has"
        );
    }

    #[tokio::test]
    async fn a_contact_that_is_gone_is_forgotten_and_a_page_is_read_again() {
        let mut book = book();
        let filling = |page| MirrorState::Filling { page, since: at(0) };
        let read = |contacts, from, then| ContactsRead { contacts, from, then };
        let first = read(vec![card(1, 10, &["a"])], None, filling(2));
        take_page(&mut book, &first).await.expect("memory");
        forget(&mut book, 1).await.expect("memory");
        assert!(who(&book, "a").await.is_empty());
        async fn state(book: &Book) -> Option<MirrorState> {
            MirrorState::read(book.link(link::MIRROR).await.expect("memory").as_deref())
        }
        assert_eq!(state(&book).await, Some(filling(1)));
        // The page that was being read meanwhile is taken in, but does not skip the contacts that moved up.
        let late = read(vec![card(2, 10, &["a"])], Some(filling(2)), filling(3));
        take_page(&mut book, &late).await.expect("memory");
        assert_eq!((who(&book, "a").await, state(&book).await), (vec![2], Some(filling(1))));
    }
}
