//! The one open task «Позвонить» of an order: creates it, or moves the open one. Never creates a second one.
//! Enter at [`make`], [`of_attempt`] and [`ahead`].

use chrono::TimeDelta;

use super::assign;
use super::command::{TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::value::*;
use crate::message::phrase::{dialling, result, word};
use crate::message::text::TextId;
use crate::mutant::cut;

/// So often people may close the task of a planned attempt; then the attempt itself makes the next one (K10).
pub(super) const CLOSED_MAX: u32 = 2;

/// A call task as a section wants it.
pub(super) struct Call<'t> {
    pub text: TextId,
    /// Inserted if the client's e-mail is bad; otherwise the text includes its own script.
    pub script: TextId,
    pub due: At,
    /// The moment that its text mentions.
    pub time: At,
    pub why: Option<&'t str>,
    /// `None`: the order's responsible.
    pub to: Option<ManagerId>,
}

impl<'t> Call<'t> {
    /// The call of a promised time (D5).
    pub fn back(due: At, time: At, why: Option<&'t str>) -> Self {
        Self { text: TextId::TaskCallBack, script: TextId::ScriptCallBack, due, time, why, to: None }
    }
}

pub(super) fn make(d: &mut Decision, call: Call<'_>) {
    if d.case.order.call_is_ahead() && !cut("K10.replaced") {
        d.end_calls(&result::not_needed());
    }
    if let Some((open, planned)) = d.case.order.call_task().map(|(id, task)| (id.clone(), task.due)) {
        // An unchanged deadline is not written again: when it has passed, the CRM would move it forward.
        if planned != call.due {
            d.move_task(&open, Some(call.due), None);
        }
        return;
    }
    let mut more = d.case.order.unread.take().unwrap_or_default();
    if d.case.client.email_is_bad() {
        if !more.is_empty() {
            more.push_str("\n\n");
        }
        more.push_str(&d.process.texts.render(&call.script, &d.vars(None)).body);
        more.push_str("\n\n");
        more.push_str(&d.words(&word::mail_is_bad()));
    }
    d.task(NewTask {
        minutes: d.figures().dialling.task_minutes,
        time: Some(call.time),
        to: call.to,
        why: call.why.unwrap_or_default(),
        more,
        ..NewTask::new(TaskKind::Call, call.text, call.due)
    });
}

/// D1, L12: the task of the attempt that is due now.
pub(super) fn of_attempt(d: &mut Decision) {
    let first = is_first(d);
    let checks = of_time(d, d.now);
    d.case.order.round.why = None;
    said(d, first, checks);
}

/// K10: the task of a planned attempt, made when it is planned.
pub(super) fn ahead(d: &mut Decision, at: At) {
    of_time(d, at);
    d.say("K10", dialling::task_ahead(at));
}

/// K10: the deadline of the task of an attempt at this time.
pub(super) fn due_at(d: &Decision, at: At) -> At {
    if is_first(d) { first_task(d, at).1 } else { at }
}

/// K10: the planned attempt is due; no second task is made for it.
pub(super) fn is_due(d: &mut Decision, open: &TaskId) {
    d.case.order.round.why = None;
    // A payment was being checked, or the wake is late: the manager gets the time that he was to have.
    if d.case.order.tasks.get(open).is_some_and(|task| task.due + SLACK < d.now) {
        d.move_task(open, Some(d.now), None);
    }
    let checks = d.case.order.tasks.get(open).is_some_and(|task| task.text == TextId::TaskCheckContacts);
    said(d, is_first(d), checks);
}

/// A later wake than this moves the deadline of a planned call.
const SLACK: TimeDelta = TimeDelta::minutes(5);

fn is_first(d: &Decision) -> bool {
    d.case.order.attempts == 0 && d.case.order.talks == 0
}

fn said(d: &mut Decision, first: bool, checks: bool) {
    let number = d.case.order.round.attempts + 1;
    d.say(if first { "D1" } else { "D2" }, dialling::task(number));
    if checks {
        d.say("L12", dialling::check_contacts());
    }
}

/// «Позвонить» with the script; an unconfirmed phone gets the checking script. Returns whether it did.
fn of_time(d: &mut Decision, at: At) -> bool {
    if d.case.order.responsible.is_none()
        && let Some(manager) = assign::queue(d)
    {
        assign::give(d, &manager);
        assign::announce(d, &manager);
    }
    let first = is_first(d);
    let (text, script) = words(d, first);
    let checks = text == TextId::TaskCheckContacts;
    let last = d.case.order.round.last_outcome.map(|outcome| d.words(&outcome.said_of_attempt()));
    let why = d.case.order.round.why.clone().or(last);
    let (to, due) = if first { first_task(d, at) } else { (None, at) };
    let call = Call { text, script, due, time: at, why: why.as_deref(), to };
    let hot = first && at <= d.now && !cut("D1.hot");
    d.urgent(if hot { Urgency::Hot } else { Urgency::Usual }, |d| make(d, call));
    checks
}

/// G6: for whom and until when the route wants the first task.
fn first_task(d: &Decision, at: At) -> (Option<ManagerId>, At) {
    let Some(task) = d.process.route(&d.case.order.route).map(|route| &route.task) else {
        return (None, at);
    };
    let present = |id: &&ManagerId| d.process.manager(id).is_some_and(|manager| manager.active);
    let to = task.to.as_ref().filter(present).filter(|_| !cut("G6.to"));
    let due = match task.minutes {
        0 => at,
        _ if cut("G6.minutes") => at,
        minutes => d.calls().next(d.team().add_minutes(at, minutes)),
    };
    (to.cloned(), due)
}

/// Text and script of the next call task.
fn words(d: &Decision, first: bool) -> (TextId, TextId) {
    let order = &d.case.order;
    let unconfirmed = d.figures().phone.check_unconfirmed && d.case.client.phone_confirmed == Some(false);
    match order.round.task.clone().filter(|_| order.round.attempts == 0) {
        Some(text) if text == TextId::TaskUnpaidPromise => (text, TextId::ScriptUnpaidPromise),
        Some(text) => (text, TextId::ScriptCallBack),
        None if first && unconfirmed => (TextId::TaskCheckContacts, TextId::ScriptCheckContacts),
        None if first => {
            let own = d.process.route(&order.route).and_then(|route| route.task.text.as_deref());
            (
                own.filter(|_| !cut("G6.task")).map_or(TextId::TaskFirstCall, TextId::from),
                TextId::ScriptFirstCall,
            )
        }
        None => (TextId::TaskCall, TextId::ScriptFirstCall),
    }
}
