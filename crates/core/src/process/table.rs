//! THE TABLE: the sections of the process in the order in which they handle an event. Only this table states
//! which section owns a timer. Never decides. Enter at [`SECTIONS`], [`rules`], [`wake`] and
//! [`has_next_step`].

use super::case::{Case, Order, Task};
use super::decision::{Class, Row, Section, Tasks, Whose};
use super::definition::Process;
use super::sections::*;
use super::state::Wait;
use super::timers::Timer;
use super::value::*;

/// Money first, then «has it ended», then whether there is anything to work on.
pub const SECTIONS: &[Section] = &[
    orders::SECTION,
    refund::SECTION,
    moved_money::SECTION,
    payment::SECTION,
    parts::SECTION,
    letters::SECTION,
    same_person::SECTION,
    next_note::SECTION,
    call_start::SECTION,
    guard::SECTION,
    calls::SECTION,
    ended::SECTION,
    unseen::SECTION,
    crm::SECTION,
    remake::SECTION,
    task::SECTION,
    hand_over::SECTION,
    answers::SECTION,
    talk::SECTION,
    doubles::SECTION,
    arrival::SECTION,
    early::SECTION,
    pool::SECTION,
    phone::SECTION,
    follow_up::SECTION,
    promise::SECTION,
    refusal::SECTION,
    dialling::SECTION,
    giving_up::SECTION,
];

/// Ids of all rules that this version implements, each once.
pub fn rules() -> Vec<&'static str> {
    let mut rules: Vec<&str> = SECTIONS.iter().flat_map(|section| section.rules).copied().collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// The row of a timer. Every timer has one: a test says so.
pub(super) fn row(timer: Timer) -> Option<&'static Row> {
    SECTIONS.iter().flat_map(|section| section.timers).find(|row| row.timer == timer)
}

fn class(timer: Timer) -> Class {
    row(timer).map_or(Class::Step, |row| row.class)
}

/// The order's wake: the earliest deadline and whether it was promised to the client.
pub fn wake(order: &Order) -> Option<(At, bool)> {
    let promised = |timer| matches!(class(timer), Class::Promised | Class::OfPromise);
    let (timer, at) = order.timers.iter().min_by_key(|(timer, at)| (*at, !promised(*timer)))?;
    Some((at, promised(timer)))
}

/// L14: whether a timer will do something within three working days or at a promised date; a follow-up, within a
/// month. The watchdog of
/// the running system uses this too.
pub fn has_next_step(process: &Process, case: &Case, now: At) -> bool {
    let order = &case.order;
    if !order.is_open() {
        return true;
    }
    let limit = process.calendar.add_working_days(now, 3, process.zone) + chrono::TimeDelta::days(1);
    let month =
        process.calendar.add_working_days(now + follow_up::FAR, 3, process.zone) + chrono::TimeDelta::days(1);
    order.timers.iter().any(|(timer, at)| match class(timer) {
        Class::Promised | Class::Date => true,
        Class::Month => at <= month,
        Class::OfPromise | Class::Step => at <= limit,
        Class::Repeat => order.is_unseen(),
        Class::Reminder => false,
    })
}

/// Timers that run although their condition no longer holds: a step leaves none.
pub fn strays(order: &Order) -> Vec<Timer> {
    let rows = SECTIONS.iter().flat_map(|section| section.timers);
    let strays = rows.filter(|row| order.at(row.timer).is_some() && !(row.lives)(order));
    strays.map(|row| row.timer).collect()
}

/// Whether a task may stay open when the state changes. A task without a state always may.
pub fn may_stay(task: &Task, from: &Wait, to: &Wait) -> bool {
    let owns = |tasks: &&Tasks| match &tasks.whose {
        Whose::Kind(kind) => task.kind == *kind,
        Whose::Texts(texts) => texts.contains(&task.text) && !task.kept,
    };
    SECTIONS.iter().flat_map(|section| section.tasks).filter(owns).all(|tasks| (tasks.stays)(from, to))
}
