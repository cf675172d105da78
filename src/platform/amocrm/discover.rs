//! What the account contains, and where the school's file names something that is missing there. Never
//! changes anything and never reads a lead or a person. Enter at [`discover`] and [`Found::against`]; `check
//! --online` and `discover` print the results.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::card::{list, number, page, text};
use super::client::{AmoClient, Call};
use super::settings::Settings;
use super::wire::{LOST, WON};
use crate::json;
use crate::platform::Fault;
use crate::process::{ManagerId, Urgency};

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
    pub lead_fields: Vec<Named>,
    pub contact_fields: Vec<Named>,
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pipeline {
    pub id: u64,
    pub name: String,
    pub archived: bool,
    pub statuses: Vec<Named>,
}

/// A key of `[amocrm]` that names something that is missing in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Dotted, below the school's file: `amocrm.pipelines.sales.id`.
    pub key: String,
    pub wrong: String,
    pub allowed: String,
}

/// Reads everything. The token must belong to an administrator: users and fields are hidden from others.
pub async fn discover(client: &AmoClient) -> Result<Found, Fault> {
    let asked = [("with", "task_types,datetime_settings")];
    let account = read(client, "/api/v4/account", &asked).await?;
    let pipelines = read(client, "/api/v4/leads/pipelines", &[]).await?;
    let reasons = all(client, "/api/v4/leads/loss_reasons", "loss_reasons").await?;
    let users = all(client, "/api/v4/users", "users").await?;
    Ok(Found {
        account_id: number(&account["id"]).unwrap_or_default(),
        name: text(&account["name"]).to_owned(),
        zone: text(&account["_embedded"]["datetime_settings"]["timezone"]).to_owned(),
        users: users.iter().filter_map(user).collect(),
        pipelines: page(&pipelines, "pipelines").iter().filter_map(pipeline).collect(),
        task_types: names(page(&account, "task_types")),
        loss_reasons: names(&reasons),
        lead_fields: names(&all(client, "/api/v4/leads/custom_fields", "custom_fields").await?),
        contact_fields: names(&all(client, "/api/v4/contacts/custom_fields", "custom_fields").await?),
    })
}

impl Found {
    /// Everything in the settings and the roster that the account lacks.
    pub fn against(&self, settings: &Settings, managers: &BTreeMap<ManagerId, u64>) -> Vec<Mismatch> {
        let mut problems = Vec::new();
        let mut say = |key: String, wrong: String, allowed: String| {
            problems.push(Mismatch { key, wrong, allowed });
        };
        if settings.account_id.is_some_and(|id| id != self.account_id) {
            say("amocrm.account_id".into(), "another account".into(), self.account_id.to_string());
        }
        for (role, wanted) in &settings.pipelines {
            let key = format!("amocrm.pipelines.{}", role.as_str());
            let Some(pipeline) = self.pipelines.iter().find(|one| one.id == wanted.id && !one.archived)
            else {
                let have = self.pipelines.iter().filter(|one| !one.archived);
                let have = have.map(|one| format!("{} «{}»", one.id, one.name)).collect::<Vec<_>>();
                say(format!("{key}.id"), format!("no pipeline {}", wanted.id), have.join(", "));
                continue;
            };
            for (stage, status) in &wanted.stages {
                if !matches!(*status, WON | LOST) && !has(&pipeline.statuses, *status) {
                    let wrong = format!("no status {status} in «{}»", pipeline.name);
                    say(format!("{key}.stages.{}", json::name(stage)), wrong, listed(&pipeline.statuses));
                }
            }
        }
        for (key, field, have) in [
            ("amocrm.order_number_field", settings.order_number_field, &self.lead_fields),
            ("amocrm.zone_field", settings.zone_field, &self.contact_fields),
        ] {
            if let Some(field) = field.filter(|field| !has(have, *field)) {
                say(key.into(), format!("no field {field}"), listed(have));
            }
        }
        for (reason, id) in settings.loss_reasons.iter().filter(|(_, id)| !has(&self.loss_reasons, **id)) {
            let key = format!("amocrm.loss_reasons.{}", json::name(reason));
            say(key, format!("no loss reason {id}"), listed(&self.loss_reasons));
        }
        for (kind, id) in settings.task_types.iter().filter(|(_, id)| !has(&self.task_types, **id)) {
            let key = format!("amocrm.task_types.{}", json::name(kind));
            say(key, format!("no task type {id}"), listed(&self.task_types));
        }
        for (manager, user) in managers {
            if !self.users.iter().any(|one| one.id == *user && one.active) {
                let active = self.users.iter().filter(|one| one.active);
                let active = active.map(|one| format!("{} «{}»", one.id, one.name)).collect::<Vec<_>>();
                say(
                    format!("managers.{manager}.amocrm"),
                    format!("no active user {user}"),
                    active.join(", "),
                );
            }
        }
        problems
    }
}

/// Whether the account lets us in at all, whatever the user may do in it.
pub async fn is_open(client: &AmoClient) -> Result<(), Fault> {
    read(client, "/api/v4/account", &[]).await.map(|_| ())
}

async fn read(client: &AmoClient, path: &str, query: &[(&str, &str)]) -> Result<Value, Fault> {
    let found = client.read(&Call::get(path, query, Urgency::Backfill)).await?;
    Ok(found.unwrap_or(Value::Null))
}

/// All pages of a list.
async fn all(client: &AmoClient, path: &str, name: &str) -> Result<Vec<Value>, Fault> {
    let mut items = Vec::new();
    for at in 1..=PAGES_MAX {
        let body = read(client, path, &[("limit", "250"), ("page", &at.to_string())]).await?;
        items.extend_from_slice(page(&body, name));
        if body["_links"]["next"].is_null() {
            break;
        }
    }
    Ok(items)
}

fn names(items: &[Value]) -> Vec<Named> {
    let named = |one: &Value| Some(Named { id: number(&one["id"])?, name: text(&one["name"]).to_owned() });
    items.iter().filter_map(named).collect()
}

/// A user without rights in the list counts as active.
fn user(value: &Value) -> Option<User> {
    let active = value["rights"]["is_active"] != Value::Bool(false);
    Some(User { id: number(&value["id"])?, name: text(&value["name"]).to_owned(), active })
}

fn pipeline(value: &Value) -> Option<Pipeline> {
    Some(Pipeline {
        id: number(&value["id"])?,
        name: text(&value["name"]).to_owned(),
        archived: value["is_archive"] == Value::Bool(true),
        statuses: names(list(&value["_embedded"]["statuses"])),
    })
}

fn has(items: &[Named], id: u64) -> bool {
    items.iter().any(|one| one.id == id)
}

fn listed(items: &[Named]) -> String {
    items.iter().map(|one| format!("{} «{}»", one.id, one.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::platform::amocrm::fake::{BASE, OneToken, Script, get};

    fn found() -> Found {
        let list =
            |name: &str, items: Value| json!({ "_links": { "next": null }, "_embedded": { name: items } });
        let script = vec![
            get(
                "/api/v4/account?with=task_types,datetime_settings",
                200,
                json!({ "id": 31877554, "name": "Школа Рост", "_embedded": {
                    "task_types": [{ "id": 1, "name": "Связаться" }],
                    "datetime_settings": { "timezone": "Europe/Moscow" } } }),
            ),
            get(
                "/api/v4/leads/pipelines",
                200,
                list(
                    "pipelines",
                    json!([
                        { "id": 8123410, "name": "Продажи", "is_archive": false, "_embedded": { "statuses": [
                            { "id": 66104106, "name": "Новая заявка" }, { "id": 142, "name": "Успешно" }] } },
                        { "id": 8123499, "name": "Старая", "is_archive": true, "_embedded": { "statuses": [] } },
                    ]),
                ),
            ),
            get("/api/v4/leads/loss_reasons?limit=250&page=1", 204, Value::Null),
            get(
                "/api/v4/users?limit=250&page=1",
                200,
                list(
                    "users",
                    json!([
                        { "id": 10412345, "name": "Марина", "rights": { "is_active": true } },
                        { "id": 10412350, "name": "Олег", "rights": { "is_active": false } },
                    ]),
                ),
            ),
            get(
                "/api/v4/leads/custom_fields?limit=250&page=1",
                200,
                list("custom_fields", json!([{ "id": 901337, "name": "Номер заказа" }])),
            ),
            get("/api/v4/contacts/custom_fields?limit=250&page=1", 204, Value::Null),
        ];
        let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(discover(&client)).expect("all is there")
    }

    #[test]
    fn what_the_account_does_not_have_is_named_with_what_it_has() {
        let settings: Settings = toml::from_str(
            r#"
            url = "https://shkolarost.amocrm.ru"
            account_id = 31877554
            order_number_field = 901337
            zone_field = 884240
            auth = { by = "long_lived", token = { env = "AMO_TOKEN" } }
            loss_reasons = { price = 7 }
            task_types = { call = 1, ask = 2 }
            [pipelines.sales]
            id = 8123410
            stages = { new = 66104106, in_work = 5, won = 142 }
            [pipelines.revival]
            id = 8123499
            stages = {}
            "#,
        )
        .expect("good settings");
        let managers = BTreeMap::from([("marina".into(), 10_412_345), ("oleg".into(), 10_412_350)]);
        let problems = found().against(&settings, &managers);
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "amocrm.pipelines.sales.stages.in_work",
                "amocrm.pipelines.revival.id",
                "amocrm.zone_field",
                "amocrm.loss_reasons.price",
                "amocrm.task_types.ask",
                "managers.oleg.amocrm",
            ]
        );
        assert_eq!(problems[1].allowed, "8123410 «Продажи»");
    }
}
