//! Which names in a webhook's body are neither read nor known to be irrelevant (F6). Never repeats a value, and
//! nothing of what people wrote is a name. Enter at [`names`]. Source: the sheet, 4.2 and 4.3.

use std::collections::BTreeSet;

use super::brackets::{KeyPart, Node};
use super::wire;

/// Entities whose content is not followed.
const ELSEWHERE: [&str; 8] = [
    "unsorted",
    "talk",
    "message",
    "outgoing_message",
    "customers",
    "companies",
    "catalogs",
    // A reviewed template of a chat stands alone.
    "add",
];

/// Of every card.
const CARD: &[&str] = &[
    "id",
    "name",
    "account_id",
    "responsible_user_id",
    "old_responsible_user_id",
    "created_user_id",
    "modified_user_id",
    "date_create",
    "last_modified",
    "created_at",
    "updated_at",
    "tags",
    "custom_fields",
    "type",
];
const LEAD: &[&str] =
    &["price", "status_id", "old_status_id", "pipeline_id", "old_pipeline_id", "loss_reason_id"];
const CONTACT: &[&str] = &["company_name", "linked_company_id", "linked_leads_id"];
const TASK: &[&str] = &[
    "text",
    "old_text",
    "element_id",
    "element_type",
    "task_type",
    "status",
    "complete_till",
    "complete_before",
    "action_close",
    "result",
    "main_user",
    "modified_by",
];
const NOTE: &[&str] = &[
    "note",
    "note_type",
    "element_id",
    "element_type",
    "text",
    "attachement",
    "timestamp_x",
    "group_id",
    "catalog_id",
    "metadata",
    "created_by",
    "modified_by",
    "main_user_id",
    "message_uuid",
];

/// `leads.price_2`, `loyalty`: an entity with the name in it, or an entity that nobody knows.
pub fn names(body: &Node) -> Vec<String> {
    let mut unread = BTreeSet::new();
    for item in wire::items(body) {
        let own = match (item.entity, item.kind) {
            ("leads" | "contacts", "note") => NOTE,
            ("leads", _) => LEAD,
            ("contacts", _) => CONTACT,
            ("task" | "tasks", _) => TASK,
            (entity, _) => {
                if !ELSEWHERE.contains(&entity) {
                    unread.insert(entity.to_owned());
                }
                continue;
            }
        };
        let inner = item.node.get("note").filter(|_| item.kind == "note");
        for key in inner.unwrap_or(item.node).children.keys() {
            // An index is an item of a list, as an id that stands alone.
            if let KeyPart::Name(name) = key
                && !CARD.contains(&&**name)
                && !own.contains(&&**name)
            {
                unread.insert(format!("{}.{name}", item.entity));
            }
        }
    }
    unread.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::amocrm::brackets::parse;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        assert_eq!(names(&parse(body.as_bytes()).expect("a small body")), expected, "{body}");
    }

    #[test]
    fn a_name_that_nothing_reads_is_named_once_and_without_its_value() {
        check("account[id]=1&leads[status][0][id]=1&leads[status][0][price]=5", &[]);
        check(
            "leads[update][0][id]=1&leads[update][0][cost]=24900&leads[update][1][cost]=1",
            &["leads.cost"],
        );
        check("contacts[add][0][id]=1&contacts[add][0][nickname]=a", &["contacts.nickname"]);
        check("task[update][0][0][id]=1&task[update][0][0][reminder]=5", &["task.reminder"]);
        check("leads[note][0][note][id]=1&leads[note][0][note][pinned]=1", &["leads.pinned"]);
        check("leads[delete]=41290077", &[]);
        check("loyalty[add][0][id]=1&unsorted[add][0][novel]=1", &["loyalty"]);
    }

    /// Every recorded body holds known names only.
    #[test]
    fn real_bodies_are_known() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/amocrm");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).expect("the fixtures").flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "http") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a text").replace("\r\n", "\n");
            let body = text.split_once("\n\n").map(|(_, body)| body.trim()).unwrap_or_default();
            check(body, &[]);
            seen += 1;
        }
        assert!(seen > 10, "{seen} fixtures");
    }
}
