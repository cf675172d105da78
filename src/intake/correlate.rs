//! Turns a signal into events of orders: finds the order, and replaces the platform's ids by ours. Reads open
//! records and links, never writes and never decides. Enter at [`aim`].

use super::book::Book;
use super::contacts::{self, ContactSaid};
use super::forget::Gone;
use super::identity::{self, new_client};
use super::mirror;
use super::read_back::{self, lacks_author, says_too_little};
use super::typed_in_crm;
use crate::config::School;
use crate::link;
use crate::platform::marker;
use crate::process::definition::named;
use crate::process::event::{Answer, ClientFacts, LeadChange, OrderFacts, TaskChange, Unusable};
use crate::process::{
    At, Client, ClientId, Command, CommandId, Event, LeadRole, ManagerId, Order, OrderId, ReadBack,
    RefusalReason, Stage, TaskId,
};
use crate::signal::*;
use crate::store::{Put, StoreResult};

/// One event for one order.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    pub order: OrderId,
    /// The client, if the order is new.
    pub client: ClientId,
    /// The facts of a client who is new with this event.
    pub facts: ClientFacts,
    pub event: Event,
}

impl Aim {
    pub fn new(order: OrderId, client: ClientId, event: Event) -> Self {
        Self { order, client, facts: ClientFacts::default(), event }
    }
}

/// The meaning of a signal.
#[derive(Debug, Default)]
pub struct Aims {
    pub aims: Vec<Aim>,
    /// Intake's own records for the same commit.
    pub puts: Vec<Put>,
    /// Index entries for the same commit; `None` removes one.
    pub index: Vec<(String, Option<String>)>,
    /// What has to be read back.
    pub ask: Option<Command>,
    /// Why there is nothing to do, for the log; ids only.
    pub nothing: Option<String>,
    /// It is about a person whom no order knows.
    pub nobody: bool,
    /// Authentic but unusable: becomes a dead letter.
    pub unusable: Option<String>,
}

impl Aims {
    pub(super) fn nothing(why: impl Into<String>) -> Self {
        Self { nothing: Some(why.into()), ..Self::default() }
    }

    fn one(aim: Aim) -> Self {
        Self { aims: vec![aim], ..Self::default() }
    }

    pub(super) fn with(mut self, index: mirror::Changes) -> Self {
        self.index.extend(index);
        self
    }
}

/// Finds the order of a signal. Calls are handled by `worker::inbox`, which merges their events first.
pub async fn aim(school: &School, book: &mut Book, signal: Signal, now: At) -> StoreResult<Aims> {
    match signal {
        Signal::OrderSeen(seen) => order_seen(school, book, *seen).await,
        Signal::ClientSeen(facts) => client_seen(book, facts).await,
        Signal::LeadSeen(seen) => lead_seen(school, book, &seen, now).await,
        Signal::LeadMade(made) => typed_in_crm::lead_made(school, book, *made).await,
        Signal::LeadGone { lead, looked } => lead_gone(book, lead, looked).await,
        Signal::ContactSeen { contact, facts, card, read } => {
            contacts::seen(book, ContactSaid { contact, facts, card, read }, now).await
        }
        Signal::ContactGone { contact, read } => contacts::gone(book, contact, read).await,
        Signal::ContactsRead(read) => {
            let mirrored = mirror::take_page(book, &read).await?;
            Ok(Aims::nothing("a page of contacts").with(mirrored))
        }
        Signal::NoteSeen(seen) => typed_in_crm::note_seen(school, book, &seen, now).await,
        Signal::TaskSeen(seen) => task_seen(school, book, &seen, now).await,
        Signal::TaskGone { task } => task_gone(book, task).await,
        Signal::CommandAnswered { command, done: true, .. } => {
            Ok(Aims::nothing(format!("{command} was accepted")))
        }
        Signal::CommandAnswered { command, why, .. } => command_failed(book, CommandId(command), why).await,
        Signal::Nothing { what } => Ok(Aims::nothing(what)),
        Signal::Uninstalled { account } => {
            tracing::error!(school = %school.id, account, "ALARM: the integration was switched off in the CRM");
            Ok(Aims::nothing("the integration was switched off"))
        }
        Signal::CallSeen(_) | Signal::Consent(_) => Ok(Aims::nothing("handled elsewhere")),
    }
}

async fn order_seen(school: &School, book: &mut Book, seen: SeenOrder) -> StoreResult<Aims> {
    let Some(gc_id) = seen.facts.gc_id.clone().filter(|id| !id.is_empty()) else {
        return Ok(Aims {
            unusable: Some(
                "the order has no id: add {object.id} as order_id to the address in GetCourse".to_owned(),
            ),
            ..Aims::default()
        });
    };
    let order = OrderId::of_deal(gc_id);
    let known = book.order(&order).await?;
    if known.is_none()
        && let Some(gone) = book.link(&link::gone(&order)).await?
        && !is_change(&gone, &seen.facts)
    {
        return Ok(Aims::nothing(format!("order {order} was forgotten")));
    }
    let is_new = known.is_none();
    let mut facts: OrderFacts = seen.facts;
    let client = match known {
        Some(known) => known.client,
        None => {
            let who = identity::who(book, &facts.client).await?;
            who.tell(&mut facts.client);
            who.client.unwrap_or_else(|| new_client(&order))
        }
    };
    if facts.manager.is_none() {
        facts.manager =
            manager(school, seen.manager_id, seen.manager_email.as_deref(), seen.manager_name.as_deref());
        // A number says nobody where no file holds numbers.
        let has_numbers = || school.process.roster.iter().any(|manager| manager.getcourse.is_some());
        let is_named = seen.manager_email.is_some()
            || seen.manager_name.is_some()
            || (seen.manager_id.is_some() && has_numbers());
        if is_named && facts.manager.is_none() {
            facts.unusable.insert(Unusable::Manager);
        }
    }
    if !seen.unclear.is_empty() {
        tracing::warn!(school = %school.id, order = %order, fields = ?seen.unclear, "values that cannot be understood");
    }
    let ask = (is_new && lacks_author(school, &facts))
        .then(|| read_back::beside(&order, &client, ReadBack::Order, None));
    Ok(Aims { ask, ..Aims::one(Aim::new(order, client, Event::Order(Box::new(facts)))) })
}

/// For a retired order only more money is a change, so that no payment is missed.
fn is_change(gone: &str, facts: &OrderFacts) -> bool {
    match Gone::read(gone) {
        Some(Gone::Erased) => false,
        Some(Gone::Retired { paid }) => facts.paid.as_ref().is_some_and(|now| now.minor > paid),
        None => true,
    }
}

async fn client_seen(book: &mut Book, mut facts: ClientFacts) -> StoreResult<Aims> {
    let who = identity::who(book, &facts).await?;
    who.tell(&mut facts);
    let Some(client) = who.client else {
        return Ok(Aims { nobody: true, ..Aims::nothing("a person without an order") });
    };
    for_all_orders(book, &client, &Event::Client(facts)).await
}

/// An event for every open order of a client; if there is none, for his newest order.
pub(super) async fn for_all_orders(book: &mut Book, client: &ClientId, event: &Event) -> StoreResult<Aims> {
    let Some(record) = book.client(client).await? else {
        return Ok(Aims::nothing(format!("client {client} has no record")));
    };
    let mut orders = open_orders(&record);
    if orders.is_empty() {
        orders.extend(newest(&record));
    }
    let aims = orders.into_iter().map(|order| Aim::new(order, client.clone(), event.clone()));
    Ok(Aims { aims: aims.collect(), ..Aims::default() })
}

pub fn open_orders(client: &Client) -> Vec<OrderId> {
    client.orders.iter().filter(|(_, brief)| brief.open).map(|(id, _)| id.clone()).collect()
}

pub fn newest(client: &Client) -> Option<OrderId> {
    client.orders.iter().max_by_key(|(_, brief)| brief.seen_at).map(|(id, _)| id.clone())
}

async fn lead_seen(school: &School, book: &mut Book, seen: &SeenLead, now: At) -> StoreResult<Aims> {
    let Some((order, role)) = lead_of(book, seen.lead).await? else {
        return typed_in_crm::unowned_lead(school, book, seen, now).await;
    };
    let Some(record) = book.order(&order).await? else {
        return Ok(Aims::nothing(format!("order {order} has no record")));
    };
    if is_replaced(book, &order, role, seen.lead).await? {
        return Ok(Aims::nothing(format!("lead {} was an older one of its order", seen.lead)));
    }
    let entity = format!("lead/{}", seen.lead);
    let mut last_seen = book.last_seen(&entity).await?;
    if seen.made {
        last_seen.made(seen);
        let puts = book.put_last_seen(&entity, last_seen).into_iter().collect();
        return Ok(Aims { puts, ..Aims::default() });
    }
    let what = ReadBack::Lead { lead: seen.lead, number: None };
    let read = || read_back::first(&order, &record.client, what, seen.updated_at);
    if says_too_little(seen, &record, role) {
        return Ok(read());
    }
    let by = seen.responsible.and_then(|user| amocrm_user(school, user));
    let fields = seen.fields.as_deref().unwrap_or_default();
    let dates = school.process.dates(seen.updated_at.unwrap_or(now));
    let answer = school.answers.from_field(fields, &dates).map(|answer| signed(answer, by.as_ref()));
    let shown = last_seen.shown();
    let news = last_seen.lead(seen, answer, school.answers.typed(fields));
    let moved = news.stage.filter(|moved| !is_own_move(school, &record, role, *moved, shown.updated_at));
    let of_stage = moved.and_then(|(_, status)| school.answers.from_stage(status));
    if (news.answer.is_some() || of_stage.is_some()) && !seen.read {
        return Ok(read());
    }
    let mapped = |(pipeline, status)| stage(school, role, pipeline, status);
    let (stage, pipeline) = news.stage.and_then(mapped).unzip();
    let change = LeadChange {
        role,
        stage,
        from: news.stage_before.and_then(mapped).map(|(stage, _)| stage),
        pipeline: pipeline.flatten(),
        responsible: news.responsible.and_then(|user| amocrm_user(school, user)),
        reason: seen.loss_reason.and_then(|id| loss_reason(school, id)),
        by: seen.changed_by.and_then(|user| amocrm_user(school, user)),
        at: seen.updated_at.unwrap_or(now),
    };
    let mut events = Vec::new();
    if change.stage.is_some() || change.responsible.is_some() {
        events.push(Event::Lead(change));
    }
    let answer = news.answer.or(of_stage).map(|answer| signed(answer, by.as_ref()));
    events.extend(answer.map(|answer| Event::Answer(said(answer, seen.updated_at))));
    Ok(Aims {
        aims: aims_at(&order, &record.client, events),
        puts: book.put_last_seen(&entity, last_seen).into_iter().collect(),
        ..Aims::default()
    })
}

fn aims_at(order: &OrderId, client: &ClientId, events: Vec<Event>) -> Vec<Aim> {
    events.into_iter().map(|event| Aim::new(order.clone(), client.clone(), event)).collect()
}

/// F20: the stage that we set ourselves is shown, however late. `before` is when the CRM showed another one: after our
/// move had left, a person has brought the lead back to it.
fn is_own_move(
    school: &School,
    order: &Order,
    role: LeadRole,
    (pipeline, status): (u64, u64),
    before: Option<At>,
) -> bool {
    let mut own = order.own_moves.iter().filter(|own| {
        let may_have_left = own.left_at.is_some() || order.unsent.contains_key(&own.command);
        may_have_left && status_of(school, role, pipeline, own.stage) == Some(status)
    });
    role == LeadRole::Sales
        && own.any(|own| own.left_at.is_none_or(|left| before.is_none_or(|before| before <= left)))
}

fn status_of(school: &School, role: LeadRole, pipeline: u64, stage: Stage) -> Option<u64> {
    let crm = school.crm()?;
    let mapped = crm.pipeline(role, crm.further(pipeline)).filter(|mapped| mapped.id == pipeline)?;
    match stage {
        Stage::Won => Some(WON),
        Stage::Lost => Some(LOST),
        stage => mapped.stages.get(&stage).copied(),
    }
}

/// A lead was deleted or merged: the merged one is searched first, by the order's number.
async fn lead_gone(book: &mut Book, lead: u64, looked: bool) -> StoreResult<Aims> {
    let Some((order, role)) = lead_of(book, lead).await? else {
        return Ok(Aims::nothing(format!("lead {lead} is none of ours")));
    };
    let entity = format!("lead/{lead}");
    let mut last_seen = book.last_seen(&entity).await?;
    if !last_seen.is_gone() && !looked {
        return Ok(Aims::nothing(format!("lead {lead} is known to be gone")));
    }
    let mut aims = match book.order(&order).await? {
        _ if is_replaced(book, &order, role, lead).await? => {
            Aims::nothing(format!("lead {lead} was an older one of its order"))
        }
        Some(record) if !looked && role == LeadRole::Sales && record.is_open() && record.number.is_some() => {
            let what = ReadBack::Lead { lead, number: record.number };
            read_back::first(&order, &record.client, what, None)
        }
        _ => of_known(book, order.clone(), Event::LeadGone { role }).await?,
    };
    aims.puts.extend(book.put_last_seen(&entity, last_seen));
    let former = link::former_leads(&order, role);
    let known = book.link(&former).await?.unwrap_or_default();
    if known.split(' ').all(|known| known != lead.to_string()) {
        aims.index.push((former, Some(format!("{known} {lead}").trim_start().to_owned())));
    }
    Ok(aims)
}

/// The order has another lead of this role meanwhile.
async fn is_replaced(book: &Book, order: &OrderId, role: LeadRole, lead: u64) -> StoreResult<bool> {
    let current = book.link(&link::lead(order, role)).await?;
    Ok(current.is_some_and(|current| current != lead.to_string()))
}

pub(super) async fn lead_of(book: &Book, lead: u64) -> StoreResult<Option<(OrderId, LeadRole)>> {
    let named = book.link(&link::crm_lead(lead)).await?;
    Ok(named.and_then(|named| link::read_lead_of(&named)))
}

async fn of_known(book: &mut Book, order: OrderId, event: Event) -> StoreResult<Aims> {
    Ok(match book.order(&order).await? {
        Some(record) => Aims::one(Aim::new(order, record.client, event)),
        None => Aims::nothing(format!("order {order} has no record")),
    })
}

/// A command was accepted at first and failed later: its order is notified.
async fn command_failed(book: &mut Book, command: CommandId, why: String) -> StoreResult<Aims> {
    match order_of(book, command.as_str()).await? {
        Some(order) => of_known(book, order, Event::Undeliverable { command, why }).await,
        None => Ok(Aims::nothing(format!("{command} is none of ours: {why}"))),
    }
}

/// The order of our command, given by its id or by a provider's name: by its link, else by the command's id,
/// which contains the order's id before any receipt is known.
pub async fn order_of(book: &Book, command: &str) -> StoreResult<Option<OrderId>> {
    let linked = book.link(&link::call(command)).await?;
    // Providers' own names have dots, too.
    let named = || CommandId::from(command).order().filter(OrderId::is_known);
    Ok(linked.map(OrderId::from).or_else(named))
}

async fn task_seen(school: &School, book: &mut Book, seen: &SeenTask, now: At) -> StoreResult<Aims> {
    let Some((task, order)) = task_of(book, seen.task, &seen.text).await? else {
        return Ok(Aims::nothing(format!("task {} is none of ours", seen.task)));
    };
    let Some(record) = book.order(&order).await? else {
        return Ok(Aims::nothing(format!("order {order} has no record")));
    };
    let entity = format!("task/{}", seen.task);
    let mut last_seen = book.last_seen(&entity).await?;
    let news = last_seen.task(seen);
    let mut events = Vec::new();
    if !news.is_empty() {
        let by = seen.responsible.and_then(|user| amocrm_user(school, user));
        let result = seen.result.as_deref().filter(|_| news.done);
        // The answer comes first, because it closes the task.
        let answers = result.map(|text| school.answers.from_result(text, &school.process.dates(now)));
        let answers = answers.unwrap_or_default();
        let read = !answers.is_empty();
        if read && !seen.read {
            let what = ReadBack::Task { task: seen.task };
            return Ok(read_back::first(&order, &record.client, what, seen.updated_at));
        }
        let answers = answers.into_iter().map(|answer| signed(answer, by.as_ref()));
        events.extend(answers.map(|answer| Event::Answer(said(answer, seen.updated_at))));
        events.push(Event::Task(TaskChange {
            task,
            done: news.done,
            result: seen.result.clone().filter(|_| news.done),
            read,
            due: news.due,
            responsible: news.responsible.and_then(|user| amocrm_user(school, user)),
            gone: false,
            at: seen.updated_at,
        }));
    }
    Ok(Aims {
        aims: aims_at(&order, &record.client, events),
        puts: book.put_last_seen(&entity, last_seen).into_iter().collect(),
        ..Aims::default()
    })
}

async fn task_gone(book: &mut Book, task: u64) -> StoreResult<Aims> {
    let Some((task, order)) = task_of(book, task, "").await? else {
        return Ok(Aims::nothing(format!("task {task} is none of ours")));
    };
    let (result, due, responsible) = (None, None, None);
    let change =
        TaskChange { task, done: false, result, read: false, due, responsible, gone: true, at: None };
    of_known(book, order, Event::Task(change)).await
}

/// Our task: by the link, else by the marker in its text, because the webhook may arrive before our receipt.
async fn task_of(book: &Book, task: u64, text: &str) -> StoreResult<Option<(TaskId, OrderId)>> {
    let linked = book.link(&link::crm_task(task)).await?;
    Ok(linked.map(TaskId).or_else(|| marker::task_in(text)).and_then(|task| {
        let order = task.order()?;
        Some((task, order))
    }))
}

pub(super) fn signed(mut answer: Answer, by: Option<&ManagerId>) -> Answer {
    answer.by = answer.by.or_else(|| by.cloned());
    answer
}

/// With the time at which it was said, which is not when it is read (L13).
pub(super) fn said(answer: Answer, at: Option<At>) -> Answer {
    Answer { said_at: at, ..answer }
}

/// Finds a manager by GetCourse's data.
fn manager(school: &School, id: Option<u64>, email: Option<&str>, name: Option<&str>) -> Option<ManagerId> {
    let roster = &school.process.roster;
    let by_id = id.and_then(|id| roster.iter().find(|manager| manager.getcourse == Some(id)));
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let by_email = || {
        let email = email?;
        roster.iter().find(|manager| manager.email.as_deref().is_some_and(|known| same(known, email)))
    };
    let by_name = || name.and_then(|name| named(roster, name));
    by_id.or_else(by_email).or_else(by_name).map(|manager| manager.id.clone())
}

pub(super) fn amocrm_user(school: &School, user: u64) -> Option<ManagerId> {
    school
        .process
        .roster
        .iter()
        .find(|manager| manager.amocrm == Some(user))
        .map(|manager| manager.id.clone())
}

/// The manager with this extension.
pub fn extension(school: &School, extension: &str) -> Option<ManagerId> {
    let roster = &school.process.roster;
    roster
        .iter()
        .find(|manager| manager.extension.as_deref() == Some(extension))
        .map(|manager| manager.id.clone())
}

/// amoCRM's «won» and «lost», the same in every pipeline (sheet, 3.3).
pub(super) const WON: u64 = 142;
pub(super) const LOST: u64 = 143;

/// The stage that a status of this pipeline means, and the pipeline as events name it: nothing for the usual
/// one of the role.
pub(super) fn stage(
    school: &School,
    role: LeadRole,
    pipeline: u64,
    status: u64,
) -> Option<(Stage, Option<u64>)> {
    let crm = school.crm()?;
    let further = crm.further(pipeline).filter(|_| role == LeadRole::Sales);
    let mapped = crm.pipeline(role, further).filter(|mapped| mapped.id == pipeline)?;
    let stage = match status {
        WON => Some(Stage::Won),
        LOST => Some(Stage::Lost),
        _ => mapped.stages.iter().find(|(_, id)| **id == status).map(|(stage, _)| *stage),
    };
    Some((stage?, further))
}

fn loss_reason(school: &School, id: u64) -> Option<RefusalReason> {
    let reasons = &school.crm()?.loss_reasons;
    reasons.iter().find(|(_, known)| **known == id).map(|(reason, _)| *reason)
}

#[cfg(test)]
mod tests;
