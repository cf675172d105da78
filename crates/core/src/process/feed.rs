//! Calls in the lead's feed (K6), each once, in order.
//! Never decides; changes of the process are written by `Decision::turn`. Enter at [`call`], [`corrected`].

use super::command::{Ask, CallNote};
use super::decision::Decision;
use super::event::CallResult;
use super::value::*;
use crate::message::phrase::{Phrase, calls, word};

/// A call in the feed (K6): direction, seconds, recording, who.
pub(super) fn call(d: &mut Decision, call: &CallResult) {
    if !d.figures().feed.calls || !d.has_lead() {
        return;
    }
    d.ask(Ask::AddCall {
        role: LeadRole::Sales,
        call: CallNote {
            call: call.call.clone(),
            direction: call.direction,
            outcome: call.outcome,
            result: d.words(&call.outcome.said()),
            talk_seconds: call.talk_seconds,
            at: call.started_at,
            number: call.number.clone(),
            manager: call.manager.clone(),
            recording: call.recording.clone(),
        },
    });
}

/// A call reported as no talk was one after all; the call itself is in the feed already (K6).
pub(super) fn corrected(d: &mut Decision, call: &CallResult) {
    if !d.figures().feed.calls {
        return;
    }
    d.note(calls::corrected(call.started_at, call.talk_seconds.map(length), call.recording.clone()));
}

/// «1 мин 35 с».
pub(super) fn length(seconds: u32) -> Phrase {
    word::minutes(seconds / 60, seconds % 60)
}
