//! Settles finished deliveries: removal, receipt, signals of the answer and the mark of the lane's next
//! delivery are one unit. If the order cannot be stepped, the receipt becomes an entry of the inbox, so it is
//! not lost. Enter at [`Inbox::settle`].

use std::collections::HashSet;

use super::{Cause, Doubt, Inbox};
use crate::intake::apply::Source;
use crate::intake::item::Item;
use crate::json;
use crate::process::command::NO_ORDER;
use crate::process::free_text::one_line;
use crate::process::{At, CommandId, Event};
use crate::signal::Signal;
use crate::store::{DeadLetter, DeadOp, Delivery, DeliveryOp, StoreResult, Unit};
use crate::worker::landings::{Ended, Landed};
use crate::worker::lanes::key_of;
use crate::worker::outbox::marked;
use crate::worker::site::Site;

impl Inbox {
    /// `None` if the delivery is no longer in the store. `revoked` are the commands that the units of this
    /// round revoke, and those of the one under way.
    pub(super) async fn settle(
        &mut self,
        landed: &Landed,
        revoked: &HashSet<CommandId>,
        now: At,
    ) -> StoreResult<Option<Unit>> {
        let Landed { delivery, ended } = landed;
        let cause = Cause::Landed(delivery.seq);
        let doubt = self.doubtful.get(&delivery.seq).copied();
        let is_lost = doubt.is_some() && !is_pending(&self.site, delivery).await?;
        if is_lost && !self.is_owed(delivery, doubt).await? {
            return Ok(None);
        }
        let (mut unit, event, signals) = settlement(delivery, ended.clone(), now);
        for op in &mut unit.dead {
            if let DeadOp::Bury(letter) = op
                && letter.why.starts_with(NO_ORDER)
            {
                *letter = self.folds.bury(&*self.site.store, self.site.id(), letter.clone(), now).await?;
            }
        }
        if is_lost {
            // The store has lost the delivery; what came of it is known here.
            unit.deliveries.clear();
        }
        let order = delivery.command.order.clone();
        let source = Source { raw: delivery.raw };
        let raw = source.raw;
        if self.aside.contains_key(&cause) {
            let append = std::iter::once(Item::Event { raw, order, event });
            let append = append.chain(signals.into_iter().map(|signal| Item::Signal { raw, signal }));
            return Ok(Some(Unit { append: append.map(|item| item.to_bytes()).collect(), ..unit }));
        }
        for (key, value) in &unit.index {
            self.book.put_link(key.clone(), value.clone());
        }
        let mut unit = match self.event(order.clone(), event.clone(), source, now).await? {
            Ok(stepped) => unit.then(stepped),
            Err(_) => {
                let append = vec![Item::Event { raw, order, event }.to_bytes()];
                unit.then(Unit { append, at: now, ..Unit::default() })
            }
        };
        let said = self.signals(signals.clone(), source, now).await?;
        unit = unit.then(said.unwrap_or_else(|_| {
            let append = signals.into_iter().map(|signal| Item::Signal { raw, signal }.to_bytes());
            Unit { append: append.collect(), at: now, ..Unit::default() }
        }));
        if doubt.is_none() {
            unit.deliveries.extend(self.following(delivery, &unit, revoked, now).map(DeliveryOp::Update));
        }
        Ok(Some(unit))
    }

    /// Whether the result of a delivery that is not in the store has still to be told: its order waits for it, or it
    /// was never settled and nobody has ended it.
    async fn is_owed(&mut self, delivery: &Delivery, doubt: Option<Doubt>) -> StoreResult<bool> {
        let order = self.book.order(&delivery.command.order).await?;
        let is_awaited = order.is_some_and(|order| order.unsent.contains_key(delivery.id()));
        let is_over = self.site.lanes().is_over(key_of(delivery));
        Ok(is_awaited || (doubt == Some(Doubt::Refused) && !is_over))
    }

    /// The next delivery of the lane, marked as being sent, if it is sent as soon as this one is settled.
    fn following(
        &self,
        settled: &Delivery,
        unit: &Unit,
        revoked: &HashSet<CommandId>,
        now: At,
    ) -> Option<Delivery> {
        let next = self.site.lanes().following(key_of(settled), now)?;
        let is_revoked = revoked.contains(next.id()) || revoked_by(unit).any(|id| id == next.id());
        marked(&self.site, &next, now).filter(|_| !is_revoked)
    }
}

/// The commands that the unit revokes.
pub(super) fn revoked_by(unit: &Unit) -> impl Iterator<Item = &CommandId> {
    unit.deliveries.iter().filter_map(|op| match op {
        DeliveryOp::Revoke(id) | DeliveryOp::Remove(id) => Some(id),
        DeliveryOp::Add(_) | DeliveryOp::Update(_) => None,
    })
}

/// Marks the commands of the unit that are sent as soon as it is committed.
pub(in crate::worker) fn mark_first(site: &Site, unit: &mut Unit, settled: Option<u64>, now: At) {
    let revoked: HashSet<CommandId> = revoked_by(unit).cloned().collect();
    let lanes = site.lanes();
    let mut taken = HashSet::new();
    for op in &mut unit.deliveries {
        let DeliveryOp::Add(delivery) = op else { continue };
        if taken.insert(key_of(delivery))
            && !revoked.contains(delivery.id())
            && lanes.takes_at_once(delivery, settled)
            && let Some(marked) = marked(site, delivery, now)
        {
            *delivery = marked;
        }
    }
}

/// The settlement without the order's step and the signals.
fn settlement(delivery: &Delivery, ended: Ended, now: At) -> (Unit, Event, Vec<Signal>) {
    let id = delivery.id().clone();
    let mut unit = Unit { deliveries: vec![DeliveryOp::Remove(id.clone())], at: now, ..Unit::default() };
    match ended {
        Ended::Done(receipt) => {
            unit.index = receipt.links.into_iter().map(|(key, value)| (key, Some(value))).collect();
            (unit, Event::Receipt { command: id }, receipt.signals)
        }
        // The dead letter is for a person; the event is for the order, which gets another next step.
        Ended::Never { why } => {
            // A platform's own words may stand in it.
            let why = one_line(&why, WHY_MAX).text;
            let (order, body) = (Some(delivery.command.order.clone()), json::bytes(delivery));
            let letter =
                DeadLetter { id: format!("out-{id}"), at: now, why: why.clone(), order, body, folded: 0 };
            unit.dead.push(DeadOp::Bury(letter));
            (unit, Event::Undeliverable { command: id, why }, Vec::new())
        }
    }
}

/// Longest reason of a dead letter.
const WHY_MAX: usize = 1_000;

/// Whether the delivery is still in the store; checked after a commit whose answer was lost.
async fn is_pending(site: &Site, delivery: &Delivery) -> StoreResult<bool> {
    let found = site.store.pending(site.id(), std::slice::from_ref(delivery.id())).await?;
    Ok(found.iter().flatten().next().is_some())
}

#[cfg(test)]
mod tests;
