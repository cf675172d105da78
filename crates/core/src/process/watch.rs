//! What is done at the end of every step: open tasks are watched, the client's books follow, and an
//! open order without a next step is found and repaired (L14).
//! Never needed for its repair: a test says so. Enter at [`settle`] and [`has_next_step`].

use super::case::{Case, End, OrderBrief, Phase};
use super::decision::Decision;
use super::definition::Process;
use super::timers::Timer;
use super::value::*;
use super::{start, task};

/// Orders of one client that are kept in short.
const BRIEFS_MAX: usize = 20;

pub(super) fn settle(d: &mut Decision) {
    // A phase that nothing has given a next step is repaired before the tasks' own timers are set:
    // an open task alone does not count.
    task::watch(d);
    start::watch(d);
    if d.case.order.is_open() && !has_next_step(d.process, &d.case, d.now) {
        let at = d.work_minutes(60);
        d.case.order.repairs += 1;
        d.case.order.timers.set(Timer::Guard, at);
        d.say("L14", "Заказ остался без следующего шага: поставлен сторожевой срок.");
    }
    brief(d);
}

/// L14: is there a timer whose firing does something, within three working days or at a promised
/// date? The watchdog of the running system asks the same.
pub fn has_next_step(process: &Process, case: &Case, now: At) -> bool {
    let order = &case.order;
    if !order.is_open() {
        return true;
    }
    let limit = process.calendar.add_working_days(now, 3, process.zone) + chrono::TimeDelta::days(1);
    order.timers.iter().any(|(timer, at)| match timer {
        // Reminders of a task that is open anyway are no step of the order.
        Timer::TaskLate | Timer::TaskEscalate | Timer::StartCall | Timer::StartSeen => false,
        // A repeat may find that it is needed no more.
        Timer::Retry => order.phase == Phase::Unseen,
        Timer::CallBack | Timer::PromiseDue | Timer::PartMissed | Timer::PhoneCheck | Timer::FollowUp => true,
        _ => at <= limit,
    })
}

/// The client's record knows his orders in short, so that a double is seen at once (L7).
fn brief(d: &mut Decision) {
    let order = &d.case.order;
    if order.phase == Phase::Unseen {
        return;
    }
    let brief = OrderBrief {
        offers: order.offers.clone(),
        seen_at: order.made_at(),
        open: order.is_open(),
        paid: order.has_money() || matches!(order.end, Some(End::Won { .. })),
        payment_link: order.payment_link.clone(),
        number: order.number.clone(),
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
