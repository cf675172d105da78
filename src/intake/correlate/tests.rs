//! Which order, client and manager a signal means: over records and links in the store in memory.

mod contacts;
mod own_moves;

use std::sync::Arc;

use chrono::TimeDelta;

use super::*;
use crate::config::fake::{noon, school};
use crate::intake::dial::aim_call;
use crate::process::case::{OrderBrief, Pending};
use crate::process::event::{Alike, CallResult, Direction, Outcome, Reached, SameWay};
use crate::process::{Ask, AskKind, End, Money, Order, Phone, Urgency, Wait};
use crate::store::embedded::Embedded;
use crate::store::{Fence, Lease, Plan, Store, Unit, key};

/// A school with known orders and links.
struct Known {
    school: School,
    store: Arc<Embedded>,
    book: Book,
}

impl Known {
    /// Orders as `(order, client, open)`, the newest last; links as the index has them.
    async fn of(orders: &[(&str, &str, bool)], links: &[(String, &str)]) -> Self {
        let (school, fence) = (school(), Fence("owner".to_owned()));
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let plan = Plan { config: "c".to_owned(), loaded: noon() };
        assert_eq!(store.lease(&school.id, &fence, &plan, 600_000).await, Ok(Lease::Held));
        let mut unit = Unit { at: noon(), ..Unit::default() };
        for (n, (id, client, is_open)) in orders.iter().enumerate() {
            let seen_at = noon() + TimeDelta::minutes(n as i64);
            unit.put.push(put(key::order(&(*id).into()), &order(id, client, *is_open)));
            let client_key = key::client(&(*client).into());
            let brief = OrderBrief { seen_at, ..brief(*is_open) };
            let known = unit.put.iter_mut().find(|put| put.key == client_key);
            match known {
                Some(known) => {
                    let mut record: Client = serde_json::from_slice(&known.body).expect("a client");
                    record.orders.insert((*id).into(), brief);
                    known.body = serde_json::to_vec(&record).expect("a client");
                }
                None => {
                    let mut record = Client::new((*client).into());
                    record.orders.insert((*id).into(), brief);
                    unit.put.push(put(client_key, &record));
                }
            }
        }
        unit.index = links.iter().map(|(key, value)| (key.clone(), Some((*value).to_owned()))).collect();
        store.commit(&school.id, &fence, unit).await.expect("a unit");
        let book = Book::new(store.clone(), school.id.clone(), Default::default());
        Self { school, store, book }
    }

    async fn put_client(&mut self, client: &Client) {
        let fence = Fence("owner".to_owned());
        let put = vec![put(key::client(&client.id), client)];
        let unit = Unit { put, at: noon(), ..Unit::default() };
        self.store.commit(&self.school.id, &fence, unit).await.expect("a unit");
    }

    async fn aims(&mut self, signal: Signal) -> Aims {
        aim(&self.school, &mut self.book, signal, noon()).await.expect("memory")
    }

    /// The orders that a signal means.
    async fn orders(&mut self, signal: Signal) -> Vec<String> {
        self.aims(signal).await.aims.iter().map(|aim| aim.order.to_string()).collect()
    }
}

fn brief(open: bool) -> OrderBrief {
    OrderBrief {
        offers: Vec::new(),
        seen_at: noon(),
        open,
        paid: false,
        payment_link: None,
        number: None,
        sum_change: None,
    }
}

fn put(key: String, record: &impl serde::Serialize) -> Put {
    Put { key, expect: 0, body: serde_json::to_vec(record).expect("a record") }
}

fn order(id: &str, client: &str, is_open: bool) -> Order {
    let order = Order::new(id.into(), client.into(), noon());
    if is_open {
        return order;
    }
    let mut record = serde_json::to_value(&order).expect("a record");
    record["wait"] = serde_json::to_value(Wait::Ended(End::Won { at: noon() })).expect("a state");
    serde_json::from_value(record).expect("an order")
}

fn phone(e164: &str, second: Option<&str>) -> Option<Phone> {
    let e164 = Some(e164.to_owned()).filter(|number| !number.is_empty());
    Some(Phone { e164, extension: None, second: second.map(str::to_owned), words: None, raw: String::new() })
}

fn seen(gc_id: &str, client: ClientFacts) -> SeenOrder {
    let facts = OrderFacts { gc_id: Some(gc_id.to_owned()), client, ..OrderFacts::default() };
    SeenOrder { facts, ..SeenOrder::default() }
}

const ANNA: &str = "+79035550101";
const BORIS: &str = "+79035550102";

#[tokio::test]
async fn an_order_belongs_to_the_user_else_to_the_person_whom_all_that_is_typed_names() {
    let links = [
        (link::gc_user("7"), "c-user"),
        (link::phone(ANNA), "c-phone"),
        (link::phone(BORIS), "c-second"),
        (link::email("anna@example.com"), "c-mail"),
    ];
    let mut known = Known::of(&[("gc-1", "c-own", true)], &links).await;
    let facts = |user: Option<&str>, number: &str, second: Option<&str>, email: &str| ClientFacts {
        gc_user: user.map(str::to_owned),
        phone: phone(number, second),
        email: Some(email.to_owned()),
        ..ClientFacts::default()
    };
    for (gc_id, who, expected) in [
        ("2", facts(Some("7"), ANNA, None, "anna@example.com"), "c-user"),
        ("2", facts(Some("8"), ANNA, None, "new@example.com"), "c-phone"),
        ("2", facts(None, "+79035550199", Some(BORIS), "new@example.com"), "c-second"),
        ("2", facts(None, "", None, "anna@example.com"), "c-mail"),
        // The number and the address name two persons: it is neither.
        ("2", facts(Some("8"), ANNA, None, "anna@example.com"), "c-gc-2"),
        ("2", facts(None, ANNA, Some(BORIS), "new@example.com"), "c-gc-2"),
        ("2", facts(Some("8"), "+79035550199", None, "new@example.com"), "c-gc-2"),
        // An order keeps its client whatever is typed into it later.
        ("1", facts(Some("7"), ANNA, None, "anna@example.com"), "c-own"),
    ] {
        let mut aims = known.aims(Signal::OrderSeen(Box::new(seen(gc_id, who.clone())))).await.aims;
        let aim = aims.pop().expect("one order is meant");
        assert_eq!(
            (aim.order.to_string(), aim.client.as_str()),
            (format!("gc-{gc_id}"), expected),
            "{who:?}"
        );
        assert!(aims.is_empty());
    }
}

/// F100: a stranger types the number of a client who is known in GetCourse.
#[tokio::test]
async fn a_typed_number_or_address_joins_no_two_users() {
    let links = [
        (link::gc_user("7"), "c-gc-1"),
        (link::phone(ANNA), "c-gc-1"),
        (link::email("anna@example.com"), "c-gc-1"),
    ];
    let mut known = Known::of(&[], &links).await;
    let mut anna = Client::new("c-gc-1".into());
    anna.gc_user = Some("7".to_owned());
    known.put_client(&anna).await;
    let typed = |user: Option<&str>, number: &str, email: &str| ClientFacts {
        gc_user: user.map(str::to_owned),
        phone: phone(number, None),
        email: Some(email.to_owned()),
        ..ClientFacts::default()
    };
    let hers = |way| Alike { way, client: "c-gc-1".into(), user: Some("7".to_owned()) };
    let new = "new@example.com";
    for (who, client, guessed, alike) in [
        (typed(Some("8"), ANNA, new), "c-gc-2", false, vec![hers(SameWay::Phone)]),
        (typed(Some("8"), BORIS, "anna@example.com"), "c-gc-2", false, vec![hers(SameWay::Email)]),
        (typed(Some("7"), BORIS, new), "c-gc-1", false, Vec::new()),
        // Who reports no user may be her: what is new stands behind what is known.
        (typed(None, ANNA, new), "c-gc-1", true, Vec::new()),
    ] {
        let mut aims = known.aims(Signal::OrderSeen(Box::new(seen("2", who.clone())))).await;
        let aim = aims.aims.pop().expect("one order is meant");
        let Event::Order(facts) = aim.event else { panic!("an order") };
        assert_eq!(aim.client.as_str(), client, "{who:?}");
        assert_eq!((facts.client.guessed, facts.client.alike), (guessed, alike), "{who:?}");
    }
}

/// Q4: what many have names nobody, and neither does the address of an office.
#[tokio::test]
async fn a_number_of_three_and_an_office_are_no_keys() {
    let (office, hers) = ("Info@school.example".to_lowercase(), "anna@example.com");
    let links = [
        (link::phone(ANNA), "c-1"),
        (link::alike(&link::phone(ANNA)), "c-2 c-3"),
        (link::phone(BORIS), "c-1"),
        (link::email(&office), "c-1"),
        (link::email(hers), "c-2"),
    ];
    let mut known = Known::of(&[], &links).await;
    for (number, email, expected, by) in [
        (ANNA, "new@example.com", "c-gc-9", vec![]),
        // The shared number speaks neither for nor against: the address decides.
        (ANNA, hers, "c-2", vec![SameWay::Email]),
        (BORIS, "new@example.com", "c-1", vec![SameWay::Phone]),
        (BORIS, office.as_str(), "c-1", vec![SameWay::Phone]),
        ("+79035550199", office.as_str(), "c-gc-9", vec![]),
    ] {
        let who = ClientFacts {
            phone: phone(number, None),
            email: Some(email.to_owned()),
            ..ClientFacts::default()
        };
        let aim = known.aims(Signal::OrderSeen(Box::new(seen("9", who)))).await.aims.pop().expect("one");
        let Event::Order(facts) = aim.event else { panic!("an order") };
        let told: Vec<SameWay> = facts.client.by.into_iter().collect();
        assert_eq!(
            (aim.client.as_str(), told, facts.client.guessed),
            (expected, by.clone(), !by.is_empty()),
            "{number} {email}"
        );
    }
}

/// A call from a number that two persons have is of the one whom it was about.
#[tokio::test]
async fn a_call_is_looked_for_among_all_who_have_the_number() {
    let both = [(link::phone(ANNA), "c-gc-1"), (link::alike(&link::phone(ANNA)), "c-gc-2")];
    for (orders, expected) in [
        ([("gc-1", "c-gc-1", false), ("gc-2", "c-gc-2", true)], ("gc-2", "c-gc-2")),
        ([("gc-1", "c-gc-1", true), ("gc-2", "c-gc-2", false)], ("gc-1", "c-gc-1")),
        ([("gc-1", "c-gc-1", false), ("gc-2", "c-gc-2", false)], ("gc-2", "c-gc-2")),
    ] {
        let mut known = Known::of(&orders, &both).await;
        let call = CallResult {
            call: "line:1".to_owned(),
            direction: Direction::Inbound,
            outcome: Outcome::Answered,
            reached: Reached::Client,
            talk_seconds: Some(60),
            started_at: noon(),
            ended_at: noon(),
            number: Some(ANNA.to_owned()),
            line: None,
            manager: None,
            command: None,
            recording: None,
        };
        let aim =
            aim_call(&known.school, &mut known.book, call, None).await.expect("memory").expect("an order");
        assert_eq!((aim.order.to_string().as_str(), aim.client.as_str()), expected, "{orders:?}");
    }
}

#[tokio::test]
async fn an_order_without_an_id_is_shown_to_a_person() {
    let mut known = Known::of(&[], &[]).await;
    for id in [None, Some(String::new())] {
        let facts = OrderFacts { gc_id: id, ..OrderFacts::default() };
        let aims = known.aims(Signal::OrderSeen(Box::new(SeenOrder { facts, ..SeenOrder::default() }))).await;
        assert!(aims.aims.is_empty());
        assert!(aims.unusable.is_some_and(|why| why.contains("{object.id}")), "it says what to mend");
    }
}

#[tokio::test]
async fn the_manager_of_an_order_is_known_by_id_then_address_then_name() {
    let mut known = Known::of(&[], &[]).await;
    for (id, email, name, expected) in [
        (Some(400_300_902), Some("pavel@rost.example"), Some("Ольга Лебедева"), Some("irina")),
        (Some(1), Some(" Pavel@Rost.Example "), Some("Ольга Лебедева"), Some("pavel")),
        (None, Some("other@rost.example"), Some("ольга лебедева"), Some("olga")),
        (None, None, Some("Ольга"), None),
        (None, None, Some(" Лебедева  Ольга "), Some("olga")),
        (None, None, Some("Лебедева Ольга Ольга"), None),
        (None, None, None, None),
    ] {
        let seen = SeenOrder {
            manager_id: id,
            manager_email: email.map(str::to_owned),
            manager_name: name.map(str::to_owned),
            ..seen("1", ClientFacts::default())
        };
        let aims = known.aims(Signal::OrderSeen(Box::new(seen))).await.aims;
        let [Aim { event: Event::Order(facts), .. }] = &aims[..] else { panic!("{aims:?}") };
        assert_eq!(facts.manager.as_ref().map(ManagerId::as_str), expected, "{id:?} {email:?} {name:?}");
        // L10: one of no file is told.
        let is_unknown = expected.is_none() && name.is_some();
        assert_eq!(facts.unusable.contains(&Unusable::Manager), is_unknown, "{id:?} {email:?} {name:?}");
    }
}

#[tokio::test]
async fn what_a_person_changes_concerns_his_open_orders_or_else_the_newest() {
    let orders = [
        ("gc-1", "c-1", true),
        ("gc-2", "c-1", false),
        ("gc-3", "c-1", true),
        ("gc-4", "c-2", false),
        ("gc-5", "c-2", false),
    ];
    let links = [
        (link::phone(ANNA), "c-1"),
        (link::phone(BORIS), "c-2"),
        (link::crm_contact(501), "c-2"),
        (link::email("lost@example.com"), "c-without-record"),
    ];
    let mut known = Known::of(&orders, &links).await;
    let by_phone = |number: &str| ClientFacts { phone: phone(number, None), ..ClientFacts::default() };
    assert_eq!(known.orders(Signal::ClientSeen(by_phone(ANNA))).await, ["gc-1", "gc-3"]);
    assert_eq!(known.orders(Signal::ClientSeen(by_phone(BORIS))).await, ["gc-5"]);
    assert!(known.orders(Signal::ClientSeen(by_phone("+79035550199"))).await.is_empty(), "a stranger");
    let lost = ClientFacts { email: Some("lost@example.com".to_owned()), ..ClientFacts::default() };
    assert!(known.orders(Signal::ClientSeen(lost)).await.is_empty());
    // A contact's own link counts before the number that stands in it.
    let contact = |contact| Signal::ContactSeen { contact, facts: by_phone(ANNA), card: None, read: true };
    assert_eq!(known.orders(contact(501)).await, ["gc-5"]);
    assert_eq!(known.orders(contact(502)).await, ["gc-1", "gc-3"]);
}

#[tokio::test]
async fn a_lead_means_its_order_while_it_is_the_orders_lead() {
    let links = [
        (link::crm_lead(41), "gc-1:sales"),
        (link::crm_lead(40), "gc-1:sales"),
        (link::lead(&"gc-1".into(), LeadRole::Sales), "41"),
        (link::crm_lead(77), "gc-7:sales"),
    ];
    let mut known = Known::of(&[("gc-1", "c-1", true)], &links).await;
    let seen = |lead| SeenLead {
        lead,
        pipeline: Some(8_123_410),
        status: Some(66_104_107),
        responsible: Some(10_412_347),
        ..SeenLead::default()
    };
    let aims = known.aims(Signal::LeadSeen(Box::new(seen(41)))).await.aims;
    let [Aim { order, event: Event::Lead(change), .. }] = &aims[..] else { panic!("{aims:?}") };
    assert_eq!(
        (order.to_string(), change.role, change.stage),
        ("gc-1".to_owned(), LeadRole::Sales, Some(Stage::InWork))
    );
    assert_eq!(change.responsible, Some(ManagerId::from("pavel")));
    assert!(known.orders(Signal::LeadSeen(Box::new(seen(40)))).await.is_empty(), "an older one of its order");
    assert!(known.orders(Signal::LeadSeen(Box::new(seen(77)))).await.is_empty(), "its order has no record");
    assert!(known.orders(Signal::LeadGone { lead: 40, looked: false }).await.is_empty());
    assert!(known.orders(Signal::LeadGone { lead: 99, looked: false }).await.is_empty(), "none of ours");
    assert_eq!(known.orders(Signal::LeadGone { lead: 41, looked: true }).await, ["gc-1"]);
}

#[tokio::test]
async fn a_task_means_its_order_by_its_link_or_by_the_mark_in_its_text() {
    let links = [(link::crm_task(7), "t2·gc-1")];
    let mut known = Known::of(&[("gc-1", "c-1", true), ("gc-2", "c-2", true)], &links).await;
    let done = |task, text: &str| {
        Signal::TaskSeen(Box::new(SeenTask {
            task,
            text: text.to_owned(),
            done: true,
            ..SeenTask::default()
        }))
    };
    assert_eq!(known.orders(done(7, "Позвонить [t3·gc-2]")).await, ["gc-1"], "the link is stronger");
    assert_eq!(known.orders(done(8, "Позвонить [t3·gc-2]")).await, ["gc-2"], "before our receipt is there");
    assert!(known.orders(done(9, "Позвонить")).await.is_empty(), "a manager's own");
    assert!(known.orders(done(10, "Позвонить [t1·gc-9]")).await.is_empty(), "its order has no record");
    assert_eq!(known.orders(Signal::TaskGone { task: 7 }).await, ["gc-1"]);
}

#[tokio::test]
async fn a_command_that_failed_later_is_told_to_its_order() {
    let links = [(link::call("theirs-1"), "gc-2")];
    let mut known = Known::of(&[("gc-1", "c-1", true), ("gc-2", "c-2", true)], &links).await;
    let answered = |command: &str, done| Signal::CommandAnswered {
        command: command.to_owned(),
        done,
        why: "busy".to_owned(),
    };
    assert_eq!(known.orders(answered("gc-1.4", false)).await, ["gc-1"]);
    assert_eq!(known.orders(answered("theirs-1", false)).await, ["gc-2"], "by the provider's name");
    assert!(known.orders(answered("theirs.2", false)).await.is_empty(), "none of ours");
    assert!(known.orders(answered("gc-9.1", false)).await.is_empty(), "its order has no record");
    assert!(known.orders(answered("gc-1.4", true)).await.is_empty(), "its receipt has told that");
}

#[tokio::test]
async fn only_further_money_brings_a_forgotten_order_back() {
    let links = [(link::gone(&"gc-1".into()), "retired 500"), (link::gone(&"gc-2".into()), "erased")];
    let mut known = Known::of(&[], &links).await;
    let mut paid = async |gc_id: &str, minor: i64| {
        let mut seen = seen(gc_id, ClientFacts::default());
        seen.facts.paid = Some(Money { minor, currency: "RUB".to_owned() });
        known.orders(Signal::OrderSeen(Box::new(seen))).await
    };
    assert!(paid("1", 500).await.is_empty());
    assert_eq!(paid("1", 501).await, ["gc-1"]);
    assert!(paid("2", 501).await.is_empty(), "an erased person stays erased");
}

/// F104: a webhook of the CRM is only somebody's word. What loses a lead, answers for a manager or gives a client another
/// address is read in the CRM first, and counts as read there.
#[tokio::test]
async fn what_decides_is_read_in_the_crm_before_it_counts() {
    let links = [
        (link::crm_lead(41), "gc-1:sales"),
        (link::lead(&"gc-1".into(), LeadRole::Sales), "41"),
        (link::crm_task(7), "t2·gc-1"),
        (link::crm_contact(501), "c-1"),
    ];
    let lead = |status, read| {
        let pipeline = Some(8_123_410);
        Signal::LeadSeen(Box::new(SeenLead {
            lead: 41,
            pipeline,
            status,
            read,
            loss_reason: Some(1),
            ..SeenLead::default()
        }))
    };
    let note = |text: &str, read| {
        let (by, text) = (Some(10_412_347), text.to_owned());
        Signal::NoteSeen(Box::new(SeenNote {
            note: 9,
            lead: Some(41),
            common: true,
            text,
            by,
            created_at: None,
            read,
        }))
    };
    let task = |result: &str, read| {
        let result = Some(result.to_owned());
        Signal::TaskSeen(Box::new(SeenTask { task: 7, done: true, result, read, ..SeenTask::default() }))
    };
    let contact = |email: &str, read| {
        let facts = ClientFacts { email: Some(email.to_owned()), ..ClientFacts::default() };
        Signal::ContactSeen { contact: 501, facts, card: None, read }
    };
    type Made<'a> = &'a dyn Fn(bool) -> Signal;
    let decides: [(&str, Made); 5] = [
        ("read_lead", &|read| lead(Some(LOST), read)),
        ("read_lead", &|read| lead(Some(WON), read)),
        ("read_note", &|read| note("отказ: цена", read)),
        ("read_task", &|read| task("отказ: цена", read)),
        ("read_contact", &|read| contact("stranger@client.example", read)),
    ];
    for (ask, signal) in decides {
        let mut known = Known::of(&[("gc-1", "c-1", true)], &links).await;
        let told = known.aims(signal(false)).await;
        assert!(told.aims.is_empty(), "{:?}", told.aims);
        assert_eq!(told.ask.as_ref().map(|command| command.ask.name()), Some(ask), "{:?}", signal(false));
        let again = known.aims(signal(false)).await.ask.map(|command| command.id);
        assert_eq!(again, told.ask.map(|command| command.id), "equal webhooks ask once");
        let read = known.aims(signal(true)).await;
        assert!(!read.aims.is_empty() && read.ask.is_none(), "{:?}", signal(true));
    }
    let mut known = Known::of(&[("gc-1", "c-1", true)], &links).await;
    for harmless in [lead(Some(66_104_107), false), note("встретились", false), task("перенёс", false)]
    {
        assert!(known.aims(harmless).await.ask.is_none(), "it decides nothing");
    }
}
