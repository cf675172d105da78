//! The stored form of an order, and the conversion of records of the first version, which had a `phase` with
//! text `notes` and suspended timers in `held`. Writes only the present form. Enter at the `Deserialize` of
//! [`Order`].

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::case::{Order, Plan, Question, Sent};
use super::state::{End, FollowUp, FollowUpKind, Held, LastLetter, PhoneStep, Wait};
use super::table::strays;
use super::timers::{Timer, Timers};
use super::value::At;
use crate::message::text::TextId;

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut record = Map::deserialize(deserializer)?;
        if record.contains_key("wait") {
            return Self::deserialize(Value::Object(record)).map_err(D::Error::custom);
        }
        let old = OrderV1::deserialize(Value::Object(record.clone())).map_err(D::Error::custom)?;
        old.renew(&mut record).map_err(D::Error::custom)?;
        let mut order = Self::deserialize(Value::Object(record)).map_err(D::Error::custom)?;
        stop_strays(&mut order);
        Ok(order)
    }
}

/// Stops timers that the first version left running in states to which they do not belong.
fn stop_strays(order: &mut Order) {
    for timer in strays(order) {
        order.timers.stop(timer);
        if let Wait::Held(held) = &mut order.wait {
            held.timers.stop(timer);
        }
    }
}

/// The fields that differ in the first version.
#[derive(serde::Deserialize)]
struct OrderV1 {
    #[serde(default)]
    phase: Phase,
    #[serde(default)]
    timers: Timers,
    #[serde(default)]
    payment_unconfirmed: bool,
    #[serde(default)]
    held: Timers,
    #[serde(default)]
    letters: BTreeMap<String, u32>,
    end: Option<End>,
    #[serde(default)]
    notes: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    #[default]
    Unseen,
    Pause,
    PhoneAsked,
    FreePool,
    Dialling,
    Asking,
    CallBack,
    Promised,
    PartPaid,
    FollowUp,
    GivingUp,
    Ended,
}

impl OrderV1 {
    /// Replaces the old fields by those of this version.
    fn renew(&self, record: &mut Map<String, Value>) -> serde_json::Result<()> {
        for gone in ["phase", "payment_unconfirmed", "held", "end", "notes"] {
            record.remove(gone);
        }
        let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
        put("wait", serde_json::to_value(self.wait())?);
        put("letters", serde_json::to_value(self.sent())?);
        put("failures", self.number("failed").into());
        put("won_by_hand", self.notes.contains_key("won_by_hand").into());
        put("lead_deleted", self.notes.contains_key("lead_gone").into());
        let open = self.at(Timer::AskNext).is_some();
        put(
            "question",
            serde_json::to_value(Question {
                open,
                unanswered: self.number("unanswered"),
                ..Question::default()
            })?,
        );
        if let Some(due) = self.note("part_due").and_then(|due| due.parse::<At>().ok()) {
            put("plan", serde_json::to_value(Plan { due })?);
        }
        // Only the task of the date itself belonged to that state.
        if self.note("follow_up") != Some("task_special") {
            let tasks = record.get_mut("tasks").and_then(Value::as_object_mut);
            for task in tasks.into_iter().flat_map(|tasks| tasks.values_mut()) {
                if task["text"] == "task_special" {
                    task["kept"] = true.into();
                }
            }
        }
        let round = record.get_mut("round").and_then(Value::as_object_mut);
        if let (Some(why), Some(round)) = (self.note("round_why"), round) {
            round.insert("why".to_owned(), why.into());
        }
        Ok(())
    }

    fn wait(&self) -> Wait {
        let state = self.state();
        match self.payment_unconfirmed {
            true => Wait::Held(Box::new(Held {
                state,
                timers: self.held.clone(),
                call_was_revoked: self.notes.contains_key("call_revoked"),
                asked: self.number("confirm"),
                told: None,
            })),
            false => state,
        }
    }

    fn state(&self) -> Wait {
        if let Some(end) = &self.end {
            return Wait::Ended(end.clone());
        }
        match self.phase {
            Phase::Unseen => Wait::Unseen { asked: self.number("unseen") },
            Phase::Pause => Wait::Pause,
            Phase::FreePool => Wait::FreePool,
            Phase::PhoneAsked => Wait::PhoneAsked {
                step: match self.note("phone_ask") {
                    Some("asked") => PhoneStep::Asked,
                    Some("postponed") => PhoneStep::Postponed,
                    _ => PhoneStep::Last,
                },
            },
            Phase::Dialling => Wait::Dialling,
            // An open question beside an agreed date: the date is the state.
            Phase::Asking | Phase::CallBack | Phase::Promised | Phase::PartPaid
                if self.at(Timer::FollowUp).is_some() =>
            {
                Wait::FollowUp(self.follow_up())
            }
            Phase::Asking => Wait::Asking,
            Phase::CallBack => Wait::CallBack,
            Phase::Promised => Wait::Promised,
            Phase::PartPaid => Wait::PartPaid,
            Phase::FollowUp | Phase::Ended => Wait::FollowUp(self.follow_up()),
            Phase::GivingUp => Wait::GivingUp {
                letter: match self.notes.contains_key("give_up") {
                    true => LastLetter::Waits,
                    false => LastLetter::Sent,
                },
            },
        }
    }

    fn follow_up(&self) -> FollowUp {
        let what = match self.note("follow_up") {
            Some("task_doubt") => FollowUpKind::Doubt,
            Some("task_own_try") => FollowUpKind::OwnTry,
            Some("task_call") if self.phase == Phase::FollowUp => FollowUpKind::CallLater,
            Some("task_call") => FollowUpKind::NotAsked,
            Some("check_payment") => FollowUpKind::CheckPayment,
            Some("task_instalment") => FollowUpKind::Instalment,
            Some("task_long_cycle") => FollowUpKind::LongCycle,
            Some("task_special") => FollowUpKind::Special,
            _ => FollowUpKind::MoneyGone,
        };
        FollowUp { why: self.note("follow_up_why").map(str::to_owned), ..FollowUp::new(what) }
    }

    fn sent(&self) -> BTreeMap<TextId, Sent> {
        let last = |text: &str| self.note(&format!("letter {text}")).unwrap_or_default().to_owned();
        let all = self.letters.iter();
        all.map(|(text, times)| {
            (TextId::from(text.as_str()), Sent { times: *times, last: last(text), in_doubt: false })
        })
        .collect()
    }

    fn at(&self, timer: Timer) -> Option<At> {
        self.timers.at(timer).or(self.held.at(timer))
    }

    fn note(&self, name: &str) -> Option<&str> {
        self.notes.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> u32 {
        self.note(name).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}
