//! Sipuni's format of an event: kind, sides of the call, statuses (sheet, 2.1 to 2.3).
//! Enter at [`WireEvent::read`].

use crate::platform::telephony::{Fields, folded, line, phone};
use crate::process::event::{Direction, Outcome};

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Start,
    End,
    Answer,
    /// One of several phones hung up, or a transfer: no result of the call.
    Secondary,
}

/// Extensions are shorter than the shortest number of an outside party.
const OUTSIDE_DIGITS_MIN: usize = 7;
/// A number with its area code.
const WHOLE_DIGITS_MIN: usize = 10;

/// Where a side of the call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
}

/// The fields of one event, with the direction of the call.
#[derive(Debug)]
pub struct WireEvent {
    fields: Fields,
    /// Numbers of the school's cabinets, which are prefixed to extensions.
    users: Vec<String>,
    pub direction: Direction,
}

impl WireEvent {
    /// `None` for an internal call.
    pub fn read(fields: Fields, users: &[String]) -> Option<Self> {
        // The flag alone is wrong at times: it counts only where no side is known to be outside.
        let is_inner = fields.int("is_inner_call") == Some(1);
        let by_number = |side: &str| by_number(&fields, side, users);
        let side = |side: &str| match fields.int(&format!("{side}_type")) {
            Some(1) => Some(Side::Outside),
            // So is the type: no extension is as long as a whole number.
            Some(2) if is_whole_number(&fields, side, users) => Some(Side::Outside),
            Some(2) => Some(Side::Inside),
            _ => by_number(side),
        };
        let has_short_sides = ["src", "dst"].into_iter().all(|side| by_number(side) == Some(Side::Inside));
        let direction = match (side("src"), side("dst")) {
            _ if is_inner && has_short_sides => return None,
            (Some(Side::Inside), Some(Side::Inside)) => return None,
            (None, None) if is_inner => return None,
            (Some(Side::Inside), _) => Direction::Outbound,
            // 1/1 occurs for incoming calls that nobody answered (2.2).
            _ => Direction::Inbound,
        };
        Some(Self { fields, users: users.to_vec(), direction })
    }

    pub fn kind(&self) -> Option<EventKind> {
        Some(match self.fields.text("event")? {
            "1" => EventKind::Start,
            "2" => EventKind::End,
            "3" => EventKind::Answer,
            "4" => EventKind::Secondary,
            _ => return None,
        })
    }

    /// Asterisk's unique id: the same in all events of a call.
    pub fn call(&self) -> Option<&str> {
        self.fields.text("call_id")
    }

    /// The id from the answer to our own call start, if events contain it [3P].
    pub fn callback(&self) -> Option<&str> {
        self.fields.text("callbackid")
    }

    /// Unix seconds of one of the event's moments; 0 is «never».
    pub fn seconds(&self, name: &str) -> Option<i64> {
        self.fields.int(name).filter(|seconds| *seconds > 0)
    }

    /// The client's side, E.164; absent when hidden.
    pub fn client(&self) -> Option<String> {
        match self.direction {
            Direction::Inbound => self.number("src_num"),
            Direction::Outbound => self.number("pbxdstnum").or_else(|| self.number("dst_num")),
        }
    }

    /// Our line that was called; for outgoing calls the line is not reported.
    pub fn line(&self) -> Option<String> {
        if self.direction == Direction::Outbound {
            return None;
        }
        let number = self.fields.text("pbxdstnum").or_else(|| self.fields.text("dst_num"))?;
        Some(line(without_id(number)))
    }

    /// The manager's extension, on his side of this event.
    pub fn extension(&self) -> Option<String> {
        let (short, whole) = match self.direction {
            Direction::Outbound => ("short_src_num", "src_num"),
            Direction::Inbound if self.fields.int("dst_type") == Some(2) => ("short_dst_num", "dst_num"),
            Direction::Inbound => return None,
        };
        let number = self.fields.text(short).or_else(|| self.fields.text(whole))?;
        Some(without_cabinet(number, &self.users).to_owned())
    }

    /// The extension that was called last; the separators of the list vary.
    pub fn last_called(&self) -> Option<String> {
        let numbers = self.fields.text("last_called")?;
        let last = numbers.rsplit([',', '&', ';', ' ']).find(|one| !one.is_empty())?;
        Some(without_cabinet(last, &self.users).to_owned())
    }

    /// The outcome for the client's side (2.3). A refusal, and a manager who hung up, also give `NOANSWER`
    /// and cannot be distinguished.
    pub fn outcome(&self) -> Outcome {
        let status = folded(self.fields.text("status").unwrap_or_default());
        match (status.as_str(), self.direction) {
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

    fn number(&self, name: &str) -> Option<String> {
        phone(without_id(self.fields.text(name)?))
    }
}

/// Where a side is by the length of its number; `side` is `src` or `dst`.
fn by_number(fields: &Fields, side: &str, users: &[String]) -> Option<Side> {
    let number = fields.text(&format!("{side}_num")).or_else(|| fields.text(&format!("short_{side}_num")))?;
    let number = without_cabinet(without_id(number), users);
    let digits = number.chars().filter(char::is_ascii_digit).count();
    Some(if digits < OUTSIDE_DIGITS_MIN { Side::Inside } else { Side::Outside })
}

/// A number with its area code and no extension beside it. A cabinet's number begins with a zero.
fn is_whole_number(fields: &Fields, side: &str, users: &[String]) -> bool {
    let text = |name: String| fields.text(&name).map(|number| without_cabinet(without_id(number), users));
    let digits = |number: &str| number.chars().filter(char::is_ascii_digit).count();
    let has_extension =
        text(format!("short_{side}_num")).is_some_and(|short| digits(short) < OUTSIDE_DIGITS_MIN);
    let number = text(format!("{side}_num")).filter(|number| !number.starts_with('0'));
    !has_extension && number.is_some_and(|number| digits(number) >= WHOLE_DIGITS_MIN)
}

/// `012345101` → `101`; `users` are the numbers of the school's cabinets.
pub fn without_cabinet<'a>(number: &'a str, users: &[String]) -> &'a str {
    let stripped = users.iter().find_map(|user| number.strip_prefix(user.as_str()));
    stripped.filter(|rest| !rest.is_empty()).unwrap_or(number)
}

/// `74955550000_id123456` → `74955550000`.
pub fn without_id(number: &str) -> &str {
    number.split_once("_id").map_or(number, |(number, _)| number)
}
