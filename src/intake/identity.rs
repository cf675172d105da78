//! Who a person is (F100). GetCourse's user id decides; a number or an address names a person only as long as nothing
//! speaks against it, because anybody can type them into a form. Never joins two persons whose ids are known and
//! differ, nor persons whom one report's number and address name apart. Enter at [`who`].

use super::book::Book;
use crate::link;
use crate::process::event::{Alike, ClientFacts, SameWay};
use crate::process::{ClientId, OrderId};
use crate::store::StoreResult;

/// A number or an address that more persons have names none of them.
const ALIKE_MAX: usize = 8;

/// The person whom a report is about.
#[derive(Debug, Default)]
pub struct Who {
    /// `None` is somebody new.
    pub client: Option<ClientId>,
    /// Known by a number or an address only.
    guessed: bool,
    /// Others with the same number or address.
    alike: Vec<(String, Alike)>,
}

impl Who {
    /// Adds to the facts how sure they are, and who else has the same number or address.
    pub fn tell(&self, facts: &mut ClientFacts) {
        facts.guessed = self.guessed;
        facts.alike = self.alike.iter().map(|(_, alike)| alike.clone()).collect();
    }

    /// Index entries by which `client` is found beside the others who have the same number or address.
    pub async fn alike_links(
        &self,
        book: &Book,
        client: &ClientId,
    ) -> StoreResult<Vec<(String, Option<String>)>> {
        let mut links = Vec::new();
        for (way, _) in &self.alike {
            let key = link::alike(way);
            let known = book.link(&key).await?.unwrap_or_default();
            let all: Vec<&str> = known.split(' ').filter(|id| !id.is_empty()).collect();
            if all.len() < ALIKE_MAX && !all.contains(&client.as_str()) {
                links.push((key, Some(format!("{known} {client}").trim_start().to_owned())));
            }
        }
        links.dedup();
        Ok(links)
    }
}

/// The id of a new client contains the id of his first order.
pub fn new_client(order: &OrderId) -> ClientId {
    ClientId(format!("c-{order}"))
}

/// Finds the person of a report: by GetCourse's user, else by phone and e-mail if both mean the same person.
pub async fn who(book: &mut Book, facts: &ClientFacts) -> StoreResult<Who> {
    let user = facts.gc_user.as_deref();
    if let Some(user) = user
        && let Some(client) = book.link(&link::gc_user(user)).await?
    {
        return Ok(Who { client: Some(ClientId(client)), ..Who::default() });
    }
    let mut who = Who::default();
    let mut meant: Option<Vec<ClientId>> = None;
    for (way, key) in ways(facts) {
        let all = all_with(book, &key).await?;
        let mut possible = Vec::new();
        for client in &all {
            let other = book.client(client).await?.and_then(|record| record.gc_user);
            if user.is_none() || other.is_none() || user == other.as_deref() {
                possible.push(client.clone());
            }
            who.alike.push((key.clone(), Alike { way, client: client.clone(), user: other }));
        }
        if !all.is_empty() {
            meant = Some(match meant {
                Some(meant) => meant.into_iter().filter(|one| possible.contains(one)).collect(),
                None => possible,
            });
        }
    }
    if let Some([one]) = meant.as_deref() {
        who.client = Some(one.clone());
        who.guessed = true;
        who.alike.retain(|(_, alike)| alike.client != *one);
    }
    Ok(who)
}

/// All persons with this number or address, the first known first: a call may be of any of them.
pub async fn all_with(book: &Book, key: &str) -> StoreResult<Vec<ClientId>> {
    Ok(named(&book.links_of(&entries(key)).await?))
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
    let phone = facts.phone.as_ref();
    let numbers = phone.into_iter().flat_map(|phone| phone.e164.iter().chain(&phone.second));
    let numbers = numbers.map(|number| (SameWay::Phone, link::phone(number)));
    let email = facts.email.iter().map(|email| (SameWay::Email, link::email(email)));
    numbers.chain(email).collect()
}
