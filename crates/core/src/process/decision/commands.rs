//! Verbs of a decision: commands for the platforms, and their revocation.
//! Never sends anything. Enter at [`Decision::ask`].

use super::Decision;
use crate::mutant::cut;
use crate::process::case::{OwnMove, Pending};
use crate::process::command::{Ask, AskKind, Command, Urgency};
use crate::process::read_back::ReadBack;
use crate::process::value::*;

/// Limit of revoked commands that an order remembers; never more are in flight at once.
const REVOKED_MAX: usize = 16;

impl Decision<'_> {
    pub fn ask(&mut self, mut ask: Ask) -> CommandId {
        self.make_room(&mut ask);
        let order = &mut self.case.order;
        order.issued += 1;
        let id = CommandId::new(&order.id, order.issued, &ask);
        let pending = Pending {
            ask: ask.kind(),
            task: match &ask {
                Ask::CreateTask(task) => Some(task.task.clone()),
                Ask::MoveTask { task, .. } | Ask::CloseTask { task, .. } => Some(task.clone()),
                Ask::StartCall(start) => Some(start.task.clone()),
                _ => None,
            },
            letter: match &ask {
                Ask::SendLetter(letter) => Some(letter.text.clone()),
                _ => None,
            },
            to: match &ask {
                Ask::SendLetter(letter) => Some(letter.to.clone()),
                _ => None,
            },
            role: match &ask {
                Ask::SaveLead(lead) => Some(lead.role),
                _ => None,
            },
            reads_person: matches!(ask, Ask::ReadBack(ReadBack::Person)),
            status: match &ask {
                Ask::SetStatus { status, .. } => Some(status.clone()),
                _ => None,
            },
        };
        let stage = match &ask {
            Ask::SetStage { role: LeadRole::Sales, stage, .. } => Some(*stage),
            Ask::SaveLead(lead) if lead.role == LeadRole::Sales => Some(lead.stage),
            _ => None,
        };
        if let Some(stage) = stage {
            // What was revoked never leaves.
            order.own_moves.retain(|own| own.left_at.is_some() || order.unsent.contains_key(&own.command));
            order.own_moves.push(OwnMove { command: id.clone(), stage, left_at: None });
            let many = order.own_moves.len().saturating_sub(OwnMove::MAX);
            order.own_moves.drain(..many);
        }
        order.unsent.insert(id.clone(), pending);
        self.commands.push(Command {
            id: id.clone(),
            order: order.id.clone(),
            client: order.client.clone(),
            urgency: self.urgency,
            ask,
        });
        id
    }

    /// Whether a command of this kind is still unsettled.
    pub fn is_unsent(&self, kind: AskKind) -> bool {
        self.case.order.unsent.values().any(|pending| pending.ask == kind)
    }

    /// Adds a command for GetCourse, if the order exists there.
    pub fn getcourse(&mut self, ask: Ask) {
        if self.case.order.gc_id.is_some() || cut("G9.not_in_getcourse") {
            self.ask(ask);
        }
    }

    /// Whether there is something to read, and leave to read it: else a text must not promise it.
    pub fn can_read(&self) -> bool {
        self.process.reads_orders && self.case.order.gc_id.is_some()
    }

    /// Reads the order back, once at a time; where nothing can be read, a person looks (L4).
    pub fn read_order(&mut self) {
        self.read(ReadBack::Order, Urgency::Money);
    }

    /// Of one that nobody knows yet: whoever makes up orders must not keep the reads of known ones waiting.
    pub fn read_new_order(&mut self) {
        self.read(ReadBack::Order, Urgency::Hot);
    }

    /// The same with its buyer (F100).
    pub fn read_person(&mut self) {
        self.read(ReadBack::Person, Urgency::Money);
    }

    fn read(&mut self, what: ReadBack, urgency: Urgency) {
        // A read of the buyer may have been answered before a payment, and the order's own does not bring him.
        let is_same = |pending: &Pending| {
            pending.reads_person == (what == ReadBack::Person) || cut("L4.beside_a_person")
        };
        let mut unsent = self.case.order.unsent.values();
        let is_read = unsent.any(|pending| pending.ask == AskKind::ReadBack && is_same(pending));
        if self.process.reads_orders && !is_read {
            self.urgent(urgency, |d| d.getcourse(Ask::ReadBack(what)));
        }
    }

    /// Sets the status in GetCourse, unless it already has it.
    pub fn status(&mut self, status: Status, reason: Option<String>) {
        if self.case.order.status.as_ref() != Some(&status) {
            self.case.order.status = Some(status.clone());
            self.getcourse(Ask::SetStatus { status, reason });
        }
    }

    /// Moves the sales lead forward only, within the pipeline where it was made, and past stages that the school does not map (K2). A payment wins
    /// even a lost lead (L4).
    pub fn stage(&mut self, stage: Stage, reason: Option<RefusalReason>) {
        let Some(now) = self.case.order.leads.get(&LeadRole::Sales).copied() else { return };
        let forward =
            stage > now || (stage == Stage::Won && now == Stage::Lost && !cut("L4.wins_a_lost_lead"));
        if stage == now || (self.figures().feed.forward_only && !forward) {
            return;
        }
        let closes = matches!(stage, Stage::Won | Stage::Lost);
        let refunded = now == Stage::Won && stage == Stage::Lost;
        let pipeline = self.case.order.pipeline.filter(|_| !cut("K2.pipeline"));
        let mapped = self.process.sales_stages(pipeline).contains(&stage);
        self.case.order.leads.insert(LeadRole::Sales, stage);
        if closes || mapped {
            self.ask(Ask::SetStage { role: LeadRole::Sales, pipeline, stage, reason, refunded });
        }
    }

    /// Clears the field of an answer after use.
    pub fn clear_field(&mut self, field: Option<u64>) {
        if let Some(field) = field {
            self.ask(Ask::ClearField { role: LeadRole::Sales, field });
        }
    }

    /// Revokes pending commands. A task that may be in flight is remembered: its receipt closes it.
    pub fn revoke_where(&mut self, holds: impl Fn(&Pending) -> bool) {
        let unsent = self.case.order.unsent.iter();
        self.revoke_ids(unsent.filter(|(_, pending)| holds(pending)).map(|(id, _)| id.clone()).collect());
    }

    pub(super) fn revoke_ids(&mut self, gone: Vec<CommandId>) {
        let order = &mut self.case.order;
        for id in gone.into_iter().filter(|_| !cut("L4.revoke")) {
            let pending = order.unsent.remove(&id);
            let task =
                pending.filter(|pending| pending.ask == AskKind::CreateTask).and_then(|made| made.task);
            if let Some(task) = &task {
                order.tasks.remove(task);
            }
            let asked_now = self.commands.iter().position(|command| command.id == id);
            if let Some(place) = asked_now {
                self.commands.remove(place);
                continue;
            }
            if let Some(task) = task {
                order.revoked.insert(id.clone(), task);
            }
            self.revoke.push(id);
        }
        while order.revoked.len() > REVOKED_MAX {
            order.revoked.pop_first();
        }
    }
}
