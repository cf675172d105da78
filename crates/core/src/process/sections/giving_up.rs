//! The end of a round without a talk: a last message with the link, then a day for an answer (D3).
//! Never ends an order before its last message is sent. Enter at [`last_letter`] and [`gave_up`].

use chrono::TimeDelta;

use crate::message::phrase::{giving_up, result};
use crate::message::text::TextId;
use crate::process::decision::{Class, Decision, Heard, Request, Row, Section};
use crate::process::leads;
use crate::process::state::{End, LastLetter, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "giving_up",
    rules: &["D3"],
    timers: &[Row {
        timer: Timer::GiveUp,
        class: Class::Step,
        lives: |order| matches!(order.state(), Wait::GivingUp { .. }),
        fires: gave_up,
    }],
    enters: |d, request| match request {
        Request::LastLetter => {
            last_letter(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// D3: sends the last message with the link, within the permitted hours (D13).
fn last_letter(d: &mut Decision) {
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.set(Timer::GiveUp, opens);
        d.say("D13", giving_up::letter_waits());
        return;
    }
    let (days, attempts) = (d.case.order.round.days.len(), d.case.order.round.attempts);
    let letter = d.draft(TextId::NotReached, |_| {});
    d.turn("D3", giving_up::last_letter(attempts, days, letter.leaves()));
    d.post("D3", letter);
    d.stay(Wait::GivingUp { letter: LastLetter::Sent });
    let hours = TimeDelta::hours(i64::from(d.figures().dialling.give_up_hours));
    d.set(Timer::GiveUp, d.now + hours);
}

/// D3: no answer: the order is cancelled as «не дозвонились», or kept as «Отложен» if the school says so.
fn gave_up(d: &mut Decision) {
    match d.state() {
        Wait::GivingUp { letter: LastLetter::Waits } => {
            d.end_calls(&result::dialling_over());
            last_letter(d);
        }
        Wait::GivingUp { letter: LastLetter::Sent } => end(d),
        _ => {}
    }
}

fn end(d: &mut Decision) {
    let postpones = d.figures().dialling.give_up_postpones;
    let reason = RefusalReason::NotReached;
    d.end(End::NotReached { at: d.now }, &result::not_reached(""));
    d.stage(Stage::Lost, Some(reason));
    match postpones {
        true => d.status(Status::Postponed, None),
        false => d.status(Status::Cancelled, Some(reason.label().to_owned())),
    }
    d.turn("D3", giving_up::ended(postpones));
    if d.figures().refusal.revival {
        leads::linked(d, LeadRole::Revival, "D3");
    }
}
