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
    /// Revokes what is out of date once `ask` waits, too; a move says all that the one before it has said.
    pub(super) fn make_room(&mut self, ask: &mut Ask) {
        if cut("G2.newest") {
            return;
        }
        let kind = ask.kind();
        match ask {
            Ask::SetPrice { .. }
            | Ask::SetResponsible { .. }
            | Ask::SetOrderManager { .. }
            | Ask::SetStatus { .. }
            | Ask::SaveContact(_) => self.revoke_where(|pending| pending.ask == kind),
            Ask::MoveTask { task, due, responsible, text } => {
                let is_move = |pending: &Pending| pending.ask == kind && pending.task.as_ref() == Some(task);
                if self.case.order.unsent.values().any(is_move)
                    && let Some(now) = self.case.order.tasks.get(task)
                {
                    (*due, *responsible) = (Some(now.due), Some(now.responsible.clone()));
                    *text = text.take().or_else(|| self.task_words(now));
                    self.revoke_where(is_move);
                }
            }
            Ask::AddNote { .. } | Ask::AddComment { .. } => {
                if let Some(oldest) = self.oldest_of_too_many(kind) {
                    self.revoke_ids(vec![oldest]);
                }
            }
            _ => {}
        }
    }

    fn oldest_of_too_many(&self, kind: AskKind) -> Option<CommandId> {
        let waiting = self.case.order.unsent.iter().filter(|(_, pending)| pending.ask == kind);
        let ids: Vec<&CommandId> = waiting.map(|(id, _)| id).collect();
        let oldest = ids.iter().min_by_key(|id| id.number())?;
        (ids.len() >= WAITING_MAX).then(|| (*oldest).clone())
    }
}
