//! What comes next for an order, in words for its card (K10). Never decides it: the timers have. Enter at
//! [`words`].

use chrono::TimeDelta;

use super::decision::Decision;
use super::state::{FollowUpKind, LastLetter, Wait};
use super::timers::Timer;
use super::value::At;
use crate::message::phrase::{Phrase, next};

/// A new order's wait that is over sooner is told by the first note of the lead: a note of its own would cost every
/// order of a launch two requests.
pub(super) const SHORT: TimeDelta = TimeDelta::minutes(60);

/// What comes next while the order waits, and when; `None` if its state has a task for it, or ends at once.
pub(super) fn words(d: &Decision) -> Option<(Phrase, At)> {
    let order = &d.case.order;
    if let Some(held) = order.held() {
        // Most payments are confirmed within seconds.
        let at = order.timers.at(Timer::ConfirmPayment).filter(|_| held.asked > 0)?;
        let is_for_head = held.told.is_some() || !d.process.reads_orders;
        return Some((if is_for_head { next::payment_by_head() } else { next::payment_checked() }, at));
    }
    Some(match order.state() {
        Wait::Pause => {
            let at = d.calls().next(d.at(Timer::SelfPay)?);
            (next::call(at), at)
        }
        Wait::FreePool => (next::taker(), d.at(Timer::FreePool)?),
        Wait::Dialling => {
            let at = d.at(Timer::Attempt).filter(|_| order.round.planned)?;
            let last = order
                .round
                .last_outcome
                .map(|outcome| d.words(&outcome.said_of_attempt()))
                .unwrap_or_default();
            (next::attempt(at, order.round.attempts + 1, last), at)
        }
        Wait::Promised => {
            let at = d.at(Timer::PromiseDue)?;
            (next::promised(at), at)
        }
        Wait::PartPaid => {
            let due = order.plan?.due;
            (next::part(due), due)
        }
        Wait::FollowUp(date) if date.what == FollowUpKind::CheckPayment => {
            let what = if d.can_read() { next::payment_checked() } else { next::payment_awaited() };
            (what, d.at(Timer::FollowUp)?)
        }
        Wait::FollowUp(date) => {
            let at = date.until.or(d.at(Timer::FollowUp))?;
            (next::follow_up(at), at)
        }
        Wait::PhoneAsked { .. } => {
            let at = d.at(Timer::PhoneCheck)?;
            (next::number(at), at)
        }
        Wait::GivingUp { letter } => {
            let at = d.at(Timer::GiveUp)?;
            (if *letter == LastLetter::Sent { next::ends(at) } else { next::last_letter(at) }, at)
        }
        // Its task was closed by hand.
        Wait::CallBack => {
            let at = d.at(Timer::CallBack)?;
            (next::call_back(at), at)
        }
        // A task asks for the answer.
        Wait::Asking | Wait::Refund(_) => return None,
        Wait::Unseen { .. } | Wait::Ended(_) | Wait::Held(_) => return None,
    })
}
