//! Reads back what was told of the account: a lead as it is now, the lead it was merged into, a lead that a person
//! created, a note, a task, a contact. Never creates a lead: the order decides whether one is needed. Enter at
//! [`AmoAttempt::read_back`].

use serde_json::Value;

use super::{AmoAttempt, not_for_the_crm};
use crate::link;
use crate::platform::amocrm::card::{Lead, number as number_of};
use crate::platform::amocrm::read_entities::{self, Entity};
use crate::platform::amocrm::read_lead::read_lead;
use crate::platform::{Fault, Receipt};
use crate::process::{LeadRole, ReadBack};
use crate::signal::{MadeLead, Signal};

impl AmoAttempt<'_> {
    /// The account's own state, as a signal.
    pub(super) async fn read_back(&self, what: &ReadBack) -> Result<Receipt, Fault> {
        let entity = match what {
            ReadBack::Order | ReadBack::Person => return Err(not_for_the_crm()),
            ReadBack::Lead { lead, number } => return self.lead(*lead, number.as_deref()).await,
            ReadBack::MadeLead { lead } => return self.made_lead(*lead).await,
            ReadBack::Note { lead, note } => Entity::Note { lead: *lead, note: *note },
            ReadBack::Task { task } => Entity::Task(*task),
            ReadBack::Contact { contact } => Entity::Contact(*contact),
        };
        let body = self.client().read(&entity.read(self.command.urgency)).await?;
        let signal = read_entities::shown(&entity, body.as_ref(), self.settings().zone_field);
        Ok(Receipt { links: Vec::new(), signals: vec![signal] })
    }

    /// `number` is given if the lead was reported as gone. If a person merged two leads, the one that is left
    /// keeps the order's number, and from then on it is ours.
    async fn lead(&self, lead: u64, number: Option<&str>) -> Result<Receipt, Fault> {
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
    async fn made_lead(&self, lead: u64) -> Result<Receipt, Fault> {
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
}
