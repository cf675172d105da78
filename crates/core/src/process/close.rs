//! The end of every step: sets the timers of open tasks, updates the client's record, finds and repairs an
//! open order without a next step (L14). A test proves that the repair is never needed. Enter at [`close`].

use super::case::OrderBrief;
use super::decision::{Decision, Request};
use super::moment::Moment;
use super::table::has_next_step;
use super::timers::Timer;
use super::value::*;
use crate::message::phrase::guard;

/// Limit of order summaries per client.
const BRIEFS_MAX: usize = 20;

pub(super) fn close(d: &mut Decision) {
    d.request_all(&Request::Close);
    // An open task alone does not count as a next step.
    if d.case.order.is_open() && !has_next_step(d.process, &d.case, d.now) {
        let at = d.work_minutes(60);
        d.case.order.repairs += 1;
        d.case.order.timers.set(Timer::Guard, at);
        d.moment(Moment::Repaired);
        d.say("L14", guard::set(at));
    }
    brief(d);
}

/// Updates the order summaries in the client's record, so that a double is recognised at once (L7).
fn brief(d: &mut Decision) {
    let order = &d.case.order;
    if order.is_unseen() {
        return;
    }
    let brief = OrderBrief {
        offers: order.offers.clone(),
        seen_at: order.made_at(),
        open: order.is_open() && order.refund().is_none(),
        paid: order.has_money() || order.is_won(),
        payment_link: order.payment_link.clone(),
        number: order.number.clone(),
        sum_change: order.sum_change.clone(),
    };
    let id: OrderId = order.id.clone();
    d.case.client.orders.insert(id, brief);
    while d.case.client.orders.len() > BRIEFS_MAX {
        let closed = d.case.client.orders.iter().filter(|(_, brief)| !brief.open);
        let all = d.case.client.orders.iter();
        let oldest = closed.min_by_key(|(_, brief)| brief.seen_at).or(all.min_by_key(|(_, b)| b.seen_at));
        let Some(oldest) = oldest.map(|(id, _)| id.clone()) else { break };
        d.case.client.orders.remove(&oldest);
    }
}
