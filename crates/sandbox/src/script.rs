//! The scripts of the people: managers with habits, and one script per order. It never acts; `people/`
//! carries scripts out. Enter at [`OrderScript`] and [`ManagerScript`].

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{NaiveDate, TimeDelta, Weekday};
use serde::{Deserialize, Deserializer};

use super::moment::{Moment, Shift, Span, hours};

/// Settings for all people.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleScript {
    /// A task whose text contains one of these (lower case) is a call task.
    pub call_words: Vec<String>,
    /// amoCRM task types that are call tasks whatever their text.
    pub call_task_types: Vec<i64>,
    /// Tasks with these words are left alone unless a script answers them.
    pub question_words: Vec<String>,
    /// The lead's date-time field that an answer's `date` goes to.
    pub date_field: String,
    /// Tasks are closed from the list: two webhooks, the result in the second.
    pub close_from_list: bool,
    /// The outcome of a call if no script defines it.
    pub default_call: CallOutcome,
    /// How long it rings before an answer, seconds.
    pub ring_s: i64,
    /// How long it rings without an answer, seconds.
    pub ring_out_s: i64,
}

impl Default for PeopleScript {
    fn default() -> PeopleScript {
        PeopleScript {
            call_words: vec!["звон".into()],
            call_task_types: Vec::new(),
            question_words: vec!["что дальше".into()],
            date_field: String::new(),
            close_from_list: false,
            default_call: CallOutcome { late: TimeDelta::zero(), kind: CallKind::NoAnswer },
            ring_s: 12,
            ring_out_s: 45,
        }
    }
}

/// A manager: one person in amoCRM, GetCourse and at the exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagerScript {
    /// The manager's name in scripts.
    pub key: String,
    pub name: String,
    pub amocrm_user: i64,
    #[serde(default)]
    pub getcourse_id: i64,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub extension: Option<String>,
    /// SIP name at the exchange; default: as the exchange makes it of the key.
    #[serde(default)]
    pub sip: Option<String>,
    #[serde(default)]
    pub admin: bool,
    /// False: deactivated in amoCRM; a write that names the user is refused.
    #[serde(default = "active")]
    pub active: bool,
    /// From a task's deadline until the manager does it; negative: before it.
    #[serde(default = "default_lag")]
    pub lag: Span,
    /// A random part on top of `lag`.
    #[serde(default)]
    pub jitter: Span,
    /// Working hours, `10:00-20:00`.
    #[serde(default = "default_hours")]
    pub hours: String,
    /// Weekdays (`sat`) and dates (`2026-03-19`).
    #[serde(default)]
    pub days_off: Vec<String>,
    /// Which tasks the manager closes after a call: `none`, `talks`, `all`.
    #[serde(default)]
    pub closes: Closes,
    /// What the manager does with other tasks: `close`, `ignore`.
    #[serde(default)]
    pub other_tasks: OtherTasks,
    /// Whether the manager answers when the bridge starts a call.
    #[serde(default = "active")]
    pub answers_bridge: bool,
}

fn active() -> bool {
    true
}

fn default_lag() -> Span {
    Span::minutes(1)
}

fn default_hours() -> String {
    "08:00-22:00".into()
}

impl ManagerScript {
    /// The working hours; unreadable parts are left out and reported by [`ManagerScript::problems`].
    pub fn shift(&self) -> Shift {
        let (from, to) = hours(&self.hours).or_else(|_| hours("08:00-22:00")).unwrap_or_default();
        let free_weekdays = self.days_off.iter().filter_map(|day| day.parse::<Weekday>().ok()).collect();
        let free_dates = self.days_off.iter().filter_map(|day| day.parse::<NaiveDate>().ok()).collect();
        Shift { from, to, free_weekdays, free_dates }
    }

    /// The mistakes in the manager's settings.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = hours(&self.hours).err().into_iter().collect();
        for day in &self.days_off {
            if day.parse::<Weekday>().is_err() && day.parse::<NaiveDate>().is_err() {
                problems.push(format!("manager {}: «{day}» is neither a weekday (sat) nor a date", self.key));
            }
        }
        problems
    }
}

/// Which tasks a manager closes after a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Closes {
    #[default]
    None,
    Talks,
    All,
}

/// What a manager does with tasks that are not calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherTasks {
    #[default]
    Close,
    Ignore,
}

/// One order and everything that its people do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderScript {
    /// Its name in expectations.
    pub id: String,
    /// When it appears.
    pub at: Moment,
    pub name: String,
    /// As typed, in any format; empty for none.
    #[serde(default)]
    pub phone: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub city: String,
    /// IANA zone, stored in the user's own field `tz`; empty: not known to the school.
    #[serde(default)]
    pub zone: String,
    /// Further own fields of the user, by title.
    #[serde(default)]
    pub user_fields: BTreeMap<String, String>,
    #[serde(default)]
    pub offer: i64,
    /// There is no order: an unknown person only calls, or the lead is created otherwise.
    #[serde(default)]
    pub no_order: bool,
    /// Its creation starts no process: the school's processes were added later, or a person sends the
    /// request.
    #[serde(default)]
    pub untold: bool,
    /// Roubles; default: the offer's price.
    #[serde(default)]
    pub cost: Option<f64>,
    /// `client`, or a manager's key.
    #[serde(default = "by_client")]
    pub by: String,
    /// GetCourse's order id; default: counted up from 700100200.
    #[serde(default)]
    pub order_id: Option<i64>,
    #[serde(default)]
    pub promocode: String,
    #[serde(default)]
    pub utm_source: String,
    /// The outcomes of the first, second … outgoing call of this order.
    #[serde(default)]
    pub calls: Vec<CallOutcome>,
    /// The outcome of further calls; default: `people.default_call`.
    #[serde(default)]
    pub calls_default: Option<CallOutcome>,
    #[serde(default)]
    pub answers: Vec<AnswerScript>,
    /// What the manager does with certain tasks.
    #[serde(default)]
    pub tasks: Vec<TaskScript>,
    #[serde(default)]
    pub events: Vec<EventScript>,
}

fn by_client() -> String {
    "client".into()
}

/// What a manager enters into the CRM after a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerScript {
    /// After the n-th outgoing call of this order, talk or not.
    pub after_call: Option<u32>,
    /// After the n-th talk.
    pub after_talk: Option<u32>,
    /// How long after the call's end; default 2 minutes.
    pub plus: Option<Span>,
    /// The lead's field, by name or code.
    pub field: Option<String>,
    pub value: Option<String>,
    /// Goes to `people.date_field`; counted from the answer's moment.
    pub date: Option<Moment>,
    /// More fields, by name or code.
    pub fields: Vec<(String, String)>,
    /// Closes the lead's oldest open task with this text.
    pub result: Option<String>,
    /// Moves the lead to the stage of this name in its pipeline.
    pub stage: Option<String>,
    /// Closes the lead as lost with the reason of this name.
    pub loss_reason: Option<String>,
    /// A note on the lead.
    pub note: Option<String>,
}

/// What a manager does with a task of a certain text, instead of the usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskScript {
    /// Part of the task's text, case ignored.
    pub contains: String,
    /// Only for the n-th matching task; default: for each.
    pub nth: Option<u32>,
    /// The manager does not touch it.
    pub ignore: bool,
    /// This much later than usual.
    pub late: Option<Span>,
    /// The action; a `result` closes this very task.
    #[serde(rename = "do")]
    pub act: AnswerScript,
}

/// An event at a time or after a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventScript {
    /// When, `+…` counted from the order's appearance.
    #[serde(default)]
    pub at: Option<Moment>,
    #[serde(default)]
    pub after_call: Option<u32>,
    #[serde(default)]
    pub after_talk: Option<u32>,
    /// When a task of the lead appears whose text contains this; the first one only.
    #[serde(default)]
    pub after_task: Option<String>,
    /// When the n-th letter to this client is accepted.
    #[serde(default)]
    pub after_letter: Option<u32>,
    /// How long after that.
    #[serde(default)]
    pub plus: Option<Span>,
    #[serde(rename = "do")]
    pub act: Deed,
    /// Roubles of a payment (default: all that is left), of a refund.
    #[serde(default)]
    pub amount: Option<f64>,
    /// A name, phone, reason, stage, status or text, as the action needs.
    #[serde(default)]
    pub value: String,
    #[serde(default)]
    pub field: String,
    #[serde(default)]
    pub manager: String,
    /// A new deadline.
    #[serde(default)]
    pub to: Option<Moment>,
    /// The outcome of an incoming call.
    #[serde(default)]
    pub outcome: Option<CallOutcome>,
    /// It happens, and no webhook reports it.
    #[serde(default)]
    pub untold: bool,
}

impl EventScript {
    /// The client pays the whole remaining amount.
    pub fn pay(at: Moment) -> EventScript {
        EventScript {
            at: Some(at),
            after_call: None,
            after_talk: None,
            after_task: None,
            after_letter: None,
            plus: None,
            act: Deed::Pay,
            amount: None,
            value: String::new(),
            field: String::new(),
            manager: String::new(),
            to: None,
            outcome: None,
            untold: false,
        }
    }
}

/// The possible events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The client pays `amount` or the whole remaining amount.
    Pay,
    /// A refund: `amount` or all; status «Ожидаем возврата».
    Refund,
    /// The client calls in; `outcome` (`talk 60`, `no_answer`), answered by `manager` or the lead's.
    CallIn,
    /// The client changes the phone to `value` in GetCourse.
    Phone,
    /// A person writes the phone `value` into the contact in amoCRM.
    ContactPhone,
    /// The client changes the e-mail to `value`.
    Email,
    /// `manager` becomes the lead's responsible in amoCRM.
    Take,
    /// The lead goes to the stage `value`.
    Stage,
    /// The lead is closed as lost with the reason `value`.
    Lose,
    /// The lead is closed as won.
    Win,
    /// The lead is deleted.
    DeleteLead,
    /// The deleted lead is taken out of the bin.
    RestoreLead,
    /// The lead's contact is deleted.
    DeleteContact,
    /// The lead's oldest open task is deleted.
    DeleteTask,
    /// A manager has created a second lead for the same order and merges ours into it.
    MergeLead,
    /// A manager has created a second contact of the same person and merges ours into it.
    MergeContact,
    /// A manager creates a lead by hand, in the stage `value`, for the client of this script.
    MakeLead,
    /// The lead's `field` becomes `value`, and its date field `to`.
    Field,
    /// A note `value` on the lead.
    Note,
    /// The deadline of the lead's oldest open task becomes `to`.
    ShiftTask,
    /// The lead's oldest open task is closed with the text `value`.
    CloseTask,
    /// The order's status in GetCourse becomes `value` (a code).
    Status,
    /// The order is cancelled in GetCourse for the reason `value`.
    Cancel,
    /// The order becomes «Ложный».
    False,
    /// `manager` becomes the order's manager in GetCourse.
    Assign,
    /// `manager` leaves and does no more work.
    Leave,
    /// `manager` is back.
    Return,
}

/// The course of a call: `no_answer`, `busy`, `rejected`, `unreachable`, `invalid`, `voicemail`, `cancelled`,
/// `talk 95`, `mobile` (a talk that the exchange never sees), `manager_missed`, `ignore` (the manager does
/// not call); with `late 90m ` before it, the manager calls that much later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    pub late: TimeDelta,
    pub kind: CallKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    NoAnswer,
    Busy,
    Rejected,
    Unreachable,
    Invalid,
    Voicemail,
    Cancelled,
    Talk { seconds: i64 },
    Mobile,
    ManagerMissed,
    Ignore,
}

impl FromStr for CallOutcome {
    type Err = String;

    fn from_str(text: &str) -> Result<CallOutcome, String> {
        let wrong = || {
            format!(
                "«{text}» is not the way a call ends: no_answer, busy, rejected, unreachable, invalid, voicemail, cancelled, talk 95, mobile, manager_missed, ignore; before it late 90m"
            )
        };
        let mut words = text.split_whitespace().peekable();
        let mut late = TimeDelta::zero();
        if words.next_if_eq(&"late").is_some() {
            late = words.next().and_then(|word| word.parse::<Span>().ok()).ok_or_else(wrong)?.0;
        }
        let kind = match words.next().ok_or_else(wrong)? {
            "no_answer" | "missed" => CallKind::NoAnswer,
            "busy" => CallKind::Busy,
            "rejected" => CallKind::Rejected,
            "unreachable" => CallKind::Unreachable,
            "invalid" => CallKind::Invalid,
            "voicemail" => CallKind::Voicemail,
            "cancelled" => CallKind::Cancelled,
            "talk" => {
                CallKind::Talk { seconds: words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)? }
            }
            "mobile" => CallKind::Mobile,
            "manager_missed" => CallKind::ManagerMissed,
            "ignore" => CallKind::Ignore,
            _ => return Err(wrong()),
        };
        if words.next().is_some() {
            return Err(wrong());
        }
        Ok(CallOutcome { late, kind })
    }
}

impl<'de> Deserialize<'de> for CallOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CallOutcome, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
