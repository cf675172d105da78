//! Reconciliation by statistics of calls: one implementation for all providers, which differ in how a time
//! range is read. Never passes on a call whose result is known already, nor one that has just ended. Enter at
//! [`LineReconciler`]; a provider implements [`Statistics`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::platform::http::{NoResponse, Response};
use crate::platform::reconcile::{Known, Reconciled, Reconciler};
use crate::platform::{Fault, RawRequest, Undecodable};
use crate::process::At;
use crate::signal::{CallEvent, CallWhat, FinalRecord, KnownCall, Signal};

/// How far a range begins before the end of the last one (records may be late, and may be filed under the
/// call's beginning), and the longest range.
const OVERLAP_MIN: i64 = 60;
const BACK_MAX_DAYS: i64 = 7;
/// The record of a call that ended less than this ago may not have arrived yet.
const FRESH_MIN: i64 = 3;
/// Talks whose lengths differ by no more than this are equal: providers round.
const SAME_TALK_S: u32 = 2;
/// Times further than this from their calls' ids belong to another zone.
const ZONE_OFF_MIN: i64 = 15;

/// The calls of one account, as its provider lists them afterwards.
#[async_trait]
pub trait Statistics: Send + Sync {
    /// Reads a range, or continues with it. After a fault the position is unchanged, and the read is repeated
    /// later.
    async fn read(&self, range: &TimeRange, now: At) -> Result<Reading, Fault>;

    /// Why it is unproven that the statistics use the same call names as the events, if that is not
    /// documented: nothing is passed on until one call was seen under the same name in both.
    fn doubt(&self) -> Option<&'static str> {
        None
    }
}

/// The range of one read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeRange {
    pub from: At,
    pub until: At,
    /// The provider's own state after the last read; `Null` at the beginning.
    #[serde(default)]
    pub place: Value,
}

/// The result of a read.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// Final records of whole calls, without internal ones.
    pub calls: Vec<CallEvent>,
    pub rest: Remaining,
}

/// What remains to be read of a range.
#[derive(Debug, PartialEq)]
pub enum Remaining {
    Nothing,
    /// It continues from this position.
    Place {
        place: Value,
        again_at: At,
    },
    /// All of it: it is read again next time. The text is for a person: English, no personal data.
    All(Option<String>),
}

impl Reading {
    /// Nothing yet.
    pub fn none(rest: Remaining) -> Self {
        Self { calls: Vec::new(), rest }
    }
}

impl Remaining {
    /// The end of a range, with the number of rows that could not be read.
    pub fn after(unread: usize) -> Self {
        let why = || format!("{unread} rows of the statistics are torn, or lack an id or a time");
        if unread == 0 { Self::Nothing } else { Self::All(Some(why())) }
    }
}

/// Compares the listed times with the calls' own ids, which start with the second in which the call began.
#[derive(Debug, Default)]
pub struct Times {
    near: bool,
    off_min: Option<i64>,
}

impl Times {
    pub fn see(&mut self, id: &str, started_at: At) {
        let second = id.split_once('.').and_then(|(second, _)| second.parse().ok());
        let begun = second.and_then(|second| DateTime::from_timestamp(second, 0));
        match begun.map(|begun| (started_at - begun).num_minutes().abs()) {
            Some(minutes) if minutes > ZONE_OFF_MIN => self.off_min = Some(minutes),
            Some(_) => self.near = true,
            None => {}
        }
    }

    /// Reports a wrong zone if every comparable call is far away. `key` is the setting of the zone.
    pub fn agree(&self, key: &str, zone: Tz) -> Result<(), Fault> {
        match self.off_min.filter(|_| !self.near) {
            Some(minutes) => Err(Fault::never(format!(
                "the times of the statistics are {minutes} minutes away from their calls: is {key} ({zone}) \
                 the account's?"
            ))),
            None => Ok(()),
        }
    }
}

/// The reconciliation of one account.
pub struct LineReconciler {
    statistics: Box<dyn Statistics>,
    every: TimeDelta,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// Calls before are known, or were looked at.
    since: At,
    next_at: At,
    #[serde(default)]
    under_way: Option<TimeRange>,
    /// A call was seen under the same name in events and statistics.
    #[serde(default)]
    proven: bool,
    /// Calls of this range were held back: it has to be read again.
    #[serde(default)]
    held: bool,
}

impl LineReconciler {
    /// `every_min` is the interval between two reads, in minutes.
    pub fn new(statistics: Box<dyn Statistics>, every_min: u32) -> Self {
        Self { statistics, every: TimeDelta::minutes(i64::from(every_min.max(1))) }
    }
}

#[async_trait]
impl Reconciler for LineReconciler {
    async fn reconcile(&self, cursor: &Value, known: &dyn Known, now: At) -> Result<Reconciled, Fault> {
        let Ok(mut cursor) = serde_json::from_value::<Cursor>(cursor.clone()) else {
            let next_at = now + self.every;
            let cursor = Cursor { since: now, next_at, under_way: None, proven: false, held: false };
            return Ok(Reconciled::nothing(&cursor, next_at));
        };
        if cursor.under_way.is_none() && now < cursor.next_at {
            return Ok(Reconciled::nothing(&cursor, cursor.next_at));
        }
        let range = cursor.under_way.take().unwrap_or_else(|| range(cursor.since, now));
        let Reading { calls, rest } = match self.statistics.read(&range, now).await {
            // The provider may have forgotten the export that it started.
            Err(Fault::Never { why }) if !range.place.is_null() => Reading::none(Remaining::All(Some(why))),
            read => read?,
        };
        let compared = compare(calls, known, now).await?;
        cursor.proven |= compared.known > 0;
        let mut found = compared.missed;
        let doubt = self.statistics.doubt().filter(|_| !cursor.proven);
        if doubt.is_some() && !found.is_empty() {
            found.clear();
            cursor.held = true;
        }
        let mut trouble = None;
        let again_at = match rest {
            Remaining::Place { place, again_at } => {
                cursor.under_way = Some(TimeRange { place, ..range });
                again_at
            }
            Remaining::Nothing if !cursor.held => {
                cursor.since = range.until;
                cursor.next_at = range.until + self.every;
                cursor.next_at
            }
            rest => {
                trouble = if let Remaining::All(why) = rest { why } else { doubt.map(str::to_owned) };
                cursor.held = false;
                cursor.next_at = now + self.every;
                cursor.next_at
            }
        };
        Ok(Reconciled { found, trouble, ..Reconciled::nothing(&cursor, again_at) })
    }

    fn is_through(&self, cursor: &Value) -> bool {
        serde_json::from_value::<Cursor>(cursor.clone()).map_or(true, |cursor| cursor.under_way.is_none())
    }
}

fn range(since: At, now: At) -> TimeRange {
    let from = since.min(now) - TimeDelta::minutes(OVERLAP_MIN);
    TimeRange { from: from.max(now - TimeDelta::days(BACK_MAX_DAYS)), until: now, place: Value::Null }
}

/// Compares the listed calls with the known ones.
struct Compared {
    missed: Vec<RawRequest>,
    known: usize,
}

async fn compare(calls: Vec<CallEvent>, known: &dyn Known, now: At) -> Result<Compared, Fault> {
    let settled = now - TimeDelta::minutes(FRESH_MIN);
    let mut compared = Compared { missed: Vec::new(), known: 0 };
    for (call, record) in most_telling(&calls) {
        if record.ended_at > settled {
            continue;
        }
        let have = known.call(&call.call).await?;
        compared.known += usize::from(have.is_some());
        if have.is_none_or(|have| is_change(have, record)) {
            compared.missed.push(request(call));
        }
    }
    Ok(compared)
}

/// If one conversation has several rows, the one with a talk counts, else the last.
fn most_telling(calls: &[CallEvent]) -> Vec<(&CallEvent, &FinalRecord)> {
    let mut telling = BTreeMap::new();
    for call in calls {
        let CallWhat::Final(record) = &call.what else { continue };
        let rank = |record: &FinalRecord| (record.talk_seconds != Some(0), record.ended_at);
        let slot = telling.entry(&call.call).or_insert((call, record));
        if rank(slot.1) < rank(record) {
            *slot = (call, record);
        }
    }
    telling.into_values().collect()
}

/// True for a call without a result yet, or if the talk differs from the one in the events.
fn is_change(have: KnownCall, record: &FinalRecord) -> bool {
    let differs = |seconds: u32| match record.talk_seconds {
        Some(listed) => seconds.abs_diff(listed) > SAME_TALK_S || (seconds == 0) != (listed == 0),
        None => seconds == 0,
    };
    !have.is_exact && have.talk_seconds.is_none_or(differs)
}

/// A listed call as an inbox entry; [`found`] reads it back.
fn request(call: &CallEvent) -> RawRequest {
    RawRequest {
        method: "POST".to_owned(),
        tail: "statistics".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: crate::json::bytes(call),
    }
}

/// The implementation of `Hooks::decode_found` for providers.
pub fn found(request: &RawRequest) -> Result<Vec<Signal>, Undecodable> {
    let call = serde_json::from_slice(&request.body)
        .map_err(|error| Undecodable(format!("a call of the statistics: {:?}", error.classify())))?;
    Ok(vec![Signal::CallSeen(Box::new(call))])
}

/// The fault of a request without an answer: it may be repeated.
pub fn no_response(silence: NoResponse) -> Fault {
    Fault::later(silence.to_string())
}

/// The fault of a refused request; the text of the answer is not repeated.
pub fn refused(provider: &str, response: &Response) -> Fault {
    let why = format!("{provider} answers {} to the question for its statistics", response.status);
    match response.status {
        401 | 403 => Fault::denied(format!("{why}: are the keys right, and may they read statistics?")),
        429 | 500..=599 => Fault::Later { why, after_ms: response.retry_after_ms() },
        _ => Fault::never(why),
    }
}

#[cfg(test)]
mod tests;
