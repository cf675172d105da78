//! Applies one event to one case: opens the records, steps, and returns the unit with everything to commit.
//! Never writes; the worker commits the unit. Enter at [`apply`].

use std::collections::BTreeSet;

use super::book::Book;
use super::correlate::Aim;
use super::identity;
use crate::config::School;
use crate::intake::item::{Item, Member};
use crate::process::meters::counted_as;
use crate::process::{At, Case, Client, Command, Event, Order, Step, step, wake};
use crate::store::{Delivery, DeliveryOp, DeliveryState, JournalEntry, StoreResult, Unit, Wake};
use crate::{json, link};

/// The origin of an event, for the journal: also of what is only known later, as the answer to a command or the end
/// of a call.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source {
    /// Place of the stored request; none for a timer and for what reconciliation found.
    pub raw: Option<u64>,
}

/// Steps the case and returns the unit to commit. The book already contains the new records: if the commit is
/// refused, or this panics, the book has to be closed.
pub async fn apply(school: &School, book: &mut Book, aim: Aim, source: Source, now: At) -> StoreResult<Unit> {
    let (case, client) = open(school, book, &aim, now).await?;
    let stepped = step(&school.process, case.clone(), &aim.event, now);
    let mut index = changed_links(book, &case.client, &stepped.case.client).await?;
    let mut unit = unit_of(school, book, (&case, client), stepped, &aim.event, source, now);
    unit.index.append(&mut index);
    Ok(unit)
}

/// What the store has of the client whose order is stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientRecord {
    /// His record, or he is new, with his first order.
    Whole,
    /// It has lost him, and this event tells him again.
    ToldAgain,
    /// It has lost him, and this event says nothing of him: nobody would notice the loss of an empty record.
    Lost,
}

async fn open(school: &School, book: &mut Book, aim: &Aim, now: At) -> StoreResult<(Case, ClientRecord)> {
    let known = book.order(&aim.order).await?;
    let owner = known.as_ref().map_or(&aim.client, |order| &order.client).clone();
    let stored = book.client(&owner).await?;
    let record = match (&stored, &known, &aim.event) {
        (None, Some(_), Event::Order(_) | Event::Client(_)) => ClientRecord::ToldAgain,
        (None, Some(_), _) => ClientRecord::Lost,
        _ => ClientRecord::Whole,
    };
    let client = stored.unwrap_or_else(|| {
        let mut client = Client::new(owner);
        client.told(&aim.facts, &school.process.texts);
        client
    });
    let own = known.as_ref().and_then(|order| order.responsible.as_ref());
    let managers = school.process.roster.iter().map(|manager| &manager.id).chain(own);
    let desks = book.desks(managers).await?;
    let meters = book.meters(&ways(&client, aim)).await?;
    let case = match known {
        Some(order) => Case { order, client, desks, meters },
        None => Case { meters, ..Case::new(aim.order.clone(), client, desks, now) },
    };
    Ok((case, record))
}

/// The addresses and numbers that this step may write to or call: the client's, and those that it brings.
fn ways(client: &Client, aim: &Aim) -> BTreeSet<String> {
    let brought = match &aim.event {
        Event::Order(facts) => Some(&facts.client),
        Event::Client(facts) => Some(facts),
        _ => None,
    };
    let brought = brought.into_iter().flat_map(|facts| facts.email.iter().chain(facts.numbers()));
    client.emails.iter().chain(&client.phones).chain(brought).map(|way| counted_as(way)).collect()
}

/// Index entries of a person's numbers and addresses; the entry of a removed number is deleted. An entry that points to
/// another person is unchanged, so that two persons are never merged by mistake: the second one stands beside it.
pub(super) async fn changed_links(
    book: &mut Book,
    before: &Client,
    after: &Client,
) -> StoreResult<Vec<(String, Option<String>)>> {
    let keys_of = |client: &Client| -> Vec<String> {
        let phones = client.phones.iter().map(|phone| link::phone(phone));
        let emails = client.emails.iter().map(|email| link::email(email));
        phones.chain(emails).chain(client.gc_user.as_deref().map(link::gc_user)).collect()
    };
    let old = if before.orders.is_empty() { Vec::new() } else { keys_of(before) };
    let has = keys_of(after);
    let gone = old.iter().filter(|key| !has.contains(key)).cloned();
    let changed: Vec<String> = has.iter().filter(|key| !old.contains(key)).cloned().chain(gone).collect();
    let known = book.links_of(&changed).await?;
    let mut links = Vec::new();
    for (key, known) in changed.into_iter().zip(known) {
        let has_it = has.contains(&key);
        match known {
            None if has_it => links.push((key, Some(after.id.to_string()))),
            None => {}
            Some(known) if known == after.id.as_str() => links.extend((!has_it).then_some((key, None))),
            Some(_) => links.extend(identity::change_alike(book, &key, &after.id, has_it).await?),
        }
    }
    for (key, value) in &links {
        book.put_link(key.clone(), value.clone());
    }
    Ok(links)
}

fn unit_of(
    school: &School,
    book: &mut Book,
    (before, client): (&Case, ClientRecord),
    stepped: Step,
    event: &Event,
    source: Source,
    now: At,
) -> Unit {
    let Step { case, commands, revoke, tell, journal, moments: _ } = stepped;
    let mut unit = Unit { at: now, ..Unit::default() };
    let spurious = matches!(event, Event::Wake) && commands.is_empty() && journal.is_empty();
    if !spurious {
        unit.journal.push(JournalEntry {
            at: now,
            order: case.order.id.clone(),
            raw: source.raw.map(|seq| format!("raw:{seq}")).unwrap_or_default(),
            event: json::value(event),
            lines: journal,
            commands: commands.iter().map(name_of).collect(),
            config: school.process.config_hash.clone(),
        });
    }
    // The wake of an order whose client was lost may have been put off.
    let is_written = matches!(event, Event::Wake) || client == ClientRecord::ToldAgain;
    set_wake(&mut unit, &before.order, &case.order, is_written);
    unit.deliveries.extend(revoke.into_iter().map(DeliveryOp::Revoke));
    unit.deliveries
        .extend(commands.into_iter().map(|command| DeliveryOp::Add(delivery(command, source, now))));
    unit.append.extend(
        tell.into_iter().map(|(order, news)| {
            Item::Event { raw: source.raw, order, event: Event::Sibling(news) }.to_bytes()
        }),
    );
    let joined = case.client.joined.get(&case.order.id);
    if joined.is_some_and(|joined| joined.leaves && case.order.unsent.is_empty()) {
        unit.append.push(Item::Split { order: case.order.id.clone() }.to_bytes());
    }
    unit.put.extend(book.put_order(case.order));
    if client != ClientRecord::Lost {
        unit.put.extend(book.put_client(case.client));
    }
    unit.put.extend(book.put_desks(&before.desks, case.desks));
    unit.put.extend(book.put_meters(&before.meters, case.meters));
    unit
}

/// The order's wake, if it changes; after a wake has fired it is written in any case, so that the index is correct.
fn set_wake(unit: &mut Unit, before: &Order, after: &Order, is_written: bool) {
    let member = order_member(after);
    match wake(after) {
        Some((at, promised)) if is_written || wake(before) != Some((at, promised)) => {
            unit.wake.push(Wake { member, at_ms: at.timestamp_millis(), promised });
        }
        None if is_written || wake(before).is_some() => unit.sleep.push(member),
        _ => {}
    }
}

/// The order's name in the index of wakes.
pub fn order_member(order: &Order) -> String {
    Member::Order(order.id.clone()).to_string()
}

/// A command as a delivery, with the origin of the event that asked for it.
pub fn delivery(command: Command, source: Source, now: At) -> Delivery {
    let (state, raw) = (DeliveryState::Waiting, source.raw);
    Delivery { seq: 0, command, created_at: now, state, attempts: 0, fault: None, raw }
}

/// A command in the journal: `gc-1.4 create_task`.
fn name_of(command: &Command) -> String {
    format!("{} {}", command.id, command.ask.name())
}
