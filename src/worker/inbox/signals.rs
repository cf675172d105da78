//! Turns signals into units: all signals of one request, and all events of one order, with the number of the
//! stored request. Never commits. A signal that needs a person does not stop the others. Enter at
//! [`Inbox::signals`].

use super::Inbox;
use super::take::{DeadReason, Taken};
use crate::intake::apply::{Source, apply, delivery};
use crate::intake::clean::clean;
use crate::intake::correlate::{Aim, Aims, aim};
use crate::intake::item::Item;
use crate::link;
use crate::process::{At, Event, OrderId};
use crate::signal::Signal;
use crate::store::{DeliveryOp, StoreResult, Unit};
use crate::worker::site::count;

/// Most signals of one request in one unit; the others become entries of their own.
pub(super) const TOGETHER_MAX: usize = 32;

impl Inbox {
    /// Signals in their order. An unusable one becomes an entry of its own, and later a dead letter, without
    /// the others.
    pub(super) async fn signals(&mut self, mut signals: Vec<Signal>, source: Source, now: At) -> Taken {
        if signals.len() == 1 {
            return self.signal(signals.remove(0), source, now).await;
        }
        let raw = source.raw;
        let beyond = signals.split_off(signals.len().min(TOGETHER_MAX));
        let mut unit = Unit { at: now, ..Unit::default() };
        for signal in signals {
            unit = match self.signal(signal.clone(), source, now).await? {
                Ok(next) => unit.then(next),
                Err(_) => {
                    unit.append.push(Item::Signal { raw, signal }.to_bytes());
                    unit
                }
            };
        }
        unit.append.extend(beyond.into_iter().map(|signal| Item::Signal { raw, signal }.to_bytes()));
        Ok(Ok(unit))
    }

    /// Whatever brought the signal, its text is cleaned here.
    pub(super) async fn signal(&mut self, mut signal: Signal, source: Source, now: At) -> Taken {
        let cut = clean(&mut signal);
        if !cut.is_empty() {
            tracing::warn!(school = %self.site.id(), fields = ?cut, "text that was too long was cut");
        }
        match signal {
            Signal::CallSeen(event) => self.call(&event, source, now).await,
            Signal::Consent(consent) => self.consent(&consent, now).await,
            signal => {
                let aims = aim(&self.site.school, &mut self.book, signal, now).await?;
                self.aims(aims, source, now).await
            }
        }
    }

    /// Events of one order are stepped in sequence, in one unit. If they concern several orders, each order
    /// gets an entry of its own, so that a commit does not grow with the number of a client's orders.
    async fn aims(&mut self, aims: Aims, source: Source, now: At) -> Taken {
        if let Some(why) = aims.unusable {
            return Ok(Err(DeadReason::new(why)));
        }
        if aims.nobody {
            count(&self.site.tally.nobody);
            tracing::info!(school = %self.site.id(), "a change of a person whom no order knows");
        }
        if let Some(why) = aims.nothing {
            tracing::debug!(school = %self.site.id(), why, "nothing to do");
        }
        let mut unit = Unit { at: now, ..Unit::default() };
        let one_order = aims.aims.windows(2).all(|two| two[0].order == two[1].order);
        for aim in aims.aims {
            if one_order {
                unit = unit.then(self.step(aim, source, now).await?);
            } else {
                let Aim { order, event, .. } = aim;
                unit.append.push(Item::Event { raw: source.raw, order, event }.to_bytes());
            }
        }
        unit.put.extend(aims.puts);
        for (key, value) in aims.index {
            self.book.put_link(key.clone(), value.clone());
            unit.index.push((key, value));
        }
        unit.deliveries.extend(aims.ask.map(|command| DeliveryOp::Add(delivery(command, source, now))));
        Ok(Ok(unit))
    }

    pub(super) async fn event(&mut self, order: OrderId, event: Event, source: Source, now: At) -> Taken {
        match self.book.order(&order).await? {
            Some(known) => Ok(Ok(self.step(Aim::new(order, known.client, event), source, now).await?)),
            // Intake asked before there was an order, and the answer made none.
            None if matches!(event, Event::Receipt { .. } | Event::Undeliverable { .. }) => {
                Ok(Ok(Unit { at: now, ..Unit::default() }))
            }
            // It was in flight when the order was forgotten.
            None if self.book.link(&link::gone(&order)).await?.is_some() => {
                Ok(Ok(Unit { at: now, ..Unit::default() }))
            }
            None => Ok(Err(DeadReason::new(format!("order {order} has no record")))),
        }
    }

    pub(super) async fn step(&mut self, aim: Aim, source: Source, now: At) -> StoreResult<Unit> {
        count(&self.site.tally.stepped);
        apply(&self.site.school, &mut self.book, aim, source, now).await
    }
}
