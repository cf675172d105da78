//! Waiting for an agreed date: doubt, own try, instalment, long cycle, special terms (L13).
//! Never creates a call task before that date. Enter at [`due`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, answers, follow_up, result, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::command::TaskKind;
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section, Tasks, Whose};
use crate::process::event::{Event, News};
use crate::process::state::{FollowUp, FollowUpKind, Wait};
use crate::process::timers::Timer;
use crate::process::value::At;

const WORK: &[TextId] = &[TextId::TaskInstalment, TextId::TaskLongCycle, TextId::TaskSpecial];

pub const SECTION: Section = Section {
    name: "follow_up",
    rules: &["L13", "L14", "D12"],
    timers: &[Row {
        timer: Timer::FollowUp,
        class: Class::Month,
        lives: |order| matches!(order.state(), Wait::FollowUp(_)),
        fires: due,
    }],
    // The task stays with the manager until its date, or until he answers (`Decision::answered`).
    tasks: &[
        Tasks { whose: Whose::Texts(WORK), stays: |_, _| true },
        Tasks { whose: Whose::Texts(&[TextId::TaskFarDate]), stays: |_, to| matches!(to, Wait::FollowUp(_)) },
    ],
    hears: |d, event| match event {
        Event::Sibling(News::Talked { .. }) => {
            sibling_talked(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Close => {
            bound(d);
            Heard::Taken
        }
        Request::WaitUntil { at } => {
            wait_until(d, *at);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
};

/// A day farther ahead is the head's matter, and the order is looked at meanwhile (L14).
pub const FAR: TimeDelta = TimeDelta::days(30);

/// A date that an older version set farther ahead: this version then says which day was named.
fn bound(d: &mut Decision) {
    let Wait::FollowUp(FollowUp { until: None, .. }) = d.state() else { return };
    if let Some(at) = d.at(Timer::FollowUp).filter(|at| *at > d.now + FAR) {
        wait_until(d, at);
    }
}

fn wait_until(d: &mut Decision, at: At) {
    let Wait::FollowUp(date) = d.state().clone() else { return };
    if at <= d.now + FAR || cut("L14.far") {
        d.stay(Wait::FollowUp(FollowUp { until: None, ..date }));
        d.set(Timer::FollowUp, at);
        return;
    }
    match date.until {
        None => d.turn("L14", answers::far(at)),
        Some(_) => d.say("L14", answers::still_far(at)),
    }
    d.stay(Wait::FollowUp(FollowUp { until: Some(at), ..date }));
    // The day itself, if the team's days off end behind it.
    d.set(Timer::FollowUp, d.team().next(d.now + FAR).min(at));
    d.close_tasks_where(|task| task.text == TextId::TaskFarDate, &result::asked_again());
    let (to, due) = (d.head(), d.work_days(1));
    let new = NewTask::new(TaskKind::Do, TextId::TaskFarDate, due);
    let made = d.task(NewTask { to, time: Some(at), ..new });
    d.unwatched(made, None);
}

/// The date has come: a call task, or the question again (L13).
fn due(d: &mut Decision) {
    let Wait::FollowUp(FollowUp { what, why, until }) = d.state().clone() else { return };
    if let Some(until) = until.filter(|until| *until > d.now) {
        return wait_until(d, until);
    }
    let task = match what {
        FollowUpKind::Doubt => Some(TextId::TaskDoubt),
        FollowUpKind::OwnTry => Some(TextId::TaskOwnTry),
        FollowUpKind::CallLater | FollowUpKind::NotAsked => None,
        FollowUpKind::CheckPayment if cut("L13.paid_is_checked") => None,
        FollowUpKind::CheckPayment => return ask_again(d, &why::payment_not_found(d.can_read())),
        FollowUpKind::Instalment | FollowUpKind::LongCycle | FollowUpKind::Special => {
            d.close_tasks_where(|task| WORK.contains(&task.text) && !task.kept, &result::date_came());
            return ask_again(d, &why::step_due(why));
        }
        FollowUpKind::RefusedWithMoney | FollowUpKind::MoneyGone => return ask_again(d, &why::step_due("")),
    };
    d.say("L13", follow_up::due());
    d.request(Request::Round { task, why });
}

/// The date is over before the question is asked: what is asked about is not what stands.
fn ask_again(d: &mut Decision, why: &Phrase) {
    d.go(Wait::Asking, &result::waiting());
    d.ask_again(why);
}

/// The client talked about another order: this order's dialling waits (design, «Call → order»).
fn sibling_talked(d: &mut Decision) {
    if !matches!(d.state(), Wait::Dialling | Wait::Pause | Wait::GivingUp { .. }) || cut("D12.other_ladder") {
        return;
    }
    let result = &result::other_order();
    d.end_calls(result);
    d.go(Wait::FollowUp(FollowUp::new(FollowUpKind::CallLater)), result);
    let at = d.work_days(d.figures().talk.follow_up_days.clamp(1, 3));
    d.set(Timer::FollowUp, at);
    d.turn("D12", follow_up::other_order());
}
