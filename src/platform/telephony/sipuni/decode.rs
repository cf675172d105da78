//! Decodes an event of Sipuni into one signal (sheet, 2). The result of a whole call is merged from all its
//! events in `intake::calls`. Enter at [`signal`].

use chrono::{DateTime, Utc};

use super::wire::{EventKind, WireEvent};
use crate::platform::Undecodable;
use crate::platform::telephony::Fields;
use crate::process::At;
use crate::process::event::Outcome;
use crate::signal::{CallEvent, CallWhat, FinalRecord, Leg, LegState, Signal};

/// The signal of one event; `users` are the numbers of the school's cabinets. `at` is when it was accepted,
/// for events without a usable time.
pub fn signal(fields: Fields, users: &[String], at: At) -> Result<Signal, Undecodable> {
    let Some(wire_event) = WireEvent::read(fields, users) else {
        return Ok(nothing("an internal call"));
    };
    let Some(kind) = wire_event.kind() else {
        return Ok(nothing("an event that says nothing of a result"));
    };
    let id = wire_event.call().ok_or_else(|| Undecodable("no call_id".to_owned()))?;
    let at = moment(&wire_event, "timestamp").unwrap_or(at);
    let what = match kind {
        EventKind::End => CallWhat::Final(ended(&wire_event, id, at)),
        // Several phones may ring; only the one that answers takes part.
        EventKind::Start | EventKind::Secondary => CallWhat::Leg(leg(&wire_event, kind, LegState::Ringing)),
        EventKind::Answer => CallWhat::Leg(leg(&wire_event, kind, LegState::Talking)),
    };
    Ok(Signal::CallSeen(Box::new(CallEvent { call: super::call_key(id), at, what })))
}

/// Sipuni reports only the client's leg, also for our own call starts (4.3). A person who answers after a
/// transfer is another leg.
fn leg(wire_event: &WireEvent, kind: EventKind, state: LegState) -> Leg {
    use crate::process::event::Direction::Inbound;
    let extension = match (kind, wire_event.direction) {
        (EventKind::Secondary, _) | (EventKind::Start, Inbound) => None,
        _ => wire_event.extension(),
    };
    let leg = match (kind, &extension) {
        (EventKind::Answer, Some(extension)) => format!("answered-by-{extension}"),
        (EventKind::Answer, None) => "answered".to_owned(),
        _ => "dialled".to_owned(),
    };
    Leg {
        leg,
        seq: 1,
        state,
        direction: Some(wire_event.direction),
        client_number: wire_event.client(),
        extension,
        line: wire_event.line(),
        taken_from: None,
        command: command(wire_event),
        manager_leg: false,
        menu: false,
        talk_seconds: None,
    }
}

/// Event 2. Its time of the answer is sometimes wrong, so the time of event 3 takes precedence.
fn ended(wire_event: &WireEvent, id: &str, at: At) -> FinalRecord {
    let outcome = wire_event.outcome();
    let started_at = moment(wire_event, "call_start_timestamp");
    let answered_at = moment(wire_event, "call_answer_timestamp");
    let talked = answered_at.filter(|answered| started_at.is_some_and(|started| *answered > started));
    let talk_seconds = match outcome {
        // Without a usable time of the answer the length is unknown (2.3, rule 4).
        Outcome::Answered => talked.and_then(|from| u32::try_from((at - from).num_seconds()).ok()),
        _ => Some(0),
    };
    FinalRecord {
        direction: Some(wire_event.direction),
        outcome,
        talk_seconds,
        started_at: started_at.unwrap_or(at),
        ended_at: at,
        client_number: wire_event.client(),
        extension: wire_event.extension().or_else(|| wire_event.last_called()),
        line: wire_event.line(),
        command: command(wire_event),
        // The link in the event gives access to anybody who has it, so only its key is stored.
        recording: (outcome == Outcome::Answered).then(|| id.to_owned()),
        rough: true,
    }
}

fn command(wire_event: &WireEvent) -> Option<String> {
    wire_event.callback().map(super::callback_key)
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("sipuni: {what}") }
}

fn moment(wire_event: &WireEvent, name: &str) -> Option<At> {
    DateTime::<Utc>::from_timestamp(wire_event.seconds(name)?, 0)
}
