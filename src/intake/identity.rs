//! Who a person is (F100). GetCourse's user id decides; a number or an address names a person only as long as nothing
//! speaks against it, because anybody can type them into a form. Never joins two persons whose ids are known and
//! differ, nor persons whom one report's number and address name apart. Enter at [`who`].

use std::collections::BTreeSet;

use super::book::Book;
use crate::link;
use crate::process::event::{Alike, ClientFacts, SameWay};
use crate::process::{Client, ClientId, OrderId};
use crate::store::StoreResult;

/// A number or an address that more persons have names none of them.
const ALIKE_MAX: usize = 8;

/// A number or an address of so many persons is a family's or a firm's: it is no key any more (Q4).
const SHARED_BY: usize = 3;

/// Local parts of addresses that stand for an office and not for a person (Q4).
const OFFICES: &[&str] = &[
    "accounting",
    "admin",
    "buh",
    "contact",
    "contacts",
    "director",
    "hello",
    "help",
    "hr",
    "info",
    "inbox",
    "job",
    "kontakt",
    "mail",
    "manager",
    "marketing",
    "no-reply",
    "noreply",
    "office",
    "order",
    "orders",
    "post",
    "reception",
    "sale",
    "sales",
    "school",
    "secretary",
    "shop",
    "support",
    "team",
    "webmaster",
    "zakaz",
];

/// The person whom a report is about.
#[derive(Debug, Default)]
pub struct Who {
    /// `None` is somebody new.
    pub client: Option<ClientId>,
    /// What alone named the person: nothing if GetCourse's user did.
    by: BTreeSet<SameWay>,
    /// Others with the same number or address.
    alike: Vec<Alike>,
}

impl Who {
    /// Adds to the facts how sure they are, and who else has the same number or address.
    pub fn tell(&self, facts: &mut ClientFacts) {
        facts.guessed = !self.by.is_empty();
        facts.by.clone_from(&self.by);
        facts.alike.clone_from(&self.alike);
    }
}

/// The id of a new client contains the id of his first order.
pub fn new_client(order: &OrderId) -> ClientId {
    ClientId(format!("c-{order}"))
}

/// Finds the person of a report: by GetCourse's user, else by phone and e-mail if both mean the same person.
pub async fn who(book: &mut Book, facts: &ClientFacts) -> StoreResult<Who> {
    let user = facts.gc_user.as_deref();
    let ways = ways(facts);
    let mut found = book.links_of(&keys(facts)).await?;
    if user.is_some()
        && let Some(client) = found.remove(0)
    {
        return Ok(Who { client: Some(ClientId(client)), ..Who::default() });
    }
    let mut who = Who::default();
    let mut meant: Option<Vec<ClientId>> = None;
    let mut named_by = Vec::new();
    for ((way, _), found) in ways.into_iter().zip(found.chunks(2)) {
        let all = named(found);
        let mut possible = Vec::new();
        for client in &all {
            let other = book.client(client).await?.and_then(|record| record.gc_user);
            if user.is_none() || other.is_none() || user == other.as_deref() {
                possible.push(client.clone());
            }
            who.alike.push(Alike { way, client: client.clone(), user: other });
        }
        let is_office = || way == SameWay::Email && facts.email.as_deref().is_some_and(is_office);
        if !all.is_empty() && all.len() < SHARED_BY && !is_office() {
            named_by.push(way);
            meant = Some(match meant {
                Some(meant) => meant.into_iter().filter(|one| possible.contains(one)).collect(),
                None => possible,
            });
        }
    }
    if let Some([one]) = meant.as_deref() {
        who.client = Some(one.clone());
        who.by = named_by.into_iter().collect();
        who.alike.retain(|alike| alike.client != *one);
    }
    Ok(who)
}

/// Drops a number or an address of somebody who is known to be another person: a contact of the CRM may still hold
/// what came into it while both were joined (Q4).
pub async fn leave_others(book: &Book, client: &Client, facts: &mut ClientFacts) -> StoreResult<()> {
    for (way, key) in ways(facts) {
        let owners = if client.alike.is_empty() { Vec::new() } else { all_with(book, &key).await? };
        if owners.contains(&client.id) || !is_apart(book, client, &owners).await? {
            continue;
        }
        match way {
            SameWay::Phone => facts.phone = None,
            SameWay::Email => facts.email = None,
        }
    }
    Ok(())
}

/// Whether one of them is another person, and nobody merged the contacts of both in the CRM.
async fn is_apart(book: &Book, client: &Client, owners: &[ClientId]) -> StoreResult<bool> {
    let others = owners.iter().filter(|owner| client.alike.iter().any(|other| other.client == **owner));
    let contacts: Vec<String> = others.map(link::contact).collect();
    let found = book.links_of(&contacts).await?;
    Ok(found.iter().any(|contact| contact.as_deref() != Some(link::CONTACT_GONE)))
}

/// «info@…» is read by many.
fn is_office(email: &str) -> bool {
    let local = email.split('@').next().unwrap_or_default().to_lowercase();
    OFFICES.contains(&local.as_str())
}

/// The entry of those who have this number or address beside its first owner, with `client` added or removed; `None` if
/// it stays as it is.
pub async fn change_alike(
    book: &Book,
    key: &str,
    client: &ClientId,
    has_it: bool,
) -> StoreResult<Option<(String, Option<String>)>> {
    let key = link::alike(key);
    let mut all = named(&[book.link(&key).await?]);
    let known = all.len();
    all.retain(|one| one != client);
    if has_it && all.len() < ALIKE_MAX {
        all.push(client.clone());
    }
    let ids: Vec<&str> = all.iter().map(ClientId::as_str).collect();
    let value = Some(ids.join(" ")).filter(|ids| !ids.is_empty());
    Ok((all.len() != known).then_some((key, value)))
}

/// All persons with this number or address, the first known first: a call may be of any of them.
pub async fn all_with(book: &Book, key: &str) -> StoreResult<Vec<ClientId>> {
    Ok(named(&book.links_of(&entries(key)).await?))
}

/// The index entries that may name the person of a report: of GetCourse's user first, then [`entries`] of each number
/// and address.
pub fn keys(facts: &ClientFacts) -> Vec<String> {
    let user = facts.gc_user.as_deref().map(link::gc_user);
    user.into_iter().chain(ways(facts).iter().flat_map(|(_, key)| entries(key))).collect()
}

/// The index entries that name everybody with this number or address; [`named`] reads them.
pub fn entries(key: &str) -> [String; 2] {
    [key.to_owned(), link::alike(key)]
}

pub fn named(found: &[Option<String>]) -> Vec<ClientId> {
    let mut all: Vec<ClientId> = Vec::new();
    for id in found.iter().flatten().flat_map(|ids| ids.split(' ')).filter(|id| !id.is_empty()) {
        if all.iter().all(|known| known.as_str() != id) {
            all.push(id.into());
        }
    }
    all
}

/// The index keys of a person's numbers and address.
fn ways(facts: &ClientFacts) -> Vec<(SameWay, String)> {
    let numbers = facts.numbers().map(|number| (SameWay::Phone, link::phone(number)));
    let email = facts.email.iter().map(|email| (SameWay::Email, link::email(email)));
    numbers.chain(email).collect()
}
