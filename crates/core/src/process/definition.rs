//! The checked process of a school: figures of every section, roster, routes, calendar, texts.
//! Files are read in `config`; decisions are made in the sections.
//! Enter at [`Process`]; each figure's doc is its line in the printed reference.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use self::dialling::{Dialling, LadderStep};
pub use self::next_note::{NextNote, ShowNext};
pub use self::route::{Assign, Dictionary, FirstTask, Route};
use super::calendar::{Calendar, Opening};
use super::case::Order;
use super::dates;
pub use super::hours::{Hours, TimeOfDay, Window};
pub use super::meters::ContactLimits;
use super::value::*;
use crate::message::library::Library;

mod dialling;
mod next_note;
mod route;

/// Everything that `step` knows of a school. Built and checked by `config`.
#[derive(Debug, Clone)]
pub struct Process {
    pub school: SchoolId,
    /// The school's name for clients.
    pub name: String,
    /// Hash of the source files; each decision is journalled with it.
    pub config_hash: String,
    pub figures: Figures,
    pub roster: Vec<Manager>,
    pub routes: Vec<Route>,
    /// The school's time zone, also used for clients whose zone is unknown.
    pub zone: Tz,
    /// ISO code of sums without a currency, of orders that have none yet (F78).
    pub currency: String,
    pub calendar: Calendar,
    /// The roles that have a pipeline, with the mapped stages.
    pub pipelines: BTreeMap<LeadRole, Vec<Stage>>,
    /// Further sales pipelines, which a route may name, by their id in the CRM (G1).
    pub sales_pipelines: BTreeMap<u64, Vec<Stage>>,
    /// An order can be read back from its source.
    pub reads_orders: bool,
    /// Hosts to which the link of a letter may lead: the school's GetCourse, and what the school lists (F105).
    pub link_hosts: Vec<String>,
    /// What a route may set, by name (G10).
    pub dictionaries: BTreeMap<String, Dictionary>,
    pub texts: Library,
}

impl Process {
    /// Reads the dates that a person of the school writes at `now` (L17).
    pub fn dates(&self, now: At) -> dates::Reader<'_> {
        let start = |window: &str, hour: u16| {
            let window = self.figures.dialling.windows.get(window);
            window.map_or(TimeOfDay { minute: hour * 60 }, |window| window.from)
        };
        dates::Reader {
            now: now.with_timezone(&self.zone),
            calendar: &self.calendar,
            morning: start("morning", 10),
            evening: start("evening", 18),
        }
    }

    pub fn manager(&self, id: &ManagerId) -> Option<&Manager> {
        self.roster.iter().find(|manager| &manager.id == id)
    }

    /// The head of sales.
    pub fn head(&self) -> Option<&Manager> {
        self.roster.iter().find(|manager| manager.head)
    }

    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// The mapped stages of the pipeline in which a sales lead was made; `None` is the usual one.
    pub fn sales_stages(&self, pipeline: Option<u64>) -> &[Stage] {
        let stages = match pipeline {
            None => self.pipelines.get(&LeadRole::Sales),
            Some(id) => self.sales_pipelines.get(&id),
        };
        stages.map_or(&[], Vec::as_slice)
    }

    /// When a client in this zone may be called about this order (D13).
    pub fn calls(&self, order: &Order, zone: Tz) -> Opening<'_> {
        let contact = &self.figures_of(order).contact;
        Opening {
            calendar: &self.calendar,
            zone,
            working: contact.calls.meet(contact.hard),
            off: contact.calls_off_days.and_then(|hours| hours.meet(contact.hard)),
        }
    }

    /// The figures for this order. All sections use this method, so that figures per route or per version can
    /// be added in one place.
    pub fn figures_of(&self, _order: &Order) -> &Figures {
        &self.figures
    }
}

/// A manager, with his ids on all platforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manager {
    /// Key in the school's file; filled from the table's name.
    #[serde(skip_deserializing, default = "no_manager")]
    pub id: ManagerId,
    /// Name for clients and colleagues.
    pub name: String,
    /// Head of sales: gets what no manager can take. The roster must have one.
    #[serde(default)]
    pub head: bool,
    /// Takes part in queues; `false` for a manager who is away.
    #[serde(default = "yes")]
    pub active: bool,
    /// User id in amoCRM.
    #[serde(default)]
    pub amocrm: Option<u64>,
    /// User id in GetCourse.
    #[serde(default)]
    pub getcourse: Option<u64>,
    /// E-mail in GetCourse, by which an order's manager is recognised.
    #[serde(default)]
    pub email: Option<String>,
    /// Extension in the telephony.
    #[serde(default)]
    pub extension: Option<String>,
}

/// The manager whom a platform names: as the file writes him, else the only one of the same words, in any order and with
/// «ё» or «е».
pub fn named<'a>(roster: &'a [Manager], name: &str) -> Option<&'a Manager> {
    let plain = |name: &str| name.trim().to_lowercase();
    let words = |name: &str| {
        let plain = plain(name).replace('\u{451}', "\u{435}");
        let mut words: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    let as_written = roster.iter().find(|manager| plain(&manager.name) == plain(name));
    as_written.or_else(|| {
        let mut alike = roster.iter().filter(|manager| words(&manager.name) == words(name));
        alike.next().filter(|_| alike.next().is_none())
    })
}

fn no_manager() -> ManagerId {
    ManagerId(String::new())
}

fn yes() -> bool {
    true
}

/// All figures that a school's process file may set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    pub arrival: Arrival,
    pub phone: PhoneAsk,
    pub contact: ContactHours,
    pub contact_limits: ContactLimits,
    pub dialling: Dialling,
    pub talk: Talk,
    pub promise: Promise,
    pub task: TaskRules,
    pub refusal: Refusal,
    pub payment: Payment,
    pub refund: Refund,
    pub feed: Feed,
    pub next_note: NextNote,
}

/// L1–L3, L7–L9.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arrival {
    /// Send the confirmation with the payment link (L1).
    pub confirmation: bool,
    /// Minutes after an order before the first call (L2).
    pub pause_minutes: u32,
    /// The same in hours for routes with `credit = true` (L2).
    pub credit_pause_hours: u32,
    /// Orders made by a manager take the short path (L3).
    pub short_path: bool,
    /// Merge a younger unpaid order of the same client and offer into the older (L7).
    pub fold_duplicates: bool,
    /// A client's orders go to his present manager (L8).
    pub keep_manager: bool,
    /// Minutes after which the queue assigns a free order (L9).
    pub free_pool_minutes: u32,
    /// Phone missing or wrong → ask for it on all channels (L11).
    pub ask_phone: bool,
    /// A new responsible gets the open tasks and a task with the context (L10).
    pub hand_over: bool,
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            confirmation: true,
            pause_minutes: 15,
            credit_pause_hours: 24,
            short_path: true,
            fold_duplicates: true,
            keep_manager: true,
            free_pool_minutes: 10,
            ask_phone: true,
            hand_over: true,
        }
    }
}

/// L11, L12.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneAsk {
    /// Days until the task to check (L11).
    pub check_days: u32,
    /// Days «Отложен» before the last check (L11).
    pub postponed_days: u32,
    /// Working days that the last task has before the order is cancelled (L11).
    pub last_days: u32,
    /// Priority and the checking script for a phone that is not confirmed (L12).
    pub check_unconfirmed: bool,
}

impl Default for PhoneAsk {
    fn default() -> Self {
        Self { check_days: 5, postponed_days: 3, last_days: 1, check_unconfirmed: true }
    }
}

/// D13: when a client may be contacted, in his time zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactHours {
    /// Calls, working days.
    pub calls: Hours,
    /// Calls on weekends and holidays; absent: none.
    pub calls_off_days: Option<Hours>,
    /// Outside these hours a client is contacted only at his own request, whatever else is set.
    pub hard: Hours,
    /// Ladder letters; absent: any time.
    pub letters: Option<Hours>,
    /// Minutes over which work due at an opening is spread.
    pub spread_minutes: u32,
}

impl Default for ContactHours {
    fn default() -> Self {
        Self {
            calls: Hours::from_hm(10, 0, 20, 0),
            calls_off_days: None,
            hard: Hours::from_hm(9, 0, 21, 0),
            letters: None,
            spread_minutes: 10,
        }
    }
}

/// L13.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Talk {
    /// Ask «Что дальше?» after a talk, repeatedly until answered. Off: call again after
    /// `follow_up_days`; an agreed date stands.
    pub ask: bool,
    /// Working minutes for the manager's answer after a talk.
    pub answer_minutes: u32,
    /// Seconds after an answer in which another one is ignored.
    pub first_answer_seconds: u32,
    /// «Сомневается»: days until the next contact.
    pub doubt_days: u32,
    /// Instalment and long cycle: working days until the manager is asked again.
    pub follow_up_days: u32,
    /// «Особые условия»: hours for the head's decision.
    pub special_hours: u32,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            ask: true,
            answer_minutes: 30,
            first_answer_seconds: 60,
            doubt_days: 2,
            follow_up_days: 2,
            special_hours: 24,
        }
    }
}

/// P1, P2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Promise {
    /// Send the reminder with the link on the morning of the promised day (P1).
    pub reminder: bool,
    /// Time of the reminder, in the client's time zone.
    pub reminder_at: TimeOfDay,
    /// Hours before the evening window at which the payment is checked (P1).
    pub check_hours: u32,
    /// Not paid by then → call task the same day and a new round (P2).
    pub redial: bool,
}

impl Default for Promise {
    fn default() -> Self {
        Self { reminder: true, reminder_at: TimeOfDay { minute: 10 * 60 }, check_hours: 2, redial: true }
    }
}

/// L15.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskRules {
    /// Watch deadlines at all (L15).
    pub watch: bool,
    /// Working minutes late → reminder.
    pub late_minutes: u32,
    /// Minutes late → another free manager or the head.
    pub escalate_minutes: u32,
    /// Restore a deadline that a manager postponed without the client's wish.
    pub put_back: bool,
    /// The team's hours, in the school's time zone, on its working days.
    pub hours: Hours,
}

impl Default for TaskRules {
    fn default() -> Self {
        Self {
            watch: true,
            late_minutes: 15,
            escalate_minutes: 60,
            put_back: true,
            hours: Hours::from_hm(9, 0, 21, 0),
        }
    }
}

/// R1, R2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusal {
    /// Ask the manager about a refusal without a reason and a text (R1).
    pub needs_reason: bool,
    /// A new linked lead in the revival pipeline (R2).
    pub revival: bool,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { needs_reason: true, revival: false }
    }
}

/// L4, L5, W1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payment {
    /// Minutes until an unconfirmed payment is read again.
    pub confirm_minutes: u32,
    /// Days from a partial payment to the next one if no date is known (L5).
    pub part_days: u32,
    /// Remind of the next part (L5).
    pub part_reminders: bool,
    /// Send the receipt and «путь первого дня» (W1).
    pub welcome: bool,
    /// A new linked lead in the fulfilment pipeline (W1).
    pub fulfilment: bool,
}

impl Default for Payment {
    fn default() -> Self {
        Self { confirm_minutes: 10, part_days: 30, part_reminders: true, welcome: true, fulfilment: false }
    }
}

/// L16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refund {
    /// The head decides about a refund; off: only a line in the lead's feed.
    pub on: bool,
    /// Working hours for the head's decision.
    pub answer_work_hours: u32,
    /// Stop reminders and unsent letters meanwhile.
    pub stop_after_payment: bool,
    /// Tell the client that the request for a refund was received.
    pub letter: bool,
    /// The won lead after the money was given back: it stays won at the price that remains, or it is lost.
    pub lead: RefundedLead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundedLead {
    Keep,
    Lost,
}

impl Default for Refund {
    fn default() -> Self {
        Self {
            on: true,
            answer_work_hours: 9,
            stop_after_payment: true,
            letter: false,
            lead: RefundedLead::Keep,
        }
    }
}

/// K6, K2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Calls in the lead's feed.
    pub calls: bool,
    /// Messages, payments, statuses and decisions in the lead's feed.
    pub notes: bool,
    /// A comment in GetCourse at each change of state.
    pub comments: bool,
    /// Stages move forward only (K2).
    pub forward_only: bool,
}

impl Default for Feed {
    fn default() -> Self {
        Self { calls: true, notes: true, comments: true, forward_only: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_managers_in_any_order_of_its_words() {
        let manager = |id: &str, name: &str| {
            let written = serde_json::json!({ "name": name });
            Manager { id: id.into(), ..serde_json::from_value(written).expect("a manager") }
        };
        let roster = [
            manager("pavel", "Павел Орлов"),
            manager("semyon", "Семён Пчёлкин"),
            manager("anna", "Анна Лев"),
            manager("lev", "Лев Анна"),
        ];
        for (name, want) in [
            ("павел орлов", Some("pavel")),
            ("Орлов Павел", Some("pavel")),
            (" Орлов\u{a0} Павел ", Some("pavel")),
            ("Пчелкин Семен", Some("semyon")),
            // Two of the same words: only as one of them is written.
            ("Лев Анна", Some("lev")),
            ("Анна  Лев", None),
            ("Орлов", None),
            ("Павел Павел Орлов", None),
            ("", None),
        ] {
            assert_eq!(named(&roster, name).map(|manager| manager.id.as_str()), want, "{name}");
        }
    }
}
