//! Webhook bodies as amoCRM writes them: entities, kinds of event, custom fields, times. Never translates
//! into our words and never requires a key (sheet, 4.1–4.3). Source:
//! amocrm.ru/developers/content/crm_platform/webhooks-format. Enter at [`items`].

use chrono::DateTime;

use super::brackets::{KeyPart, Node};
use crate::process::At;
use crate::signal::FieldValue;

/// Status ids that are the same in every pipeline: won and lost (sheet, 3.3).
pub const WON: u64 = 142;
pub const LOST: u64 = 143;

/// `element_type` of a lead in tasks and notes.
pub const ELEMENT_LEAD: u64 = 2;

/// One entity of a body: `{entity}[{kind}][i]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FormEntity<'a> {
    /// `leads`, `contacts`, `task` …, as amoCRM writes it.
    pub entity: &'a str,
    /// `add`, `update`, `status` …
    pub kind: &'a str,
    pub node: &'a Node,
}

/// Every entity of a body, in whatever order its keys come.
pub fn items(body: &Node) -> Vec<FormEntity<'_>> {
    let mut found = Vec::new();
    for (entity, kinds) in &body.children {
        let KeyPart::Name(entity) = entity else { continue };
        if entity == "account" {
            continue;
        }
        for (kind, list) in &kinds.children {
            let KeyPart::Name(kind) = kind else { continue };
            // `leads[delete]=1` is an item of its own; usually there is a list of items.
            if list.text.is_some() {
                found.push(FormEntity { entity, kind, node: list });
            }
            for node in list.children.values() {
                found.push(FormEntity { entity, kind, node: innermost(node) });
            }
        }
    }
    found
}

impl FormEntity<'_> {
    /// The entity's numeric id; a deleted one may be a bare scalar.
    pub fn id(&self) -> Option<u64> {
        self.node.number("id").or_else(|| self.node.text.as_deref()?.trim().parse().ok())
    }

    /// When the entity last changed; digital-pipeline calls and deletions do not contain it.
    pub fn updated_at(&self) -> Option<At> {
        time(self.node, "updated_at").or_else(|| time(self.node, "last_modified"))
    }
}

/// Unix seconds under `name`. Date texts are not read: tasks write them in UTC, notes in the account's zone
/// (sheet, 4.3).
pub fn time(node: &Node, name: &str) -> Option<At> {
    DateTime::from_timestamp(node.number(name)?, 0)
}

/// `custom_fields` in all forms of the sheet's table; `None` if the body has no such block.
pub fn fields(node: &Node) -> Option<Vec<Field<'_>>> {
    let list = node.get("custom_fields")?;
    let fields = list.children.values().filter_map(|field| {
        Some(Field {
            id: field.number("id")?,
            code: field.text("code"),
            values: field.get("values").map(values).unwrap_or_default(),
        })
    });
    Some(fields.collect())
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    pub id: u64,
    /// `PHONE`, `EMAIL`; most fields have none.
    pub code: Option<&'a str>,
    pub values: Vec<FieldValue>,
}

/// A list of maps, a list of scalars, one map without an index (radiobutton), or one scalar.
fn values(node: &Node) -> Vec<FieldValue> {
    if node.get("value").is_some() || node.is_leaf() {
        return value(node).into_iter().collect();
    }
    node.children.values().filter_map(value).collect()
}

fn value(node: &Node) -> Option<FieldValue> {
    let text = node.get("value").and_then(|value| value.text.as_deref()).or(node.text.as_deref())?;
    Some(FieldValue { value: text.to_owned(), choice: node.number("enum") })
}

/// Skips a further numeric level (`task[update][0][0][id]`, an oddity of the documentation).
fn innermost(mut node: &Node) -> &Node {
    while let (1, Some((KeyPart::Index(_), only))) = (node.children.len(), node.children.first_key_value()) {
        node = only;
    }
    node
}
