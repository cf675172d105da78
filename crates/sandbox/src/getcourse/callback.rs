//! «Вызвать URL» of the school's processes, and the Tech API webhooks (sheet 1.1–1.6). It never decides when:
//! the world asks which processes an event starts, and for the request when it is due. Enter at
//! [`GetCourse::started_by`], [`GetCourse::call_url`] and [`GetCourse::tech_hooks`].

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};

use super::model::{Order, label, money_text, roubles};
use super::{GetCourse, Stir, What};
use crate::form::fill;
use crate::rng::Rng;
use crate::setup::ProcessSetup;
use crate::wire::{form_text, percent};

/// A request of the school: method, url, headers, body.
pub struct Outgoing {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl GetCourse {
    /// The processes (by index) that an event starts.
    pub fn started_by(&self, stir: Stir) -> Vec<usize> {
        let processes = self.setup.processes.iter().enumerate();
        processes.filter(|(_, process)| self.starts(process, stir)).map(|(index, _)| index).collect()
    }

    fn starts(&self, process: &ProcessSetup, stir: Stir) -> bool {
        let status = self.orders.get(&stir.object).map_or("", |order| order.status.as_str());
        match (process.event.as_str(), stir.what) {
            ("order_created", What::Created) | ("status", What::Status) => true,
            // A condition on the author: the only way in which a callback can report it.
            ("order_created:manager", What::Created) => self.is_made_by_staff(stir.object),
            ("order_created:client", What::Created) => !self.is_made_by_staff(stir.object),
            ("manager_assigned", What::Manager) | ("user_updated", What::User) => true,
            ("payment_partial", What::Payment) => status == "part_payed",
            ("payment_full", What::Status) => status == "payed",
            (event, What::Status) => event.strip_prefix("status:") == Some(status),
            _ => false,
        }
    }

    fn is_made_by_staff(&self, order: i64) -> bool {
        let author = self.orders.get(&order).map(|order| order.created_by);
        self.staff.iter().any(|staff| Some(staff.id) == author)
    }

    /// The request of a process for an object, if its condition still holds.
    pub fn call_url(&mut self, index: usize, object: i64) -> Option<Outgoing> {
        let process = self.setup.processes.get(index)?.clone();
        if process.once && (!self.still_matches(&process, object) || !self.passed.insert((index, object))) {
            return None;
        }
        let ways = process.others.len() as u64 + 1;
        let way = Rng::new(self.seed ^ (object as u64).wrapping_mul(31) ^ index as u64).below(ways);
        let process = process.written(way as usize);
        let encode = |text: &str| {
            if process.plus { form_text(text) } else { percent(text) }
        };
        let url = self.fill(&process.url, &process.event, object, &encode);
        let mut headers = vec![("Accept".to_owned(), "*/*".to_owned())];
        headers.extend(process.headers.iter().cloned());
        let body = match &process.body {
            Some(template) if process.method.eq_ignore_ascii_case("POST") => {
                headers.push(("Content-Type".into(), process.content_type.clone()));
                let json = process.content_type.contains("json");
                // An administrator who writes JSON around variables gets unescaped quotes, as in the real
                // system.
                let raw = |text: &str| if json { text.to_owned() } else { encode(text) };
                self.fill(template, &process.event, object, &raw).into_bytes()
            }
            _ => Vec::new(),
        };
        Some(Outgoing { method: process.method.to_uppercase(), url, headers, body })
    }

    fn still_matches(&self, process: &ProcessSetup, object: i64) -> bool {
        let status = self.orders.get(&object).map_or("", |order| order.status.as_str());
        match process.event.as_str() {
            "payment_partial" => status == "part_payed",
            "payment_full" => status == "payed",
            event => event.strip_prefix("status:").is_none_or(|wanted| wanted == status),
        }
    }

    /// Replaces `{object.…}` by values; unknown variables stay as they are.
    fn fill(&self, template: &str, event: &str, object: i64, encode: &dyn Fn(&str) -> String) -> String {
        let mut text = String::with_capacity(template.len() * 2);
        let mut rest = template;
        while let Some(start) = rest.find("{object.") {
            text.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            let name = &rest[start + "{object.".len()..start + length];
            let name = name.split(" format=").next().unwrap_or(name).trim();
            let value = if event == "user_updated" {
                self.user_value(object, name)
            } else {
                self.order_value(object, name)
            };
            let whole = &rest[start..=start + length];
            text.push_str(&encode(&value.unwrap_or_else(|| whole.to_owned())));
            rest = &rest[start + length + 1..];
        }
        text.push_str(rest);
        text
    }

    fn order_value(&self, id: i64, name: &str) -> Option<String> {
        let order = self.orders.get(&id)?;
        if let Some(name) = name.strip_prefix("user.") {
            return self.user_value(order.user_id, name);
        }
        let money = |kopecks: i64| money_text(kopecks, &self.setup.money_space, &self.setup.money_suffix);
        let manager = order.manager_user_id.and_then(|id| self.staff.iter().find(|staff| staff.id == id));
        Some(match name {
            "id" => order.id.to_string(),
            "number" => order.number.clone(),
            "positions" => order.title.clone(),
            "offers" => order.offers(),
            "cost_money" => money(order.cost),
            "cost_money_value" => roubles(order.cost).to_string(),
            "left_cost_money" => money((order.cost - order.payed).max(0)),
            "payed_money" => money(order.payed),
            "status" => label(&order.status).to_owned(),
            "payment_link" => self.payment_link(order),
            "promocode" => order.promocode.clone(),
            "manager" => manager.map(|staff| staff.name.clone()).unwrap_or_default(),
            "manager_email" => manager.map(|staff| staff.email.clone()).unwrap_or_default(),
            "manager_phone" => manager.map(|staff| staff.phone.clone()).unwrap_or_default(),
            "created_at" => self.local(order.created_at),
            "payed_at" => order.payed_at.map(|at| self.local(at)).unwrap_or_default(),
            "deal_utm_source" => order.utm_source.clone(),
            other => order.fields.get(other).cloned()?,
        })
    }

    fn user_value(&self, id: i64, name: &str) -> Option<String> {
        let user = self.users.get(&id)?;
        let manager = user.personal_manager.and_then(|id| self.staff.iter().find(|staff| staff.id == id));
        Some(match name {
            "id" => user.id.to_string(),
            "first_name" => user.first_name.clone(),
            "last_name" => user.last_name.clone(),
            "name" => user.name(),
            "email" => user.email.clone(),
            "phone" => user.phone.clone(),
            "city" => user.city.clone(),
            "country" => "Россия".into(),
            "personal_manager" => manager.map(|staff| staff.name.clone()).unwrap_or_default(),
            "personal_manager_email" => manager.map(|staff| staff.email.clone()).unwrap_or_default(),
            other => user.fields.get(other).cloned()?,
        })
    }

    pub(super) fn payment_link(&self, order: &Order) -> String {
        let hash = self.hash_seed.clone().draw() ^ (order.id as u64);
        format!("https://{}/sales/shop/dealPay/id/{}/hash/{:04x}", self.setup.domain, order.id, hash & 0xffff)
    }

    /// The Tech API webhooks of an event: address and body.
    pub fn tech_hooks(&self, stir: Stir) -> Vec<(String, String)> {
        let Some(order) = self.orders.get(&stir.object).filter(|_| stir.what != What::User) else {
            return Vec::new();
        };
        let kinds: &[(i64, &str)] = match stir.what {
            What::Created => &[(1, "getcourse/dealCreated")],
            What::Status if order.status == "payed" => {
                &[(3, "getcourse/dealPaid"), (2, "getcourse/dealStatusChanged")]
            }
            What::Status => &[(2, "getcourse/dealStatusChanged")],
            _ => &[],
        };
        let mut hooks = Vec::new();
        for (event_id, kind) in kinds {
            let wanted = self
                .subscriptions
                .iter()
                .filter(|known| known.event_object_id == 2 && known.event_id == *event_id);
            hooks.extend(wanted.map(|known| {
                let body = self.tech_body(order, kind);
                let own = known.form.as_ref().and_then(|form| fill(form, &body));
                (known.uri.clone(), own.unwrap_or_else(|| body.to_string()))
            }));
        }
        hooks
    }

    fn tech_body(&self, order: &Order, kind: &str) -> Value {
        // The creation time in the account's zone, with a wrong `Z` (sheet 1.6).
        let ts = self
            .zone
            .from_utc_datetime(&order.created_at.naive_utc())
            .format("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let user = self.users.get(&order.user_id);
        let user = user.map(|user| json!({"id": user.id, "email": user.email, "phone": user.phone, "firstName": user.first_name, "lastName": user.last_name}));
        let deal = json!({"id": order.id, "number": order.number, "status": order.status, "cost": roubles(order.cost),
                          "payedValue": roubles(order.payed), "isPayed": 0, "currency": "RUB", "createdAt": ts});
        let inner = json!({"ts": ts, "ts64": order.created_at.timestamp(), "gcAccountId": self.setup.account_id,
                           "user": user, "deal": deal, "eventType": kind});
        json!({"json": inner})
    }

    /// The instant of a date text in the school's zone.
    pub(super) fn read_local(&self, text: &str) -> Option<DateTime<Utc>> {
        let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        Some(crate::moment::local(naive, self.zone))
    }
}
