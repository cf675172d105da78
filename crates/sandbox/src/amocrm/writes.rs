//! Batches of creates and edits, as leads, cards and tasks take them (sheet 3.3, 3.5, 3.8): all items are checked
//! before one is written. Also the keys that items of all kinds have; never what else an item says. Enter at
//! [`Account::write_batch`].

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Account;
use super::changes::{Stamps, TagChange};
use super::checks::{Flaw, Reader, hal, id_of, read_batch};
use super::model::Entity;
use crate::wire::{WireAnswer, WireRequest};

const WRITE_MAX: usize = 250;

impl Account {
    /// `read` checks an item, which edits the entity of this id, or makes one; `write` does it and returns the
    /// entity's id and when it was changed. `name` is the path and the list of the answer.
    pub(super) fn write_batch<T>(
        &mut self,
        (request, name): (&WireRequest, &str),
        edit: bool,
        read: impl Fn(&Self, &Map<String, Value>, Option<i64>) -> Result<T, Vec<Flaw>>,
        write: impl Fn(&mut Self, Option<i64>, T) -> (i64, DateTime<Utc>),
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
            let (id, updated_at) = write(self, id, change);
            let mut line = json!({"id": id, "request_id": request_id});
            if edit {
                line["updated_at"] = json!(updated_at.timestamp());
            }
            line["_links"] = self.frame().links(&format!("/api/v4/{name}/{id}"));
            done.push(line);
        }
        hal(
            200,
            &json!({"_links": self.frame().links(&format!("/api/v4/{name}")), "_embedded": {name: done}}),
        )
    }

    /// A user who can be responsible.
    pub(super) fn user_of(&self, reader: &mut Reader) -> Option<i64> {
        let user = reader.int("responsible_user_id")?;
        if !self.knows_user(user) {
            reader.not_a_choice("responsible_user_id");
        }
        Some(user)
    }

    /// The author: `updated_by` or `created_by` if given, otherwise the token's user.
    pub(super) fn author_of(&self, reader: &mut Reader, edit: bool) -> i64 {
        let mut author = self.setup.token_user;
        for key in ["created_by", "updated_by"] {
            if let Some(user) = reader.int(key) {
                if !self.knows_author(user) {
                    reader.not_a_choice(key);
                }
                if (key == "updated_by") == edit {
                    author = user;
                }
            }
        }
        author
    }

    /// The moments of an item; an `updated_at` older than the stored one is refused (sheet 6, 19).
    pub(super) fn read_stamps(&self, reader: &mut Reader, stored: Option<DateTime<Utc>>) -> Stamps {
        let mut moment = |key: &str| reader.int(key).and_then(|at| DateTime::from_timestamp(at, 0));
        let stamps = Stamps {
            created_at: moment("created_at"),
            updated_at: moment("updated_at"),
            closed_at: moment("closed_at"),
        };
        if let (Some(sent), Some(stored)) = (stamps.updated_at, stored)
            && sent.timestamp() < stored.timestamp()
        {
            let detail = "Last modified date is older than in database".into();
            reader.flaws.push(Flaw { code: "InvalidValue", path: "updated_at".into(), detail });
        }
        stamps
    }

    /// `tags_to_add`, `tags_to_delete` and `_embedded.tags`, each tag by its id or its name.
    pub(super) fn read_tags(&self, kind: Entity, reader: &mut Reader) -> TagChange {
        let (added, dropped) = (reader.raw("tags_to_add"), reader.raw("tags_to_delete"));
        let replaced = reader.raw("_embedded").and_then(|embedded| embedded.get("tags"));
        let mut names = |value: Option<&Value>, path: &str| -> Vec<String> {
            let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let mut found = Vec::new();
            for (index, tag) in items.iter().enumerate() {
                let id = tag.get("id").and_then(Value::as_i64);
                let by_id =
                    id.and_then(|id| self.tags.iter().find(|((of, _), known)| *of == kind && **known == id));
                match (by_id, tag.get("name").and_then(Value::as_str)) {
                    (Some(((_, name), _)), _) => found.push(name.clone()),
                    (None, Some(name)) if id.is_none() => found.push(name.to_owned()),
                    _ => reader.not_a_choice(&format!("{path}.{index}.id")),
                }
            }
            found
        };
        let (add, drop) = (names(added, "tags_to_add"), names(dropped, "tags_to_delete"));
        let all = replaced.map(|tags| names(Some(tags), "_embedded.tags"));
        TagChange { add, drop, all }
    }
}
