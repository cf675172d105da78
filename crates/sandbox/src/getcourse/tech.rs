//! The Tech API v1 (sheet 3.5): reads and updates of single orders, comments, dictionaries, `set-uri`; users are
//! in `tech_user`. It never creates users, orders or payments: the real API cannot either. Enter at
//! [`GetCourse::tech`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::GetCourse;
use super::model::{Comment, Order, Position, STATUSES, kopecks, roubles};
use crate::setup::TechSubscription;
use crate::wire::{WireAnswer, WireRequest};

pub(super) fn done(data: Value) -> WireAnswer {
    WireAnswer::json(200, &json!({"status": true, "message": "", "code": 200, "errors": [], "data": data}))
}

pub(super) fn failed(code: u16, message: &str, errors: &[&str]) -> WireAnswer {
    WireAnswer::json(
        code,
        &json!({"status": false, "message": message, "code": code, "errors": errors, "data": []}),
    )
}

pub(super) fn wrong(error: &str) -> WireAnswer {
    failed(400, "Ошибка данных", &[error])
}

pub(super) fn missing() -> WireAnswer {
    failed(404, "Объект не найден", &[])
}

impl GetCourse {
    pub(super) fn tech(&mut self, now: DateTime<Utc>, request: &WireRequest, path: &str) -> WireAnswer {
        let key = format!("{}_{}", self.setup.developer_key, self.setup.school_key);
        if request.bearer() != Some(key.as_str()) {
            return failed(403, "Нет доступа", &[]);
        }
        let body = parameters(request);
        match (request.method.as_str(), path) {
            ("POST", "set-uri") => self.set_uri(&body),
            ("GET", "deal/get-cancel-reasons") => done(named(&self.setup.cancel_reasons)),
            ("GET", "common/get-groups") => done(self.groups_named(|_| true)),
            ("GET", "common/get-trainings") => done(self.trainings(|_| true)),
            // A school without departments.
            ("GET", "common/get-departments") => done(json!([])),
            ("GET", "common/get-personal-managers") => done(self.staff_list()),
            ("GET", "offer/get-offers") => done(self.offers()),
            ("GET", "offer/get-offer-by-id") => {
                let wanted = int(&body, "offerId").or(int(&body, "id"));
                let mut offers = self.offers();
                let found = offers
                    .as_array_mut()
                    .and_then(|offers| offers.iter().find(|offer| offer["id"].as_i64() == wanted).cloned());
                found.map_or_else(missing, done)
            }
            ("GET", "deal/get-deals-tags") => done(json!(
                self.orders
                    .values()
                    .map(|order| json!({"dealId": order.id, "tags": order.tags}))
                    .collect::<Vec<_>>()
            )),
            (_, path) if path.starts_with("deal/") => self.deal(now, request, &path["deal/".len()..], &body),
            (_, path) if path.starts_with("user/") => self.user(now, request, &path["user/".len()..], &body),
            _ => failed(404, "Not Found", &[]),
        }
    }

    fn deal(&mut self, now: DateTime<Utc>, request: &WireRequest, method: &str, body: &Value) -> WireAnswer {
        let Some(id) = int(body, "dealId") else {
            return wrong("Не указан dealId");
        };
        let Some(order) = self.orders.get(&id) else {
            return missing();
        };
        match (request.method.as_str(), method) {
            ("GET", "get-fields") => done(self.one(self.read_order(order))),
            ("GET", "get-custom-fields") => done(json!(
                order
                    .fields
                    .iter()
                    .map(|(name, value)| json!({"id": name, "value": value}))
                    .collect::<Vec<_>>()
            )),
            ("GET", "get-comments") => {
                let line = |comment: &Comment| json!({"user_id": comment.user_id, "text": comment.text, "created_at": self.local(comment.at)});
                done(order.comments.iter().map(line).collect())
            }
            ("GET", "get-calls") => done(json!([])),
            ("POST", "update-fields") => self.update_order(now, id, body),
            ("POST", "add-positions") => self.add_positions(now, id, body),
            ("POST", "remove-positions") => self.remove_positions(now, id, body),
            ("POST", "update-custom-fields") => {
                let fields = body.get("customFields").and_then(Value::as_object).cloned().unwrap_or_default();
                if let Some(order) = self.orders.get_mut(&id) {
                    order.fields.extend(fields.iter().map(|(key, value)| (key.clone(), text_of(value))));
                }
                done(json!([]))
            }
            ("POST", "add-comment") => {
                let text = body.get("text").and_then(Value::as_str).unwrap_or("");
                let Some(author) = int(body, "userId") else {
                    return wrong("Не указан userId");
                };
                if text.is_empty() {
                    return wrong("Не указан text");
                }
                if !self.staff.iter().any(|staff| staff.id == author) && !self.users.contains_key(&author) {
                    return missing();
                }
                if let Some(order) = self.orders.get_mut(&id) {
                    order.comments.push(Comment { at: now, user_id: author, text: text.to_owned() });
                }
                done(json!({"result": true}))
            }
            _ => failed(404, "Not Found", &[]),
        }
    }

    fn update_order(&mut self, now: DateTime<Utc>, id: i64, body: &Value) -> WireAnswer {
        let status = body.get("status").and_then(Value::as_str);
        // Sheet 2.1: `pending` is missing from the Tech API's list for updates.
        let allowed = |code: &str| code != "pending" && STATUSES.iter().any(|(known, _)| *known == code);
        if status.is_some_and(|code| !allowed(code)) {
            return wrong("Значение «status» неверно");
        }
        let manager = int(body, "manager_user_id");
        if manager.is_some_and(|id| id != 0 && !self.staff.iter().any(|staff| staff.id == id)) {
            return wrong("Значение «manager_user_id» неверно");
        }
        if let Some(order) = self.orders.get_mut(&id) {
            if let Some(comment) = body.get("cancel_reason_comment") {
                order.cancel_reason_comment = comment.as_str().unwrap_or("").to_owned();
            }
            if let Some(reason) = body.get("cancel_reason_id") {
                order.cancel_reason_id = reason.as_i64();
            }
            if let Some(tags) = body.get("tags").and_then(Value::as_array) {
                order.tags = tags.iter().filter_map(|tag| Some(tag.as_str()?.to_owned())).collect();
            }
        }
        if let Some(manager) = manager {
            self.assign(now, id, (manager != 0).then_some(manager));
        }
        if let Some(status) = status {
            self.set_status(now, id, status, true);
        }
        self.orders.get(&id).map_or_else(missing, |order| done(self.read_order(order)))
    }

    /// Adds offers to an order; its cost follows.
    fn add_positions(&mut self, now: DateTime<Utc>, id: i64, body: &Value) -> WireAnswer {
        let mut added = Vec::new();
        for wanted in body.get("positions").and_then(Value::as_array).into_iter().flatten() {
            let offer = self.setup.offers.iter().find(|offer| Some(offer.id) == int(wanted, "offerId"));
            let Some(offer) = offer else { return wrong("Предложение не найдено") };
            let price = wanted.get("price").and_then(Value::as_f64).unwrap_or(offer.price);
            let quantity = int(wanted, "quantity").unwrap_or(1);
            if price < 0.0 || quantity < 1 {
                return wrong("Значение «positions» неверно");
            }
            let id = self.next_position + added.len() as i64;
            added.push(Position {
                id,
                offer_id: offer.id,
                title: offer.title.clone(),
                quantity,
                price: kopecks(price),
            });
        }
        if added.is_empty() {
            return wrong("Не указаны positions");
        }
        self.next_position += added.len() as i64;
        self.with_positions(now, id, |positions| positions.extend(added))
    }

    /// Takes positions away; an order keeps one at least.
    fn remove_positions(&mut self, now: DateTime<Utc>, id: i64, body: &Value) -> WireAnswer {
        let gone = body.get("positionIds").and_then(Value::as_array).cloned().unwrap_or_default();
        let gone: Vec<i64> = gone.iter().filter_map(Value::as_i64).collect();
        let positions = self.orders.get(&id).map(|order| order.positions.as_slice()).unwrap_or_default();
        let known = gone.iter().all(|id| positions.iter().any(|position| position.id == *id));
        if gone.is_empty() || !known || gone.len() >= positions.len() {
            return wrong("Значение «positionIds» неверно");
        }
        self.with_positions(now, id, |positions| positions.retain(|position| !gone.contains(&position.id)))
    }

    fn with_positions(
        &mut self,
        now: DateTime<Utc>,
        id: i64,
        change: impl FnOnce(&mut Vec<Position>),
    ) -> WireAnswer {
        let Some(order) = self.orders.get_mut(&id) else { return missing() };
        change(&mut order.positions);
        order.follow_positions();
        order.updated_at = now;
        done(json!([]))
    }

    pub(super) fn one(&self, value: Value) -> Value {
        if self.setup.get_fields_array { json!([value]) } else { value }
    }

    fn offers(&self) -> Value {
        let offers = self.setup.offers.iter();
        offers.map(|offer| json!({"id": offer.id, "title": offer.title, "code": null, "price": offer.price, "discount_value": 0,
                                  "final_price": offer.price, "currency": "RUB", "status": "active"})).collect()
    }

    fn staff_list(&self) -> Value {
        let staff = self.staff.iter();
        staff.map(|staff| {
            let (first, last) = staff.name.split_once(' ').unwrap_or((&staff.name, ""));
            json!({"id": staff.id, "first_name": first, "last_name": last, "email": staff.email, "phone": staff.phone, "type": "teacher"})
        }).collect()
    }

    pub(super) fn read_order(&self, order: &Order) -> Value {
        let local = |at: DateTime<Utc>| self.local(at);
        json!({
            "id": order.id, "number": order.number, "ACCOUNT_ID": self.setup.account_id, "user_id": order.user_id,
            "created_user_id": order.created_by, "manager_user_id": order.manager_user_id,
            "cost": roubles(order.cost), "currency": "RUB", "payed_value": roubles(order.payed),
            "user_payed_money_value": roubles(order.payed), "earned_value": roubles(order.payed), "to_deposit_money_value": 0,
            "status": order.status, "status_updated_at": local(order.status_updated_at),
            "is_payed": i64::from(order.status == "payed"), "is_finished": i64::from(order.status == "payed"),
            "created_at": local(order.created_at), "updated_at": local(order.updated_at),
            "payed_at": order.payed_at.map(local), "finished_at": order.payed_at.map(local), "title": order.title,
            "foreign_code": null, "client_deal_number": null, "cancel_reason_id": order.cancel_reason_id,
            "cancel_reason_comment": order.cancel_reason_comment, "promo_code_id": null, "partner_user_id": null,
            "tags": order.tags,
            "positions": order.positions.iter().enumerate().map(|(index, position)| json!({
                "id": position.id, "offer_id": position.offer_id, "title": position.title,
                "quantity": position.quantity, "price": roubles(position.price),
                "source_price": roubles(position.price), "currency": "RUB", "order_pos": index + 1,
                "created_at": local(order.created_at)})).collect::<Value>(),
        })
    }

    fn set_uri(&mut self, body: &Value) -> WireAnswer {
        let uri = body.get("uri").and_then(Value::as_str).unwrap_or("");
        if uri.is_empty() {
            return WireAnswer::json(
                400,
                &json!({"name": "Bad Request", "message": "", "code": 0, "status": 400}),
            );
        }
        let (Some(event_object_id), Some(event_id)) = (int(body, "event_object_id"), int(body, "event_id"))
        else {
            return wrong("Не указан event_object_id или event_id");
        };
        let same =
            |known: &TechSubscription| known.event_object_id == event_object_id && known.event_id == event_id;
        if int(body, "subscribe") == Some(0) {
            self.subscriptions.retain(|known| !(same(known) && known.uri == uri));
        } else {
            self.subscriptions.retain(|known| !same(known));
            self.subscriptions.push(TechSubscription {
                uri: uri.to_owned(),
                event_object_id,
                event_id,
                form: None,
            });
        }
        WireAnswer::json(200, &json!({"success": "OK"}))
    }
}

/// The parameters of a request: the JSON body, or the query as texts.
fn parameters(request: &WireRequest) -> Value {
    let mut all = request.json().filter(Value::is_object).unwrap_or_else(|| json!({}));
    for (key, value) in request.query().0 {
        all[key] = json!(value);
    }
    all
}

pub(super) fn int(body: &Value, key: &str) -> Option<i64> {
    let value = body.get(key)?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(
        || {
            if value.is_null() { String::new() } else { value.to_string() }
        },
        str::to_owned,
    )
}

fn named(list: &[crate::setup::Named]) -> Value {
    list.iter().map(|entry| json!({"id": entry.id, "name": entry.name})).collect()
}
