//! The legacy export (sheet 4): start, poll, one at a time, 100 requests in two hours. It never lists running
//! exports: if the caller loses an id, the export is lost. Enter at [`GetCourse::export`].

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::GetCourse;
use super::model::{STATUSES, label, money_text};
use crate::faults::Budget;
use crate::wire::{Query, WireAnswer, WireRequest};

/// The exports of the account.
#[derive(Clone, Debug)]
pub struct Exports {
    budget: Budget,
    /// Id → when it is ready, and its content.
    jobs: BTreeMap<i64, (DateTime<Utc>, Value)>,
    next: i64,
}

impl Exports {
    /// No exports yet; `most` requests in two hours.
    pub fn new(most: usize) -> Exports {
        Exports { budget: Budget::new(most, TimeDelta::hours(2)), jobs: BTreeMap::new(), next: 123_456 }
    }
}

/// A list that needs no export.
fn listed(list: Value) -> WireAnswer {
    WireAnswer::json(200, &json!({"success": true, "info": list, "error": false, "error_message": ""}))
}

fn refused(code: i64, text: &str) -> WireAnswer {
    WireAnswer::json(
        200,
        &json!({"success": false, "error": true, "error_code": code, "error_message": text, "info": []}),
    )
}

impl GetCourse {
    pub(super) fn export(&mut self, now: DateTime<Utc>, request: &WireRequest, path: &str) -> WireAnswer {
        let mut query = request.query();
        query.0.extend(request.form().0);
        match query.get("key") {
            None => return refused(904, "Отсутсвует параметр key"),
            Some(key) if key != self.setup.school_key => {
                return refused(901, "Неавторизованное API-обращение");
            }
            Some(_) => {}
        }
        if self.exports.budget.take(now).is_err() {
            return refused(903, "Слишком много запросов");
        }
        match path.split_once('/') {
            Some(("exports", id)) if id.parse::<i64>().is_ok() => self.poll(now, id.parse().unwrap_or(0)),
            None if path == "groups" => listed(self.group_list()),
            None if path == "fields" => listed(self.field_list()),
            None if matches!(path, "deals" | "users" | "payments") => self.start_export(now, path, &query),
            Some(("groups", rest)) => {
                let id = rest.strip_suffix("/users").and_then(|id| id.parse::<i64>().ok());
                match self.groups.iter().find(|group| Some(group.id) == id).map(|group| group.name.clone()) {
                    Some(name) => self.start_export(now, &format!("groups/{name}"), &query),
                    None => refused(910, "Объект не найден"),
                }
            }
            _ => WireAnswer::html(404, "Not Found"),
        }
    }

    fn poll(&self, now: DateTime<Utc>, id: i64) -> WireAnswer {
        match self.exports.jobs.get(&id) {
            None => refused(910, "Объект не найден"),
            Some((ready, _)) if now < *ready => refused(909, "Файл еще не создан"),
            Some((_, table)) => WireAnswer::json(
                200,
                &json!({"success": true, "info": table, "error": false, "error_message": ""}),
            ),
        }
    }

    fn start_export(&mut self, now: DateTime<Utc>, what: &str, query: &Query) -> WireAnswer {
        let known = [
            "added_at",
            "created_at",
            "payed_at",
            "finished_at",
            "status_changed_at",
            "status",
            "user_id",
            "email",
            "phone",
        ];
        if !query.0.iter().any(|(key, _)| known.contains(&key.split('[').next().unwrap_or(""))) {
            return refused(908, "Должен быть передан хотя бы один фильтр");
        }
        let status = query.get("status");
        if what == "deals" && status.is_some_and(|code| !STATUSES.iter().any(|(known, _)| *known == code)) {
            return refused(913, "Недопустимый статус заказа");
        }
        if self.exports.jobs.values().any(|(ready, _)| now < *ready) {
            return refused(905, "Уже запущен один экспорт, попробуйте позднее");
        }
        let table = match what {
            "deals" => self.deals_table(query),
            "payments" => self.payments_table(query),
            _ => self.users_table(query, what.strip_prefix("groups/")),
        };
        let id = self.exports.next;
        self.exports.next += 1;
        let stuck = self.exports.jobs.len() < usize::try_from(self.setup.exports_stuck).unwrap_or(0);
        let ready = match stuck {
            // An export that is not fetched stays for two hours; then the account drops it.
            true => now + TimeDelta::hours(2),
            false => now + TimeDelta::seconds(self.setup.export_build_s),
        };
        self.exports.jobs.insert(id, (ready, table));
        WireAnswer::json(
            200,
            &json!({"success": true, "info": {"export_id": id}, "error": false, "error_message": ""}),
        )
    }

    fn in_range(&self, query: &Query, name: &str, at: Option<DateTime<Utc>>) -> bool {
        let day = |edge: &str| {
            query.get(&format!("{name}[{edge}]")).and_then(|text| text.get(..10)?.parse::<NaiveDate>().ok())
        };
        let (from, to) = (day("from"), day("to"));
        if from.is_none() && to.is_none() {
            return true;
        }
        let Some(date) = at.map(|at| at.with_timezone(&self.zone).date_naive()) else {
            return false;
        };
        from.is_none_or(|from| date >= from) && to.is_none_or(|to| date <= to)
    }

    fn deals_table(&self, query: &Query) -> Value {
        let fields = [
            "ID заказа",
            "Номер",
            "ID пользователя",
            "Пользователь",
            "Email",
            "Телефон",
            "Дата создания",
            "Дата оплаты",
            "Title",
            "Статус",
            "Стоимость, RUB",
            "Оплачено",
            "Валюта",
            "Менеджер",
            "Город",
            "Использован промокод",
            "utm_source",
            "Теги",
        ];
        let users: Vec<i64> =
            query.get("user_id").unwrap_or("").split(',').filter_map(|id| id.trim().parse().ok()).collect();
        let money = |kopecks: i64| money_text(kopecks, "\u{a0}", "");
        let orders = self.orders.values().filter(|order| {
            self.in_range(query, "created_at", Some(order.created_at))
                && self.in_range(query, "payed_at", order.payed_at)
                && self.in_range(query, "finished_at", order.payed_at)
                && self.in_range(query, "status_changed_at", Some(order.status_updated_at))
                && query.get("status").is_none_or(|status| status == order.status)
                && (users.is_empty() || users.contains(&order.user_id))
        });
        let items: Vec<Value> = orders
            .map(|order| {
                let user = self.users.get(&order.user_id).cloned().unwrap_or_default();
                let manager = self
                    .staff
                    .iter()
                    .find(|staff| Some(staff.id) == order.manager_user_id)
                    .map_or("", |staff| staff.name.as_str());
                json!([
                    order.id.to_string(),
                    order.number,
                    order.user_id.to_string(),
                    user.name(),
                    user.email,
                    user.phone,
                    self.local(order.created_at),
                    order.payed_at.map(|at| self.local(at)).unwrap_or_default(),
                    order.title,
                    label(&order.status),
                    money(order.cost),
                    money(order.payed),
                    "RUB",
                    manager,
                    user.city,
                    order.promocode,
                    order.utm_source,
                    order.tags.join(", ")
                ])
            })
            .collect();
        json!({"fields": fields, "items": items})
    }

    fn payments_table(&self, query: &Query) -> Value {
        let fields = [
            "Номер",
            "Пользователь",
            "Эл. почта",
            "Заказ",
            "Дата создания",
            "Тип",
            "Статус",
            "Сумма",
            "Комиссии",
            "Получено",
            "Код платежа",
            "Название",
        ];
        let mut items = Vec::new();
        for order in self.orders.values() {
            let user = self.users.get(&order.user_id).cloned().unwrap_or_default();
            for payment in &order.payments {
                let wanted = self.in_range(query, "created_at", Some(payment.at))
                    && self.in_range(query, "status_changed_at", Some(payment.at))
                    && query.get("status").is_none_or(|status| status == payment.status);
                if wanted {
                    let status =
                        if payment.status == "accepted" { "Получен" } else { "Возвращен" };
                    let sum = money_text(payment.amount, "\u{a0}", "");
                    items.push(json!([
                        payment.id.to_string(),
                        user.name(),
                        user.email,
                        order.number,
                        self.local(payment.at),
                        payment.kind,
                        status,
                        sum,
                        "0",
                        sum,
                        "",
                        order.title
                    ]));
                }
            }
        }
        json!({"fields": fields, "items": items})
    }

    fn group_list(&self) -> Value {
        let line = |group: &super::model::Group| json!({"id": group.id, "name": group.name, "last_added_at": group.last_added_at.map(|at| self.local(at))});
        self.groups.iter().map(line).collect()
    }

    /// Every own field of users and orders that has a value somewhere.
    fn field_list(&self) -> Value {
        let titles =
            |kind: &'static str, titles: BTreeSet<String>| titles.into_iter().map(move |title| (kind, title));
        let users = self.users.values().flat_map(|user| user.fields.keys().cloned()).collect();
        let deals = self.orders.values().flat_map(|order| order.fields.keys().cloned()).collect();
        let all = titles("user", users).chain(titles("deal", deals)).enumerate();
        all.map(|(index, (kind, title))| {
            json!({"id": 1_234_567 + index, "type": "string", "title": title, "required": 0,
                   "field_order_pos": index, "form_id": null, "context_type": kind})
        })
        .collect()
    }

    /// All users, or those of a group.
    fn users_table(&self, query: &Query, group: Option<&str>) -> Value {
        let fields = [
            "id",
            "Email",
            "Тип регистрации",
            "Создан",
            "Последняя активность",
            "Имя",
            "Фамилия",
            "Телефон",
            "Город",
        ];
        let wanted = query.get("email").map(str::to_lowercase);
        let users = self.users.values().filter(|user| {
            let added = group.map(|group| user.groups.get(group).copied());
            added != Some(None)
                && (group.is_none() || self.in_range(query, "added_at", added.flatten()))
                && self.in_range(query, "created_at", Some(user.created_at))
                && wanted.as_ref().is_none_or(|list| list.split(',').any(|mail| mail.trim() == user.email))
        });
        let items: Vec<Value> = users
            .map(|user| {
                json!([
                    user.id.to_string(),
                    user.email,
                    "",
                    self.local(user.created_at),
                    "",
                    user.first_name,
                    user.last_name,
                    user.phone,
                    user.city
                ])
            })
            .collect();
        json!({"fields": fields, "items": items})
    }
}
