//! Users over the Tech API (sheet 3.5; names of the methods as github.com/NiktarioN/getcourse-api has them):
//! fields, groups, purchases, trainings. It never creates a user. Enter at [`GetCourse::user`].

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::GetCourse;
use super::model::{Comment, Order, User, roubles};
use super::tech::{done, failed, int, missing, text_of, wrong};
use crate::setup::TrainingSetup;
use crate::wire::{WireAnswer, WireRequest, phone_dialled, phone_key};

/// The own field of a user in which a chat of Telegram is kept.
const TELEGRAM: &str = "telegram_chat_id";

impl GetCourse {
    pub(super) fn user(
        &mut self,
        now: DateTime<Utc>,
        request: &WireRequest,
        method: &str,
        body: &Value,
    ) -> WireAnswer {
        let write = request.method == "POST";
        if !write && method == "get-user-by-telegram-chat-id" {
            let chat = body.get("chatId").map(text_of).unwrap_or_default();
            let found = self.users.values().filter(|user| user.fields.get(TELEGRAM) == Some(&chat));
            return done(found.map(|user| self.read_user(user)).collect());
        }
        match self.named(body) {
            Err(answer) => answer,
            Ok(id) if write => self.change_user(now, id, method, body),
            Ok(id) => self.users.get(&id).map_or_else(missing, |user| self.tell_user(user, method)),
        }
    }

    /// The user of a request: by id, e-mail or phone.
    fn named(&self, body: &Value) -> Result<i64, WireAnswer> {
        let wanted = |key: &str| body.get(key).map(text_of).filter(|text| !text.is_empty());
        let (id, email, phone) = (int(body, "userId"), wanted("email"), wanted("phone"));
        let key = phone.as_deref().and_then(phone_key);
        let found = self.users.values().find(|user| match (id, &email) {
            (Some(id), _) => user.id == id,
            (None, Some(email)) => user.email.eq_ignore_ascii_case(email.trim()),
            (None, None) => key.is_some() && phone_key(&user.phone) == key,
        });
        match found {
            Some(user) => Ok(user.id),
            None if id.is_none() && email.is_none() && phone.is_none() => {
                Err(wrong("Не указан userId или email"))
            }
            None => Err(missing()),
        }
    }

    fn tell_user(&self, user: &User, method: &str) -> WireAnswer {
        let orders = self.orders.values().filter(|order| order.user_id == user.id);
        let paid = |order: &&Order| order.status == "payed";
        match method {
            "get-fields" => done(self.one(self.read_user(user))),
            "get-custom-fields" => done(json!(user.fields)),
            "get-groups" => done(self.groups_named(|name| user.groups.contains_key(name))),
            "get-deals" => done(orders.map(|order| self.read_order(order)).collect()),
            "get-purchases" => done(orders.filter(paid).flat_map(|order| self.purchases(order)).collect()),
            "get-trainings" => {
                let owned: Vec<i64> = orders
                    .filter(paid)
                    .flat_map(|order| order.positions.iter().map(|position| position.offer_id))
                    .collect();
                done(self.trainings(|training| training.offers.iter().any(|offer| owned.contains(offer))))
            }
            _ => failed(404, "Not Found", &[]),
        }
    }

    fn change_user(&mut self, now: DateTime<Utc>, id: i64, method: &str, body: &Value) -> WireAnswer {
        let groups = match method {
            "add-groups" | "remove-groups" | "set-groups" => match self.wanted_groups(body) {
                Some(groups) => groups,
                None => return wrong("Значение «groups» неверно"),
            },
            _ => Vec::new(),
        };
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(user) = self.users.get_mut(&id) else { return missing() };
        match method {
            "update-fields" => {
                user.first_name = text("first_name").unwrap_or(user.first_name.clone());
                user.last_name = text("last_name").unwrap_or(user.last_name.clone());
                user.city = text("city").unwrap_or(user.city.clone());
                // With the phone as the identifier it cannot be changed.
                let by_phone = int(body, "userId").is_none() && text("email").is_none();
                if let Some(phone) = text("phone").filter(|_| !by_phone) {
                    self.set_phone(now, id, &phone);
                }
            }
            "update-custom-fields" => {
                let fields = body.get("customFields").and_then(Value::as_object);
                user.fields
                    .extend(fields.into_iter().flatten().map(|(key, value)| (key.clone(), text_of(value))));
            }
            "set-personal-manager" => user.personal_manager = int(body, "managerId"),
            "add-comment" => {
                let (Some(author), Some(text)) = (int(body, "authorId"), text("text")) else {
                    return wrong("Не указан authorId или text");
                };
                user.comments.push(Comment { at: now, user_id: author, text });
                return done(json!({"result": true}));
            }
            "add-groups" | "remove-groups" | "set-groups" => {
                let taken = |name: &String| match method {
                    "remove-groups" => groups.contains(name),
                    word => word == "set-groups" && !groups.contains(name),
                };
                user.groups.retain(|name, _| !taken(name));
                if method == "remove-groups" {
                    return done(json!([]));
                }
                for name in &groups {
                    self.add_to_group(now, id, name);
                }
                let user = self.users.get(&id);
                return done(
                    self.groups_named(|name| user.is_some_and(|user| user.groups.contains_key(name))),
                );
            }
            _ => return failed(404, "Not Found", &[]),
        }
        done(json!([]))
    }

    /// The names of the groups whose ids a request has; `None` if one of them does not exist.
    fn wanted_groups(&self, body: &Value) -> Option<Vec<String>> {
        let ids = body.get("groups")?.as_array()?;
        let name = |id: &Value| {
            let group = self.groups.iter().find(|group| Some(group.id) == id.as_i64())?;
            Some(group.name.clone())
        };
        ids.iter().map(name).collect()
    }

    pub(super) fn groups_named(&self, wanted: impl Fn(&str) -> bool) -> Value {
        let groups = self.groups.iter().filter(|group| wanted(&group.name));
        groups.map(|group| json!({"id": group.id, "name": group.name})).collect()
    }

    pub(super) fn trainings(&self, wanted: impl Fn(&TrainingSetup) -> bool) -> Value {
        let trainings = self.setup.trainings.iter().filter(|training| wanted(training));
        trainings
            .map(|training| {
                json!({"id": training.id, "title": training.title, "description": "", "created_at": "2026-01-01 00:00:00",
                       "status": "active", "lesson_count": 0})
            })
            .collect()
    }

    /// What a paid order opened.
    fn purchases(&self, order: &Order) -> Vec<Value> {
        let since = order.payed_at.map(|at| self.local(at));
        let line = |position: &super::model::Position| {
            json!({"id": position.id, "product_id": position.offer_id, "user_id": order.user_id, "start_at": since,
                   "finish_at": null, "period_type": "forever", "is_actual": 1, "created_at": since, "updated_at": since,
                   "money_sum": roubles(position.price * position.quantity), "is_payed": 1, "state": "active"})
        };
        order.positions.iter().map(line).collect()
    }

    fn read_user(&self, user: &User) -> Value {
        json!({
            "id": user.id, "deleted": 0, "type": null, "email": user.email, "first_name": user.first_name,
            "last_name": user.last_name, "country": "Россия", "city": user.city, "phone": user.phone,
            "phone_standart": phone_dialled(&user.phone), "phone_confirmed": 0,
            "created_at": self.local(user.created_at), "manager_user_id": user.personal_manager,
            "timezone_offset": null,
        })
    }
}
