//! What people type into the CRM outside of our fields: notes on a lead, and leads without an order. Never
//! mistakes our own notes and leads for a person's. Enter at [`note_seen`], [`unowned_lead`] and
//! [`lead_made`].

use super::book::Book;
use super::correlate::{Aim, Aims, amocrm_user, lead_of, open_orders, said, signed, stage};
use super::identity::{self, new_client};
use super::read_back;
use crate::config::School;
use crate::link;
use crate::platform::marker;
use crate::process::event::{Answer, AnswerKind, Author, OrderFacts};
use crate::process::{At, Client, Event, LeadRole, Money, OrderId, ReadBack};
use crate::signal::{MadeLead, SeenLead, SeenNote};
use crate::store::StoreResult;

/// A manager's note that consists of one answer counts as that answer (L13, L17): «перезвонить 24.11 11:00»,
/// «обещал оплатить 25.11», «отказ: цена». Any other text stays a note.
pub(super) async fn note_seen(
    school: &School,
    book: &mut Book,
    seen: &SeenNote,
    now: At,
) -> StoreResult<Aims> {
    let author = seen.by.and_then(|user| amocrm_user(school, user));
    let (Some(lead), Some(author), true) = (seen.lead, author, seen.common && !marker::is_note(&seen.text))
    else {
        return Ok(Aims::nothing(format!("note {} is no manager's", seen.note)));
    };
    let Some((order, _)) = lead_of(book, lead).await? else {
        return Ok(Aims::nothing(format!("note {} is on a lead of others", seen.note)));
    };
    let Some(record) = book.order(&order).await? else {
        return Ok(Aims::nothing(format!("order {order} has no record")));
    };
    let entity = format!("note/{}", seen.note);
    let mut last_seen = book.last_seen(&entity).await?;
    if !last_seen.note(seen) {
        return Ok(Aims::nothing(format!("note {} is known", seen.note)));
    }
    let said_at = seen.created_at.unwrap_or(now);
    let answer = school.answers.from_note(&seen.text, &school.process.dates(said_at)).filter(is_whole);
    if answer.is_some() && !seen.read {
        let what = ReadBack::Note { lead, note: seen.note };
        return Ok(read_back::first(&order, &record.client, what, seen.created_at));
    }
    let on_lead = format!("lead/{lead}");
    let mut lead = book.last_seen(&on_lead).await?;
    lead.has_note(seen.note);
    let aims = answer.map(|answer| {
        let event = Event::Answer(said(signed(answer, Some(&author)), seen.created_at));
        Aim::new(order.clone(), record.client.clone(), event)
    });
    Ok(Aims {
        aims: aims.into_iter().collect(),
        puts: book
            .put_last_seen(&entity, last_seen)
            .into_iter()
            .chain(book.put_last_seen(&on_lead, lead))
            .collect(),
        ..Aims::default()
    })
}

/// A text that only begins with such a word may mean anything.
fn is_whole(answer: &Answer) -> bool {
    match answer.kind {
        AnswerKind::CallBack | AnswerKind::Promise => answer.at.is_some(),
        AnswerKind::Refusal => answer.reason.is_some(),
        _ => false,
    }
}

/// A lead that belongs to none of our orders: if a seller put it into a stage that the school watches, it is
/// read with its contact, once (G9).
pub(super) async fn unowned_lead(
    school: &School,
    book: &mut Book,
    seen: &SeenLead,
    now: At,
) -> StoreResult<Aims> {
    let entity = format!("lead/{}", seen.lead);
    let mut last_seen = book.last_seen(&entity).await?;
    if !is_watched(school, seen) || !last_seen.ask(now) {
        return Ok(Aims::nothing(format!("lead {} is none of ours", seen.lead)));
    }
    let order = OrderId::of_lead(seen.lead);
    let what = ReadBack::MadeLead { lead: seen.lead };
    Ok(Aims {
        puts: book.put_last_seen(&entity, last_seen).into_iter().collect(),
        ..read_back::first(&order, &new_client(&order), what, None)
    })
}

fn is_watched(school: &School, seen: &SeenLead) -> bool {
    let Some(amocrm) = school.crm() else { return false };
    let by_seller = seen.changed_by.is_some_and(|user| amocrm_user(school, user).is_some());
    let (Some(pipeline), Some(status)) = (seen.pipeline, seen.status) else { return false };
    let stage = stage(school, LeadRole::Sales, pipeline, status);
    by_seller && stage.is_some_and(|(stage, _)| amocrm.by_hand.contains(&stage))
}

/// G9: with an order number it becomes that order's lead, if that order has none; without one it becomes an
/// order of its own, unless its client already has an open one or cannot be reached.
pub(super) async fn lead_made(school: &School, book: &mut Book, made: MadeLead) -> StoreResult<Aims> {
    let lead = made.lead;
    if lead_of(book, lead).await?.is_some() {
        return Ok(Aims::nothing(format!("lead {lead} is ours by now")));
    }
    let who = identity::who(book, &made.facts).await?;
    let mut made = made;
    who.tell(&mut made.facts);
    made.facts.read = true;
    let known = who.client;
    let record = match &known {
        Some(client) => book.client(client).await?,
        None => None,
    };
    if let Some(number) = &made.number {
        return by_number(book, lead, number, record).await;
    }
    let reachable =
        made.facts.email.is_some() || made.facts.phone.as_ref().is_some_and(|one| one.e164.is_some());
    if !reachable || record.is_some_and(|client| !open_orders(&client).is_empty()) {
        return Ok(Aims::nothing(format!("lead {lead} stays its maker's")));
    }
    let order = OrderId::of_lead(lead);
    if book.link(&link::gone(&order)).await?.is_some() {
        return Ok(Aims::nothing(format!("order {order} was forgotten")));
    }
    let client = known.unwrap_or_else(|| new_client(&order));
    let mut index = links(&order, lead);
    if let Some(contact) = made.contact {
        index.push((link::crm_contact(contact), Some(client.to_string())));
        index.push((link::contact(&client), Some(contact.to_string())));
    }
    let facts = OrderFacts {
        author: Some(Author::Manager),
        pipeline: made.pipeline.and_then(|pipeline| further(school, pipeline)),
        positions: Some(made.name),
        cost: (made.price > 0).then(|| Money::new(made.price.saturating_mul(100), &school.process.currency)),
        manager: made.responsible.and_then(|user| amocrm_user(school, user)),
        client: made.facts.clone(),
        ..OrderFacts::default()
    };
    let event = Event::Order(Box::new(facts));
    let aim = Aim { facts: made.facts, ..Aim::new(order, client, event) };
    Ok(Aims { aims: vec![aim], index, ..Aims::default() })
}

async fn by_number(book: &Book, lead: u64, number: &str, client: Option<Client>) -> StoreResult<Aims> {
    let orders = client.map(|client| client.orders).unwrap_or_default();
    let found = orders.into_iter().find(|(_, brief)| brief.number.as_deref() == Some(number));
    let Some((order, _)) = found else {
        return Ok(Aims::nothing(format!("lead {lead} is of an order that is not known")));
    };
    if book.link(&link::lead(&order, LeadRole::Sales)).await?.is_some() {
        return Ok(Aims::nothing(format!("lead {lead} is a second one of {order}")));
    }
    Ok(Aims { index: links(&order, lead), ..Aims::default() })
}

/// A sales pipeline of the school that is not the usual one.
fn further(school: &School, pipeline: u64) -> Option<u64> {
    let crm = school.crm()?;
    let further = crm.further(pipeline)?;
    crm.pipeline(LeadRole::Sales, Some(further)).map(|pipeline| pipeline.id)
}

fn links(order: &OrderId, lead: u64) -> Vec<(String, Option<String>)> {
    let role = LeadRole::Sales;
    vec![
        (link::lead(order, role), Some(lead.to_string())),
        (link::crm_lead(lead), Some(link::lead_of(order, role))),
    ]
}
