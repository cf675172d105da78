//! Calls in the lead's feed (K6), each once, in order.
//! Never decides; changes of the process are written by `Decision::turn`. Enter at [`call`], [`corrected`].

use super::calendar;
use super::command::{Ask, CallNote};
use super::decision::Decision;
use super::event::CallResult;
use super::value::*;

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
    let recording = call.recording.as_ref().map(|link| format!(" Запись: {link}")).unwrap_or_default();
    let at = calendar::say_time(call.started_at, d.process.zone);
    let length = call.talk_seconds.map(|seconds| format!(", {seconds} с")).unwrap_or_default();
    d.note(&format!("Уточнение: звонок {at} был разговором{length}.{recording}"));
}
