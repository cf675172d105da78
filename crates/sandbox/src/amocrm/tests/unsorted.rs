//! Unsorted requests: made, listed, accepted, declined. No test sleeps: time is a parameter. Enter at [`call`].

use serde_json::{Value, json};

use super::{Crm, check, person};

const NONE: Value = Value::Null;

fn call(uid: &str) -> Value {
    json!({"request_id": "call-482", "source_name": "MyPBX", "source_uid": uid, "pipeline_id": 8_123_410,
           "metadata": {"is_call_event_needed": true, "uniq": "pbx-482", "duration": 0, "service_code": "my_pbx",
               "link": "https://rec.example.com/482.mp3", "phone": "79265550199", "called_at": 1_773_738_000, "from": "MyPBX"},
           "_embedded": {"leads": [{"name": "Звонок"}], "contacts": [person()]}})
}

fn uid(crm: &mut Crm, index: usize) -> String {
    let list = crm.ask("GET", "/api/v4/leads/unsorted", &NONE).value();
    list["_embedded"]["unsorted"][index]["uid"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_call_is_unsorted_until_somebody_accepts_it() {
    let mut crm = Crm::new();
    check(
        &mut crm,
        &[
            ("GET", "/api/v4/leads/unsorted", NONE, 204, &[]),
            (
                "POST",
                "/api/v4/leads/unsorted/sip",
                json!([call("a")]),
                200,
                &[
                    ("/_embedded/unsorted/0/request_id", json!("call-482")),
                    ("/_embedded/unsorted/0/_embedded/contacts/0/id", json!(52_311_847)),
                ],
            ),
            ("POST", "/api/v4/leads/unsorted/sip", json!([call("a")]), 400, &[("/status", json!(400))]),
            ("GET", "/api/v4/contacts?query=9165550137", NONE, 204, &[]),
            ("GET", "/api/v4/contacts/52311847", NONE, 204, &[]),
            ("GET", "/api/v4/leads/41290077", NONE, 200, &[("/status_id", json!(81_234_101))]),
            ("GET", "/api/v4/leads/41290077/notes?filter[note_type]=call_in", NONE, 200, &[]),
            ("GET", "/api/v4/leads/unsorted?filter[category][]=forms", NONE, 204, &[]),
            (
                "GET",
                "/api/v4/leads/unsorted/summary",
                NONE,
                200,
                &[("/categories/sip/total", json!(1)), ("/total", json!(1))],
            ),
        ],
    );
    let path = format!("/api/v4/leads/unsorted/{}", uid(&mut crm, 0));
    check(
        &mut crm,
        &[
            (
                "GET",
                &path,
                NONE,
                200,
                &[("/metadata/is_call_event_needed", NONE), ("/category", json!("sip"))],
            ),
            (
                "POST",
                &format!("{path}/link"),
                json!({"link": {"entity_id": 41_290_077, "entity_type": "leads"}}),
                400,
                &[],
            ),
            ("POST", &format!("{path}/accept"), json!({"user_id": 5}), 400, &[]),
            (
                "POST",
                &format!("{path}/accept"),
                json!({"user_id": 10_412_345, "status_id": 66_104_110}),
                200,
                &[("/_embedded/leads/0/id", json!(41_290_077))],
            ),
            ("POST", &format!("{path}/accept"), json!({}), 400, &[]),
            ("GET", &path, NONE, 204, &[]),
            ("GET", "/api/v4/leads/41290077", NONE, 200, &[("/status_id", json!(66_104_110))]),
            ("GET", "/api/v4/contacts?query=9165550137", NONE, 200, &[]),
            (
                "GET",
                "/api/v4/leads/unsorted/summary",
                NONE,
                200,
                &[("/accepted", json!(1)), ("/total", json!(0))],
            ),
            ("POST", "/api/v4/leads/unsorted/nonsense/accept", json!({}), 404, &[]),
        ],
    );
}

#[test]
fn a_form_is_declined_and_a_bad_one_refused() {
    let mut crm = Crm::new();
    let form = json!([{"source_name": "Сайт", "source_uid": "f", "metadata": {"form_id": "1", "form_name": "Заявка"},
                       "_embedded": {"contacts": [person()], "companies": [{"name": "ООО Рост"}]}}]);
    let flaw = "/validation-errors/0/errors/0/path";
    check(
        &mut crm,
        &[
            ("POST", "/api/v4/leads/unsorted/forms", form, 200, &[]),
            (
                "POST",
                "/api/v4/leads/unsorted/forms",
                json!([{"source_uid": "f"}]),
                400,
                &[(flaw, json!("source_name"))],
            ),
            (
                "POST",
                "/api/v4/leads/unsorted/sip",
                json!([{"source_name": "x", "source_uid": "y", "metadata": {"uniq": "1"}}]),
                400,
                &[(flaw, json!("metadata.duration"))],
            ),
            ("POST", "/api/v4/leads/unsorted/chats", json!([]), 405, &[]),
        ],
    );
    let path = format!("/api/v4/leads/unsorted/{}/decline", uid(&mut crm, 0));
    check(
        &mut crm,
        &[
            (
                "DELETE",
                &path,
                json!({"user_id": 10_412_345}),
                200,
                &[("/_embedded/contacts/0/id", json!(52_311_848))],
            ),
            ("DELETE", &path, NONE, 400, &[]),
            ("GET", "/api/v4/leads/41290077", NONE, 204, &[]),
            ("GET", "/api/v4/leads/unsorted/summary", NONE, 200, &[("/declined", json!(1))]),
        ],
    );
}
