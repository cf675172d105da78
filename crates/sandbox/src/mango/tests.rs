//! The sheet's vectors and sequences against the Mango stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`exchange`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Course, Employee, MangoSetup, Vpbx, signed_body};
use crate::lines::Exchange;
use crate::lines::Phones;
use crate::wire::Query;
use crate::{WireAnswer, WireRequest};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn exchange() -> Vpbx {
    let ivanov = Employee {
        extension: "101".into(),
        name: "Иван Иванов".into(),
        email: String::new(),
        key: "ivanov".into(),
        sip: None,
    };
    Vpbx::new(MangoSetup::default(), vec![ivanov])
}

/// Sub-path and body of each event, as they go over the wire.
fn wire(exchange: &Vpbx) -> Vec<(String, String)> {
    let key = &exchange.setup;
    exchange
        .posts
        .iter()
        .map(|post| (post.path.to_owned(), signed_body(&key.api_key, &key.api_salt, &post.json)))
        .collect()
}

#[test]
fn an_answered_outgoing_call_is_section_4_byte_for_byte() {
    let mut exchange = exchange();
    exchange.dial(at(1_767_254_400), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1120 });
    let signs: Vec<(String, String)> = wire(&exchange)
        .into_iter()
        .map(|(path, body)| (path, Query::parse(body.as_bytes()).get("sign").unwrap_or("").to_owned()))
        .collect();
    let sheet = [
        ("events/call", "3cc607b3d5138d4c1d709454db44de7daeeb45344109b723e174ce180fe85118"),
        ("events/call", "5f5533d68b93a555b71e8a57e59c6b0088e1684f99c3bfc4033651de846c2643"),
        ("events/call", "cea89a3eb91455297298dbdc02ed0d58e08012c5b5cd611f2b063ef687281048"),
        ("events/summary", "f1445dcac4937fd7e0fad71708d400b3786e30722cee65383d4b11375e43f012"),
        ("events/recording", "257cddccc3528fd2e180255e715e81496465771375b175e11c5037e85e5a5f63"),
        ("events/record/added", "f196b8873a46b98f4e5ac47338c7254f030d2c38fb7abfcf0042e79f4c565442"),
    ];
    let sheet: Vec<(String, String)> =
        sheet.iter().map(|(path, sign)| ((*path).to_owned(), (*sign).to_owned())).collect();
    assert_eq!(signs, sheet);
    let body = &wire(&exchange)[0].1;
    assert!(body.ends_with("&json=%7B%22entry_id%22%3A%22MTAwMDAwMDAwMDE%3D%22%2C%22call_id%22%3A%22MToxMDAwMDAxOjEwMDow%22%2C%22timestamp%22%3A1767254400%2C%22seq%22%3A1%2C%22call_state%22%3A%22Appeared%22%2C%22location%22%3A%22abonent%22%2C%22from%22%3A%7B%22extension%22%3A%22101%22%2C%22number%22%3A%22sip%3Aivanov%40school.mangosip.ru%22%2C%22line_number%22%3A%2274955550000%22%7D%2C%22to%22%3A%7B%22number%22%3A%2279005550101%22%7D%2C%22dct%22%3A%7B%22type%22%3A0%7D%7D"));
}

/// The summaries of the sheet, by the number of calls before them.
#[test]
fn summaries_of_section_4() {
    let course = |rings_s, reason| Course { rings_s, talk_s: 0, reason };
    let cases = [
        (
            1,
            2,
            1_767_254_500,
            course(8, 1121),
            "7caae9fd7a2c2cc3d6dbdbad290bb2963df0a1d109e9c578155bc1f00530ab5b",
        ),
        (
            2,
            2,
            1_767_254_600,
            course(45, 1111),
            "1a868402facafd3567a24991cec87506541048edef9cb20b481cce12e89e905c",
        ),
        (
            3,
            1,
            1_767_254_700,
            course(31, 1110),
            "30441b6182750f35429b5162604090c6bba2b80327705e96c3fb312d4e9c54ef",
        ),
    ];
    for (before, direction, start, course, sign) in cases {
        let mut exchange = exchange();
        for _ in 0..before {
            exchange.dial(at(0), "101", "79005550101", course);
        }
        match direction {
            2 => exchange.dial(at(start), "101", "79005550101", course),
            _ => exchange.ring_in(at(start), "101", "79005550101", course),
        };
        let last = wire(&exchange)
            .into_iter()
            .rfind(|(path, _)| path == "events/summary")
            .map(|(_, body)| body)
            .unwrap_or_default();
        assert_eq!(Query::parse(last.as_bytes()).get("sign"), Some(sign), "{last}");
    }
}

fn ask(exchange: &mut Vpbx, seconds: i64, path: &str, json: &str, salt: &str) -> WireAnswer {
    let body = signed_body("a1b2c3d4e5f60718293a4b5c6d7e8f90", salt, json).into_bytes();
    let request = WireRequest {
        platform: crate::Platform::named("mango").expect("of the list"),
        method: "POST".into(),
        path: format!("/vpbx/{path}"),
        headers: vec![],
        body,
    };
    exchange.handle(at(seconds), &request)
}

const SALT: &str = "0f9e8d7c6b5a49382716051423324150";

#[test]
fn the_callback_of_the_sheet_has_two_legs() {
    let mut exchange = exchange();
    let json = r#"{"command_id":"gc-1001-1","from":{"extension":"101"},"to_number":"79005550101","line_number":"74955550000"}"#;
    assert!(
        signed_body("a1b2c3d4e5f60718293a4b5c6d7e8f90", SALT, json)
            .contains("4c93e69d2f5d94fd45905025a1006e82a6cffb659f17796ee3e1e857ad34e5b4"),
        "M1"
    );
    assert_eq!(
        ask(&mut exchange, 1_767_255_000, "commands/callback", json, SALT).value(),
        json!({"result": 1000})
    );
    let command = exchange.board.commands.remove(0);
    exchange.call_back(
        at(1_767_255_000),
        &command,
        Some(4),
        Course { rings_s: 12, talk_s: 60, reason: 1110 },
    );
    let events: Vec<Value> = exchange
        .posts
        .iter()
        .filter(|post| post.path == "events/call")
        .filter_map(|post| serde_json::from_str(&post.json).ok())
        .collect();
    let lines: Vec<(i64, &str, bool)> = events
        .iter()
        .map(|event| {
            (
                event["timestamp"].as_i64().unwrap_or(0) - 1_767_255_000,
                event["call_state"].as_str().unwrap_or(""),
                event["to"]["extension"] == "101",
            )
        })
        .collect();
    // The manager's leg goes to 101, the client's to the number; as in section 5.1.
    assert_eq!(
        lines,
        [
            (0, "Appeared", true),
            (4, "Connected", true),
            (5, "Appeared", false),
            (5, "Disconnected", true),
            (17, "Connected", false),
            (77, "Disconnected", false)
        ]
    );
    assert!(
        events.iter().all(|event| event["command_id"] == "gc-1001-1" && event["callback_initiator"] == "API")
    );
    assert_eq!(events[3]["disconnect_reason"], 1000);
    assert_eq!(events[2]["from"]["taken_from_call_id"], events[0]["call_id"]);
}

#[test]
fn bad_requests_are_punished() {
    let cases = [
        ("commands/callback", "{}", SALT, 3100),
        ("config/users/request", "{}", "wrong", 3102),
        ("config/users/request", "{", SALT, 3400),
    ];
    for (path, json, salt, code) in cases {
        let mut exchange = exchange();
        let answer = ask(&mut exchange, 0, path, json, salt);
        assert_eq!((answer.status, answer.value()["code"].clone()), (400, json!(code)));
        assert_eq!(ask(&mut exchange, 119, "config/users/request", "{}", SALT).status, 401, "two minutes");
        let users = ask(&mut exchange, 120, "config/users/request", "{}", SALT).value();
        assert_eq!(users["users"][0]["telephony"]["extension"], "101");
    }
}

#[test]
fn the_edition_of_2017_answers_later() {
    let mut exchange = exchange();
    exchange.setup.edition = 2017;
    let json = r#"{"command_id":"gc-1001-1","from":{"extension":"101"},"to_number":"79005550101"}"#;
    assert!(ask(&mut exchange, 0, "commands/callback", json, SALT).body.is_empty());
    let key = exchange.setup.clone();
    let body = signed_body(&key.api_key, &key.api_salt, &exchange.posts[0].json);
    assert_eq!(exchange.posts[0].path, "result/callback");
    assert!(body.contains("f6c6e0115216100798c1e1877e453380acd926bc3d604ec62f049e4fb6c1ce01"));
}

#[test]
fn statistics_and_limits() {
    let mut exchange = exchange();
    exchange.dial(at(1000), "101", "79005550101", Course { rings_s: 10, talk_s: 30, reason: 1110 });
    let key = ask(
        &mut exchange,
        2000,
        "stats/request",
        r#"{"date_from":"0","date_to":"5000","fields":"entry_id,answer,finish,to_number"}"#,
        SALT,
    )
    .value();
    let result = json!({"key": key["key"]}).to_string();
    assert_eq!(ask(&mut exchange, 2001, "stats/result", &result, SALT).status, 204, "not ready yet");
    assert_eq!(
        ask(&mut exchange, 2006, "stats/result", &result, SALT).text(),
        "MTAwMDAwMDAwMDE=;1010;1040;79005550101"
    );
    for _ in 0..10 {
        ask(&mut exchange, 3000, "config/users/request", "{}", SALT);
    }
    let refused = ask(&mut exchange, 3000, "config/users/request", "{}", SALT);
    assert_eq!((refused.status, refused.value()["message"].clone()), (429, json!("Rate limit exceeded.")));
    exchange.posts.clear();
    assert_eq!(exchange.board.calls[0].talk_seconds(), TimeDelta::seconds(30).num_seconds());
}

/// An exchange with an outgoing talk, an incoming missed call, and a call that still rings at 3000.
fn busy() -> Vpbx {
    let mut exchange = exchange();
    exchange.setup.statistics_waits = 0;
    exchange.dial(at(1000), "101", "79005550101", Course { rings_s: 10, talk_s: 30, reason: 1110 });
    exchange.ring_in(at(1500), "101", "79005550102", Course { rings_s: 20, talk_s: 0, reason: 1110 });
    exchange.dial(at(2990), "101", "79005550103", Course { rings_s: 60, talk_s: 0, reason: 1111 });
    exchange
}

#[test]
fn statistics_are_filtered_by_their_sides() {
    for (filter, wanted) in [
        (r#""x":1"#, "79005550101;\n;79005550102"),
        (r#""from":{"extension":"101"}"#, "79005550101;"),
        (r#""from":{"number":"79005550102"}"#, ";79005550102"),
        (r#""to":{"extension":"101"}"#, ";79005550102"),
        (r#""call_party":{"extension":"101"}"#, "79005550101;\n;79005550102"),
        (r#""call_party":{"number":"79005550109"}"#, ""),
    ] {
        let mut exchange = busy();
        let json =
            format!(r#"{{"date_from":"0","date_to":"5000","fields":"to_number,from_number",{filter}}}"#);
        let key = ask(&mut exchange, 3000, "stats/request", &json, SALT).value()["key"].clone();
        let table = ask(&mut exchange, 3001, "stats/result", &json!({"key": key}).to_string(), SALT);
        assert_eq!((table.status, table.text().into_owned()), (200, wanted.to_owned()), "{filter}");
    }
    let month = r#"{"date_from":"0","date_to":"2764800"}"#;
    assert_eq!(ask(&mut busy(), 0, "stats/request", month, SALT).value()["code"], 3100, "a month at most");
}

#[test]
fn the_newer_statistics_are_a_list() {
    let range = r#""start_date":"01.01.1970 03:00:00","end_date":"01.01.1970 04:00:00""#;
    let list = |exchange: &mut Vpbx, filter: &str| {
        let json = format!("{{{range}{filter}}}");
        let key = ask(exchange, 3000, "stats/calls/request/", &json, SALT).value()["key"].clone();
        ask(exchange, 3001, "stats/calls/result/", &json!({"key": key}).to_string(), SALT).value()
    };
    for (filter, wanted) in [
        ("", vec!["79005550101", "74955550000"]),
        (r#","context_type":1"#, vec!["74955550000"]),
        (r#","context_status":1"#, vec!["79005550101"]),
        (r#","search_string":"0102""#, vec!["74955550000"]),
        (r#","limit":1,"offset":1"#, vec!["74955550000"]),
    ] {
        let answer = list(&mut busy(), filter);
        let found = answer["data"][0]["list"].as_array().cloned().unwrap_or_default();
        let called: Vec<&str> = found.iter().filter_map(|one| one["called_number"].as_str()).collect();
        assert_eq!((answer["status"].as_str(), called), (Some("complete"), wanted), "{filter}");
    }
    let mut exchange = busy();
    exchange.setup.statistics_waits = 1;
    assert_eq!(list(&mut exchange, "")["status"], "work");
    assert_eq!(
        ask(&mut exchange, 3002, "stats/calls/result/", r#"{"key":"x"}"#, SALT).value()["status"],
        "not-found"
    );
    let first = list(&mut busy(), "")["data"][0]["list"][0].clone();
    assert_eq!(
        (&first["talk_duration"], &first["context_start_time"]),
        (&json!(30), &json!("01.01.1970 03:16:40"))
    );
}

#[test]
fn a_record_comes_from_the_stand_in_itself_once() {
    let mut exchange = exchange();
    let json = r#"{"recording_id":"MToxMDAwMDAxOjUwMDow","action":"download"}"#;
    let body = signed_body("a1b2c3d4e5f60718293a4b5c6d7e8f90", SALT, json).into_bytes();
    let mut request = WireRequest {
        platform: crate::Platform::named("mango").expect("of the list"),
        method: "POST".into(),
        path: "/vpbx/queries/recording/post".into(),
        headers: vec![("Host".into(), "127.0.0.1:18083".into())],
        body,
    };
    let moved = exchange.handle(at(0), &request);
    let place = moved.headers[0].1.clone();
    assert_eq!(
        (moved.status, place.starts_with("http://127.0.0.1:18083/vpbx/files/")),
        (302, true),
        "{place}"
    );
    request.path = place.replace("http://127.0.0.1:18083", "");
    request.method = "GET".into();
    let statuses = [exchange.handle(at(1), &request).status, exchange.handle(at(2), &request).status];
    assert_eq!(statuses, [200, 404]);
}
