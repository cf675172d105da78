//! The variables of texts. Never filled here: the step fills them, or `sample` for a trial. Enter at
//! [`Vars`].

use std::collections::BTreeMap;

use serde::Serialize;

/// All variables of texts. Any other variable in a text is an error at start.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Vars {
    pub school: SchoolVars,
    pub order: OrderVars,
    pub client: ClientVars,
    pub manager: ManagerVars,
    /// The moment that the text is about (a promised time, a deadline), in the reader's zone:
    /// «24 ноября в 11:00».
    pub time: String,
    /// Its day, «24 ноября».
    pub day: String,
    /// What a manager might type as an answer today.
    pub example: ExampleVars,
    /// Who and what, for a first line: «Мария, „Дизайн интерьера“, 38 500 ₽».
    pub who: String,
    /// A task's deadline: «во вторник, 24 ноября, в 11:00».
    pub due: String,
    /// The task is not due now but later.
    pub later: bool,
    /// `time` lies on a day off of the school.
    pub day_off: bool,
    /// The number of calls that a round has at least.
    pub attempts: u32,
    /// The number of the call in its round, 1 for the first; also where a text is not about a call.
    pub attempt: u32,
    /// The reason in a manager's or client's words; may be empty.
    pub why: String,
    /// A further paragraph put in by the step: history in short, a script, a list.
    pub more: String,
    /// Names of the letters that went to this client about this order; none if no address of his is good.
    pub letters: Vec<String>,
    /// Those that are about to leave: the mail server has not taken them yet.
    pub leaving: Vec<String>,
    /// Those of which nobody knows whether they arrived.
    pub doubtful: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SchoolVars {
    pub name: String,
    /// IANA name of its time zone.
    pub zone: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OrderVars {
    /// The number that people see; empty if there is none.
    pub number: String,
    /// GetCourse's id, for addresses; empty for an order that is not there.
    pub id: String,
    /// What people call the order: its number, else its client's name, phone or e-mail. Never our own id, which
    /// means nothing to them.
    pub called: String,
    pub positions: String,
    /// «38 500 ₽»; empty when not known. Likewise the next two.
    pub cost: String,
    pub paid: String,
    pub left: String,
    /// The same in roubles, as numbers for comparisons; 0 when not known.
    pub cost_sum: f64,
    pub paid_sum: f64,
    pub left_sum: f64,
    pub payment_link: String,
    /// utm and the like, for names and fields of a lead.
    pub source: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClientVars {
    pub name: String,
    /// The number that is dialled; empty if there is none.
    pub phone: String,
    /// What was typed beside it, «доб. 136, после 18:00»; without digits also what was typed in its place.
    pub phone_words: String,
    /// What was typed, where no number can be read from it.
    pub phone_typed: String,
    /// The last number that turned out wrong, where there is no other.
    pub phone_bad: String,
    pub email: String,
    /// What was typed in place of an e-mail address, where there is none.
    pub email_typed: String,
    /// «14:05», the client's local time now; of a task's text it is soon untrue.
    pub local_time: String,
    /// How far his clock is ahead of the school's: in hours: «+2», «−1», «+2:30»; empty if it is not, or not known.
    pub ahead: String,
    /// The client's time zone is known; else the school's is taken for it.
    pub zone_known: bool,
    /// «Мария»: the first name alone where it is known, else the whole name.
    pub first_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ManagerVars {
    pub name: String,
}

/// Dates of the next days, as managers type them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ExampleVars {
    /// «29.11».
    pub day: String,
    /// «28.11 11:00».
    pub time: String,
}
