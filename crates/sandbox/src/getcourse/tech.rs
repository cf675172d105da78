//! The Tech API v1 (sheet 3.5): reads and updates of single objects, comments, dictionaries, `set-uri`. It
//! never creates users, orders or payments: the real API cannot either. Enter at [`GetCourse::tech`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::GetCourse;
use super::model::{Comment, Order, STATUSES, User, roubles};
use crate::setup::TechSubscription;
use crate::wire::{WireAnswer, WireRequest, phone_dialled, phone_key};

fn done(data: Value) -> WireAnswer {
    WireAnswer::json(200, &json!({"status": true, "message": "", "code": 200, "errors": [], "data": data}))
}

fn failed(code: u16, message: &str, errors: &[&str]) -> WireAnswer {
    WireAnswer::json(
        code,
        &json!({"status": false, "message": message, "code": code, "errors": errors, "data": []}),
    )
}

fn wrong(error: &str) -> WireAnswer {
    failed(400, "Ошибка данных", &[error])
}

fn missing() -> WireAnswer {
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

    fn user(&mut self, now: DateTime<Utc>, request: &WireRequest, method: &str, body: &Value) -> WireAnswer {
        let wanted = |key: &str| body.get(key).map(text_of).filter(|text| !text.is_empty());
        let (id, email, phone) = (int(body, "userId"), wanted("email"), wanted("phone"));
        let by_phone = id.is_none() && email.is_none();
        let key = phone.as_deref().filter(|_| by_phone).and_then(phone_key);
        let found = self.users.values().find(|user| match (id, &email) {
            (Some(id), _) => user.id == id,
            (None, Some(email)) => user.email.eq_ignore_ascii_case(email.trim()),
            (None, None) => key.is_some() && phone_key(&user.phone) == key,
        });
        let Some(user) = found else {
            return if by_phone && phone.is_none() {
                wrong("Не указан userId или email")
            } else {
                missing()
            };
        };
        let user_id = user.id;
        match (request.method.as_str(), method) {
            ("GET", "get-fields") => done(self.one(read_user(user, &self.local(user.created_at)))),
            ("GET", "get-custom-fields") => done(json!(user.fields)),
            ("GET", "get-groups") => done(json!(user.groups)),
            ("GET", "get-deals") => done(
                self.orders
                    .values()
                    .filter(|order| order.user_id == user_id)
                    .map(|order| self.read_order(order))
                    .collect(),
            ),
            ("POST", "update-fields") => {
                let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
                if let Some(user) = self.users.get_mut(&user_id) {
                    user.first_name = text("first_name").unwrap_or(user.first_name.clone());
                    user.last_name = text("last_name").unwrap_or(user.last_name.clone());
                    user.city = text("city").unwrap_or(user.city.clone());
                }
                if let Some(phone) = phone.filter(|_| !by_phone) {
                    self.set_phone(now, user_id, &phone);
                }
                done(json!([]))
            }
            ("POST", "set-personal-manager") => {
                if let Some(user) = self.users.get_mut(&user_id) {
                    user.personal_manager = int(body, "managerId");
                }
                done(json!([]))
            }
            _ => failed(404, "Not Found", &[]),
        }
    }

    fn one(&self, value: Value) -> Value {
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

    fn read_order(&self, order: &Order) -> Value {
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
            "positions": [{"id": order.id + 1_000_000, "offer_id": order.offer_id, "title": order.title, "quantity": 1,
                           "price": roubles(order.cost), "source_price": roubles(order.cost), "currency": "RUB", "order_pos": 1,
                           "created_at": local(order.created_at)}],
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

fn int(body: &Value, key: &str) -> Option<i64> {
    let value = body.get(key)?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn text_of(value: &Value) -> String {
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

fn read_user(user: &User, created: &str) -> Value {
    json!({
        "id": user.id, "deleted": 0, "type": null, "email": user.email, "first_name": user.first_name,
        "last_name": user.last_name, "country": "Россия", "city": user.city, "phone": user.phone,
        "phone_standart": phone_dialled(&user.phone), "phone_confirmed": 0, "created_at": created,
        "manager_user_id": user.personal_manager, "timezone_offset": null,
    })
}
