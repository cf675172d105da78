//! Money that was moved to another order of the same client (L16): its sum falls, and a sister's sum rises within
//! the hour. Both orders say so; the head's task about the refund is the only one. Never changes an order's state.
//! Enter at [`changed`].

use chrono::TimeDelta;

use crate::message::phrase::refund;
use crate::mutant::cut;
use crate::process::case::{OrderBrief, SumChange};
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::event::{Event, News};
use crate::process::value::*;

/// GetCourse reports the two orders one after another, each when its webhook or export comes.
const WITHIN: TimeDelta = TimeDelta::hours(1);

pub const SECTION: Section = Section {
    name: "moved_money",
    rules: &["L16"],
    hears: |d, event| match event {
        Event::Sibling(News::MoneyWent { order, sum }) => {
            went(d, order, sum);
            Heard::Taken
        }
        Event::Sibling(News::MoneyCame { order, sum }) => {
            came(d, order, sum);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::SumChanged { by } => {
            changed(d, *by);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// Looks for the sister whose sum changed the other way, by no less than came here, or by no more than went.
fn changed(d: &mut Decision, by: i64) {
    let order = &d.case.order;
    let known = order.paid.as_ref().or(order.cost.as_ref());
    let by = Money::new(by, known.map_or(&d.process.currency, |money| &money.currency));
    let fits = |(id, brief): &(&OrderId, &OrderBrief)| {
        let Some(other) = &brief.sum_change else { return false };
        let (fell, rose) = if by.minor < 0 { (by.minor, other.by.minor) } else { (other.by.minor, by.minor) };
        let one_way = fell < 0 && rose > 0 && rose <= -fell;
        let same = **id != order.id && other.by.currency == by.currency;
        same && one_way && d.now - other.at <= WITHIN && !cut("L16.moved")
    };
    let sister = d.case.client.orders.iter().find(fits);
    let sister = sister.and_then(|(id, brief)| Some((id.clone(), brief.sum_change.clone()?.by)));
    d.case.order.sum_change = Some(SumChange { by: by.clone(), at: d.now });
    let Some((sister, other)) = sister else { return };
    let own = d.case.order.id.clone();
    if by.minor < 0 {
        went(d, &sister, &other);
        d.tell(sister, News::MoneyCame { order: own, sum: other });
    } else {
        came(d, &sister, &by);
        d.tell(sister, News::MoneyWent { order: own, sum: by });
    }
}

fn went(d: &mut Decision, to: &OrderId, sum: &Money) {
    d.case.order.sum_change = None;
    let said = refund::went(number(d, to), sum.text());
    d.say("L16", said.clone());
    d.note(said);
}

fn came(d: &mut Decision, from: &OrderId, sum: &Money) {
    d.case.order.sum_change = None;
    let said = refund::came(number(d, from), sum.text());
    d.say("L16", said.clone());
    d.note(said);
}

fn number(d: &Decision, order: &OrderId) -> String {
    d.case.client.orders.get(order).and_then(|brief| brief.number.clone()).unwrap_or_default()
}
