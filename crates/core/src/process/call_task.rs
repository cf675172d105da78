//! The one open task «Позвонить» of an order: made, or the open one moved.
//! Never makes a second one. Enter at [`make`].

use super::command::TaskKind;
use super::decision::{Decision, NewTask};
use super::value::*;
use crate::message::text::TextId;

/// A call task as a section wants it.
pub(super) struct Call<'t> {
    pub text: TextId,
    /// Stands in the task where the client's e-mail is bad; else the text brings its script itself.
    pub script: TextId,
    pub due: At,
    /// The moment that its text speaks of.
    pub time: At,
    pub why: Option<&'t str>,
}

impl<'t> Call<'t> {
    /// The call of a promised time (D5).
    pub fn back(due: At, time: At, why: Option<&'t str>) -> Self {
        Self { text: TextId::TaskCallBack, script: TextId::ScriptCallBack, due, time, why }
    }
}

pub(super) fn make(d: &mut Decision, call: Call<'_>) {
    if let Some((open, planned)) = d.case.order.call_task().map(|(id, task)| (id.clone(), task.due)) {
        // A deadline that stands already is left alone: writing it when it has come makes the CRM move it on.
        if planned != call.due {
            d.move_task(&open, Some(call.due), None);
        }
        return;
    }
    let mut more = String::new();
    if d.case.client.email_is_bad() {
        more = d.process.texts.render(&call.script, &d.vars(None)).body;
        more.push_str("\n\nПочта клиента не принимает письма: уточните адрес.");
    }
    d.task(NewTask {
        minutes: d.figures().dialling.task_minutes,
        time: Some(call.time),
        why: call.why.unwrap_or_default(),
        more,
        ..NewTask::new(TaskKind::Call, call.text, call.due)
    });
}
