//! Account, users, roles, pipelines, loss reasons, field definitions and tags (sheet 3.1, 3.2, 3.13–3.16). It never changes anything but the dictionary of tags. Enter at the methods that
//! `Account::route` names.

use serde_json::{Value, json};

use super::checks::{hal, page, problem};
use super::model::Entity;
use super::unsorted::unsorted_status;
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
                page(request, "users", shown, (50, 250), &self.base)
            }
            [id] => match self.setup.users.iter().find(|user| user.id.to_string() == *id) {
                Some(user) => hal(200, &self.read_user(user)),
                None => problem(404, "Not Found", "User not found"),
            },
            _ => problem(404, "Not Found", "No such method"),
        }
    }

    pub(super) fn roles(&self, request: &WireRequest, rest: &[&str]) -> WireAnswer {
        let shown = self.setup.roles.iter().map(|role| {
            json!({"id": role.id, "name": role.name, "rights": rights(), "_links": self.frame().links(&format!("/api/v4/roles/{}", role.id)),
                   "_embedded": {"users": []}})
        });
        let mut shown: Vec<Value> = shown.collect();
        match rest {
            [] => page(request, "roles", shown, (50, 250), &self.base),
            [id, ..] => {
                shown.retain(|role| is_number(&role["id"], id));
                shown.pop().map_or_else(|| problem(404, "Not Found", "No such role"), |role| hal(200, &role))
            }
        }
    }

    fn read_user(&self, user: &UserSetup) -> Value {
        let mut own = rights();
        own["is_admin"] = json!(user.admin);
        own["is_free"] = json!(false);
        own["is_active"] = json!(user.active);
        own["group_id"] = json!(0);
        own["role_id"] = Value::Null;
        json!({
            "id": user.id, "name": user.name, "email": user.email, "lang": "ru",
            "rights": own,
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
                page(request, "pipelines", shown, (250, 250), &self.base)
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
                    &self.base,
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
        let mut lines = vec![line(unsorted_status(pipeline.id), "Неразобранное", 10, 1, false)];
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
            [] => page(request, "loss_reasons", shown, (50, 250), &self.base),
            [id, ..] => {
                shown.retain(|reason| is_number(&reason["id"], id));
                shown
                    .pop()
                    .map_or_else(|| problem(404, "Not Found", "No such reason"), |reason| hal(200, &reason))
            }
        }
    }

    pub(super) fn custom_fields(&self, request: &WireRequest, kind: Entity, rest: &[&str]) -> WireAnswer {
        let mut shown: Vec<Value> = self
            .book(kind)
            .0
            .iter()
            .enumerate()
            .map(|(index, field)| read_field(field, index, kind.plural(), self.setup.account_id))
            .collect();
        match rest {
            [] => page(request, "custom_fields", shown, (50, 250), &self.base),
            [id, ..] => {
                shown.retain(|field| is_number(&field["id"], id));
                shown
                    .pop()
                    .map_or_else(|| problem(404, "Not Found", "No such field"), |field| hal(200, &field))
            }
        }
    }

    pub(super) fn tags_of(&mut self, request: &WireRequest, kind: Entity) -> WireAnswer {
        if request.method == "GET" {
            let query = request.query();
            let wanted = query.get("query").unwrap_or("");
            let (names, ids) = (query.list("filter[name]"), query.list("filter[id]"));
            let known = self.tags.iter().filter(|((of, name), id)| {
                *of == kind
                    && name.contains(wanted)
                    && (names.is_empty() || names.contains(&name.as_str()))
                    && (ids.is_empty() || ids.contains(&id.to_string().as_str()))
            });
            let shown: Vec<Value> =
                known.map(|((_, name), id)| json!({"id": id, "name": name, "color": null})).collect();
            return page(request, "tags", shown, (50, 250), &self.base);
        }
        let Some(Value::Array(items)) = request.json() else {
            return problem(400, "Bad Request", "An array is needed");
        };
        let names: Vec<String> =
            items.iter().filter_map(|item| Some(item.get("name")?.as_str()?.to_owned())).collect();
        let made: Vec<Value> = names
            .iter()
            .map(|name| self.tag(kind, name))
            .map(|tag| json!({"id": tag.id, "name": tag.name, "color": null}))
            .collect();
        hal(200, &json!({"_total_items": made.len(), "_embedded": {"tags": made}}))
    }
}

/// What a user or a role may do; every one of them the same.
fn rights() -> Value {
    let all = json!({"view": "A", "edit": "A", "add": "A", "delete": "D", "export": "D"});
    json!({"leads": all, "contacts": all, "companies": all, "tasks": {"edit": "A", "delete": "A"},
           "mail_access": false, "catalog_access": false, "status_rights": null})
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
