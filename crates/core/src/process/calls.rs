//! What a call means: a talk, an attempt, a missed client, a failure of ours (D10–D12).
//! Never plans the next attempt: that is `dialling`. Enter at [`on_call`], [`on_word`].

use chrono::TimeDelta;

use super::case::{Phase, SeenCall};
use super::command::Urgency;
use super::decision::Decision;
use super::event::{AnswerKind, CallResult, ClientFacts, Direction, Outcome, Reached};
use super::timers::Timer;
use super::value::*;
use super::{arrival, dialling, feed, phone, start, talk};

/// Calls kept of one order; a repeat of an older one is not recognised any more.
const CALLS_MAX: usize = 20;

/// A call has its result: seen by the provider, made through the bridge or outside it (D10).
pub(super) fn on_call(d: &mut Decision, call: &CallResult) {
    let talked = is_talk(d, call);
    let known = d.case.order.calls.iter().any(|seen| seen.call == call.call);
    if let Some(seen) = d.case.order.calls.iter_mut().find(|seen| seen.call == call.call) {
        let was_talk = seen.talk_seconds >= d.process.figures.dialling.talk_seconds;
        if was_talk || !talked {
            d.say("D10", "Этот звонок уже учтён.");
            return;
        }
        (seen.outcome, seen.talk_seconds) = (call.outcome, call.talk_seconds);
    } else {
        let seen = SeenCall {
            call: call.call.clone(),
            outcome: call.outcome,
            talk_seconds: call.talk_seconds,
            at: call.ended_at,
        };
        d.case.order.calls.push(seen);
        if d.case.order.calls.len() > CALLS_MAX {
            d.case.order.calls.remove(0);
        }
    }
    start::ended(d, call);
    learn_number(d, call);
    if d.case.order.phase == Phase::Unseen && call.direction == Direction::Inbound {
        arrival::arrive_by_call(d, call);
    }
    if known {
        feed::corrected(d, call)
    } else {
        feed::call(d, call)
    }
    if !d.case.order.is_open() || d.case.order.phase == Phase::Unseen {
        d.say("D10", "Звонок по заказу, который сейчас никто не ведёт: только в ленту.");
        return;
    }
    phone::arrived(d);
    if let Some(manager) = &call.manager
        && (talked || call.direction == Direction::Outbound)
        && d.process.manager(manager).is_some()
    {
        arrival::take(d, manager);
    }
    match call.direction {
        _ if talked => talk::talked(d, call.talk_seconds),
        Direction::Inbound => missed(d),
        Direction::Outbound => outbound(d, call),
    }
}

/// D12: reached the client and lasted long enough. Voicemail is none.
fn is_talk(d: &Decision, call: &CallResult) -> bool {
    call.reached == Reached::Client
        && call.outcome == Outcome::Answered
        && call.talk_seconds >= d.process.figures.dialling.talk_seconds
}

/// A number that the client calls from is his (L11).
fn learn_number(d: &mut Decision, call: &CallResult) {
    if call.direction == Direction::Inbound
        && let Some(number) = &call.number
        && d.case.client.phone().is_none()
    {
        let phone = Phone { e164: Some(number.clone()), extension: None, second: None, raw: String::new() };
        d.case.client.learn(&ClientFacts { phone: Some(phone), ..ClientFacts::default() });
    }
}

/// D12: what an outbound call without a talk is.
fn outbound(d: &mut Decision, call: &CallResult) {
    match call.outcome {
        Outcome::InvalidNumber => phone::wrong_number(d, call.number.as_ref()),
        Outcome::Failed | Outcome::Cancelled => dialling::failed(d),
        _ if call.reached != Reached::Client => dialling::failed(d),
        _ if same_as_word(d, call.started_at) => {
            d.say("D10", "Этот звонок уже учтён по слову менеджера: счёт не меняется.");
        }
        _ => dialling::not_reached(d, call.outcome, call.ended_at.min(d.now)),
    }
}

/// The manager's word on this very call was counted already (D10).
fn same_as_word(d: &Decision, started_at: At) -> bool {
    let near = TimeDelta::minutes(i64::from(d.process.figures.dialling.task_minutes));
    d.case.order.round.by_word.is_some_and(|word| (word - started_at).abs() <= near)
}

/// D11: the client called and got nobody: a call-back at once, at night at the next opening.
fn missed(d: &mut Decision) {
    let due = d.now + TimeDelta::minutes(i64::from(d.process.figures.dialling.missed_minutes));
    let opens = d.team().next(d.now);
    let due = if opens > d.now { opens } else { due };
    d.urgency = Urgency::Hot;
    d.turn("D11", "Пропущенный звонок клиента: перезвонить сразу.");
    arrival::out_of_pool(d, "Клиент звонит сам");
    if matches!(d.case.order.phase, Phase::Pause | Phase::GivingUp) {
        // He wants to talk: waiting is over, and the call-back is the first attempt.
        d.stop_many(&[Timer::SelfPay, Timer::GiveUp]);
        d.case.order.notes.remove("give_up");
        dialling::new_round(d, "task_missed_call");
    }
    dialling::make_call_task(d, "task_missed_call", "script_call_back", due, d.now, None);
    if d.case.order.phase == Phase::Dialling {
        dialling::fall_back(d, due);
    }
    d.urgency = Urgency::Usual;
}

/// D10: a manager's word where telephony saw no call. If it saw one, its seconds count and the
/// manager's content; both are kept.
pub(super) fn on_word(d: &mut Decision, kind: AnswerKind) {
    let near = TimeDelta::minutes(i64::from(d.process.figures.dialling.task_minutes));
    let counted = d.case.order.round.last_attempt_at.is_some_and(|last| d.now - last <= near);
    match kind {
        _ if !d.process.figures.dialling.trust_task_result => {
            d.say("D10", "Слово менеджера о звонке не учитывается: так настроено.");
        }
        AnswerKind::Reached if d.case.order.phase == Phase::Asking => {
            d.say("D10", "Разговор уже учтён по данным телефонии.");
        }
        AnswerKind::Reached => {
            d.turn("D10", "Менеджер говорит, что дозвонился: считаем разговором.");
            talk::talked(d, 0);
        }
        _ if counted => d.say("D10", "Эта попытка уже учтена по данным телефонии."),
        _ => {
            d.turn("D10", "Менеджер говорит, что не дозвонился: считаем попыткой.");
            d.case.order.round.by_word = Some(d.now);
            dialling::not_reached(d, Outcome::NoAnswer, d.now);
        }
    }
}
