//! The mirror: which requests it saves, when it is not believed, and how it is filled.

use super::lead::*;
use super::*;
use crate::link::MirrorState;
use crate::platform::amocrm::mirror::ContactMatch;
use crate::signal::{ContactCard, ContactsRead, Signal};

fn at(second: i64) -> At {
    DateTime::from_timestamp(NOW + second, 0).expect("a time")
}

fn courier(script: Vec<Scene>) -> AmoCourier {
    let client = AmoClient::new(BASE, Script::new(script), Arc::new(OneToken));
    AmoCourier::new(client, Arc::new(settings()), BTreeMap::from([("irina".into(), 10_412_345)]))
}

fn stored(state: &MirrorState) -> (String, String) {
    ("mirror".to_owned(), serde_json::to_string(state).expect("plain"))
}

/// Delivers a new order's lead with a mirror that this process has seen complete.
#[track_caller]
fn check(entries: &[(&str, &str)], tried: Try, script: Vec<Scene>) -> Result<Receipt, Fault> {
    let full = stored(&MirrorState::Full { at: at(0) });
    let mut links = FakeLinks::of(entries);
    links.0.insert(full.0, full.1);
    let courier = courier(script);
    let asked = command(Ask::SaveLead(Box::new(save_lead())));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let began = courier.mirror(&links, at(0)).await.expect("nothing is read").expect("it has a mirror");
        assert_eq!(began.read, None);
        courier.deliver(&asked, tried, &links, at(60)).await
    })
}

const PHONE: &str = "mirror-phone:9165550137";
const EMAIL: &str = "mirror-email:anna.belova@example.com";

fn complex() -> Scene {
    let made =
        json!([{ "id": 41290077, "contact_id": 52311847, "request_id": ["gc-55.3"], "merged": false }]);
    post("/api/v4/leads/complex", lead_body(new_contact()), 200, made)
}

fn plain() -> Scene {
    let known = json!({ "id": 52311847, "is_main": true });
    post("/api/v4/leads", lead_body(known), 200, made("leads", 41290077))
}

#[test]
fn a_stranger_costs_one_request() {
    assert_eq!(check(&[], Try::First, vec![complex()]), Ok(new_links("41290077", "52311847")));
}

#[test]
fn one_hit_is_read_and_several_are_searched() {
    let his = contact(52311847, "+79165550137", &[]);
    let read = get("/api/v4/contacts/52311847?with=leads", 200, his.clone());
    let hit = [(PHONE, "52311847"), (EMAIL, "52311847")];
    assert_eq!(check(&hit, Try::First, vec![read, plain()]), Ok(lead_links("41290077", "52311847")));

    let several = [(PHONE, "52311847"), (EMAIL, "52319999")];
    let script = vec![search(QUERY_PHONE, &[his]), plain()];
    assert_eq!(check(&several, Try::First, script), Ok(lead_links("41290077", "52311847")));
}

/// A person made a contact with his number while his first save was on its way.
#[test]
fn a_contact_that_was_seen_meanwhile_is_searched_for() {
    let script = vec![search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]), plain()];
    let result = check(&[("contact:c-gc-55", link::CONTACT_SEEN)], Try::First, script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

#[test]
fn a_contact_that_was_merged_away_is_searched_for() {
    let gone = get("/api/v4/contacts/52311000?with=leads", 204, Value::Null);
    let script = vec![gone, search(QUERY_PHONE, &[contact(52311847, "+79165550137", &[])]), plain()];
    let result = check(&[(PHONE, "52311000")], Try::First, script);
    assert_eq!(result, Ok(lead_links("41290077", "52311847")));
}

/// A create of ours may have succeeded although no webhook has arrived yet.
#[test]
fn after_an_unclear_create_the_mirror_is_not_believed() {
    let script = vec![
        get(NEWEST_LEADS, 204, Value::Null),
        search(NEWEST_CONTACTS, &[]),
        search(QUERY_PHONE, &[]),
        search(QUERY_EMAIL, &[]),
        search(QUERY_WHOLE, &[]),
        complex(),
    ];
    assert_eq!(check(&[], Try::MayBeDone, script), Ok(new_links("41290077", "52311847")));
}

fn page(order: &str, at: u32, contacts: &[Value], more: bool) -> Scene {
    let next = if more { json!({ "href": "…" }) } else { Value::Null };
    let body = json!({ "_embedded": { "contacts": contacts }, "_links": { "next": next } });
    get(&format!("/api/v4/contacts?limit=250&page={at}&order[{order}"), 200, body)
}

fn card() -> ContactCard {
    let keys = vec![PHONE.to_owned(), EMAIL.to_owned()];
    ContactCard { contact: 52311847, keys, updated_at: 1_773_651_600, responsible: None }
}

/// Runs one turn from a state that the index holds.
fn turn(courier: &AmoCourier, state: Option<&MirrorState>, now: At) -> (Option<ContactsRead>, At) {
    let mut links = FakeLinks::default();
    links.0.extend(state.map(stored));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let went = runtime.block_on(courier.mirror(&links, now)).expect("it continues").expect("it has a mirror");
    let read = went.read.map(|signal| match signal {
        Signal::ContactsRead(read) => *read,
        other => panic!("{other:?}"),
    });
    (read, went.next)
}

#[test]
fn it_is_filled_page_by_page_and_goes_on_where_it_was() {
    let his = contact(52311847, "+7 (916) 555-01-37", &[]);
    let courier =
        courier(vec![page("id]=asc", 3, std::slice::from_ref(&his), true), page("id]=asc", 4, &[], false)]);
    let filling = |page| MirrorState::Filling { page, since: at(-500) };
    let (read, next) = turn(&courier, Some(&filling(3)), at(0));
    let expected = ContactsRead { contacts: vec![card()], from: Some(filling(3)), then: filling(4) };
    assert_eq!(read, Some(expected), "as a killed process left it");
    assert_eq!(turn(&courier, Some(&filling(3)), next).0, None, "intake has not stored it yet");
    let (read, _) = turn(&courier, Some(&filling(4)), at(2));
    assert_eq!(read.map(|read| read.then), Some(MirrorState::Full { at: at(-500) }));
}

#[test]
fn after_a_start_it_catches_up_with_what_changed() {
    let mut his = contact(52311847, "+79165550137", &[]);
    his["updated_at"] = json!(NOW);
    let mut old = his.clone();
    old["updated_at"] = json!(NOW - 7200);
    let pages = vec![page("updated_at]=desc", 1, &[his], true), page("updated_at]=desc", 2, &[old], true)];
    let courier = courier(pages);
    let was = MirrorState::Full { at: at(-3600) };
    let (read, next) = turn(&courier, Some(&was), at(0));
    assert_eq!(read.map(|read| read.then), Some(was.clone()), "not there yet");
    let (read, next) = turn(&courier, Some(&was), next);
    let full = MirrorState::Full { at: next - chrono::TimeDelta::seconds(1) };
    assert_eq!(read.map(|read| read.then), Some(full.clone()));
    assert_eq!(turn(&courier, Some(&full), next).0, None, "up to date");
}

/// A new owner waits for the page that it reads, and not for longer than 20 s.
#[test]
fn while_it_catches_up_a_lead_waits_without_a_request() {
    let was = MirrorState::Full { at: at(-3600) };
    let pages = vec![page("updated_at]=desc", 1, &[contact(52311847, "+79165550137", &[])], true)];
    let courier = courier(pages);
    turn(&courier, Some(&was), at(0));
    let mut links = FakeLinks::of(&[]);
    links.0.extend([stored(&was)]);
    let asked = command(Ask::SaveLead(Box::new(save_lead())));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let result = runtime.block_on(courier.deliver(&asked, Try::First, &links, at(20)));
    assert!(matches!(result, Err(Fault::Soon { .. })), "{result:?}");
    let who = runtime.block_on(courier.mirror.who(&links, &person(), at(21)));
    assert_eq!(who, Ok(ContactMatch::Doubt));
}

/// Another process brought it up to date: until this one has caught up, the account is asked.
#[test]
fn a_mirror_of_another_day_is_not_believed() {
    let links = FakeLinks::of(&[]);
    let courier = courier(vec![]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let who = runtime.block_on(courier.mirror.who(&links, &person(), at(0)));
    assert_eq!(who, Ok(ContactMatch::Doubt));
    let mut links = FakeLinks::of(&[]);
    links.0.extend([stored(&MirrorState::Full { at: at(0) })]);
    let who = runtime.block_on(courier.mirror.who(&links, &person(), at(0)));
    assert_eq!(who, Ok(ContactMatch::Doubt));
}
