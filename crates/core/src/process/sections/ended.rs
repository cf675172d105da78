//! An ended order: it ignores everything except money; an answer «оплачено» still starts a check (L6, L13).
//! Only `payment` opens an ended order again. Enter at `SECTION`.

use crate::message::phrase::ended;
use crate::process::decision::{Decision, Heard, Section};
use crate::process::event::{AnswerKind, Event};

pub const SECTION: Section = Section {
    name: "ended",
    rules: &["L6"],
    hears: |d, event| match event {
        _ if d.case.order.is_open() => Heard::Passed,
        Event::Answer(answer) => {
            d.clear_field(answer.field);
            match answer.kind {
                AnswerKind::Paid => {
                    d.say("L13", ended::paid(d.can_read()));
                    d.read_order();
                }
                AnswerKind::Returned => {
                    d.say("L16", ended::returned(d.can_read()));
                    d.read_order();
                }
                _ => nothing_left(d),
            }
            Heard::Taken
        }
        Event::Task(change) if change.done || change.gone => {
            d.case.order.tasks.remove(&change.task);
            nothing_left(d);
            Heard::Taken
        }
        _ => {
            nothing_left(d);
            Heard::Taken
        }
    },
    ..Section::QUIET
};

fn nothing_left(d: &mut Decision) {
    d.say("L6", ended::nothing_changes());
}
