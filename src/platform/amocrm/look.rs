//! Looks for what may be there already: contacts, leads of an order, marked tasks and notes.
//! Never believes a hit of the search, which is fuzzy and ignores paid filters: each is compared.
//! Enter at [`Look`]. Source: sheet, section 5; amocrm.ru/developers/content/crm_platform/contacts-api.

use std::cmp::Reverse;

use serde_json::Value;

use super::card::{Contact, Lead, list, number, page, text};
use super::client::{AmoClient, Call};
use super::numbers::phone_query;
use crate::platform::Fault;
use crate::process::Urgency;
use crate::process::command::PersonFacts;

/// Numbers and e-mails of a person that are searched by, each a request.
const SEARCHES_MAX: usize = 2;
/// Pages of notes that are read for a marker; a lead with more notes than that is read by none.
const PAGES_MAX: usize = 4;

/// Reading of one account on behalf of one command.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub client: &'a AmoClient,
    pub urgency: Urgency,
}

impl Look<'_> {
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

    /// By the last ten digits of a number, by e-mail, then by the number as we write it: values
    /// typed with separators may only be found one way or the other.
    pub async fn person(&self, person: &PersonFacts) -> Result<Option<Contact>, Fault> {
        let digits = person.phones.iter().filter_map(|phone| phone_query(phone)).take(SEARCHES_MAX);
        let emails = person.emails.iter().map(|email| email.to_lowercase()).take(SEARCHES_MAX);
        let whole = person.phones.iter().filter(|phone| phone.starts_with("+7")).take(1).cloned();
        let queries: Vec<String> = digits.chain(emails).chain(whole).collect();
        for query in queries {
            let asked = [("query", query.as_str()), ("with", "leads"), ("limit", "50"), ("order[id]", "asc")];
            if let Some(found) = self.contacts(&asked, person).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Among the contacts made last, for one that the search does not know yet.
    pub async fn newest_person(&self, person: &PersonFacts) -> Result<Option<Contact>, Fault> {
        self.contacts(&[("with", "leads"), ("limit", "250"), ("order[id]", "desc")], person).await
    }

    /// Leads in whose fields or name the search finds `number`; to be compared by the caller.
    pub async fn leads_with(&self, number: &str) -> Result<Vec<Lead>, Fault> {
        let asked = [("query", number), ("with", "contacts"), ("limit", "50"), ("order[id]", "desc")];
        let body = self.get("/api/v4/leads", &asked).await?;
        Ok(body.iter().flat_map(|body| page(body, "leads")).filter_map(Lead::read).collect())
    }

    /// A task of these leads, open or done, whose text ends with the marker.
    pub async fn task(&self, leads: &[u64], marker: &str) -> Result<Option<u64>, Fault> {
        if leads.is_empty() {
            return Ok(None);
        }
        let leads: Vec<String> = leads.iter().map(u64::to_string).collect();
        let mut asked =
            vec![("filter[entity_type]", "leads"), ("limit", "250"), ("order[created_at]", "desc")];
        asked.extend(leads.iter().map(|lead| ("filter[entity_id][]", lead.as_str())));
        let body = self.get("/api/v4/tasks", &asked).await?;
        let marked = |task: &&Value| text(&task["text"]).trim_end().ends_with(marker);
        Ok(body.as_ref().and_then(|body| number(&page(body, "tasks").iter().find(marked)?["id"])))
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

    /// Of those that really have a number or else an e-mail of this person: one with leads, then
    /// the one changed last, then the oldest.
    async fn contacts(&self, query: &[(&str, &str)], person: &PersonFacts) -> Result<Option<Contact>, Fault> {
        let Some(body) = self.get("/api/v4/contacts", query).await? else { return Ok(None) };
        let hits = page(&body, "contacts").iter().filter(|contact| alive(contact)).filter_map(Contact::read);
        let ranked = hits.filter_map(|contact| {
            let by_phone = person.phones.iter().any(|phone| contact.has_phone(phone));
            let by_email = person.emails.iter().any(|email| contact.has_email(email));
            let rank = (!by_phone, contact.leads.is_empty(), Reverse(contact.updated_at), contact.id);
            (by_phone || by_email).then_some((rank, contact))
        });
        Ok(ranked.min_by_key(|(rank, _)| *rank).map(|(_, contact)| contact))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, Fault> {
        self.client.read(&Call::get(path, query, self.urgency)).await
    }
}

fn alive(body: &Value) -> bool {
    body["is_deleted"] != Value::Bool(true)
}

/// The id of the one entity that a create made: `_embedded.{name}[0].id`.
pub fn created(body: &Value, name: &str) -> Option<u64> {
    number(&list(&body["_embedded"][name]).first()?["id"])
}
