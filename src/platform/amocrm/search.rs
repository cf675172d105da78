//! Looks for entities that may already exist: contacts, leads of an order, marked tasks and notes. Never
//! trusts a hit of the search, which is fuzzy and ignores paid filters: each hit is compared. Enter at
//! [`Search`]. Source: sheet, section 5; amocrm.ru/developers/content/crm_platform/contacts-api.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::Value;

use super::card::{Contact, Lead, page};
use super::client::{AmoClient, Call};
use super::numbers::phone_query;
use super::shared_reads::{Listing, ListingRead, ReadRequest, SharedReads};
use crate::platform::Fault;
use crate::process::command::PersonFacts;
use crate::process::{At, Urgency};

/// Numbers and e-mails of a person that are searched by; each costs a request.
const SEARCHES_MAX: usize = 2;
/// Most pages of notes that are read for a marker; people do not read a lead with more notes than that.
const PAGES_MAX: usize = 4;

/// Reads one account on behalf of one command.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    pub client: &'a AmoClient,
    pub shared_reads: &'a SharedReads,
    pub urgency: Urgency,
}

/// The result of a look among the newest entities.
pub struct Newest<T> {
    pub found: Option<T>,
    /// No entity created since the outcome became unclear can have been missed.
    pub sure: bool,
}

impl Search<'_> {
    /// `None` if it was deleted or merged into another (204).
    pub async fn lead(&self, id: u64) -> Result<Option<Lead>, Fault> {
        let path = format!("/api/v4/leads/{id}");
        let body = self.get(&path, &[("with", "contacts,loss_reason")]).await?;
        Ok(body.as_ref().filter(|body| alive(body)).and_then(Lead::read))
    }

    pub async fn contact(&self, id: u64) -> Result<Option<Contact>, Fault> {
        let body = self.get(&format!("/api/v4/contacts/{id}"), &[("with", "leads")]).await?;
        Ok(body.as_ref().filter(|body| alive(body)).and_then(Contact::read))
    }

    /// Searches by the last ten digits of a number, by e-mail, then by the number as we write it: a value
    /// typed with separators may only be found in one of these forms.
    pub async fn person(&self, person: &PersonFacts, apart: &[u64]) -> Result<Option<Contact>, Fault> {
        let digits = person.phones.iter().filter_map(|phone| phone_query(phone)).take(SEARCHES_MAX);
        let emails = person.emails.iter().map(|email| email.to_lowercase()).take(SEARCHES_MAX);
        let whole = person.phones.iter().filter(|phone| phone.starts_with("+7")).take(1).cloned();
        let queries: Vec<String> = digits.chain(emails).chain(whole).collect();
        for query in queries {
            let asked = [("query", query.as_str()), ("with", "leads"), ("limit", "50"), ("order[id]", "asc")];
            if let Some(found) = self.contacts(&asked, person, apart).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Among the contacts created last, which the search may not show yet. `since` is when the outcome became
    /// unclear; without it every page is read.
    pub async fn newest_person(
        &self,
        person: &PersonFacts,
        apart: &[u64],
        since: Option<At>,
    ) -> Result<Newest<Contact>, Fault> {
        let (seen, sure) = self.newest(Listing::NewestContacts, since).await?;
        Ok(Newest { found: best(&seen.items, person, apart), sure })
    }

    /// Among the leads created last.
    pub async fn newest_lead(
        &self,
        since: Option<At>,
        is_it: impl Fn(&Lead) -> bool,
    ) -> Result<Newest<Lead>, Fault> {
        let (seen, sure) = self.newest(Listing::NewestLeads, since).await?;
        let found = seen.items.iter().filter(|lead| alive(lead)).filter_map(Lead::read).find(is_it);
        Ok(Newest { found, sure })
    }

    async fn newest(&self, listing: Listing, since: Option<At>) -> Result<(Arc<ListingRead>, bool), Fault> {
        let from = since.map_or(0, |since| since.timestamp());
        let request = ReadRequest { listing, leads: &[], since: from, urgency: self.urgency };
        let seen = self.shared_reads.read_shared(request).await?;
        let sure = since.is_some() && seen.reaches(from);
        Ok((seen, sure))
    }

    /// Leads in whose fields or name the search finds `number`; the caller compares them.
    pub async fn leads_with(&self, number: &str) -> Result<Vec<Lead>, Fault> {
        let asked = [("query", number), ("with", "contacts"), ("limit", "50"), ("order[id]", "desc")];
        let body = self.get("/api/v4/leads", &asked).await?;
        Ok(body.iter().flat_map(|body| page(body, "leads")).filter_map(Lead::read).collect())
    }

    /// The tasks of these leads, open and done, the newest.
    pub async fn tasks(&self, leads: &[u64]) -> Result<Vec<Value>, Fault> {
        if leads.is_empty() {
            return Ok(Vec::new());
        }
        let request = ReadRequest { listing: Listing::Tasks, leads, since: 0, urgency: self.urgency };
        Ok(self.shared_reads.read_shared(request).await?.items.clone())
    }

    /// A plain note of a lead for which `is_it` holds.
    pub async fn note_of_lead(
        &self,
        lead: u64,
        is_it: impl Fn(&Value) -> bool + Send,
    ) -> Result<bool, Fault> {
        let request =
            ReadRequest { listing: Listing::Notes, leads: &[lead], since: 0, urgency: self.urgency };
        let seen = self.shared_reads.read_shared(request).await?;
        if seen.items.iter().any(&is_it) || seen.is_whole() {
            return Ok(seen.items.iter().any(is_it));
        }
        self.note("leads", lead, &["common"], is_it).await
    }

    /// A note of these types on one entity for which `is_it` holds.
    pub async fn note(
        &self,
        entity: &str,
        id: u64,
        types: &[&str],
        is_it: impl Fn(&Value) -> bool + Send,
    ) -> Result<bool, Fault> {
        let path = format!("/api/v4/{entity}/{id}/notes");
        for at in 1..=PAGES_MAX {
            let at = at.to_string();
            let mut asked = vec![("limit", "250"), ("page", at.as_str())];
            asked.extend(types.iter().map(|kind| ("filter[note_type][]", *kind)));
            let Some(body) = self.get(&path, &asked).await? else { return Ok(false) };
            if page(&body, "notes").iter().any(&is_it) {
                return Ok(true);
            }
            if body["_links"]["next"].is_null() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    async fn contacts(
        &self,
        query: &[(&str, &str)],
        person: &PersonFacts,
        apart: &[u64],
    ) -> Result<Option<Contact>, Fault> {
        let body = self.get("/api/v4/contacts", query).await?;
        Ok(body.and_then(|body| best(page(&body, "contacts"), person, apart)))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Fault> {
        self.client.read(&Call::get(path, query, self.urgency)).await
    }
}

/// Among those that really have a number or otherwise an e-mail of this person: one with leads, then the one
/// changed last, then the oldest.
fn best(contacts: &[Value], person: &PersonFacts, apart: &[u64]) -> Option<Contact> {
    let hits = contacts.iter().filter(|contact| alive(contact)).filter_map(Contact::read);
    let hits = hits.filter(|contact| !apart.contains(&contact.id));
    let ranked = hits.filter_map(|contact| {
        let by_phone = person.phones.iter().any(|phone| contact.has_phone(phone));
        let by_email = person.emails.iter().any(|email| contact.has_email(email));
        let rank = (!by_phone, contact.leads.is_empty(), Reverse(contact.updated_at), contact.id);
        (by_phone || by_email).then_some((rank, contact))
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, contact)| contact)
}

fn alive(body: &Value) -> bool {
    body["is_deleted"] != Value::Bool(true)
}
