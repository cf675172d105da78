//! The bridge starts the call of the open call task, the manager's leg first (D9).
//! Starts at most one call per attempt. What a call meant is decided in `calls`.
//! Enter at [`watch`], [`due`] and [`over`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, call_start};
use crate::mutant::cut;
use crate::process::case::{CallStart, Task, UnderWay};
use crate::process::command::{Ask, StartCall, Urgency};
use crate::process::decision::{Class, Decision, Heard, Request, Row, Section, words_of};
use crate::process::event::{CallResult, Direction, Event};
use crate::process::meters::Limit;
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "call_start",
    rules: &["D9"],
    // They follow from the open call task at the end of every step.
    timers: &[
        Row { timer: Timer::StartCall, class: Class::Reminder, lives: |order| order.is_open(), fires: due },
        Row { timer: Timer::StartSeen, class: Class::Reminder, lives: |order| order.is_open(), fires: seen },
    ],
    hears: |d, event| match event {
        Event::Undeliverable { command, .. } if failed(d, command) => Heard::Taken,
        _ => Heard::Passed,
    },
    enters: |d, request| {
        match request {
            Request::CallOver { call } => over(d, call),
            Request::Close => watch(d),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// If the manager is on the phone, the start is tried again after this.
const AGAIN_S: i64 = 60;

/// Sets the timer of the start from the open call task; nothing else sets it. There is one start per
/// attempt: if only the task's time changes, the manager makes the call himself.
fn watch(d: &mut Decision) {
    let on = d.figures().dialling.start_calls && d.case.order.is_open();
    let wanted = d.case.order.call_task().filter(|_| on);
    let wanted = wanted.map(|(id, task)| (attempt_of(d, id), task.due));
    let at = match (&wanted, &d.case.order.start) {
        (Some((attempt, _)), Some(start)) if start.attempt == *attempt => start.again_at,
        (Some((_, due)), _) => Some(*due),
        (None, _) => None,
    };
    match at {
        Some(at) => d.set(Timer::StartCall, at),
        None => d.stop(Timer::StartCall),
    }
    if wanted.is_none() && d.case.order.start.is_some() {
        leave(d);
        d.case.order.start = None;
    }
}

/// An attempt of a round, and its task.
fn attempt_of(d: &Decision, task: &TaskId) -> String {
    let round = &d.case.order.round;
    format!("{task} {}.{}.{}", round.number, round.day, round.step)
}

/// D9: the task is due: starts the call, or leaves it to the manager and says why.
fn due(d: &mut Decision) {
    // The attempt was moved: the timer follows its task.
    if d.case.order.call_is_ahead() && !cut("D9.ahead") {
        return;
    }
    let Some((id, task)) = d.case.order.call_task().map(|(id, task)| (id.clone(), task.clone())) else {
        return;
    };
    let attempt = attempt_of(d, &id);
    let minutes = d.figures().dialling.task_minutes;
    let last = task.due + TimeDelta::minutes(i64::from(minutes));
    let again = d.now + TimeDelta::seconds(AGAIN_S);
    let waited = d.case.order.start.as_ref().is_some_and(|start| start.attempt == attempt);
    match obstacle(d, &task, last) {
        None => begin(d, &id, &task, attempt),
        Some(Obstacle::Busy) if again <= last => {
            if !waited {
                d.say("D9", call_start::manager_talks());
            }
            d.case.order.start = Some(CallStart { attempt, again_at: Some(again), under_way: None });
        }
        Some(obstacle) => {
            if let Obstacle::Held(limit) = obstacle {
                d.case.meters.hold(limit, d.now);
            }
            if matches!(obstacle, Obstacle::ManagerHours) && !d.case.order.is_off_hours_said {
                d.case.order.is_off_hours_said = true;
                d.note(call_start::not_started(obstacle.said()));
            }
            d.say("D9", call_start::not_started(obstacle.said()));
            d.case.order.start = Some(CallStart { attempt, again_at: None, under_way: None });
        }
    }
}

/// Why the bridge does not start the call now.
#[derive(Clone, Copy)]
enum Obstacle {
    TooLate,
    ClientHours,
    ManagerHours,
    NoPhone,
    NoExtension,
    /// Another order had the number called just now.
    JustCalled,
    /// F102: a country, a service, or too many calls.
    Held(Limit),
    Busy,
}

impl Obstacle {
    fn said(self) -> Phrase {
        match self {
            Self::TooLate => call_start::too_late(),
            Self::ClientHours => call_start::client_hours(),
            Self::ManagerHours => call_start::manager_hours(),
            Self::NoPhone => call_start::no_phone(),
            Self::NoExtension => call_start::no_extension(),
            Self::JustCalled => call_start::just_called(),
            Self::Held(limit) => words_of(limit),
            Self::Busy => call_start::still_busy(),
        }
    }
}

fn obstacle(d: &Decision, task: &Task, last: At) -> Option<Obstacle> {
    let number = d.case.client.phone();
    let manager = d.process.manager(&task.responsible).filter(|manager| manager.active);
    if d.now > last {
        Some(Obstacle::TooLate)
    } else if !d.hard_hours().is_open(d.now) {
        Some(Obstacle::ClientHours)
    } else if !d.team().is_open(d.now) {
        Some(Obstacle::ManagerHours)
    } else if number.is_none() {
        Some(Obstacle::NoPhone)
    } else if manager.is_none_or(|manager| manager.extension.is_none()) {
        Some(Obstacle::NoExtension)
    } else if let Some(limit) = number.and_then(|number| limit(d, number)) {
        Some(Obstacle::Held(limit))
    } else if d.case.desks.is_busy(&task.responsible, d.now) {
        Some(Obstacle::Busy)
    } else if number.is_some_and(|number| is_called_for_another(d, number)) {
        Some(Obstacle::JustCalled)
    } else {
        None
    }
}

/// F102: what anybody may type into a form is not called wherever it leads, nor as often as it is typed.
fn limit(d: &Decision, number: &str) -> Option<Limit> {
    let figures = d.figures();
    if !Phone::may_be_called(number, &figures.dialling.call_countries) && !cut("D9.country") {
        return Some(Limit::CallCountry);
    }
    let limit = d.case.meters.call_limit(number, &figures.contact_limits, d.now);
    limit.filter(|_| !cut("D9.limits"))
}

/// One number with several open orders gets one call: the others are talked about in it.
fn is_called_for_another(d: &Decision, number: &str) -> bool {
    let gap = TimeDelta::minutes(i64::from(d.figures().dialling.gap_minutes));
    d.case.meters.was_called_for_another(number, &d.case.order.id, gap, d.now) && !cut("D9.another")
}

fn begin(d: &mut Decision, id: &TaskId, task: &Task, attempt: String) {
    let Some(number) = d.case.client.phone().cloned() else { return };
    let not_after = d.now + TimeDelta::seconds(i64::from(d.figures().dialling.start_wait_s));
    let caller_id = d.process.route(&d.case.order.route).and_then(|route| route.caller_id.clone());
    let manager = task.responsible.clone();
    d.case.meters.call(&number, &d.case.order.id, d.now);
    let start = StartCall { manager: manager.clone(), number, caller_id, task: id.clone(), not_after };
    let command = d.urgent(Urgency::Hot, |d| d.ask(Ask::StartCall(start)));
    d.case.desks.occupy(&manager, command.as_str(), d.now, not_after);
    let begun = call_start::begun(&manager);
    let under_way = Some(UnderWay { command, manager, at: d.now });
    d.case.order.start = Some(CallStart { attempt, again_at: None, under_way });
    d.set(Timer::StartSeen, not_after);
    d.say("D9", begun);
}

/// D9: the call should have been reported by now. Not every provider reports that the manager did
/// not pick up.
fn seen(d: &mut Decision) {
    let Some(under_way) = d.case.order.start.as_ref().and_then(|start| start.under_way.clone()) else {
        return;
    };
    d.case.desks.free(under_way.command.as_str());
    if d.case.desks.is_busy(&under_way.manager, d.now) {
        d.say("D9", call_start::under_way());
        return;
    }
    leave(d);
    d.say("D9", call_start::not_picked_up());
}

/// A call has its result: the start that may have led to it is finished, and the manager is free.
fn over(d: &mut Decision, call: &CallResult) {
    d.case.desks.free(&call.call);
    let Some(under_way) = d.case.order.start.as_ref().and_then(|start| start.under_way.as_ref()) else {
        return;
    };
    let named = call.command.as_deref() == Some(under_way.command.as_str());
    let fits = call.direction == Direction::Outbound && call.manager.as_ref() == Some(&under_way.manager);
    if named || fits {
        leave(d);
    }
}

/// D9: the start could not be carried out. Returns whether this was the current start of the order.
fn failed(d: &mut Decision, command: &CommandId) -> bool {
    let start = d.case.order.start.as_ref().and_then(|start| start.under_way.as_ref());
    if start.is_none_or(|under_way| under_way.command != *command) {
        return false;
    }
    leave(d);
    d.case.order.unsent.remove(command);
    d.say("D9", call_start::failed());
    true
}

/// From now on the manager makes this call himself.
fn leave(d: &mut Decision) {
    d.stop(Timer::StartSeen);
    let under_way = d.case.order.start.as_mut().and_then(|start| start.under_way.take());
    if let Some(under_way) = under_way {
        d.case.desks.free(under_way.command.as_str());
    }
}
