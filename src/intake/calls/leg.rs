//! Everything known about one leg of a call, and the talk that the legs show together. Never uses final
//! records, and never takes a length that was not reported for zero. Enter at [`LegRecord::learn`] and
//! [`Talk::of`].

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{Leg, LegState};

/// Everything known about one leg.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talking_at: Option<At>,
    /// The provider's own count of the talk's seconds, from the leg's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_s: Option<u32>,
    /// By its counter: a lower one never overrides a higher one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<(u32, At, Outcome)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manager_leg: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub menu: bool,
    // These may come with any event of the leg, perhaps only with the first; the value with the lowest
    // counter counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<(u32, Direction)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_number: Option<(u32, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<(u32, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<(u32, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<(u32, String)>,
}

impl LegRecord {
    /// Takes in one state of the leg; the order of the states does not matter.
    pub fn learn(&mut self, leg: &Leg, at: At) {
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = Some(self.last_at.map_or(at, |last| last.max(at)));
        self.manager_leg |= leg.manager_leg;
        self.menu |= leg.menu;
        match leg.state {
            LegState::Talking => self.talking_at = Some(self.talking_at.map_or(at, |first| first.min(at))),
            LegState::Ended(outcome) => {
                let ended = (leg.seq, at, outcome);
                let rank = |(seq, at, outcome): &(u32, At, Outcome)| (*seq, *at, weight(*outcome));
                if self.ended.as_ref().is_none_or(|have| rank(have) < rank(&ended)) {
                    self.ended = Some(ended);
                }
                self.counted_s = self.counted_s.max(leg.talk_seconds);
            }
            LegState::Ringing | LegState::OnHold => {}
        }
        keep_by(&mut self.direction, leg.seq, leg.direction, |direction| *direction as u8);
        keep(&mut self.client_number, leg.seq, &leg.client_number);
        keep(&mut self.extension, leg.seq, &leg.extension);
        keep(&mut self.line, leg.seq, &leg.line);
        keep(&mut self.command, leg.seq, &leg.command);
    }

    /// Its talk, if it had one. A count of zero seconds means that the answer did not come from the client.
    pub fn talk(&self) -> Option<LegTalk> {
        let counted = self.counted_s.map(|seconds| TimeDelta::seconds(seconds.into()));
        let from = match (counted, self.ended) {
            (Some(counted), _) if counted.is_zero() => return None,
            (Some(counted), Some((_, ended_at, _))) => self.talking_at.or(Some(ended_at - counted)),
            _ => self.talking_at,
        };
        let is_answered = matches!(self.ended, Some((_, _, Outcome::Answered)));
        (from.is_some() || is_answered).then_some(LegTalk { from })
    }

    /// When its talk ended, if it had one and has ended.
    pub fn talked_until(&self) -> Option<At> {
        self.talk()?;
        self.ended.map(|(_, at, _)| at)
    }
}

/// The talk of one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegTalk {
    /// When it began: as reported, otherwise computed from the count of its seconds; `None` if neither came.
    pub from: Option<At>,
}

/// The talk as the client's legs show it: one span over all of them.
#[derive(Debug, Default)]
pub struct Talk {
    /// Whether the legs show any talk.
    pub seen: bool,
    /// Its length; `None` if its beginning or its end was not reported, or both contradict each other.
    pub seconds: Option<u32>,
    pub first: Option<String>,
    pub last: Option<String>,
}

impl Talk {
    /// `ended_at`: the end from a record, for legs that only show the answer.
    pub fn of<'a>(legs: impl Iterator<Item = &'a LegRecord>, ended_at: Option<At>) -> Self {
        let mut talked: Vec<(LegTalk, &LegRecord)> =
            legs.filter_map(|leg| Some((leg.talk()?, leg))).collect();
        talked.sort_by_key(|(talk, leg)| (talk.from.or(leg.first_at), leg.last_at));
        let from = talked.iter().filter_map(|(talk, _)| talk.from).min();
        let has_end = ended_at.is_some() || talked.iter().any(|(_, leg)| leg.ended.is_some());
        let to = talked.iter().filter_map(|(_, leg)| leg.ended.map(|(_, at, _)| at).or(leg.last_at)).max();
        let span = from.zip(ended_at.or(to)).map(|(from, to)| (to - from).num_milliseconds() + 500);
        // An end before the answer is wrong; without an end it lasted at least until its last event.
        let span = span.map(|span_ms| span_ms.div_euclid(1000)).filter(|span_s| *span_s > 0 || has_end);
        Self {
            seen: !talked.is_empty(),
            seconds: span.and_then(|seconds| u32::try_from(seconds).ok()),
            first: talked.first().and_then(|(_, leg)| value_of(&leg.extension)),
            last: talked.last().and_then(|(_, leg)| value_of(&leg.extension)),
        }
    }
}

/// How much an outcome says about the client: the larger value is kept.
pub fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Cancelled => 0,
        Outcome::Failed => 1,
        Outcome::NoAnswer => 2,
        Outcome::Rejected => 3,
        Outcome::Busy => 4,
        Outcome::Unreachable => 5,
        Outcome::InvalidNumber => 6,
        Outcome::Voicemail => 7,
        Outcome::Answered => 8,
    }
}

pub fn value_of(slot: &Option<(u32, String)>) -> Option<String> {
    slot.as_ref().map(|(_, text)| text.clone())
}

fn keep(slot: &mut Option<(u32, String)>, seq: u32, value: &Option<String>) {
    keep_by(slot, seq, value.clone(), String::clone);
}

/// Keeps the value with the lowest counter; with equal counters, the smaller value.
fn keep_by<T, K: Ord>(slot: &mut Option<(u32, T)>, seq: u32, value: Option<T>, rank: impl Fn(&T) -> K) {
    let Some(value) = value else {
        return;
    };
    let better = slot.as_ref().is_none_or(|(have, old)| (seq, rank(&value)) < (*have, rank(old)));
    if better {
        *slot = Some((seq, value));
    }
}
