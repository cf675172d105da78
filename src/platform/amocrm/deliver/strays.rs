//! Tasks and leads of ours that the bridge does not know any more, because its store has lost them. A task is used
//! instead of a new one, and none stays open when the order is won; a lead is found by the number of its order. Never
//! touches a task that its order knows. Enter at [`AmoAttempt::strays`] and [`AmoAttempt::unlisted_lead`].

use std::sync::PoisonError;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::AmoAttempt;
use crate::link;
use crate::message::outside::Outside;
use crate::platform::amocrm::card::{number, text};
use crate::platform::{Fault, Try, marker};
use crate::process::{LeadRole, TaskId};

/// A loss is noticed within this time: until then an order that is told again is decided again without a doubt.
const NEW: TimeDelta = TimeDelta::minutes(1);

impl AmoAttempt<'_> {
    /// The lead of an order whose record stands and whose entry in the index is gone.
    pub(super) async fn unlisted_lead(&self, role: LeadRole) -> Result<Option<u64>, Fault> {
        let order = self.links.order(&self.command.order).await?;
        let Some(number) =
            order.filter(|order| order.leads.contains_key(&role)).and_then(|order| order.number)
        else {
            return Ok(None);
        };
        let hits = self.search().leads_with(&number).await?;
        let Some(lead) = hits.into_iter().find(|lead| self.is_of_order(lead, role, &number)) else {
            return Ok(None);
        };
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        again.push((link::lead(&self.command.order, role), lead.id.to_string()));
        again.push((link::crm_lead(lead.id), link::lead_of(&self.command.order, role)));
        Ok(Some(lead.id))
    }

    /// The open tasks of this order among these that its record does not know; if it has none, that the index does
    /// not know.
    pub(super) async fn strays(&self, tasks: &[Value]) -> Result<Vec<(u64, u64)>, Fault> {
        let is_ours = |task: &&Value| {
            let order = marker::task_in(text(&task["text"])).and_then(|task| task.order());
            task["is_completed"] != Value::Bool(true) && order.as_ref() == Some(&self.command.order)
        };
        let ours = tasks.iter().filter(is_ours);
        let ids = |task: &Value| Some((number(&task["id"])?, number(&task["task_type_id"])?));
        if let Some(order) = self.links.order(&self.command.order).await? {
            let awaited =
                |id: &TaskId| order.unsent.values().any(|pending| pending.task.as_ref() == Some(id));
            let is_known = |task: &&Value| {
                let id = marker::task_in(text(&task["text"]));
                id.is_some_and(|id| order.tasks.contains_key(&id) || awaited(&id))
            };
            return Ok(ours.filter(|task| !is_known(task)).filter_map(ids).collect());
        }
        let ours: Vec<(u64, u64)> = ours.filter_map(ids).collect();
        let keys: Vec<String> = ours.iter().map(|(id, _)| link::crm_task(*id)).collect();
        let known = if keys.is_empty() { Vec::new() } else { self.links.find_all(&keys).await? };
        Ok(ours.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(task, _)| task).collect())
    }

    /// The order is won: nobody has to do what was planned before.
    pub(super) async fn close_strays(&self, lead: u64) -> Result<(), Fault> {
        if self.tried == Try::First {
            let order = self.links.order(&self.command.order).await?;
            if order.is_none_or(|order| self.now - order.seen_at > NEW) {
                return Ok(());
            }
        }
        let tasks = self.search().tasks(&[lead]).await?;
        for (id, _) in self.strays(&tasks).await? {
            let result = self.words(Outside::TaskOfPaid);
            let body = json!({ "is_completed": true, "result": { "text": result } });
            self.patch_task(id, body, Vec::new()).await?;
        }
        Ok(())
    }
}
