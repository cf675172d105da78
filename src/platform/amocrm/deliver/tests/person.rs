//! Whose contact a contact is, where two clients have the same number (F100).

use super::lead::*;
use super::*;
use crate::process::command::{PersonFacts, SaveLead};

const THEIRS: u64 = 52_311_847;
const OWN: u64 = 52_319_999;

fn save_apart_from(clients: &[&str]) -> Ask {
    let person = PersonFacts { apart_from: clients.iter().map(|id| (*id).into()).collect(), ..person() };
    Ask::SaveLead(Box::new(SaveLead { person, ..save_lead() }))
}

fn on_contact(id: u64) -> Scene {
    let body = lead_body(json!({ "id": id, "is_main": true }));
    post("/api/v4/leads", body, 200, made("leads", 41290077))
}

#[test]
fn another_clients_contact_is_not_taken_and_a_new_one_made() {
    let made = json!([{ "id": 41290077, "contact_id": OWN, "request_id": ["gc-55.3"], "merged": false }]);
    let script = vec![
        search(QUERY_PHONE, &[contact(THEIRS, "+79165550137", &[])]),
        post("/api/v4/leads/complex", lead_body(new_contact()), 200, made),
    ];
    let result = deliver(save_apart_from(&[]), Try::First, &[("crm-contact:52311847", "c-gc-9")], script);
    assert_eq!(result, Ok(new_links("41290077", "52319999")));
}

#[test]
fn ones_own_contact_is_found_beside_that_of_another_client() {
    let found = [contact(THEIRS, "+79165550137", &[41290002]), contact(OWN, "+79165550137", &[])];
    let script = vec![search(QUERY_PHONE, &found), on_contact(OWN)];
    let result = deliver(save_apart_from(&["c-gc-9"]), Try::First, &[("contact:c-gc-9", "52311847")], script);
    assert_eq!(result, Ok(lead_links("41290077", "52319999")));
}

/// A person who merged the contacts has said that they are one.
#[test]
fn a_contact_that_a_person_has_merged_is_taken() {
    let links = [
        ("contact:c-gc-55", link::CONTACT_GONE),
        ("contact:c-gc-9", "52311847"),
        ("crm-contact:52311847", "c-gc-9"),
    ];
    let script = vec![search(QUERY_PHONE, &[contact(THEIRS, "+79165550137", &[])]), on_contact(THEIRS)];
    let result = deliver(save_apart_from(&["c-gc-9"]), Try::First, &links, script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}
