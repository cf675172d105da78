//! The variables of the library's texts, filled from one case; rendering is in `message`.
//! Enter at [`build`].

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::calendar::{say_day, say_time, typed_day};
use super::case::{Case, Order};
use super::definition::Process;
use super::value::*;
use crate::message::phrase::quotable;
use crate::message::text::{LETTERS, TextId};
use crate::message::vars::{ClientVars, ExampleVars, ManagerVars, OrderVars, SchoolVars, Vars};
use crate::mutant::cut;

/// The variables of one text. The caller fills `why` and `more`, and the moment by [`about`].
pub(super) fn build(
    process: &Process,
    case: &Case,
    manager: Option<&ManagerId>,
    client_zone: Tz,
    now: At,
) -> Vars {
    let Case { order, client, .. } = case;
    let manager = manager.or(order.responsible.as_ref()).and_then(|id| process.manager(id));
    let money = |amount: &Option<Money>| amount.as_ref().map(Money::text).unwrap_or_default();
    let sum = |amount: &Option<Money>| amount.as_ref().map(Money::major).unwrap_or_default();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let left = left(order);
    let known = [client.name.as_ref(), client.phone(), client.email(), Some(&process.name)];
    let called = text(known.into_iter().flatten().find(|word| !word.trim().is_empty()));
    Vars {
        school: SchoolVars { name: process.name.clone() },
        order: OrderVars {
            number: order.number.clone().unwrap_or_else(|| called.clone()),
            id: called,
            positions: order.positions.clone().unwrap_or_default(),
            cost: money(&order.cost),
            paid: money(&order.paid),
            left: money(&left),
            cost_sum: sum(&order.cost),
            paid_sum: sum(&order.paid),
            left_sum: sum(&left),
            payment_link: order.payment_link.clone().unwrap_or_default(),
            source: order.source.clone(),
        },
        client: ClientVars {
            name: client.name.clone().unwrap_or_default(),
            phone: text(client.phone()),
            phone_words: client.phone_words().map(quotable).unwrap_or_default(),
            phone_typed: client.phone_typed().map(quotable).unwrap_or_default(),
            phone_bad: text(client.phone_bad()),
            email: text(client.email()),
            local_time: now.with_timezone(&client_zone).format("%H:%M").to_string(),
        },
        manager: ManagerVars { name: manager.map(|manager| manager.name.clone()).unwrap_or_default() },
        time: String::new(),
        day: String::new(),
        example: examples(now, process.zone),
        attempt: order.round.attempts + 1,
        why: String::new(),
        more: String::new(),
        letters: went(case),
    }
}

/// The moment that a text is about, in its reader's zone.
pub(super) fn about(vars: &mut Vars, at: At, zone: Tz) {
    (vars.time, vars.day) = (say_time(at, zone), say_day(at, zone));
}

/// Dates that a manager might type today: tomorrow at eleven, and the day after.
pub(super) fn examples(now: At, zone: Tz) -> ExampleVars {
    let day = |days: i64| typed_day((now + TimeDelta::days(days)).with_timezone(&zone).date_naive());
    ExampleVars { day: day(2), time: format!("{} 11:00", day(1)) }
}

/// Letters that bounced are not among an order's (L11: no text claims a letter that did not go).
fn went(Case { order, client, .. }: &Case) -> Vec<String> {
    let went = |text: &&TextId| order.letters.contains_key(text) && client.email().is_some();
    let all = LETTERS.iter().filter(|text| went(text) || cut("L11.letter_is_true"));
    all.map(|text| text.name().to_owned()).collect()
}

/// What is left to pay, as GetCourse says it; its API does not, then from the two other sums.
fn left(order: &Order) -> Option<Money> {
    order.left.clone().or_else(|| {
        let (cost, paid) = (order.cost.as_ref()?, order.paid.as_ref()?);
        let same = cost.currency == paid.currency;
        same.then(|| Money::new((cost.minor - paid.minor).max(0), &cost.currency))
    })
}
