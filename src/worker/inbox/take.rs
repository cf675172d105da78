//! Turns an entry of the inbox into a unit of work; `signals` processes its signals. Never commits and never
//! drops an entry: an unusable one becomes a dead letter. Enter at [`Inbox::take`].

use super::signals::TOGETHER_MAX;
use super::{Cause, Inbox};
use crate::intake::ahead::Ahead;
use crate::intake::apply::Source;
use crate::intake::book::Book;
use crate::intake::calls::{CallRecord, Merged};
use crate::intake::correlate::{extension, order_of};
use crate::intake::dial::aim_call;
use crate::intake::envelope::Envelope;
use crate::intake::forget;
use crate::intake::item::{Inbound, Item, Member};
use crate::intake::split;
use crate::panics::caught_now;
use crate::process::At;
use crate::process::event::{CallResult, Direction};
use crate::signal::{CallEvent, Consent, Signal};
use crate::store::key;
use crate::store::{
    DeadLetter, DeadOp, Delivery, DeliveryOp, DeliveryState, Entry, Put, StoreResult, Unit, Wake,
};
use crate::worker::wipe::{self, Removed};
use crate::{json, link};

impl Inbox {
    /// Reads an entry and decodes its request.
    pub(super) fn read(&self, entry: &Entry) -> Read {
        match Inbound::read(&entry.body) {
            // Where the store has lost it, there is nothing to read.
            _ if entry.body.is_empty() => Read::Nothing,
            Ok(Inbound::Request(envelope)) => {
                Read::Request { source: source_of(entry, &envelope), signals: self.decoded(&envelope) }
            }
            Ok(Inbound::Item(item)) => Read::Item(item),
            // The text of the error may quote the entry.
            Err(error) => {
                Read::Unreadable(format!("the entry cannot be read: JSON, column {}", error.column()))
            }
        }
    }

    /// Every entry becomes a unit; an unusable one becomes a dead letter. `read` is the entry as it was read ahead.
    pub(super) async fn take(&mut self, entry: &Entry, read: Option<Read>, now: At) -> StoreResult<Unit> {
        if let Some(why) = self.aside.get(&Cause::Entry(entry.seq.clone())).cloned() {
            return match self.apart(entry, now) {
                Some(unit) => Ok(unit),
                None => self.bury(dead(entry, why), now).await,
            };
        }
        let taken = match read.unwrap_or_else(|| self.read(entry)) {
            Read::Nothing => {
                // The store has kept its place.
                self.site.store_watch.entry_gone();
                return Ok(Unit { at: now, ..Unit::default() });
            }
            Read::Request { source, signals: Ok(signals) } => self.signals(signals, source, now).await?,
            Read::Request { signals: Err(why), .. } => Err(why),
            Read::Item(item) => self.item(*item, now).await?,
            Read::Unreadable(why) => {
                self.site.unreadable(&why);
                Err(DeadReason::new(why))
            }
        };
        match taken {
            Ok(unit) => Ok(unit),
            Err(why) => self.bury(dead(entry, why.why), now).await,
        }
    }

    async fn bury(&mut self, letter: DeadLetter, now: At) -> StoreResult<Unit> {
        let letter = self.folds.bury(&*self.site.store, self.site.id(), letter, now).await?;
        if letter.folded <= 1 {
            tracing::error!(id = letter.id, why = letter.why, "a dead letter: see `dozvon dead`");
        }
        Ok(Unit { dead: vec![DeadOp::Bury(letter)], at: now, ..Unit::default() })
    }

    async fn item(&mut self, item: Item, now: At) -> Taken {
        match item {
            Item::Signal { raw, signal } => self.signal(signal, Source { raw }, now).await,
            Item::Event { raw, order, event } => self.event(order, event, Source { raw }, now).await,
            Item::Retry { letter } => self.retry(&letter, now).await,
            Item::Erase { mention, is_last: false } => {
                // What waits here or in the inbox came before: it is worked off first, so that nothing of the person
                // comes after.
                if let Some(spool) = &self.site.spool {
                    spool.empty(&*self.site.store, self.site.id()).await?;
                }
                let append = vec![Item::Erase { mention, is_last: true }.to_bytes()];
                Ok(Ok(Unit { append, at: now, ..Unit::default() }))
            }
            Item::Erase { mention, is_last: true } => {
                let site = &self.site;
                tracing::info!(school = %site.id(), "a person is erased");
                Ok(Ok(forget::erase(&mut self.book, &*site.store, site.id(), mention, now).await?))
            }
            Item::Scrub(rest) => {
                let site = &self.site;
                if let (Some(spool), true) = (&site.spool, rest.is_at_requests()) {
                    let mention = rest.mention.clone();
                    spool.forget(move |text| mention.is_in(text)).await;
                }
                let mut unit = forget::scrub(&mut self.book, &*site.store, site.id(), *rest, now).await?;
                if unit.append.is_empty() {
                    unit.put.push(wipe::mark(site, Removed::Person).await?);
                }
                Ok(Ok(unit))
            }
            Item::Split { order } => {
                let site = &self.site;
                Ok(Ok(split::split(&site.school, &mut self.book, &order, now).await?))
            }
            Item::Tidy => {
                let put = vec![wipe::mark(&self.site, Removed::Past).await?];
                Ok(Ok(Unit { put, at: now, ..Unit::default() }))
            }
            Item::Retire { order, before } => {
                Ok(Ok(forget::retire(&mut self.book, &order, before, now).await?))
            }
        }
    }

    fn decoded(&self, envelope: &Envelope) -> Result<Vec<Signal>, DeadReason> {
        let Some(hooks) = self.site.hooks.get(envelope.platform.as_str()) else {
            return Err(DeadReason::new(format!("{} is not set up for this school", envelope.platform)));
        };
        let decoded = match envelope.found {
            true => hooks.decode_found(&envelope.request(), envelope.at),
            false => hooks.decode(&envelope.verified(), envelope.at),
        };
        if !envelope.found {
            let names = hooks.unread(&envelope.request());
            self.site.tally.unread.note(self.site.id(), &envelope.platform, &names);
            let needed = &self.site.school.needed;
            if let Some(lacks) = hooks.lacks(&envelope.request(), needed) {
                self.site.tally.unread.note_lacks(self.site.id(), &envelope.platform, &lacks);
            }
        }
        let mut signals = decoded.map_err(|undecodable| DeadReason::new(undecodable.to_string()))?;
        for signal in signals.iter_mut().filter(|_| !envelope.found) {
            if let Signal::OrderSeen(seen) = signal {
                let told_at = seen.facts.told_at.map_or(envelope.at, |told| told.min(envelope.at));
                seen.facts.told_at = Some(told_at);
            }
        }
        Ok(signals)
    }

    /// If an entry fails as a whole, its signals become entries of their own, so that only the faulty one
    /// becomes a dead letter. `None` for an entry that is not a request with several signals.
    fn apart(&self, entry: &Entry, now: At) -> Option<Unit> {
        let Ok(Inbound::Request(envelope)) = Inbound::read(&entry.body) else { return None };
        let signals = caught_now(|| self.decoded(&envelope)).ok()?.ok().filter(|all| all.len() > 1)?;
        let raw = source_of(entry, &envelope).raw;
        let append = signals.into_iter().map(|signal| Item::Signal { raw, signal }.to_bytes()).collect();
        Some(Unit { append, at: now, ..Unit::default() })
    }

    /// Stores a consent for the chores, which exchange it before it expires.
    pub(super) async fn consent(&mut self, consent: &Consent, now: At) -> Taken {
        let known = self.site.store.read(self.site.id(), &[key::CONSENT.to_owned()]).await?.pop().flatten();
        let body = json::bytes(consent);
        let put = Put { key: key::CONSENT.to_owned(), expect: known.map_or(0, |known| known.version), body };
        self.site.chore_bell.notify_one();
        Ok(Ok(Unit { put: vec![put], at: now, ..Unit::default() }))
    }

    /// Events of one call are merged first; only a final result becomes an event of an order.
    pub(super) async fn call(&mut self, event: &CallEvent, source: Source, now: At) -> Taken {
        let known = self.book.call(&event.call).await?;
        let waits = self.site.school.call_waits(&event.call);
        let mut record = known.unwrap_or_else(|| CallRecord::new(event.call.as_str(), waits));
        if let Some(command) = event.command()
            && is_ours(&mut self.book, command).await?
        {
            record.set_ours();
        }
        record.raw = source.raw.or(record.raw);
        let merged = record.merge(event, now);
        Ok(Ok(self.merged(&event.call, record, merged, source, now).await?))
    }

    pub(super) async fn merged(
        &mut self,
        call: &str,
        record: CallRecord,
        merged: Merged,
        source: Source,
        now: At,
    ) -> StoreResult<Unit> {
        let member = Member::Call(call.to_owned()).to_string();
        let mut unit = Unit { at: now, ..Unit::default() };
        if let Merged::Result(found) = merged {
            unit = self.finished(found.result, found.extension.as_deref(), source, now).await?;
        }
        match record.wake() {
            Some(at) => unit.wake.push(Wake { member, at_ms: at.timestamp_millis(), promised: false }),
            None => unit.sleep.push(member),
        }
        self.occupy(&record, &mut unit, now).await?;
        unit.put.extend(self.book.put_call(call, record));
        Ok(unit)
    }

    /// D9: a manager who is on the phone is not called. A step that changed the desk has freed it already.
    async fn occupy(&mut self, record: &CallRecord, unit: &mut Unit, now: At) -> StoreResult<()> {
        let process = &self.site.school.process;
        if !process.figures.dialling.start_calls || unit.put.iter().any(|put| put.key.starts_with(key::DESKS))
        {
            return Ok(());
        }
        let managers = process.roster.iter().map(|manager| &manager.id);
        let before = self.book.desks(managers).await?;
        let mut desks = before.clone();
        desks.free(&record.call);
        let until = record.wake().unwrap_or(now);
        for manager in record.on_call().filter_map(|ext| extension(&self.site.school, ext)) {
            desks.occupy(&manager, &record.call, now, until);
        }
        unit.put.extend(self.book.put_desks(&before, desks));
        Ok(())
    }

    async fn finished(
        &mut self,
        result: CallResult,
        ext: Option<&str>,
        source: Source,
        now: At,
    ) -> StoreResult<Unit> {
        let (call, is_missing) =
            (result.call.clone(), result.direction == Direction::Inbound && result.number.is_some());
        let Some(aim) = aim_call(&self.site.school, &mut self.book, result, ext).await? else {
            tracing::debug!(school = %self.site.id(), call, "a call with a stranger");
            let mut lines = self.site.school.platforms.lines().map(|(platform, _)| platform.name);
            if let Some(line) = lines.find(|name| call.split_once(':').is_some_and(|(line, _)| line == *name))
                && is_missing
            {
                self.site.tally.unrouted.note(line, now);
            }
            return Ok(Unit { at: now, ..Unit::default() });
        };
        let order = aim.order.to_string();
        let mut unit = self.step(aim, source, now).await?;
        let key = link::call(&call);
        self.book.put_link(key.clone(), Some(order.clone()));
        unit.index.push((key, Some(order)));
        Ok(unit)
    }

    /// A person retries a dead letter: a delivery returns to its lane, an entry to the end of the inbox.
    async fn retry(&mut self, id: &str, now: At) -> Taken {
        let mut unit = Unit { at: now, ..Unit::default() };
        let found = self.site.store.letter(self.site.id(), id).await?;
        // It was removed meanwhile, or its body has expired.
        let Some(found) = found.filter(|letter| !letter.body.is_empty()) else {
            tracing::warn!(school = %self.site.id(), id, "a dead letter that there is not, or not whole, was to be tried again");
            return Ok(Ok(unit));
        };
        if id.starts_with("out-") {
            let Ok(mut delivery) = serde_json::from_slice::<Delivery>(&found.body) else {
                return Ok(Err(DeadReason::new(format!(
                    "{id} holds no delivery that this version can read"
                ))));
            };
            // It may have been done before it was buried: look it up first. If that is not possible, the
            // person who asks has looked.
            delivery.state = match delivery.command.ask.target().can_look_up() {
                true => DeliveryState::Unclear { not_before: now },
                false => DeliveryState::Waiting,
            };
            delivery.attempts = 0;
            delivery.created_at = now;
            // Says that it was not decided just now, see `spool::sent`.
            delivery.fault = Some("a person tries it again".to_owned());
            unit.deliveries.push(DeliveryOp::Add(delivery));
        } else {
            unit.append.push(again(id, found.body));
        }
        self.folds.forget();
        unit.dead.push(DeadOp::Dig(id.to_owned()));
        Ok(Ok(unit))
    }
}

/// An entry that has been read and decoded, not processed.
pub(super) enum Read {
    Nothing,
    Request { source: Source, signals: Result<Vec<Signal>, DeadReason> },
    Item(Box<Item>),
    Unreadable(String),
}

impl Read {
    /// Whether its steps read nothing but the book: what commands of people and the erasure read in the store itself
    /// has to be committed.
    pub fn is_of_book(&self) -> bool {
        match self {
            Self::Request { signals, .. } => signals.is_ok(),
            Self::Item(item) => matches!(**item, Item::Signal { .. } | Item::Event { .. }),
            Self::Nothing | Self::Unreadable(_) => false,
        }
    }

    /// Adds the records that processing it will need.
    pub fn needs(&self, ahead: &mut Ahead) {
        match self {
            Self::Request { signals: Ok(signals), .. } => {
                signals.iter().take(TOGETHER_MAX).for_each(|signal| ahead.signal(signal));
            }
            Self::Item(item) => ahead.item(item),
            Self::Nothing | Self::Request { .. } | Self::Unreadable(_) => {}
        }
    }
}

/// A unit, or the reason why the entry becomes a dead letter.
pub(super) type Taken = StoreResult<Result<Unit, DeadReason>>;

pub(super) struct DeadReason {
    pub why: String,
}

impl DeadReason {
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// Whether an order of ours issued this command.
async fn is_ours(book: &mut Book, command: &str) -> StoreResult<bool> {
    match order_of(book, command).await? {
        Some(order) => Ok(book.order(&order).await?.is_some()),
        None => Ok(false),
    }
}

/// A found request is stored only with its order's event, because it can be read again.
fn source_of(entry: &Entry, envelope: &Envelope) -> Source {
    Source { raw: envelope.raw.or(Some(entry.seq.0)).filter(|_| !envelope.found) }
}

/// The entry of a dead letter, which still names the place of its stored request (F35).
fn again(id: &str, body: Vec<u8>) -> Vec<u8> {
    match (Inbound::read(&body), id.strip_prefix("in-").and_then(|seq| seq.parse().ok())) {
        (Ok(Inbound::Request(envelope)), Some(seq)) => {
            Envelope { raw: envelope.raw.or(Some(seq)), ..*envelope }.to_bytes()
        }
        _ => body,
    }
}

fn dead(entry: &Entry, why: impl Into<String>) -> DeadLetter {
    let id = format!("in-{}", entry.seq.0);
    DeadLetter { id, at: entry.at, why: why.into(), order: None, body: entry.body.clone(), folded: 0 }
}

#[cfg(test)]
mod tests;
