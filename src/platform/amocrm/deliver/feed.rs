//! The lead's feed: notes and calls (K6), each written once. Never triggers the account's own robots and
//! never sends a recording that people cannot open. Enter at [`AmoAttempt::add_note`] and
//! [`AmoAttempt::add_call`].

use serde_json::{Value, json};

use super::AmoAttempt;
use crate::link;
use crate::message::outside::Outside;
use crate::platform::amocrm::batch_writes::{WriteKind, WriteTo};
use crate::platform::amocrm::card::text;
use crate::platform::amocrm::classify::Reply;
use crate::platform::amocrm::drop_rejected;
use crate::platform::amocrm::numbers::{NAME_MAX, NOTE_MAX, cut};
use crate::platform::{Fault, Receipt, Try, marker};
use crate::process::LeadRole;
use crate::process::command::CallNote;
use crate::process::event::{Direction, Outcome};

/// The source that the feed shows.
const SOURCE: &str = "dozvon";

impl AmoAttempt<'_> {
    pub(super) async fn add_note(&self, role: LeadRole, text: &str) -> Result<Receipt, Fault> {
        let lead = self.lead_id(role).await?;
        self.put_note(lead, text).await?;
        Ok(Receipt::default())
    }

    /// Writes a note that ends with the command's id, by which it can be found again. Robots of the digital
    /// pipeline must not treat it as a note of a person.
    pub(super) async fn put_note(&self, lead: u64, words: &str) -> Result<(), Fault> {
        if self.tried == Try::MayBeDone
            && self.search().note_of_lead(lead, |note| self.wrote(note, words)).await?
        {
            return Ok(());
        }
        let note = json!({
            "entity_id": lead,
            "note_type": "common",
            "params": { "text": self.signed(words) },
            "is_need_to_trigger_digital_pipeline": false,
        });
        drop_rejected::taken(self.batcher().send(self.write(WriteKind::Note, WriteTo::New, note)).await)?;
        Ok(())
    }

    /// The text of a note with its marker.
    pub(super) fn signed(&self, words: &str) -> String {
        format!("{}{}", self.fitting(words), marker::note(&self.command.id))
    }

    /// Whether this command, or the one that the same order gave for these words before, wrote the note.
    pub(super) fn wrote(&self, note: &Value, words: &str) -> bool {
        marker::is_note_of(text(&note["params"]["text"]), &self.command.id, &self.fitting(words))
    }

    fn fitting(&self, words: &str) -> String {
        cut(words, NOTE_MAX - marker::note(&self.command.id).chars().count())
    }

    /// Uses the calls method, so that the call counts in the account's own analytics; writes a note on the
    /// lead if no card has the number, or if the number was hidden.
    pub(super) async fn add_call(&self, role: LeadRole, call: &CallNote) -> Result<Receipt, Fault> {
        if self.tried == Try::MayBeDone && self.call_is_there(role, call).await? {
            return Ok(Receipt::default());
        }
        if let Some(phone) = &call.number {
            let write = self.write(WriteKind::Call, WriteTo::New, self.call_body(call, phone));
            match drop_rejected::send(self.batcher(), write).await?.0 {
                // «Entity not found» (263) comes with 200 or with 400; nothing was stored.
                Reply::Body(Value::Null) | Reply::Rejected(_) => {}
                Reply::Body(_) | Reply::Nothing => return Ok(Receipt::default()),
            }
        }
        let lead = self.lead_id(role).await?;
        let write = self.write(WriteKind::Note, WriteTo::New, self.call_note_body(lead, call));
        drop_rejected::write(self.batcher(), write).await?;
        Ok(Receipt::default())
    }

    /// amoCRM decides whether it puts a call on the lead or on the contact (sheet, 3.10).
    async fn call_is_there(&self, role: LeadRole, call: &CallNote) -> Result<bool, Fault> {
        let is_it = |note: &Value| text(&note["params"]["uniq"]) == call.call;
        let cards = [
            ("leads", self.known_lead(role).await?),
            ("contacts", self.link(&link::contact(&self.command.client)).await?),
        ];
        for (entity, id) in cards {
            if let Some(id) = id
                && self.search().note(entity, id, &["call_in", "call_out"], is_it).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn call_body(&self, call: &CallNote, phone: &str) -> Value {
        let direction = match call.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let mut body = call_params(call);
        body["direction"] = direction.into();
        body["phone"] = phone.into();
        body["created_at"] = call.at.timestamp().into();
        self.sign_call(&mut body, call);
        if let Some(user) = body.get("responsible_user_id").cloned() {
            body["call_responsible"] = user;
        }
        body
    }

    fn call_note_body(&self, lead: u64, call: &CallNote) -> Value {
        let note_type = match call.direction {
            Direction::Inbound => "call_in",
            Direction::Outbound => "call_out",
        };
        let mut params = call_params(call);
        let number = call.number.clone();
        params["phone"] = number.unwrap_or_else(|| self.words(Outside::HiddenNumber)).into();
        let mut body = json!({
            "entity_id": lead,
            "note_type": note_type,
            "params": params,
            "is_need_to_trigger_digital_pipeline": false,
        });
        self.sign_call(&mut body, call);
        body
    }

    /// The account's analytics count a call only if author and responsible are the same person.
    fn sign_call(&self, body: &mut Value, call: &CallNote) {
        if let Some(user) = call.manager.as_ref().and_then(|manager| self.user(manager)) {
            body["created_by"] = user.into();
            body["responsible_user_id"] = user.into();
        }
    }
}

fn call_params(call: &CallNote) -> Value {
    let mut params = json!({
        "uniq": call.call,
        // The field is required; amoCRM has no word for «unknown».
        "duration": call.talk_seconds.unwrap_or(0),
        "source": SOURCE,
    });
    if !call.result.is_empty() {
        params["call_result"] = cut(&call.result, NAME_MAX).into();
    }
    if let Some(status) = call_status(call.outcome) {
        params["call_status"] = status.into();
    }
    if let Some(recording) = call.recording.as_deref().filter(|link| is_https(link)) {
        params["link"] = recording.into();
    }
    params
}

fn is_https(link: &str) -> bool {
    link.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("https"))
}

/// amoCRM's codes: 1 left a message, 3 not there, 4 talked, 5 wrong number, 6 no answer, 7 busy.
fn call_status(outcome: Outcome) -> Option<u8> {
    match outcome {
        Outcome::Answered => Some(4),
        Outcome::NoAnswer | Outcome::Rejected => Some(6),
        Outcome::Busy => Some(7),
        Outcome::Unreachable => Some(3),
        Outcome::InvalidNumber => Some(5),
        Outcome::Voicemail => Some(1),
        Outcome::Failed | Outcome::Cancelled => None,
    }
}
