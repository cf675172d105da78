//! The legacy import (sheet 3.1–3.4): users and orders, two levels of success. It always answers 200,
//! whatever went wrong. Enter at [`GetCourse::import`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::model::{STATUSES, kopecks};
use super::{GetCourse, NewOrder};
use crate::wire::{WireAnswer, WireRequest};

fn refused(text: &str) -> WireAnswer {
    WireAnswer::json(200, &json!({"success": false, "error": text}))
}

fn inner(action: &str, text: &str) -> WireAnswer {
    WireAnswer::json(
        200,
        &json!({"success": true, "action": action, "result": {"success": false, "error": true, "error_message": text}}),
    )
}

impl GetCourse {
    pub(super) fn import(&mut self, now: DateTime<Utc>, request: &WireRequest, deals: bool) -> WireAnswer {
        if request.method != "POST" {
            return WireAnswer::html(404, "Not Found");
        }
        let form = request.form();
        let action = match form.get("action") {
            None | Some("") => return refused("Пустой параметр action"),
            Some(word @ ("add" | "update")) => word,
            Some(_) => return refused("Действие запрещено"),
        };
        if form.get("key") != Some(self.setup.school_key.as_str()) {
            return refused("Неавторизованное API-обращение");
        }
        let decoded = form.get("params").and_then(|text| STANDARD.decode(text).ok());
        let Some(params) = decoded.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
            return refused("Не указаны параметры");
        };
        if action == "update" && !deals {
            return self.update_user(now, params.get("user").unwrap_or(&Value::Null));
        }
        let text = |part: &str, key: &str| {
            params.get(part).and_then(|part| part.get(key)).map(text_of).unwrap_or_default()
        };
        let (email, phone) = (text("user", "email"), text("user", "phone"));
        if email.is_empty() && phone.is_empty() {
            return inner(action, "Не указан ни эл. адрес, ни телефон");
        }
        let before = self.users.len();
        let name = format!("{} {}", text("user", "first_name"), text("user", "last_name"));
        let user_id = self.ensure_user(now, &name, &email, &phone);
        let added = self.users.len() > before;
        if added || text("system", "refresh_if_exists") == "1" {
            self.refresh_user(now, user_id, &params, &phone);
        }
        let user_status = if added { "added" } else { "updated" };
        let mut result = json!({"success": true, "user_id": user_id, "user_status": user_status, "error_message": "", "error": false});
        if deals {
            match self.import_order(now, user_id, params.get("deal").unwrap_or(&Value::Null)) {
                Err(error) => return inner(action, error),
                Ok(id) => {
                    let order = &self.orders[&id];
                    result["deal_id"] = json!(id);
                    result["deal_number"] = json!(order.number);
                    if text("system", "return_payment_link") == "1" {
                        result["payment_link"] = json!(self.payment_link(order));
                    }
                }
            }
        }
        WireAnswer::json(200, &json!({"success": true, "action": action, "result": result}))
    }

    /// `action=update` replaces all groups of a user, who is named by his id (sheet 3.2).
    fn update_user(&mut self, now: DateTime<Utc>, given: &Value) -> WireAnswer {
        let id = given.get("id").map(text_of).and_then(|id| id.parse::<i64>().ok());
        let Some(user) = id.and_then(|id| self.users.get_mut(&id)) else {
            return inner("update", "Пользователь не найден");
        };
        let id = user.id;
        user.groups.clear();
        self.join_groups(now, id, given);
        let result = json!({"success": true, "user_id": id, "user_status": "updated", "error_message": "", "error": false});
        WireAnswer::json(200, &json!({"success": true, "action": "update", "result": result}))
    }

    /// `group_name`: names, or a name with the day since when (sheet 3.2).
    fn join_groups(&mut self, now: DateTime<Utc>, user: i64, given: &Value) {
        for group in given.get("group_name").and_then(Value::as_array).into_iter().flatten() {
            let part = |index: usize| group.get(index).and_then(Value::as_str);
            let name = group.as_str().or(part(0)).unwrap_or("");
            let since = part(1)
                .map(|day| if day.len() == 10 { format!("{day} 00:00:00") } else { format!("{day}:00") });
            let since = since.and_then(|text| self.read_local(&text)).unwrap_or(now);
            self.add_to_group(since, user, name);
        }
    }

    fn refresh_user(&mut self, now: DateTime<Utc>, id: i64, params: &Value, phone: &str) {
        if !phone.is_empty() {
            self.set_phone(now, id, phone);
        }
        let Some(user) = self.users.get_mut(&id) else {
            return;
        };
        let given = params.get("user").unwrap_or(&Value::Null);
        for (key, target) in [
            ("first_name", &mut user.first_name),
            ("last_name", &mut user.last_name),
            ("city", &mut user.city),
        ] {
            if let Some(text) = given.get(key).and_then(Value::as_str) {
                *target = text.to_owned();
            }
        }
        for (title, value) in given.get("addfields").and_then(Value::as_object).into_iter().flatten() {
            user.fields.insert(title.clone(), text_of(value));
        }
        self.join_groups(now, id, given);
    }

    fn import_order(&mut self, now: DateTime<Utc>, user_id: i64, deal: &Value) -> Result<i64, &'static str> {
        let text = |key: &str| deal.get(key).map(text_of).unwrap_or_default();
        let status = text("deal_status");
        if !status.is_empty() && !STATUSES.iter().any(|(code, _)| *code == status) {
            return Err("Неверный статус заказа");
        }
        let manager_email = text("manager_email");
        let manager = self
            .staff
            .iter()
            .find(|staff| !manager_email.is_empty() && staff.email == manager_email)
            .map(|staff| staff.id);
        let number = text("deal_number");
        let known = self
            .orders
            .values()
            .find(|order| !number.is_empty() && order.number == number)
            .map(|order| order.id);
        let id = match known {
            Some(id) => {
                if manager.is_some() {
                    self.assign(now, id, manager);
                }
                id
            }
            None => {
                let (offer_id, title, cost) = self.imported_offer(deal)?;
                let new = NewOrder {
                    number: Some(number).filter(|number| !number.is_empty()),
                    user_id,
                    offer_id,
                    title,
                    cost,
                    manager,
                    created_by: user_id,
                    ..NewOrder::default()
                };
                self.create_order(now, new)
            }
        };
        self.finish_import(now, id, deal, &status);
        Ok(id)
    }

    /// Offer, title and cost of a new order: `offer_id` alone is enough; `offer_code` or `product_title` need a
    /// cost (sheet 3.3).
    fn imported_offer(&self, deal: &Value) -> Result<(i64, String, i64), &'static str> {
        let text = |key: &str| deal.get(key).map(text_of).unwrap_or_default();
        let (id, code, title) = (text("offer_id"), text("offer_code"), text("product_title"));
        let given = text("deal_cost").replace(',', ".").parse::<f64>().ok();
        if let Ok(id) = id.parse::<i64>() {
            let offer = self.setup.offers.iter().find(|offer| offer.id == id);
            let offer = offer.ok_or("Предложение не найдено")?;
            return Ok((id, offer.title.clone(), kopecks(given.unwrap_or(offer.price))));
        }
        let known =
            self.setup.offers.iter().find(|offer| !code.is_empty() && offer.code.as_ref() == Some(&code));
        let title = known.map_or(if title.is_empty() { code } else { title }, |offer| offer.title.clone());
        match given {
            Some(cost) if cost > 0.0 && !title.is_empty() => {
                Ok((known.map_or(0, |offer| offer.id), title, kopecks(cost)))
            }
            _ => Err("Ошибка обновления заказа"),
        }
    }

    fn finish_import(&mut self, now: DateTime<Utc>, id: i64, deal: &Value, status: &str) {
        let paid = deal
            .get("deal_is_paid")
            .map(text_of)
            .is_some_and(|text| matches!(text.as_str(), "1" | "yes" | "true"));
        let at = deal
            .get("deal_finished_at")
            .and_then(Value::as_str)
            .and_then(|text| self.read_local(text))
            .unwrap_or(now);
        if let Some(order) = self.orders.get_mut(&id) {
            if let Some(text) = deal.get("deal_comment").and_then(Value::as_str) {
                order.comments.push(super::model::Comment { at: now, user_id: 0, text: text.to_owned() });
            }
            for (title, value) in deal.get("addfields").and_then(Value::as_object).into_iter().flatten() {
                order.fields.insert(title.clone(), text_of(value));
            }
        }
        if paid || status == "payed" {
            // Sheet 2.1: in the import, `payed` creates a payment.
            let left = self.orders.get(&id).map_or(0, |order| order.cost - order.payed);
            let kind = deal.get("payment_type").map_or_else(|| "OTHER".to_owned(), text_of);
            self.pay(now, id, left, &kind);
            if let Some(order) = self.orders.get_mut(&id).filter(|order| order.payed_at.is_some()) {
                order.payed_at = Some(at);
            }
        } else if !status.is_empty() {
            self.set_status(now, id, status, true);
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(
        || {
            if value.is_null() { String::new() } else { value.to_string() }
        },
        str::to_owned,
    )
}
