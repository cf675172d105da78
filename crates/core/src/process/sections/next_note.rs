//! What comes next is in the CRM (K10): the task of a planned call is made when the call is planned. Never
//! decides what comes next: it follows from the timers at the end of every step. Enter at [`watch`].

use crate::mutant::cut;
use crate::process::call_task;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::definition::ShowNext;
use crate::process::state::Wait;
use crate::process::timers::Timer;
use crate::process::value::At;

pub const SECTION: Section = Section {
    name: "next_note",
    rules: &["K10"],
    enters: |d, request| match request {
        Request::Close => {
            watch(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

fn watch(d: &mut Decision) {
    let Some(at) = planned_call(d) else { return };
    let due = call_task::due_at(d, at);
    match d.case.order.call_task().map(|(id, task)| (id.clone(), task.due)) {
        Some((id, planned)) if planned != due && !cut("K10.follows") => d.move_task(&id, Some(due), None),
        None if d.case.order.round.closed < call_task::CLOSED_MAX => call_task::ahead(d, at),
        _ => {}
    }
}

/// When the client is called next, if nothing stands in its way.
fn planned_call(d: &Decision) -> Option<At> {
    let order = &d.case.order;
    let dials = *order.state() == Wait::Dialling && order.round.planned && !order.is_held() && d.has_lead();
    let nowhere = d.case.client.phone().is_none() && d.figures().arrival.ask_phone;
    if !dials || nowhere || d.figures().next_note.how != ShowNext::Task {
        return None;
    }
    d.at(Timer::Attempt).filter(|at| *at > d.now)
}
