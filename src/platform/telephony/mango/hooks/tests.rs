//! The computed vectors of the sheet (2.2, section 4), good and bad.

use serde_json::Value;

use super::*;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mango/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn keys() -> (Secret, Secret) {
    let vectors = vectors();
    let key = |name: &str| Secret::new(vectors["mango_keys"][name].as_str().unwrap());
    (key("vpbx_api_key"), key("vpbx_api_salt"))
}

fn hooks() -> MangoHooks {
    let (key, salt) = keys();
    MangoHooks::new(key, salt)
}

fn request(tail: &str, body: impl Into<Vec<u8>>) -> RawRequest {
    RawRequest {
        method: "POST".to_owned(),
        tail: tail.to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: body.into(),
    }
}

#[test]
fn every_vector_of_the_sheet_is_accepted_byte_by_byte() {
    let (key, salt) = keys();
    for vector in vectors()["mango"].as_array().unwrap() {
        let (json, sign) = (vector["json"].as_str().unwrap(), vector["sign"].as_str().unwrap());
        assert_eq!(wire::sign(&key, json.as_bytes(), &salt), sign, "{}", vector["name"]);
        let body = vector["body"].as_str().unwrap();
        assert_eq!(Form::read(body.as_bytes()).json, json.as_bytes(), "{}", vector["name"]);
        assert!(hooks().verify(&request("events/call", body)).is_ok(), "{}", vector["name"]);
        let shouted = body.replacen(sign, &sign.to_uppercase(), 1);
        assert!(hooks().verify(&request("events/call", shouted)).is_ok(), "{}", vector["name"]);
    }
}

#[test]
fn what_was_changed_or_written_anew_is_refused() {
    let vectors = vectors();
    let named = |name: &str| {
        let all = vectors["mango"].as_array().unwrap();
        all.iter().find(|vector| vector["name"] == name).unwrap()["body"].as_str().unwrap().to_owned()
    };
    let wrong = |i: usize| vectors["mango_negative"][i]["wrong_sign"].as_str().unwrap().to_owned();
    let signed = |body: &str, sign: &str| {
        let (before, rest) = body.split_once("&sign=").unwrap();
        format!("{before}&sign={sign}&{}", rest.split_once('&').unwrap().1)
    };
    let good = named("summary_ok");
    for body in [
        signed(&named("callback"), &wrong(0)),
        signed(&named("escaped"), &wrong(1)),
        signed(&good, ""),
        good.replace("talk_time%22%3A1767254412", "talk_time%22%3A1767254411"),
        good.replacen("a1b2c3d4", "a1b2c3d5", 1),
        good.replace("sign=", "sing="),
        good.replace("&json=", "&js0n="),
        "json=%7B%7D".to_owned(),
        "{}".to_owned(),
        "vpbx_api_key=&sign=&json=".to_owned(),
    ] {
        assert!(hooks().verify(&request("events/summary", body.clone())).is_err(), "{body}");
    }
}

#[test]
fn the_cabinets_check_button_is_answered_and_nothing_is_kept() {
    let (verified, reception) = Verified::check(&hooks(), request("", "")).unwrap();
    assert_eq!(reception, Reception::Probe);
    assert_eq!(hooks().answer(&verified), HookAnswer::empty(200));
}

#[test]
fn one_event_has_one_key_however_its_address_is_slashed() {
    let body = vectors()["mango"][1]["body"].as_str().unwrap().to_owned();
    let key = |tail: &str, body: &str| match hooks().verify(&request(tail, body)) {
        Ok(Reception::Keep(IdempotencyKey::Unique { key, keep_s })) => {
            assert_eq!(keep_s, 48 * 3600);
            key
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(key("events/call", &body), key("/events//call/", &body));
    assert_ne!(key("events/call", &body), key("events/summary", &body));
    let other = vectors()["mango"][2]["body"].as_str().unwrap().to_owned();
    assert_ne!(key("events/call", &body), key("events/call", &other));
}

#[test]
fn signed_nonsense_is_kept_for_a_person() {
    let (key, salt) = keys();
    for (tail, json) in [
        ("events/call", "{"),
        ("events/call", r#"{"call_id":"A","call_state":"Appeared"}"#),
        ("events/call", r#"{"entry_id":"E","call_state":"Appeared"}"#),
        ("events/call", r#"{"entry_id":"E","call_id":"A","call_state":"Dancing"}"#),
        ("events/summary", r#"{"entry_id":"E","call_direction":2}"#),
        ("events/summary", "[]"),
        ("events/record/added", r#"{"entry_id":"E"}"#),
        ("result/callback", r#"{"result":1000}"#),
    ] {
        let sign = wire::sign(&key, json.as_bytes(), &salt);
        let json: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
        let body = format!("vpbx_api_key={}&sign={sign}&json={json}", key.reveal());
        let (verified, _) = Verified::check(&hooks(), request(tail, body)).unwrap();
        assert!(hooks().decode(&verified, "2026-07-15T07:00:00Z".parse().unwrap()).is_err(), "{tail} {json}");
    }
}
