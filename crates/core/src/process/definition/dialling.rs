//! Figures of dialling: ladder, windows, limits of a round, starting of calls. The time of the next attempt
//! is computed in `ladder`. Enter at [`Dialling`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::process::hours::Window;

/// D1–D3, D5, D10–D12.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialling {
    /// One list a day: `now`, `+20m`, `+2h30m`, or the name of a window (D2).
    pub ladder: Vec<Vec<LadderStep>>,
    /// Named windows in the client's time (D2).
    pub windows: BTreeMap<String, Window>,
    /// Minutes between attempts at a fixed interval instead of the ladder; 0: off.
    pub every_minutes: u32,
    /// Minimum minutes between two attempts (D2).
    pub gap_minutes: u32,
    /// Days with permitted calls before giving up (D3).
    pub days: u32,
    /// Attempts without a talk before giving up (D3).
    pub attempts_min: u32,
    /// Hours from the last message to the cancellation (D3).
    pub give_up_hours: u32,
    /// Keep «Отложен» instead of cancelling, so that the order can still be paid (D3).
    pub give_up_postpones: bool,
    /// The manager's reminder before a promised time (D5), minutes.
    pub reminder_minutes: u32,
    /// Confirm a promised time to the client (D5).
    pub confirm_call_back: bool,
    /// Minutes within which a missed incoming call is called back (D11).
    pub missed_minutes: u32,
    /// A manager's report counts if telephony reported no call (D10).
    pub trust_task_result: bool,
    /// Minimum seconds of a talk (D12).
    pub talk_seconds: u32,
    /// Minutes until a call that failed on our side is tried again (D12).
    pub failed_retry_minutes: u32,
    /// Minutes for doing a call task.
    pub task_minutes: u32,
    /// The bridge starts the call when its task is due (D9).
    pub start_calls: bool,
    /// Codes of the countries that the bridge calls; 7 is Russia and Kazakhstan, without their services (D9).
    pub call_countries: Vec<String>,
    /// Seconds within which a started call must be reported; after them the manager did not pick up (D9).
    pub start_wait_s: u32,
}

/// A step of the ladder: at once, a delay after the last attempt, or the next window of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LadderStep {
    Now,
    /// Minutes after the last attempt.
    After(u32),
    Window(String),
}

impl TryFrom<String> for LadderStep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let Some(span) = text.strip_prefix('+') else {
            return Ok(Self::Window(text));
        };
        let (hours, minutes) = match span.split_once('h') {
            Some((hours, rest)) => (hours.parse::<u32>().ok(), rest.strip_suffix('m').unwrap_or(rest)),
            None => (Some(0), span.strip_suffix('m').unwrap_or("?")),
        };
        let minutes = if minutes.is_empty() { Some(0) } else { minutes.parse::<u32>().ok() };
        match (hours, minutes) {
            (Some(hours @ 0..=240), Some(minutes @ 0..=14_400)) => Ok(Self::After(hours * 60 + minutes)),
            _ => Err(format!("`{text}` is no step; write `now`, `+20m`, `+2h30m` or the name of a window")),
        }
    }
}

impl From<LadderStep> for String {
    fn from(step: LadderStep) -> Self {
        match step {
            LadderStep::Now => "now".to_owned(),
            LadderStep::After(minutes) if minutes < 60 => format!("+{minutes}m"),
            LadderStep::After(minutes) => format!("+{}h{}m", minutes / 60, minutes % 60),
            LadderStep::Window(name) => name,
        }
    }
}

impl Default for Dialling {
    fn default() -> Self {
        let step = |text: &str| LadderStep::try_from(text.to_owned()).expect("shipped ladder");
        let window = |text: &str| Window::try_from(text.to_owned()).expect("shipped window");
        Self {
            ladder: vec![
                vec![step("now"), step("+20m"), step("+2h30m"), step("evening")],
                vec![step("morning"), step("evening")],
                vec![step("morning"), step("evening")],
            ],
            windows: BTreeMap::from([
                ("morning".to_owned(), window("10:00-12:00")),
                ("evening".to_owned(), window("18:00-20:00")),
            ]),
            every_minutes: 0,
            gap_minutes: 20,
            days: 3,
            attempts_min: 5,
            give_up_hours: 24,
            give_up_postpones: false,
            reminder_minutes: 5,
            confirm_call_back: true,
            missed_minutes: 5,
            trust_task_result: true,
            talk_seconds: 15,
            failed_retry_minutes: 5,
            task_minutes: 15,
            start_calls: false,
            call_countries: vec!["7".to_owned()],
            start_wait_s: 90,
        }
    }
}
