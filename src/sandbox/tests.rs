//! The world as a whole: people react to what a very small bridge does, faults are done by the seed, sockets answer.
//! No test sleeps: time is a parameter, and real sockets are only waited for.
//! Enter at [`Bridge`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::faults::{HookFault, RequestFault};
use super::serve::{Now, Ports, Sender, drive, stand};
use super::wire::Query;
use super::{Hook, Letter, Platform, Setup, WireAnswer, WireRequest, World, marker};

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
    World::new(
        Setup::from_toml(setup).unwrap_or_else(|error| panic!("{error}")),
        seed,
    )
}

/// The smallest bridge: an order becomes a lead with a call task, a failed call another one, money wins the lead.
struct Bridge {
    world: World,
    now: DateTime<Utc>,
    seen: Vec<String>,
}

impl Bridge {
    fn new(setup: &str, seed: u64) -> Bridge {
        let world = world(setup, seed);
        Bridge {
            now: world.start(),
            world,
            seen: Vec::new(),
        }
    }

    /// Lets everything happen up to a moment after the start.
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
        let path = hook
            .url
            .trim_start_matches("http://127.0.0.1:1")
            .split('?')
            .next()
            .unwrap_or("");
        let query = Query::parse(
            hook.url
                .split_once('?')
                .map_or("", |(_, query)| query)
                .as_bytes(),
        );
        self.seen
            .push(format!("{} {path}", self.now.format("%d %H:%M:%S")));
        match path {
            "/gc/created" => self.lead(
                query.get("id").unwrap_or(""),
                query.get("name").unwrap_or(""),
                query.get("phone").unwrap_or(""),
            ),
            "/gc/paid" => {
                let id = self.world.leads().next().map_or(0, |lead| lead.id);
                self.ask(
                    "PATCH",
                    &format!("/api/v4/leads/{id}"),
                    &json!({"status_id": 142}),
                );
            }
            "/mango/events/summary" => {
                let summary: Value =
                    serde_json::from_str(body.get("json").unwrap_or("")).unwrap_or_default();
                if summary["talk_time"] == 0 {
                    let lead = self.world.leads().next().map_or(0, |lead| lead.id);
                    self.task(lead, 20, "Позвонить ещё раз [t2·gc-700100200]");
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> WireAnswer {
        let headers = vec![(
            "Authorization".to_owned(),
            "Bearer sandbox-long-lived-token".to_owned(),
        )];
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
        let made = self
            .ask("POST", "/api/v4/leads/complex", &json!([item]))
            .value();
        self.task(
            made[0]["id"].as_i64().unwrap_or(0),
            15,
            &format!("Позвонить [t1·gc-{order}]"),
        );
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

#[test]
fn a_manager_calls_answers_and_the_client_pays() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(12));
    let world = &bridge.world;
    assert_eq!(world.troubles(), []);
    let calls: Vec<(String, &str, i64)> = world
        .calls()
        .iter()
        .map(|call| {
            (
                call.created_at.format("%H:%M").to_string(),
                call.outcome.as_str(),
                call.talk_seconds(),
            )
        })
        .collect();
    // 12:15 deadline + 1 min; busy; the second task is due 20 min later, he is 30 min late. UTC is 3 hours behind.
    assert_eq!(
        calls,
        [
            ("09:16".to_owned(), "busy", 0),
            ("10:07".to_owned(), "talk", 95)
        ]
    );
    let lead = world.leads_of("talks")[0];
    assert_eq!(lead.status_id, 142);
    let date = lead.fields.get(&901_351).map(|values| values[0].text());
    assert_eq!(
        date.as_deref(),
        Some("1773734400"),
        "the day after at 11:00 in Moscow"
    );
    assert_eq!(
        lead.fields.get(&901_350).map(|values| values[0].enum_id),
        Some(Some(650_101))
    );
    let results: Vec<Option<&str>> = world
        .tasks_of("talks")
        .iter()
        .map(|task| task.result.as_deref())
        .collect();
    assert_eq!(
        results,
        [Some("Договорились"), None],
        "the oldest open task is closed"
    );
    assert!(bridge.seen.iter().any(|line| line.ends_with("/gc/paid")));
    assert!(bridge.seen.iter().any(|line| line.ends_with("/amo")));
    assert_eq!(world.duplicates(), []);
}

#[test]
fn people_act_by_hand() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(40));
    let world = &bridge.world;
    let lead = world.leads_of("by_hand")[0];
    let turns: Vec<(i64, &str, &str)> = lead
        .history
        .iter()
        .map(|turn| (turn.by, turn.what.as_str(), turn.to.as_str()))
        .collect();
    assert_eq!(
        turns,
        [
            (10_412_345, "stage", "8123410/66104106"),
            (10_412_350, "responsible", "10412350"),
            (10_412_350, "stage", "8123410/66104110"),
            (10_412_350, "stage", "8123410/143")
        ]
    );
    assert_eq!(lead.loss_reason_id, Some(14_820_233));
    let order = world
        .order_of("by_hand")
        .cloned()
        .unwrap_or_else(|| panic!("no order"));
    assert_eq!(
        (
            order.manager_user_id,
            order.cost,
            order.status.as_str(),
            order.payed
        ),
        (Some(300_200_100), 100_050, "cancelled", 0)
    );
    assert_eq!(order.cancel_reason_id, Some(7));
    let task = world.tasks_of("by_hand")[0];
    assert_eq!(task.complete_till.to_rfc3339(), "2026-03-19T09:00:00+00:00");
    let call = world.calls_of("by_hand")[0];
    assert_eq!(
        (call.direction, call.extension.as_str(), call.talk_seconds()),
        (1, "102", 40)
    );
    let troubles: Vec<&str> = world
        .troubles()
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(
        troubles,
        ["by_hand: the client wanted to pay, and the order takes no money"]
    );
}

#[test]
fn a_manager_works_in_his_hours_only() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(4));
    // Due on his day off: he does it the next morning at ten.
    let till = bridge.world.start() + TimeDelta::hours(25);
    let item = json!({"text": "Проверить договор", "complete_till": till.timestamp(), "responsible_user_id": 10_412_345});
    bridge.ask("POST", "/api/v4/tasks", &json!([item]));
    bridge.until(TimeDelta::days(3));
    let task = bridge
        .world
        .tasks()
        .find(|task| task.text == "Проверить договор")
        .cloned();
    assert_eq!(
        task.and_then(|task| task.closed_at)
            .map(|at| at.to_rfc3339())
            .as_deref(),
        Some("2026-03-18T07:00:00+00:00")
    );
}

#[test]
fn the_bridge_starts_a_call() {
    let mut bridge = Bridge::new(SETUP, 1);
    bridge.until(TimeDelta::hours(3));
    bridge.now = bridge.world.start() + TimeDelta::minutes(181);
    let command = r#"{"command_id":"c-1","from":{"extension":"102"},"to_number":"79035550127"}"#;
    let setup = Setup::default().mango;
    let body = super::mango::signed_body(&setup.api_key, &setup.api_salt, command).into_bytes();
    let request = WireRequest {
        platform: Platform::Mango,
        method: "POST".into(),
        path: "/vpbx/commands/callback".into(),
        headers: vec![],
        body,
    };
    assert_eq!(
        bridge.world.handle(bridge.now, &request).value(),
        json!({"result": 1000})
    );
    bridge.until(TimeDelta::minutes(183));
    let call = bridge.world.calls_of("talks")[0];
    assert_eq!(
        (
            call.command_id.as_deref(),
            call.outcome.as_str(),
            call.reason,
            call.number
        ),
        (Some("c-1"), "busy", 1121, 1)
    );
}

#[test]
fn letters_are_kept_bounced_or_delayed() {
    let mut world = world(SETUP, 1);
    let raw = "Message-ID: <d-1@bridge>\r\nSubject: =?utf-8?b?0JfQsNGP0LLQutCw?= =?utf-8?q?_42?=\r\nContent-Type: multipart/alternative;\r\n boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=D0=94=D0=B0, =\r\nready\r\n--b1\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b1--\r\n";
    let letter = |to: &str| Letter {
        from: "school@example.ru".into(),
        to: to.into(),
        raw: raw.as_bytes().to_vec(),
    };
    let start = world.start();
    let mut send = |to: &str, seconds: i64| {
        world
            .receive_mail(start + TimeDelta::seconds(seconds), letter(to))
            .code
    };
    let codes = [
        send("m@example.ru", 0),
        send("gone@example.ru", 0),
        send("a@slow.example", 0),
        send("a@slow.example", 100),
        send("a@slow.example", 300),
        send("m@example.ru", 9),
    ];
    assert_eq!(codes, [250, 550, 451, 451, 250, 250]);
    let first = &world.letters()[0];
    assert_eq!(
        (
            first.subject.as_str(),
            first.text.as_str(),
            first.message_id.as_str()
        ),
        ("Заявка 42", "Да, ready", "<d-1@bridge>")
    );
    let doubled: Vec<&str> = world.duplicates().iter().map(|found| found.kind).collect();
    assert_eq!(doubled, ["letter"]);
    assert_eq!(world.refused_letters().len(), 3);
}

#[test]
fn a_seed_reproduces_a_run_with_faults() {
    let run = |seed: u64| {
        let mut bridge = Bridge::new(SETUP, seed);
        let rule = bridge.world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.hook_per_mille) = (300, 500);
        bridge.until(TimeDelta::days(4));
        (bridge.seen.clone(), bridge.world.view())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}

#[test]
fn faults_are_done_as_asked() {
    let cases = [
        (RequestFault::TooMany, 429, 0),
        (RequestFault::ServerError, 500, 0),
        (RequestFault::BadGateway, 502, 0),
        (RequestFault::Unavailable, 503, 0),
        (RequestFault::Slow, 200, 1),
        (RequestFault::BrokenOff, 200, 1),
    ];
    for (kind, status, made) in cases {
        let mut bridge = Bridge::new(SETUP, 1);
        let rule = bridge.world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.kinds) = (1000, vec![kind]);
        let answer = bridge.ask("POST", "/api/v4/leads", &json!([{"name": "x"}]));
        assert_eq!(
            (answer.status, bridge.world.leads().count()),
            (status, made),
            "{kind:?}"
        );
        assert_eq!(answer.broken_off, kind == RequestFault::BrokenOff);
        assert_eq!(answer.delay_ms > 0, kind == RequestFault::Slow);
    }
    for (kind, count) in [
        (HookFault::Doubled, 2),
        (HookFault::Withheld, 0),
        (HookFault::Delayed, 1),
    ] {
        let mut bridge = Bridge::new(SETUP, 1);
        let rule = bridge.world.faults_mut().of_mut(Platform::Getcourse);
        (rule.hook_per_mille, rule.hook_kinds) = (1000, vec![kind]);
        bridge.until(TimeDelta::hours(3) + TimeDelta::minutes(5));
        assert_eq!(
            bridge
                .seen
                .iter()
                .filter(|line| line.ends_with("/gc/created"))
                .count(),
            count,
            "{kind:?}"
        );
    }
}

#[test]
fn markers_stand_at_the_end_in_brackets() {
    let cases = [
        ("Позвонить [t3·gc-700100200]", Some("t3·gc-700100200")),
        ("Позвонить [t3·gc-700100200] \n", Some("t3·gc-700100200")),
        ("Позвонить [завтра утром]", None),
        ("[t3·gc-1] позвонить", None),
        ("Позвонить []", None),
        ("", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(marker(text), wanted, "{text}");
    }
}

#[test]
fn wrong_scripts_say_what_is_wrong() {
    let cases = [
        ("at = \"noon\"", "is no moment"),
        (
            "at = \"12:00\"\ncalls = [\"sings\"]",
            "is no way a call ends",
        ),
        ("at = \"12:00\"\nnonsense = 1", "unknown field"),
    ];
    for (line, wanted) in cases {
        let text = format!("[[orders]]\nid = \"x\"\nname = \"x\"\noffer = 1\n{line}\n");
        let error = Setup::from_toml(&text)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains(wanted), "{error}");
    }
}

/// A clock that starts at a fixed moment and runs.
fn running() -> Now {
    let begun = tokio::time::Instant::now();
    let start = DateTime::from_timestamp(1_773_738_000, 0).unwrap_or_default();
    Arc::new(move || start + begun.elapsed())
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_answer_as_the_world_does() {
    let world = Arc::new(Mutex::new(world(SETUP, 1)));
    let start = world.lock().map(|world| world.start()).unwrap_or_default();
    let stand = stand(
        Arc::clone(&world),
        Arc::new(move || start),
        Ports::default(),
    )
    .await
    .unwrap_or_else(|error| panic!("{error}"));
    let url = format!("http://{}/api/v4/account", stand.amocrm);
    let get = || {
        client()
            .get(&url)
            .header("Authorization", "Bearer sandbox-long-lived-token")
            .send()
    };
    let answer = get().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(
        answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok()),
        Some("application/hal+json")
    );
    let body: Value =
        serde_json::from_slice(&answer.bytes().await.unwrap_or_default()).unwrap_or_default();
    assert_eq!(body["subdomain"], "shkolarost");
    if let Ok(mut world) = world.lock() {
        let rule = world.faults_mut().of_mut(Platform::Amocrm);
        (rule.per_mille, rule.kinds) = (1000, vec![RequestFault::BrokenOff]);
    }
    let broken = get().await;
    assert!(
        broken.as_ref().is_err_and(|error| error.is_request()),
        "{broken:?}"
    );
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_come_over_smtp() {
    let world = Arc::new(Mutex::new(world(SETUP, 1)));
    let stand = stand(Arc::clone(&world), running(), Ports::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let stream = tokio::net::TcpStream::connect(stand.smtp)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let talk = [
        ("", "220"),
        ("EHLO bridge", "250 AUTH"),
        ("AUTH PLAIN AGEAYg==", "235"),
        ("MAIL FROM:<school@example.ru>", "250"),
        ("RCPT TO:<gone@example.ru>", "550"),
        ("RCPT TO:<m@example.ru>", "250"),
        ("DATA", "354"),
        ("Subject: Hello\r\n\r\nText\r\n..dot\r\n.", "250"),
        ("QUIT", "221"),
    ];
    for (said, wanted) in talk {
        if !said.is_empty() {
            let _ = write.write_all(format!("{said}\r\n").as_bytes()).await;
        }
        let mut line = String::new();
        while !line.starts_with(wanted) {
            line = lines
                .next_line()
                .await
                .ok()
                .flatten()
                .unwrap_or_else(|| panic!("no {wanted} after {said}"));
            assert!(
                line.starts_with(wanted) || line.as_bytes().get(3) == Some(&b'-'),
                "{said}: {line}"
            );
        }
    }
    let letters: Vec<(String, String)> = world
        .lock()
        .map(|world| {
            world
                .letters()
                .iter()
                .map(|letter| (letter.subject.clone(), letter.text.clone()))
                .collect()
        })
        .unwrap_or_default();
    assert_eq!(letters, [("Hello".to_owned(), "Text\n.dot".to_owned())]);
    stand.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_driver_sends_webhooks_in_real_time() {
    let bridge = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let port = bridge
        .local_addr()
        .map(|address| address.port())
        .unwrap_or(0);
    let text = SETUP
        .replace("127.0.0.1:1/", &format!("127.0.0.1:{port}/"))
        .replacen("at = \"12:00\"", "at = \"+0m\"", 1);
    let mut setup = Setup::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
    setup.start = running()().fixed_offset();
    let world = Arc::new(Mutex::new(World::new(setup, 1)));
    let stand = stand(Arc::clone(&world), running(), Ports::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let driver = tokio::spawn(drive(
        stand.shared(),
        Sender::new(Duration::from_secs(2)).unwrap_or_else(|error| panic!("{error}")),
    ));
    let (mut stream, _) = bridge
        .accept()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let mut buffer = [0u8; 2048];
    let count = stream.read(&mut buffer).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(
        head.starts_with(
            "GET /gc/created?id=700100200&phone=8%20%28903%29%20555-01-27&name=%D0%9C"
        ),
        "{head}"
    );
    let _ = stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await;
    driver.abort();
    stand.stop().await;
}

#[test]
fn the_example_is_right_and_mistakes_are_told_at_once() {
    let example = Setup::example("http://127.0.0.1:8080/");
    assert_eq!(example.orders.len(), 4, "the example can be read");
    assert_eq!(example.problems(), Vec::<String>::new());
    assert_eq!(
        example.mango.hooks_url,
        "http://127.0.0.1:8080/hooks/demo/mango/secret/"
    );
    let mut wrong = example;
    wrong.managers[0].days_off.push("someday".into());
    wrong.orders[1].by = "nobody".into();
    wrong.orders[1].answers[0].value = Some("Подумать".into());
    wrong.orders[2].events[0].at = wrong.orders[2].events[1].at;
    let problems = wrong.problems();
    let parts = [
        "someday",
        "no manager «nobody»",
        "no choice «Подумать»",
        "exactly one of at",
    ];
    assert_eq!(problems.len(), parts.len(), "{problems:?}");
    for (problem, part) in problems.iter().zip(parts) {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn an_unknown_person_only_calls() {
    let script = r#"
[mango]
hooks_url = "http://127.0.0.1:1/mango"
[[managers]]
key = "irina"
name = "Ирина"
amocrm_user = 1
extension = "101"
[[orders]]
id = "caller"
at = "12:00"
name = "Кто-то"
phone = "+7 903 555-01-99"
no_order = true
events = [{ at = "+1m", do = "call_in" }, { at = "13:00", do = "call_in", outcome = "talk 30" }, { at = "23:00", do = "call_in" }, { at = "+2m", do = "pay" }]
"#;
    let mut bridge = Bridge::new(script, 1);
    bridge.until(TimeDelta::hours(20));
    let calls: Vec<(&str, &str, i64)> = bridge
        .world
        .calls()
        .iter()
        .map(|call| {
            (
                call.client.as_str(),
                call.extension.as_str(),
                call.talk_seconds(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("79035550199", "101", 0),
            ("79035550199", "101", 30),
            ("79035550199", "", 0)
        ]
    );
    assert_eq!(bridge.world.orders().count(), 0);
    assert_eq!(bridge.world.troubles().len(), 1);
    let night: Vec<&String> = bridge
        .seen
        .iter()
        .filter(|line| line.starts_with("16 20:"))
        .collect();
    assert_eq!(night.len(), 1, "at night only the summary comes: {night:?}");
}
