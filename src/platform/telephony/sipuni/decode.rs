//! An event of Sipuni → one signal (sheet, 2).
//! Never decides what a whole call was: `intake::calls` does, from all its events.
//! Enter at [`signal`].

use chrono::{DateTime, Utc};

use super::wire::{Kind, Said};
use crate::platform::Undecodable;
use crate::platform::telephony::Fields;
use crate::process::At;
use crate::process::event::Outcome;
use crate::signal::{CallEvent, CallWhat, FinalRecord, Leg, LegState, Signal};

/// The signal of one event; `users` are the numbers of the school's cabinets. `at` is when it was
/// accepted, for what carries no usable time.
pub fn signal(fields: Fields, users: &[String], at: At) -> Result<Signal, Undecodable> {
    let Some(said) = Said::read(fields, users) else {
        return Ok(nothing("an internal call"));
    };
    let Some(kind) = said.kind() else {
        return Ok(nothing("an event that says nothing of a result"));
    };
    let id = said.call().ok_or_else(|| Undecodable("no call_id".to_owned()))?;
    let at = moment(&said, "timestamp").unwrap_or(at);
    let what = match kind {
        Kind::End => CallWhat::Final(ended(&said, id, at)),
        // Of phones that ring only who answers takes part.
        Kind::Start | Kind::Secondary => CallWhat::Leg(leg(&said, kind, LegState::Ringing)),
        Kind::Answer => CallWhat::Leg(leg(&said, kind, LegState::Talking)),
    };
    Ok(Signal::CallSeen(Box::new(CallEvent { call: super::call_key(id), at, what })))
}

/// Sipuni shows the client's leg only, also of our own call starts (4.3); who answers after a
/// transfer is a leg of his own.
fn leg(said: &Said, kind: Kind, state: LegState) -> Leg {
    use crate::process::event::Direction::Inbound;
    let extension = match (kind, said.direction) {
        (Kind::Secondary, _) | (Kind::Start, Inbound) => None,
        _ => said.extension(),
    };
    let leg = match (kind, &extension) {
        (Kind::Answer, Some(extension)) => format!("answered-by-{extension}"),
        (Kind::Answer, None) => "answered".to_owned(),
        _ => "dialled".to_owned(),
    };
    Leg {
        leg,
        seq: 1,
        state,
        direction: Some(said.direction),
        client_number: said.client(),
        extension,
        line: said.line(),
        taken_from: None,
        command: command(said),
        manager_leg: false,
        talk_seconds: None,
    }
}

/// Event 2. Its own moment of the answer is wrong at times, so that event 3's counts before it.
fn ended(said: &Said, id: &str, at: At) -> FinalRecord {
    let outcome = said.outcome();
    let started_at = moment(said, "call_start_timestamp");
    let answered_at = moment(said, "call_answer_timestamp");
    let talked = answered_at.filter(|answered| started_at.is_some_and(|started| *answered > started));
    let talk_seconds = match outcome {
        Outcome::Answered => talked.map_or(0, |from| u32::try_from((at - from).num_seconds()).unwrap_or(0)),
        _ => 0,
    };
    FinalRecord {
        direction: Some(said.direction),
        outcome,
        talk_seconds,
        started_at: started_at.unwrap_or(at),
        ended_at: at,
        client_number: said.client(),
        extension: said.extension().or_else(|| said.last_called()),
        line: said.line(),
        command: command(said),
        // The link of the event opens the file to whoever has it: only its key is kept.
        recording: (outcome == Outcome::Answered).then(|| id.to_owned()),
        rough: true,
    }
}

fn command(said: &Said) -> Option<String> {
    said.callback().map(super::callback_key)
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("sipuni: {what}") }
}

fn moment(said: &Said, name: &str) -> Option<At> {
    DateTime::<Utc>::from_timestamp(said.seconds(name)?, 0)
}
