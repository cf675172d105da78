//! One call, put together from all events of a provider, in whatever order and however often they come. Never
//! resolves a manager and never reads a clock: `now` comes with each event. Enter at [`CallRecord::merge`]
//! and [`CallRecord::on_wake`].
//!
//! A record only gains knowledge: each event adds to what is known, and the result is computed from all of
//! it. So every order and repetition of a call's events leads to the same result, and a talk that was seen is
//! never taken back (telephony README, section 2).

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use self::leg::{LegRecord, Talk, value_of, weight};
use crate::platform::telephony::waits::Waits;
use crate::process::At;
use crate::process::event::{CallResult, Direction, Outcome, Reached};
use crate::signal::{CallEvent, CallWhat, FinalRecord, KnownCall, Leg};

/// Most legs or recordings that are kept; more are noise.
const KEPT_MAX: usize = 64;

/// Everything known about one call; stored under `store::key::call` until its result is handed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// `<provider>:<conversation key>`.
    pub call: String,
    #[serde(flatten)]
    waits: Waits,
    /// One of our commands started it: its inbound leg is the manager's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ours: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    legs: BTreeMap<String, LegRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<FinalRecord>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    recordings: BTreeSet<(At, String)>,
    /// The result that was handed on last.
    #[serde(rename = "told", default, skip_serializing_if = "Option::is_none")]
    announced: Option<FoundCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wake: Option<At>,
    /// Place of the stored request that told of it last: a result by a wake is journalled with it (F35).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<u64>,
}

/// A call's result with the extensions that took part; intake finds the manager by them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCall {
    /// `manager` is empty here.
    pub result: CallResult,
    /// The extension that answered or dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// The extension that finished the talk, if the call was transferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_extension: Option<String>,
}

/// What an event changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Merged {
    /// Nothing new; an earlier wake stays.
    Nothing,
    /// No result yet: wake the call at this time.
    Waiting { wake: At },
    /// The result, or a more exact one that replaces it; no further wake is needed.
    Result(Box<FoundCall>),
}

impl CallRecord {
    pub fn new(call: impl Into<String>, waits: Waits) -> Self {
        Self {
            call: call.into(),
            waits,
            ours: false,
            legs: BTreeMap::new(),
            last: None,
            recordings: BTreeSet::new(),
            announced: None,
            wake: None,
            raw: None,
        }
    }

    /// Records that one of our commands started the call. Providers that do not mark their call-backs show
    /// the first leg as if a client had called the manager.
    pub fn set_ours(&mut self) {
        self.ours = true;
    }

    /// Takes in one event. `now` is our time: providers' clocks differ.
    pub fn merge(&mut self, event: &CallEvent, now: At) -> Merged {
        let before = (self.legs.clone(), self.last.clone(), self.recordings.clone());
        match &event.what {
            CallWhat::Leg(leg) => self.learn_leg(leg, event.at),
            CallWhat::Final(record) => self.learn_final(record),
            CallWhat::Recording { recording } if self.recordings.len() < KEPT_MAX => {
                self.recordings.insert((event.at, recording.clone()));
            }
            CallWhat::Recording { .. } => {}
        }
        let is_new = (&self.legs, &self.last, &self.recordings) != (&before.0, &before.1, &before.2);
        if !is_new {
            return Merged::Nothing;
        }
        let is_whole = |last: &FinalRecord| !self.lacks_answer(last) && !self.may_ring_elsewhere(last);
        if self.announced.is_some() || self.last.as_ref().is_some_and(is_whole) {
            return self.announce();
        }
        self.wait(now)
    }

    /// The call's wake has come: without a final record the result is computed from the legs.
    pub fn on_wake(&mut self, now: At) -> Merged {
        match self.wake {
            Some(wake) if wake <= now => self.announce(),
            _ => Merged::Nothing,
        }
    }

    /// Extensions that ring or talk, as far as is known; none once the call has ended.
    pub fn on_call(&self) -> impl Iterator<Item = &str> {
        let goes_on = self.last.is_none() && self.announced.is_none();
        let legs = self.legs.values().filter(move |leg| goes_on && leg.ended.is_none());
        legs.filter_map(|leg| leg.extension.as_ref().map(|(_, extension)| extension.as_str()))
    }

    /// The current wake; the index entry follows it after every event.
    pub fn wake(&self) -> Option<At> {
        self.wake
    }

    /// When the call took place, once its result was handed on.
    pub fn reported_at(&self) -> Option<At> {
        self.announced.as_ref().map(|found| found.result.ended_at)
    }

    /// What reconciliation needs to know about it.
    pub fn known(&self) -> KnownCall {
        let is_exact = self.last.as_ref().is_some_and(|last| !last.rough);
        KnownCall {
            is_exact,
            talk_seconds: self.announced.as_ref().and_then(|found| found.result.talk_seconds),
        }
    }

    fn wait(&mut self, now: At) -> Merged {
        if self.legs.is_empty() && self.last.is_none() {
            // A recording alone is not a call; its call's record or reconciliation will follow.
            return Merged::Nothing;
        }
        let quiet = self.last.as_ref().is_some_and(|last| !self.talks_after(last)) || self.has_ended();
        let mut open = self.legs.values().filter(|leg| leg.ended.is_none());
        let seconds = match quiet {
            true => self.waits.final_wait_s,
            false if open.all(|leg| leg.menu) => self.waits.in_menu_s(),
            false => self.waits.stuck_s,
        };
        let wake = now + TimeDelta::seconds(seconds.into());
        self.wake = Some(wake);
        Merged::Waiting { wake }
    }

    /// The final record is a rough one of a talk, and no leg shows yet when the talk began.
    fn lacks_answer(&self, last: &FinalRecord) -> bool {
        last.rough && last.outcome == Outcome::Answered && self.client_legs().all(|leg| leg.talk().is_none())
    }

    /// A rough record that a client was missed: one phone of a group may have given up while another rings.
    fn may_ring_elsewhere(&self, last: &FinalRecord) -> bool {
        last.rough && last.outcome != Outcome::Answered && last.direction == Some(Direction::Inbound)
    }

    /// A talk that began after the record's end goes on: the record was about another phone.
    fn talks_after(&self, last: &FinalRecord) -> bool {
        self.client_legs().any(|leg| leg.ended.is_none() && leg.talking_at > Some(last.ended_at))
    }

    /// All legs that matter have ended, or the talk itself has: the ends of phones that only rang may come
    /// late or never. A leg that began when the talk ended is a transfer.
    fn has_ended(&self) -> bool {
        if self.client_legs().next().is_none() {
            return self.legs.values().all(|leg| leg.ended.is_some());
        }
        let Some(talked_until) = self.client_legs().filter_map(LegRecord::talked_until).max() else {
            return self.client_legs().all(|leg| leg.ended.is_some());
        };
        let goes_on = |leg: &LegRecord| {
            leg.ended.is_none() && (leg.talking_at.is_some() || leg.first_at >= Some(talked_until))
        };
        !self.client_legs().any(goes_on)
    }

    fn announce(&mut self) -> Merged {
        self.wake = None;
        let found = self.resolve();
        if found.is_none() || found == self.announced {
            return Merged::Nothing;
        }
        self.announced = found.clone();
        found.map_or(Merged::Nothing, |found| Merged::Result(Box::new(found)))
    }

    fn learn_leg(&mut self, leg: &Leg, at: At) {
        if self.legs.len() >= KEPT_MAX && !self.legs.contains_key(&leg.leg) {
            return;
        }
        self.legs.entry(leg.leg.clone()).or_default().learn(leg, at);
    }

    /// If two final records differ, the more reliable one is kept, then the one that knows more about a talk.
    fn learn_final(&mut self, record: &FinalRecord) {
        let rank = |record: &FinalRecord| {
            let text = crate::json::text(record);
            (!record.rough, record.outcome == Outcome::Answered, record.ended_at, record.talk_seconds, text)
        };
        if self.last.as_ref().is_none_or(|have| rank(have) < rank(record)) {
            self.last = Some(record.clone());
        }
    }

    /// The result of everything known; the same knowledge gives the same result.
    fn resolve(&self) -> Option<FoundCall> {
        if self.legs.is_empty() && self.last.is_none() {
            return None;
        }
        let last = self.last.as_ref();
        let callback = self.legs.values().any(|leg| self.is_managers(leg));
        let direction = self.direction(callback);
        let rough = last.filter(|last| last.rough);
        let talk = Talk::of(self.client_legs(), rough.map(|last| last.ended_at));
        let (outcome, talk_seconds) = self.outcome(direction, &talk);
        let dialled = self.client_dialled(callback) || outcome == Outcome::Answered;
        let reached = match (outcome, direction) {
            (Outcome::Answered | Outcome::Voicemail, _) => Reached::Client,
            _ if !dialled => Reached::ManagerOnly,
            // The client was not dialled, or the dialling itself failed: no attempt (D12).
            (_, Direction::Inbound) | (Outcome::Failed, _) => Reached::Nobody,
            _ => Reached::Client,
        };
        let legs = || self.in_order().into_iter();
        let started_at = last.map(|last| last.started_at).or_else(|| legs().find_map(|leg| leg.first_at))?;
        let ended_at = last.map(|last| last.ended_at);
        let ended_at = ended_at.or_else(|| self.legs.values().filter_map(|leg| leg.last_at).max())?;
        let recorded = last.and_then(|last| last.client_number.clone());
        let of_client = || legs().filter(|leg| !self.is_managers(leg));
        let seen = of_client().chain(legs()).find_map(|leg| value_of(&leg.client_number));
        // It is not documented which side of a call-back's record is the client's; its legs are reliable.
        let number = if callback { seen.or(recorded) } else { recorded.or(seen) };
        let dialler = legs().filter(|leg| self.is_managers(leg)).find_map(|leg| value_of(&leg.extension));
        let answered_by = talk.first.clone();
        let extension = dialler
            .or_else(|| rough.and(answered_by.clone()))
            .or_else(|| last.and_then(|last| last.extension.clone()))
            .or(answered_by)
            .or_else(|| legs().find_map(|leg| value_of(&leg.extension)));
        let last_extension = talk.last.filter(|last| Some(last) != extension.as_ref());
        let recording = last.and_then(|last| last.recording.clone()).filter(|_| talk_seconds != Some(0));
        let result = CallResult {
            call: self.call.clone(),
            direction,
            outcome,
            reached,
            talk_seconds,
            started_at,
            ended_at,
            number,
            line: last
                .and_then(|last| last.line.clone())
                .or_else(|| legs().find_map(|leg| value_of(&leg.line))),
            manager: None,
            command: legs()
                .find_map(|leg| value_of(&leg.command))
                .or_else(|| last.and_then(|last| last.command.clone())),
            recording: self.recordings.first().map(|(_, recording)| recording.clone()).or(recording),
        };
        Some(FoundCall { result, extension, last_extension })
    }

    /// A call of ours is outbound, whatever a leg looks like; otherwise the final record decides, then the
    /// legs.
    fn direction(&self, callback: bool) -> Direction {
        if callback {
            return Direction::Outbound;
        }
        let recorded = self.last.as_ref().and_then(|last| last.direction);
        let seen =
            || self.in_order().into_iter().find_map(|leg| leg.direction.map(|(_, direction)| direction));
        recorded.or_else(seen).unwrap_or(Direction::Inbound)
    }

    /// The outcome and the seconds of talk; `None` if they are unknown.
    fn outcome(&self, direction: Direction, talk: &Talk) -> (Outcome, Option<u32>) {
        let legs = self.leg_outcome(direction);
        let last = self.last.as_ref();
        let recorded_s = last.and_then(|last| last.talk_seconds).filter(|seconds| *seconds > 0);
        let talked_s = talk.seconds.filter(|seconds| *seconds > 0);
        if legs == Some(Outcome::Voicemail) || last.is_some_and(|last| last.outcome == Outcome::Voicemail) {
            // An answering machine has seconds, but is not a talk.
            return (Outcome::Voicemail, recorded_s.or(talked_s));
        }
        let is_answered = last.is_some_and(|last| last.outcome == Outcome::Answered);
        let is_rough = last.is_some_and(|last| last.rough);
        let known_s = match recorded_s.filter(|_| is_answered) {
            Some(seconds) if !is_rough || talked_s.is_none() => Some(seconds),
            _ => talked_s,
        };
        // A talk whose length was not reported is a talk.
        let is_unknown = (talk.seen && talk.seconds.is_none())
            || (is_answered && last.is_some_and(|last| last.talk_seconds.is_none()));
        if known_s.is_some() || is_unknown {
            return (Outcome::Answered, known_s);
        }
        // Zero seconds are not a talk, whatever flag is set next to them.
        let recorded = last.map(|last| last.outcome).filter(|outcome| *outcome != Outcome::Answered);
        (self.without_talk(direction, recorded, legs), Some(0))
    }

    /// Why there was no talk: as the record says, or as the legs say if the record is less exact. If neither
    /// says anything it is not an attempt: the call may have ended in any way.
    fn without_talk(
        &self,
        direction: Direction,
        recorded: Option<Outcome>,
        legs: Option<Outcome>,
    ) -> Outcome {
        let exact = match (recorded, legs) {
            (None, legs) => legs,
            // A record may only say that there was no talk, while one of the client's legs shows why.
            (Some(recorded), Some(legs)) if weight(recorded) <= weight(Outcome::NoAnswer) => {
                Some(if weight(legs) > weight(recorded) { legs } else { recorded })
            }
            (recorded, _) => recorded,
        };
        match exact.unwrap_or(Outcome::Failed) {
            Outcome::Failed => Outcome::Failed,
            _ if direction == Direction::Inbound => Outcome::NoAnswer,
            exact => exact,
        }
    }

    /// The most informative end of the client's legs, otherwise of the manager's.
    fn leg_outcome(&self, direction: Direction) -> Option<Outcome> {
        let end = |leg: &LegRecord| {
            leg.ended.map(|(_, _, outcome)| outcome).filter(|end| *end != Outcome::Answered)
        };
        let most =
            |legs: &mut dyn Iterator<Item = &LegRecord>| legs.filter_map(end).max_by_key(|end| weight(*end));
        let of_client = most(&mut self.client_legs());
        if direction == Direction::Inbound && of_client != Some(Outcome::Failed) {
            return of_client.map(|_| Outcome::NoAnswer);
        }
        let nobody_dialled = self.client_legs().next().is_none();
        let of_manager = || most(&mut self.legs.values().filter(|leg| self.is_managers(leg)));
        of_client.or_else(|| nobody_dialled.then(of_manager).flatten())
    }

    /// Whether the client's side rang. A call-back dials the manager first.
    fn client_dialled(&self, callback: bool) -> bool {
        let merged_on = |leg: &LegRecord| matches!(leg.ended, Some((_, _, Outcome::Answered)));
        !callback || self.client_legs().next().is_some() || self.legs.values().any(merged_on)
    }

    fn client_legs(&self) -> impl Iterator<Item = &LegRecord> {
        self.legs.values().filter(|leg| !self.is_managers(leg))
    }

    /// The first leg of a call-back, marked as such or recognised.
    fn is_managers(&self, leg: &LegRecord) -> bool {
        leg.manager_leg || (self.ours && matches!(leg.direction, Some((_, Direction::Inbound))))
    }

    fn in_order(&self) -> Vec<&LegRecord> {
        let mut legs: Vec<&LegRecord> = self.legs.values().collect();
        legs.sort_by_key(|leg| leg.first_at);
        legs
    }
}

mod leg;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod tests;
