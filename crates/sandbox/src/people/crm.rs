//! Leads and contacts that managers create and merge by hand in amoCRM. It never touches GetCourse. Enter at
//! [`World::merges`] and [`World::makes_lead`].

use chrono::{DateTime, Utc};

use crate::World;
use crate::amocrm::changes::{ContactChange, LeadChange};
use crate::script::{Deed, EventScript};

impl World {
    /// Creates a duplicate by hand, and merges the bridge's own entity into it.
    pub(super) fn merges(&mut self, now: DateTime<Utc>, script: usize, item: &EventScript) {
        let Some(lead) = self.lead_of_script(script).and_then(|id| self.amocrm.leads.get(&id)).cloned()
        else {
            return self.trouble(now, Some(script), "something to be merged, but the order has no lead");
        };
        let author = self.manager(&item.manager).map_or(lead.responsible_user_id, |one| one.amocrm_user);
        if item.act == Deed::MergeLead {
            let twin = LeadChange {
                name: Some(format!("{} (двойник)", lead.name)),
                pipeline_id: Some(lead.pipeline_id),
                status_id: Some(lead.status_id),
                responsible_user_id: Some(lead.responsible_user_id),
                ..LeadChange::default()
            };
            let kept = self.amocrm.create_lead(now, &twin, author);
            return self.amocrm.merge_leads(now, kept, lead.id, author);
        }
        let Some((contact, _)) = lead.contacts.first().copied() else {
            return self.trouble(now, Some(script), "a contact to be merged, but the lead has none");
        };
        let name = self.setup.orders[script].name.clone();
        let twin = ContactChange { name: Some(name), ..ContactChange::default() };
        let kept = self.amocrm.create_contact(now, &twin, author);
        self.amocrm.merge_contacts(now, kept, contact, author);
    }

    /// Takes the script's deleted lead out of the bin.
    pub(super) fn restores(&mut self, now: DateTime<Utc>, script: usize, item: &EventScript) {
        let gone = self
            .amocrm
            .leads
            .values()
            .rfind(|lead| lead.is_deleted && self.script_of_lead(lead) == Some(script));
        let Some((id, responsible)) = gone.map(|lead| (lead.id, lead.responsible_user_id)) else {
            return self.trouble(now, Some(script), "a lead to be restored, but none was deleted");
        };
        let author = self.manager(&item.manager).map_or(responsible, |one| one.amocrm_user);
        self.amocrm.restore_lead(now, id, author);
    }

    /// Creates a lead with its contact; there is no order for it yet.
    pub(super) fn makes_lead(&mut self, now: DateTime<Utc>, script: usize, item: &EventScript) {
        let Some(manager) = self.manager(&item.manager).map(|manager| manager.amocrm_user) else {
            return self.trouble(now, Some(script), "a lead to be made by hand, but by nobody");
        };
        let order = self.setup.orders[script].clone();
        let fields = [("PHONE", order.phone.as_str()), ("EMAIL", order.email.as_str())];
        let fields = fields.iter().filter_map(|(code, text)| self.amocrm.contact_book.typed(code, text));
        let person = ContactChange {
            name: Some(order.name.clone()),
            responsible_user_id: Some(manager),
            fields: fields.collect(),
            ..ContactChange::default()
        };
        let contact = self.amocrm.create_contact(now, &person, manager);
        let pipelines = &self.amocrm.setup.pipelines;
        let pipeline = pipelines.iter().find(|one| one.main).or(pipelines.first());
        let status = pipeline.and_then(|one| one.statuses.iter().find(|status| status.name == item.value));
        let change = LeadChange {
            name: Some(order.name),
            status_id: status.map(|status| status.id),
            responsible_user_id: Some(manager),
            contacts: vec![(contact, true)],
            ..LeadChange::default()
        };
        self.amocrm.create_lead(now, &change, manager);
    }
}
