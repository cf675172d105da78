//! The sheet's queries and hashes against the Sipuni stand-in.
//! No test sleeps: time is a parameter.
//! Enter at [`cabinet`].

use chrono::{DateTime, Utc};

use super::events::hash;
use super::*;
use crate::Platform;
use crate::lines::Phones;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn cabinet() -> Cabinet {
    let ivanov = Employee {
        extension: "101".into(),
        name: "Иван Иванов".into(),
        email: String::new(),
        ..Employee::default()
    };
    let hooks_url = "https://bridge.example/hooks/sipuni/SECRET/".to_owned();
    Cabinet::new(SipuniSetup { hooks_url, ..SipuniSetup::default() }, vec![ivanov], chrono_tz::Europe::Moscow)
}

fn vectors() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/sipuni/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}

#[test]
fn an_outgoing_call_is_section_3_byte_for_byte() {
    let mut cabinet = cabinet();
    cabinet.dial(at(1_767_254_400), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1120 });
    let sent: Vec<&str> = cabinet
        .board
        .posts
        .iter()
        .filter_map(|post| post.url.split_once('?').map(|(_, query)| query))
        .collect();
    let vectors = vectors();
    let sheet = |i: usize| vectors["sipuni_events"][i]["query"].as_str().unwrap_or_default().to_owned();
    let again = sheet(0).replace("timestamp=1767254400", "timestamp=1767254401");
    assert_eq!(sent, [sheet(0), again, sheet(1), sheet(2)]);
}

#[test]
fn a_missed_incoming_call_is_its_end_alone() {
    let mut cabinet = cabinet();
    let course = Course { rings_s: 19, talk_s: 0, reason: 1110 };
    cabinet.ring_in(at(1_767_254_700), "101", "79005550101", course);
    let [post] = cabinet.board.posts.as_slice() else { panic!("{:?}", cabinet.board.posts) };
    for part in [
        "event=2",
        "src_num=9005550101&src_type=1",
        "dst_num=74955550000_id123456&dst_type=1",
        "status=NOANSWER",
    ] {
        assert!(post.url.contains(part), "{part}: {}", post.url);
    }
}

#[test]
fn hashes_are_the_sheets() {
    let setup = SipuniSetup::default();
    for vector in vectors()["sipuni"].as_array().expect("vectors") {
        let text = vector["string"].as_str().unwrap_or_default();
        let values = text.strip_suffix("+012345+0.abcdef12345").map(|values| values.split('+').collect());
        let values: Vec<&str> = values.unwrap_or_default();
        assert_eq!(vector["hash"], hash(&values, &setup), "{}", vector["method"]);
    }
}

fn ask(cabinet: &mut Cabinet, path: &str, body: &str) -> serde_json::Value {
    ask_with(cabinet, path, vec![], body)
}

fn ask_with(
    cabinet: &mut Cabinet,
    path: &str,
    headers: Vec<(String, String)>,
    body: &str,
) -> serde_json::Value {
    let request = WireRequest {
        platform: Platform::named("sipuni").expect("of the list"),
        method: "POST".into(),
        path: format!("/api/{path}"),
        headers,
        body: body.into(),
    };
    cabinet.handle(at(1_767_254_400), &request).value()
}

#[test]
fn the_call_back_of_the_sheet_is_taken_and_a_bad_one_refused_with_200() {
    let mut cabinet = cabinet();
    let good = "antiaon=0&phone=79005550101&reverse=0&sipnumber=101&user=012345&hash=a50635b48faaefd60a129a35c7060505";
    let answer = ask(&mut cabinet, "callback/call_number", good);
    assert_eq!(answer["success"], true);
    assert_eq!(answer["id"], cabinet.board.commands[0].command_id);
    for (bad, why) in [
        (good.replace("hash=a5", "hash=b5"), "Wrong hash"),
        (good.replace("antiaon=0&", ""), "Parameter antiaon is required"),
        (good.replace("user=012345", "user=12345"), "User not found"),
    ] {
        let answer = ask(&mut cabinet, "callback/call_number", &bad);
        assert_eq!((&answer["success"], &answer["message"]), (&false.into(), &why.into()), "{bad}");
    }
    assert_eq!(cabinet.board.commands.len(), 1);
}

#[test]
fn a_manager_who_does_not_pick_up_leaves_no_trace() {
    let mut cabinet = cabinet();
    let command = Command {
        command_id: "5f4d".into(),
        extension: "101".into(),
        to_number: "79005550101".into(),
        line_number: None,
        ..Command::default()
    };
    let course = Course { rings_s: 45, talk_s: 0, reason: 1111 };
    cabinet.call_back(at(1_767_254_400), &command, None, course);
    assert!(cabinet.board.posts.is_empty());
    cabinet.call_back(at(1_767_254_600), &command, Some(4), course);
    let urls: Vec<&str> = cabinet.board.posts.iter().map(|post| post.url.as_str()).collect();
    assert!(urls.len() == 2 && urls.iter().all(|url| url.contains("callbackId=5f4d")), "{urls:?}");
    assert!(
        urls[1].contains("status=NOANSWER") && urls[1].contains("call_answer_timestamp=1767254604"),
        "{urls:?}"
    );
}

#[test]
fn statistics_are_a_table_of_the_days_calls() {
    let mut cabinet = cabinet();
    cabinet.dial(at(1_767_254_400), "101", "79005550101", Course { rings_s: 12, talk_s: 60, reason: 1120 });
    let body = "anonymous=1&firstTime=0&from=01.01.2026&fromNumber=&state=0&to=01.01.2026&toAnswer=&toNumber=&tree=&type=0\
                &user=012345&hash=e9a2e05f8973ea94e7009f75a5d1e651";
    let request = WireRequest {
        platform: Platform::named("sipuni").expect("of the list"),
        method: "POST".into(),
        path: "/api/statistic/export".into(),
        headers: vec![],
        body: body.into(),
    };
    let answer = cabinet.handle(at(1_767_254_500), &request);
    let text = answer.text().into_owned();
    let line = text.lines().nth(1).unwrap_or_default();
    assert!(line.starts_with("\"Исходящий\";\"Отвечен\";\"01.01.2026 11:00:00\""), "{text}");
    assert!(line.contains("\"72\";\"60\";\"12\"") && line.contains("1767254400.12345"), "{text}");
}

#[test]
fn a_post_reads_its_query_too() {
    let mut cabinet = cabinet();
    let query = "callback/call_number?antiaon=0&phone=79005550101&reverse=0";
    let form = "sipnumber=101&user=012345&hash=a50635b48faaefd60a129a35c7060505";
    assert_eq!(ask(&mut cabinet, query, form)["success"], true);
    assert_eq!(cabinet.board.commands[0].to_number, "79005550101");
}

/// The client sipuni-api 0.0.1.1 puts everything into the query and sends `{}` as JSON.
#[test]
fn a_body_that_is_no_form_is_no_part_of_the_hash() {
    let mut cabinet = cabinet();
    let all = "antiaon=0&phone=79005550101&reverse=0&sipnumber=101&user=012345&hash=a50635b48faaefd60a129a35c7060505";
    let json = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    assert_eq!(ask_with(&mut cabinet, &format!("callback/call_number?{all}"), json, "{}")["success"], true);
}

#[test]
fn a_call_between_outside_numbers_has_a_wrong_answer_time() {
    let mut cabinet = cabinet();
    let good = "phoneFrom=79005550111&phoneTo=79005550101&sipnumber=101&sipnumber2=101&user=012345\
                &hash=58acdcfc94f88dfeb9f36a70a70e973b";
    assert_eq!(ask(&mut cabinet, "callback/call_external", good)["success"], true);
    let command = cabinet.board.commands.remove(0);
    assert_eq!((command.to_number.as_str(), command.from_outside), ("79005550101", true));
    for (talk_s, reason, answered) in [(7, 1120, 1_767_254_403), (0, 1111, 1_767_254_404)] {
        cabinet.board.posts.clear();
        let course = Course { rings_s: 3, talk_s, reason };
        cabinet.call_back(at(1_767_254_400), &command, Some(4), course);
        let end = cabinet.board.posts.last().map(|post| post.url.clone()).unwrap_or_default();
        let starts = cabinet.board.posts.iter().filter(|post| post.url.contains("event=1&")).count();
        assert!(end.contains(&format!("call_answer_timestamp={answered}&")), "{end}");
        assert_eq!(starts, 1, "told once");
    }
}

#[test]
fn a_record_is_sound() {
    let mut cabinet = cabinet();
    cabinet.dial(at(1_767_254_300), "101", "79005550101", Course { rings_s: 2, talk_s: 60, reason: 1120 });
    let record = |cabinet: &mut Cabinet, id: &str| {
        let hash = hash(&[id], &cabinet.setup);
        let request = WireRequest {
            platform: Platform::named("sipuni").expect("of the list"),
            method: "GET".into(),
            path: format!("/api/statistic/record?id={id}&user=012345&hash={hash}"),
            headers: vec![],
            body: vec![],
        };
        cabinet.handle(at(1_767_254_400), &request)
    };
    let id = cabinet.board.calls[0].entry_id.clone();
    let answer = record(&mut cabinet, &id);
    assert_eq!(answer.headers[0].1, "audio/mpeg");
    assert!(answer.body.starts_with(b"ID3"));
    assert_eq!(record(&mut cabinet, "1.1").value()["success"], false);
}
