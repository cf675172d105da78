//! Decodes an event of Telphin into signals (sheet, 3). The result of a whole call is merged from all its
//! legs in `intake::calls`. Enter at [`signals`].

use super::wire::{EventKind, WireEvent};
use super::{Settings, call_key, callback_key};
use crate::platform::Undecodable;
use crate::platform::telephony::Fields;
use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{CallEvent, CallWhat, Leg, LegState, Signal};

/// The signals of one event: the state of the leg, and the recording named by a hang-up. `at` is when it was
/// accepted, for events without a usable time.
pub fn signals(fields: Fields, settings: &Settings, at: At) -> Result<Vec<Signal>, Undecodable> {
    let Some(wire_event) = WireEvent::read(fields, settings) else {
        return Ok(vec![nothing("an internal call")]);
    };
    let Some(kind) = wire_event.kind() else {
        return Ok(vec![nothing("an event that says nothing of a result")]);
    };
    let call = wire_event.call().map(call_key).ok_or_else(|| Undecodable("no CallID".to_owned()))?;
    let at = wire_event.at().unwrap_or(at);
    let leg = leg(&wire_event, kind).ok_or_else(|| Undecodable("no SubCallID".to_owned()))?;
    let talked = leg.state == LegState::Ended(Outcome::Answered) && !leg.manager_leg;
    let recording = wire_event.recording().filter(|_| talked).map(str::to_owned);
    let event = |what| Signal::CallSeen(Box::new(CallEvent { call: call.clone(), at, what }));
    let mut signals = vec![event(CallWhat::Leg(leg))];
    signals.extend(recording.map(|recording| event(CallWhat::Recording { recording })));
    Ok(signals)
}

fn leg(wire_event: &WireEvent, kind: EventKind) -> Option<Leg> {
    let (seq, state) = match kind {
        EventKind::Dial => (1, LegState::Ringing),
        EventKind::Answer => (2, LegState::Talking),
        EventKind::Hangup => (3, LegState::Ended(wire_event.outcome())),
    };
    let talk_seconds = match state {
        LegState::Ended(Outcome::Answered) => wire_event.talk_seconds(),
        LegState::Ended(_) => Some(0),
        _ => None,
    };
    Some(Leg {
        leg: wire_event.leg()?,
        seq,
        state,
        direction: Some(if wire_event.is_callback() { Direction::Outbound } else { wire_event.flow }),
        client_number: wire_event.client(),
        extension: wire_event.extension.clone(),
        line: wire_event.line(),
        taken_from: None,
        command: wire_event.api_call().map(callback_key),
        manager_leg: wire_event.is_callback() && wire_event.flow == Direction::Inbound,
        menu: false,
        talk_seconds,
    })
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("telphin: {what}") }
}
