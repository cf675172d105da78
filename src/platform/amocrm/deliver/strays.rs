//! Tasks of ours that the bridge does not know any more: its store has lost them, and their order was decided
//! again. One of them is used instead of a new task, and none stays open when the order is won. Never touches a task
//! that the index knows. Enter at [`AmoAttempt::strays`].

use serde_json::{Value, json};

use super::AmoAttempt;
use crate::link;
use crate::message::outside::Outside;
use crate::platform::amocrm::card::{number, text};
use crate::platform::{Fault, marker};

impl AmoAttempt<'_> {
    /// The open tasks of this order among these that the index does not know.
    pub(super) async fn strays(&self, tasks: &[Value]) -> Result<Vec<(u64, u64)>, Fault> {
        let is_ours = |task: &&Value| {
            let order = marker::task_in(text(&task["text"])).and_then(|task| task.order());
            task["is_completed"] != Value::Bool(true) && order.as_ref() == Some(&self.command.order)
        };
        let ours: Vec<(u64, u64)> = tasks
            .iter()
            .filter(is_ours)
            .filter_map(|task| Some((number(&task["id"])?, number(&task["task_type_id"])?)))
            .collect();
        let keys: Vec<String> = ours.iter().map(|(id, _)| link::crm_task(*id)).collect();
        let known = if keys.is_empty() { Vec::new() } else { self.links.find_all(&keys).await? };
        Ok(ours.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(task, _)| task).collect())
    }

    /// The order is won: nobody has to do what was planned before.
    pub(super) async fn close_strays(&self, lead: u64) -> Result<(), Fault> {
        let tasks = self.search().tasks(&[lead]).await?;
        for (id, _) in self.strays(&tasks).await? {
            let result = self.words(Outside::TaskOfPaid);
            let body = json!({ "is_completed": true, "result": { "text": result } });
            self.patch_task(id, body, Vec::new()).await?;
        }
        Ok(())
    }
}
