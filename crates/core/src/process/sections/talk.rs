//! After a talk the manager is asked «Что дальше?», repeatedly until he answers (L13).
//! Answers are handled in `answers`. Enter at [`talked`] and [`ask`].

use crate::message::phrase::{Phrase, result, talk, why, word};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::case::Round;
use crate::process::command::TaskKind;
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::event::News;
use crate::process::feed;
use crate::process::moment::Moment;
use crate::process::state::{FollowUp, FollowUpKind, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "talk",
    rules: &["L13"],
    // The question is independent of the state: it may be open beside a promise (`Decision::close_question`).
    timers: &[Row {
        timer: Timer::AskNext,
        class: Class::Step,
        lives: |order| order.question.open,
        fires: |d| d.ask_again(&why::no_answer()),
    }],
    enters: |d, request| {
        match request {
            Request::Talked { seconds, manager } => talked(d, *seconds, manager.as_ref()),
            Request::Question { text, why } => ask(d, text.clone(), why),
            Request::AskAgain { why } if !cut("L13.ask_again") => ask_again(d, why),
            // The task stays open: the manager may still answer.
            Request::RoundBegins => d.stop(Timer::AskNext),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    ..Section::QUIET
};

/// A talk took place (D12): dialling stops, and the manager is asked what is next.
fn talked(d: &mut Decision, seconds: Option<u32>, manager: Option<&ManagerId>) {
    let result = &result::talked();
    d.request(Request::CallBegun);
    d.request(Request::LeavePool { why: why::being_talked_to() });
    d.moment(Moment::Talked { seconds });
    d.case.order.talks += 1;
    d.case.order.question.unanswered = 0;
    d.case.order.question.day = None;
    let number = d.case.order.round.number;
    d.case.order.round = Round { number, ..Round::default() };
    let said = talk::talked(seconds.map(feed::length), manager);
    d.say("D12", said.clone());
    // The call itself is shown in the lead's feed.
    d.comment(said);
    match d.state() {
        // The call of the promised time is still to come.
        Wait::CallBack if stands(d) => {}
        _ if stands(d) => d.end_calls(result),
        // A promised day or time stays valid (D5): its task stays open until the answer.
        _ => d.go(Wait::Asking, result),
    }
    d.request(Request::Restore);
    d.stage(Stage::Talked, None);
    let siblings: Vec<OrderId> =
        d.case.client.orders.iter().filter(|(_, brief)| brief.open).map(|(id, _)| id.clone()).collect();
    for sibling in siblings {
        if sibling != d.case.order.id {
            d.tell(sibling, News::Talked { order: d.case.order.id.clone(), at: d.now });
        }
    }
    ask(d, TextId::TaskAsk, "");
}

/// Whether the state stands over a talk: the promised day always does; where nobody is asked, every other
/// date that was agreed does, too, and a plan.
fn stands(d: &Decision) -> bool {
    let agreed = match d.state() {
        Wait::Promised => return true,
        Wait::FollowUp(date) => !matches!(date.what, FollowUpKind::NotAsked | FollowUpKind::CallLater),
        state => matches!(state, Wait::CallBack | Wait::PartPaid | Wait::PhoneAsked { .. }),
    };
    agreed && !d.figures().talk.ask && !cut("L13.agreed_stands")
}

/// L13: creates the task «Что дальше?» with its own timer, at most one at a time.
fn ask(d: &mut Decision, text: TextId, why: &str) {
    let figures = &d.figures().talk;
    if !figures.ask {
        // A state with a date keeps its date.
        if stands(d) || matches!(d.state(), Wait::FreePool | Wait::GivingUp { .. }) {
            d.say("L13", talk::not_asked());
            return;
        }
        d.go(Wait::FollowUp(FollowUp::new(FollowUpKind::NotAsked)), &Phrase::NONE);
        let next = d.work_days(figures.follow_up_days.clamp(1, 3));
        d.set(Timer::FollowUp, next);
        d.say("L13", talk::not_asked_until(next));
        return;
    }
    d.open_question();
    if !d.has_question_task() {
        let due = d.work_minutes(patience(d));
        let more = match d.case.client.email_is_bad() {
            true => d.words(&word::mail_is_bad()),
            false => String::new(),
        };
        d.task(NewTask { why, more, ..NewTask::new(TaskKind::Ask, text, due) });
        d.say("L13", talk::asked());
    }
    // Reminder and escalation belong to the task (L15); this timer is for the next morning.
    let next = d.team().next_day(d.work_minutes(patience(d)));
    d.set(Timer::AskNext, d.spread(Timer::AskNext, next));
}

/// The count of questions stops here.
const UNANSWERED_MAX: u32 = 9;

/// The time for an answer, in working minutes: as configured for the first two questions that nobody touched, then
/// doubled each time.
fn patience(d: &Decision) -> u32 {
    d.figures().talk.answer_minutes << d.case.order.question.unanswered.saturating_sub(1).min(4)
}

/// L13: no answer, or the task was closed without one: asks again.
fn ask_again(d: &mut Decision, why: &str) {
    let result = &result::waiting();
    d.close_tasks_where(|task| task.kind == TaskKind::Ask, &result::asked_again());
    let question = &mut d.case.order.question;
    question.unanswered = (question.unanswered + 1).min(UNANSWERED_MAX);
    d.say("L13", talk::asked_again(why));
    match d.state() {
        // The date stays valid until the answer.
        Wait::FollowUp(_) if !d.case.order.is_asked() => d.end_calls(result),
        Wait::Dialling | Wait::Pause => d.go(Wait::Asking, result),
        _ => {}
    }
    ask(d, TextId::TaskAskAgain, why);
}
