//! Decodes an event of Zadarma into signals (sheet, 3). The result of a whole call is merged from all its
//! events in `intake::calls`. Enter at [`signals`].

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::call_key;
use super::wire::{EventKind, WireEvent};
use crate::platform::Undecodable;
use crate::platform::telephony::Fields;
use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{CallEvent, CallWhat, FinalRecord, Leg, LegState, Signal};

/// An end event that arrives later than this after the call is late; its arrival is not the end of the call.
const LATE_MIN: i64 = 3;
/// A start time further away than this is ignored: the zone or the clock is wrong.
const AWAY_H: i64 = 26;

/// The signals of one event. `zone` is the account's, `at` is when the event was accepted.
pub fn signals(fields: Fields, zone: Tz, at: At) -> Result<Vec<Signal>, Undecodable> {
    let wire_event = WireEvent::read(fields);
    let Some(kind) = wire_event.kind() else {
        return Ok(vec![nothing("an event that says nothing of a result")]);
    };
    let call = wire_event.call().map(call_key).ok_or_else(|| Undecodable("no pbx_call_id".to_owned()))?;
    let event = |at, what| Signal::CallSeen(Box::new(CallEvent { call: call.clone(), at, what }));
    if kind == EventKind::Record {
        let recording = wire_event.recording().map(str::to_owned);
        let recording = recording.ok_or_else(|| Undecodable("no call_id_with_rec".to_owned()))?;
        return Ok(vec![event(at, CallWhat::Recording { recording })]);
    }
    if wire_event.is_internal() {
        return Ok(vec![nothing("an internal call, or the manager's side of a call-back")]);
    }
    Ok(match kind {
        EventKind::Ringing => {
            vec![event(at, CallWhat::Leg(leg(&wire_event, "call".to_owned(), LegState::Ringing)))]
        }
        EventKind::Answer => {
            let name = format!("answered-by-{}", wire_event.extension().unwrap_or("somebody"));
            vec![event(at, CallWhat::Leg(leg(&wire_event, name, LegState::Talking)))]
        }
        EventKind::End | EventKind::Record => {
            let record = ended(&wire_event, zone, at);
            let ended_at = record.ended_at;
            let talk = (record.outcome == Outcome::Answered).then(|| {
                let state = LegState::Ended(Outcome::Answered);
                CallWhat::Leg(Leg {
                    seq: 2,
                    talk_seconds: record.talk_seconds,
                    ..leg(&wire_event, "call".to_owned(), state)
                })
            });
            talk.into_iter().chain([CallWhat::Final(record)]).map(|what| event(ended_at, what)).collect()
        }
    })
}

/// On an incoming call several phones may ring; only the one that answers takes part.
fn leg(wire_event: &WireEvent, leg: String, state: LegState) -> Leg {
    let takes_part = wire_event.direction == Direction::Outbound || state != LegState::Ringing;
    Leg {
        leg,
        seq: 1,
        state,
        direction: Some(wire_event.direction),
        client_number: wire_event.client(),
        extension: wire_event.extension().filter(|_| takes_part).map(str::to_owned),
        line: wire_event.line(),
        taken_from: None,
        command: None,
        manager_leg: false,
        menu: false,
        talk_seconds: None,
    }
}

/// The end of a call. The signature does not cover its length, so statistics may correct it. A call that only
/// a menu answered counts as not answered.
fn ended(wire_event: &WireEvent, zone: Tz, at: At) -> FinalRecord {
    let extension = wire_event.extension().map(str::to_owned);
    let seconds = wire_event.seconds();
    let by_nobody = wire_event.direction == Direction::Inbound && extension.is_none();
    let outcome = match wire_event.outcome() {
        Outcome::Answered if seconds == Some(0) || by_nobody => Outcome::NoAnswer,
        outcome => outcome,
    };
    let length = TimeDelta::seconds(seconds.unwrap_or(0).into());
    let near = |started_at: &At| (at - *started_at).num_hours().abs() < AWAY_H;
    let started_at = wire_event.started_at(zone).filter(near);
    let told = started_at.map(|started_at| started_at + length);
    // Without a length only the arrival shows when it ended.
    let told = told.filter(|_| seconds.is_some());
    let late = told.filter(|told| (at - *told).num_minutes() >= LATE_MIN || *told > at);
    let ended_at = late.unwrap_or(at);
    FinalRecord {
        direction: Some(wire_event.direction),
        outcome,
        talk_seconds: if outcome == Outcome::Answered { seconds } else { Some(0) },
        started_at: started_at.unwrap_or(ended_at - length),
        ended_at,
        client_number: wire_event.client(),
        extension,
        line: wire_event.line(),
        command: None,
        recording: wire_event.recording().filter(|_| outcome == Outcome::Answered).map(str::to_owned),
        rough: true,
    }
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("zadarma: {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of an outgoing call of 60 s that began at 11:00 in Moscow and was reported at `at`.
    fn told(at: &str) -> FinalRecord {
        let query = "event=NOTIFY_OUT_END&pbx_call_id=out_1&call_start=2026-01-01+11:00:00&internal=101\
            &destination=79005550101&duration=60&disposition=answered";
        let request = crate::platform::RawRequest {
            method: "POST".to_owned(),
            tail: String::new(),
            query: query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        ended(
            &WireEvent::read(Fields::read(&request).expect("small")),
            chrono_tz::Europe::Moscow,
            at.parse().expect("a time"),
        )
    }

    /// The event contains no end time: its arrival is the end, unless the event was late.
    #[test]
    fn an_end_that_comes_late_does_not_say_when_the_call_ended() {
        for (at, began, ended) in [
            ("2026-01-01T08:01:12Z", "08:00:00", "08:01:12"),
            ("2026-01-01T08:03:59Z", "08:00:00", "08:03:59"),
            ("2026-01-01T09:30:00Z", "08:00:00", "08:01:00"),
            ("2026-01-01T08:00:30Z", "08:00:00", "08:01:00"),
            ("2026-02-01T08:00:00Z", "07:59:00", "08:00:00"),
        ] {
            let record = told(at);
            let time = |at: At| at.format("%H:%M:%S").to_string();
            assert_eq!(
                (time(record.started_at), time(record.ended_at)),
                (began.to_owned(), ended.to_owned())
            );
        }
    }
}
