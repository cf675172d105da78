//! The step is total: every event on every state gives one that leaves the order in order. What is stored
//! reads back as it was, and every timer has its row.

mod answered;
mod changes;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::calendar::Calendar;
use super::case::{Doubted, Plan, Promise, Refund, Task};
use super::command::TaskKind;
use super::decision::{Heard, PlannedCall, Request};
use super::definition::{Assign, Figures, Manager, Route};
use super::event::{AnswerKind, CallResult, Outcome};
use super::money::{Before, PaymentState};
use super::state::{FollowUp, FollowUpKind, Held, LastLetter, PhoneStep, ToldPayment};
use super::timers::Timers;
use super::*;
use crate::message::library::Library;
use crate::message::phrase::Phrase;
use crate::message::text::TextId;

fn now() -> At {
    At::from_timestamp(1_795_000_000, 0).expect("in range")
}

fn process() -> Process {
    let manager: Manager =
        serde_json::from_value(json!({ "name": "Ирина", "head": true })).expect("a manager");
    let route: Route = serde_json::from_value(json!({})).expect("a route");
    Process {
        school: "school".into(),
        name: "Школа".to_owned(),
        config_hash: "c".to_owned(),
        figures: Figures::default(),
        roster: vec![Manager { id: "irina".into(), ..manager }],
        routes: vec![Route { name: "any".to_owned(), responsible: Assign::Load, ..route }],
        zone: chrono_tz::Europe::Moscow,
        currency: USUAL_CURRENCY.to_owned(),
        calendar: Calendar::default(),
        pipelines: BTreeMap::from([(LeadRole::Sales, vec![Stage::New, Stage::Won, Stage::Lost])]),
        sales_pipelines: BTreeMap::new(),
        reads_orders: true,
        link_hosts: vec!["school.example".to_owned()],
        dictionaries: BTreeMap::new(),
        texts: Library::default(),
    }
}

fn states() -> Vec<Wait> {
    let at = now();
    let kinds = [
        FollowUpKind::Doubt,
        FollowUpKind::OwnTry,
        FollowUpKind::CallLater,
        FollowUpKind::NotAsked,
        FollowUpKind::CheckPayment,
        FollowUpKind::Instalment,
        FollowUpKind::LongCycle,
        FollowUpKind::Special,
        FollowUpKind::RefusedWithMoney,
        FollowUpKind::MoneyGone,
    ];
    let mut states = vec![
        Wait::Unseen { asked: 3 },
        Wait::Pause,
        Wait::FreePool,
        Wait::PhoneAsked { step: PhoneStep::Asked },
        Wait::PhoneAsked { step: PhoneStep::Postponed },
        Wait::PhoneAsked { step: PhoneStep::Last },
        Wait::Dialling,
        Wait::Asking,
        Wait::CallBack,
        Wait::Promised,
        Wait::PartPaid,
        Wait::GivingUp { letter: LastLetter::Waits },
        Wait::GivingUp { letter: LastLetter::Sent },
        Wait::Refund(Box::new(Refund {
            from: Wait::PartPaid,
            timers: Timers::default(),
            before: Money::new(3_850_000, "RUB"),
            now: Money::new(1_000_000, "RUB"),
            asked: 1,
        })),
        Wait::Ended(End::Won { at }),
        Wait::Ended(End::Refunded { at }),
        Wait::Ended(End::Refused { at, reason: RefusalReason::Price }),
        Wait::Ended(End::Duplicate { at, of: "gc-2".into() }),
    ];
    states.extend(
        kinds.map(|what| Wait::FollowUp(FollowUp { why: Some("так".to_owned()), ..FollowUp::new(what) })),
    );
    states
}

/// An order of that state with whatever may run and be open beside it, all of it due.
fn order(state: &Wait, wrapped: Wrapped) -> Order {
    order_at(state, wrapped, now())
}

fn order_at(state: &Wait, wrapped: Wrapped, now: At) -> Order {
    let mut order = Order::new("gc-1".into(), "c-1".into(), now);
    order.gc_id = Some("1".to_owned());
    order.route = "any".to_owned();
    order.responsible = Some("irina".into());
    order.promise = Some(Promise::CallBack { at: now, why: None });
    order.plan = Some(Plan { due: now });
    order.question.open = true;
    order.leads.insert(LeadRole::Sales, Stage::New);
    for (n, (kind, text)) in [
        (TaskKind::Call, TextId::TaskCall),
        (TaskKind::Ask, TextId::TaskAsk),
        (TaskKind::Do, TextId::TaskPhone),
    ]
    .into_iter()
    .enumerate()
    {
        let task = Task {
            kind,
            due: now,
            responsible: "irina".into(),
            text,
            reminded: false,
            escalated: false,
            kept: false,
            about: None,
            former: None,
            said: None,
        };
        order.tasks.insert(TaskId(format!("t{n}·gc-1")), task);
    }
    order.wait = state.clone();
    order.paid = order.refund().map(|refund| refund.now.clone());
    for row in SECTIONS.iter().flat_map(|section| section.timers) {
        order.timers.set(row.timer, now);
    }
    if wrapped == Wrapped::Yes {
        order.timers.stop(Timer::ConfirmPayment);
        let (state, timers) = (state.clone(), std::mem::take(&mut order.timers));
        order.timers.set(Timer::ConfirmPayment, now);
        order.wait =
            Wait::Held(Box::new(Held { state, timers, call_was_revoked: true, asked: 2, told: None }));
    }
    order
}

#[derive(Clone, Copy, PartialEq)]
enum Wrapped {
    Yes,
    No,
}

fn events() -> Vec<Event> {
    let call = json!({ "event": "call", "call": "pbx:1", "direction": "outbound", "outcome": "answered",
        "reached": "client", "talk_seconds": 60, "started_at": now(), "ended_at": now() });
    let mut events = vec![
        json!({ "event": "order", "confirmed": true }),
        json!({ "event": "order", "status": "paid", "confirmed": false }),
        json!({ "event": "order", "status": "paid", "confirmed": true }),
        json!({ "event": "order", "status": "part_paid", "confirmed": true }),
        json!({ "event": "order", "status": "cancelled", "confirmed": true }),
        json!({ "event": "client", "phone": { "e164": "+79005550101", "raw": "" } }),
        call.clone(),
        json!({ "event": "lead", "role": "sales", "stage": "lost", "at": now() }),
        json!({ "event": "lead", "role": "sales", "stage": "won", "at": now() }),
        json!({ "event": "lead_gone", "role": "sales" }),
        json!({ "event": "task", "task": "t0·gc-1", "done": true }),
        json!({ "event": "task", "task": "t1·gc-1", "done": true }),
        json!({ "event": "wake" }),
        json!({ "event": "receipt", "command": "gc-1.1" }),
        json!({ "event": "undeliverable", "command": "gc-1.1", "why": "no" }),
        json!({ "event": "sibling", "news": "talked", "order": "gc-2", "at": now() }),
        json!({ "event": "sibling", "news": "paid", "order": "gc-2" }),
        json!({ "event": "sibling", "news": "duplicate_found", "order": "gc-2" }),
    ];
    for outcome in ["no_answer", "invalid_number", "failed"] {
        let mut other = call.clone();
        other["outcome"] = outcome.into();
        events.push(other.clone());
        other["direction"] = "inbound".into();
        events.push(other);
    }
    for kind in [
        "call_back",
        "promise",
        "instalment",
        "long_cycle",
        "doubt",
        "special_terms",
        "own_try",
        "refusal",
        "duplicate",
        "mistake",
        "wrong_number",
        "paid",
        "returned",
        "stays",
        "unclear",
        "reached",
        "not_reached",
    ] {
        events.push(json!({ "event": "answer", "kind": kind }));
        let at = now() + chrono::TimeDelta::hours(4);
        events.push(json!({ "event": "answer", "kind": kind, "at": at, "reason": "price", "why": "так" }));
    }
    events.into_iter().map(|event| serde_json::from_value(event).expect("an event")).collect()
}

#[test]
fn every_event_on_every_state_leaves_the_order_in_order() {
    in_order(&process());
}

#[test]
fn so_it_does_where_nobody_is_asked_what_is_next() {
    let mut process = process();
    (process.figures.talk.ask, process.figures.promise.redial) = (false, false);
    in_order(&process);
}

fn in_order(process: &Process) {
    for (state, wrapped) in states().iter().flat_map(|state| [(state, Wrapped::No), (state, Wrapped::Yes)]) {
        for event in events() {
            let mut client = Client::new("c-1".into());
            client.phones.push("+79005550101".to_owned());
            let case = Case {
                order: order(state, wrapped),
                client,
                desks: Desks::default(),
                meters: Meters::default(),
            };
            let after = step(process, case, &event, now()).case;
            let what = format!("{state:?} {event:?}: {:?} {:?}", after.order.wait, after.order.timers);
            assert!(has_next_step(process, &after, now()), "{what}");
            assert_eq!(after.order.repairs, 0, "{what}");
            if after.order.state().name() != state.name() {
                assert_eq!(strays(&after.order), [], "{what}");
            }
            let record = serde_json::to_value(&after.order).expect("a record");
            assert_eq!(serde_json::from_value::<Order>(record).expect("an order"), after.order, "{what}");
        }
    }
}

/// Where nothing can be read, no text says that it is being read.
#[test]
fn without_keys_no_text_promises_a_read() {
    let process = Process { reads_orders: false, ..process() };
    for (state, wrapped) in states().iter().flat_map(|state| [(state, Wrapped::No), (state, Wrapped::Yes)]) {
        for event in events() {
            let client = Client::new("c-1".into());
            let (desks, meters) = (Desks::default(), Meters::default());
            let case = Case { order: order(state, wrapped), client, desks, meters };
            let stepped = step(&process, case, &event, now());
            let said = serde_json::to_string(&(stepped.journal, stepped.commands)).expect("texts");
            for promise in ["роверяем", "прашиваем GetCourse", "проверяется в GetCourse", "read_order"]
            {
                assert!(!said.contains(promise), "{promise}: {state:?} {event:?}: {said}");
            }
        }
    }
}

/// A request that no section takes would be refused without a word.
#[test]
fn every_request_is_taken_by_one_section() {
    let process = process();
    for (state, request) in states().iter().flat_map(|state| requests().into_iter().map(move |r| (state, r)))
    {
        let case = Case {
            order: order(state, Wrapped::No),
            client: Client::new("c-1".into()),
            desks: Desks::default(),
            meters: Meters::default(),
        };
        let takes = |section: &&Section| {
            let mut d = Decision::new(&process, case.clone(), now(), SECTIONS);
            (section.enters)(&mut d, &request) != Heard::Passed
        };
        let names: Vec<&str> = SECTIONS.iter().filter(takes).map(|section| section.name).collect();
        match request {
            // All sections are told.
            Request::Close => assert!(!names.is_empty()),
            // It refuses what other sections would do.
            _ if matches!(state, Wait::Refund(_)) => assert!(!names.is_empty(), "{request:?}"),
            request => assert_eq!(names.len(), 1, "{request:?} in {state:?} is taken by {names:?}"),
        }
    }
    let named = |request: &Request| {
        let name = format!("{request:?}");
        name.split([' ', '{']).next().unwrap_or_default().to_owned()
    };
    let tried: BTreeSet<String> = requests().iter().map(named).collect();
    let text = include_str!("decision/request.rs");
    let (_, variants) = text.split_once("pub enum Request {").expect("the requests");
    let (variants, _) = variants.split_once("\n}").expect("their end");
    let variants = variants.lines().filter_map(|line| line.strip_prefix("    "));
    let names = variants.filter(|line| line.starts_with(char::is_uppercase));
    let names: BTreeSet<String> =
        names.map(|line| line.trim_end_matches([' ', '{', ',']).to_owned()).collect();
    assert_eq!(tried, names, "requests that this test tries, and those that there are");
}

fn requests() -> Vec<Request> {
    let (manager, day, reason) = (ManagerId::from("irina"), now(), RefusalReason::Price);
    let call: CallResult = serde_json::from_value(json!({ "call": "pbx:1", "direction": "outbound",
        "outcome": "answered", "reached": "client", "talk_seconds": 60, "started_at": day, "ended_at": day }))
    .expect("a call");
    let payment_states = [
        PaymentState::Unpaid,
        PaymentState::Part,
        PaymentState::Full,
        PaymentState::Free,
        PaymentState::Void,
        PaymentState::Unconfirmed,
    ];
    let before = Before { paid: 0, parts_paid: 0, status: None, ended: false, worth: None };
    let settled =
        payment_states.map(|payment_state| Request::Settle { payment_state, before: before.clone() });
    let mut requests = vec![
        Request::AskFacts,
        Request::Arrive { manager: None, payment_state: PaymentState::Unpaid, sure: true },
        Request::ArriveByCall { line: None },
        Request::MadeByManager,
        Request::ReadFirst { facts: Box::default() },
        Request::Join { by: BTreeSet::new() },
        Request::AsTold,
        Request::TellUnconfirmed,
        Request::Complete { before: Box::new(Order::new("gc-1".into(), "c-1".into(), now())) },
        Request::PauseAgain,
        Request::Reroute { before: Box::new(Order::new("gc-1".into(), "c-1".into(), now())) },
        Request::Confirm,
        Request::Fold { sure: true },
        Request::DoubleByWord,
        Request::Told { told: ToldPayment { paid: None, status: None } },
        Request::Doubt { said: Doubted { paid: None, status: None }, trusted: false },
        Request::Hold,
        Request::Resume,
        Request::SumChanged { by: 100 },
        Request::EndOutside,
        Request::Take { manager: manager.clone() },
        Request::LeavePool { why: Phrase::NONE },
        Request::HandOver { manager },
        Request::Round { task: None, why: None },
        Request::RoundBegins,
        Request::PromisedRound { call: Some(PlannedCall { due: day, time: day, why: None }) },
        Request::CallAtOnce { due: day, why: None },
        Request::Attempt,
        Request::NotReached { outcome: Outcome::Busy, at: day },
        Request::LastLetter,
        Request::CallFailed,
        Request::CallOver { call: Box::new(call) },
        Request::Talked { seconds: Some(60), manager: None },
        Request::Word { kind: AnswerKind::Reached },
        Request::Question { text: TextId::TaskAsk, why: String::new() },
        Request::AskAgain { why: String::new() },
        Request::AskPhone { why: Phrase::NONE },
        Request::NumberArrived,
        Request::WrongNumber { number: None },
        Request::CallBegun,
        Request::Restore,
        Request::CallBackAt { at: Some(day), why: None },
        Request::WaitUntil { at: day },
        Request::PayOn { day: Some(day), why: None },
        Request::Refuse { reason: Some(reason), why: Some("так".to_owned()) },
        Request::LostInCrm { reason: Some(reason) },
        Request::Close,
    ];
    requests.extend(settled);
    requests
}

#[test]
fn every_timer_has_one_row() {
    let mut timers: Vec<Timer> =
        SECTIONS.iter().flat_map(|section| section.timers).map(|row| row.timer).collect();
    timers.sort_unstable();
    let mut once = timers.clone();
    once.dedup();
    assert_eq!(timers, once);
    assert_eq!(timers.len(), Timer::Guard as usize + 1, "the last of the names is the last row");
}

#[test]
fn a_damaged_record_of_the_first_version_is_an_error() {
    let mut record = json!({
        "id": "gc-1", "client": "c-1", "seen_at": "2026-11-24T08:00:00Z", "phase": "asking", "issued": 4,
        "round": {}, "notes": { "round_why": "так" },
    });
    assert!(serde_json::from_value::<Order>(record.clone()).is_ok(), "{record}");
    record["round"] = json!(7);
    assert!(serde_json::from_value::<Order>(record).is_err());
}

/// An older record says its state as a phase, with notes as text.
#[test]
fn a_record_of_the_first_version_is_read() {
    let at = "2026-11-24T08:00:00Z";
    let record = json!({
        "id": "gc-1", "client": "c-1", "seen_at": at, "phase": "phone_asked", "issued": 4,
        "payment_unconfirmed": true, "timers": { "confirm_payment": at },
        "held": { "phone_check": at, "ask_next": at }, "letters": { "confirm_phone": 1 },
        "tasks": { "t2·gc-1": { "kind": "do", "due": at, "responsible": "irina", "text": "task_of_ours" } },
        "unsent": { "gc-1.4": { "ask": "create_task", "task": "t2·gc-1" } },
        "notes": { "phone_ask": "postponed", "confirm": "2", "call_revoked": "", "unanswered": "3",
            "letter confirm_phone": "2026-11-23 ab12", "failed": "1", "won_by_hand": "" },
    });
    let order: Order = serde_json::from_value(record).expect("an order");
    let held = order.held().expect("a held state");
    assert_eq!(held.state, Wait::PhoneAsked { step: PhoneStep::Postponed });
    assert_eq!((held.asked, held.call_was_revoked), (2, true));
    assert!(order.at(Timer::PhoneCheck).is_some() && order.question.open);
    assert_eq!((order.question.unanswered, order.failures, order.won_by_hand), (3, 1, true));
    assert_eq!(order.letters[&TextId::ConfirmPhone].last, "2026-11-23 ab12");
    assert_eq!(order.tasks.values().next().expect("a task").text, TextId::Own("task_of_ours".to_owned()));
    let again = serde_json::to_value(&order).expect("a record");
    assert_eq!(serde_json::from_value::<Order>(again).expect("an order"), order);
}

/// L14: a date that an older version set far ahead is bounded by the next step, and told to the head.
#[test]
fn a_far_follow_up_of_an_older_version_is_bounded() {
    let (process, now) = (process(), now());
    let mut case = Case::new("gc-1".into(), Client::new("c-1".into()), Desks::default(), now);
    case.order.wait = Wait::FollowUp(FollowUp::new(FollowUpKind::OwnTry));
    let named = now + chrono::TimeDelta::days(200);
    case.order.timers.set(Timer::FollowUp, named);
    assert!(!has_next_step(&process, &case, now));
    let step = step(&process, case, &Event::Wake, now);
    let order = &step.case.order;
    assert!(has_next_step(&process, &step.case, now) && order.repairs == 0);
    assert!(order.at(Timer::FollowUp).is_some_and(|at| at < now + chrono::TimeDelta::days(32)));
    assert!(matches!(order.state(), Wait::FollowUp(date) if date.until == Some(named)));
    assert!(order.tasks.values().any(|task| task.text == TextId::TaskFarDate));
}
