//! The meaning of a call: a talk, an attempt, a missed client, a failure on our side (D10–D12).
//! The next attempt is planned in `dialling`. Enter at [`on_call`], [`on_word`].

use chrono::TimeDelta;

use crate::message::phrase::{calls, why};
use crate::mutant::cut;
use crate::process::case::SeenCall;
use crate::process::command::Urgency;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::event::{AnswerKind, CallResult, ClientFacts, Direction, Event, Outcome, Reached};
use crate::process::feed;
use crate::process::moment::Moment;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "calls",
    rules: &["D10", "D11", "D12"],
    hears: |d, event| match event {
        Event::Call(call) => {
            on_call(d, call);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Word { kind } => {
            on_word(d, *kind);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// Calls kept per order. A repeated report of an older call is not recognised.
const CALLS_MAX: usize = 20;

/// The provider reported the result of a call, made through the bridge or outside it (D10).
fn on_call(d: &mut Decision, call: &CallResult) {
    let talked = is_talk(d, call);
    let known = d.case.order.calls.iter().any(|seen| seen.call == call.call);
    if !keep(d, call, talked) {
        d.say("D10", calls::known());
        return;
    }
    d.request(Request::CallOver { call: Box::new(call.clone()) });
    learn_number(d, call);
    if d.case.order.is_unseen() && call.direction == Direction::Inbound {
        d.request(Request::ArriveByCall { line: call.line.clone() });
    }
    match known {
        true => feed::corrected(d, call),
        false => feed::call(d, call),
    }
    let closed = !d.case.order.is_open() || d.case.order.refund().is_some();
    if closed || d.case.order.is_unseen() {
        d.say("D10", calls::only_recorded(closed));
        return;
    }
    d.request(Request::NumberArrived);
    if let Some(manager) = &call.manager
        && (talked || call.direction == Direction::Outbound)
        && d.process.manager(manager).is_some()
    {
        d.request(Request::Take { manager: manager.clone() });
    }
    match call.direction {
        _ if talked => {
            d.request(Request::Talked { seconds: call.talk_seconds, manager: call.manager.clone() });
        }
        Direction::Inbound => missed(d, call),
        Direction::Outbound => outbound(d, call),
    }
}

/// Remembers the call. A later result of a known call counts only if it turns the call into a talk.
fn keep(d: &mut Decision, call: &CallResult, talked: bool) -> bool {
    let least = d.figures().dialling.talk_seconds;
    let is_talk = |seen: &SeenCall| {
        seen.outcome == Outcome::Answered && seen.talk_seconds.is_none_or(|seconds| seconds >= least)
    };
    let calls = &mut d.case.order.calls;
    if let Some(seen) = calls.iter_mut().find(|seen| seen.call == call.call && !cut("D10.counted_once")) {
        let news = talked && !is_talk(seen);
        if news || (talked && seen.talk_seconds.is_none()) {
            (seen.outcome, seen.talk_seconds) = (call.outcome, call.talk_seconds);
        }
        return news;
    }
    calls.push(SeenCall {
        call: call.call.clone(),
        outcome: call.outcome,
        talk_seconds: call.talk_seconds,
        at: call.ended_at,
    });
    if calls.len() > CALLS_MAX {
        calls.remove(0);
    }
    true
}

/// D12: the client was reached and the call lasted long enough, or for a time that nobody reported. Voicemail
/// does not count.
fn is_talk(d: &Decision, call: &CallResult) -> bool {
    call.reached == Reached::Client
        && call.outcome == Outcome::Answered
        && call.talk_seconds.is_none_or(|seconds| seconds >= d.figures().dialling.talk_seconds)
}

/// A number from which the client calls is added to his numbers (L11).
fn learn_number(d: &mut Decision, call: &CallResult) {
    if call.direction == Direction::Inbound
        && let Some(number) = &call.number
        && d.case.client.phone().is_none()
    {
        let phone = Phone::called(number, "");
        d.case.client.learn(&ClientFacts { phone: Some(phone), read: true, ..ClientFacts::default() });
    }
}

/// D12: the meaning of an outbound call without a talk.
fn outbound(d: &mut Decision, call: &CallResult) {
    let request = match call.outcome {
        Outcome::InvalidNumber => Request::WrongNumber { number: call.number.clone() },
        Outcome::Failed | Outcome::Cancelled => Request::CallFailed,
        _ if call.reached != Reached::Client => Request::CallFailed,
        _ if same_as_word(d, call.started_at) => {
            d.say("D10", calls::counted_by_word());
            return;
        }
        _ => Request::NotReached { outcome: call.outcome, at: call.ended_at.min(d.now) },
    };
    d.request(request);
}

/// The manager's report of this call has already been counted (D10).
fn same_as_word(d: &Decision, started_at: At) -> bool {
    let near = TimeDelta::minutes(i64::from(d.figures().dialling.task_minutes));
    d.case.order.round.by_word.is_some_and(|word| (word - started_at).abs() <= near)
}

/// D11: the client called and nobody answered: a call-back at once, or at the next opening if he may not be called
/// now. The hours are those of every other call (D13). A talk that was cut off is answered the same way, but is told as
/// what it was (D12).
fn missed(d: &mut Decision, call: &CallResult) {
    let due = d.now + TimeDelta::minutes(i64::from(d.figures().dialling.missed_minutes));
    let opens = d.calls().next(d.now);
    let due = if opens > d.now { opens } else { due };
    let is_answered = call.outcome == Outcome::Answered && !cut("D12.short_is_not_missed");
    let cut_off =
        call.talk_seconds.filter(|_| is_answered).map(|seconds| calls::cut_off(feed::length(seconds)));
    d.urgent(Urgency::Hot, |d| {
        let why = cut_off.as_ref().map(|why| d.words(why));
        match cut_off {
            Some(why) => d.turn("D12", calls::call_back_after(why, due, opens > d.now)),
            None => {
                d.moment(Moment::Missed);
                d.turn("D11", calls::missed(due, opens > d.now));
            }
        }
        d.request(Request::LeavePool { why: why::client_calls() });
        d.request(Request::CallAtOnce { due, why });
    });
}

/// D10: a manager reports a call that telephony did not report. If it did, the duration comes from
/// telephony and the content from the manager; both are kept.
fn on_word(d: &mut Decision, kind: AnswerKind) {
    let near = TimeDelta::minutes(i64::from(d.figures().dialling.task_minutes));
    let counted = d.case.order.round.last_attempt_at.is_some_and(|last| d.now - last <= near);
    match kind {
        _ if !d.figures().dialling.trust_task_result => {
            d.say("D10", calls::word_ignored());
        }
        AnswerKind::Reached if d.case.order.is_asked() => {
            d.say("D10", calls::talk_known());
        }
        AnswerKind::Reached => {
            d.turn("D10", calls::said_reached());
            d.request(Request::Talked { seconds: None, manager: None });
        }
        _ if counted => d.say("D10", calls::attempt_known()),
        _ => {
            d.turn("D10", calls::said_not_reached());
            d.case.order.round.by_word = Some(d.now);
            d.request(Request::NotReached { outcome: Outcome::NoAnswer, at: d.now });
        }
    }
}
