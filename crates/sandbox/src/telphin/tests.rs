//! The sheet's bodies and requests against the Telphin stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`office`].

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::*;
use crate::Platform;
use crate::lines::Phones;

fn at(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

const START: i64 = 1_767_254_400_000_000;

fn office(hooks_url: &str) -> Office {
    let employee = |extension: &str, name: &str| Employee {
        extension: extension.into(),
        name: name.into(),
        email: String::new(),
        ..Employee::default()
    };
    let setup = TelphinSetup { hooks_url: hooks_url.into(), ..TelphinSetup::default() };
    Office::new(setup, vec![employee("101", "Иванов"), employee("102", "Петров")])
}

fn bodies(office: &Office) -> Vec<String> {
    office.board.posts.iter().map(|post| String::from_utf8_lossy(&post.body).into_owned()).collect()
}

#[test]
fn an_outgoing_call_is_section_3_3_byte_for_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/telphin/vectors.json");
    let vectors: Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    let sheet: Vec<String> = (0..3)
        .map(|i| vectors["telphin_events"][i]["body"].as_str().unwrap_or_default().to_owned())
        // Here the whole call runs on whole seconds.
        .map(|body| body.replace("400123456", "400000000").replace("472200000", "472000000"))
        .map(|body| body.replace("Duration=60200000", "Duration=60000000"))
        .collect();
    let mut office = office("https://bridge.example/hooks/telphin/SECRET");
    office.dial(at(START), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1120 });
    assert_eq!(bodies(&office), sheet);
}

fn ask(office: &mut Office, method: &str, path: &str, token: &str, body: &Value) -> WireAnswer {
    let request = WireRequest {
        platform: Platform::named("telphin").expect("of the list"),
        method: method.into(),
        path: path.into(),
        headers: vec![("Authorization".into(), format!("Bearer {token}"))],
        body: body.to_string().into_bytes(),
    };
    office.handle(at(START) + TimeDelta::minutes(5), &request)
}

fn signed_in(office: &mut Office) -> String {
    let body = "grant_type=client_credentials&client_id=0123456789abcdef0123456789abcdef&client_secret=fedcba9876543210fedcba9876543210";
    let request = WireRequest {
        platform: Platform::named("telphin").expect("of the list"),
        method: "POST".into(),
        path: "/oauth/token".into(),
        headers: vec![],
        body: body.into(),
    };
    let answer = office.handle(at(START), &request).value();
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&"Bearer".into(), &3600.into()));
    answer["access_token"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_requests_of_the_sheet_are_answered_as_it_says() {
    let mut office = office("");
    let token = signed_in(&mut office);
    let (events, callback) =
        ("/api/ver1.0/extension/200101/event/", "/api/ver1.0/extension/200101/callback/");
    let wish = json!({"url": "https://bridge.example/hooks/telphin/SECRET", "method": "POST", "event_type": "hangup"});
    let made = ask(&mut office, "POST", events, &token, &wish).value();
    assert_eq!((&made["id"], &made["event_type"]), (&1234.into(), &"hangup".into()));
    assert_eq!(ask(&mut office, "GET", events, &token, &Value::Null).value(), json!([made]));
    let call = json!({"src_num": ["101"], "dst_num": "79005550101", "caller_id_name": "GetCourse", "caller_id_number": "74955550000", "dst_ani": "74955550000"});
    let started = ask(&mut office, "POST", callback, &token, &call).value();
    assert_eq!(started["call_api_id"], "c0ffee01c0ffee01c0ffee01c0ffee01");
    assert_eq!(office.board.commands[0].line_number.as_deref(), Some("74955550000"));
    for (status, path, token, body) in [
        (401, callback, "nonsense", &call),
        (404, "/api/ver1.0/extension/200199/callback/", token.as_str(), &call),
        (400, callback, token.as_str(), &json!({"dst_num": "79005550101"})),
        (
            400,
            events,
            token.as_str(),
            &json!({"url": "https://x.example", "method": "POST", "event_type": "dance"}),
        ),
    ] {
        let answer = ask(&mut office, "POST", path, token, body);
        assert_eq!(answer.status, status, "{path} {body}");
        assert!(answer.value()["message"].is_string(), "{path} {body}");
    }
    assert_eq!(office.board.commands.len(), 1);
}

#[test]
fn a_call_back_shows_one_leg_or_both() {
    let command = Command {
        command_id: "c0ffee01".repeat(4),
        extension: "101".into(),
        to_number: "79005550101".into(),
        line_number: None,
        ..Command::default()
    };
    let course = Course { rings_s: 12, talk_s: 60, reason: 1120 };
    for (manager_leg, expected) in [
        (true, vec!["dial-in", "answer", "dial-out", "answer", "hangup"]),
        (false, vec!["dial-out", "answer", "hangup"]),
    ] {
        let mut office = office("https://bridge.example/hooks/telphin/SECRET");
        office.setup.manager_leg = manager_leg;
        office.call_back(at(START), &command, Some(4), course);
        let kinds: Vec<String> = bodies(&office)
            .iter()
            .map(|body| body["EventType=".len()..].split('&').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds, expected);
        assert_eq!(office.board.calls[0].created_at, at(START) + TimeDelta::seconds(5));
    }
}

#[test]
fn history_shows_conversations_of_a_stretch() {
    let mut office = office("");
    let token = signed_in(&mut office);
    office.dial(at(START), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1120 });
    let path = "/api/ver1.0/client/1/call_history/?start_datetime=2026-01-01%2000:00:00&end_datetime=2026-01-02%2000:00:00";
    let answer = ask(&mut office, "GET", path, &token, &Value::Null).value();
    let call = &answer["call_history"][0];
    assert_eq!((&call["result"], &call["bridged_duration"]), (&"bridged".into(), &60.into()));
    assert_eq!(call["init_time_gmt"], "2026-01-01 08:00:00");
}
