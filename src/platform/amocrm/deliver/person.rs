//! Contacts: found by link, number or e-mail, completed, created only if there is none. Never drops a number,
//! never renames a person who has a name, never changes a contact's responsible. Enter at [`AmoAttempt::save_contact`].

use serde_json::{Value, json};

use super::AmoAttempt;
use crate::link;
use crate::message::outside::Outside;
use crate::platform::amocrm::batch_writes::{WriteKind, WriteTo};
use crate::platform::amocrm::card::{Contact, again, number};
use crate::platform::amocrm::classify::Reply;
use crate::platform::amocrm::drop_rejected::{self, LeftOut};
use crate::platform::amocrm::mirror::ContactMatch;
use crate::platform::amocrm::numbers::{NAME_MAX, cut};
use crate::platform::amocrm::search::Newest;
use crate::platform::{Fault, Receipt, Try};
use crate::process::ClientId;
use crate::process::command::PersonFacts;

impl AmoAttempt<'_> {
    /// Updates the contact; numbers are added, never removed.
    pub(super) async fn save_contact(&self, person: &PersonFacts) -> Result<Receipt, Fault> {
        let (id, made) = match self.find_contact(person, None).await? {
            Some(contact) => {
                self.complete_contact(&contact, person).await?;
                (contact.id, Vec::new())
            }
            None => {
                let id = self.make_contact(person).await?;
                (id, self.made_links(id, person))
            }
        };
        Ok(Receipt { links: [self.contact_links(id), made].concat(), ..Default::default() })
    }

    /// Looks by our link, by the lead's main contact, by number, by e-mail. A link whose contact is gone
    /// (merged, deleted) is skipped; the receipt then replaces it.
    pub(super) async fn find_contact(
        &self,
        person: &PersonFacts,
        of_lead: Option<u64>,
    ) -> Result<Option<Contact>, Fault> {
        let anyhow = !person.phones.is_empty() || !person.emails.is_empty();
        let known = self.links.find(&link::contact(&self.command.client)).await?;
        // A person who deleted or merged the contact has said who is who.
        let is_merged = known.as_deref() == Some(link::CONTACT_GONE);
        let apart = if is_merged { Vec::new() } else { self.contacts_of(&person.apart_from).await? };
        let newest = match self.tried {
            Try::MayBeDone if anyhow => self.search().newest_person(person, &apart, self.since).await?,
            _ => Newest { found: None, sure: self.tried == Try::First },
        };
        let (newest, sure) = (newest.found, newest.sure);
        // The person had a contact that is gone now, or one was seen meanwhile: another may exist that the mirror does not
        // know yet.
        let sure = sure && known.is_none();
        let linked = known.and_then(|id| id.parse().ok());
        let of_lead = of_lead.filter(|id| Some(*id) != linked && (linked.is_some() || !apart.contains(id)));
        for id in linked.into_iter().chain(of_lead) {
            if let Some(contact) = newest.as_ref().filter(|contact| contact.id == id) {
                return Ok(Some(contact.clone()));
            }
            if let Some(contact) = self.search().contact(id).await? {
                return Ok(Some(contact));
            }
        }
        let found = match newest {
            Some(contact) => Some(contact),
            None => self.mirrored(person, &apart, sure).await?,
        };
        match found {
            Some(contact) if !is_merged && self.is_anothers(contact.id).await? => Ok(None),
            found => Ok(found),
        }
    }

    /// The contacts of the lead that are other clients', if this one has none yet: the lead's order had been joined to
    /// one of them (Q4).
    pub(super) async fn strangers(&self, person: &PersonFacts, of_lead: &[u64]) -> Result<Vec<u64>, Fault> {
        let known = self.links.find(&link::contact(&self.command.client)).await?;
        if person.apart_from.is_empty() || known.is_some_and(|known| known != link::CONTACT_SEEN) {
            return Ok(Vec::new());
        }
        let apart = self.contacts_of(&person.apart_from).await?;
        Ok(apart.into_iter().filter(|id| of_lead.contains(id)).collect())
    }

    /// The contacts of other clients (F100).
    async fn contacts_of(&self, clients: &[ClientId]) -> Result<Vec<u64>, Fault> {
        let mut ids = Vec::new();
        for client in clients {
            ids.extend(self.link(&link::contact(client)).await?);
        }
        Ok(ids)
    }

    /// Whether another client of ours has this contact: the same number does not make one person of two.
    async fn is_anothers(&self, contact: u64) -> Result<bool, Fault> {
        let owner = self.links.find(&link::crm_contact(contact)).await?;
        Ok(owner.is_some_and(|owner| owner != self.command.client.as_str()))
    }

    /// As the mirror shows it; if the mirror is in doubt, as the account's search shows it. «No contact» is
    /// believed only if it is `sure` that no create of ours is in progress.
    async fn mirrored(
        &self,
        person: &PersonFacts,
        apart: &[u64],
        sure: bool,
    ) -> Result<Option<Contact>, Fault> {
        match self.courier.mirror.who(self.links, person, self.now).await? {
            ContactMatch::Nobody if sure => return Ok(None),
            ContactMatch::One(id) if !apart.contains(&id) => {
                let found = self.search().contact(id).await?;
                if let Some(contact) = found.filter(|contact| contact.is(person)) {
                    return Ok(Some(contact));
                }
            }
            // A new owner in the middle of a launch: hundreds of searches would use up the budget for what
            // one page shows.
            ContactMatch::Soon => {
                let why = "the mirror of contacts is being brought up to date".to_owned();
                return Err(Fault::Soon { why });
            }
            ContactMatch::Nobody | ContactMatch::One(_) | ContactMatch::Doubt => {}
        }
        self.search().person(person, apart).await
    }

    /// Writes only what is missing; returns what the account did not accept.
    pub(super) async fn complete_contact(
        &self,
        contact: &Contact,
        person: &PersonFacts,
    ) -> Result<Vec<LeftOut>, Fault> {
        let mut fields = Vec::new();
        let phones: Vec<&String> = person.phones.iter().filter(|phone| !contact.has_phone(phone)).collect();
        if !phones.is_empty() {
            fields.push(multi("PHONE", &contact.phones, &phones));
        }
        let emails: Vec<&String> = person.emails.iter().filter(|email| !contact.has_email(email)).collect();
        if !emails.is_empty() {
            fields.push(multi("EMAIL", &contact.emails, &emails));
        }
        let missing = person.fields.iter().filter(|(id, _)| !contact.has_field(*id));
        fields.extend(missing.map(|(id, value)| field(*id, value)));

        let mut body = json!({});
        if !fields.is_empty() {
            body["custom_fields_values"] = fields.into();
        }
        if self.is_nameless(contact, person) {
            put_name(&mut body, person);
        }
        if body.as_object().is_some_and(|body| body.is_empty()) {
            return Ok(Vec::new());
        }
        let write = self.write(WriteKind::Contact, WriteTo::Known(contact.id), body);
        match drop_rejected::send(self.batcher(), write).await? {
            (Reply::Rejected(rejection), _) => Err(rejection.fault()),
            (_, left_out) => Ok(left_out),
        }
    }

    /// Nobody named the person yet: no name, or our own words for that, also those of yesterday.
    fn is_nameless(&self, contact: &Contact, person: &PersonFacts) -> bool {
        let name = contact.name.trim();
        let own = person.nameless.as_deref().is_some_and(|own| own.trim() == name);
        name.is_empty() || own || self.courier.texts.is_no_name(name)
    }

    pub(super) async fn make_contact(&self, person: &PersonFacts) -> Result<u64, Fault> {
        let write = self.write(WriteKind::Contact, WriteTo::New, self.contact_body(person));
        let (made, _) = drop_rejected::write(self.batcher(), write).await?;
        number(&made["id"]).ok_or_else(|| Fault::unclear("amoCRM names no id of a new contact"))
    }

    /// A complete new contact.
    pub(super) fn contact_body(&self, person: &PersonFacts) -> Value {
        let mut fields = Vec::new();
        for (code, values) in [("PHONE", &person.phones), ("EMAIL", &person.emails)] {
            if !values.is_empty() {
                fields.push(multi(code, &[], &values.iter().collect::<Vec<_>>()));
            }
        }
        fields.extend(person.fields.iter().map(|(id, value)| field(*id, value)));
        let mut body = json!({});
        if !put_name(&mut body, person) {
            body["name"] = self.words(Outside::NoName).into();
        }
        if !fields.is_empty() {
            body["custom_fields_values"] = fields.into();
        }
        if let Some(user) = person.responsible.as_ref().and_then(|manager| self.user(manager)) {
            body["responsible_user_id"] = user.into();
        }
        body
    }

    /// Mirror entries of a contact that was just created: its webhook comes later.
    pub(super) fn made_links(&self, id: u64, person: &PersonFacts) -> Vec<(String, String)> {
        link::mirror_keys(&person.phones, &person.emails)
            .into_iter()
            .map(|key| (key, id.to_string()))
            .collect()
    }

    pub(super) fn contact_links(&self, id: u64) -> Vec<(String, String)> {
        let client = &self.command.client;
        vec![(link::contact(client), id.to_string()), (link::crm_contact(id), client.to_string())]
    }
}

/// First and last name where they are known apart (sheet, 3.5), else the whole name. Whether there is any.
fn put_name(body: &mut Value, person: &PersonFacts) -> bool {
    let given = |name: &Option<String>| {
        name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(|name| cut(name, NAME_MAX))
    };
    let parts = [("first_name", given(&person.first_name)), ("last_name", given(&person.last_name))];
    let whole = [("name", given(&person.name))];
    let names = if parts[0].1.is_some() { &parts[..] } else { &whole[..] };
    for (key, name) in names {
        if let Some(name) = name {
            body[*key] = name.as_str().into();
        }
    }
    names.iter().any(|(_, name)| name.is_some())
}

/// A multitext field is replaced as a whole, so the old values are sent again.
fn multi(code: &str, old: &[Value], new: &[&String]) -> Value {
    let added = new.iter().map(|value| json!({ "value": value, "enum_code": "WORK" }));
    let values: Vec<Value> = old.iter().map(again).chain(added).collect();
    json!({ "field_code": code, "values": values })
}

/// A text field's value; a choice is selected by its exact text.
pub(super) fn field(id: u64, value: &str) -> Value {
    json!({ "field_id": id, "values": [{ "value": cut(value, super::lead::FIELD_MAX) }] })
}
