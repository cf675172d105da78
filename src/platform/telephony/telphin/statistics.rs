//! Telphin's call history, page by page (sheet, 5). A call-back without a talk is ignored, because it is not
//! documented whether its client was dialled. Enter at [`TelphinStatistics`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::short_name;
use super::{Session, Settings, call_key};
use crate::platform::Fault;
use crate::platform::http::{Http, Request};
use crate::platform::reconcile::to_value;
use crate::platform::telephony::statistics::{self, Reading, Remaining, Statistics, TimeRange};
use crate::platform::telephony::{line, phone};
use crate::process::event::{Direction, Outcome};
use crate::process::{At, Urgency};
use crate::signal::{CallEvent, CallWhat, FinalRecord};

/// Conversations per page, and most pages of one range; a school has fewer.
const PAGE: usize = 100;
const PAGES: u64 = 500;

/// The call history of one company.
pub struct TelphinStatistics {
    settings: Settings,
    session: Arc<Session>,
    http: Arc<dyn Http>,
}

impl TelphinStatistics {
    pub fn new(settings: &Settings, session: Arc<Session>, http: Arc<dyn Http>) -> Self {
        Self { settings: settings.clone(), session, http }
    }
}

#[async_trait]
impl Statistics for TelphinStatistics {
    /// Reads one page; Telphin refuses a second request while one is in progress.
    async fn read(&self, range: &TimeRange, now: At) -> Result<Reading, Fault> {
        let place =
            serde_json::from_value(range.place.clone()).unwrap_or(ReadPosition { page: 1, unread: 0 });
        let moment = |at: At| at.format("%Y-%m-%d %H:%M:%S").to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("start_datetime", &moment(range.from))
            .append_pair("end_datetime", &moment(range.until))
            .append_pair("per_page", &PAGE.to_string())
            .append_pair("page", &place.page.to_string())
            .finish();
        let Settings { url, company, .. } = &self.settings;
        let request = Request::new("GET", format!("{url}/api/ver1.0/client/{company}/call_history/?{query}"));
        let sent = self.session.send(&*self.http, request.urgency(Urgency::Backfill)).await;
        let answer = sent.map_err(statistics::no_response)?;
        if !(200..300).contains(&answer.status) {
            return Err(statistics::refused("telphin", &answer));
        }
        let body = answer.json().unwrap_or_default();
        let listed = body["call_history"].as_array();
        let listed = listed.ok_or_else(|| Fault::later("telphin's history is no list of calls"))?;
        // Telphin may limit the page size, so a shorter page can still be a full one.
        let size =
            body["per_page"].as_u64().map_or(PAGE, |size| usize::try_from(size).unwrap_or(PAGE).min(PAGE));
        Ok(read(listed, &self.settings, (place, size), now))
    }

    fn doubt(&self) -> Option<&'static str> {
        Some(
            "no call of the history is known from an event yet: are extensions subscribed to \
             (telphin.extensions), and is call_uuid the events' CallID?",
        )
    }
}

/// The position within a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ReadPosition {
    page: u64,
    /// Conversations of earlier pages that could not be read.
    unread: usize,
}

/// Converts one page; a full page has `size` conversations.
fn read(listed: &[Value], settings: &Settings, (place, size): (ReadPosition, usize), now: At) -> Reading {
    let ReadPosition { page, mut unread } = place;
    let mut calls = Vec::new();
    for talk in listed.iter().filter(|talk| has_ended(talk) && !is_internal(talk)) {
        match record(talk, settings) {
            Some(record) if record.talk_seconds == Some(0) && is_callback(talk) => {}
            Some(record) => {
                let call = call_key(text(talk, "call_uuid").unwrap_or_default());
                calls.push(CallEvent { call, at: record.ended_at, what: CallWhat::Final(record) });
            }
            None => unread += 1,
        }
    }
    let rest = match listed.len() >= size.max(1) {
        true if page >= PAGES => Remaining::All(Some("the history goes on without an end".to_owned())),
        true => Remaining::Place { place: to_value(&ReadPosition { page: page + 1, unread }), again_at: now },
        false => Remaining::after(unread),
    };
    Reading { calls, rest }
}

/// The final record of a conversation; `None` if it cannot be read.
fn record(talk: &Value, settings: &Settings) -> Option<FinalRecord> {
    text(talk, "call_uuid")?;
    let direction = match text(talk, "flow")? {
        "in" => Direction::Inbound,
        "out" => Direction::Outbound,
        _ => return None,
    };
    let (client, own) = match direction {
        Direction::Inbound => ("from_username", "to_username"),
        Direction::Outbound => ("to_username", "from_username"),
    };
    let ended_at = moment(talk, "hangup_time_gmt")?;
    let (outcome, talk_seconds) = outcome(talk, direction);
    // The extension that answered, else the one that the call belonged to.
    let answered = legs(talk).find(|leg| leg["result"] == "answered" && leg["extension_type"] == "phone");
    let named = |part: &Value| settings.extension(part["extension_id"].as_u64()?).map(str::to_owned);
    let extension = answered.and_then(named).or_else(|| named(talk));
    let recordings = || answered.into_iter().chain(legs(talk));
    Some(FinalRecord {
        direction: Some(direction),
        outcome,
        talk_seconds,
        started_at: moment(talk, "init_time_gmt").or_else(|| moment(talk, "start_time_gmt"))?,
        ended_at,
        client_number: text(talk, client).and_then(phone),
        extension: extension.or_else(|| text(talk, own).and_then(short_name)),
        line: text(talk, "did_number").map(line),
        command: None,
        recording: recordings()
            .find_map(|leg| text(leg, "record_uuid"))
            .filter(|_| talk_seconds != Some(0))
            .map(str::to_owned),
        rough: false,
    })
}

/// The outcome and the seconds of talk, if known.
fn outcome(talk: &Value, direction: Direction) -> (Outcome, Option<u32>) {
    let seconds = talk["bridged_duration"].as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    let is_bridged = text(talk, "result") == Some("bridged");
    if legs(talk).any(|leg| leg["result"] == "voicemail") {
        return (Outcome::Voicemail, seconds);
    }
    if seconds.is_some_and(|seconds| seconds > 0) || (is_bridged && seconds.is_none()) {
        return (Outcome::Answered, seconds);
    }
    let said = (text(talk, "result").unwrap_or_default(), text(talk, "hangup_disposition"));
    let outcome = match said {
        ("failed", _) => match text(talk, "hangup_cause") {
            Some("UNALLOCATED_NUMBER" | "INVALID_NUMBER_FORMAT") => Outcome::InvalidNumber,
            Some("SUBSCRIBER_ABSENT" | "NO_USER_RESPONSE") => Outcome::Unreachable,
            _ => Outcome::Failed,
        },
        ("busy", _) => Outcome::Busy,
        ("rejected", _) => Outcome::Rejected,
        ("not answered", Some("caller_cancel")) => Outcome::Cancelled,
        ("not answered", Some("callee_refuse")) => Outcome::Rejected,
        _ => Outcome::NoAnswer,
    };
    match direction {
        // An unanswered incoming call is a missed client, whatever the reason.
        Direction::Inbound if outcome != Outcome::Failed => (Outcome::NoAnswer, Some(0)),
        _ => (outcome, Some(0)),
    }
}

fn has_ended(talk: &Value) -> bool {
    !talk["hangup_time_gmt"].is_null()
}

/// Extensions on both sides: their names contain a star after the company's number.
fn is_internal(talk: &Value) -> bool {
    let is_own = |name| text(talk, name).is_some_and(|name| name.contains('*'));
    is_own("from_username") && is_own("to_username")
}

fn is_callback(talk: &Value) -> bool {
    legs(talk).any(|leg| leg["application"] == "callback")
}

fn legs(talk: &Value) -> impl Iterator<Item = &Value> {
    talk["cdr"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value[name].as_str().filter(|text| !text.is_empty())
}

/// UTC, with or without fractions of a second.
fn moment(talk: &Value, name: &str) -> Option<At> {
    let said = NaiveDateTime::parse_from_str(text(talk, name)?, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(said.and_utc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIRST: (ReadPosition, usize) = (ReadPosition { page: 1, unread: 0 }, PAGE);

    fn settings() -> Settings {
        toml::from_str("extensions = { 101 = 200101, 102 = 200102 }").expect("settings")
    }

    /// An outgoing talk of one minute, with changes.
    fn talk(change: Value) -> Value {
        let mut talk = json!({
            "call_uuid": "C0FFEE01C0FFEE01C0FFEE01C0FFEE01", "flow": "out", "result": "bridged",
            "init_time_gmt": "2026-01-01 08:00:00.76", "hangup_time_gmt": "2026-01-01 08:01:12",
            "bridged_duration": 60, "from_username": "20000*101", "to_username": "+79005550101",
            "extension_id": 200101, "did_number": null, "hangup_cause": "NORMAL_CLEARING",
            "cdr": [{
                "result": "answered", "extension_type": "phone", "extension_id": 200101,
                "record_uuid": "200101-AB", "application": "callback",
            }],
        });
        for (name, value) in change.as_object().expect("an object") {
            talk[name] = value.clone();
        }
        talk
    }

    /// A call without a talk, for this reason.
    fn no_talk(change: Value) -> Value {
        let mut talk = talk(json!({ "bridged_duration": null, "result": "not answered", "cdr": [] }));
        for (name, value) in change.as_object().expect("an object") {
            talk[name] = value.clone();
        }
        talk
    }

    fn records(talks: &[Value]) -> Vec<FinalRecord> {
        let calls = read(talks, &settings(), FIRST, At::UNIX_EPOCH).calls;
        let records = calls.into_iter().filter_map(|call| match call.what {
            CallWhat::Final(record) => Some(record),
            _ => None,
        });
        records.collect()
    }

    #[test]
    fn a_conversation_is_a_final_record() {
        let [record] = records(&[talk(json!({}))]).try_into().expect("one");
        assert_eq!((record.outcome, record.talk_seconds), (Outcome::Answered, Some(60)));
        assert_eq!((record.ended_at - record.started_at).num_milliseconds(), 71_240);
        assert_eq!(record.client_number.as_deref(), Some("+79005550101"));
        assert_eq!(
            (record.extension.as_deref(), record.recording.as_deref()),
            (Some("101"), Some("200101-AB"))
        );
        let inbound = talk(json!({
            "flow": "in", "from_username": "+79005550101", "to_username": "20000*199", "extension_id": 200199,
            "did_number": "74955550000",
            "cdr": [
                { "result": "answered elsewhere", "extension_type": "phone", "extension_id": 200101 },
                { "result": "answered", "extension_type": "phone", "extension_id": 200102 },
            ],
        }));
        let [record] = records(&[inbound]).try_into().expect("one");
        assert_eq!((record.direction, record.extension.as_deref()), (Some(Direction::Inbound), Some("102")));
        assert_eq!(record.client_number.as_deref(), Some("+79005550101"));
        assert_eq!(record.line.as_deref(), Some("+74955550000"));
    }

    #[test]
    fn results_mean_what_the_sheet_says() {
        use Outcome::*;
        for (change, expected) in [
            (json!({}), NoAnswer),
            (json!({ "hangup_disposition": "caller_cancel" }), Cancelled),
            (json!({ "hangup_disposition": "callee_refuse" }), Rejected),
            (json!({ "result": "busy" }), Busy),
            (json!({ "result": "rejected" }), Rejected),
            (json!({ "result": "failed", "hangup_cause": "UNALLOCATED_NUMBER" }), InvalidNumber),
            (json!({ "result": "failed", "hangup_cause": "SUBSCRIBER_ABSENT" }), Unreachable),
            (json!({ "result": "failed", "hangup_cause": "NETWORK" }), Failed),
            (json!({ "result": "bridged" }), Answered),
            (json!({ "result": "bridged", "bridged_duration": 0 }), NoAnswer),
            (json!({ "cdr": [{ "result": "voicemail" }] }), Voicemail),
            (json!({ "flow": "in", "hangup_disposition": "caller_cancel" }), NoAnswer),
        ] {
            let outcomes: Vec<Outcome> =
                records(&[no_talk(change.clone())]).iter().map(|record| record.outcome).collect();
            assert_eq!(outcomes, [expected], "{change}");
        }
    }

    /// Irrelevant rows are skipped; unreadable rows are reported and read again.
    #[test]
    fn a_page_loses_no_call() {
        let callback = json!({ "cdr": [{ "result": "not answered", "application": "callback" }] });
        let page = |count: usize| vec![talk(json!({})); count];
        for (talks, page, calls, expected) in [
            (page(0), 1, 0, Remaining::Nothing),
            (page(99), 1, 99, Remaining::Nothing),
            (
                page(100),
                1,
                100,
                Remaining::Place { place: json!({ "page": 2, "unread": 0 }), again_at: At::UNIX_EPOCH },
            ),
            (page(100), 500, 100, Remaining::All(Some("the history goes on without an end".to_owned()))),
            (vec![talk(json!({ "hangup_time_gmt": null }))], 1, 0, Remaining::Nothing),
            (vec![talk(json!({ "to_username": "20000*102" }))], 1, 0, Remaining::Nothing),
            (vec![no_talk(callback)], 1, 0, Remaining::Nothing),
        ] {
            let reading = read(&talks, &settings(), (ReadPosition { page, unread: 0 }, PAGE), At::UNIX_EPOCH);
            assert_eq!((reading.calls.len(), reading.rest), (calls, expected));
        }
        for broken in
            [json!({ "call_uuid": "" }), json!({ "hangup_time_gmt": "soon" }), json!({ "flow": null })]
        {
            let reading = read(&[talk(broken.clone()), talk(json!({}))], &settings(), FIRST, At::UNIX_EPOCH);
            assert_eq!(reading.calls.len(), 1, "{broken}");
            assert!(
                matches!(reading.rest, Remaining::All(Some(why)) if why.starts_with("1 rows")),
                "{broken}"
            );
        }
    }
}
