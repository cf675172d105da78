//! Tasks over the API (sheet 3.8); their filters belong to the base API and work.
//! It never closes a task by itself.
//! Enter at [`Account::tasks`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::changes::TaskChange;
use super::checks::{Flaw, Reader, hal, problem, rejected};
use super::model::{Entity, Task};
use super::{Account, not_allowed};
use crate::wire::{Query, WireAnswer, WireRequest};

/// The end of the year 2999, in Unix seconds: later deadlines are mistakes.
const SECONDS_MAX: i64 = 32_503_679_999;

impl Account {
    pub(super) fn tasks(&mut self, now: DateTime<Utc>, request: &WireRequest, id: Option<i64>) -> WireAnswer {
        match (request.method.as_str(), id) {
            ("GET", None) => self.list_tasks(request),
            ("GET", Some(id)) => match self.tasks.get(&id) {
                Some(task) => hal(200, &task.read(&self.frame())),
                None => WireAnswer::empty(204),
            },
            ("POST", None) => self.write_tasks(now, request, false),
            ("PATCH", None) => self.write_tasks(now, request, true),
            ("PATCH", Some(id)) => self.edit_task(now, request, id),
            _ => not_allowed(),
        }
    }

    fn list_tasks(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        if !query.list("filter[entity_id]").is_empty() && query.list("filter[entity_type]").is_empty() {
            return problem(400, "Bad Request", "filter[entity_id] needs filter[entity_type]");
        }
        let found = self.tasks.values().filter(|task| matches(task, &query));
        self.listed(request, "tasks", found, |task| task.read(&self.frame()))
    }

    fn write_tasks(&mut self, now: DateTime<Utc>, request: &WireRequest, edit: bool) -> WireAnswer {
        self.write_batch((request, "tasks"), edit, Self::read_task_item, |account, id, (change, author)| {
            match id {
                Some(id) => {
                    account.change_task(now, id, &change, author);
                    (id, account.tasks.get(&id).map_or(now, |task| task.updated_at))
                }
                None => (account.create_task(now, &change, author), now),
            }
        })
    }

    fn edit_task(&mut self, now: DateTime<Utc>, request: &WireRequest, id: i64) -> WireAnswer {
        let Some(Value::Object(item)) = request.json() else {
            return problem(400, "Bad Request", "An object is needed");
        };
        if !self.tasks.contains_key(&id) {
            return problem(404, "Not Found", "Task not found (231)");
        }
        match self.read_task_item(&item, Some(id)) {
            Err(flaws) => rejected(&[("0".into(), flaws)]),
            Ok((change, author)) => {
                self.change_task(now, id, &change, author);
                let updated_at = self.tasks.get(&id).map_or(now, |task| task.updated_at).timestamp();
                let links = self.frame().links(&format!("/api/v4/tasks/{id}"));
                hal(200, &json!({"id": id, "updated_at": updated_at, "request_id": "0", "_links": links}))
            }
        }
    }

    fn read_task_item(
        &self,
        item: &Map<String, Value>,
        edited: Option<i64>,
    ) -> Result<(TaskChange, i64), Vec<Flaw>> {
        let mut reader = Reader::new(item);
        let existing = edited.and_then(|id| self.tasks.get(&id));
        if edited.is_some() && existing.is_none() {
            reader.not_a_choice("id");
        }
        let till = reader.int("complete_till");
        if till.is_some_and(|seconds| !(0..=SECONDS_MAX).contains(&seconds)) {
            reader.flaws.push(Flaw::kind("complete_till", "int"));
        }
        let mut change = TaskChange {
            text: reader.text("text"),
            complete_till: till.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            task_type_id: reader.int("task_type_id"),
            entity: None,
            responsible_user_id: self.user_of(&mut reader),
            duration: reader.int("duration"),
            is_completed: reader.flag("is_completed"),
            result: reader
                .raw("result")
                .and_then(|result| result.get("text"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            stamps: self.read_stamps(&mut reader, existing.map(|task| task.updated_at)),
        };
        if edited.is_none() {
            if change.text.as_deref().unwrap_or("").is_empty() {
                reader.flaws.push(Flaw::missing("text"));
            }
            if change.complete_till.is_none() {
                reader.flaws.push(Flaw::missing("complete_till"));
            }
        }
        change.entity = self.entity_of(&mut reader);
        let author = self.author_of(&mut reader, edited.is_some());
        if reader.flaws.is_empty() { Ok((change, author)) } else { Err(reader.flaws) }
    }

    fn entity_of(&self, reader: &mut Reader) -> Option<(Entity, i64)> {
        let id = reader.int("entity_id");
        let word = reader.text("entity_type");
        let (id, word) = match (id, word) {
            (None, None) => return None,
            (Some(_), None) => {
                reader.flaws.push(Flaw::missing("entity_type"));
                return None;
            }
            (None, Some(_)) => {
                reader.flaws.push(Flaw::missing("entity_id"));
                return None;
            }
            (Some(id), Some(word)) => (id, word),
        };
        let Some(kind) = Entity::from_word(&word) else {
            reader.not_a_choice("entity_type");
            return None;
        };
        if !self.has_entity(kind, id) {
            reader.not_a_choice("entity_id");
        }
        Some((kind, id))
    }

    /// Whether an entity exists and is not deleted.
    pub(super) fn has_entity(&self, kind: Entity, id: i64) -> bool {
        match kind {
            Entity::Leads => self.leads.get(&id).is_some_and(|lead| !lead.is_deleted),
            kind => self.cards(kind).contains_key(&id),
        }
    }
}

fn matches(task: &Task, query: &Query) -> bool {
    let among = |name: &str, value: i64| {
        let list = query.list(name);
        list.is_empty() || list.iter().any(|text| text.parse() == Ok(value))
    };
    let completed = query.list("filter[is_completed]");
    let is_done = |text: &&str| (*text == "1" || *text == "true") == task.is_completed;
    let words = query.list("filter[entity_type]");
    let of_kind = words.is_empty() || task.entity.is_some_and(|(kind, _)| words.contains(&kind.plural()));
    let updated = task.updated_at.timestamp();
    let (from, to) = query.range("filter[updated_at]");
    among("filter[responsible_user_id]", task.responsible_user_id)
        && among("filter[id]", task.id)
        && among("filter[task_type]", task.task_type_id)
        && among("filter[entity_id]", task.entity.map_or(0, |(_, id)| id))
        && (completed.is_empty() || completed.iter().any(is_done))
        && of_kind
        && from.is_none_or(|from| updated >= from)
        && to.is_none_or(|to| updated <= to)
}
