//! Batches of creates and edits, as contacts and tasks take them (sheet 3.5, 3.8): all items are checked before
//! one is written. Never knows what an item says. Enter at [`Account::write_batch`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Account;
use super::checks::{Flaw, hal, id_of, read_batch};
use crate::wire::{WireAnswer, WireRequest};

const WRITE_MAX: usize = 250;

impl Account {
    /// `read` checks an item, which edits the entity of this id, or makes one; `write` does it and returns the
    /// entity's id. `name` is the path and the list of the answer.
    pub(super) fn write_batch<T>(
        &mut self,
        (now, request, name): (DateTime<Utc>, &WireRequest, &str),
        edit: bool,
        read: impl Fn(&Self, &Map<String, Value>, Option<i64>) -> Result<T, Vec<Flaw>>,
        write: impl Fn(&mut Self, Option<i64>, T) -> i64,
    ) -> WireAnswer {
        let changes = read_batch(request, WRITE_MAX, |item| {
            let id = edit.then(|| id_of(item));
            read(self, item, id).map(|change| (id, change))
        });
        let changes = match changes {
            Ok(changes) => changes,
            Err(answer) => return answer,
        };
        let mut done = Vec::new();
        for (request_id, (id, change)) in changes {
            let mut line = json!({"request_id": request_id});
            if edit {
                line["updated_at"] = json!(now.timestamp());
            }
            let id = write(self, id, change);
            line["id"] = json!(id);
            line["_links"] = self.frame().links(&format!("/api/v4/{name}/{id}"));
            done.push(line);
        }
        hal(
            200,
            &json!({"_links": self.frame().links(&format!("/api/v4/{name}")), "_embedded": {name: done}}),
        )
    }
}
