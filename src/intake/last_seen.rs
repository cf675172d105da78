//! What the CRM last showed of a lead or a task: only a difference from it is a change. This is how our own
//! changes, repeats and late webhooks are recognised: by content. Never decides what a difference means.
//! Enter at [`LastSeen::lead`] and [`LastSeen::task`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::process::At;
use crate::process::event::Answer;
use crate::signal::{SeenLead, SeenNote, SeenTask, Shown};

/// The last seen state of one entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastSeen {
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<(u64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    responsible: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    /// The fields of the answer as they were typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    typed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// Deleted, or merged into another.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
    /// When a lead without an order was read on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<At>,
    /// Notes on a lead that have a last seen state of their own.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    notes: BTreeSet<u64>,
}

/// The differences from the last seen state of a lead.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeadNews {
    pub stage: Option<(u64, u64)>,
    /// The stage that was shown before, at an earlier time.
    pub stage_before: Option<(u64, u64)>,
    pub responsible: Option<u64>,
    pub answer: Option<Answer>,
}

/// The differences from the last seen state of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskNews {
    pub due: Option<At>,
    pub responsible: Option<u64>,
    pub done: bool,
}

impl TaskNews {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl LastSeen {
    /// `answer` is the content of the lead's fields, already in our words; `None` also if the body contains
    /// no fields. `typed` is what stands in them: the same words are the same answer, although «завтра» means
    /// another day now.
    pub fn lead(&mut self, seen: &SeenLead, answer: Option<Answer>, typed: Vec<String>) -> LeadNews {
        if self.is_older(seen.updated_at) {
            return LeadNews::default();
        }
        let is_later = seen.updated_at > self.updated_at;
        self.gone = false;
        self.asked_at = None;
        self.updated_at = seen.updated_at.or(self.updated_at);
        let mut news = LeadNews::default();
        if let (Some(pipeline), Some(status)) = (seen.pipeline, seen.status) {
            let before = self.stage.filter(|_| is_later);
            news.stage = differs(&mut self.stage, (pipeline, status));
            news.stage_before = before.filter(|_| news.stage.is_some());
        }
        if let Some(responsible) = seen.responsible {
            news.responsible = differs(&mut self.responsible, responsible);
        }
        if seen.fields.is_some() {
            let is_known = self.answer == answer || (!self.typed.is_empty() && self.typed == typed);
            if answer.is_some() && !is_known {
                news.answer.clone_from(&answer);
            }
            (self.answer, self.typed) = (answer, typed);
        }
        news
    }

    /// The responsible that a new lead of ours got without anybody's choice: seeing him is no news (L9).
    pub fn made(&mut self, seen: &SeenLead) {
        self.responsible = self.responsible.or(seen.responsible);
    }

    pub fn task(&mut self, seen: &SeenTask) -> TaskNews {
        if self.is_older(seen.updated_at) {
            return TaskNews::default();
        }
        self.updated_at = seen.updated_at.or(self.updated_at);
        let mut news = TaskNews::default();
        if let Some(due) = seen.due {
            news.due = differs(&mut self.due, due);
        }
        if let Some(responsible) = seen.responsible {
            news.responsible = differs(&mut self.responsible, responsible);
        }
        let closed_now = seen.done && self.done != Some(true);
        // A result may arrive in a second hook after the closing one (amoCRM sends both).
        let result_now = seen.done && seen.result.is_some() && self.result != seen.result;
        news.done = closed_now || result_now;
        self.done = Some(seen.done);
        if seen.result.is_some() {
            self.result.clone_from(&seen.result);
        }
        news
    }

    /// Records that a lead without an order was read on request; true the first time.
    pub fn ask(&mut self, now: At) -> bool {
        let first = self.asked_at.is_none();
        self.asked_at = self.asked_at.or(Some(now));
        first
    }

    /// Since when it is known to have no order; `None` for a lead that became ours.
    pub fn asked_at(&self) -> Option<At> {
        self.asked_at
    }

    /// A lead remembers its notes, so that they are forgotten with it.
    pub fn has_note(&mut self, note: u64) {
        self.notes.insert(note);
    }

    pub fn notes(&self) -> impl Iterator<Item = u64> {
        self.notes.iter().copied()
    }

    /// Returns true the first time a note is seen.
    pub fn note(&mut self, seen: &SeenNote) -> bool {
        self.updated_at = seen.created_at.or(self.updated_at);
        self.done.replace(true) != Some(true)
    }

    /// The entity is gone from the CRM; true the first time.
    pub fn is_gone(&mut self) -> bool {
        !std::mem::replace(&mut self.gone, true)
    }

    /// For the comparison of the CRM's own log with the webhooks received.
    pub fn shown(&self) -> Shown {
        Shown { updated_at: self.updated_at, gone: self.gone }
    }

    fn is_older(&self, updated_at: Option<At>) -> bool {
        matches!((self.updated_at, updated_at), (Some(known), Some(seen)) if seen < known)
    }
}

/// Stores `seen`, and returns it if it differs from the stored value.
fn differs<T: PartialEq + Copy>(known: &mut Option<T>, seen: T) -> Option<T> {
    let news = (*known != Some(seen)).then_some(seen);
    *known = Some(seen);
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::event::{AnswerKind, Extent};

    fn at(second: i64) -> Option<At> {
        At::from_timestamp(1_795_000_000 + second, 0)
    }

    fn lead(second: i64, status: u64) -> SeenLead {
        SeenLead {
            lead: 7,
            pipeline: Some(1),
            status: Some(status),
            updated_at: at(second),
            ..SeenLead::default()
        }
    }

    #[test]
    fn a_stage_change_is_reported_once_and_a_late_hook_changes_nothing() {
        let mut last_seen = LastSeen::default();
        assert_eq!(last_seen.lead(&lead(1, 10), None, Vec::new()).stage, Some((1, 10)));
        assert_eq!(last_seen.lead(&lead(1, 10), None, Vec::new()), LeadNews::default(), "a repeat");
        assert_eq!(last_seen.lead(&lead(5, 20), None, Vec::new()).stage, Some((1, 20)));
        assert_eq!(
            last_seen.lead(&lead(3, 10), None, Vec::new()),
            LeadNews::default(),
            "older than the last state"
        );
        assert_eq!(last_seen.lead(&lead(9, 10), None, Vec::new()).stage, Some((1, 10)), "really moved back");
    }

    /// Whether a stage was left can be said only if the CRM had shown another one at an earlier time.
    #[test]
    fn the_stage_before_is_the_one_of_an_earlier_time() {
        let mut last_seen = LastSeen::default();
        let mut before =
            |second, status| last_seen.lead(&lead(second, status), None, Vec::new()).stage_before;
        assert_eq!(before(1, 10), None, "the first one that is shown");
        assert_eq!(before(5, 20), Some((1, 10)));
        assert_eq!(before(5, 15), None, "of the same second: their order is not known");
        assert_eq!(before(6, 15), None, "a repeat");
        assert_eq!(before(9, 10), Some((1, 15)));
    }

    /// The manager's words stay in the field while the lead changes: tomorrow they name another day.
    #[test]
    fn words_that_stay_in_a_field_are_no_new_answer() {
        let typed = |words: &str| vec![words.to_owned()];
        let answer = |at| {
            let (kind, extent) = (AnswerKind::CallBack, Extent::Moment);
            Some(Answer {
                kind,
                at,
                extent,
                why: None,
                reason: None,
                by: None,
                field: Some(7),
                said_at: None,
            })
        };
        let lead = |second| SeenLead { fields: Some(Vec::new()), ..lead(second, 10) };
        let mut last_seen = LastSeen::default();
        let mut news = |second, day: i64, words: &str| {
            last_seen.lead(&lead(second), answer(at(day * 86_400)), typed(words)).answer
        };
        assert!(news(1, 1, "завтра в 11").is_some());
        assert_eq!(news(2, 2, "завтра в 11"), None);
        assert!(news(3, 2, "завтра, в 11").is_none(), "the same moment in other words");
        assert!(news(4, 3, "послезавтра в 11").is_some());
    }

    #[test]
    fn the_default_responsible_of_our_own_lead_is_no_news_and_another_one_is() {
        let user = |responsible| SeenLead { responsible: Some(responsible), ..lead(1, 10) };
        let mut last_seen = LastSeen::default();
        last_seen.made(&user(5));
        assert_eq!(last_seen.lead(&user(5), None, Vec::new()).responsible, None);
        assert_eq!(last_seen.lead(&user(6), None, Vec::new()).responsible, Some(6));
        last_seen.made(&user(5));
        assert_eq!(last_seen.lead(&user(6), None, Vec::new()).responsible, None, "what was seen counts more");
    }

    #[test]
    fn a_closed_task_and_its_result_are_both_reported() {
        let mut last_seen = LastSeen::default();
        let mut task = SeenTask { task: 3, done: true, updated_at: at(1), ..SeenTask::default() };
        assert!(last_seen.task(&task).done);
        task.result = Some("отказ: цена".to_owned());
        assert!(last_seen.task(&task).done, "the result came with a second hook");
        assert!(!last_seen.task(&task).done, "a repeat");
    }
}
