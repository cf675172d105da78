//! The variables of the library's texts, filled from one case; rendering is in `message`.
//! Enter at [`build`].

use chrono_tz::Tz;

use super::case::{Case, Order};
use super::definition::Process;
use super::value::*;
use crate::message::text::{LETTERS, TextId};
use crate::message::vars::{ClientVars, ManagerVars, OrderVars, SchoolVars, Vars};
use crate::mutant::cut;

/// More of what a client typed is not put into a text.
const SHOWN_CHARS_MAX: usize = 120;

/// The variables of one text. The caller fills `time`, `why` and `more`.
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
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
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
            left: money(&left(order)),
            payment_link: order.payment_link.clone().unwrap_or_default(),
            source: order.source.clone(),
        },
        client: ClientVars {
            name: client.name.clone().unwrap_or_default(),
            phone: text(client.phone()),
            phone_words: client.phone_words().map(shown).unwrap_or_default(),
            phone_typed: client.phone_typed().map(shown).unwrap_or_default(),
            phone_bad: text(client.phone_bad()),
            email: text(client.email()),
            local_time: now.with_timezone(&client_zone).format("%H:%M").to_string(),
        },
        manager: ManagerVars { name: manager.map(|manager| manager.name.clone()).unwrap_or_default() },
        time: String::new(),
        why: String::new(),
        more: String::new(),
        letters: went(case),
    }
}

/// Letters that bounced are not among an order's (L11: no text claims a letter that did not go).
fn went(Case { order, client, .. }: &Case) -> Vec<String> {
    let went = |text: &&TextId| order.letters.contains_key(text) && client.email().is_some();
    let all = LETTERS.iter().filter(|text| went(text) || cut("L11.letter_is_true"));
    all.map(|text| text.name().to_owned()).collect()
}

/// A client's words in one line between quotation marks, not too long.
fn shown(typed: &str) -> String {
    let line = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('«', "„").replace('»', "“").chars().take(SHOWN_CHARS_MAX).collect()
}

/// What is left to pay, as GetCourse says it; its API does not, then from the two other sums.
fn left(order: &Order) -> Option<Money> {
    order.left.clone().or_else(|| {
        let (cost, paid) = (order.cost.as_ref()?, order.paid.as_ref()?);
        let same = cost.currency == paid.currency;
        same.then(|| Money::new((cost.minor - paid.minor).max(0), &cost.currency))
    })
}
