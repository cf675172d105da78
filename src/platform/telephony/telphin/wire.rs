//! Telphin's format of an event: kind, flow, statuses, microseconds (sheet, 3).
//! Enter at [`WireEvent::read`].

use chrono::DateTime;

use super::Settings;
use crate::platform::telephony::{Fields, folded, line};
use crate::process::At;
use crate::process::event::{Direction, Outcome};

/// A time below this is in seconds, as some installations write it.
const MICROSECONDS_MIN: i64 = 100_000_000_000_000;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Dial,
    Answer,
    Hangup,
}

/// The fields of one event, with the direction of the leg.
#[derive(Debug)]
pub struct WireEvent {
    fields: Fields,
    /// Seen from the extension: the first leg of a call-back is inbound.
    pub flow: Direction,
    /// Short number of the leg's extension.
    pub extension: Option<String>,
}

impl WireEvent {
    /// `None` for an internal call.
    pub fn read(fields: Fields, settings: &Settings) -> Option<Self> {
        let flow = flow(&fields);
        let (own, other) = match flow {
            Direction::Inbound => ("called", "caller"),
            Direction::Outbound => ("caller", "called"),
        };
        let short = |side: &str| short(&fields, side, settings);
        let extension = short(own);
        let event = Self { extension, flow, fields: fields.clone() };
        let is_internal = short(other).is_some() && event.client().is_none();
        (!is_internal).then_some(event)
    }

    pub fn kind(&self) -> Option<EventKind> {
        Some(match self.fields.text("eventtype")? {
            "dial-in" | "dial-out" => EventKind::Dial,
            "answer" => EventKind::Answer,
            "hangup" => EventKind::Hangup,
            _ => return None,
        })
    }

    /// The id of the conversation, including all forwards.
    pub fn call(&self) -> Option<&str> {
        self.fields.text("callid")
    }

    /// The id of one extension's leg. Both legs of a call-back may have the same id, so the flow is added.
    pub fn leg(&self) -> Option<String> {
        let id = self.fields.text("subcallid").or_else(|| self.call())?;
        let flow = if self.flow == Direction::Inbound { "in" } else { "out" };
        Some(format!("{}/{flow}", id.to_lowercase()))
    }

    /// The id for controlling the call; for our own call starts it equals the id in the answer.
    pub fn api_call(&self) -> Option<&str> {
        self.fields.text("callapiid")
    }

    /// Set for calls made by the call-back resource; their inbound leg is the manager's.
    pub fn is_callback(&self) -> bool {
        self.fields.text("callbackid").is_some()
    }

    /// The outside party, E.164; absent when hidden.
    pub fn client(&self) -> Option<String> {
        let by_flow = match self.flow {
            Direction::Inbound => "calleridnum",
            Direction::Outbound => "callednumber",
        };
        self.fields.phone("remotenumber").or_else(|| self.fields.phone(by_flow))
    }

    /// Our number that was called.
    pub fn line(&self) -> Option<String> {
        self.fields.text("calleddid").map(line)
    }

    pub fn at(&self) -> Option<At> {
        let time = self.fields.int("eventtime").filter(|moment| *moment > 0)?;
        match time {
            MICROSECONDS_MIN.. => DateTime::from_timestamp_micros(time),
            _ => DateTime::from_timestamp(time, 0),
        }
    }

    /// Seconds of talk, rounded: the bridged time, if reported; zero of it is no talk. Beside an answer a whole
    /// length of zero or less is wrong, so the length is unknown.
    pub fn talk_seconds(&self) -> Option<u32> {
        let bridged = self.fields.int("bridgedduration").filter(|micros| *micros >= 0);
        let micros = bridged.or_else(|| self.fields.int("duration").filter(|micros| *micros > 0))?;
        u32::try_from(micros.saturating_add(500_000).div_euclid(1_000_000)).ok()
    }

    /// The outcome for the client's side (3.2).
    pub fn outcome(&self) -> Outcome {
        let status = folded(self.fields.text("callstatus").unwrap_or_default());
        match (status.as_str(), self.flow) {
            ("answer" | "answered", _) => Outcome::Answered,
            ("noanswer", _) => Outcome::NoAnswer,
            ("congestion", _) => Outcome::Failed,
            (_, Direction::Inbound) => Outcome::NoAnswer,
            ("busy", _) => Outcome::Busy,
            ("cancel", _) => Outcome::Cancelled,
            ("chanunavail", _) => Outcome::Unreachable,
            _ => Outcome::Failed,
        }
    }

    pub fn recording(&self) -> Option<&str> {
        self.fields.text("recid")
    }
}

fn flow(fields: &Fields) -> Direction {
    match (fields.text("callflow"), fields.text("eventtype")) {
        (Some("in"), _) => Direction::Inbound,
        (Some("out"), _) => Direction::Outbound,
        (_, Some("dial-in")) => Direction::Inbound,
        (_, Some("dial-out")) => Direction::Outbound,
        // Neither is stated: the side with an extension is ours.
        _ if fields.text("calledextension").is_some() => Direction::Inbound,
        _ => Direction::Outbound,
    }
}

/// The extension on this side; found by its id first, because an id does not change.
fn short(fields: &Fields, side: &str, settings: &Settings) -> Option<String> {
    let id = fields.int(&format!("{side}extensionid")).and_then(|id| u64::try_from(id).ok());
    if let Some(known) = id.and_then(|id| settings.extension(id)) {
        return Some(known.to_owned());
    }
    short_name(fields.text(&format!("{side}extension"))?)
}

/// `20000*101@sipproxy.telphin.ru` → `101`.
pub fn short_name(name: &str) -> Option<String> {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let short = name.rsplit_once('*').map_or(name, |(_, short)| short);
    (!short.is_empty()).then(|| short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::RawRequest;

    #[test]
    fn a_length_that_is_wrong_is_unknown_and_not_zero() {
        for (told, expected) in [
            ("Duration=60000000", Some(60)),
            ("BridgedDuration=0&Duration=9000000", Some(0)),
            ("BridgedDuration=-1&Duration=9000000", Some(9)),
            ("Duration=-1", None),
            ("Duration=0", None),
            ("Duration=", None),
            ("EventType=hangup", None),
        ] {
            let query = format!("CallID=1&CallStatus=ANSWER&CallFlow=in&{told}");
            let request = RawRequest {
                method: "GET".to_owned(),
                tail: String::new(),
                query,
                headers: Vec::new(),
                body: Vec::new(),
            };
            let fields = Fields::read(&request).expect("small");
            let event = WireEvent { fields, flow: Direction::Inbound, extension: None };
            assert_eq!(event.talk_seconds(), expected, "{told}");
        }
    }
}
