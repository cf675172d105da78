//! Keeps what an order has not sent yet short, however often its facts change while a platform is away or slow: a newer
//! value takes the place of an older one, and of its notes and comments the latest stay (F107).
//! Never revokes what makes something: a lead, a task, a letter, a call. Enter at [`Decision::make_room`].

use super::Decision;
use crate::mutant::cut;
use crate::process::case::Pending;
use crate::process::command::{Ask, AskKind};
use crate::process::value::*;

/// Notes of one order that may wait, and comments: more than a day of one order comes to.
const WAITING_MAX: usize = 50;

impl Decision<'_> {
    /// Revokes what is out of date once `ask` waits, too.
    pub(super) fn make_room(&mut self, ask: &Ask) {
        let kind = ask.kind();
        match kind {
            _ if cut("F107.newest") => {}
            AskKind::SetPrice
            | AskKind::SetResponsible
            | AskKind::SetOrderManager
            | AskKind::SetStatus
            | AskKind::SaveContact => self.revoke_where(|pending| pending.ask == kind),
            AskKind::AddNote | AskKind::AddComment => {
                if let Some(oldest) = self.oldest_of_too_many(kind) {
                    self.revoke_ids(vec![oldest]);
                }
            }
            _ => {}
        }
    }

    /// Whether a move of this task waits: the next one has to say all that this one says.
    pub(super) fn take_back_move(&mut self, task: &TaskId) -> bool {
        let is_move =
            |pending: &Pending| pending.ask == AskKind::MoveTask && pending.task.as_ref() == Some(task);
        let waits = self.case.order.unsent.values().any(is_move) && !cut("F107.move");
        if waits {
            self.revoke_where(is_move);
        }
        waits
    }

    fn oldest_of_too_many(&self, kind: AskKind) -> Option<CommandId> {
        let waiting = self.case.order.unsent.iter().filter(|(_, pending)| pending.ask == kind);
        let ids: Vec<&CommandId> = waiting.map(|(id, _)| id).collect();
        let oldest = ids.iter().min_by_key(|id| id.number())?;
        (ids.len() >= WAITING_MAX).then(|| (*oldest).clone())
    }
}
