//! Leads and contacts: found, completed, created once.

use super::*;
use crate::platform::http::NoResponse;
use crate::process::command::{EarlyLead, PersonFacts, SaveLead};
use crate::process::{Money, Stage};
use crate::signal::Signal;

pub(super) const QUERY_PHONE: &str =
    "GET /api/v4/contacts?query=9165550137&with=leads&limit=50&order[id]=asc";
pub(super) const QUERY_EMAIL: &str =
    "/api/v4/contacts?query=anna.belova@example.com&with=leads&limit=50&order[id]=asc";
pub(super) const QUERY_WHOLE: &str = "/api/v4/contacts?query=+79165550137&with=leads&limit=50&order[id]=asc";

pub(super) const NEWEST_CONTACTS: &str = "/api/v4/contacts?with=leads&limit=250&order[id]=desc";
pub(super) const NEWEST_LEADS: &str = "/api/v4/leads?with=contacts&limit=250&order[id]=desc";

pub(super) fn person() -> PersonFacts {
    PersonFacts {
        name: Some("Анна Белова".to_owned()),
        first_name: None,
        last_name: None,
        nameless: None,
        phones: vec!["+79165550137".to_owned()],
        emails: vec!["anna.belova@example.com".to_owned()],
        responsible: None,
        fields: Vec::new(),
        apart_from: Vec::new(),
    }
}

pub(super) fn save_lead() -> SaveLead {
    SaveLead {
        pipeline: None,
        role: LeadRole::Sales,
        route: "default".to_owned(),
        name: "Заказ GC-100482".to_owned(),
        price: Some(Money::new(2_490_050, "RUB")),
        stage: Stage::New,
        responsible: Some("irina".into()),
        tags: vec!["GetCourse".to_owned()],
        order_number: Some("GC-100482".to_owned()),
        fields: vec![(901_339, "Стандарт".to_owned())],
        person: person(),
        note: None,
        continues: None,
        instead_of: None,
    }
}

pub(super) fn lead_body(embedded: Value) -> Value {
    json!([{
        "name": "Заказ GC-100482", "price": 24901, "pipeline_id": 8123410, "status_id": 66104106,
        "responsible_user_id": 10412345, "request_id": "gc-55.3",
        "custom_fields_values": [
            { "field_id": 901337, "values": [{ "value": "GC-100482" }] },
            { "field_id": 901339, "values": [{ "value": "Стандарт" }] },
        ],
        "tags_to_add": [{ "name": "GetCourse" }],
        "_embedded": { "contacts": [embedded] },
    }])
}

pub(super) fn new_contact() -> Value {
    json!({ "name": "Анна Белова", "responsible_user_id": 10412345, "custom_fields_values": [
        { "field_code": "PHONE", "values": [{ "value": "+79165550137", "enum_code": "WORK" }] },
        { "field_code": "EMAIL", "values": [{ "value": "anna.belova@example.com", "enum_code": "WORK" }] },
    ] })
}

/// A contact as a search shows it, with the phone as a manager typed it.
pub(super) fn contact(id: u64, phone: &str, leads: &[u64]) -> Value {
    let leads: Vec<Value> = leads.iter().map(|id| json!({ "id": id })).collect();
    json!({ "id": id, "name": "Анна", "updated_at": 1_773_651_600, "custom_fields_values": [
        { "field_id": 884201, "field_code": "PHONE", "values": [
            { "value": phone, "enum_id": 512301, "enum_code": "WORK" }] },
        { "field_id": 884203, "field_code": "EMAIL", "values": [
            { "value": "Anna.Belova@example.com", "enum_id": 512313, "enum_code": "WORK" }] },
    ], "_embedded": { "leads": leads } })
}

fn contacts(list: &[Value]) -> Value {
    json!({ "_page": 1, "_embedded": { "contacts": list } })
}

pub(super) fn lead_links(lead: &str, contact: &str) -> Receipt {
    let link = |key: String, value: &str| (key, value.to_owned());
    Receipt {
        links: vec![
            link("contact:c-gc-55".to_owned(), contact),
            link(format!("crm-contact:{contact}"), "c-gc-55"),
            link("lead:gc-55:sales".to_owned(), lead),
            link(format!("crm-lead:{lead}"), "gc-55:sales"),
        ],
        signals: Vec::new(),
    }
}

/// The same with the mirror entries of a contact that was just created.
pub(super) fn new_links(lead: &str, contact: &str) -> Receipt {
    let mut receipt = lead_links(lead, contact);
    let keys = ["mirror-phone:9165550137", "mirror-email:anna.belova@example.com"];
    let made = keys.map(|key| (key.to_owned(), contact.to_owned()));
    receipt.links.extend(made);
    receipt
}

pub(super) fn search(path: &str, found: &[Value]) -> Scene {
    let path = path.strip_prefix("GET ").unwrap_or(path);
    if found.is_empty() { get(path, 204, Value::Null) } else { get(path, 200, contacts(found)) }
}

#[test]
fn g1_a_lead_is_made_in_the_pipeline_of_its_route() {
    let mut body = lead_body(new_contact());
    (body[0]["pipeline_id"], body[0]["status_id"]) = (json!(8123420), json!(66105110));
    let script = vec![
        search(QUERY_PHONE, &[]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        post(
            "/api/v4/leads/complex",
            body,
            200,
            json!([{ "id": 41290077, "contact_id": 36870041, "company_id": null, "request_id": ["gc-55.3"], "merged": false }]),
        ),
    ];
    let ask = SaveLead { pipeline: Some(8_123_420), stage: Stage::InWork, ..save_lead() };
    let made = deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script);
    assert_eq!(made, Ok(new_links("41290077", "36870041")));
}

#[test]
fn l1_a_new_client_becomes_a_contact_and_a_lead_in_one_request() {
    // The search finds the digits in any field: not every hit is the person.
    let mut stranger = contact(52319999, "+79265550137", &[]);
    stranger["custom_fields_values"][1]["values"][0]["value"] = json!("order-9165550137@example.com");
    let script = vec![
        search(QUERY_PHONE, &[stranger]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        post(
            "/api/v4/leads/complex",
            lead_body(new_contact()),
            200,
            json!([{ "id": 41290077, "contact_id": 52311847, "company_id": null, "request_id": ["gc-55.3"], "merged": false }]),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(new_links("41290077", "52311847")));
}

#[test]
fn l1_a_known_client_keeps_his_contact_however_his_number_was_typed() {
    let typed = contact(52311847, "8 (916) 555-01-37", &[41290001]);
    // Same e-mail, another number, changed later: not the person that was looked for.
    let mut stranger = contact(52319999, "+79265550137", &[41290002]);
    stranger["updated_at"] = json!(NOW);
    let mut other = lead(41290001, 8123410, 142, "GC-90000");
    other["price"] = json!(1);
    let script = vec![
        search(QUERY_PHONE, &[stranger, typed]),
        read_lead(41290001, 200, other),
        post(
            "/api/v4/leads",
            lead_body(json!({ "id": 52311847, "is_main": true })),
            200,
            made("leads", 41290077),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn l1_the_lead_of_the_same_order_is_completed_and_not_doubled() {
    let mut bare = lead(41290077, 8123410, 66104110, "GC-100482");
    bare["price"] = json!(0);
    bare["_embedded"]["tags"] = json!([]);
    let continued = lead(41290090, 8123499, 66109901, "GC-100482");
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[41290077, 41290090])]),
        read_lead(41290090, 200, continued),
        read_lead(41290077, 200, bare),
        patch(
            "/api/v4/leads/41290077",
            json!({ "price": 24901, "tags_to_add": [{ "name": "GetCourse" }] }),
            200,
            json!({ "id": 41290077 }),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

/// G10: what still stands there of the first write is replaced; what a person has changed stays.
#[test]
fn g10_a_lead_that_was_made_too_early_moves_to_its_pipeline() {
    let early = EarlyLead { name: "Заказ".to_owned(), pipeline: None, stage: Stage::New };
    let ask = || SaveLead {
        pipeline: Some(8_123_420),
        stage: Stage::InWork,
        instead_of: Some(early.clone()),
        ..save_lead()
    };
    let known = [("lead:gc-55:sales", "41290077"), ("contact:c-gc-55", "52311847")];
    let run = |stands: Value, change: Option<Value>| {
        let mut script = vec![
            read_lead(41290077, 200, stands),
            get("/api/v4/contacts/52311847?with=leads", 200, contact(52311847, "+79165550137", &[41290077])),
        ];
        let answer = json!({ "id": 41290077 });
        script.extend(change.map(|change| patch("/api/v4/leads/41290077", change, 200, answer)));
        let result = deliver(Ask::SaveLead(Box::new(ask())), Try::First, &known, script);
        assert!(result.is_ok(), "{result:?}");
    };
    run(
        lead(41290077, 8123410, 66104106, "GC-100482"),
        Some(json!({ "name": "Заказ GC-100482", "pipeline_id": 8123420, "status_id": 66105110 })),
    );
    let mut renamed = lead(41290077, 8123410, 66104110, "GC-100482");
    renamed["name"] = json!("Мария, клуб");
    run(renamed, None);
}

#[test]
fn a_second_number_is_added_and_the_first_one_kept() {
    let kept = json!({ "custom_fields_values": [{ "field_code": "PHONE", "values": [
        { "value": "84955550142", "enum_id": 512301 }, { "value": "+79165550137", "enum_code": "WORK" }] }] });
    let script = vec![
        get("/api/v4/contacts/52311847?with=leads", 200, contact(52311847, "84955550142", &[])),
        patch("/api/v4/contacts/52311847", kept, 200, json!({ "id": 52311847 })),
    ];
    let result = deliver(Ask::SaveContact(person()), Try::First, &[("contact:c-gc-55", "52311847")], script);
    assert_eq!(result.map(|receipt| receipt.links.len()), Ok(2));
}

/// G7: our own words for «no name», also those that the school used yesterday.
#[test]
fn g7_a_contact_without_a_name_is_renamed_and_nobody_else() {
    let check = |stands: &str, nameless: Option<&str>, renamed: bool| {
        let mut found = contact(52311847, "+79165550137", &[]);
        found["name"] = stands.into();
        let mut script = vec![get("/api/v4/contacts/52311847?with=leads", 200, found)];
        if renamed {
            let name = json!({ "name": "Анна Белова" });
            script.push(patch("/api/v4/contacts/52311847", name, 200, json!({ "id": 52311847 })));
        }
        let person = PersonFacts { nameless: nameless.map(str::to_owned), ..person() };
        let result =
            deliver(Ask::SaveContact(person), Try::First, &[("contact:c-gc-55", "52311847")], script);
        assert_eq!(result.map(|receipt| receipt.links.len()), Ok(2), "{stands}");
    };
    check("Без имени", None, true);
    check(" ", None, true);
    check("Имя не указано", Some("Имя не указано"), true);
    check("Имя не указано", None, false);
    check("Анна", Some("Без имени"), false);
}

#[test]
fn a_merged_contact_is_searched_again_and_its_link_set_anew() {
    let script = vec![
        get("/api/v4/contacts/52311000?with=leads", 204, Value::Null),
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
    ];
    let result = deliver(Ask::SaveContact(person()), Try::First, &[("contact:c-gc-55", "52311000")], script);
    let receipt = result.expect("found again");
    assert_eq!(receipt.links[0], ("contact:c-gc-55".to_owned(), "52311847".to_owned()));
}

#[test]
fn g7_first_and_last_name_stand_apart_and_another_currency_is_a_note() {
    let mut contact = new_contact();
    contact.as_object_mut().expect("a contact").remove("name");
    (contact["first_name"], contact["last_name"]) = ("Анна".into(), "Белова".into());
    let mut lead = lead_body(contact);
    lead[0].as_object_mut().expect("a lead").remove("price");
    let note = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Сумма заказа: 49,90\u{a0}USD. В цену сделки не записана: сделки ведутся в RUB. ·gc-55.3" } }]);
    let script = vec![
        search(QUERY_PHONE, &[]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        post(
            "/api/v4/leads/complex",
            lead,
            200,
            json!([{ "id": 41290077, "contact_id": 52311847, "request_id": ["gc-55.3"], "merged": false }]),
        ),
        post("/api/v4/leads/notes", note, 200, made("notes", 1)),
    ];
    let person =
        PersonFacts {
            first_name: Some("Анна".to_owned()), last_name: Some("Белова".to_owned()), ..person()
        };
    let ask = SaveLead { price: Some(Money::new(4_990, "USD")), person, ..save_lead() };
    let result = deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script);
    assert_eq!(result, Ok(new_links("41290077", "52311847")));
}

#[test]
fn a_create_that_broke_off_is_unclear_and_then_looked_for() {
    let broken = scene(
        "POST",
        "/api/v4/leads/complex",
        lead_body(new_contact()),
        Err(NoResponse::BrokenOff("reset".to_owned())),
    );
    let script = vec![search(QUERY_PHONE, &[]), search(QUERY_EMAIL, &[]), search(QUERY_WHOLE, &[]), broken];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert!(matches!(result, Err(Fault::Unclear { .. })), "{result:?}");

    // The search does not show it yet; the account's newest leads and contacts do.
    let complete = lead(41290077, 8123410, 66104106, "GC-100482");
    let script = vec![
        get(NEWEST_LEADS, 200, json!({ "_embedded": { "leads": [complete] } })),
        search(NEWEST_CONTACTS, &[contact(52311847, "+79165550137", &[41290077])]),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::MayBeDone, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn a_field_that_the_account_refuses_goes_into_the_note() {
    let refusal = json!({ "validation-errors": [{ "request_id": "gc-55.3", "errors": [
        { "code": "NotSupportedChoice", "path": "custom_fields_values.1.values.0.value", "detail": "…" }] }], "status": 400 });
    let known = json!({ "id": 52311847, "is_main": true });
    let mut fixed = lead_body(known.clone());
    fixed[0]["custom_fields_values"].as_array_mut().expect("fields").remove(1);
    let note = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Источник: вебинар\nНе записано в поля сделки: 901339: Стандарт ·gc-55.3" } }]);
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post("/api/v4/leads", lead_body(known), 400, refusal),
        post("/api/v4/leads", fixed, 200, made("leads", 41290077)),
        post("/api/v4/leads/notes", note, 200, made("notes", 1)),
    ];
    let ask = SaveLead { note: Some("Источник: вебинар".to_owned()), ..save_lead() };
    assert_eq!(
        deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script),
        Ok(lead_links("41290077", "52311847"))
    );
}

#[test]
fn a_stage_that_is_gone_from_the_account_stops_the_lead_and_says_so() {
    let refusal = json!({ "validation-errors": [{ "errors": [{ "code": "NotSupportedChoice", "path": "status_id" }] }] });
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post("/api/v4/leads", lead_body(json!({ "id": 52311847, "is_main": true })), 400, refusal),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Err(Fault::never("amoCRM refused it with 400: NotSupportedChoice at status_id")));
}

#[test]
fn after_the_lead_is_made_nothing_counts_as_not_done() {
    let note = json!([{ "entity_id": 41290077, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "x ·gc-55.3" } }]);
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post(
            "/api/v4/leads",
            lead_body(json!({ "id": 52311847, "is_main": true })),
            200,
            made("leads", 41290077),
        ),
        post("/api/v4/leads/notes", note, 429, Value::Null),
    ];
    let ask = SaveLead { note: Some("x".to_owned()), ..save_lead() };
    let result = deliver(Ask::SaveLead(Box::new(ask)), Try::First, &[], script);
    assert!(matches!(result, Err(Fault::Unclear { .. })), "{result:?}");
}

#[test]
fn a_lead_made_by_hand_is_known_by_its_orders_own_name() {
    let mut asked = command(Ask::SetPrice { role: LeadRole::Sales, price: Money::new(100, "RUB") });
    asked.order = "lead-41290500".into();
    let http = Script::new(vec![patch("/api/v4/leads/41290500", json!({ "price": 1 }), 200, json!({}))]);
    let courier = AmoCourier::new(
        AmoClient::new(BASE, http, Arc::new(OneToken)),
        Arc::new(settings()),
        BTreeMap::new(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let links = FakeLinks::default();
    let result = runtime.block_on(courier.deliver(&asked, Try::First, &links, At::default()));
    assert_eq!(result, Ok(Receipt::default()));
}

#[test]
fn a_deleted_lead_is_made_again_and_its_link_set_anew() {
    let script = vec![
        read_lead(41290077, 204, Value::Null),
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]),
        post(
            "/api/v4/leads",
            lead_body(json!({ "id": 52311847, "is_main": true })),
            200,
            made("leads", 41290099),
        ),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[LEAD], script);
    assert_eq!(result, Ok(lead_links("41290099", "52311847")));
}

#[test]
fn among_many_leads_the_order_is_searched_by_its_number_and_each_hit_compared() {
    let number = "/api/v4/leads?query=GC-100482&with=contacts&limit=50&order[id]=desc";
    let hits = json!({ "_embedded": { "leads": [
        lead(41290066, 8123410, 66104106, "GC-1004829"), lead(41290077, 8123410, 66104106, "GC-100482")] } });
    let script = vec![
        search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[1, 2, 3, 41290066, 41290077])]),
        get(number, 200, hits),
    ];
    let result = deliver(Ask::SaveLead(Box::new(save_lead())), Try::First, &[], script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn w1_a_lead_that_continues_another_takes_its_contact_and_names_it() {
    let ask = SaveLead {
        role: LeadRole::Fulfilment,
        continues: Some(LeadRole::Sales),
        note: Some("Оплачен".to_owned()),
        price: None,
        responsible: None,
        order_number: None,
        fields: Vec::new(),
        tags: Vec::new(),
        ..save_lead()
    };
    let body = json!([{ "name": "Заказ GC-100482", "pipeline_id": 8123499, "status_id": 66109901,
        "request_id": "gc-55.3", "_embedded": { "contacts": [{ "id": 52311847, "is_main": true }] } }]);
    let note = json!([{ "entity_id": 41290090, "note_type": "common", "is_need_to_trigger_digital_pipeline": false, "request_id": "gc-55.3",
        "params": { "text": "Оплачен\nПродолжает сделку №\u{a0}41290077 ·gc-55.3" } }]);
    let script = vec![
        get("/api/v4/contacts/52311847?with=leads", 200, contact(52311847, "+79165550137", &[41290077])),
        get("/api/v4/account", 200, json!({ "id": 31877554, "current_user_id": 10412345 })),
        post("/api/v4/leads", body, 200, made("leads", 41290090)),
        post("/api/v4/leads/notes", note, 200, made("notes", 1)),
    ];
    let links = [LEAD, ("contact:c-gc-55", "52311847")];
    let receipt = deliver(Ask::SaveLead(Box::new(ask)), Try::First, &links, script).expect("made");
    assert!(receipt.links.contains(&("lead:gc-55:fulfilment".to_owned(), "41290090".to_owned())));
    // L9: whom amoCRM puts where nobody was named has not taken the lead.
    let [Signal::LeadSeen(seen)] = &receipt.signals[..] else { panic!("{:?}", receipt.signals) };
    assert_eq!((seen.lead, seen.responsible, seen.made), (41290090, Some(10_412_345), true));
}

#[test]
fn an_order_without_a_number_that_may_be_made_is_known_by_name_and_moment() {
    let ask = || SaveLead { order_number: None, fields: Vec::new(), ..save_lead() };
    let mut same = lead(41290077, 8123410, 66104106, "");
    same["name"] = json!("Заказ GC-100482");
    let script = |found: Value| {
        let his = contact(52311847, "+79165550137", &[41290077]);
        vec![search(NEWEST_CONTACTS, &[]), search(QUERY_PHONE, &[his]), read_lead(41290077, 200, found)]
    };
    let result = deliver(Ask::SaveLead(Box::new(ask())), Try::MayBeDone, &[], script(same.clone()));
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));

    // Another order's lead, or one of last week, must not be mistaken for ours.
    let mut body = lead_body(json!({ "id": 52311847, "is_main": true }));
    body[0].as_object_mut().expect("a lead").remove("custom_fields_values");
    let make = || post("/api/v4/leads", body.clone(), 200, made("leads", 41290099));
    let mut taken = script(same.clone());
    taken.push(make());
    let links = [("crm-lead:41290077", "gc-54:sales")];
    let result = deliver(Ask::SaveLead(Box::new(ask())), Try::MayBeDone, &links, taken);
    assert_eq!(result, Ok(lead_links("41290099", "52311847")));

    same["created_at"] = json!(NOW - 7 * 86_400);
    let mut old = script(same);
    old.push(make());
    let result = deliver(Ask::SaveLead(Box::new(ask())), Try::MayBeDone, &[], old);
    assert_eq!(result, Ok(lead_links("41290099", "52311847")));
}
