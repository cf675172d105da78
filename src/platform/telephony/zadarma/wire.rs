//! Zadarma's format of an event: kind, sides of the call, results, causes (sheet, 3).
//! Enter at [`WireEvent::read`].

use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use crate::platform::telephony::{Fields, folded, line, phone};
use crate::process::At;
use crate::process::event::{Direction, Outcome};

/// Numbers with at most this many digits are extensions.
const EXTENSION_DIGITS: usize = 5;

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Ringing,
    Answer,
    End,
    Record,
}

/// The fields of one event, with the direction of the call.
#[derive(Debug)]
pub struct WireEvent {
    fields: Fields,
    pub direction: Direction,
}

impl WireEvent {
    pub fn read(fields: Fields) -> Self {
        let direction = direction(&fields);
        Self { fields, direction }
    }

    pub fn kind(&self) -> Option<EventKind> {
        Some(match self.fields.text("event")? {
            "NOTIFY_START" | "NOTIFY_INTERNAL" | "NOTIFY_OUT_START" => EventKind::Ringing,
            "NOTIFY_ANSWER" => EventKind::Answer,
            "NOTIFY_END" | "NOTIFY_OUT_END" => EventKind::End,
            "NOTIFY_RECORD" => EventKind::Record,
            _ => return None,
        })
    }

    /// The same in all events of a call.
    pub fn call(&self) -> Option<&str> {
        self.fields.text("pbx_call_id")
    }

    /// The other side is an extension: the manager's leg of a call-back, or a colleague. `callback_leg1` is
    /// not documented.
    pub fn is_internal(&self) -> bool {
        let other = match self.direction {
            Direction::Inbound => self.fields.text("caller_id"),
            Direction::Outbound => self.dialled(),
        };
        self.fields.text("calltype") == Some("callback_leg1") || other.is_some_and(is_extension)
    }

    /// The client's side, E.164; absent when hidden.
    pub fn client(&self) -> Option<String> {
        match self.direction {
            Direction::Inbound => self.fields.phone("caller_id"),
            Direction::Outbound => self.dialled().and_then(phone),
        }
    }

    fn dialled(&self) -> Option<&str> {
        self.fields.text("destination").or_else(|| self.fields.text("called_did"))
    }

    /// Our number that was called or shown to the client.
    pub fn line(&self) -> Option<String> {
        let number = match self.direction {
            Direction::Inbound => self.fields.text("called_did"),
            Direction::Outbound => self.fields.text("caller_id"),
        };
        number.filter(|number| !is_extension(number)).map(line)
    }

    /// The manager's extension; with several, the one who talked last.
    pub fn extension(&self) -> Option<&str> {
        let answered = || self.fields.text("destination").filter(|number| is_extension(number));
        match self.direction {
            Direction::Outbound => self.fields.text("internal").or_else(|| {
                // An outgoing call in the form of an incoming one: the caller is the extension.
                self.fields.text("caller_id").filter(|number| is_extension(number))
            }),
            Direction::Inbound => {
                self.fields.text("last_internal").or_else(|| self.fields.text("internal")).or_else(answered)
            }
        }
    }

    /// When the call began, in the account's time zone.
    pub fn started_at(&self, zone: Tz) -> Option<At> {
        moment(self.fields.text("call_start")?, zone)
    }

    /// The call's length, if reported.
    pub fn seconds(&self) -> Option<u32> {
        self.fields.int("duration").and_then(|seconds| u32::try_from(seconds).ok())
    }

    pub fn outcome(&self) -> Outcome {
        let cause = self.fields.int("status_code");
        outcome(self.fields.text("disposition").unwrap_or_default(), cause, self.direction)
    }

    /// The key of the recording, if there is one.
    pub fn recording(&self) -> Option<&str> {
        self.fields.text("call_id_with_rec").filter(|_| self.fields.text("is_recorded") != Some("0"))
    }
}

/// The prefix of the id is reliable, `internal` is not (3.2). A call from an extension is outgoing.
fn direction(fields: &Fields) -> Direction {
    let is_leg_to_client = fields.text("calltype") == Some("callback_leg2");
    let has_short_caller = fields.text("caller_id").is_some_and(is_extension);
    let call = fields.text("pbx_call_id").unwrap_or_default();
    match fields.text("event").unwrap_or_default() {
        _ if is_leg_to_client || call.starts_with("out_") => Direction::Outbound,
        "NOTIFY_OUT_START" | "NOTIFY_OUT_END" => Direction::Outbound,
        "NOTIFY_END" if has_short_caller => Direction::Outbound,
        _ => Direction::Inbound,
    }
}

/// `101`, not `0`, which is a hidden caller.
pub fn is_extension(number: &str) -> bool {
    (2..=EXTENSION_DIGITS).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2026-01-01 11:00:00` in the account's zone.
pub fn moment(local_time: &str, zone: Tz) -> Option<At> {
    let local = NaiveDateTime::parse_from_str(local_time, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(zone.from_local_datetime(&local).earliest()?.to_utc())
}

/// The outcome for the client's side (3.1); `cause` is from Q.931.
pub fn outcome(disposition: &str, cause: Option<i64>, direction: Direction) -> Outcome {
    let outcome = match folded(disposition).as_str() {
        "answered" => return Outcome::Answered,
        "nomoney" | "nolimit" | "nodaylimit" | "linelimit" | "nomoney,nolimit" => {
            return Outcome::Failed;
        }
        "noanswer" => Outcome::NoAnswer,
        "busy" => Outcome::Busy,
        "cancel" => Outcome::Cancelled,
        "unallocatednumber" => Outcome::InvalidNumber,
        _ => match cause {
            Some(1 | 28) => Outcome::InvalidNumber,
            Some(17) => Outcome::Busy,
            Some(18 | 20) => Outcome::Unreachable,
            Some(19) => Outcome::NoAnswer,
            Some(21) => Outcome::Rejected,
            _ => Outcome::Failed,
        },
    };
    // An unanswered incoming call is a missed client, whatever the reason.
    if direction == Direction::Inbound { Outcome::NoAnswer } else { outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_mean_what_the_sheet_says() {
        use Outcome::*;
        for (disposition, cause, outbound, inbound) in [
            ("answered", Some(16), Answered, Answered),
            ("no answer", Some(19), NoAnswer, NoAnswer),
            ("No_Answer", None, NoAnswer, NoAnswer),
            ("busy", Some(17), Busy, NoAnswer),
            ("cancel", Some(16), Cancelled, NoAnswer),
            (" Call Failed ", Some(20), Unreachable, NoAnswer),
            ("failed", Some(28), InvalidNumber, NoAnswer),
            ("failed", Some(21), Rejected, NoAnswer),
            ("failed", Some(38), Failed, NoAnswer),
            ("failed", None, Failed, NoAnswer),
            ("unallocated number", None, InvalidNumber, NoAnswer),
            ("no money, no limit", Some(1), Failed, Failed),
            ("line limit", None, Failed, Failed),
            ("dancing", Some(18), Unreachable, NoAnswer),
            ("", None, Failed, NoAnswer),
        ] {
            assert_eq!(outcome(disposition, cause, Direction::Outbound), outbound, "{disposition} {cause:?}");
            assert_eq!(outcome(disposition, cause, Direction::Inbound), inbound, "{disposition} {cause:?}");
        }
    }
}
