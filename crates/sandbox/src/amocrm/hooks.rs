//! Webhook bodies of amoCRM: bracketed, percent-encoded forms in the old v2 model (sheet 4). It never sends:
//! it builds bodies from echoes, and the world does deliveries and retries. Enter at [`Account::drain`].

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;

use super::Account;
use super::model::{Contact, Entity, Lead, Task};
use super::task_changes::result_id;
use crate::wire::form_body;

/// More bad answers than this within two hours switch a subscription off.
const BAD_ANSWERS_MAX: usize = 100;

/// A subscription (sheet 3.20).
#[derive(Clone, Debug, Serialize)]
pub struct Subscription {
    pub id: i64,
    pub destination: String,
    pub settings: Vec<String>,
    pub sort: i64,
    pub disabled: bool,
    pub created_at: i64,
    pub updated_at: i64,
    #[serde(skip)]
    bad: VecDeque<DateTime<Utc>>,
}

impl Subscription {
    pub fn new(id: i64, url: &str, settings: &[String], now: DateTime<Utc>) -> Subscription {
        Subscription {
            id,
            destination: url.to_owned(),
            settings: settings.to_vec(),
            sort: 1,
            disabled: false,
            created_at: now.timestamp(),
            updated_at: now.timestamp(),
            bad: VecDeque::new(),
        }
    }

    /// Counts a bad answer; too many switch the subscription off.
    pub fn count_bad(&mut self, now: DateTime<Utc>) {
        self.bad.push_back(now);
        while self.bad.front().is_some_and(|first| *first + TimeDelta::hours(2) <= now) {
            self.bad.pop_front();
        }
        self.disabled |= self.bad.len() > BAD_ANSWERS_MAX;
    }
}

/// A change that webhooks report: the setting that subscribes to it, and the item as it was then.
#[derive(Clone, Debug)]
pub struct Echo {
    pub at: DateTime<Utc>,
    /// Such as `status_lead`.
    pub setting: &'static str,
    /// Such as `leads[status]`.
    pub group: &'static str,
    /// Suffix and value of each pair.
    pub item: Vec<(String, String)>,
}

/// The state of a task before a change.
pub struct TaskBefore {
    pub text: String,
    pub responsible_user_id: i64,
    pub is_completed: bool,
    pub result: Option<String>,
    pub complete_till: DateTime<Utc>,
    pub task_type_id: i64,
}

type Pairs = Vec<(String, String)>;

fn put(pairs: &mut Pairs, key: &str, value: impl ToString) {
    pairs.push((format!("[{key}]"), value.to_string()));
}

impl Account {
    /// The bodies to send for all echoes so far: destination and form.
    pub fn drain(&mut self) -> Vec<(String, String)> {
        let echoes = std::mem::take(&mut self.echoes);
        let mut bodies = Vec::new();
        for subscription in self.subscriptions.iter().filter(|subscription| !subscription.disabled) {
            let mut groups: BTreeMap<&str, Vec<&Echo>> = BTreeMap::new();
            let mut order = Vec::new();
            for echo in &echoes {
                if subscription.settings.iter().any(|setting| setting == echo.setting) {
                    if !groups.contains_key(echo.group) {
                        order.push(echo.group);
                    }
                    groups.entry(echo.group).or_default().push(echo);
                }
            }
            for group in order {
                for items in groups[group].chunks(self.setup.hook_items_max.max(1)) {
                    bodies.push((subscription.destination.clone(), self.body(group, items)));
                }
            }
        }
        bodies
    }

    fn body(&self, group: &str, items: &[&Echo]) -> String {
        let mut pairs = vec![
            ("account[subdomain]".to_owned(), self.setup.subdomain.clone()),
            ("account[id]".to_owned(), self.setup.account_id.to_string()),
            ("account[_links][self]".to_owned(), self.base.clone()),
        ];
        for (index, echo) in items.iter().enumerate() {
            pairs.extend(
                echo.item.iter().map(|(suffix, value)| (format!("{group}[{index}]{suffix}"), value.clone())),
            );
        }
        form_body(&pairs)
    }

    fn echo(&mut self, at: DateTime<Utc>, setting: &'static str, group: &'static str, item: Pairs) {
        self.echoes.push(Echo { at, setting, group, item });
    }

    pub(super) fn echo_lead(
        &mut self,
        now: DateTime<Utc>,
        id: i64,
        action: &str,
        old_status: Option<i64>,
        old_responsible: Option<i64>,
    ) {
        let Some(lead) = self.leads.get(&id) else {
            return;
        };
        let item = self.lead_item(lead, old_status, old_responsible);
        let (setting, group) = match action {
            "add" => ("add_lead", "leads[add]"),
            "status" => ("status_lead", "leads[status]"),
            "responsible" => ("responsible_lead", "leads[responsible]"),
            "restore" => ("restore_lead", "leads[restore]"),
            _ => ("update_lead", "leads[update]"),
        };
        self.echo(now, setting, group, item);
    }

    fn lead_item(&self, lead: &Lead, old_status: Option<i64>, old_responsible: Option<i64>) -> Pairs {
        let mut item = Pairs::new();
        put(&mut item, "id", lead.id);
        put(&mut item, "name", &lead.name);
        put(&mut item, "status_id", lead.status_id);
        if let Some(old) = old_status {
            put(&mut item, "old_status_id", old);
        }
        put(&mut item, "price", lead.price);
        put(&mut item, "responsible_user_id", lead.responsible_user_id);
        put(&mut item, "last_modified", lead.updated_at.timestamp());
        put(&mut item, "modified_user_id", lead.updated_by);
        put(&mut item, "created_user_id", lead.created_by);
        put(&mut item, "date_create", lead.created_at.timestamp());
        put(&mut item, "pipeline_id", lead.pipeline_id);
        push_tags(&mut item, &lead.tags);
        put(&mut item, "account_id", self.setup.account_id);
        item.extend(self.lead_book.show_in_hook(&lead.fields));
        if let Some(old) = old_responsible {
            put(&mut item, "old_responsible_user_id", old);
        }
        put(&mut item, "created_at", lead.created_at.timestamp());
        put(&mut item, "updated_at", lead.updated_at.timestamp());
        item
    }

    pub(super) fn echo_lead_deleted(&mut self, now: DateTime<Utc>, id: i64) {
        let Some(lead) = self.leads.get(&id) else {
            return;
        };
        let mut item = Pairs::new();
        put(&mut item, "id", lead.id);
        put(&mut item, "status_id", lead.status_id);
        put(&mut item, "pipeline_id", lead.pipeline_id);
        self.echo(now, "delete_lead", "leads[delete]", item);
    }

    pub(super) fn echo_contact_deleted(&mut self, now: DateTime<Utc>, id: i64) {
        let mut item = Pairs::new();
        put(&mut item, "id", id);
        put(&mut item, "type", "contact");
        self.echo(now, "delete_contact", "contacts[delete]", item);
    }

    pub(super) fn echo_card(
        &mut self,
        now: DateTime<Utc>,
        (kind, id): (Entity, i64),
        action: &str,
        old_responsible: Option<i64>,
    ) {
        let Some(card) = self.cards(kind).get(&id) else {
            return;
        };
        let item = self.card_item(kind, card, old_responsible);
        // Companies come under the same key, told apart by their type (sheet 4.2).
        let company = kind == Entity::Companies;
        let setting = |contact, own| if company { own } else { contact };
        match action {
            "add" => self.echo(now, setting("add_contact", "add_company"), "contacts[add]", item),
            "restore" => {
                self.echo(now, setting("restore_contact", "restore_company"), "contacts[restore]", item)
            }
            _ => {
                if old_responsible.is_some() {
                    // Sheet 4.2: a new responsible comes as contacts[update], not under its own key.
                    let own = setting("responsible_contact", "responsible_company");
                    self.echo(now, own, "contacts[update]", item.clone());
                }
                self.echo(now, setting("update_contact", "update_company"), "contacts[update]", item);
            }
        }
    }

    fn card_item(&self, kind: Entity, contact: &Contact, old_responsible: Option<i64>) -> Pairs {
        let mut item = Pairs::new();
        put(&mut item, "id", contact.id);
        put(&mut item, "name", &contact.name);
        put(&mut item, "responsible_user_id", contact.responsible_user_id);
        put(&mut item, "date_create", contact.created_at.timestamp());
        put(&mut item, "last_modified", contact.updated_at.timestamp());
        put(&mut item, "created_user_id", contact.created_by);
        put(&mut item, "modified_user_id", contact.updated_by);
        put(&mut item, "account_id", self.setup.account_id);
        if let Some(company) = contact.company.and_then(|id| self.companies.get(&id)) {
            put(&mut item, "company_name", &company.name);
            put(&mut item, "linked_company_id", company.id);
        }
        push_tags(&mut item, &contact.tags);
        item.extend(self.contact_book.show_in_hook(&contact.fields));
        for lead in self.leads_of_card(kind, contact.id) {
            item.push((format!("[linked_leads_id][{}][ID]", lead.id), lead.id.to_string()));
        }
        if let Some(old) = old_responsible {
            put(&mut item, "old_responsible_user_id", old);
        }
        put(&mut item, "created_at", contact.created_at.timestamp());
        put(&mut item, "updated_at", contact.updated_at.timestamp());
        put(&mut item, "type", kind.singular());
        item
    }

    pub(super) fn echo_task_deleted(&mut self, now: DateTime<Utc>, id: i64) {
        self.echo(now, "delete_task", "task[delete]", vec![("[id]".into(), id.to_string())]);
    }

    pub(super) fn echo_task(&mut self, now: DateTime<Utc>, id: i64, before: Option<&TaskBefore>) {
        let Some(task) = self.tasks.get(&id) else {
            return;
        };
        let item = self.task_item(task, before);
        let passed_on = before.is_some_and(|before| before.responsible_user_id != task.responsible_user_id);
        match before {
            None => self.echo(now, "add_task", "task[add]", item),
            Some(_) => {
                if passed_on {
                    self.echo(now, "responsible_task", "task[update]", item.clone());
                }
                self.echo(now, "update_task", "task[update]", item);
            }
        }
    }

    fn task_item(&self, task: &Task, before: Option<&TaskBefore>) -> Pairs {
        let text_time = |moment: DateTime<Utc>| moment.format("%Y-%m-%d %H:%M:%S").to_string();
        let mut item = Pairs::new();
        put(&mut item, "id", task.id);
        put(&mut item, "element_id", task.entity.map_or(0, |(_, id)| id));
        put(&mut item, "element_type", task.entity.map_or(0, |(kind, _)| kind.number()));
        put(&mut item, "task_type", task.task_type_id);
        put(&mut item, "date_create", text_time(task.created_at));
        put(&mut item, "text", &task.text);
        put(&mut item, "status", i64::from(task.is_completed));
        put(&mut item, "account_id", self.setup.account_id);
        put(&mut item, "created_user_id", task.created_by);
        put(&mut item, "last_modified", text_time(task.updated_at));
        put(&mut item, "responsible_user_id", task.responsible_user_id);
        put(&mut item, "complete_till", text_time(task.complete_till));
        if let Some(before) = before {
            put(&mut item, "action_close", i64::from(task.is_completed && !before.is_completed));
            if let Some(result) = &task.result {
                item.push(("[result][id]".into(), result_id(task.id).to_string()));
                item.push(("[result][text]".into(), result.clone()));
            }
            put(&mut item, "old_text", &before.text);
            if before.responsible_user_id != task.responsible_user_id {
                put(&mut item, "main_user", task.responsible_user_id);
                put(&mut item, "modified_by", task.updated_by);
                put(&mut item, "old_responsible_user_id", before.responsible_user_id);
            }
        }
        put(&mut item, "created_at", task.created_at.timestamp());
        put(&mut item, "updated_at", task.updated_at.timestamp());
        put(&mut item, "complete_before", task.complete_till.timestamp());
        item
    }

    pub(super) fn echo_note(&mut self, now: DateTime<Utc>, id: i64) {
        let Some(note) = self.notes.get(&id) else {
            return;
        };
        let text = match note.params.get("text").and_then(|text| text.as_str()) {
            Some(text) if !note.note_type.starts_with("call_") => text.to_owned(),
            _ => note.params.to_string(),
        };
        let local = note.created_at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string();
        let mut item = Pairs::new();
        let mut put = |key: &str, value: String| item.push((format!("[note][{key}]"), value));
        put("text", text);
        put("attachement", String::new());
        put("date_create", local.clone());
        put("note_type", note.type_number().to_string());
        put("element_type", note.entity.0.number().to_string());
        put("element_id", note.entity.1.to_string());
        put("catalog_id", "0".into());
        put("group_id", "0".into());
        put("timestamp_x", local);
        put("account_id", self.setup.account_id.to_string());
        if let Some(author) = self.setup.users.iter().find(|user| user.id == note.created_by) {
            let source = json!({"event_source": {"id": author.id, "author_name": author.name, "type": 1}});
            put("metadata", source.to_string());
        }
        put("created_by", note.created_by.to_string());
        put("modified_by", note.updated_by.to_string());
        put("main_user_id", note.responsible_user_id.to_string());
        put("id", note.id.to_string());
        put("created_at", note.created_at.timestamp().to_string());
        put("updated_at", note.updated_at.timestamp().to_string());
        let kind = note.entity.0;
        if kind != Entity::Leads {
            item.push(("[type]".into(), kind.singular().into()));
        }
        match kind {
            Entity::Leads => self.echo(now, "note_lead", "leads[note]", item),
            Entity::Contacts => self.echo(now, "note_contact", "contacts[note]", item),
            Entity::Companies => self.echo(now, "note_company", "contacts[note]", item),
        }
    }
}

fn push_tags(item: &mut Pairs, tags: &[super::Tag]) {
    for (index, tag) in tags.iter().enumerate() {
        item.push((format!("[tags][{index}][id]"), tag.id.to_string()));
        item.push((format!("[tags][{index}][name]"), tag.name.clone()));
    }
}
