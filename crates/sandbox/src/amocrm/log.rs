//! The event log (sheet 3.21; amocrm.ru/developers/content/crm_platform/events-and-notes): its types, its
//! entries, its filters. It never changes an entity. Enter at [`Account::note_event`] and [`Account::events`].

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::checks::{hal, page, problem};
use super::fields::FieldBook;
use super::model::{Entity, FieldValue};
use super::{Account, with};
use crate::wire::{Query, WireAnswer, WireRequest};

/// Every type that can be written, with its number and label as `events/types` has them. The numbers are the
/// stand-in's own.
pub const TYPES: [(&str, i64, &str); 33] = [
    ("lead_added", 1, "Новая сделка"),
    ("lead_deleted", 7, "Сделка удалена"),
    ("lead_restored", 8, "Сделка восстановлена"),
    ("lead_status_changed", 9, "Изменение этапа продажи"),
    ("contact_added", 10, "Новый контакт"),
    ("contact_deleted", 11, "Контакт удален"),
    ("contact_restored", 12, "Контакт восстановлен"),
    ("company_added", 13, "Новая компания"),
    ("task_added", 14, "Новая задача"),
    ("task_deleted", 15, "Задача удалена"),
    ("task_completed", 16, "Завершение задачи"),
    ("task_type_changed", 17, "Изменение типа задачи"),
    ("task_text_changed", 18, "Изменение текста задачи"),
    ("task_deadline_changed", 19, "Изменение даты исполнения задачи"),
    ("task_result_added", 20, "Результат по задаче"),
    ("incoming_call", 21, "Входящий звонок"),
    ("outgoing_call", 22, "Исходящий звонок"),
    ("incoming_sms", 23, "Входящее SMS"),
    ("outgoing_sms", 24, "Исходящее SMS"),
    ("common_note_added", 25, "Новое примечание"),
    ("service_note_added", 26, "Новое системное примечание"),
    ("attachment_note_added", 27, "Добавлен новый файл"),
    ("geo_note_added", 28, "Новое примечание с гео-меткой"),
    ("message_to_cashier_note_added", 29, "LifePay: Сообщение кассиру"),
    ("entity_tag_added", 67, "Теги добавлены"),
    ("entity_tag_deleted", 68, "Теги убраны"),
    ("entity_linked", 65, "Прикрепление"),
    ("entity_unlinked", 66, "Открепление"),
    ("sale_field_changed", 69, "Изменение поля «Бюджет»"),
    ("name_field_changed", 70, "Изменение поля «Название»"),
    ("custom_field_value_changed", 71, "Изменение поля"),
    ("entity_responsible_changed", 72, "Ответственный изменен"),
    ("entity_merged", 73, "Выполнено объединение"),
];
/// Most users or entities in a filter.
const IDS_MAX: usize = 10;

#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub entity_id: i64,
    pub entity_type: &'static str,
    pub created_by: i64,
    pub created_at: i64,
    pub value_after: Value,
    pub value_before: Value,
}

impl LogEntry {
    /// Its type as filters name it: the answer has the changed field's id in it (sheet 3.21).
    pub fn general(&self) -> &str {
        let field =
            self.kind.strip_prefix("custom_field_").and_then(|rest| rest.strip_suffix("_value_changed"));
        if field.is_some() { "custom_field_value_changed" } else { &self.kind }
    }
}

impl Account {
    /// `of` is the entity's type in the singular and its id, `values` what was before and what is after.
    pub(super) fn note_event(
        &mut self,
        now: DateTime<Utc>,
        kind: &str,
        of: (&'static str, i64),
        author: i64,
        (before, after): (Value, Value),
    ) {
        self.ids.event += 1;
        self.log.push(LogEntry {
            id: format!("01hv{:022}", self.ids.event),
            kind: kind.to_owned(),
            entity_id: of.1,
            entity_type: of.0,
            created_by: author,
            created_at: now.timestamp(),
            value_after: after,
            value_before: before,
        });
    }

    /// One entry for each field that has other values than before.
    pub(super) fn note_field(
        &mut self,
        now: DateTime<Utc>,
        of: (Entity, i64),
        author: i64,
        field: i64,
        (before, after): (&[FieldValue], &[FieldValue]),
    ) {
        if before == after {
            return;
        }
        let kind = type_number(self.book(of.0), field);
        let shown = |values: &[FieldValue]| -> Value {
            let value = |value: &FieldValue| {
                json!({"custom_field_value": {"field_id": field, "field_type": kind,
                                              "enum_id": value.enum_id, "text": value.text()}})
            };
            values.iter().map(value).collect()
        };
        let values = (shown(before), shown(after));
        let event = format!("custom_field_{field}_value_changed");
        self.note_event(now, &event, (of.0.singular(), of.1), author, values);
    }

    /// One entry for what was added and one for what was taken away.
    pub(super) fn note_tags(
        &mut self,
        now: DateTime<Utc>,
        of: (Entity, i64),
        author: i64,
        before: &[String],
        after: &[String],
    ) {
        let only = |here: &[String], there: &[String]| -> Value {
            let new = here.iter().filter(|name| !there.contains(name));
            new.map(|name| json!({"tag": {"name": name}})).collect()
        };
        let (added, gone) = (only(after, before), only(before, after));
        let of = (of.0.singular(), of.1);
        if added != json!([]) {
            self.note_event(now, "entity_tag_added", of, author, (json!([]), added));
        }
        if gone != json!([]) {
            self.note_event(now, "entity_tag_deleted", of, author, (gone, json!([])));
        }
    }

    /// That `to` was joined to `from`, or taken from it.
    pub(super) fn note_link(
        &mut self,
        now: DateTime<Utc>,
        from: (Entity, i64),
        to: (Entity, i64),
        author: i64,
        join: bool,
    ) {
        let entity = json!({"entity": {"type": to.0.singular(), "id": to.1}});
        let of = (from.0.singular(), from.1);
        if join {
            let after = json!([{"link": entity}]);
            self.note_event(now, "entity_linked", of, author, (json!([]), after));
        } else {
            let before = json!([{"unlink": entity}]);
            self.note_event(now, "entity_unlinked", of, author, (before, json!([])));
        }
    }

    pub(super) fn events(&self, request: &WireRequest, rest: &[&str]) -> WireAnswer {
        match rest {
            [] => self.list_events(request),
            ["types"] => self.event_types(),
            [id] => match self.log.iter().find(|entry| entry.id == *id) {
                Some(entry) => hal(200, &self.read_event(entry, &with(request))),
                None => WireAnswer::empty(204),
            },
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    fn event_types(&self) -> WireAnswer {
        let types =
            TYPES.iter().map(|(key, number, label)| json!({"key": key, "type": number, "lang": label}));
        let types: Vec<Value> = types.collect();
        hal(
            200,
            &json!({"_total_items": types.len(), "_links": self.frame().links("/api/v4/events/types"),
                    "_embedded": {"events_types": types}}),
        )
    }

    fn list_events(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let asked = match Asked::read(&query) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let words = with(request);
        let found = self.log.iter().rev().filter(|entry| asked.wants(entry, &query));
        let shown = found.map(|entry| self.read_event(entry, &words)).collect();
        page(request, "events", shown, (100, 100), &self.base)
    }

    fn read_event(&self, entry: &LogEntry, words: &[String]) -> Value {
        let mut shown = serde_json::to_value(entry).unwrap_or(Value::Null);
        shown["account_id"] = json!(self.setup.account_id);
        shown["_links"] = self.frame().links(&format!("/api/v4/events/{}", entry.id));
        let plural = match entry.entity_type {
            "company" => "companies".to_owned(),
            word => format!("{word}s"),
        };
        let links = self.frame().links(&format!("/api/v4/{plural}/{}", entry.entity_id));
        let mut entity = json!({"id": entry.entity_id, "_links": links});
        if words.iter().any(|word| word.strip_suffix("_name") == Some(entry.entity_type)) {
            let name = match Entity::from_word(&plural) {
                Some(Entity::Leads) => self.leads.get(&entry.entity_id).map(|lead| &lead.name),
                Some(kind) => self.cards(kind).get(&entry.entity_id).map(|card| &card.name),
                None => None,
            };
            entity["name"] = json!(name);
        }
        shown["_embedded"] = json!({"entity": entity});
        shown
    }
}

/// The filters of a list, of which the paid option knows nothing: they always work.
struct Asked<'a> {
    ids: Vec<&'a str>,
    types: Vec<&'a str>,
    entities: Vec<&'a str>,
    entity_ids: Vec<&'a str>,
    authors: Vec<&'a str>,
    created: (Option<i64>, Option<i64>),
}

impl<'a> Asked<'a> {
    fn read(query: &'a Query) -> Result<Asked<'a>, WireAnswer> {
        let asked = Asked {
            ids: query.words("filter[id]"),
            types: query.words("filter[type]"),
            entities: query.words("filter[entity]"),
            entity_ids: query.words("filter[entity_id]"),
            authors: query.words("filter[created_by]"),
            created: query.range("filter[created_at]"),
        };
        let one_field =
            |kind: &&str| *kind != "custom_field_value_changed" && kind.starts_with("custom_field_");
        let wrong = if asked.entity_ids.len() > IDS_MAX
            || (!asked.entity_ids.is_empty() && asked.entities.len() != 1)
        {
            "filter[entity_id] takes up to 10 ids of exactly one entity"
        } else if asked.authors.len() > IDS_MAX {
            "filter[created_by] takes up to 10 ids"
        } else if asked.types.len() > 1 && asked.types.iter().any(one_field) {
            "the type of one field cannot be asked for together with others"
        } else {
            return Ok(asked);
        };
        Err(problem(400, "Bad Request", wrong))
    }

    fn wants(&self, entry: &LogEntry, query: &Query) -> bool {
        let among = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
        among(&self.ids, &entry.id)
            && (among(&self.types, &entry.kind) || self.types.contains(&entry.general()))
            && among(&self.entities, entry.entity_type)
            && among(&self.entity_ids, &entry.entity_id.to_string())
            && among(&self.authors, &entry.created_by.to_string())
            && self.created.0.is_none_or(|from| entry.created_at >= from)
            && self.created.1.is_none_or(|to| entry.created_at <= to)
            && has_value(query, "filter[value_after]", &entry.value_after)
            && has_value(query, "filter[value_before]", &entry.value_before)
    }
}

/// Whether one of the entry's values is what the filter `name` asks for.
fn has_value(query: &Query, name: &str, values: &Value) -> bool {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_i64);
    let any = |wanted: &[&str], pointer: &str| {
        let is_wanted =
            |value| number(value, pointer).is_some_and(|id| wanted.contains(&id.to_string().as_str()));
        wanted.is_empty() || values.iter().any(is_wanted)
    };
    let stages = query.pairs(&format!("{name}[leads_statuses]"), ("pipeline_id", "status_id"));
    let in_stage = |value: &Value| {
        let is = |pointer: &str, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| {
                number(value, pointer).map(|id| id.to_string()).as_deref() == Some(wanted)
            })
        };
        let mut stages = stages.iter();
        stages.any(|(pipeline, status)| {
            is("/lead_status/pipeline_id", *pipeline) && is("/lead_status/id", *status)
        })
    };
    let exact = query.get(&format!("{name}[value]"));
    let is_exact = |value: &Value| {
        let text = ["/sale_field_value/sale", "/name_field_value/name", "/custom_field_value/text"];
        let text = text.iter().find_map(|pointer| value.pointer(pointer));
        text.map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned)).as_deref() == exact
    };
    (stages.is_empty() || values.iter().any(in_stage))
        && any(&query.words(&format!("{name}[responsible_user_id]")), "/responsible_user/id")
        && any(&query.words(&format!("{name}[custom_field_values]")), "/custom_field_value/enum_id")
        && (exact.is_none() || values.iter().any(is_exact))
}

/// The number of a field's type, as the log and the old API have it.
fn type_number(book: &FieldBook, field: i64) -> i64 {
    const NUMBERED: [(&str, i64); 12] = [
        ("text", 1),
        ("numeric", 2),
        ("checkbox", 3),
        ("select", 4),
        ("multiselect", 5),
        ("date", 6),
        ("url", 7),
        ("multitext", 8),
        ("textarea", 9),
        ("radiobutton", 10),
        ("streetaddress", 11),
        ("date_time", 19),
    ];
    let kind = book.by_id(field).map_or("text", |field| field.kind.as_str());
    NUMBERED.iter().find(|(name, _)| *name == kind).map_or(1, |(_, number)| *number)
}
