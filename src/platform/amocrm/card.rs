//! Leads and contacts as amoCRM's reads show them, reduced to what the bridge compares. Never requires a key:
//! lists may be null, numbers may be texts, objects may be empty lists. Enter at [`Lead::read`] and
//! [`Contact::read`].

use serde_json::{Value, json};

use super::numbers::same_phone;
use super::wire::{LOST, WON};
use crate::process::command::PersonFacts;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lead {
    pub id: u64,
    pub name: String,
    pub price: i64,
    pub pipeline: u64,
    pub status: u64,
    pub loss_reason: Option<u64>,
    /// Unix seconds.
    pub created_at: i64,
    pub fields: Vec<(u64, Vec<String>)>,
    pub tags: Vec<String>,
    /// The main contact first.
    pub contacts: Vec<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contact {
    pub id: u64,
    pub name: String,
    /// Unix seconds.
    pub updated_at: i64,
    pub fields: Vec<(u64, Vec<String>)>,
    /// As they came: a write replaces the whole set, so the old phones are sent again.
    pub phones: Vec<Value>,
    pub emails: Vec<Value>,
    /// The newest first.
    pub leads: Vec<u64>,
}

impl Lead {
    pub fn read(value: &Value) -> Option<Self> {
        let linked = list(&value["_embedded"]["contacts"]);
        let mut contacts: Vec<(bool, u64)> = linked
            .iter()
            .filter_map(|one| Some((one["is_main"] != json!(true), number(&one["id"])?)))
            .collect();
        contacts.sort();
        let tags = list(&value["_embedded"]["tags"]).iter();
        Some(Self {
            id: number(&value["id"])?,
            name: text(&value["name"]).to_owned(),
            price: number(&value["price"]).unwrap_or_default(),
            pipeline: number(&value["pipeline_id"]).unwrap_or_default(),
            status: number(&value["status_id"]).unwrap_or_default(),
            loss_reason: number(&value["loss_reason_id"]),
            created_at: number(&value["created_at"]).unwrap_or_default(),
            fields: fields(value).map(|field| (field.id, texts(field.values))).collect(),
            tags: tags.map(|tag| text(&tag["name"]).to_owned()).collect(),
            contacts: contacts.into_iter().map(|(_, id)| id).collect(),
        })
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.status, WON | LOST)
    }

    pub fn has_field(&self, id: u64) -> bool {
        filled(&self.fields, id)
    }

    pub fn field(&self, id: u64) -> Option<&str> {
        let (_, values) = self.fields.iter().find(|(have, _)| *have == id)?;
        values.first().map(String::as_str)
    }
}

impl Contact {
    pub fn read(value: &Value) -> Option<Self> {
        let coded = |code: &str| {
            let field = fields(value).find(|field| field.code == code);
            field.map(|field| list(field.values).to_vec()).unwrap_or_default()
        };
        let leads = list(&value["_embedded"]["leads"]);
        let mut leads: Vec<u64> = leads.iter().filter_map(|lead| number(&lead["id"])).collect();
        leads.sort_unstable_by(|one, other| other.cmp(one));
        Some(Self {
            id: number(&value["id"])?,
            name: text(&value["name"]).to_owned(),
            updated_at: number(&value["updated_at"]).unwrap_or_default(),
            fields: fields(value).map(|field| (field.id, texts(field.values))).collect(),
            phones: coded("PHONE"),
            emails: coded("EMAIL"),
            leads,
        })
    }

    /// Whether the contact has a number or an e-mail of this person.
    pub fn is(&self, person: &PersonFacts) -> bool {
        person.phones.iter().any(|phone| self.has_phone(phone))
            || person.emails.iter().any(|email| self.has_email(email))
    }

    pub fn has_phone(&self, phone: &str) -> bool {
        self.phones.iter().any(|one| same_phone(text(&one["value"]), phone))
    }

    pub fn has_email(&self, email: &str) -> bool {
        self.emails.iter().any(|one| text(&one["value"]).trim().to_lowercase() == email.trim().to_lowercase())
    }

    pub fn has_field(&self, id: u64) -> bool {
        filled(&self.fields, id)
    }
}

/// A stored value in the form in which it can be written again: choices by their ids.
pub fn again(value: &Value) -> Value {
    let code = if value["enum_code"].is_string() { &value["enum_code"] } else { &value["enum"] };
    if let Some(id) = number::<u64>(&value["enum_id"]) {
        json!({ "value": value["value"], "enum_id": id })
    } else if code.is_string() {
        json!({ "value": value["value"], "enum_code": code })
    } else {
        json!({ "value": value["value"] })
    }
}

/// A number, or a text that holds one.
pub fn number<T: std::str::FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// An array; anything else (null, an object, nothing) counts as an empty one.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entities of a page: `_embedded.{name}`.
pub fn page<'a>(body: &'a Value, name: &str) -> &'a [Value] {
    list(&body["_embedded"][name])
}

struct Field<'a> {
    id: u64,
    code: &'a str,
    values: &'a Value,
}

fn fields(value: &Value) -> impl Iterator<Item = Field<'_>> {
    list(&value["custom_fields_values"]).iter().filter_map(|field| {
        let code = text(&field["field_code"]);
        Some(Field { id: number(&field["field_id"])?, code, values: &field["values"] })
    })
}

fn texts(values: &Value) -> Vec<String> {
    let as_text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    list(values).iter().map(|one| as_text(&one["value"])).collect()
}

fn filled(fields: &[(u64, Vec<String>)], id: u64) -> bool {
    fields.iter().any(|(have, values)| *have == id && values.iter().any(|value| !value.is_empty()))
}
