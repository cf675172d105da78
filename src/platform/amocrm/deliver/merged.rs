//! Reads leads that people changed: a lead as it is now, the lead it was merged into, and a lead that a
//! person created. Never creates a lead: the order decides whether one is needed. Enter at
//! [`AmoAttempt::read_lead`], [`AmoAttempt::read_made`] and [`AmoAttempt::read_said`].

use serde_json::Value;

use super::AmoAttempt;
use crate::link;
use crate::platform::amocrm::card::{Lead, number as number_of};
use crate::platform::amocrm::read_entities::{self, Entity};
use crate::platform::amocrm::read_lead::read_lead;
use crate::platform::{Fault, Receipt};
use crate::process::LeadRole;
use crate::process::command::Said;
use crate::signal::{MadeLead, Signal};

impl AmoAttempt<'_> {
    /// `number` is given if the lead was reported as gone. If a person merged two leads, the one that is left
    /// keeps the order's number, and from then on it is ours.
    pub(super) async fn read_lead(&self, lead: u64, number: Option<&str>) -> Result<Receipt, Fault> {
        let urgency = self.command.urgency;
        let signal = read_lead(self.client(), lead, urgency).await?;
        let (Signal::LeadGone { .. }, Some(number)) = (&signal, number) else {
            return Ok(Receipt { links: Vec::new(), signals: vec![signal] });
        };
        let hits = self.search().leads_with(number).await?;
        let role = LeadRole::Sales;
        let heir = hits.into_iter().find(|hit| hit.id != lead && self.is_of_order(hit, role, number));
        let Some(heir) = heir else { return Ok(Receipt { links: Vec::new(), signals: vec![signal] }) };
        let order = &self.command.order;
        let links = vec![
            (link::lead(order, role), heir.id.to_string()),
            (link::crm_lead(heir.id), link::lead_of(order, role)),
        ];
        Ok(Receipt { links, signals: vec![read_lead(self.client(), heir.id, urgency).await?] })
    }

    /// Reads a lead that a person created, with its contact (G9). If it is gone again, there is no signal.
    pub(super) async fn read_made(&self, lead: u64) -> Result<Receipt, Fault> {
        let urgency = self.command.urgency;
        let asked = Entity::Lead(lead).read(urgency);
        let body = self.client().read(&asked).await?.filter(|body| body["is_deleted"] != Value::Bool(true));
        let Some((body, card)) = body.and_then(|body| Some((body.clone(), Lead::read(&body)?))) else {
            return Ok(Receipt::default());
        };
        let contact = card.contacts.first().copied();
        let person = match contact {
            Some(contact) => self.client().read(&Entity::Contact(contact).read(urgency)).await?,
            None => None,
        };
        let number = self.settings().order_number_field.and_then(|field| card.field(field));
        let made = MadeLead {
            lead,
            name: card.name.clone(),
            price: card.price,
            pipeline: Some(card.pipeline),
            responsible: number_of(&body["responsible_user_id"]),
            number: number.map(str::trim).filter(|number| !number.is_empty()).map(str::to_owned),
            contact,
            facts: person
                .map(|person| read_entities::contact(&person, self.settings().zone_field))
                .unwrap_or_default(),
        };
        Ok(Receipt { links: Vec::new(), signals: vec![Signal::LeadMade(Box::new(made))] })
    }

    /// What a webhook said of a note, a task or a contact, as the account itself has it (F104). If it is not there,
    /// nothing was said.
    pub(super) async fn read_said(&self, what: Said) -> Result<Receipt, Fault> {
        let entity = match what {
            Said::Note { lead, note } => Entity::Note { lead, note },
            Said::Task(task) => Entity::Task(task),
            Said::Contact(contact) => Entity::Contact(contact),
        };
        let read = self.client().read(&entity.read(self.command.urgency)).await?;
        let Some(body) = read.filter(|body| body["is_deleted"] != Value::Bool(true)) else {
            return Ok(Receipt::default());
        };
        let signal = read_entities::of(&entity, &body, self.settings().zone_field);
        Ok(Receipt { links: Vec::new(), signals: vec![signal] })
    }
}
