//! Calls as all exchanges store them; each exchange reports them in its own format. Enter at [`Call`].

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// What a record of a talk begins with: an empty ID3 tag.
pub const SILENCE: &[u8] = b"ID3\x04\x00\x00\x00\x00\x00\x00";

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Seconds until it is answered or given up.
    pub rings_s: i64,
    /// Seconds of talk; 0 for none.
    pub talk_s: i64,
    /// Why it ended, by the codes of the most exact provider (1110 …); each exchange says it in its own
    /// words.
    pub reason: u16,
}

/// A call that took or takes place.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub entry_id: String,
    /// 1 inbound, 2 outbound.
    pub direction: u8,
    /// Empty: nobody of ours was rung.
    pub extension: String,
    /// Digits, no plus.
    pub client: String,
    pub line: String,
    pub created_at: DateTime<Utc>,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: DateTime<Utc>,
    pub reason: u16,
    /// The command of the bridge that started it.
    pub command_id: Option<String>,
    /// False: the client was never dialled.
    pub client_dialled: bool,
    /// In words: `talk`, `no_answer` …
    pub outcome: String,
    /// The script of its order, if there is one.
    pub script: Option<String>,
    /// Which call of that script it is, from 1; 0 for incoming ones.
    pub number: u32,
}

impl Call {
    /// A call that begins now and goes so. `between` are the extension and the client.
    pub fn begun(now: DateTime<Utc>, direction: u8, between: (&str, &str), course: Course) -> Call {
        let (answered_at, ended_at) = times(now, course);
        Call {
            entry_id: String::new(),
            direction,
            extension: between.0.to_owned(),
            client: between.1.to_owned(),
            line: String::new(),
            created_at: now,
            answered_at,
            ended_at,
            reason: course.reason,
            command_id: None,
            client_dialled: true,
            outcome: String::new(),
            script: None,
            number: 0,
        }
    }

    /// Seconds of talk.
    pub fn talk_seconds(&self) -> i64 {
        self.answered_at.map_or(0, |at| (self.ended_at - at).num_seconds())
    }
}

/// A call start that the bridge asked for.
#[derive(Clone, Debug, Default)]
pub struct Command {
    pub command_id: String,
    pub extension: String,
    pub to_number: String,
    pub line_number: Option<String>,
    /// The manager is rung on an outside number, not on his extension.
    pub from_outside: bool,
}

/// Somebody with an extension.
#[derive(Clone, Debug, Default)]
pub struct Employee {
    /// The manager's short name.
    pub key: String,
    pub extension: String,
    pub name: String,
    pub email: String,
    /// His SIP name, where the setup gives one.
    pub sip: Option<String>,
}

/// When a call is answered, if it is, and when it ends.
pub fn times(now: DateTime<Utc>, course: Course) -> (Option<DateTime<Utc>>, DateTime<Utc>) {
    let picked = now + TimeDelta::seconds(course.rings_s);
    match course.talk_s {
        0 => (None, picked),
        talk => (Some(picked), picked + TimeDelta::seconds(talk)),
    }
}
