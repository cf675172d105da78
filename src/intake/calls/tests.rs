//! The event sequences of Mango's sheet (section 5), as its webhooks bring them.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::platform::telephony::mango::decode;
use crate::signal::{LegState, Signal};

mod ends;

const START: i64 = 1_767_254_400;
const CLIENT: &str = "79005550101";

fn at(second: i64) -> At {
    DateTime::from_timestamp(START + second, 0).unwrap()
}

/// One leg event: the number or extension on each side, and further fields.
fn leg(leg: &str, seq: u32, second: i64, state: &str, from: Value, to: Value, more: Value) -> CallEvent {
    let mut body = json!({
        "entry_id": "E", "call_id": leg, "seq": seq, "timestamp": START + second,
        "call_state": state, "location": "abonent", "from": from, "to": to,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    decoded("events/call", body)
}

fn summary(direction: u8, talk: i64, end: i64, reason: u32, extension: Option<&str>) -> CallEvent {
    let (client, manager) = (json!({"number": CLIENT}), json!({"extension": extension}));
    let (from, to) = if direction == 1 { (client, manager) } else { (manager, client) };
    let talk = if talk == 0 { 0 } else { START + talk };
    decoded(
        "events/summary",
        json!({
            "entry_id": "E", "call_direction": direction, "from": from, "to": to, "line_number": "74955550000",
            "create_time": START, "forward_time": START, "talk_time": talk, "end_time": START + end,
            "entry_result": 0, "disconnect_reason": reason,
        }),
    )
}

fn decoded(tail: &str, body: Value) -> CallEvent {
    match decode::signal(tail, &body, at(0)) {
        Ok(Signal::CallSeen(event)) => *event,
        other => panic!("{tail}: {other:?}"),
    }
}

/// A call of which nothing is known yet.
fn unheard() -> CallRecord {
    CallRecord::new("mango:E", Waits::new(60))
}

fn client() -> Value {
    json!({"number": CLIENT})
}

fn employee(extension: &str) -> Value {
    json!({"extension": extension, "number": "sip:ivanov@school.mangosip.ru"})
}

fn reason(code: u32) -> Value {
    json!({"disconnect_reason": code})
}

/// An outbound call by phone without an answer.
fn unanswered(leg_code: u32, record_code: u32) -> Vec<CallEvent> {
    vec![
        leg("A", 1, 0, "Appeared", employee("101"), client(), json!({})),
        leg("A", 2, 30, "Disconnected", employee("101"), client(), reason(leg_code)),
        summary(2, 0, 30, record_code, Some("101")),
    ]
}

fn api() -> Value {
    json!({"callback_initiator": "API", "command_id": "gc-1001-1"})
}

fn api_end(code: u32) -> Value {
    json!({"callback_initiator": "API", "command_id": "gc-1001-1", "disconnect_reason": code})
}

fn taken(extension: &str, from_leg: &str) -> Value {
    json!({"extension": extension, "taken_from_call_id": from_leg})
}

/// Name, events with the final record last, the expected result of the whole call.
type Scenario = (&'static str, Vec<CallEvent>, (Direction, Outcome, Reached, u32, Option<&'static str>));

fn scenarios() -> Vec<Scenario> {
    use Direction::{Inbound, Outbound};
    use Outcome::*;
    let menu = |more: Value| {
        let mut body = json!({"location": "ivr"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let line = json!({"line_number": "74955550000"});
    vec![
        (
            "answered",
            vec![
                leg("A", 1, 0, "Appeared", employee("101"), client(), json!({})),
                leg("A", 2, 12, "Connected", employee("101"), client(), json!({})),
                leg("A", 3, 72, "Disconnected", employee("101"), client(), reason(1120)),
                summary(2, 12, 72, 1120, Some("101")),
            ],
            (Outbound, Answered, Reached::Client, 60, Some("101")),
        ),
        ("no answer", unanswered(1111, 1111), (Outbound, NoAnswer, Reached::Client, 0, Some("101"))),
        ("busy", unanswered(1121, 1121), (Outbound, Busy, Reached::Client, 0, Some("101"))),
        ("busy, record vague", unanswered(1121, 1100), (Outbound, Busy, Reached::Client, 0, Some("101"))),
        ("rejected", unanswered(1122, 1122), (Outbound, Rejected, Reached::Client, 0, Some("101"))),
        ("given up", unanswered(1110, 1110), (Outbound, Cancelled, Reached::Client, 0, Some("101"))),
        ("wrong number", unanswered(1133, 1133), (Outbound, InvalidNumber, Reached::Client, 0, Some("101"))),
        ("no money", unanswered(2240, 2240), (Outbound, Failed, Reached::Nobody, 0, Some("101"))),
        (
            "answering machine",
            vec![
                leg("A", 1, 0, "Appeared", employee("101"), client(), json!({})),
                leg("A", 2, 12, "Connected", employee("101"), client(), json!({})),
                leg("A", 3, 20, "Disconnected", employee("101"), client(), reason(1310)),
                summary(2, 12, 20, 1110, Some("101")),
            ],
            (Outbound, Voicemail, Reached::Client, 8, Some("101")),
        ),
        (
            "inbound answered behind a menu, rung at two",
            vec![
                leg("I", 1, 0, "Appeared", client(), line.clone(), menu(json!({}))),
                leg("I", 2, 1, "Connected", client(), line.clone(), menu(json!({}))),
                leg("I", 3, 9, "Disconnected", client(), line.clone(), menu(reason(1100))),
                leg("A", 1, 9, "Appeared", client(), employee("101"), json!({})),
                leg("B", 1, 9, "Appeared", client(), employee("102"), json!({})),
                leg("B", 2, 15, "Connected", client(), employee("102"), json!({})),
                leg("A", 2, 15, "Disconnected", client(), employee("101"), reason(1182)),
                leg("B", 3, 55, "Disconnected", client(), employee("102"), reason(1110)),
                summary(1, 15, 55, 1110, Some("102")),
            ],
            (Inbound, Answered, Reached::Client, 40, Some("102")),
        ),
        (
            "missed inbound, rung at two",
            vec![
                leg("A", 1, 0, "Appeared", client(), employee("101"), json!({})),
                leg("B", 1, 1, "Appeared", client(), employee("102"), json!({})),
                leg("A", 2, 31, "Disconnected", client(), employee("101"), reason(1110)),
                leg("B", 2, 31, "Disconnected", client(), employee("102"), reason(1122)),
                summary(1, 0, 31, 1110, Some("101")),
            ],
            (Inbound, NoAnswer, Reached::Nobody, 0, Some("101")),
        ),
        (
            "missed in the menu",
            vec![
                leg("I", 1, 0, "Appeared", client(), line.clone(), menu(json!({}))),
                leg("I", 2, 1, "Connected", client(), line.clone(), menu(json!({}))),
                leg("I", 3, 20, "Disconnected", client(), line, menu(reason(1170))),
                summary(1, 0, 20, 1170, None),
            ],
            (Inbound, NoAnswer, Reached::Nobody, 0, None),
        ),
        (
            "transferred",
            vec![
                leg("A", 1, 0, "Appeared", client(), employee("101"), json!({})),
                leg("A", 2, 5, "Connected", client(), employee("101"), json!({})),
                leg("A", 3, 60, "OnHold", client(), employee("101"), json!({})),
                leg("A", 4, 70, "Disconnected", client(), employee("101"), reason(1000)),
                leg(
                    "B",
                    1,
                    70,
                    "Appeared",
                    json!({"number": CLIENT, "taken_from_call_id": "A"}),
                    employee("102"),
                    json!({}),
                ),
                leg("B", 2, 72, "Connected", client(), employee("102"), json!({})),
                leg("B", 3, 105, "Disconnected", client(), employee("102"), reason(1110)),
                summary(1, 5, 105, 1110, Some("101")),
            ],
            (Inbound, Answered, Reached::Client, 100, Some("101")),
        ),
        (
            "call-back answered",
            vec![
                leg("A", 1, 0, "Appeared", client(), employee("101"), api()),
                leg("A", 2, 4, "Connected", client(), employee("101"), api()),
                leg("B", 1, 5, "Appeared", taken("101", "A"), client(), api()),
                leg("A", 3, 5, "Disconnected", client(), employee("101"), api_end(1000)),
                leg("B", 2, 17, "Connected", taken("101", "A"), client(), api()),
                leg("B", 3, 77, "Disconnected", json!({"extension": "101"}), client(), api_end(1110)),
                summary(2, 17, 77, 1110, Some("101")),
            ],
            (Outbound, Answered, Reached::Client, 60, Some("101")),
        ),
        (
            "call-back, client does not answer",
            vec![
                leg("A", 1, 0, "Appeared", client(), employee("101"), api()),
                leg("A", 2, 4, "Connected", client(), employee("101"), api()),
                leg("B", 1, 5, "Appeared", taken("101", "A"), client(), api()),
                leg("A", 3, 5, "Disconnected", client(), employee("101"), api_end(1000)),
                leg("B", 2, 45, "Disconnected", json!({"extension": "101"}), client(), api_end(1111)),
                summary(2, 0, 45, 1111, Some("101")),
            ],
            (Outbound, NoAnswer, Reached::Client, 0, Some("101")),
        ),
        (
            "call-back, manager does not pick up, record looks inbound",
            vec![
                leg("A", 1, 0, "Appeared", client(), employee("101"), api()),
                leg("A", 2, 30, "Disconnected", client(), employee("101"), api_end(1111)),
                summary(1, 0, 30, 1111, Some("101")),
            ],
            (Outbound, NoAnswer, Reached::ManagerOnly, 0, Some("101")),
        ),
    ]
}

#[track_caller]
fn check(name: &str, found: &FoundCall, expected: (Direction, Outcome, Reached, u32, Option<&str>)) {
    let result = &found.result;
    let (direction, outcome, reached, seconds, extension) = expected;
    let expected = (direction, outcome, reached, Some(seconds), extension);
    let seen =
        (result.direction, result.outcome, result.reached, result.talk_seconds, found.extension.as_deref());
    assert_eq!(seen, expected, "{name}");
    assert_eq!(result.number.as_deref(), Some("+79005550101"), "{name}");
    assert_eq!(result.call, "mango:E");
}

/// Plays events and returns all results that were handed on, in order.
fn play(events: &[CallEvent], wakes: &[bool]) -> Vec<FoundCall> {
    let mut record = CallRecord::new("mango:E", Waits::new(60));
    let mut results = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let now = at(1000 + i as i64);
        results.extend(result(record.merge(event, now)));
        if wakes.get(i) == Some(&true) {
            let wake = record.wake().unwrap_or(now);
            results.extend(result(record.on_wake(wake)));
        }
    }
    if let Some(wake) = record.wake() {
        assert_eq!(record.on_wake(wake - TimeDelta::seconds(1)), Merged::Nothing, "woken too early");
        results.extend(result(record.on_wake(wake)));
    }
    results
}

fn result(merged: Merged) -> Option<FoundCall> {
    if let Merged::Result(found) = merged { Some(*found) } else { None }
}

#[test]
fn each_sequence_of_the_sheet_ends_in_one_result() {
    for (name, events, expected) in scenarios() {
        let results = play(&events, &[]);
        assert_eq!(results.len(), 1, "{name}: {results:?}");
        check(name, &results[0], expected);
    }
}

#[test]
fn a_final_record_that_never_comes_is_made_from_the_legs() {
    for (name, mut events, expected) in scenarios() {
        events.pop();
        let results = play(&events, &[]);
        assert_eq!(results.len(), 1, "{name}: {results:?}");
        check(name, &results[0], expected);
    }
}

#[test]
fn a_final_record_alone_is_enough() {
    let record = summary(2, 12, 72, 1120, Some("101"));
    check(
        "alone",
        &play(&[record], &[])[0],
        (Direction::Outbound, Outcome::Answered, Reached::Client, 60, Some("101")),
    );
    // Events of an internal call never get here; a talk flag without seconds is not a talk.
    let record = summary(1, 0, 20, 1170, None);
    check(
        "flag",
        &play(&[record], &[])[0],
        (Direction::Inbound, Outcome::NoAnswer, Reached::Nobody, 0, None),
    );
}

#[test]
fn who_finished_a_transferred_talk_is_known_too() {
    let (_, events, _) = scenarios().into_iter().find(|(name, ..)| *name == "transferred").unwrap();
    let found = play(&events, &[]).remove(0);
    assert_eq!((found.extension.as_deref(), found.last_extension.as_deref()), (Some("101"), Some("102")));
}

#[test]
fn a_recording_completes_a_result_and_our_command_is_named() {
    let (_, mut events, _) =
        scenarios().into_iter().find(|(name, ..)| *name == "call-back answered").unwrap();
    events.push(decoded(
        "events/record/added",
        json!({"entry_id": "E", "recording_id": "R1", "timestamp": START + 80}),
    ));
    let results = play(&events, &[]);
    assert_eq!(results.len(), 2, "the recording replaces the first result");
    assert_eq!(results[1].result.recording.as_deref(), Some("R1"));
    assert_eq!(results[1].result.command.as_deref(), Some("gc-1001-1"));
}

#[test]
fn a_leg_that_never_ends_is_given_up_after_hours() {
    let mut record = CallRecord::new("mango:E", Waits::new(60));
    let ringing = leg("A", 1, 0, "Appeared", employee("101"), client(), json!({}));
    assert_eq!(record.merge(&ringing, at(0)), Merged::Waiting { wake: at(4 * 3600) });
    let found = result(record.on_wake(at(4 * 3600))).unwrap();
    check("stuck", &found, (Direction::Outbound, Outcome::Failed, Reached::Nobody, 0, Some("101")));
}

/// Mango has no summary of it, and the menu's leg stays open: the client is missed, and called back.
#[test]
fn a_menu_that_never_ends_is_given_up_after_minutes() {
    let (line, menu) = (|| json!({"line_number": "74955550000"}), || json!({"location": "ivr"}));
    let ended = json!({"disconnect_reason": 1111});
    let in_menu = leg("A", 1, 0, "Connected", client(), line(), menu());
    let rings = leg("B", 1, 5, "Appeared", client(), employee("101"), json!({}));
    let rang = leg("B", 2, 30, "Disconnected", client(), employee("101"), ended);
    let talks = leg("B", 2, 9, "Connected", client(), employee("101"), json!({}));
    for (events, wake_s) in [
        (vec![&in_menu], 600),
        (vec![&in_menu, &rings], 4 * 3600),
        (vec![&in_menu, &rings, &talks], 4 * 3600),
        (vec![&in_menu, &rings, &rang], 600),
    ] {
        let mut record = unheard();
        let last = events.iter().map(|event| record.merge(event, event.at)).last();
        let wake = events.last().expect("an event").at + chrono::TimeDelta::seconds(wake_s);
        assert_eq!(last, Some(Merged::Waiting { wake }));
        if wake_s == 600 {
            let found = result(record.on_wake(wake)).expect("a result");
            assert_eq!((found.result.direction, found.result.talk_seconds), (Direction::Inbound, Some(0)));
            assert_ne!(found.result.outcome, Outcome::Answered);
        }
    }
}

#[test]
fn a_record_without_a_talk_does_not_undo_the_talk_that_was_seen() {
    let (_, mut events, expected) = scenarios().swap_remove(0);
    events.pop();
    events.push(summary(2, 0, 72, 1111, Some("101")));
    check("legs first", play(&events, &[]).last().unwrap(), expected);
    events.rotate_right(1);
    check("record first", play(&events, &[]).last().unwrap(), expected);
}

/// Events that contradict each other in every way that a provider might cause.
fn nonsense() -> impl Strategy<Value = CallEvent> {
    let outcome = prop::sample::select(vec![
        Outcome::Answered,
        Outcome::NoAnswer,
        Outcome::Busy,
        Outcome::Cancelled,
        Outcome::Failed,
        Outcome::Voicemail,
    ]);
    let word = || prop::option::of(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]));
    let direction = || prop::option::of(prop::sample::select(vec![Direction::Inbound, Direction::Outbound]));
    let state = prop_oneof![
        Just(LegState::Ringing),
        Just(LegState::Talking),
        Just(LegState::OnHold),
        outcome.clone().prop_map(LegState::Ended),
    ];
    let leg = (
        (prop::sample::select(vec!["A", "B"]), 0u32..3, state, direction()),
        (word(), word(), word(), word()),
        prop::bool::weighted(0.2),
    );
    let leg = leg.prop_map(
        |((leg, seq, state, direction), (client_number, extension, line, command), manager_leg)| {
            let leg = leg.to_owned();
            let taken_from = None;
            CallWhat::Leg(Leg {
                leg,
                seq,
                state,
                direction,
                client_number,
                extension,
                line,
                taken_from,
                command,
                manager_leg,
                menu: false,
                talk_seconds: None,
            })
        },
    );
    let last = (direction(), outcome, prop::option::of(0u32..3), 0i64..3, word(), any::<bool>()).prop_map(
        |(direction, outcome, talk_seconds, end, extension, rough)| {
            CallWhat::Final(FinalRecord {
                direction,
                outcome,
                talk_seconds,
                started_at: at(0),
                ended_at: at(end),
                client_number: None,
                extension,
                line: None,
                command: None,
                recording: None,
                rough,
            })
        },
    );
    let recording = prop::sample::select(vec!["R1", "R2"])
        .prop_map(|recording| CallWhat::Recording { recording: recording.to_owned() });
    (0i64..5, prop_oneof![5 => leg, 1 => last, 1 => recording]).prop_map(|(second, what)| CallEvent {
        call: "mango:E".to_owned(),
        at: at(second),
        what,
    })
}

/// A scenario's events twice, shuffled, with wakes that may fire after any of them.
fn shuffled() -> impl Strategy<Value = (usize, bool, Vec<CallEvent>, Vec<bool>)> {
    (0..scenarios().len(), any::<bool>()).prop_flat_map(|(which, with_record)| {
        let mut events = scenarios().swap_remove(which).1;
        if !with_record {
            events.pop();
        }
        let doubled: Vec<CallEvent> = events.iter().chain(&events).cloned().collect();
        let wakes = prop::collection::vec(prop::bool::weighted(0.2), doubled.len());
        (Just(which), Just(with_record), Just(doubled).prop_shuffle(), wakes)
    })
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_ends_in_the_same_result((which, with_record, events, wakes) in shuffled()) {
        let (name, whole, expected) = scenarios().swap_remove(which);
        let results = play(&events, &wakes);
        let last = results.last().expect("a result");
        check(name, last, expected);
        let ordered = if with_record { whole } else { whole[..whole.len() - 1].to_vec() };
        let plain = play(&ordered, &[]);
        prop_assert_eq!(Some(last), plain.last());
    }

    #[test]
    fn even_events_that_contradict_each_other_end_alike_in_any_order(
        (events, other) in prop::collection::vec(nonsense(), 1..9)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        wakes in prop::collection::vec(any::<bool>(), 9),
    ) {
        let (one, two) = (play(&events, &[]), play(&other, &wakes));
        prop_assert_eq!(one.last(), two.last());
        if let Some(found) = one.last() {
            let talked = matches!(found.result.outcome, Outcome::Answered);
            prop_assert!(!talked || found.result.talk_seconds != Some(0), "zero seconds are no talk");
        }
    }

    #[test]
    fn a_talk_once_told_is_never_taken_back((_, _, events, wakes) in shuffled()) {
        let mut talked = false;
        for found in play(&events, &wakes) {
            let answered = found.result.outcome == Outcome::Answered;
            let machine = found.result.outcome == Outcome::Voicemail;
            prop_assert!(answered || machine || !talked, "{:?}", found);
            talked |= answered;
        }
    }

    #[test]
    fn a_stored_record_goes_on_where_it_stopped((_, _, events, wakes) in shuffled(), cut in any::<prop::sample::Index>()) {
        let mut record = CallRecord::new("mango:E", Waits::new(60));
        let cut = cut.index(events.len());
        for event in &events[..cut] {
            record.merge(event, at(0));
        }
        let stored = serde_json::to_vec(&record).unwrap();
        let mut read: CallRecord = serde_json::from_slice(&stored).unwrap();
        prop_assert_eq!(&read, &record);
        for event in &events[cut..] {
            prop_assert_eq!(read.merge(event, at(1)), record.merge(event, at(1)));
        }
        let _ = wakes;
    }
}
