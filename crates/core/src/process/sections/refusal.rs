//! Refusals and other ends without a payment (R1, R2, L6).
//! Never accepts a refusal without a reason and never cancels an order that holds money.
//! Enter at [`refuse`], [`ended_outside`].

use crate::message::phrase::{Phrase, refusal, result, why};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::command::TaskKind;
use crate::process::decision::{Decision, Heard, NewTask, Request, Section};
use crate::process::leads;
use crate::process::state::{End, FollowUp, FollowUpKind, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "refusal",
    rules: &["R1", "R2", "L6"],
    enters: |d, request| match request {
        Request::Refuse { reason, why } => refuse(d, *reason, why.as_deref()),
        Request::LostInCrm { reason } => {
            refused_in_crm(d, *reason);
            Heard::Taken
        }
        Request::EndOutside => ended_outside(d),
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// R1: a refusal needs a reason and a text; without them the manager is asked.
fn refuse(d: &mut Decision, reason: Option<RefusalReason>, why: Option<&str>) -> Heard {
    let needs = d.figures().refusal.needs_reason;
    let Some(reason) = reason.or((!needs).then_some(RefusalReason::NotNow)) else {
        ask_reason(d, &why::reason_needed(why));
        return Heard::Refused;
    };
    if needs && why.is_none() {
        ask_reason(d, &why::words_needed());
        return Heard::Refused;
    }
    lose(d, reason, why);
    Heard::Taken
}

/// A lead was closed as lost in the CRM: the reason is enough, because there is no field for a text (R1).
fn refused_in_crm(d: &mut Decision, reason: Option<RefusalReason>) {
    match reason.filter(|_| !cut("R2.lost_in_crm")) {
        Some(reason) => lose(d, reason, None),
        None if d.figures().refusal.needs_reason => ask_reason(d, &why::closed_without_reason()),
        None => lose(d, RefusalReason::NotNow, None),
    }
}

fn ask_reason(d: &mut Decision, why: &Phrase) {
    d.turn("R1", refusal::asked(why.clone()));
    d.close_tasks_where(|task| task.kind == TaskKind::Ask, &result::asking_reason());
    let result = &result::waiting_for_reason();
    d.end_calls(result);
    // Agreements stay valid until the answer.
    if !matches!(d.state(), Wait::CallBack | Wait::Promised | Wait::FollowUp(_)) {
        d.go(Wait::Asking, result);
    }
    d.request(Request::Question { text: TextId::TaskRefusalReason, why: d.words(why) });
}

/// R2: closes the lead as lost with its reason and cancels the order; the revival pipeline gets a linked
/// lead.
fn lose(d: &mut Decision, reason: RefusalReason, why: Option<&str>) {
    if d.case.order.has_money() && !cut("R2.no_cancel") {
        let date = Wait::FollowUp(FollowUp::new(FollowUpKind::RefusedWithMoney));
        d.answered(date, refusal::with_money());
        let due = d.work_minutes(60);
        let to = d.head();
        let why = why.unwrap_or(reason.label());
        let task = d.task(NewTask { to, why, ..NewTask::new(TaskKind::Do, TextId::TaskSpecial, due) });
        d.keep(task);
        d.set(Timer::FollowUp, d.work_days(1));
        return;
    }
    let text = d.words(&refusal::reason(reason.label(), why));
    d.end(End::Refused { at: d.now, reason }, &result::refusal());
    d.stage(Stage::Lost, Some(reason));
    d.status(Status::Cancelled, Some(text));
    d.turn("R2", refusal::refused(reason.label(), why));
    if d.figures().refusal.revival {
        leads::linked(d, LeadRole::Revival, "R2");
    }
}

/// L6: the order was set to «Отменён» or «Ложный» in GetCourse: the process ends; «Ложный» is not counted.
fn ended_outside(d: &mut Decision) -> Heard {
    // Money in a cancelled order is for the head to decide (L16).
    if d.case.order.has_money() && d.figures().refund.on {
        return Heard::Refused;
    }
    let (end, what) = match d.case.order.status {
        Some(Status::Cancelled) if !cut("L6.cancelled") => {
            (End::Cancelled { at: d.now }, refusal::cancelled_outside())
        }
        Some(Status::False) => (End::False { at: d.now }, refusal::false_outside()),
        _ => return Heard::Refused,
    };
    d.end(end, &what);
    d.stage(Stage::Lost, None);
    d.turn("L6", refusal::ended_outside(what));
    Heard::Taken
}
