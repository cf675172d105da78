//! Decodes a notification of Mango Office into one signal (sheet, 3 and 5). The result of a whole call is
//! merged from all its events in `intake::calls`. Enter at [`signal`].

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{code, wire};
use crate::platform::Undecodable;
use crate::process::At;
use crate::process::event::{Direction, Outcome};
use crate::signal::{CallEvent, CallWhat, FinalRecord, Leg, LegState, Signal};

/// The signal of one notification; `tail` has no outer or doubled slashes. `at` is when it was accepted, for
/// events without a usable time.
pub fn signal(tail: &str, body: &Value, at: At) -> Result<Signal, Undecodable> {
    match tail {
        "events/call" => leg(body, at),
        "events/summary" => summary(body, at),
        "events/record/added" => recording(body, at),
        "result/stats" | "result/stat" => Ok(nothing("statistics are ready")),
        tail if tail.starts_with("result/") => answered(body),
        tail if tail.starts_with("events/") => Ok(nothing("an event that says nothing of a result")),
        _ => Ok(nothing("an unknown address")),
    }
}

/// `mango:<entry_id>`: the key under which a call's events are merged.
fn call(body: &Value) -> Result<String, Undecodable> {
    let entry = wire::text(&body["entry_id"]).ok_or_else(|| Undecodable("no entry_id".to_owned()))?;
    Ok(format!("mango:{entry}"))
}

fn leg(body: &Value, at: At) -> Result<Signal, Undecodable> {
    let sides = Sides::read(body);
    if sides.internal() {
        return Ok(nothing("an internal call"));
    }
    let leg = wire::text(&body["call_id"]).ok_or_else(|| Undecodable("no call_id".to_owned()))?;
    let seq = wire::int(&body["seq"]).and_then(|seq| u32::try_from(seq).ok()).unwrap_or(0);
    let Some(state) = state(body, &sides) else {
        return Err(Undecodable("an unknown call_state".to_owned()));
    };
    let leg = Leg {
        leg,
        seq,
        state,
        direction: sides.direction(),
        client_number: sides.client(),
        extension: sides.to_extension.clone().or_else(|| sides.from_extension.clone()),
        line: sides.line.clone(),
        taken_from: sides.taken_from.clone(),
        command: wire::text(&body["command_id"]),
        manager_leg: sides.manager_leg(),
        menu: sides.in_menu,
        talk_seconds: None,
    };
    let at = moment(&body["timestamp"]).unwrap_or(at);
    Ok(Signal::CallSeen(Box::new(CallEvent { call: call(body)?, at, what: CallWhat::Leg(leg) })))
}

fn state(body: &Value, sides: &Sides) -> Option<LegState> {
    Some(match body["call_state"].as_str()? {
        "Appeared" => LegState::Ringing,
        // A call taken by a menu or a queue has not been answered by a person.
        "Connected" if sides.in_menu => LegState::Ringing,
        "Connected" => LegState::Talking,
        "OnHold" => LegState::OnHold,
        "Disconnected" => {
            let code = wire::int(&body["disconnect_reason"]).unwrap_or(1100);
            LegState::Ended(match sides.direction() {
                // The manager's leg was merged into the client's, so he did pick up.
                _ if code::is_replaced(code) && sides.manager_leg() => Outcome::Answered,
                // Nobody of ours hangs up a call that the campaign dialled.
                _ if sides.campaign => match code::outcome(code, Direction::Outbound) {
                    Outcome::Cancelled => Outcome::NoAnswer,
                    outcome => outcome,
                },
                direction => code::outcome(code, direction.unwrap_or(Direction::Outbound)),
            })
        }
        _ => return None,
    })
}

/// The two sides of a leg.
struct Sides {
    from_extension: Option<String>,
    to_extension: Option<String>,
    from_number: Option<String>,
    to_number: Option<String>,
    line: Option<String>,
    to_line: bool,
    taken_from: Option<String>,
    in_menu: bool,
    /// Set for any call-back; only its presence is reliable, not its value (3.1).
    callback: bool,
    /// Set for a call of an outgoing campaign, whose leg looks like a call from the client.
    campaign: bool,
}

impl Sides {
    fn read(body: &Value) -> Self {
        let (from, to) = (&body["from"], &body["to"]);
        let line = [&to["line_number"], &from["line_number"]].into_iter().find_map(wire::line);
        let location = body["location"].as_str().or(body["locaton"].as_str()).unwrap_or_default();
        Self {
            from_extension: wire::text(&from["extension"]),
            to_extension: wire::text(&to["extension"]),
            from_number: wire::phone(&from["number"]),
            to_number: wire::phone(&to["number"]),
            line,
            to_line: wire::text(&to["line_number"]).is_some(),
            taken_from: wire::text(&from["taken_from_call_id"]),
            in_menu: location.starts_with("ivr") || location.starts_with("queue"),
            callback: wire::text(&body["callback_initiator"]).is_some(),
            campaign: wire::text(&body["task_id"]).is_some_and(|id| id != "0"),
        }
    }

    fn internal(&self) -> bool {
        self.from_extension.is_some() && self.to_extension.is_some() && !self.callback
    }

    /// A side that is no employee's has a number.
    fn has_outside(&self) -> bool {
        (self.from_extension.is_none() && self.from_number.is_some())
            || (self.to_extension.is_none() && self.to_number.is_some())
    }

    /// The first leg of a call-back, which looks like a call from the client to the manager (5.1).
    fn manager_leg(&self) -> bool {
        self.callback
            && self.from_extension.is_none()
            && self.taken_from.is_none()
            && self.to_extension.is_some()
    }

    /// Section 5.2.
    fn direction(&self) -> Option<Direction> {
        if self.callback || self.campaign || (self.from_extension.is_some() && self.to_extension.is_none()) {
            Some(Direction::Outbound)
        } else if self.to_extension.is_some() || self.to_line || self.in_menu {
            Some(Direction::Inbound)
        } else {
            None
        }
    }

    /// The side without an extension (5.3).
    fn client(&self) -> Option<String> {
        let is_shown_as_caller =
            self.campaign && self.from_extension.is_none() && self.to_extension.is_some();
        if self.manager_leg() || is_shown_as_caller || self.direction() == Some(Direction::Inbound) {
            return self.from_number.clone();
        }
        self.to_number.clone()
    }
}

fn summary(body: &Value, at: At) -> Result<Signal, Undecodable> {
    let sides = Sides::read(body);
    let direction = match wire::int(&body["call_direction"]) {
        // The number decides against the flag: an outside party makes it a call of a client.
        Some(0) if sides.has_outside() => sides.direction(),
        Some(0) => return Ok(nothing("an internal call")),
        Some(1) => Some(Direction::Inbound),
        Some(2) => Some(Direction::Outbound),
        _ => None,
    };
    let (said, created) = (moment(&body["end_time"]), moment(&body["create_time"]));
    if said.or(created).is_none() {
        return Err(Undecodable("neither create_time nor end_time".to_owned()));
    }
    // Without an end only the arrival shows when it ended, and nothing how long it was.
    let ended_at = said.unwrap_or(at);
    let (from, to) = (&body["from"], &body["to"]);
    let (client, manager) = if direction == Some(Direction::Inbound) { (from, to) } else { (to, from) };
    let talk_seconds = talk_seconds(body, said);
    let reason = wire::int(&body["disconnect_reason"]).unwrap_or(1100);
    let outcome = match talk_seconds {
        Some(0) => code::outcome(reason, direction.unwrap_or(Direction::Outbound)),
        _ if code::is_voicemail(reason) => Outcome::Voicemail,
        _ => Outcome::Answered,
    };
    let record = FinalRecord {
        direction,
        outcome,
        talk_seconds,
        started_at: created.unwrap_or(ended_at),
        ended_at,
        client_number: wire::phone(&client["number"]),
        extension: wire::text(&manager["extension"]),
        line: wire::line(&body["line_number"]),
        command: None,
        recording: None,
        rough: talk_seconds.is_none(),
    };
    Ok(Signal::CallSeen(Box::new(CallEvent {
        call: call(body)?,
        at: ended_at,
        what: CallWhat::Final(record),
    })))
}

/// `entry_result` may be 1 without a talk: only the time of the answer counts (8). The length is unknown if
/// that time is missing or behind the end, or the end is.
fn talk_seconds(body: &Value, ended_at: Option<At>) -> Option<u32> {
    match (moment(&body["talk_time"]), wire::int(&body["talk_time"])) {
        (Some(answered), _) => u32::try_from((ended_at? - answered).num_seconds()).ok(),
        (None, None) if wire::int(&body["entry_result"]) == Some(1) => None,
        (None, _) => Some(0),
    }
}

fn recording(body: &Value, at: At) -> Result<Signal, Undecodable> {
    let recording =
        wire::text(&body["recording_id"]).ok_or_else(|| Undecodable("no recording_id".to_owned()))?;
    let at = moment(&body["timestamp"]).unwrap_or(at);
    Ok(Signal::CallSeen(Box::new(CallEvent {
        call: call(body)?,
        at,
        what: CallWhat::Recording { recording },
    })))
}

fn answered(body: &Value) -> Result<Signal, Undecodable> {
    let command = wire::text(&body["command_id"]).ok_or_else(|| Undecodable("no command_id".to_owned()))?;
    let result = wire::int(&body["result"]).ok_or_else(|| Undecodable("no result".to_owned()))?;
    Ok(Signal::CommandAnswered { command, done: code::is_accepted(result), why: format!("mango {result}") })
}

fn nothing(what: &str) -> Signal {
    Signal::Nothing { what: format!("mango: {what}") }
}

/// Unix seconds, as a number or text; 0 is «never».
fn moment(value: &Value) -> Option<At> {
    let seconds = wire::int(value).filter(|seconds| *seconds > 0)?;
    DateTime::<Utc>::from_timestamp(seconds, 0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    /// A summary without an end still ends the call (F1).
    #[test]
    fn a_summary_without_an_end_ended_when_it_came() {
        let came = At::UNIX_EPOCH + TimeDelta::seconds(1_764_000_000);
        for (end, talk, expected) in [
            (None, 1_763_999_000, (came, Outcome::Answered, None)),
            (
                Some(1_763_999_060),
                1_763_999_000,
                (came - TimeDelta::seconds(940), Outcome::Answered, Some(60)),
            ),
            (None, 0, (came, Outcome::NoAnswer, Some(0))),
        ] {
            let body = json!({
                "entry_id": "e1", "call_direction": 1, "entry_result": 0, "talk_time": talk, "end_time": end,
                "create_time": 1_763_998_990, "disconnect_reason": 1110, "line_number": "74955550100",
                "from": { "number": "79035550127" }, "to": { "extension": "101", "number": "sip:a@b" },
            });
            let Ok(Signal::CallSeen(call)) = signal("events/summary", &body, came) else { panic!("a call") };
            let CallWhat::Final(record) = call.what else { panic!("its end") };
            assert_eq!((record.ended_at, record.outcome, record.talk_seconds), expected);
        }
    }
}
