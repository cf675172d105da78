//! The entities of the amoCRM stand-in and how reads show them (sheet 3.3, 3.5, 3.8, 3.9). It never checks a
//! request and never sends anything. Enter at [`Lead`], [`Contact`], [`Task`] and [`Note`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

/// The status «Успешно реализовано» of every pipeline.
pub const WON: i64 = 142;
/// The status «Закрыто и не реализовано» of every pipeline.
pub const LOST: i64 = 143;

/// One value of a custom field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldValue {
    pub value: Value,
    pub enum_id: Option<i64>,
}

impl FieldValue {
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Bool(on) => if *on { "1" } else { "0" }.to_owned(),
            other => other.to_string(),
        }
    }
}

/// The filled custom fields of an entity, by field id.
pub type Fields = BTreeMap<i64, Vec<FieldValue>>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    pub id: i64,
    pub name: String,
}

/// An entry of an entity's history: what changed from what to what, when, by whom (0: robot or API).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    pub at: DateTime<Utc>,
    pub by: i64,
    pub what: String,
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Lead {
    pub id: i64,
    pub name: String,
    pub price: i64,
    pub responsible_user_id: i64,
    pub pipeline_id: i64,
    pub status_id: i64,
    pub loss_reason_id: Option<i64>,
    pub created_by: i64,
    pub updated_by: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub is_deleted: bool,
    pub fields: Fields,
    pub tags: Vec<Tag>,
    /// Contact, and whether it is the main one.
    pub contacts: Vec<(i64, bool)>,
    /// Its company.
    pub company: Option<i64>,
    /// Pipeline in which it was created: natural keys count per pipeline.
    pub first_pipeline_id: i64,
    pub history: Vec<HistoryEntry>,
}

impl Lead {
    /// Neither won nor lost nor deleted.
    pub fn is_open(&self) -> bool {
        !self.is_deleted && self.status_id != WON && self.status_id != LOST
    }
}

/// A contact, or a company: amoCRM gives both the same shape.
#[derive(Clone, Debug, Serialize)]
pub struct Contact {
    pub id: i64,
    pub name: String,
    pub first_name: String,
    pub last_name: String,
    pub responsible_user_id: i64,
    pub created_by: i64,
    pub updated_by: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub fields: Fields,
    pub tags: Vec<Tag>,
    /// A contact's company.
    pub company: Option<i64>,
    /// It came with an unsorted request that nobody has accepted yet: lists and searches do not show it.
    pub hidden: bool,
    pub history: Vec<HistoryEntry>,
    /// All filled fields in lower case, for `query`.
    #[serde(skip)]
    pub haystack: String,
    /// From when on searches know it.
    #[serde(skip)]
    pub indexed_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Task {
    pub id: i64,
    pub text: String,
    pub complete_till: DateTime<Utc>,
    pub task_type_id: i64,
    /// `leads` or `contacts`, with the id; `None` when unattached.
    pub entity: Option<(Entity, i64)>,
    pub responsible_user_id: i64,
    pub duration: i64,
    pub is_completed: bool,
    pub result: Option<String>,
    pub created_by: i64,
    pub updated_by: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    /// Who closed it: 0 for the bridge or a robot, otherwise a user.
    pub closed_by: Option<i64>,
    /// Counts changes of deadline and responsible.
    pub revision: u32,
    pub history: Vec<HistoryEntry>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Note {
    pub id: i64,
    pub entity: (Entity, i64),
    pub note_type: String,
    pub params: Value,
    /// It stays on top of the card's feed.
    pub is_pinned: bool,
    pub responsible_user_id: i64,
    pub created_by: i64,
    pub updated_by: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The entities that notes, tasks and tags belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    Leads,
    Contacts,
    Companies,
}

impl Entity {
    /// The entity for a word of a path.
    pub fn from_word(word: &str) -> Option<Entity> {
        match word {
            "leads" => Some(Entity::Leads),
            "contacts" => Some(Entity::Contacts),
            "companies" => Some(Entity::Companies),
            _ => None,
        }
    }

    /// The word in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Entity::Leads => "leads",
            Entity::Contacts => "contacts",
            Entity::Companies => "companies",
        }
    }

    /// The word in events and calls.
    pub fn singular(self) -> &'static str {
        match self {
            Entity::Leads => "lead",
            Entity::Contacts => "contact",
            Entity::Companies => "company",
        }
    }

    /// The number in webhooks.
    pub fn number(self) -> i64 {
        match self {
            Entity::Contacts => 1,
            Entity::Leads => 2,
            Entity::Companies => 3,
        }
    }
}

/// What a read model needs besides the entity.
pub struct Frame<'a> {
    /// The account's own address.
    pub base: &'a str,
    pub account_id: i64,
}

impl Frame<'_> {
    /// `{"self":{"href":…}}`.
    pub fn links(&self, path: &str) -> Value {
        json!({"self": {"href": format!("{}{path}", self.base)}})
    }
}

impl Task {
    pub fn read(&self, frame: &Frame) -> Value {
        let result = self.result.as_ref().map_or(json!([]), |text| json!({"text": text}));
        json!({
            "id": self.id, "created_by": self.created_by, "updated_by": self.updated_by,
            "created_at": self.created_at.timestamp(), "updated_at": self.updated_at.timestamp(),
            "responsible_user_id": self.responsible_user_id, "group_id": 0,
            "entity_id": self.entity.map(|(_, id)| id), "entity_type": self.entity.map(|(kind, _)| kind.plural()),
            "duration": self.duration, "is_completed": self.is_completed, "task_type_id": self.task_type_id,
            "text": self.text, "result": result, "complete_till": self.complete_till.timestamp(),
            "account_id": frame.account_id, "_links": frame.links(&format!("/api/v4/tasks/{}", self.id)),
        })
    }
}

impl Note {
    pub fn read(&self, frame: &Frame) -> Value {
        let (_, entity_id) = self.entity;
        json!({
            "id": self.id, "entity_id": entity_id, "created_by": self.created_by, "updated_by": self.updated_by,
            "created_at": self.created_at.timestamp(), "updated_at": self.updated_at.timestamp(),
            "responsible_user_id": self.responsible_user_id, "group_id": 0, "note_type": self.note_type,
            "params": self.params, "is_pinned": self.is_pinned, "account_id": frame.account_id,
            "_links": self.links(frame),
        })
    }

    pub fn links(&self, frame: &Frame) -> Value {
        let (kind, entity) = self.entity;
        frame.links(&format!("/api/v4/{}/{entity}/notes/{}", kind.plural(), self.id))
    }

    /// The number of its type in webhooks (sheet 4.3).
    pub fn type_number(&self) -> i64 {
        match self.note_type.as_str() {
            "call_in" => 10,
            "call_out" => 11,
            "service_message" | "extended_service_message" => 25,
            "sms_in" => 102,
            "sms_out" => 103,
            _ => 4,
        }
    }
}
