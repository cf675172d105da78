//! The pinned note about the next step (K10): one per lead, written once, then edited. Never leaves a second one
//! and never stops the account because it may not pin. Enter at [`AmoAttempt::show_next`]. Source:
//! developers.kommo.com/reference/pin-note (the same API; amocrm.ru/developers/content/crm_platform/events-and-notes
//! for the edit).

use serde_json::{Value, json};

use super::{AmoAttempt, after_a_write};
use crate::link;
use crate::platform::amocrm::batch_writes::{WriteKind, WriteTo};
use crate::platform::amocrm::card::number;
use crate::platform::amocrm::classify::Reply;
use crate::platform::amocrm::client::Call;
use crate::platform::amocrm::discover;
use crate::platform::amocrm::drop_rejected;
use crate::platform::{Fault, Receipt, Try};
use crate::process::LeadRole;

impl AmoAttempt<'_> {
    /// Without words the note is unpinned.
    pub(super) async fn show_next(&self, role: LeadRole, words: Option<&str>) -> Result<Receipt, Fault> {
        let key = link::next_note(&self.command.order);
        let known = self.link(&key).await?;
        let Some(words) = words else {
            if let Some(id) = known {
                self.pin(id, "unpin").await?;
            }
            return Ok(Receipt::default());
        };
        let lead = self.lead_id(role).await?;
        let id = match self.edit_next(known, lead, words).await? {
            Some(id) => id,
            None => self.write_next(lead, words).await?,
        };
        match self.pin(id, "pin").await.map_err(after_a_write)? {
            Pinned::Done => {}
            Pinned::Refused(why) => return Err(Fault::never(format!("amoCRM does not pin a note: {why}"))),
        }
        Ok(Receipt { links: vec![(key, id.to_string())], ..Receipt::default() })
    }

    /// `None` if there is no note, or no longer.
    async fn edit_next(&self, known: Option<u64>, lead: u64, words: &str) -> Result<Option<u64>, Fault> {
        let id = match known {
            Some(id) => id,
            None if self.tried == Try::MayBeDone => match self.written_next(lead, words).await? {
                Some(id) => id,
                None => return Ok(None),
            },
            None => return Ok(None),
        };
        let write = self.write(WriteKind::Note, WriteTo::Known(id), self.next_body(None, words));
        match drop_rejected::send(self.batcher(), write).await?.0 {
            Reply::Rejected(_) => Ok(None),
            Reply::Body(_) | Reply::Nothing => Ok(Some(id)),
        }
    }

    async fn write_next(&self, lead: u64, words: &str) -> Result<u64, Fault> {
        let write = self.write(WriteKind::Note, WriteTo::New, self.next_body(Some(lead), words));
        let made = drop_rejected::taken(self.batcher().send(write).await)?;
        number(&made["id"]).ok_or_else(|| Fault::unclear("amoCRM names no id of a new note"))
    }

    /// Written by an earlier try of this command.
    async fn written_next(&self, lead: u64, words: &str) -> Result<Option<u64>, Fault> {
        let found = std::sync::Mutex::new(None);
        let seen = |note: &Value| {
            let it = self.wrote(note, words);
            if it && let Ok(mut found) = found.lock() {
                *found = number(&note["id"]);
            }
            it
        };
        self.search().note("leads", lead, &["common"], seen).await?;
        Ok(found.into_inner().unwrap_or_default())
    }

    fn next_body(&self, lead: Option<u64>, words: &str) -> Value {
        let mut note = json!({
            "note_type": "common",
            "params": { "text": self.signed(words) },
            "is_need_to_trigger_digital_pipeline": false,
        });
        if let Some(lead) = lead {
            note["entity_id"] = lead.into();
        }
        note
    }

    /// A refusal of this alone says nothing of the account, which is asked.
    async fn pin(&self, note: u64, word: &str) -> Result<Pinned, Fault> {
        let path = format!("/api/v4/leads/notes/{note}/{word}");
        let call = Call { body: None, ..Call::post(path, Value::Null, self.command.urgency) };
        match self.client().send(&call).await {
            Ok(Reply::Rejected(rejection)) => Ok(Pinned::Refused(format!("it answers {}", rejection.status))),
            Ok(_) => Ok(Pinned::Done),
            Err(Fault::Denied { why }) => {
                discover::is_open(self.client()).await?;
                Ok(Pinned::Refused(why))
            }
            Err(fault) => Err(fault),
        }
    }
}

enum Pinned {
    Done,
    Refused(String),
}
