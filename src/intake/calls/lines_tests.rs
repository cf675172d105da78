//! The event sequences of Sipuni's sheet (2.4) and of Telphin's (3.2, 4.1), as their webhooks bring them: in
//! order, backwards, and each event twice.

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::platform::telephony::form_hooks::FormHooks;
use crate::platform::telephony::{sipuni, telphin};
use crate::platform::{Hooks, RawRequest, Verified};
use crate::signal::Signal;

const START: i64 = 1_767_254_400;

fn at(second: i64) -> At {
    DateTime::from_timestamp(START + second, 0).unwrap()
}

fn events(hooks: &dyn Hooks, body: &str) -> Vec<CallEvent> {
    let request = RawRequest {
        method: "POST".to_owned(),
        tail: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let signals = hooks.decode(&Verified::stored(request), at(0)).unwrap();
    let event = |signal| match signal {
        Signal::CallSeen(event) => *event,
        other => panic!("{body}: {other:?}"),
    };
    signals.into_iter().map(event).collect()
}

/// Event 1, 3, 4 or 2 of an outgoing call of extension 101, `second` after its start.
fn sipuni(event: u8, second: i64, more: &str) -> Vec<CallEvent> {
    let hooks = FormHooks(toml::from_str::<sipuni::Settings>("user = '012345'").unwrap());
    let body = format!(
        "event={event}&call_id=C&src_num=012345101&src_type=2&short_src_num=101&dst_num=79005550101&dst_type=1\
         &short_dst_num=79005550101&pbxdstnum=%2B79005550101&timestamp={}&user_id=012345{more}",
        START + second
    );
    events(&hooks, &body)
}

/// The end with its status and the time of the answer that it states.
fn sipuni_end(second: i64, status: &str, answered: i64) -> Vec<CallEvent> {
    let times =
        format!("&status={status}&call_start_timestamp={START}&call_answer_timestamp={}", START + answered);
    sipuni(2, second, &times)
}

/// An event of one extension's leg; flow is `in` or `out`.
fn telphin(kind: &str, second: i64, extension: u32, flow: &str, more: &str) -> Vec<CallEvent> {
    let hooks = FormHooks(toml::from_str::<telphin::Settings>("extensions = {}").unwrap());
    let (own, numbers) = match flow {
        "in" => ("Called", format!("CallerIDNum=79005550101&CalledNumber={extension}")),
        _ => ("Caller", format!("CallerIDNum={extension}&CalledNumber=79005550101")),
    };
    let body = format!(
        "EventType={kind}&CallID=C&SubCallID=200{extension}-C&{numbers}&{own}Extension=20000*{extension}@sip\
         &{own}ExtensionID=200{extension}&CallFlow={flow}&CallAPIID=A&EventTime={}000000{more}",
        START + second
    );
    events(&hooks, &body)
}

/// Merges the events, then fires the call's wake if one is set.
fn merged(waits: Waits, ours: bool, events: &[CallEvent]) -> Option<FoundCall> {
    let mut record = CallRecord::new(events[0].call.as_str(), waits);
    if ours {
        record.set_ours();
    }
    let mut found = None;
    for event in events {
        if let Merged::Result(result) = record.merge(event, at(100)) {
            found = Some(*result);
        }
    }
    if let Some(wake) = record.wake()
        && let Merged::Result(result) = record.on_wake(wake)
    {
        found = Some(*result);
    }
    found
}

type Expected = (Direction, Outcome, Reached, Option<u32>, Option<&'static str>);

#[track_caller]
fn check(name: &str, ours: bool, events: &[Vec<CallEvent>], expected: Expected) {
    let events: Vec<CallEvent> = events.concat();
    let backwards: Vec<CallEvent> = events.iter().rev().cloned().collect();
    let twice: Vec<CallEvent> = events.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
    for (order, events) in [("in order", &events), ("backwards", &backwards), ("twice", &twice)] {
        let found = merged(Waits { final_wait_s: 30, stuck_s: 7_200 }, ours, events).expect(name);
        let result = &found.result;
        let found = (
            result.direction,
            result.outcome,
            result.reached,
            result.talk_seconds,
            found.extension.as_deref(),
        );
        assert_eq!(found, expected, "{name}, {order}");
        assert_eq!(result.number.as_deref(), Some("+79005550101"), "{name}, {order}");
    }
}

#[test]
fn sipunis_sequences() {
    use Direction::Outbound;
    use Reached::{Client, Nobody};
    let answered = (Outbound, Outcome::Answered, Client, Some(60), Some("101"));
    let of_unknown_length = (Outbound, Outcome::Answered, Client, None, Some("101"));
    let quiet = |outcome| (Outbound, outcome, Client, Some(0), Some("101"));
    let dialled = || [sipuni(1, 0, ""), sipuni(1, 1, "")].concat();
    let answer = || sipuni(3, 12, "");
    for (name, events, expected) in [
        ("answered", vec![dialled(), answer(), sipuni_end(72, "ANSWER", 12)], answered),
        (
            "the end's own answer is before the start",
            vec![dialled(), answer(), sipuni_end(72, "ANSWER", -1)],
            answered,
        ),
        ("the answer's event was lost", vec![dialled(), sipuni_end(72, "ANSWER", 12)], answered),
        ("only the end came", vec![sipuni_end(72, "ANSWER", 12)], answered),
        (
            "a second phone hung up",
            vec![dialled(), answer(), sipuni(4, 20, "&status=NOANSWER"), sipuni_end(72, "ANSWER", 12)],
            answered,
        ),
        ("no answer", vec![dialled(), sipuni_end(19, "NOANSWER", 0)], quiet(Outcome::NoAnswer)),
        (
            "no answer with a moment of it",
            vec![dialled(), sipuni_end(6, "NOANSWER", 0)],
            quiet(Outcome::NoAnswer),
        ),
        ("busy", vec![dialled(), sipuni_end(6, "BUSY", 0)], quiet(Outcome::Busy)),
        ("switched off", vec![dialled(), sipuni_end(6, "CHANUNAVAIL", 0)], quiet(Outcome::Unreachable)),
        ("given up", vec![dialled(), sipuni_end(6, "CANCEL", 0)], quiet(Outcome::Cancelled)),
        (
            "the network",
            vec![dialled(), sipuni_end(6, "CONGESTION", 0)],
            (Outbound, Outcome::Failed, Nobody, Some(0), Some("101")),
        ),
        ("the end never came", vec![dialled(), answer()], of_unknown_length),
        (
            "the answer's time is wrong, its event was lost",
            vec![dialled(), sipuni_end(72, "ANSWER", 0)],
            of_unknown_length,
        ),
        (
            "the answer's time is missing, its event was lost",
            vec![dialled(), sipuni(2, 72, "&status=ANSWER")],
            of_unknown_length,
        ),
        (
            "the answer's time is behind the end",
            vec![dialled(), sipuni_end(72, "ANSWER", 90)],
            of_unknown_length,
        ),
        (
            "the end is before the answer's event",
            vec![answer(), sipuni_end(4, "ANSWER", 0)],
            of_unknown_length,
        ),
    ] {
        check(name, false, &events, expected);
    }
}

#[test]
fn an_answer_that_comes_after_the_end_is_waited_for() {
    let mut record = CallRecord::new("sipuni:C", Waits { final_wait_s: 60, stuck_s: 7_200 });
    let wake = at(100) + TimeDelta::seconds(60);
    let end = &sipuni_end(72, "ANSWER", 0)[0];
    assert_eq!(record.merge(end, at(100)), Merged::Waiting { wake });
    let Merged::Result(found) = record.merge(&sipuni(3, 12, "")[0], at(101)) else { panic!("no result") };
    assert_eq!((found.result.outcome, found.result.talk_seconds), (Outcome::Answered, Some(60)));
    assert_eq!(found.result.recording.as_deref(), Some("C"));
    assert_eq!(record.wake(), None);
}

#[test]
fn telphins_sequences() {
    use Direction::{Inbound, Outbound};
    use Reached::{Client, ManagerOnly, Nobody};
    let dial = |extension, flow: &str| telphin(&format!("dial-{flow}"), 0, extension, flow, "");
    let hangup = |second, extension, flow: &str, status: &str, seconds: i64| {
        let more = format!("&CallStatus={status}&Duration={}", seconds * 1_000_000);
        telphin("hangup", second, extension, flow, &more)
    };
    let answer = |second, extension, flow: &str| telphin("answer", second, extension, flow, "");
    let group = || [dial(101, "in"), dial(102, "in"), dial(103, "in")].concat();
    let cases: Vec<(&str, bool, Vec<Vec<CallEvent>>, Expected)> = vec![
        (
            "outbound",
            false,
            vec![dial(101, "out"), answer(12, 101, "out"), hangup(72, 101, "out", "ANSWER", 60)],
            (Outbound, Outcome::Answered, Client, Some(60), Some("101")),
        ),
        (
            "the answer was lost",
            false,
            vec![dial(101, "out"), hangup(72, 101, "out", "ANSWER", 60)],
            (Outbound, Outcome::Answered, Client, Some(60), Some("101")),
        ),
        (
            "no answer",
            false,
            vec![dial(101, "out"), hangup(40, 101, "out", "NOANSWER", 0)],
            (Outbound, Outcome::NoAnswer, Client, Some(0), Some("101")),
        ),
        (
            "busy",
            false,
            vec![dial(101, "out"), hangup(5, 101, "out", "BUSY", 0)],
            (Outbound, Outcome::Busy, Client, Some(0), Some("101")),
        ),
        (
            "the end never came",
            false,
            vec![dial(101, "out"), answer(12, 101, "out")],
            (Outbound, Outcome::Answered, Client, None, Some("101")),
        ),
        (
            "answered without any duration",
            false,
            vec![dial(101, "out"), telphin("hangup", 72, 101, "out", "&CallStatus=ANSWER")],
            (Outbound, Outcome::Answered, Client, None, Some("101")),
        ),
        (
            "answered with a wrong duration",
            false,
            vec![dial(101, "out"), telphin("hangup", 72, 101, "out", "&CallStatus=ANSWER&Duration=-5000000")],
            (Outbound, Outcome::Answered, Client, None, Some("101")),
        ),
        (
            "answered for no time at all",
            false,
            vec![dial(101, "out"), answer(12, 101, "out"), hangup(12, 101, "out", "ANSWER", 0)],
            (Outbound, Outcome::Failed, Nobody, Some(0), Some("101")),
        ),
        (
            "answered and not answered",
            false,
            vec![dial(101, "out"), answer(4, 101, "out"), hangup(40, 101, "out", "NOANSWER", 0)],
            (Outbound, Outcome::NoAnswer, Client, Some(0), Some("101")),
        ),
        (
            "a group of three, one answers",
            false,
            vec![
                group(),
                answer(12, 102, "in"),
                hangup(12, 101, "in", "CANCEL", 0),
                hangup(12, 103, "in", "CANCEL", 0),
                hangup(72, 102, "in", "ANSWER", 60),
            ],
            (Inbound, Outcome::Answered, Client, Some(60), Some("102")),
        ),
        (
            "a loser's end was lost",
            false,
            vec![
                group(),
                answer(12, 102, "in"),
                hangup(12, 101, "in", "CANCEL", 0),
                hangup(72, 102, "in", "ANSWER", 60),
            ],
            (Inbound, Outcome::Answered, Client, Some(60), Some("102")),
        ),
        (
            "no member of the group",
            false,
            vec![
                group(),
                hangup(30, 101, "in", "NOANSWER", 0),
                hangup(30, 102, "in", "CANCEL", 0),
                hangup(30, 103, "in", "CHANUNAVAIL", 0),
            ],
            (Inbound, Outcome::NoAnswer, Nobody, Some(0), Some("101")),
        ),
        (
            "our call-back, both legs shown",
            true,
            vec![
                dial(101, "in"),
                answer(4, 101, "in"),
                telphin("dial-out", 5, 101, "out", ""),
                answer(17, 101, "out"),
                hangup(77, 101, "out", "ANSWER", 60),
            ],
            (Outbound, Outcome::Answered, Client, Some(60), Some("101")),
        ),
        (
            "our call-back, the manager's end shown too",
            true,
            vec![
                dial(101, "in"),
                answer(4, 101, "in"),
                telphin("dial-out", 5, 101, "out", ""),
                hangup(35, 101, "out", "BUSY", 0),
                hangup(35, 101, "in", "ANSWER", 31),
            ],
            (Outbound, Outcome::Busy, Client, Some(0), Some("101")),
        ),
        (
            "our call-back, one leg shown",
            true,
            vec![dial(101, "out"), answer(17, 101, "out"), hangup(77, 101, "out", "ANSWER", 60)],
            (Outbound, Outcome::Answered, Client, Some(60), Some("101")),
        ),
        (
            "our call-back, the manager did not pick up",
            true,
            vec![dial(101, "in"), hangup(30, 101, "in", "NOANSWER", 0)],
            (Outbound, Outcome::NoAnswer, ManagerOnly, Some(0), Some("101")),
        ),
    ];
    for (name, ours, events, expected) in cases {
        check(name, ours, &events, expected);
    }
}

#[test]
fn a_group_that_still_rings_elsewhere_is_not_missed_yet() {
    let side = |event: u8, second: i64, extension: u32, more: &str| {
        let hooks = FormHooks(toml::from_str::<sipuni::Settings>("user = '012345'").unwrap());
        let body = format!(
            "event={event}&call_id=C&src_type=1&src_num=79005550101&dst_type=2&short_dst_num={extension}\
             &timestamp={}{more}",
            START + second
        );
        events(&hooks, &body)
    };
    let waits = Waits { final_wait_s: 30, stuck_s: 7_200 };
    let mut record = CallRecord::new("sipuni:C", waits);
    for event in [side(1, 0, 101, ""), side(1, 0, 102, ""), side(2, 10, 101, "&status=CANCEL")].concat() {
        assert!(!matches!(record.merge(&event, at(10)), Merged::Result(_)), "{event:?}");
    }
    let talk = record.merge(&side(3, 12, 102, "")[0], at(12));
    assert_eq!(talk, Merged::Waiting { wake: at(12 + 7_200) }, "the talk goes on");
    let Merged::Result(found) = record.merge(&side(2, 72, 102, "&status=ANSWER")[0], at(72)) else {
        panic!("no result")
    };
    assert_eq!((found.result.outcome, found.result.talk_seconds), (Outcome::Answered, Some(60)));
    assert_eq!(found.extension.as_deref(), Some("102"));
    let missed = merged(waits, false, &side(2, 10, 101, "&status=CANCEL")).unwrap().result;
    assert_eq!((missed.outcome, missed.reached), (Outcome::NoAnswer, Reached::Nobody), "and told afterwards");
}
