//! The world as a whole: people react to a very small bridge, faults follow the seed, sockets answer. No test
//! sleeps: time is a parameter, and tests only wait for answers of real sockets. Enter at [`Bridge`].

mod people;
mod remote_control;
mod sockets;
mod whole;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::wire::Query;
use super::{Hook, Platform, Setup, WireAnswer, WireRequest, World};

const SETUP: &str = r#"
start = "2026-03-16T09:00:00+03:00"
zone = "Europe/Moscow"

[amocrm]
lead_fields = [
  { id = 901337, name = "Номер заказа", code = "GC_ORDER_ID" },
  { id = 901350, name = "Что дальше?", type = "select", enums = [{ id = 650101, value = "Перезвонить" }, { id = 650102, value = "Отказ" }] },
  { id = 901351, name = "Когда", type = "date_time" },
]
hooks = [{ url = "http://127.0.0.1:1/amo", settings = ["update_lead", "status_lead", "update_task"] }]

[getcourse]
offers = [{ id = 5512874, title = "Курс", price = 38500 }]
cancel_reasons = [{ id = 7, name = "Дорого" }]

[[getcourse.processes]]
event = "order_created"
url = "http://127.0.0.1:1/gc/created?id={object.id}&phone={object.user.phone}&name={object.user.name}"

[[getcourse.processes]]
event = "payment_full"
url = "http://127.0.0.1:1/gc/paid?id={object.id}"

[mango]
hooks_url = "http://127.0.0.1:1/mango/"

[mail]
bounces = ["gone@example.ru"]
greylist = ["@slow.example"]
greylist_s = 300

[people]
date_field = "Когда"

[[managers]]
key = "irina"
name = "Ирина Соколова"
amocrm_user = 10412345
getcourse_id = 300200100
extension = "101"
hours = "10:00-20:00"
days_off = ["sun", "2026-03-17"]

[[managers]]
key = "oleg"
name = "Олег Петров"
amocrm_user = 10412350
extension = "102"

[[orders]]
id = "talks"
at = "12:00"
name = "Мария Кузнецова"
phone = "8 (903) 555-01-27"
email = "m@example.ru"
offer = 5512874
calls = ["busy", "late 30m talk 95"]
answers = [{ after_talk = 1, field = "Что дальше?", value = "Перезвонить", date = "+1d 11:00", result = "Договорились" }]
events = [{ after_talk = 1, plus = "1h", do = "pay" }]

[[orders]]
id = "by_hand"
at = "1d 12:00"
name = "Пётр"
phone = "+7 903 555-01-28"
email = "p@example.ru"
offer = 5512874
cost = 1000.5
by = "irina"
tasks = [{ contains = "позвонить", ignore = true }]
events = [
  { at = "+10m", do = "take", manager = "oleg" },
  { at = "+20m", do = "stage", value = "Счёт выставлен" },
  { at = "+25m", do = "shift_task", to = "+2d 12:00" },
  { at = "+30m", do = "call_in", outcome = "talk 40", manager = "oleg" },
  { at = "+40m", do = "note", value = "Клиент думает" },
  { at = "+45m", do = "lose", value = "Цена" },
  { at = "+50m", do = "cancel", value = "Дорого" },
  { at = "+55m", do = "pay" },
]
"#;

fn world(setup: &str, seed: u64) -> World {
    World::new(Setup::from_toml(setup).unwrap_or_else(|error| panic!("{error}")), seed)
}

/// The smallest bridge: an order becomes a lead with a call task, a failed call causes another task, a
/// payment wins the lead.
struct Bridge {
    world: World,
    now: DateTime<Utc>,
    seen: Vec<String>,
}

impl Bridge {
    fn new(setup: &str, seed: u64) -> Bridge {
        let world = world(setup, seed);
        Bridge { now: world.start(), world, seen: Vec::new() }
    }

    /// Runs everything up to a moment after the start.
    fn until(&mut self, span: TimeDelta) {
        let end = self.world.start() + span;
        while let Some(next) = self.world.next_due().filter(|next| *next <= end) {
            self.now = next;
            for hook in self.world.advance(next) {
                self.world.hook_answered(hook.id, Some(200), next);
                self.react(&hook);
            }
        }
        self.now = end;
    }

    fn react(&mut self, hook: &Hook) {
        let body = Query::parse(&hook.body);
        let path = hook.url.trim_start_matches("http://127.0.0.1:1").split('?').next().unwrap_or("");
        let query = Query::parse(hook.url.split_once('?').map_or("", |(_, query)| query).as_bytes());
        self.seen.push(format!("{} {path}", self.now.format("%d %H:%M:%S")));
        match path {
            "/gc/created" => self.lead(
                query.get("id").unwrap_or(""),
                query.get("name").unwrap_or(""),
                query.get("phone").unwrap_or(""),
            ),
            "/gc/paid" => {
                let id = self.world.leads().next().map_or(0, |lead| lead.id);
                self.ask("PATCH", &format!("/api/v4/leads/{id}"), &json!({"status_id": 142}));
            }
            "/mango/events/summary" => {
                let summary: Value = serde_json::from_str(body.get("json").unwrap_or("")).unwrap_or_default();
                if summary["talk_time"] == 0 {
                    let lead = self.world.leads().next().map_or(0, |lead| lead.id);
                    self.task(lead, 20, "Позвонить ещё раз [t2·gc-700100200]");
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> WireAnswer {
        let headers = vec![("Authorization".to_owned(), "Bearer sandbox-long-lived-token".to_owned())];
        let request = WireRequest {
            platform: Platform::Amocrm,
            method: method.into(),
            path: path.into(),
            headers,
            body: body.to_string().into_bytes(),
        };
        let answer = self.world.handle(self.now, &request);
        self.now += TimeDelta::milliseconds(200);
        answer
    }

    fn lead(&mut self, order: &str, name: &str, phone: &str) {
        let contact = json!({"name": name, "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": phone}]}]});
        let fields = json!([{"field_code": "GC_ORDER_ID", "values": [{"value": order}]}]);
        let item = json!({"name": order, "custom_fields_values": fields, "responsible_user_id": 10_412_345, "_embedded": {"contacts": [contact]}});
        let made = self.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
        self.task(made[0]["id"].as_i64().unwrap_or(0), 15, &format!("Позвонить [t1·gc-{order}]"));
    }

    fn task(&mut self, lead: i64, minutes: i64, text: &str) {
        let till = (self.now + TimeDelta::minutes(minutes)).timestamp();
        let item = json!({"text": text, "complete_till": till, "entity_id": lead, "entity_type": "leads", "responsible_user_id": 10_412_345});
        let answer = self.ask("POST", "/api/v4/tasks", &json!([item]));
        assert!(
            answer.status < 500 || !self.world.counters().get(Platform::Amocrm).faults.eq(&0),
            "{}",
            answer.text()
        );
    }
}
