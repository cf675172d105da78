//! Entities as the account has them, read by reconciliation or read back, turned into the signals of a webhook.
//! Never sends and never compares. Enter at [`signal`] and [`shown`].

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::card::{list, number, text};
use super::client::Call;
use super::mirror;
use super::read_lead;
use crate::platform::{RawRequest, Undecodable};
use crate::process::event::ClientFacts;
use crate::process::{At, Phone, Urgency};
use crate::signal::{SeenNote, SeenTask, Signal};

/// Last part of the address of a request that reconciliation made.
pub const TAIL: &str = "found";

/// An entity that can be read by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Entity {
    Lead(u64),
    Contact(u64),
    Task(u64),
    Note { lead: u64, note: u64 },
}

impl Entity {
    /// The entity of an event of the log; `None` for events that we do not follow.
    pub fn of_event(event: &Value) -> Option<Self> {
        let id = number(&event["entity_id"])?;
        let note = list(&event["value_after"]).iter().find_map(|after| number(&after["note"]["id"]));
        match (text(&event["entity_type"]), text(&event["type"])) {
            ("lead", "common_note_added") => Some(Self::Note { lead: id, note: note? }),
            (_, "common_note_added") => None,
            ("lead", _) => Some(Self::Lead(id)),
            ("contact", _) => Some(Self::Contact(id)),
            ("task", _) => Some(Self::Task(id)),
            _ => None,
        }
    }

    /// The entity's own id.
    pub fn id(&self) -> u64 {
        match self {
            Self::Lead(id) | Self::Contact(id) | Self::Task(id) | Self::Note { note: id, .. } => *id,
        }
    }

    /// The key of its body in a found request.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Lead(_) => "lead",
            Self::Contact(_) => "contact",
            Self::Task(_) => "task",
            Self::Note { .. } => "note",
        }
    }

    /// Its name among the last seen states that intake stores.
    pub fn record(&self) -> String {
        format!("{}/{}", self.word(), self.id())
    }

    pub fn read(&self, urgency: Urgency) -> Call {
        match self {
            Self::Lead(id) => {
                Call::get(&format!("/api/v4/leads/{id}"), &[("with", "contacts,loss_reason")], urgency)
            }
            Self::Contact(id) => Call::get(&format!("/api/v4/contacts/{id}"), &[("with", "leads")], urgency),
            Self::Task(id) => Call::get(&format!("/api/v4/tasks/{id}"), &[], urgency),
            Self::Note { note, .. } => Call::get(&format!("/api/v4/leads/notes/{note}"), &[], urgency),
        }
    }
}

impl From<Entity> for String {
    fn from(entity: Entity) -> Self {
        match entity {
            Entity::Note { lead, note } => format!("note/{note}/{lead}"),
            other => other.record(),
        }
    }
}

impl TryFrom<String> for Entity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || format!("not an entity: {text}");
        let mut parts = text.split('/');
        let word = parts.next().unwrap_or_default();
        let mut id = || parts.next().and_then(|id| id.parse().ok()).ok_or_else(wrong);
        match word {
            "lead" => Ok(Self::Lead(id()?)),
            "contact" => Ok(Self::Contact(id()?)),
            "task" => Ok(Self::Task(id()?)),
            "note" => {
                let note = id()?;
                Ok(Self::Note { note, lead: id()? })
            }
            _ => Err(wrong()),
        }
    }
}

/// A request made by reconciliation; `body` is `{"lead": …, "id": 1}` with `null` for a deleted entity.
pub fn request(body: &Value) -> RawRequest {
    RawRequest {
        method: "POST".to_owned(),
        tail: TAIL.to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

/// The signal of an entity that was read; one that is not there, or in the bin, is gone.
pub fn shown(entity: &Entity, body: Option<&Value>, zone_field: Option<u64>) -> Signal {
    let id = entity.id();
    let Some(body) = body.filter(|body| body.is_object() && body["is_deleted"] != Value::Bool(true)) else {
        return match entity {
            Entity::Lead(lead) => Signal::LeadGone { lead: *lead, looked: false },
            Entity::Task(task) => Signal::TaskGone { task: *task },
            Entity::Contact(contact) => Signal::ContactGone { contact: *contact, read: true },
            Entity::Note { .. } => Signal::Nothing { what: "a note that is gone".to_owned() },
        };
    };
    match entity {
        Entity::Lead(_) => Signal::LeadSeen(Box::new(read_lead::seen(id, body))),
        Entity::Task(_) => Signal::TaskSeen(Box::new(task(id, body))),
        Entity::Contact(_) => Signal::ContactSeen {
            contact: id,
            facts: contact(body, zone_field),
            card: mirror::card(body),
            read: true,
        },
        Entity::Note { .. } => Signal::NoteSeen(Box::new(note(id, body))),
    }
}

/// The one signal of a found request.
pub fn signal(bytes: &[u8], zone_field: Option<u64>) -> Result<Signal, Undecodable> {
    let broken = || Undecodable("not the body of a found entity".to_owned());
    let body: Value = serde_json::from_slice(bytes).map_err(|_| broken())?;
    let id: u64 = number(&body["id"]).ok_or_else(broken)?;
    let all = [Entity::Lead(id), Entity::Task(id), Entity::Contact(id), Entity::Note { lead: 0, note: id }];
    let found = all.iter().find_map(|entity| Some((entity, body.get(entity.word())?)));
    let (entity, body) = found.ok_or_else(broken)?;
    Ok(shown(entity, Some(body), zone_field))
}

fn moment(value: &Value) -> Option<At> {
    number(value).and_then(|at| DateTime::from_timestamp(at, 0))
}

fn task(id: u64, body: &Value) -> SeenTask {
    let result = text(&body["result"]["text"]);
    SeenTask {
        task: id,
        text: text(&body["text"]).to_owned(),
        done: body["is_completed"] == Value::Bool(true),
        result: Some(result).filter(|result| !result.is_empty()).map(str::to_owned),
        due: moment(&body["complete_till"]),
        responsible: number(&body["responsible_user_id"]),
        lead: number(&body["entity_id"]).filter(|_| text(&body["entity_type"]) == "leads"),
        updated_at: moment(&body["updated_at"]),
        read: true,
    }
}

/// A person as a read shows them; the first number is the main one.
pub fn contact(body: &Value, zone_field: Option<u64>) -> ClientFacts {
    let name = text(&body["name"]);
    let mut facts = ClientFacts {
        name: Some(name).filter(|name| !name.is_empty()).map(str::to_owned),
        ..ClientFacts::default()
    };
    for field in list(&body["custom_fields_values"]) {
        let values = list(&field["values"]).iter().map(|value| text(&value["value"]).trim());
        let mut values = values.filter(|value| !value.is_empty());
        let all = values.clone();
        match text(&field["field_code"]) {
            "PHONE" => {
                facts.phone = values.next().map(|first| {
                    let typed = Phone::parse(first);
                    let second = values.next().and_then(|second| Phone::parse(second).e164);
                    Phone { second: typed.second.clone().or(second), ..typed }
                });
            }
            "EMAIL" => facts.email = values.next().map(str::to_lowercase),
            _ if zone_field.is_some() && number(&field["field_id"]) == zone_field => {
                facts.zone = values.next().map(str::to_owned);
            }
            _ => {}
        }
        facts.carry(text(&field["field_code"]), all);
    }
    facts
}

fn note(id: u64, body: &Value) -> SeenNote {
    SeenNote {
        note: id,
        lead: number(&body["entity_id"]),
        common: text(&body["note_type"]) == "common",
        text: text(&body["params"]["text"]).to_owned(),
        by: number(&body["created_by"]).filter(|user: &u64| *user != 0),
        created_at: moment(&body["created_at"]),
        read: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_read_entity_gives_the_signal_of_a_webhook() {
        let check = |body: Value, expected: Signal| {
            assert_eq!(signal(&request(&body).body, Some(801_501)), Ok(expected), "{body}");
        };
        let at = |second: i64| DateTime::from_timestamp(1_773_738_000 + second, 0);
        check(
            json!({ "id": 7710455, "task": { "id": 7710455, "text": "Позвонить [t1·gc-1]", "is_completed": true,
                "result": { "text": "Дозвонился" }, "complete_till": 1773738600, "responsible_user_id": 10412345,
                "entity_id": 41290077, "entity_type": "leads", "updated_at": 1773738000 } }),
            Signal::TaskSeen(Box::new(SeenTask {
                task: 7_710_455,
                text: "Позвонить [t1·gc-1]".to_owned(),
                done: true,
                result: Some("Дозвонился".to_owned()),
                due: at(600),
                responsible: Some(10_412_345),
                lead: Some(41_290_077),
                updated_at: at(0),
                read: true,
            })),
        );
        check(json!({ "id": 5, "task": null }), Signal::TaskGone { task: 5 });
        check(json!({ "id": 6, "lead": null }), Signal::LeadGone { lead: 6, looked: false });
        check(json!({ "id": 7, "contact": null }), Signal::ContactGone { contact: 7, read: true });
        let contact = json!({ "name": "Анна", "custom_fields_values": [
            { "field_id": 1, "field_code": "PHONE", "values": [{ "value": "+7 916 555-01-37" }, { "value": "89165550138" }] },
            { "field_id": 2, "field_code": "EMAIL", "values": [{ "value": "Anna@Example.com" }] },
            { "field_id": 801501, "field_code": null, "values": [{ "value": "Asia/Omsk" }] },
        ] });
        let phone = Phone { second: Some("+79165550138".to_owned()), ..Phone::parse("+7 916 555-01-37") };
        check(
            json!({ "id": 8, "contact": contact }),
            Signal::ContactSeen {
                contact: 8,
                facts: ClientFacts {
                    name: Some("Анна".to_owned()),
                    phone: Some(phone),
                    email: Some("anna@example.com".to_owned()),
                    zone: Some("Asia/Omsk".to_owned()),
                    ..ClientFacts::default()
                },
                card: None,
                read: true,
            },
        );
        let broken = signal(b"{}", None);
        assert!(broken.is_err(), "{broken:?}");
    }

    #[test]
    fn an_entity_is_stored_and_read_back() {
        for entity in
            [Entity::Lead(1), Entity::Contact(2), Entity::Task(3), Entity::Note { lead: 4, note: 5 }]
        {
            assert_eq!(Entity::try_from(String::from(entity.clone())), Ok(entity));
        }
        assert!(Entity::try_from("lead/x".to_owned()).is_err());
    }
}
