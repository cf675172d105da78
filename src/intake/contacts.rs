//! Contacts of the CRM: whose they are, and what the mirror learns from them. What is only told, and would give a
//! person another number or address, or a number another contact, is read first (F104). Never asks the CRM itself.
//! Enter at [`seen`] and [`gone`].

use super::book::Book;
use super::correlate::{Aims, for_all_orders, newest};
use super::identity::{self, new_client};
use super::mirror;
use super::read_back::{self, is_new_way};
use crate::link;
use crate::process::case::Pending;
use crate::process::event::ClientFacts;
use crate::process::{AskKind, At, Client, ClientId, Event, OrderId, ReadBack};
use crate::signal::ContactCard;
use crate::store::StoreResult;

/// What the CRM shows of a contact, or is said to.
pub(super) struct ContactSaid {
    pub contact: u64,
    pub facts: ClientFacts,
    pub card: Option<ContactCard>,
    pub read: bool,
}

/// A number or an address that the client or the mirror does not know yet is read in the CRM before letters go there,
/// or anybody is found by it (F104).
pub(super) async fn seen(book: &mut Book, said: ContactSaid, now: At) -> StoreResult<Aims> {
    let ContactSaid { contact, mut facts, card, read } = said;
    facts.read = read;
    let linked = book.link(&link::crm_contact(contact)).await?.map(ClientId);
    let is_linked = linked.is_some();
    let client = match linked {
        Some(client) => Some(client),
        None => {
            let who = identity::who(book, &facts).await?;
            who.tell(&mut facts);
            who.client
        }
    };
    let record = record_of(book, client.as_ref()).await?;
    if let Some(record) = &record {
        identity::leave_others(book, record, &mut facts).await?;
    }
    let mirrored = match &card {
        Some(card) if !read => {
            let owner = record.as_ref().filter(|_| is_linked);
            match mirror::told(book, card, owner, now).await? {
                None if !is_linked && is_being_made(book, record.as_ref()).await? => {
                    let noted = mirror::note(book, card, now).await?;
                    noted.map(|noted| [noted, look_again(book, client.as_ref())].concat())
                }
                told => told,
            }
        }
        card => Some(mirror::learn(book, card.as_slice()).await?),
    };
    let is_news = |record: &Client| newest(record).is_some() && is_new_way(record, &facts, now);
    if mirrored.is_none() || (!read && record.as_ref().is_some_and(is_news)) {
        let at = card.and_then(|card| At::from_timestamp(card.updated_at, 0));
        return Ok(read_first(record, contact, at).with(mirrored.unwrap_or_default()));
    }
    let mirrored = mirrored.unwrap_or_default();
    let Some(client) = client else {
        return Ok(Aims::nothing(format!("contact {contact} is none of ours")).with(mirrored));
    };
    Ok(for_all_orders(book, &client, &Event::Client(facts)).await?.with(mirrored))
}

/// The contact was deleted or merged: it is searched by number and e-mail when it is needed again. One that is only said
/// to be gone is read first, if anything is known of it.
pub(super) async fn gone(book: &mut Book, contact: u64, read: bool) -> StoreResult<Aims> {
    let client = book.link(&link::crm_contact(contact)).await?;
    if !read {
        if client.is_none() && book.link(&link::mirror_contact(contact)).await?.is_none() {
            return Ok(Aims::nothing(format!("contact {contact} is none of ours")));
        }
        let record = record_of(book, client.map(ClientId).as_ref()).await?;
        return Ok(read_first(record, contact, None));
    }
    let mirrored = mirror::forget(book, contact).await?;
    let Some(client) = client else {
        return Ok(Aims::nothing(format!("contact {contact} is none of ours")).with(mirrored));
    };
    let ours = link::contact(&ClientId(client));
    let mut index = vec![(link::crm_contact(contact), None)];
    if book.link(&ours).await?.is_some_and(|linked| linked == contact.to_string()) {
        index.push((ours, Some(link::CONTACT_GONE.to_owned())));
    }
    Ok(Aims { index, nothing: Some(format!("contact {contact} is gone")), ..Aims::default() }.with(mirrored))
}

/// For the newest order of its client; a contact of nobody is read for the mirror.
fn read_first(client: Option<Client>, contact: u64, at: Option<At>) -> Aims {
    let order = client.as_ref().and_then(newest).unwrap_or_else(|| OrderId::of_contact(contact));
    let client = client.map_or_else(|| new_client(&order), |client| client.id);
    read_back::first(&order, &client, ReadBack::Contact { contact }, at)
}

/// Our own new contact may be told before the receipt that puts it into the mirror: the client has none yet, and it is
/// being saved.
async fn is_being_made(book: &mut Book, client: Option<&Client>) -> StoreResult<bool> {
    let Some((client, order)) = client.and_then(|client| Some((client, newest(client)?))) else {
        return Ok(false);
    };
    if book.link(&link::contact(&client.id)).await?.is_some_and(|known| known != link::CONTACT_SEEN) {
        return Ok(false);
    }
    let saves = |pending: &Pending| matches!(pending.ask, AskKind::SaveLead | AskKind::SaveContact);
    Ok(book.order(&order).await?.is_some_and(|order| order.unsent.values().any(saves)))
}

async fn record_of(book: &mut Book, client: Option<&ClientId>) -> StoreResult<Option<Client>> {
    match client {
        Some(client) => book.client(client).await,
        None => Ok(None),
    }
}

/// The save under way looks for a contact once more before it makes one: a person may have made this one.
fn look_again(book: &mut Book, client: Option<&ClientId>) -> mirror::Changes {
    let entries = client.map(|client| (link::contact(client), Some(link::CONTACT_SEEN.to_owned())));
    let entries: mirror::Changes = entries.into_iter().collect();
    entries.iter().for_each(|(key, value)| book.put_link(key.clone(), value.clone()));
    entries
}
