//! The paid filters of leads, contacts and companies (amocrm.ru/developers/content/crm_platform/filters-api).
//! It never refuses one: what it does not know is ignored, as all of them are while the option is off (sheet
//! 2.2). Enter at [`Account::passes`].

use super::Account;
use super::fields::FieldBook;
use super::model::{Contact, Entity, FieldValue, Fields, Lead};
use crate::wire::Query;

/// What can be filtered by.
pub(super) struct Facts<'a> {
    kind: Entity,
    id: i64,
    name: &'a str,
    created_by: i64,
    updated_by: i64,
    responsible: i64,
    created_at: i64,
    updated_at: i64,
    fields: &'a Fields,
    lead: Option<&'a Lead>,
}

impl<'a> Facts<'a> {
    pub fn of_lead(lead: &'a Lead) -> Facts<'a> {
        Facts {
            kind: Entity::Leads,
            id: lead.id,
            name: &lead.name,
            created_by: lead.created_by,
            updated_by: lead.updated_by,
            responsible: lead.responsible_user_id,
            created_at: lead.created_at.timestamp(),
            updated_at: lead.updated_at.timestamp(),
            fields: &lead.fields,
            lead: Some(lead),
        }
    }

    pub fn of_card(kind: Entity, card: &'a Contact) -> Facts<'a> {
        Facts {
            kind,
            id: card.id,
            name: &card.name,
            created_by: card.created_by,
            updated_by: card.updated_by,
            responsible: card.responsible_user_id,
            created_at: card.created_at.timestamp(),
            updated_at: card.updated_at.timestamp(),
            fields: &card.fields,
            lead: None,
        }
    }
}

impl Account {
    /// Whether an entity is in the filtered list.
    pub(super) fn passes(&self, query: &Query, facts: &Facts) -> bool {
        if !self.setup.is_api_filter_enabled {
            return true;
        }
        let numbers = [
            ("filter[id]", facts.id),
            ("filter[created_by]", facts.created_by),
            ("filter[updated_by]", facts.updated_by),
            ("filter[responsible_user_id]", facts.responsible),
        ];
        let closest = || self.closest_task(facts.kind, facts.id);
        numbers.into_iter().all(|(name, value)| among(query, name, &value.to_string()))
            && among(query, "filter[name]", facts.name)
            && within(query, "filter[created_at]", Some(facts.created_at))
            && within(query, "filter[updated_at]", Some(facts.updated_at))
            && (query.range("filter[closest_task_at]") == (None, None)
                || within(query, "filter[closest_task_at]", closest()))
            && has_fields(query, self.book(facts.kind), facts.fields)
            && facts.lead.is_none_or(|lead| passes_lead(query, lead))
    }

    /// The earliest deadline of its open tasks.
    pub(super) fn closest_task(&self, kind: Entity, id: i64) -> Option<i64> {
        let open = self.tasks_of(kind, id).filter(|task| !task.is_completed);
        open.map(|task| task.complete_till.timestamp()).min()
    }
}

fn passes_lead(query: &Query, lead: &Lead) -> bool {
    let stages = query.pairs("filter[statuses]", ("pipeline_id", "status_id"));
    let is = |wanted: Option<&str>, id: i64| wanted.and_then(|wanted| wanted.parse().ok()) == Some(id);
    let in_stage = stages
        .iter()
        .any(|(pipeline, status)| is(*pipeline, lead.pipeline_id) && is(*status, lead.status_id));
    (stages.is_empty() || in_stage)
        && among(query, "filter[pipeline_id]", &lead.pipeline_id.to_string())
        && within(query, "filter[price]", Some(lead.price))
        && within(query, "filter[closed_at]", lead.closed_at.map(|at| at.timestamp()))
}

fn among(query: &Query, name: &str, value: &str) -> bool {
    let list = query.list(name);
    list.is_empty() || list.contains(&value)
}

fn within(query: &Query, name: &str, value: Option<i64>) -> bool {
    match query.range(name) {
        (None, None) => true,
        (from, to) => value
            .is_some_and(|value| from.is_none_or(|from| value >= from) && to.is_none_or(|to| value <= to)),
    }
}

/// `filter[custom_fields_values][id]`: choices by their ids, checkboxes by 1 or 0, dates and numbers also by a
/// range, all others by their text.
fn has_fields(query: &Query, book: &FieldBook, fields: &Fields) -> bool {
    book.0.iter().all(|field| {
        let name = format!("filter[custom_fields_values][{}]", field.id);
        let values = fields.get(&field.id).map(Vec::as_slice).unwrap_or_default();
        let number = |value: &FieldValue| value.text().parse::<f64>().ok().map(|number| number as i64);
        let ranged = matches!(field.kind.as_str(), "date" | "date_time" | "numeric");
        let (from, to) = (query.int(&format!("{name}[from]")), query.int(&format!("{name}[to]")));
        if ranged && (from.is_some() || to.is_some()) {
            return values.iter().any(|value| within(query, &name, number(value)));
        }
        let wanted = query.list(&name);
        let shown = |value: &FieldValue| match (field.kind.as_str(), value.enum_id) {
            ("select" | "multiselect" | "radiobutton", Some(id)) => id.to_string(),
            _ => value.text(),
        };
        wanted.is_empty() || values.iter().any(|value| wanted.contains(&shown(value).as_str()))
    })
}
