//! Clients and all timed events of a script: orders, payments, incoming calls, changes by hand. It never
//! waits for the bridge: an action that is not possible is recorded in the world's troubles. Enter at
//! [`World::order_appears`] and [`World::event_happens`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::Trigger;
use crate::World;
use crate::agenda::{Due, Ended};
use crate::amocrm::changes::{ContactChange, LeadChange, TaskChange};
use crate::amocrm::model::{Entity, LOST, WON};
use crate::getcourse::model::kopecks;
use crate::getcourse::{NewOrder, What};
use crate::script::{AnswerScript, CallKind, Deed, EventScript};
use crate::wire::{phone_dialled, phone_key};

impl World {
    /// The order of a script appears in GetCourse.
    pub(crate) fn order_appears(&mut self, now: DateTime<Utc>, script: usize) {
        let Some(item) = self.setup.orders.get(script).cloned() else {
            return;
        };
        self.remember_phone(script, &item.phone);
        if item.no_order {
            return self.plan_events(now, script);
        }
        let user_id = self.getcourse.ensure_user(now, &item.name, &item.email, &item.phone);
        if let Some(user) = self.getcourse.users.get_mut(&user_id) {
            if !item.city.is_empty() {
                user.city = item.city.clone();
            }
            if !item.phone.is_empty() {
                user.phone = item.phone.clone();
            }
            user.fields.insert("tz".into(), item.zone.clone());
            user.fields.extend(item.user_fields.clone());
        }
        let offer = self.getcourse.setup.offers.iter().find(|offer| offer.id == item.offer).cloned();
        let by = self.manager(&item.by).map(|manager| manager.getcourse_id);
        let cost = item.cost.or(offer.as_ref().map(|offer| offer.price)).unwrap_or(0.0);
        let order = self.getcourse.create_order(
            now,
            NewOrder {
                id: item.order_id,
                number: None,
                script: Some(item.id.clone()),
                user_id,
                offer_id: item.offer,
                title: offer.map_or_else(|| format!("Предложение {}", item.offer), |offer| offer.title),
                cost: kopecks(cost),
                manager: by,
                created_by: by.unwrap_or(user_id),
                promocode: item.promocode.clone(),
                utm_source: item.utm_source.clone(),
            },
        );
        if item.untold {
            self.getcourse.stirs.retain(|stir| stir.object != order || stir.what != What::Created);
        }
        self.people.progress[script].order = Some(order);
        self.people.by_order.insert(order.to_string(), script);
        if let Some(order) = self.getcourse.orders.get(&order) {
            self.people.by_order.insert(order.number.clone(), script);
        }
        self.people.by_user.entry(user_id).or_default().push(script);
        self.plan_events(now, script);
    }

    fn plan_events(&mut self, now: DateTime<Utc>, script: usize) {
        let events = self.setup.orders.get(script).map(|order| order.events.as_slice());
        for (event, item) in events.unwrap_or_default().iter().enumerate() {
            if let Some(at) = item.at {
                let at = at.resolve(self.start, now, self.setup.zone)
                    + item.plus.map_or(TimeDelta::zero(), |span| span.0);
                self.agenda.plan(at.max(now), Due::Event { script, event });
            }
        }
    }

    fn remember_phone(&mut self, script: usize, phone: &str) {
        if let Some(key) = phone_key(phone) {
            let scripts = self.people.by_phone.entry(key).or_default();
            if !scripts.contains(&script) {
                scripts.push(script);
            }
        }
    }

    /// A letter to a client was accepted.
    pub(crate) fn letter_arrived(&mut self, now: DateTime<Utc>, to: &str) {
        let to = to.trim().to_lowercase();
        let user = self.getcourse.user_by_email(&to).map(|user| user.id);
        let scripts = user.and_then(|id| self.people.by_user.get(&id)).cloned().unwrap_or_default();
        for script in scripts {
            self.people.progress[script].letters += 1;
            let letters = self.people.progress[script].letters;
            self.trigger(now, script, Trigger::Letter(letters));
        }
    }

    pub(crate) fn event_happens(&mut self, now: DateTime<Utc>, script: usize, event: usize) {
        let Some(item) = self.setup.orders.get(script).and_then(|order| order.events.get(event)).cloned()
        else {
            return;
        };
        let lengths = (self.getcourse.stirs.len(), self.amocrm.echoes.len());
        self.deed(now, script, item.clone());
        if item.untold {
            self.getcourse.stirs.truncate(lengths.0);
            self.amocrm.echoes.truncate(lengths.1);
            // The earlier posts were taken out to be sent.
            self.phones().take_posts();
        }
    }

    fn deed(&mut self, now: DateTime<Utc>, script: usize, item: EventScript) {
        match item.act {
            Deed::CallIn => self.client_calls(now, script, &item),
            Deed::Leave => {
                self.people.away.insert(item.manager);
            }
            Deed::Return => self.come_back(now, &item.manager),
            Deed::Take | Deed::Stage | Deed::Lose | Deed::Win | Deed::DeleteLead => {
                self.event_in_crm(now, script, &item);
            }
            Deed::MergeLead | Deed::MergeContact => self.merges(now, script, &item),
            Deed::RestoreLead => self.restores(now, script, &item),
            Deed::MakeLead => self.makes_lead(now, script, &item),
            Deed::Field
            | Deed::Note
            | Deed::ContactPhone
            | Deed::DeleteContact
            | Deed::DeleteTask
            | Deed::ShiftTask
            | Deed::CloseTask => {
                self.event_in_crm(now, script, &item);
            }
            _ => match self.people.progress[script].order {
                Some(order) => self.event_in_school(now, script, order, &item),
                None => self.trouble(
                    now,
                    Some(script),
                    "something to be done in GetCourse, but there is no order",
                ),
            },
        }
    }

    /// An event in GetCourse.
    fn event_in_school(&mut self, now: DateTime<Utc>, script: usize, order: i64, item: &EventScript) {
        match item.act {
            Deed::Pay => {
                let left = self.getcourse.orders.get(&order).map_or(0, |order| order.cost - order.payed);
                let amount = item.amount.map_or(left, kopecks);
                if !self.getcourse.pay(now, order, amount, "CARD") {
                    self.trouble(now, Some(script), "the client wanted to pay, and the order takes no money");
                }
            }
            Deed::Refund => self.getcourse.refund(now, order, item.amount.map(kopecks)),
            Deed::Status => self.getcourse.set_status(now, order, &item.value, false),
            Deed::False => self.getcourse.set_status(now, order, "false", false),
            Deed::Cancel => self.cancel(now, order, &item.value),
            Deed::Assign => {
                let manager = self.manager(&item.manager).map(|manager| manager.getcourse_id);
                self.getcourse.assign(now, order, manager);
            }
            _ => self.change_person(now, script, order, item),
        }
    }

    fn cancel(&mut self, now: DateTime<Utc>, id: i64, reason: &str) {
        let known = self
            .getcourse
            .setup
            .cancel_reasons
            .iter()
            .find(|known| known.name == reason)
            .map(|known| known.id);
        if let Some(order) = self.getcourse.orders.get_mut(&id) {
            order.cancel_reason_id = known;
            order.cancel_reason_comment = reason.to_owned();
        }
        self.getcourse.set_status(now, id, "cancelled", false);
    }

    fn change_person(&mut self, now: DateTime<Utc>, script: usize, order: i64, item: &EventScript) {
        let Some(user) = self.getcourse.orders.get(&order).map(|order| order.user_id) else {
            return;
        };
        if item.act == Deed::Email {
            return self.getcourse.set_email(user, &item.value);
        }
        self.getcourse.set_phone(now, user, &item.value);
        self.remember_phone(script, &item.value);
    }

    fn come_back(&mut self, now: DateTime<Utc>, key: &str) {
        self.people.away.remove(key);
        let Some(user) = self.manager(key).map(|manager| manager.amocrm_user) else {
            return;
        };
        let open = self
            .amocrm
            .tasks
            .values_mut()
            .filter(|task| !task.is_completed && task.responsible_user_id == user);
        let mut plans = Vec::new();
        for task in open {
            task.revision += 1;
            plans.push((task.id, task.revision, task.complete_till));
        }
        for (task, revision, till) in plans {
            self.people.planned.insert(task, revision);
            if let Some(at) = self.working(key, till.max(now + TimeDelta::minutes(2))) {
                self.agenda.plan(at, Due::Task { task, revision });
            }
        }
    }

    /// The client calls the school's line.
    fn client_calls(&mut self, now: DateTime<Utc>, script: usize, item: &EventScript) {
        let order = self.people.progress[script].order.and_then(|id| self.getcourse.orders.get(&id));
        let phone = order
            .and_then(|order| self.getcourse.users.get(&order.user_id))
            .map_or(self.setup.orders[script].phone.as_str(), |user| &user.phone);
        let phone = phone_dialled(phone);
        let lead = self
            .lead_of_script(script)
            .and_then(|id| self.amocrm.leads.get(&id))
            .map(|lead| lead.responsible_user_id);
        let by_lead = lead.and_then(|user| self.manager_of_user(user));
        let manager = self.manager(&item.manager).or(by_lead).or(self.setup.managers.first()).cloned();
        let Some(manager) = manager else { return };
        // Outside working hours no phone rings: the call ends in the menu, and only the summary comes (as the
        // exchanges in the sheets do).
        let there = self.working(&manager.key, now) == Some(now);
        let extension = manager.extension.clone().filter(|_| there).unwrap_or_default();
        let kind = item.outcome.map_or(CallKind::NoAnswer, |outcome| outcome.kind);
        let mut course = self.course(if extension.is_empty() { CallKind::NoAnswer } else { kind });
        if course.talk_s == 0 {
            course.reason = if extension.is_empty() { 1170 } else { 1110 };
        }
        let call = self.phones().ring_in(now, &extension, &phone, course);
        let talked = course.talk_s > 0;
        self.name_call(call, if talked { "talk" } else { "no_answer" }, Some(script), 0);
        let ended = self.calls()[call].ended_at;
        if talked {
            self.people.busy.insert(manager.key.clone(), ended);
        }
        let ended_call =
            Ended { script: Some(script), number: 0, talked, task: None, manager: manager.key, unseen: None };
        self.agenda.plan(ended + TimeDelta::seconds(1), Due::CallEnded(ended_call));
    }

    /// An event in amoCRM, done by hand.
    fn event_in_crm(&mut self, now: DateTime<Utc>, script: usize, item: &EventScript) {
        let Some(id) = self.lead_of_script(script) else {
            return self.trouble(
                now,
                Some(script),
                "something to be done in amoCRM, but the order has no lead",
            );
        };
        let responsible = self.amocrm.leads[&id].responsible_user_id;
        let author = self.manager(&item.manager).map_or(responsible, |manager| manager.amocrm_user);
        let mut change = LeadChange::default();
        match item.act {
            Deed::Take => change.responsible_user_id = Some(author),
            Deed::Stage => change.status_id = self.stage_of(now, script, id, &item.value),
            Deed::Win => change.status_id = Some(WON),
            Deed::Lose => {
                change.status_id = Some(LOST);
                change.loss_reason_id = self.reason_of(now, script, &item.value);
            }
            Deed::DeleteLead => return self.amocrm.delete_lead(now, id, author),
            Deed::DeleteContact => {
                let contacts = self.amocrm.leads[&id].contacts.clone();
                contacts.iter().for_each(|(contact, _)| self.amocrm.delete_contact(now, *contact, author));
                return;
            }
            Deed::Note => {
                self.amocrm.create_note(
                    now,
                    (Entity::Leads, id),
                    "common",
                    json!({"text": item.value}),
                    author,
                );
                return;
            }
            Deed::Field => {
                let answer = AnswerScript {
                    field: Some(item.field.clone()),
                    value: Some(item.value.clone()),
                    date: item.to,
                    ..AnswerScript::default()
                };
                return self.apply_answer(now, script, None, &answer);
            }
            Deed::ContactPhone => return self.write_phone(now, script, id, &item.value, author),
            Deed::ShiftTask | Deed::CloseTask | Deed::DeleteTask => {
                return self.touch_task(now, script, id, item, author);
            }
            _ => return,
        }
        self.amocrm.change_lead(now, id, &change, author);
    }

    fn write_phone(&mut self, now: DateTime<Utc>, script: usize, lead: i64, phone: &str, author: i64) {
        let contact = self.amocrm.leads[&lead].contacts.first().map(|(id, _)| *id);
        let values = self.amocrm.contact_book.typed("PHONE", phone);
        let (Some(contact), Some(values)) = (contact, values) else {
            return self.trouble(now, Some(script), "a phone to be written, but the lead has no contact");
        };
        self.remember_phone(script, phone);
        let change = ContactChange { fields: vec![values], ..ContactChange::default() };
        self.amocrm.change_contact(now, contact, &change, author);
    }

    fn touch_task(&mut self, now: DateTime<Utc>, script: usize, lead: i64, item: &EventScript, author: i64) {
        let Some(task) = self.open_task(lead) else {
            return self.trouble(now, Some(script), "a task to be touched, but the lead has none open");
        };
        if item.act == Deed::DeleteTask {
            return self.amocrm.delete_task(now, task, author);
        }
        if item.act == Deed::CloseTask {
            return self.close_task(now, task, &item.value, author);
        }
        let till = item.to.map(|to| to.resolve(self.start, now, self.setup.zone));
        let change = TaskChange { complete_till: till, ..TaskChange::default() };
        self.amocrm.change_task(now, task, &change, author);
    }
}
