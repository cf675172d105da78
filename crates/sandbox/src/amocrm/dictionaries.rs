//! Account, users, pipelines, loss reasons, field definitions, tags and the event log (sheet 3.1, 3.2,
//! 3.13–3.16, 3.21). It never changes anything but the dictionary of tags. Enter at the methods that
//! `Account::route` names.

use serde_json::{Value, json};

use super::checks::{hal, page, problem};
use super::model::Entity;
use super::{Account, with};
use crate::setup::{FieldSetup, PipelineSetup, UserSetup};
use crate::wire::{WireAnswer, WireRequest};

impl Account {
    pub(super) fn account(&self, request: &WireRequest) -> WireAnswer {
        let mut body = json!({
            "id": self.setup.account_id, "name": self.setup.name, "subdomain": self.setup.subdomain,
            "current_user_id": self.setup.token_user, "country": "RU", "customers_mode": "segments",
            "is_unsorted_on": true, "is_loss_reason_enabled": true, "is_helpbot_enabled": false,
            "is_technical_account": false, "contact_name_display_order": 1,
            "_links": self.frame().links("/api/v4/account"), "_embedded": {},
        });
        for word in with(request) {
            match word.as_str() {
                "amojo_id" => body["amojo_id"] = json!("66666666-7777-4888-8999-000000000000"),
                "version" => body["version"] = json!(16),
                "drive_url" => body["drive_url"] = json!("https://drive-b.amocrm.ru"),
                "is_api_filter_enabled" => {
                    body["is_api_filter_enabled"] = json!(self.setup.is_api_filter_enabled)
                }
                "users_groups" => {
                    body["_embedded"]["users_groups"] =
                        json!([{"id": 0, "name": "Отдел продаж", "uuid": null}])
                }
                "task_types" => {
                    body["_embedded"]["task_types"] = json!([
                        {"id": 1, "name": "Связаться", "color": null, "icon_id": null, "code": "FOLLOW_UP"},
                        {"id": 2, "name": "Встреча", "color": null, "icon_id": null, "code": "MEETING"}]);
                }
                "datetime_settings" => {
                    body["_embedded"]["datetime_settings"] = json!({
                        "date_pattern": "d.m.Y H:i", "short_date_pattern": "d.m.Y", "short_time_pattern": "H:i",
                        "date_formant": "d.m.Y", "time_format": "H:i:s", "timezone": self.zone.name(), "timezone_offset": "+03:00"});
                }
                _ => {}
            }
        }
        hal(200, &body)
    }

    pub(super) fn users(&self, request: &WireRequest, rest: &[&str]) -> WireAnswer {
        match rest {
            [] => {
                let shown: Vec<Value> = self.setup.users.iter().map(|user| self.read_user(user)).collect();
                page(request, "users", shown, (50, 250), &self.host)
            }
            [id] => match self.setup.users.iter().find(|user| user.id.to_string() == *id) {
                Some(user) => hal(200, &self.read_user(user)),
                None => problem(404, "Not Found", "User not found"),
            },
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    fn read_user(&self, user: &UserSetup) -> Value {
        json!({
            "id": user.id, "name": user.name, "email": user.email, "lang": "ru",
            "rights": {"leads": {"view": "A", "edit": "A", "add": "A", "delete": "D", "export": "D"},
                       "tasks": {"edit": "A", "delete": "A"}, "mail_access": false, "catalog_access": false,
                       "is_admin": user.admin, "is_free": false, "is_active": user.active, "group_id": 0,
                       "role_id": null, "status_rights": null},
            "phone_number": user.phone, "_links": self.frame().links(&format!("/api/v4/users/{}", user.id)),
            "_embedded": {"roles": [], "groups": [{"id": 0, "name": "Отдел продаж"}]},
        })
    }

    pub(super) fn pipelines(&self, request: &WireRequest, rest: &[&str]) -> WireAnswer {
        let find = |id: &str| self.setup.pipelines.iter().position(|pipeline| pipeline.id.to_string() == id);
        match rest {
            [] => {
                let shown: Vec<Value> =
                    (0..self.setup.pipelines.len()).map(|index| self.read_pipeline(index)).collect();
                page(request, "pipelines", shown, (250, 250), &self.host)
            }
            [id] => find(id).map_or_else(
                || problem(404, "Not Found", "No such pipeline"),
                |index| hal(200, &self.read_pipeline(index)),
            ),
            [id, "statuses"] => match find(id) {
                Some(index) => page(
                    request,
                    "statuses",
                    self.statuses(&self.setup.pipelines[index]),
                    (250, 250),
                    &self.host,
                ),
                None => problem(404, "Not Found", "No such pipeline"),
            },
            [id, "statuses", status] => {
                let found = find(id).map(|index| self.statuses(&self.setup.pipelines[index]));
                let found = found.into_iter().flatten().find(|shown| is_number(&shown["id"], status));
                found.map_or_else(|| problem(404, "Not Found", "No such status"), |shown| hal(200, &shown))
            }
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    fn read_pipeline(&self, index: usize) -> Value {
        let pipeline = &self.setup.pipelines[index];
        let main = self.main_pipeline().is_some_and(|main| main.id == pipeline.id);
        json!({
            "id": pipeline.id, "name": pipeline.name, "sort": index + 1, "is_main": main, "is_unsorted_on": true,
            "is_archive": false, "account_id": self.setup.account_id,
            "_links": self.frame().links(&format!("/api/v4/leads/pipelines/{}", pipeline.id)),
            "_embedded": {"statuses": self.statuses(pipeline)},
        })
    }

    fn statuses(&self, pipeline: &PipelineSetup) -> Vec<Value> {
        let line = |id: i64, name: &str, sort: usize, kind: i64, editable: bool| {
            json!({"id": id, "name": name, "sort": sort, "is_editable": editable, "pipeline_id": pipeline.id,
                   "color": "#99ccff", "type": kind, "account_id": self.setup.account_id})
        };
        // The unsorted status of a pipeline: an id of its own that no script uses.
        let mut lines = vec![line(pipeline.id * 10 + 1, "Неразобранное", 10, 1, false)];
        let ordinary = pipeline.statuses.iter().enumerate();
        lines.extend(ordinary.map(|(index, status)| line(status.id, &status.name, 20 + 10 * index, 0, true)));
        lines.push(line(super::model::WON, "Успешно реализовано", 10_000, 0, false));
        lines.push(line(super::model::LOST, "Закрыто и не реализовано", 11_000, 0, false));
        lines
    }

    pub(super) fn loss_reasons(&self, request: &WireRequest, rest: &[&str]) -> WireAnswer {
        let reasons = self.setup.loss_reasons.iter().enumerate();
        let mut shown: Vec<Value> = reasons
            .map(|(index, reason)| json!({"id": reason.id, "name": reason.name, "sort": (index + 1) * 100, "created_at": 1_700_000_000, "updated_at": 1_700_000_000}))
            .collect();
        match rest {
            [] => page(request, "loss_reasons", shown, (50, 250), &self.host),
            [id, ..] => {
                shown.retain(|reason| is_number(&reason["id"], id));
                shown
                    .pop()
                    .map_or_else(|| problem(404, "Not Found", "No such reason"), |reason| hal(200, &reason))
            }
        }
    }

    pub(super) fn custom_fields(&self, request: &WireRequest, kind: &str, rest: &[&str]) -> WireAnswer {
        let book = if kind == "leads" { &self.lead_book } else { &self.contact_book };
        let mut shown: Vec<Value> = book
            .0
            .iter()
            .enumerate()
            .map(|(index, field)| read_field(field, index, kind, self.setup.account_id))
            .collect();
        match rest {
            [] => page(request, "custom_fields", shown, (50, 250), &self.host),
            [id, ..] => {
                shown.retain(|field| is_number(&field["id"], id));
                shown
                    .pop()
                    .map_or_else(|| problem(404, "Not Found", "No such field"), |field| hal(200, &field))
            }
        }
    }

    pub(super) fn tags_of(&mut self, request: &WireRequest, kind: &str) -> WireAnswer {
        let entity = if kind == "leads" { Entity::Leads } else { Entity::Contacts };
        if request.method == "GET" {
            let wanted = request.query().get("query").unwrap_or("").to_owned();
            let known = self.tags.iter().filter(|((of, name), _)| *of == entity && name.contains(&wanted));
            let shown: Vec<Value> =
                known.map(|((_, name), id)| json!({"id": id, "name": name, "color": null})).collect();
            return page(request, "tags", shown, (50, 250), &self.host);
        }
        let Some(Value::Array(items)) = request.json() else {
            return problem(400, "Bad Request", "An array is needed");
        };
        let names: Vec<String> =
            items.iter().filter_map(|item| Some(item.get("name")?.as_str()?.to_owned())).collect();
        let made: Vec<Value> = names
            .iter()
            .map(|name| self.tag(entity, name))
            .map(|tag| json!({"id": tag.id, "name": tag.name, "color": null}))
            .collect();
        hal(200, &json!({"_total_items": made.len(), "_embedded": {"tags": made}}))
    }

    pub(super) fn events(&self, request: &WireRequest) -> WireAnswer {
        let query = request.query();
        let (types, kinds, ids) =
            (query.list("filter[type]"), query.list("filter[entity]"), query.list("filter[entity_id]"));
        if ids.len() > 10 || (!ids.is_empty() && kinds.len() != 1) {
            return problem(400, "Bad Request", "filter[entity_id] takes up to 10 ids of exactly one entity");
        }
        let types: Vec<&str> = types.iter().flat_map(|text| text.split(',')).collect();
        let kinds: Vec<&str> = kinds.iter().flat_map(|text| text.split(',')).collect();
        // A changed field is filtered by the general type, and answered with its own.
        let is_asked = |kind: &str| {
            let is_field = kind.starts_with("custom_field_") && kind.ends_with("_value_changed");
            types.contains(&kind) || (is_field && types.contains(&"custom_field_value_changed"))
        };
        let found = self.log.iter().filter(|entry| {
            (types.is_empty() || is_asked(&entry.kind))
                && (kinds.is_empty() || kinds.contains(&entry.entity_type))
                && (ids.is_empty() || ids.contains(&entry.entity_id.to_string().as_str()))
                && query.int("filter[created_at][from]").is_none_or(|from| entry.created_at >= from)
                && query.int("filter[created_at][to]").is_none_or(|to| entry.created_at <= to)
        });
        let shown: Vec<Value> = found
            .rev()
            .filter_map(|entry| {
                let mut shown = serde_json::to_value(entry).ok()?;
                shown["account_id"] = json!(self.setup.account_id);
                Some(shown)
            })
            .collect();
        page(request, "events", shown, (100, 100), &self.host)
    }
}

fn read_field(field: &FieldSetup, index: usize, kind: &str, account: i64) -> Value {
    let enums: Vec<Value> = field
        .enums
        .iter()
        .enumerate()
        .map(|(sort, choice)| json!({"id": choice.id, "value": choice.value, "sort": sort + 1, "code": choice.code}))
        .collect();
    json!({
        "id": field.id, "name": field.name, "code": field.code, "sort": 500 + index, "type": field.kind,
        "entity_type": kind, "group_id": null, "is_api_only": false, "is_predefined": field.kind == "multitext",
        "is_deletable": field.kind != "multitext", "is_computed": false, "required_statuses": [], "account_id": account,
        "enums": if enums.is_empty() { Value::Null } else { Value::Array(enums) }, "remind": null, "currency": null,
    })
}

fn is_number(value: &Value, text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| value.as_i64() == Some(number))
}
