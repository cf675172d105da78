//! The sheet's vectors, bodies and requests against the Zadarma stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`pbx`].

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::*;
use crate::Platform;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

const START: i64 = 1_767_254_400;

fn pbx() -> Pbx {
    let employee =
        Employee { extension: "101".into(), name: "Иван Иванов".into(), ..Employee::default() };
    let hooks_url = "https://bridge.example/hooks/zadarma/SECRET".to_owned();
    Pbx::new(ZadarmaSetup { hooks_url, ..ZadarmaSetup::default() }, vec![employee], chrono_tz::Europe::Moscow)
}

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/zadarma/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}

/// Event and signature of each post.
fn told(pbx: &Pbx) -> Vec<(String, String)> {
    let posts = pbx.board.posts.iter();
    posts
        .map(|post| {
            let body = String::from_utf8_lossy(&post.body).into_owned();
            let event = body.trim_start_matches("event=").split('&').next().unwrap_or_default().to_owned();
            (event, post.headers[1].1.clone())
        })
        .collect()
}

#[test]
fn events_are_signed_as_the_sheets_vectors_say() {
    let signature = |event: &str, name: &str| {
        let all = vectors()["zadarma_webhook"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|vector| vector["event"] == event).unwrap_or_default();
        found[name].as_str().unwrap_or_default().to_owned()
    };
    for (raw, name) in [(false, "signature"), (true, "signature_raw_variant")] {
        let mut pbx = pbx();
        pbx.setup.signature_raw = raw;
        let course = Course { rings_s: 12, talk_s: 60, reason: 1110 };
        pbx.dial(at(START), "101", "79005550101", course);
        pbx.ring_in(at(START), "101", "79005550101", course);
        for (event, signed) in told(&pbx) {
            let of_client = event == "NOTIFY_ANSWER" && signed != signature(&event, name);
            if event != "NOTIFY_RECORD" && !of_client {
                assert_eq!(signed, signature(&event, name), "{event}");
            }
        }
        assert_eq!(told(&pbx).len(), 10);
    }
}

#[test]
fn a_menu_that_takes_a_call_answers_it() {
    let mut pbx = pbx();
    pbx.ring_in(at(START), "", "79005550101", Course { rings_s: 19, talk_s: 0, reason: 1110 });
    let last = pbx
        .board
        .posts
        .last()
        .map(|post| String::from_utf8_lossy(&post.body).into_owned())
        .unwrap_or_default();
    assert!(last.contains("event=NOTIFY_END") && last.contains("duration=19&disposition=answered"), "{last}");
    assert!(!last.contains("internal="), "{last}");
}

#[test]
fn a_call_back_is_two_calls_and_without_the_manager_one() {
    let command = Command {
        command_id: "c-1".into(),
        extension: "101".into(),
        to_number: "79005550101".into(),
        line_number: None,
        ..Command::default()
    };
    let course = Course { rings_s: 12, talk_s: 60, reason: 1110 };
    for (manager_s, expected) in [
        (Some(4), vec!["OUT_START", "OUT_END", "OUT_START", "ANSWER", "OUT_END", "RECORD"]),
        (None, vec!["OUT_START", "OUT_END"]),
    ] {
        let mut pbx = pbx();
        let call = pbx.call_back(at(START), &command, manager_s, course);
        let kinds: Vec<String> =
            told(&pbx).into_iter().map(|(event, _)| event.trim_start_matches("NOTIFY_").to_owned()).collect();
        assert_eq!(kinds, expected);
        assert_eq!(pbx.board.calls[call].client_dialled, manager_s.is_some());
        let ids: std::collections::BTreeSet<String> =
            pbx.board.calls.iter().chain(&pbx.sides).map(|call| call.entry_id.clone()).collect();
        assert_eq!(ids.len(), 2);
    }
}

fn ask(pbx: &mut Pbx, seconds: i64, path: &str, query: &str, sign: &str) -> WireAnswer {
    let request = WireRequest {
        platform: Platform::named("zadarma").expect("of the list"),
        method: "GET".into(),
        path: format!("{path}?{query}"),
        headers: vec![("Authorization".into(), format!("{}:{sign}", pbx.setup.key))],
        body: Vec::new(),
    };
    pbx.handle(at(seconds), &request)
}

#[test]
fn the_requests_of_the_sheet_are_answered_as_it_says() {
    let mut pbx = pbx();
    pbx.dial(at(START), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1110 });
    for vector in vectors()["zadarma_api"].as_array().expect("vectors") {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let path = text("string").split(text("query")).next().unwrap_or_default();
        let answer = ask(&mut pbx, START + 3600, path, text("query"), text("signature"));
        let expected = if path == "/v1/info/balance/" { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{path}");
        if path == "/v1/statistics/pbx/" {
            let row = &answer.value()["stats"][0];
            assert_eq!((&row["disposition"], &row["seconds"]), (&"answered".into(), &60.into()));
            assert_eq!(row["callstart"], "2026-01-01 11:00:00");
        }
        assert_eq!(ask(&mut pbx, START, path, text("query"), "bm9uc2Vuc2U=").status, 401, "{path}");
        let changed = text("query").replace("79005550101", "79005550102").replace("json", "xml");
        if changed != text("query") {
            assert_eq!(ask(&mut pbx, START, path, &changed, text("signature")).status, 401, "{path}");
        }
    }
    assert_eq!(pbx.board.commands.len(), 2);
}
