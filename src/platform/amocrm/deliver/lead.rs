//! Leads: found by link, order number or marker, completed, created only if there is none. Never creates a
//! second lead knowingly, never overwrites what a manager wrote, never changes the stage of an existing lead.
//! Enter at [`AmoAttempt::save_lead`].

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::person::field;
use super::{AmoAttempt, after_a_write, lead_is_gone};
use crate::link;
use crate::message::outside::Outside;
use crate::platform::amocrm::batch_writes::{WriteKind, WriteTo};
use crate::platform::amocrm::card::{Contact, Lead, number};
use crate::platform::amocrm::classify::Reply;
use crate::platform::amocrm::client::{ACCOUNT, Call};
use crate::platform::amocrm::drop_rejected::{self, LeftOut};
use crate::platform::amocrm::numbers::{NAME_MAX, cut};
use crate::platform::amocrm::wire::{LOST, WON};
use crate::platform::{Fault, Receipt, Try};
use crate::process::command::SaveLead;
use crate::process::{LeadRole, ManagerId, Stage};
use crate::signal::{SeenLead, Signal};

/// Limit of long text fields; no lower limit is documented for short ones.
pub(super) const FIELD_MAX: usize = 20_000;
/// Most field values of one entity in one write.
const FIELDS_MAX: usize = 40;
/// Most leads of one contact that are read one by one.
const READ_MAX: usize = 10;
/// From this number of leads on, one search costs less than reading them.
const SEARCH_FROM: usize = 4;

impl AmoAttempt<'_> {
    /// Finds or creates the contact and the lead, linked (L1, G1–G3, G7), and writes the facts of the source
    /// into the feed (G5).
    pub(super) async fn save_lead(&self, ask: &SaveLead) -> Result<Receipt, Fault> {
        self.pipeline(ask.role, ask.pipeline)?;
        let linked = match self.known_lead(ask.role).await? {
            Some(id) => self.search().lead(id).await?,
            None => None,
        };
        let (linked, sure) = match (linked, self.tried) {
            (None, Try::MayBeDone) => self.lead_just_made(ask).await?,
            (linked, _) => (linked, false),
        };
        let main_contact = linked.as_ref().and_then(|lead| lead.contacts.first().copied());
        let contact = self.find_contact(&ask.person, main_contact).await?;
        let is_new = contact.is_none();
        let lead = match (linked, &contact) {
            (None, Some(contact)) if !sure => self.lead_of_contact(ask, contact).await?,
            (linked, _) => linked,
        };
        // Who created a found lead is known only after a create whose answer was lost.
        let ours = lead.is_none() || self.tried == Try::MayBeDone;
        // Asked before anything is written, so that a failure leaves nothing half done.
        let unnamed = ask.responsible.as_ref().and_then(|manager| self.user(manager)).is_none();
        let mut token_user = if ours && unnamed { self.token_user().await? } else { None };
        let (lead, contact, left_out) = match lead {
            Some(lead) => self.complete_lead(ask, &lead, contact).await?,
            None => self.make_lead(ask, contact).await?,
        };
        self.first_note(ask, lead, &left_out).await.map_err(after_a_write)?;
        let mut links = self.contact_links(contact);
        links.push((link::lead(&self.command.order, ask.role), lead.to_string()));
        links.push((link::crm_lead(lead), link::lead_of(&self.command.order, ask.role)));
        if is_new {
            links.extend(self.made_links(contact, &ask.person));
        }
        if ours && left_out.iter().any(|one| one.field == "responsible_user_id") {
            token_user = self.token_user().await.map_err(after_a_write)?;
        }
        let signals = token_user.map(|user| as_made(lead, user)).into_iter().collect();
        Ok(Receipt { links, signals })
    }

    /// The user whom the token stands for, read once (sheet, 3.1): amoCRM makes him responsible of all that
    /// names nobody.
    async fn token_user(&self) -> Result<Option<u64>, Fault> {
        let read = async || {
            let body = self.client().read(&Call::get(ACCOUNT, &[], self.command.urgency)).await?;
            let body = body.ok_or_else(|| Fault::later("amoCRM shows no account"))?;
            Ok(number(&body["current_user_id"]))
        };
        self.courier.token_user.get_or_try_init(read).await.copied()
    }

    /// The lead of this order among the contact's own. An order with a number is compared by number. Without
    /// a number, only a lead can be ours that has the same name, was created a moment ago and belongs to no
    /// other order.
    async fn lead_of_contact(&self, ask: &SaveLead, contact: &Contact) -> Result<Option<Lead>, Fault> {
        let Some(number) = &ask.order_number else {
            return match self.tried {
                Try::First => Ok(None),
                Try::MayBeDone => self.just_made(ask, contact).await,
            };
        };
        // The search may lag behind recent changes, so it is used for first tries only.
        if contact.leads.len() >= SEARCH_FROM && self.tried == Try::First {
            let hits = self.search().leads_with(number).await?;
            return Ok(hits.into_iter().find(|lead| self.is_of_order(lead, ask.role, number)));
        }
        for id in contact.leads.iter().take(READ_MAX) {
            let lead = self.search().lead(*id).await?;
            if let Some(lead) = lead.filter(|lead| self.is_of_order(lead, ask.role, number)) {
                return Ok(Some(lead));
            }
        }
        Ok(None)
    }

    async fn just_made(&self, ask: &SaveLead, contact: &Contact) -> Result<Option<Lead>, Fault> {
        for id in contact.leads.iter().take(READ_MAX) {
            let Some(lead) = self.search().lead(*id).await? else { continue };
            if self.may_be_ours(ask, &lead) && self.belongs_to_no_order(&lead).await? {
                return Ok(Some(lead));
            }
        }
        Ok(None)
    }

    /// Looks for a create with a lost answer among the account's newest leads. The flag says whether no lead
    /// can have been missed. Without a number, another client's lead may look the same.
    async fn lead_just_made(&self, ask: &SaveLead) -> Result<(Option<Lead>, bool), Fault> {
        let Some(number) = &ask.order_number else { return Ok((None, false)) };
        let is_it = |lead: &Lead| self.is_of_order(lead, ask.role, number);
        let newest = self.search().newest_lead(self.since, is_it).await?;
        Ok((newest.found, newest.sure))
    }

    fn may_be_ours(&self, ask: &SaveLead, lead: &Lead) -> bool {
        let since = (self.now - TimeDelta::days(1)).timestamp();
        let pipeline = self.settings().pipeline(ask.role, ask.pipeline).map(|pipeline| pipeline.id);
        lead.name == cut(&ask.name, NAME_MAX) && Some(lead.pipeline) == pipeline && lead.created_at >= since
    }

    async fn belongs_to_no_order(&self, lead: &Lead) -> Result<bool, Fault> {
        Ok(self.links.find(&link::crm_lead(lead.id)).await?.is_none())
    }

    /// Compares the number's field; if there is none, the number as a word of the name. A lead in the
    /// pipeline of another role continues the same order but is not this one.
    pub(super) fn is_of_order(&self, lead: &Lead, role: LeadRole, number: &str) -> bool {
        let settings = self.settings();
        let others = settings.pipelines.iter().filter(|(other, _)| **other != role).map(|(_, other)| other);
        let sales = settings.sales_pipelines.values().filter(|_| role != LeadRole::Sales);
        if others.chain(sales).any(|pipeline| pipeline.id == lead.pipeline) {
            return false;
        }
        match self.settings().order_number_field {
            Some(field) => lead.field(field).is_some_and(|value| value.trim() == number.trim()),
            None => {
                lead.name.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == number.trim())
            }
        }
    }

    /// Writes what an existing lead lacks, and links the contact.
    async fn complete_lead(
        &self,
        ask: &SaveLead,
        lead: &Lead,
        contact: Option<Contact>,
    ) -> Result<(u64, u64, Vec<LeftOut>), Fault> {
        let mut left_out = Vec::new();
        let contact = match contact {
            Some(contact) => {
                left_out = self.complete_contact(&contact, &ask.person).await?;
                contact.id
            }
            None => self.make_contact(&ask.person).await?,
        };
        let mut body = self.instead(ask, lead)?;
        let price = ask.price.as_ref().filter(|_| lead.price == 0 && !lead.is_closed());
        if let Some(Ok(price)) = price.map(|price| self.price(price)) {
            body["price"] = price.into();
        }
        let fields = self.lead_fields(ask).into_iter().filter(|(id, _)| !lead.has_field(*id));
        let fields: Vec<Value> = fields.map(|(id, value)| field(id, value)).collect();
        if !fields.is_empty() {
            body["custom_fields_values"] = fields.into();
        }
        let tags: Vec<Value> = tags(ask).filter(|tag| !lead.tags.contains(tag)).map(tag_body).collect();
        if !tags.is_empty() {
            body["tags_to_add"] = tags.into();
        }
        if body.as_object().is_some_and(|body| !body.is_empty()) {
            left_out.extend(self.patch_lead(lead.id, body).await.map_err(after_a_write)?);
        }
        let strangers = self.strangers(&ask.person, &lead.contacts).await.map_err(after_a_write)?;
        if !lead.contacts.contains(&contact) {
            let is_main = lead.contacts.iter().all(|id| strangers.contains(id));
            let item = json!([{ "to_entity_id": contact, "to_entity_type": "contacts",
                "metadata": { "is_main": is_main } }]);
            self.link_contact(lead.id, "link", item).await?;
        }
        if !strangers.is_empty() {
            let named = |id| json!({ "to_entity_id": id, "to_entity_type": "contacts" });
            self.link_contact(lead.id, "unlink", strangers.into_iter().map(named).collect()).await?;
        }
        Ok((lead.id, contact, left_out))
    }

    /// Links contacts to a lead, or unlinks them.
    async fn link_contact(&self, lead: u64, how: &str, contacts: Value) -> Result<(), Fault> {
        let call = Call::post(format!("/api/v4/leads/{lead}/{how}"), contacts, self.command.urgency);
        self.client().write(&call).await.map(drop).map_err(after_a_write)
    }

    /// What still stands in the lead as we made it before its order was known in full (G10).
    fn instead(&self, ask: &SaveLead, lead: &Lead) -> Result<Value, Fault> {
        let mut body = json!({});
        let Some(early) = &ask.instead_of else { return Ok(body) };
        if lead.name == cut(&early.name, NAME_MAX) && ask.name != early.name {
            body["name"] = cut(&ask.name, NAME_MAX).into();
        }
        let was = (
            self.pipeline(ask.role, early.pipeline)?.id,
            self.first_status(ask, early.pipeline, early.stage)?,
        );
        let stands = lead.pipeline == was.0 && was.1.is_none_or(|status| status == lead.status);
        if stands && ask.pipeline != early.pipeline {
            body["pipeline_id"] = self.pipeline(ask.role, ask.pipeline)?.id.into();
            if let Some(status) = self.first_status(ask, ask.pipeline, ask.stage)? {
                body["status_id"] = status.into();
            }
        }
        Ok(body)
    }

    /// Where a new lead starts: a stage without an entry is skipped, so it is the nearest stage before it.
    fn first_status(&self, ask: &SaveLead, further: Option<u64>, stage: Stage) -> Result<Option<u64>, Fault> {
        let status = self.status(ask.role, further, stage)?;
        let stages = &self.pipeline(ask.role, further)?.stages;
        Ok(status.or(stages.range(..stage).next_back().map(|(_, status)| *status)))
    }

    /// One request: a plain lead if the contact is known, otherwise a lead that brings its contact.
    async fn make_lead(
        &self,
        ask: &SaveLead,
        contact: Option<Contact>,
    ) -> Result<(u64, u64, Vec<LeftOut>), Fault> {
        let mut lead = self.lead_body(ask)?;
        let Some(contact) = contact else {
            let mut person = self.contact_body(&ask.person);
            if let (None, Some(user)) = (person.get("responsible_user_id"), lead.get("responsible_user_id")) {
                person["responsible_user_id"] = user.clone();
            }
            lead["_embedded"] = json!({ "contacts": [person] });
            let write = self.write(WriteKind::LeadWithContact, WriteTo::New, lead);
            let (made, left_out) = drop_rejected::write(self.batcher(), write).await?;
            let made = (number(&made["id"]), number(&made["contact_id"]));
            let (Some(lead), Some(contact)) = made else {
                return Err(Fault::unclear("amoCRM names no id of a new lead or contact"));
            };
            return Ok((lead, contact, left_out));
        };
        let mut left_out = self.complete_contact(&contact, &ask.person).await?;
        lead["_embedded"] = json!({ "contacts": [{ "id": contact.id, "is_main": true }] });
        let (made, of_lead) =
            drop_rejected::write(self.batcher(), self.write(WriteKind::Lead, WriteTo::New, lead)).await?;
        left_out.extend(of_lead);
        let lead = number(&made["id"]).ok_or_else(|| Fault::unclear("amoCRM names no id of a new lead"))?;
        Ok((lead, contact.id, left_out))
    }

    fn lead_body(&self, ask: &SaveLead) -> Result<Value, Fault> {
        let pipeline = self.pipeline(ask.role, ask.pipeline)?;
        let mut body = json!({
            "name": cut(&ask.name, NAME_MAX),
            "pipeline_id": pipeline.id,
        });
        if let Some(status) = self.first_status(ask, ask.pipeline, ask.stage)? {
            body["status_id"] = status.into();
        }
        if let Some(Ok(price)) = ask.price.as_ref().map(|price| self.price(price)) {
            body["price"] = price.into();
        }
        if let Some(user) = ask.responsible.as_ref().and_then(|manager| self.user(manager)) {
            body["responsible_user_id"] = user.into();
        }
        let fields: Vec<Value> =
            self.lead_fields(ask).into_iter().take(FIELDS_MAX).map(|(id, value)| field(id, value)).collect();
        if !fields.is_empty() {
            body["custom_fields_values"] = fields.into();
        }
        let tags: Vec<Value> = tags(ask).map(tag_body).collect();
        if !tags.is_empty() {
            body["tags_to_add"] = tags.into();
        }
        Ok(body)
    }

    /// The order's number first, because the lead is found by it.
    fn lead_fields<'a>(&self, ask: &'a SaveLead) -> Vec<(u64, &'a str)> {
        let number = self.settings().order_number_field.zip(ask.order_number.as_deref());
        let others = ask
            .fields
            .iter()
            .filter(|(id, value)| !value.is_empty() && number.is_none_or(|(number, _)| number != *id));
        number.into_iter().chain(others.map(|(id, value)| (*id, value.as_str()))).collect()
    }

    /// The first line of the feed. If it cannot be written, the lead still counts as delivered: otherwise its
    /// links would be lost.
    async fn first_note(&self, ask: &SaveLead, lead: u64, left_out: &[LeftOut]) -> Result<(), Fault> {
        let mut parts: Vec<String> = ask.note.iter().cloned().collect();
        if let (Some(_), Some(role)) = (&ask.note, ask.continues)
            && let Some(id) = self.known_lead(role).await?
        {
            parts.push(self.words(Outside::Continues { lead: id }));
        }
        parts.extend(ask.price.as_ref().and_then(|price| self.price(price).err()));
        if let Some(fields) = drop_rejected::line(left_out) {
            parts.push(self.words(Outside::LeftOut { fields: &fields }));
        }
        if parts.is_empty() {
            return Ok(());
        }
        match self.put_note(lead, &parts.join("\n")).await {
            Err(Fault::Never { why }) => {
                tracing::warn!(command = %self.command.id, "amoCRM: the first note of a lead was refused: {why}");
                Ok(())
            }
            other => other,
        }
    }

    /// Sets a new responsible for a lead (L10).
    pub(super) async fn set_responsible(
        &self,
        role: LeadRole,
        manager: &ManagerId,
    ) -> Result<Receipt, Fault> {
        let user = self.user(manager).ok_or_else(|| {
            Fault::never(format!("the manager {manager} has no amocrm user id in the school's file"))
        })?;
        let lead = self.lead_id(role).await?;
        self.patch_lead_strictly(lead, json!({ "responsible_user_id": user })).await
    }

    /// Tags that come and go; the lead's other tags stay.
    pub(super) async fn set_tags(
        &self,
        role: LeadRole,
        add: &[String],
        remove: &[String],
    ) -> Result<Receipt, Fault> {
        let lead = self.lead_id(role).await?;
        let mut body = json!({});
        for (key, names) in [("tags_to_add", add), ("tags_to_delete", remove)] {
            let names: Vec<Value> = names.iter().map(|name| tag_body(cut(name, NAME_MAX))).collect();
            if !names.is_empty() {
                body[key] = names.into();
            }
        }
        self.patch_lead_strictly(lead, body).await
    }

    /// Empties a field after its answer was taken (L13).
    pub(super) async fn clear_field(&self, role: LeadRole, field: u64) -> Result<Receipt, Fault> {
        let lead = self.lead_id(role).await?;
        let cleared = json!({ "custom_fields_values": [{ "field_id": field, "values": null }] });
        self.patch_lead_strictly(lead, cleared).await
    }

    /// For commands that write one thing only: nothing is dropped.
    pub(super) async fn patch_lead_strictly(&self, id: u64, body: Value) -> Result<Receipt, Fault> {
        match self.batcher().send(self.write(WriteKind::Lead, WriteTo::Known(id), body)).await? {
            Reply::Rejected(rejection) if rejection.status == 404 => Err(lead_is_gone()),
            Reply::Rejected(rejection) => Err(rejection.fault()),
            _ => Ok(Receipt::default()),
        }
    }

    /// The status of a stage; won and lost are the same in every pipeline.
    pub(super) fn status(
        &self,
        role: LeadRole,
        further: Option<u64>,
        stage: Stage,
    ) -> Result<Option<u64>, Fault> {
        Ok(match stage {
            Stage::Won => Some(WON),
            Stage::Lost => Some(LOST),
            other => self.pipeline(role, further)?.stages.get(&other).copied(),
        })
    }
}

/// Whom the platform made responsible of a lead of ours, because we named nobody.
fn as_made(lead: u64, user: u64) -> Signal {
    let seen = SeenLead { lead, responsible: Some(user), made: true, ..SeenLead::default() };
    Signal::LeadSeen(Box::new(seen))
}

fn tags(ask: &SaveLead) -> impl Iterator<Item = String> {
    ask.tags.iter().map(|tag| cut(tag, NAME_MAX)).filter(|tag| !tag.is_empty())
}

fn tag_body(name: String) -> Value {
    json!({ "name": name })
}
