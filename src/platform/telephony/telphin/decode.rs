//! An event of Telphin → its signals (sheet, 3).
//! Never decides what a whole call was: `intake::calls` does, from all its legs.
//! Enter at [`signals`].

use super::wire::{Kind, Said};
use super::{Settings, call_key, callback_key};
use crate::platform::Undecodable;
use crate::platform::telephony::Fields;
use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{CallEvent, CallWhat, Leg, LegState, Signal};

/// The signals of one event: the leg's state, and the recording that a hang-up names. `at` is when
/// it was accepted, for what carries no usable time.
pub fn signals(fields: Fields, settings: &Settings, at: At) -> Result<Vec<Signal>, Undecodable> {
    let Some(said) = Said::read(fields, settings) else {
        return Ok(vec![nothing("an internal call")]);
    };
    let Some(kind) = said.kind() else {
        return Ok(vec![nothing("an event that says nothing of a result")]);
    };
    let call = said.call().map(call_key).ok_or_else(|| Undecodable("no CallID".to_owned()))?;
    let at = said.at().unwrap_or(at);
    let leg = leg(&said, kind).ok_or_else(|| Undecodable("no SubCallID".to_owned()))?;
    let talked = leg.state == LegState::Ended(Outcome::Answered) && !leg.manager_leg;
    let recording = said.recording().filter(|_| talked).map(str::to_owned);
    let event = |what| Signal::CallSeen(Box::new(CallEvent { call: call.clone(), at, what }));
    let mut signals = vec![event(CallWhat::Leg(leg))];
    signals.extend(recording.map(|recording| event(CallWhat::Recording { recording })));
    Ok(signals)
}

fn leg(said: &Said, kind: Kind) -> Option<Leg> {
    let (seq, state) = match kind {
        Kind::Dial => (1, LegState::Ringing),
        Kind::Answer => (2, LegState::Talking),
        Kind::Hangup => (3, LegState::Ended(said.outcome())),
    };
    let talk_seconds = match state {
        LegState::Ended(Outcome::Answered) => said.talk_seconds(),
        LegState::Ended(_) => Some(0),
        _ => None,
    };
    Some(Leg {
        leg: said.leg()?,
        seq,
        state,
        direction: Some(if said.is_callback() { Direction::Outbound } else { said.flow }),
        client_number: said.client(),
        extension: said.extension.clone(),
        line: said.line(),
        taken_from: None,
        command: said.api_call().map(callback_key),
        manager_leg: said.is_callback() && said.flow == Direction::Inbound,
        talk_seconds,
    })
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("telphin: {what}") }
}
