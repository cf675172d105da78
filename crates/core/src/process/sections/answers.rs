//! Acts on a manager's answer to «Что дальше?» (L13, D10).
//! Never parses a field or a task's result: intake turns them into answers. Enter at [`on_answer`].

use chrono::{TimeDelta, Timelike};

use crate::message::phrase::{Phrase, answers, result, why, word};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar;
use crate::process::command::TaskKind;
use crate::process::dates;
use crate::process::decision::{Decision, Heard, NewTask, Request, Section};
use crate::process::event::{Answer, AnswerKind, Event, Extent};
use crate::process::state::{End, FollowUp, FollowUpKind, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::vars;

pub const SECTION: Section = Section {
    name: "answers",
    rules: &["L13"],
    hears: |d, event| match event {
        Event::Answer(answer) => {
            on_answer(d, answer);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// A manager answered what is next (L13). For one minute the first answer wins; its field is cleared.
fn on_answer(d: &mut Decision, answer: &Answer) {
    d.clear_field(answer.field);
    if let Some(manager) = answer.by.as_ref().filter(|manager| d.process.manager(manager).is_some()) {
        d.request(Request::Take { manager: manager.clone() });
    }
    let mut agreed = None;
    if matches!(answer.kind, AnswerKind::Reached | AnswerKind::NotReached) {
        d.request(Request::Word { kind: answer.kind });
        agreed = beside_attempt(d, answer);
        if agreed.is_none() {
            return;
        }
    }
    let answer = agreed.as_ref().unwrap_or(answer);
    let window = TimeDelta::seconds(i64::from(d.figures().talk.first_answer_seconds));
    // Read late, it was said earlier; the CRM's clock may be ahead.
    let said = answer.said_at.filter(|_| !cut("L13.said_at")).map_or(d.now, |said| said.min(d.now));
    if d.case.order.answered_at.is_some_and(|last| said - last < window) {
        d.say("L13", answers::second());
        return;
    }
    // Whatever was answered is an answer: the next question is not later for it.
    if !cut("L13.patience") {
        d.case.order.question.unanswered = 0;
    }
    if has_wrong_day(d, answer) {
        return;
    }
    if accepted(d, answer) {
        d.case.order.answered_at = Some(said);
        d.case.order.question.unanswered = 0;
        d.case.order.question.day = None;
    }
}

/// D5: «сбросила, завтра в 10 перезвоню сама»: the call that was agreed beside the outcome of an attempt. Of a time beside an
/// attempt that failed it is asked whether to call then.
fn beside_attempt(d: &mut Decision, answer: &Answer) -> Option<Answer> {
    let at = answer.at.filter(|_| answer.extent == Extent::Moment)?;
    let why = answer.why.as_deref().unwrap_or_default();
    let is_failed = answer.kind == AnswerKind::NotReached;
    if dates::says_we_call(why) || (is_failed && why.trim().is_empty()) {
        return Some(Answer { kind: AnswerKind::CallBack, ..answer.clone() });
    }
    if is_failed {
        let example = vars::typed_time(at, d.process.zone);
        ask(d, &why::call_then(at, example));
    }
    None
}

/// L13: a day that cannot be meant is told, and the usual one is not taken in its place.
fn has_wrong_day(d: &mut Decision, answer: &Answer) -> bool {
    let Some(said) = answer.why.as_deref().filter(|_| answer.at.is_none()) else { return false };
    let wrong = match answer.kind {
        AnswerKind::Doubt | AnswerKind::LongCycle => d.wrong_return(said),
        // «Рассрочка на 6 месяцев» names no day.
        AnswerKind::Instalment => d.wrong_first(said),
        _ => None,
    };
    let Some(wrong) = wrong else { return false };
    d.ask_again(&why::other_day_needed(said, wrong, d.examples().day));
    true
}

/// Each kind of answer has its own next step. If an answer is incomplete, the manager is asked again.
fn accepted(d: &mut Decision, answer: &Answer) -> bool {
    let is_remark = |why: &&str| !why.is_empty() && (answer.at.is_none() || !dates::says_only_return(why));
    let why = answer.why.as_deref().map(str::trim).filter(is_remark).map(str::to_owned);
    match answer.kind {
        AnswerKind::CallBack => return call_back(d, answer, why),
        AnswerKind::Unclear => {
            unclear(d, why.as_deref().unwrap_or_default());
            return false;
        }
        AnswerKind::Promise => return d.request(Request::PayOn { day: answer.at, why }),
        AnswerKind::Refusal => return d.request(Request::Refuse { reason: answer.reason, why }),
        AnswerKind::Duplicate => return d.request(Request::DoubleByWord),
        AnswerKind::Doubt => {
            let letter = d.draft(TextId::Materials, |_| {});
            let at = answer.at.unwrap_or_else(|| d.work_days(d.figures().talk.doubt_days));
            date(d, FollowUpKind::Doubt, why, answers::doubt(letter.leaves(), touch_at(d, at)));
            d.post("L13", letter);
            touch(d, at);
        }
        AnswerKind::OwnTry => {
            let Some(at) = answer.at.filter(|at| *at > d.now).or(cut("L13.own_date").then_some(d.now)) else {
                let said = why.as_deref();
                d.ask_again(&why::day_needed(said, d.wrong(said, word::no_day()), d.examples().day));
                return false;
            };
            date(d, FollowUpKind::OwnTry, why, answers::own_try(touch_at(d, at)));
            touch(d, at);
        }
        AnswerKind::Instalment => {
            let letter = d.draft(TextId::Instalment, |_| {});
            date(d, FollowUpKind::Instalment, None, answers::instalment(letter.leaves()));
            d.post("L13", letter);
            work(d, TextId::TaskInstalment, answer.at, why);
        }
        AnswerKind::LongCycle => {
            date(d, FollowUpKind::LongCycle, None, answers::long_cycle());
            work(d, TextId::TaskLongCycle, answer.at, why);
        }
        AnswerKind::SpecialTerms => special_terms(d, why),
        AnswerKind::Mistake if cut("L6.mistake") => return d.request(Request::Refuse { reason: None, why }),
        AnswerKind::Mistake => mistake(d),
        AnswerKind::WrongNumber => {
            d.answered(Wait::Asking, answers::wrong_number());
            d.request(Request::WrongNumber { number: None });
        }
        AnswerKind::Paid => {
            date(d, FollowUpKind::CheckPayment, None, answers::paid(d.can_read()));
            d.read_order();
            d.set(Timer::FollowUp, d.work_minutes(d.figures().payment.confirm_minutes));
        }
        // Decided in `refund`; here there is none.
        AnswerKind::Returned | AnswerKind::Stays => {
            d.read_order();
            d.ask_again(&why::no_refund());
            return false;
        }
        AnswerKind::Reached | AnswerKind::NotReached => {}
    }
    true
}

/// D5: a day needs a time, which is asked for with the day's hours; a time alone belongs to the day that was named.
fn call_back(d: &mut Decision, answer: &Answer, why: Option<String>) -> bool {
    let school = d.process.zone;
    let at = match (answer.extent, answer.at) {
        (Extent::Day, Some(day)) if !cut("D5.day") => {
            let calls = d.calls();
            let from = calls.next(day.max(d.now));
            let date = from.with_timezone(&school).date_naive();
            let example = vars::hour_on(date, &calls, school, from).unwrap_or(from);
            let clock = example.with_timezone(&school).format("%H:%M").to_string();
            d.case.order.question.day = Some(day);
            d.say("D5", answers::time_asked(day));
            let said = why.as_deref().filter(|said| d.process.dates(d.now).says_time(said));
            let example = vars::typed_time(example, school);
            d.ask_again(&why::time_of_day_needed(day, said, from, clock, example));
            return false;
        }
        (Extent::TimeOfDay, Some(at)) => match d.case.order.question.day.filter(|_| !cut("D5.that_day")) {
            Some(day) => {
                let date = day.with_timezone(&school).date_naive();
                let clock = at.with_timezone(&school).time();
                Some(calendar::at_local(date, clock.hour() * 60 + clock.minute(), school))
            }
            None => Some(at),
        },
        (_, at) => at,
    };
    d.request(Request::CallBackAt { at, why })
}

/// A choice that nobody explained: named to the manager. What stands beside the question goes on.
fn unclear(d: &mut Decision, said: &str) {
    d.say("L13", answers::unclear(said));
    ask(d, &why::not_understood(said, d.examples().time));
}

fn ask(d: &mut Decision, why: &Phrase) {
    if d.case.order.is_asked() {
        d.ask_again(why);
    } else {
        let why = d.words(why);
        d.request(Request::Question { text: TextId::TaskAskAgain, why });
    }
}

/// Accepts the answer; the order waits until a date (state `FollowUp`).
fn date(d: &mut Decision, what: FollowUpKind, why: Option<String>, said: Phrase) {
    d.answered(Wait::FollowUp(FollowUp { why, ..FollowUp::new(what) }), said);
}

/// When the client is contacted again, within the hours in which he may be called.
fn touch(d: &mut Decision, at: At) {
    let at = touch_at(d, at);
    d.request(Request::WaitUntil { at });
}

fn touch_at(d: &Decision, at: At) -> At {
    d.calls().next(at.max(d.now))
}

/// A task for the manager with its deadline; afterwards the question is asked again.
fn work(d: &mut Decision, text: TextId, at: Option<At>, why: Option<String>) {
    let days = d.figures().talk.follow_up_days.clamp(1, 3);
    let due = at.filter(|at| *at > d.now).unwrap_or_else(|| d.work_days(days));
    let why = why.unwrap_or_default();
    d.task(NewTask { why: &why, time: Some(due), ..NewTask::new(TaskKind::Do, text, due) });
    touch(d, due);
}

/// L13: the head decides about special terms, within a day.
fn special_terms(d: &mut Decision, why: Option<String>) {
    let due = d.team().next(d.now + TimeDelta::hours(i64::from(d.figures().talk.special_hours)));
    date(d, FollowUpKind::Special, why.clone(), answers::special(due));
    let (to, time, why) = (d.head(), Some(due), why.unwrap_or_default());
    d.task(NewTask { to, time, why: &why, ..NewTask::new(TaskKind::Do, TextId::TaskSpecial, due) });
    touch(d, due);
}

/// L6: the order was a mistake.
fn mistake(d: &mut Decision) {
    d.end(End::False { at: d.now }, &result::mistake());
    d.stage(Stage::Lost, None);
    d.status(Status::False, None);
    d.turn("L6", answers::mistake());
}
