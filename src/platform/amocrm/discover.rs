//! What an account contains, as far as the configuration may refer to it. Never changes anything and never
//! reads a lead or a person. Enter at [`discover`]; `compare` finds what the school's file names in vain.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::card::{list, number, page, text};
use super::client::{ACCOUNT, AmoClient, Call};
use crate::platform::Fault;
use crate::process::Urgency;

/// Most pages of users or fields that are read, with 250 on each.
const PAGES_MAX: usize = 8;

/// An account, as far as the configuration may refer to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    pub account_id: u64,
    pub name: String,
    /// IANA zone of the account.
    pub zone: String,
    pub users: Vec<User>,
    pub pipelines: Vec<Pipeline>,
    pub task_types: Vec<Named>,
    pub loss_reasons: Vec<Named>,
    pub lead_fields: Vec<Field>,
    pub contact_fields: Vec<Field>,
    /// Parts that could not be read, and why: nothing is known of what they lack.
    pub unread: BTreeMap<Part, String>,
}

/// A list that an account may refuse on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Users,
    LossReasons,
    LeadFields,
    ContactFields,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub id: u64,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub active: bool,
    pub admin: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pipeline {
    pub id: u64,
    pub name: String,
    pub archived: bool,
    pub statuses: Vec<Named>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    pub id: u64,
    pub name: String,
    /// As amoCRM names it: `text`, `select`, `date_time` …
    #[serde(rename = "type")]
    pub kind: String,
    /// What may be chosen in a list.
    pub choices: Vec<String>,
}

/// Reads everything. The token must belong to an administrator: users are hidden from others.
pub async fn discover(client: &AmoClient) -> Result<Found, Fault> {
    let asked = [("with", "task_types,datetime_settings")];
    let account = read(client, ACCOUNT, &asked).await?;
    // Nothing is compared with a page that is none of an account.
    let account_id =
        number(&account["id"]).ok_or_else(|| Fault::never("there is no account at this address"))?;
    let pipelines = read(client, "/api/v4/leads/pipelines", &[]).await?;
    let mut found = Found {
        account_id,
        name: text(&account["name"]).to_owned(),
        zone: text(&account["_embedded"]["datetime_settings"]["timezone"]).to_owned(),
        pipelines: page(&pipelines, "pipelines").iter().filter_map(pipeline).collect(),
        task_types: names(page(&account, "task_types")),
        ..Found::default()
    };
    let reasons = found.part(client, Part::LossReasons).await?;
    let users = found.part(client, Part::Users).await?;
    let lead_fields = found.part(client, Part::LeadFields).await?;
    let contact_fields = found.part(client, Part::ContactFields).await?;
    found.loss_reasons = names(&reasons);
    found.users = users.iter().filter_map(user).collect();
    found.lead_fields = lead_fields.iter().filter_map(field).collect();
    found.contact_fields = contact_fields.iter().filter_map(field).collect();
    Ok(found)
}

impl Found {
    /// Pipelines that a lead can be in.
    pub fn live_pipelines(&self) -> impl Iterator<Item = &Pipeline> {
        self.pipelines.iter().filter(|pipeline| !pipeline.archived)
    }

    /// Whether a list was read to its end.
    pub(super) fn knows(&self, part: Part) -> bool {
        !self.unread.contains_key(&part)
    }

    /// All pages of a list. A list that is denied, while the account is open, hides nothing else.
    async fn part(&mut self, client: &AmoClient, part: Part) -> Result<Vec<Value>, Fault> {
        let (path, name) = match part {
            Part::Users => ("/api/v4/users", "users"),
            Part::LossReasons => ("/api/v4/leads/loss_reasons", "loss_reasons"),
            Part::LeadFields => ("/api/v4/leads/custom_fields", "custom_fields"),
            Part::ContactFields => ("/api/v4/contacts/custom_fields", "custom_fields"),
        };
        let mut items = Vec::new();
        for at in 1..=PAGES_MAX {
            let body = match read(client, path, &[("limit", "250"), ("page", &at.to_string())]).await {
                Err(Fault::Denied { why }) => {
                    self.unread.insert(part, why);
                    return Ok(Vec::new());
                }
                body => body?,
            };
            items.extend_from_slice(page(&body, name));
            if body["_links"]["next"].is_null() {
                return Ok(items);
            }
        }
        self.unread.insert(part, format!("there are more than {}", items.len()));
        Ok(items)
    }
}

/// Whether the account lets us in at all, whatever the user may do in it.
pub async fn is_open(client: &AmoClient) -> Result<(), Fault> {
    read(client, ACCOUNT, &[]).await.map(|_| ())
}

async fn read(client: &AmoClient, path: &str, query: &[(&str, &str)]) -> Result<Value, Fault> {
    let found = client.read(&Call::get(path, query, Urgency::Backfill)).await?;
    Ok(found.unwrap_or(Value::Null))
}

fn names(items: &[Value]) -> Vec<Named> {
    let named = |one: &Value| Some(Named { id: number(&one["id"])?, name: text(&one["name"]).to_owned() });
    items.iter().filter_map(named).collect()
}

/// A user without rights in the list counts as active.
fn user(value: &Value) -> Option<User> {
    let active = value["rights"]["is_active"] != Value::Bool(false);
    let admin = value["rights"]["is_admin"] == Value::Bool(true);
    Some(User { id: number(&value["id"])?, name: text(&value["name"]).to_owned(), active, admin })
}

fn pipeline(value: &Value) -> Option<Pipeline> {
    Some(Pipeline {
        id: number(&value["id"])?,
        name: text(&value["name"]).to_owned(),
        archived: value["is_archive"] == Value::Bool(true),
        statuses: names(list(&value["_embedded"]["statuses"])),
    })
}

fn field(value: &Value) -> Option<Field> {
    let choices = list(&value["enums"]).iter().map(|choice| text(&choice["value"]).to_owned());
    Some(Field {
        id: number(&value["id"])?,
        name: text(&value["name"]).to_owned(),
        kind: text(&value["type"]).to_owned(),
        choices: choices.collect(),
    })
}
