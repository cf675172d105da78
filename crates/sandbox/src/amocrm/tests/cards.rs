//! Companies, tags, moments that a request names, `leads/complex`, links and notes. No test sleeps: time is a
//! parameter. Start at any test: they only share the account.

use serde_json::{Value, json};

use super::{Crm, check, lead, person};

const NONE: Value = Value::Null;

#[test]
fn companies_are_like_contacts_and_not_among_them() {
    let company = json!([{"name": "ООО Рост", "custom_fields_values": [{"field_code": "PHONE", "values": [{"value": "+74955550142"}]}]}]);
    let call = json!([{"direction": "inbound", "duration": 5, "source": "MyPBX", "phone": "84955550142", "created_at": 1_773_000_000}]);
    check(
        &mut Crm::new(),
        &[
            ("POST", "/api/v4/contacts", json!([person()]), 200, &[]),
            ("POST", "/api/v4/companies", company, 200, &[("/_embedded/companies/0/id", json!(52_311_848))]),
            ("POST", "/api/v4/leads", json!([lead()]), 200, &[]),
            ("GET", "/api/v4/contacts?query=4955550142", NONE, 204, &[]),
            (
                "GET",
                "/api/v4/companies?query=4955550142",
                NONE,
                200,
                &[("/_embedded/companies/0/name", json!("ООО Рост"))],
            ),
            (
                "POST",
                "/api/v4/leads/41290077/link",
                json!([{"to_entity_id": 52_311_848, "to_entity_type": "companies"}, {"to_entity_id": 52_311_847, "to_entity_type": "contacts"}]),
                200,
                &[
                    ("/_embedded/links/0/metadata", NONE),
                    ("/_embedded/links/1/metadata/main_contact", json!(true)),
                ],
            ),
            (
                "POST",
                "/api/v4/contacts/52311847/link",
                json!([{"to_entity_id": 52_311_848, "to_entity_type": "companies"}]),
                200,
                &[],
            ),
            (
                "POST",
                "/api/v4/contacts/52311847/link",
                json!([{"to_entity_id": 41_290_077, "to_entity_type": "leads"}]),
                400,
                &[("/validation-errors/0/errors/0/path", json!("to_entity_type"))],
            ),
            (
                "GET",
                "/api/v4/companies/52311848?with=contacts,leads",
                NONE,
                200,
                &[
                    ("/_embedded/contacts/0/id", json!(52_311_847)),
                    ("/_embedded/leads/0/id", json!(41_290_077)),
                ],
            ),
            ("GET", "/api/v4/leads/41290077", NONE, 200, &[("/_embedded/companies/0/id", json!(52_311_848))]),
            ("GET", "/api/v4/companies/52311848/links", NONE, 200, &[("/_total_items", json!(2))]),
            ("GET", "/api/v4/companies/52311847", NONE, 204, &[]),
            ("PATCH", "/api/v4/companies/52311848", json!({"name": "АО Рост"}), 200, &[]),
            (
                "POST",
                "/api/v4/companies/notes",
                json!([{"entity_id": 52_311_848, "note_type": "common", "params": {"text": "x"}}]),
                200,
                &[],
            ),
            ("POST", "/api/v4/calls", call, 200, &[("/_embedded/calls/0/entity_id", json!(41_290_077))]),
            (
                "GET",
                "/api/v4/leads/notes",
                NONE,
                200,
                &[("/_embedded/notes/0/created_at", json!(1_773_000_000))],
            ),
            (
                "POST",
                "/api/v4/leads/unlink",
                json!([{"entity_id": 41_290_077, "to_entity_id": 52_311_848, "to_entity_type": "companies"}]),
                204,
                &[],
            ),
            ("GET", "/api/v4/leads/41290077", NONE, 200, &[("/_embedded/companies", json!([]))]),
        ],
    );
}

#[test]
fn a_tag_is_named_by_its_id_or_by_its_name() {
    let mut crm = Crm::new();
    let made = crm.ask("POST", "/api/v4/leads/tags", &json!([{"name": "VIP"}, {"name": "Вебинар"}])).value();
    let id = |index: usize| made["_embedded"]["tags"][index]["id"].clone();
    crm.ask("POST", "/api/v4/leads", &json!([lead()]));
    let names = |crm: &mut Crm| -> Vec<Value> {
        let read = crm.ask("GET", "/api/v4/leads/41290077", &NONE).value();
        let tags = read["_embedded"]["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().map(|tag| tag["name"].clone()).collect()
    };
    for (change, wanted) in [
        (json!({"tags_to_add": [{"id": id(0)}]}), vec!["GetCourse", "VIP"]),
        (json!({"tags_to_delete": [{"id": id(0)}, {"name": "GetCourse"}]}), vec![]),
        (json!({"_embedded": {"tags": [{"id": id(1)}, {"name": "Новый"}]}}), vec!["Вебинар", "Новый"]),
    ] {
        assert_eq!(crm.ask("PATCH", "/api/v4/leads/41290077", &change).status, 200, "{change}");
        assert_eq!(names(&mut crm), wanted, "{change}");
    }
    let unknown = crm.ask("PATCH", "/api/v4/leads/41290077", &json!({"tags_to_add": [{"id": 5}]}));
    assert_eq!(unknown.value()["validation-errors"][0]["errors"][0]["path"], "tags_to_add.0.id");
    let found = crm.ask("GET", "/api/v4/leads/tags?filter[name]=VIP", &NONE).value();
    assert_eq!(found["_embedded"]["tags"].as_array().map(Vec::len), Some(1));
}

#[test]
fn complex_makes_a_company_keeps_tags_and_takes_metadata() {
    let mut crm = Crm::new();
    let mut item = lead();
    item["_embedded"] =
        json!({"contacts": [person()], "companies": [{"name": "ООО Рост"}], "tags": [{"name": "Сайт"}]});
    let made = crm.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
    assert_eq!((&made[0]["contact_id"], &made[0]["company_id"]), (&json!(52_311_848), &json!(52_311_847)));
    let read = crm.ask("GET", "/api/v4/leads/41290077?with=contacts", &NONE).value();
    assert_eq!(read["_embedded"]["companies"][0]["id"], 52_311_847);
    let tags: Vec<&Value> =
        read["_embedded"]["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"]).collect();
    assert_eq!(tags, ["Сайт", "GetCourse"]);
    let contact = crm.ask("GET", "/api/v4/contacts/52311848", &NONE).value();
    assert_eq!(contact["_embedded"]["companies"][0]["id"], 52_311_847, "both new: joined with each other");
    item["_embedded"] = json!({"contacts": [person()], "metadata": {"category": "forms", "form_id": "f1", "form_name": "Сайт"}});
    crm.ask("POST", "/api/v4/leads/complex", &json!([item]));
    let unsorted = crm.ask("GET", "/api/v4/leads/unsorted", &NONE).value();
    assert_eq!(unsorted["_embedded"]["unsorted"][0]["_embedded"]["leads"][0]["id"], 41_290_078);
    let status = crm.ask("GET", "/api/v4/leads/41290078", &NONE).value()["status_id"].clone();
    assert_eq!(status, 81_234_101, "the pipeline's unsorted status, whatever the request says");
    item["_embedded"] = json!({"companies": [{"name": "А"}, {"name": "Б"}]});
    let two = crm.ask("POST", "/api/v4/leads/complex", &json!([item])).value();
    assert_eq!(two["validation-errors"][0]["errors"][0]["path"], "_embedded.companies");
}

#[test]
fn moments_that_a_request_names_are_stored() {
    let mut old = lead();
    (old["created_at"], old["updated_at"], old["closed_at"]) =
        (json!(1_000_000), json!(1_000_100), json!(1_000_200));
    let task = json!([{"text": "x", "complete_till": 1_773_781_140, "created_at": 1_000_000, "updated_at": 1_000_100}]);
    let mut contact = person();
    (contact["created_at"], contact["updated_at"]) = (json!(1_000_000), json!(1_000_100));
    let stamps: &[(&str, Value)] = &[("/created_at", json!(1_000_000)), ("/updated_at", json!(1_000_100))];
    check(
        &mut Crm::new(),
        &[
            ("POST", "/api/v4/leads", json!([old]), 200, &[]),
            ("GET", "/api/v4/leads/41290077", NONE, 200, stamps),
            ("GET", "/api/v4/leads/41290077", NONE, 200, &[("/closed_at", json!(1_000_200))]),
            (
                "PATCH",
                "/api/v4/leads/41290077",
                json!({"updated_at": 1_000_300}),
                200,
                &[("/updated_at", json!(1_000_300))],
            ),
            ("POST", "/api/v4/tasks", task, 200, &[]),
            ("GET", "/api/v4/tasks/7710455", NONE, 200, stamps),
            ("POST", "/api/v4/contacts", json!([contact]), 200, &[]),
            ("GET", "/api/v4/contacts/52311847", NONE, 200, stamps),
        ],
    );
}

#[test]
fn notes_are_edited_in_batches_and_pinned() {
    let note =
        |id: i64, text: &str| json!({"entity_id": id, "note_type": "common", "params": {"text": text}});
    check(
        &mut Crm::new(),
        &[
            ("POST", "/api/v4/leads", json!([lead()]), 200, &[]),
            ("POST", "/api/v4/contacts", json!([person()]), 200, &[]),
            ("POST", "/api/v4/leads/notes", json!([note(41_290_077, "1"), note(41_290_077, "2")]), 200, &[]),
            ("POST", "/api/v4/contacts/52311847/notes", json!([note(52_311_847, "3")]), 200, &[]),
            (
                "PATCH",
                "/api/v4/leads/notes",
                json!([{"id": 880_455_101, "params": {"text": "1а"}}, {"id": 880_455_102, "params": {"text": "2а"}, "request_id": "r"}]),
                200,
                &[
                    ("/_embedded/notes/1/request_id", json!("r")),
                    ("/_embedded/notes/0/entity_id", json!(41_290_077)),
                ],
            ),
            ("GET", "/api/v4/leads/notes/880455102", NONE, 200, &[("/params/text", json!("2а"))]),
            (
                "PATCH",
                "/api/v4/leads/notes",
                json!([{"id": 880_455_103, "params": {"text": "of a contact"}}]),
                400,
                &[("/validation-errors/0/errors/0/path", json!("id"))],
            ),
            (
                "PATCH",
                "/api/v4/contacts/52311847/notes/880455103",
                json!({"params": {"text": "3а"}}),
                200,
                &[(
                    "/_links/self/href",
                    json!("https://shkolarost.amocrm.ru/api/v4/contacts/52311847/notes/880455103"),
                )],
            ),
            ("POST", "/api/v4/leads/notes/880455101/pin", NONE, 204, &[]),
            ("POST", "/api/v4/leads/notes/880455102/pin", NONE, 204, &[]),
            (
                "GET",
                "/api/v4/leads/41290077/notes?filter[is_pinned]=1",
                NONE,
                200,
                &[("/_embedded/notes/0/id", json!(880_455_102)), ("/_embedded/notes/1", NONE)],
            ),
            ("POST", "/api/v4/leads/notes/880455102/unpin", NONE, 204, &[]),
            ("GET", "/api/v4/leads/notes?filter[is_pinned]=1", NONE, 204, &[]),
            ("POST", "/api/v4/leads/notes/880455103/pin", NONE, 404, &[]),
        ],
    );
}
