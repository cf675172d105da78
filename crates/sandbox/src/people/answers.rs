//! What managers enter into amoCRM by hand after a talk: fields, dates, stages, reasons, notes, results. It
//! never goes through the API: the user interface changes the account directly, and webhooks follow. Enter at
//! [`World::manager_answers`].

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::World;
use crate::amocrm::changes::{LeadChange, TaskChange};
use crate::amocrm::model::{Entity, LOST, WON};
use crate::script::AnswerScript;

impl World {
    /// The time of a scripted answer has come.
    pub(crate) fn manager_answers(&mut self, now: DateTime<Utc>, script: usize, answer: usize) {
        let Some(answer) = self.setup.orders.get(script).and_then(|order| order.answers.get(answer)).cloned()
        else {
            return;
        };
        self.apply_answer(now, script, None, &answer);
    }

    /// Enters an answer as the lead's responsible: the card is saved once, then a note, then a task.
    pub(super) fn apply_answer(
        &mut self,
        now: DateTime<Utc>,
        script: usize,
        task: Option<i64>,
        answer: &AnswerScript,
    ) {
        let Some(lead) = self.lead_of_script(script) else {
            return self.trouble(now, Some(script), "an answer, but no lead to write it into");
        };
        let author = self.amocrm.leads[&lead].responsible_user_id;
        let mut texts: Vec<(String, String)> = answer.fields.clone();
        if let Some(field) = &answer.field {
            texts.insert(0, (field.clone(), answer.value.clone().unwrap_or_default()));
        }
        if let Some(date) = answer.date {
            let at = date.resolve(self.start, now, self.setup.zone);
            texts.push((self.setup.people.date_field.clone(), at.timestamp().to_string()));
        }
        let mut change = LeadChange::default();
        for (field, text) in &texts {
            match self.amocrm.lead_book.typed(field, text) {
                Some(values) => change.fields.push(values),
                None => self.trouble(
                    now,
                    Some(script),
                    &format!("the field «{field}» does not exist or does not take «{text}»"),
                ),
            }
        }
        if let Some(stage) = &answer.stage {
            change.status_id = self.stage_of(now, script, lead, stage);
        }
        if let Some(reason) = &answer.loss_reason {
            change.status_id = Some(LOST);
            change.loss_reason_id = self.reason_of(now, script, reason);
        }
        if !change.fields.is_empty() || change.status_id.is_some() {
            self.amocrm.change_lead(now, lead, &change, author);
        }
        if let Some(text) = &answer.note {
            self.amocrm.create_note(now, (Entity::Leads, lead), "common", json!({"text": text}), author);
        }
        if let Some(text) = &answer.result {
            match task.or_else(|| self.open_task(lead)) {
                Some(task) => self.close_task(now, task, text, author),
                None => self.trouble(now, Some(script), "a result, but no open task"),
            }
        }
    }

    /// A stage of the lead's pipeline by its name.
    pub(super) fn stage_of(
        &mut self,
        now: DateTime<Utc>,
        script: usize,
        lead: i64,
        name: &str,
    ) -> Option<i64> {
        let pipeline = self.amocrm.leads.get(&lead).map_or(0, |lead| lead.pipeline_id);
        let statuses =
            self.amocrm.pipeline(pipeline).map(|pipeline| pipeline.statuses.as_slice()).unwrap_or_default();
        let found = statuses
            .iter()
            .find(|status| status.name == name || status.id.to_string() == name)
            .map(|status| status.id);
        let found = found.or(match name {
            "Успешно реализовано" => Some(WON),
            "Закрыто и не реализовано" => Some(LOST),
            _ => None,
        });
        if found.is_none() {
            self.trouble(now, Some(script), &format!("the lead's pipeline has no stage «{name}»"));
        }
        found
    }

    pub(super) fn reason_of(&mut self, now: DateTime<Utc>, script: usize, name: &str) -> Option<i64> {
        let found =
            self.amocrm.setup.loss_reasons.iter().find(|reason| reason.name == name).map(|reason| reason.id);
        if found.is_none() {
            self.trouble(now, Some(script), &format!("there is no loss reason «{name}»"));
        }
        found
    }

    /// The lead's open task that is due first.
    pub(super) fn open_task(&self, lead: i64) -> Option<i64> {
        let open = self.amocrm.tasks_of(Entity::Leads, lead).filter(|task| !task.is_completed);
        open.min_by_key(|task| (task.complete_till, task.id)).map(|task| task.id)
    }

    /// Closes a task with a result: from the card in one step, from the list in two (amoCRM sheet, 4.3).
    pub(super) fn close_task(&mut self, now: DateTime<Utc>, task: i64, result: &str, author: i64) {
        if self.amocrm.tasks.get(&task).is_none_or(|task| task.is_completed) {
            return;
        }
        let closed = TaskChange { is_completed: Some(true), ..TaskChange::default() };
        let with_result = TaskChange { result: Some(result.to_owned()), ..TaskChange::default() };
        if self.setup.people.close_from_list {
            self.amocrm.change_task(now, task, &closed, author);
            self.amocrm.change_task(now, task, &with_result, author);
        } else {
            let both = TaskChange { result: with_result.result, ..closed };
            self.amocrm.change_task(now, task, &both, author);
        }
    }
}
