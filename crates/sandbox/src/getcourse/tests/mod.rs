//! The sheet's examples against the GetCourse stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`Client`].

mod groups;
mod users;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::model::{kopecks, money_text};
use crate::wire::{Query, form_text};
use crate::{Hook, Platform, Setup, WireAnswer, WireRequest, World};

const SETUP: &str = r#"
start = "2026-07-14T18:05:33+03:00"

[getcourse]
offers = [
  { id = 5512874, title = "Дизайн интерьера: база. Пакет «Всё сразу»", price = 38500 },
  { id = 5512875, title = "Разбор", price = 1000, code = "review" },
]
groups = [{ id = 2300101, name = "Вебинар" }]
trainings = [{ id = 91, title = "Дизайн интерьера", offers = [5512874] }, { id = 92, title = "Цвет" }]
cancel_reasons = [{ id = 7, name = "Дорого" }]

[[getcourse.processes]]
event = "order_created"
url = "http://127.0.0.1:1/gc/myschool/order-created?secret=k7Q2m&order_id={object.id}&number={object.number}&user_id={object.user.id}&first_name={object.user.first_name}&last_name={object.user.last_name}&email={object.user.email}&phone={object.user.phone}&positions={object.positions}&offers={object.offers}&cost={object.cost_money_value}&cost_text={object.cost_money}&left={object.left_cost_money}&payed={object.payed_money}&status={object.status}&promocode={object.promocode}&manager={object.manager}&manager_email={object.manager_email}&created_at={object.created_at format='Y-m-d H:i:s'}&strange={object.unknown}"

[[getcourse.processes]]
event = "payment_partial"
url = "http://127.0.0.1:1/gc/myschool/payment-partial?payed={object.payed_money}&left={object.left_cost_money}&status={object.status}"
plus = true

[[getcourse.processes]]
event = "payment_full"
url = "http://127.0.0.1:1/gc/myschool/events?secret=k7Q2m"
method = "POST"
body = '{"event":"order_paid","order_id":"{object.id}","status":"{object.status}","payed":"{object.payed_money}"}'
content_type = "application/json"
once = true
delay_s = [300, 900]

[[managers]]
key = "irina"
name = "Ирина Соколова"
amocrm_user = 10412345
getcourse_id = 300200100
email = "irina@myschool.ru"

[[orders]]
id = "first"
at = "+0m"
name = "Мария Кузнецова"
phone = "+79035550127"
email = "m.kuznetsova@example.ru"
offer = 5512874
events = [
  { at = "+1h", do = "pay", amount = 15000.40 },
  { at = "+2h", do = "pay" },
]
"#;

struct Client {
    world: World,
    now: DateTime<Utc>,
}

impl Client {
    fn new() -> Client {
        let setup = Setup::from_toml(SETUP).unwrap_or_else(|error| panic!("{error}"));
        let world = World::new(setup, 3);
        Client { now: world.start(), world }
    }

    fn until(&mut self, span: TimeDelta) -> Vec<Hook> {
        self.now = self.world.start() + span;
        self.world.advance(self.now)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> WireAnswer {
        self.now += TimeDelta::milliseconds(10);
        let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let request = WireRequest {
            platform: Platform::Getcourse,
            method: method.into(),
            path: path.into(),
            headers,
            body: body.to_vec(),
        };
        self.world.handle(self.now, &request)
    }

    fn tech(&mut self, method: &str, path: &str, body: &Value) -> WireAnswer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let key = "Bearer sandbox-developer-key_sandbox-school-key";
        self.send(method, &format!("/pl/api/v1/{path}"), &[("Authorization", key)], body.as_bytes())
    }

    fn import(&mut self, kind: &str, params: &Value) -> Value {
        let body = format!(
            "action=add&key=sandbox-school-key&params={}",
            form_text(&STANDARD.encode(params.to_string()))
        );
        self.send("POST", &format!("/pl/api/{kind}"), &[], body.as_bytes()).value()
    }

    fn export(&mut self, path: &str) -> Value {
        self.send("GET", &format!("/pl/api/account/{path}"), &[], b"").value()
    }
}

#[test]
fn the_created_order_calls_the_url_of_the_sheet() {
    let hooks = Client::new().until(TimeDelta::zero());
    let url = &hooks[0].url;
    assert_eq!((hooks.len(), hooks[0].method.as_str(), hooks[0].body.len()), (1, "GET", 0));
    assert!(
        url.contains("&phone=%2B79035550127&positions=%D0%94%D0%B8%D0%B7%D0%B0%D0%B9%D0%BD%20%D0%B8"),
        "{url}"
    );
    assert!(url.contains("&cost=38500&cost_text=38%20500%20%D1%80%D1%83%D0%B1.&left=38%20500%20%D1%80%D1%83%D0%B1.&payed=0%20%D1%80%D1%83%D0%B1.&status=%D0%9D%D0%BE%D0%B2%D1%8B%D0%B9&promocode=&manager=&"), "{url}");
    let query = Query::parse(url.split_once('?').map_or("", |(_, query)| query).as_bytes());
    assert_eq!(query.get("order_id"), Some("700100200"));
    assert_eq!(query.get("created_at"), Some("2026-07-14 18:05:33"));
    assert_eq!(query.get("strange"), Some("{object.unknown}"), "an unknown variable stays as written");
}

#[test]
fn payments_start_their_processes() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let partial = client.until(TimeDelta::hours(1));
    assert!(partial[0].url.ends_with("payed=15+000%2C40+%D1%80%D1%83%D0%B1.&left=23+499%2C60+%D1%80%D1%83%D0%B1.&status=%D0%A7%D0%B0%D1%81%D1%82%D0%B8%D1%87%D0%BD%D0%BE+%D0%BE%D0%BF%D0%BB%D0%B0%D1%87%D0%B5%D0%BD"), "{}", partial[0].url);
    assert!(client.until(TimeDelta::hours(2)).is_empty(), "the periodic check comes 5 to 15 minutes later");
    let full = client.until(TimeDelta::minutes(120 + 15));
    assert_eq!(
        String::from_utf8_lossy(&full[0].body),
        r#"{"event":"order_paid","order_id":"700100200","status":"Завершен","payed":"38 500 руб."}"#
    );
    assert_eq!(client.world.order_of("first").map(|order| order.payments.len()), Some(2));
}

#[test]
fn tech_api() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let refused = client.send(
        "GET",
        "/pl/api/v1/deal/get-fields?dealId=700100200",
        &[("Authorization", "Bearer x_y")],
        b"",
    );
    assert_eq!((refused.status, refused.value()["message"].clone()), (403, json!("Нет доступа")));
    let cases: Vec<(&str, &str, Value, u16, &str, Value)> = vec![
        ("GET", "deal/get-fields?dealId=700100200", Value::Null, 200, "/data/0/status", json!("new")),
        ("GET", "deal/get-fields?dealId=1", Value::Null, 404, "/message", json!("Объект не найден")),
        ("GET", "deal/get-cancel-reasons", Value::Null, 200, "/data/0/name", json!("Дорого")),
        ("GET", "common/get-personal-managers", Value::Null, 200, "/data/0/id", json!(300_200_100)),
        ("GET", "offer/get-offers", Value::Null, 200, "/data/0/id", json!(5_512_874)),
        (
            "GET",
            "user/get-fields?email=m.kuznetsova@example.ru",
            Value::Null,
            200,
            "/data/0/phone",
            json!("+79035550127"),
        ),
        (
            "POST",
            "deal/update-fields",
            json!({"dealId": 700_100_200, "status": "in_work", "manager_user_id": 300_200_100}),
            200,
            "/data/manager_user_id",
            json!(300_200_100),
        ),
        (
            "POST",
            "deal/update-fields",
            json!({"dealId": 700_100_200, "status": "pending"}),
            400,
            "/message",
            json!("Ошибка данных"),
        ),
        (
            "POST",
            "deal/update-fields",
            json!({"dealId": 700_100_200, "status": "cancelled", "cancel_reason_id": 99}),
            200,
            "/data/cancel_reason_id",
            json!(99),
        ),
        (
            "POST",
            "deal/add-comment",
            json!({"dealId": 700_100_200, "userId": 300_200_100, "text": "Перезвонить завтра"}),
            200,
            "/data/result",
            json!(true),
        ),
        (
            "POST",
            "deal/add-comment",
            json!({"dealId": 700_100_200, "userId": 5, "text": "x"}),
            404,
            "/code",
            json!(404),
        ),
        (
            "GET",
            "deal/get-comments?dealId=700100200",
            Value::Null,
            200,
            "/data/0/text",
            json!("Перезвонить завтра"),
        ),
        (
            "POST",
            "user/update-fields",
            json!({"userId": 400_300_100, "phone": "8 (903) 555-01-99"}),
            200,
            "/data",
            json!([]),
        ),
        (
            "GET",
            "user/get-fields?userId=400300100",
            Value::Null,
            200,
            "/data/0/phone_standart",
            json!("79035550199"),
        ),
        (
            "POST",
            "set-uri",
            json!({"uri": "http://127.0.0.1:1/t", "event_object_id": 2, "event_id": 2, "subscribe": 1}),
            200,
            "/success",
            json!("OK"),
        ),
        ("POST", "set-uri", json!({"event_object_id": 2, "event_id": 2}), 400, "/status", json!(400)),
    ];
    for (method, path, body, status, pointer, wanted) in cases {
        let answer = client.tech(method, path, &body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.value().pointer(pointer), Some(&wanted), "{method} {path}: {}", answer.text());
    }
    let order = client.world.order_of("first").cloned();
    assert_eq!(order.map(|order| order.payments.len()), Some(0), "the Tech API makes no payments");
    client.tech("POST", "deal/update-fields", &json!({"dealId": 700_100_200, "status": "payed"}));
    let hooks = client.world.advance(client.now);
    let body: Value = hooks
        .iter()
        .find(|hook| hook.url.ends_with("/t"))
        .and_then(|hook| serde_json::from_slice(&hook.body).ok())
        .unwrap_or_default();
    assert_eq!(body["json"]["eventType"], "getcourse/dealStatusChanged");
    assert_eq!(
        (body["json"]["ts"].clone(), body["json"]["ts64"].clone()),
        (json!("2026-07-14T18:05:33Z"), json!(1_784_041_533))
    );
}

#[test]
fn import_has_two_levels_of_success() {
    let mut client = Client::new();
    let user = json!({"email": "new@example.ru", "first_name": "Новый"});
    let made =
        client.import("deals", &json!({"user": user, "deal": {"offer_id": "5512874", "deal_number": "B-1"}}));
    assert_eq!(made["result"]["user_status"], "added");
    assert_eq!(made["result"]["deal_number"], "B-1");
    let again = client
        .import("deals", &json!({"user": user, "deal": {"deal_number": "B-1", "deal_status": "payed"}}));
    assert_eq!(again["result"]["deal_id"], made["result"]["deal_id"]);
    assert_eq!(
        client.world.orders().next().map(|order| order.payments.len()),
        Some(1),
        "the import makes a payment"
    );
    let nobody = client.import("users", &json!({"user": {}}));
    assert_eq!((nobody["success"].clone(), nobody["result"]["error"].clone()), (json!(true), json!(true)));
    assert_eq!(nobody["result"]["error_message"], "Не указан ни эл. адрес, ни телефон");
    let cases: [(&[u8], &str); 4] = [
        (b"", "Пустой параметр action"),
        (b"action=add&key=wrong&params=e30%3D", "Неавторизованное API-обращение"),
        (b"action=drop&key=sandbox-school-key", "Действие запрещено"),
        (b"action=add&key=sandbox-school-key", "Не указаны параметры"),
    ];
    for (body, error) in cases {
        let answer = client.send("POST", "/pl/api/users", &[], body);
        assert_eq!((answer.status, answer.value()), (200, json!({"success": false, "error": error})));
    }
}

#[test]
fn the_import_of_the_sheet_adds_a_group() {
    let mut client = Client::new();
    client.until(TimeDelta::zero());
    let body = b"action=add&key=sandbox-school-key&params=eyJ1c2VyIjp7ImVtYWlsIjoibS5rdXpuZXRzb3ZhQGV4YW1wbGUucnUiLCJncm91cF9uYW1lIjpbItCf0L7Qt9Cy0L7QvdC40YLRjCJdfSwic3lzdGVtIjp7InJlZnJlc2hfaWZfZXhpc3RzIjoxfX0%3D";
    assert_eq!(client.send("POST", "/pl/api/users", &[], body).value()["result"]["success"], true);
    assert_eq!(
        client.world.users().next().map(|user| user.groups.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["Позвонить".to_owned()])
    );
}

#[test]
fn exports_are_built_polled_and_limited() {
    let mut client = Client::new();
    client.until(TimeDelta::hours(1));
    assert_eq!(client.export("deals?x=1")["error_code"], 904);
    assert_eq!(client.export("deals?key=wrong")["error_code"], 901);
    assert_eq!(client.export("deals?key=sandbox-school-key&nonsense=1")["error_code"], 908);
    let started = client.export("deals?key=sandbox-school-key&status_changed_at[from]=2026-07-14");
    let id = started["info"]["export_id"].as_i64().unwrap_or(0);
    let poll = format!("exports/{id}?key=sandbox-school-key");
    assert_eq!(client.export(&poll)["error_code"], 909);
    assert_eq!(client.export("payments?key=sandbox-school-key&status=accepted")["error_code"], 905);
    client.now += TimeDelta::seconds(30);
    let table = client.export(&poll);
    let place = table["info"]["fields"]
        .as_array()
        .and_then(|fields| fields.iter().position(|field| field == "Оплачено"))
        .unwrap_or(0);
    assert_eq!(table["info"]["items"][0][place], "15\u{a0}000,40");
    for _ in 0..120 {
        client.export(&poll);
    }
    assert_eq!(client.export(&poll)["error_code"], 903);
    client.now += TimeDelta::hours(2);
    assert_eq!(client.export(&poll)["success"], true);
}

#[test]
fn money_as_people_see_it() {
    let cases = [
        (0.0, "0 руб."),
        (990.0, "990 руб."),
        (38_500.0, "38 500 руб."),
        (15_000.4, "15 000,40 руб."),
        (1_234_567.0, "1 234 567 руб."),
    ];
    for (roubles, text) in cases {
        assert_eq!(money_text(kopecks(roubles), " ", " руб."), text);
    }
}
