//! The pure core: what the bridge decides. It knows no clock, no network, no store, and it
//! never fails: every event on every case gives a [`Step`].
//! Enter at [`step`]; the sections of the process are the files beside this one.

pub mod calendar;
pub mod case;
pub mod client;
pub mod command;
pub mod definition;
pub mod event;
pub mod number;
pub mod timers;
pub mod value;

// The sections of the process, and what they share.
mod arrival;
mod calls;
mod crm;
mod decision;
mod desk;
mod dialling;
mod facts;
mod feed;
mod ladder;
mod payment;
mod phone;
mod promise;
mod refusal;
mod start;
mod talk;
mod task;
mod trouble;
mod vars;
mod watch;

use serde::{Deserialize, Serialize};

use decision::Decision;

pub use case::{Case, Client, Desk, End, Order, Phase};
pub use command::{Ask, Command, Target, Urgency};
pub use definition::Process;
pub use event::{Event, News};
pub use timers::Timer;
pub use value::*;
pub use watch::has_next_step;

/// A decision: all of it is committed at once, or none of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub case: Case,
    /// New commands, in the order in which they are to be carried out.
    pub commands: Vec<Command>,
    /// Commands of earlier steps that no longer hold; dropped if they have not left yet.
    pub revoke: Vec<CommandId>,
    /// What other orders of the same client have to hear.
    pub tell: Vec<(OrderId, News)>,
    pub journal: Vec<Line>,
}

/// What happens to a case, and why. Pure and total: the same case, event and moment give the same
/// step, and every event gives one.
///
/// The order of the checks is part of the behaviour: money is looked at before «has it ended»
/// (L4), an ended order hears nothing else, and only then does the event's section decide. At the
/// end the deadlines of open tasks are watched (L15) and an open order without a next step is
/// repaired (L14).
pub fn step(process: &Process, case: Case, event: &Event, now: At) -> Step {
    let mut d = Decision::new(process, case, now);
    match event {
        Event::Order(facts) => facts::on_order(&mut d, facts),
        Event::Receipt { command } => feed::receipt(&mut d, command),
        Event::Undeliverable { command, why } => trouble::undeliverable(&mut d, command, why),
        Event::Client(facts) => facts::on_client(&mut d, facts),
        Event::Call(call) => calls::on_call(&mut d, call),
        Event::Wake => wake(&mut d),
        Event::Answer(answer) if !d.case.order.is_open() => trouble::answer_after_end(&mut d, answer),
        _ if !d.case.order.is_open() => trouble::nothing_left(&mut d),
        _ if d.case.order.phase == Phase::Unseen => {
            d.say("L1", "Данных заказа ещё нет: событие только записано.")
        }
        Event::Lead(change) => crm::on_lead(&mut d, change),
        Event::LeadGone { role } => crm::on_gone(&mut d, *role),
        Event::Task(change) => task::on_task(&mut d, change),
        Event::Answer(answer) => talk::on_answer(&mut d, answer),
        Event::Sibling(news) => arrival::on_news(&mut d, news),
    }
    if d.case.order.phase == Phase::Unseen && d.case.order.timers.is_empty() {
        trouble::unseen(&mut d);
    }
    watch::settle(&mut d);
    d.into_step()
}

/// Timers that may fire in one step: more than there are names.
const FIRED_MAX: usize = 40;

/// The order's wake: whatever is due fires, in the order of the timers' names. A spurious wake
/// finds nothing due and changes nothing.
fn wake(d: &mut Decision) {
    for _ in 0..FIRED_MAX {
        let Some(timer) = d.case.order.timers.take_due(d.now) else { return };
        match timer {
            Timer::ConfirmPayment => payment::confirm_again(d),
            Timer::CallBack => promise::call_back_due(d),
            Timer::CallBackReminder => promise::call_back_soon(d),
            Timer::PromiseCheck => promise::check(d),
            Timer::PromiseReminder => promise::reminder(d),
            Timer::PromiseDue => promise::due(d),
            Timer::SelfPay => arrival::pause_over(d),
            Timer::Attempt => dialling::attempt(d),
            Timer::GiveUp => dialling::gave_up(d),
            Timer::AskNext => talk::ask_again(d, "Ответа нет"),
            Timer::TaskLate => task::late(d),
            Timer::TaskEscalate => task::escalate(d),
            Timer::FreePool => arrival::pool_over(d),
            Timer::StartCall => start::due(d),
            Timer::StartSeen => start::seen(d),
            Timer::PhoneCheck => phone::check_again(d),
            Timer::PartReminder3 | Timer::PartReminder1 => payment::part_reminder(d),
            Timer::PartMissed => payment::part_missed(d),
            Timer::FollowUp => talk::follow_up_due(d),
            Timer::Retry => trouble::retry_due(d),
            Timer::Guard => trouble::guard_due(d),
        }
    }
}

/// Why something was decided, in the words of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The rule's id in the process, for example `D2`.
    pub rule: String,
    /// Russian, for people.
    pub text: String,
}
