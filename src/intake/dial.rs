//! Finds the order of a call: by our own command, else by the client's orders and tasks. Reads open records,
//! never writes. Enter at [`aim_call`].

use sha2::{Digest, Sha256};

use super::book::Book;
use super::correlate::{Aim, extension, newest, open_orders, order_of};
use super::identity::{self, new_client};
use crate::config::School;
use crate::link;
use crate::process::case::Task;
use crate::process::event::{CallResult, ClientFacts, Direction};
use crate::process::{ClientId, Event, Order, OrderId, Phone, Wait, wake};
use crate::store::StoreResult;

/// Most orders of one client that are compared; a client has one or two. All persons with the number are.
const ORDERS_MAX: usize = 16;

/// The order of a finished call; `None` for an unknown person without a matching route.
pub async fn aim_call(
    school: &School,
    book: &mut Book,
    mut result: CallResult,
    by_extension: Option<&str>,
) -> StoreResult<Option<Aim>> {
    result.manager = result.manager.or_else(|| by_extension.and_then(|ext| extension(school, ext)));
    if let Some(order) = bound_order(book, &result).await? {
        return Ok(Some(Aim::new(order.id, order.client, Event::Call(result))));
    }
    let facts = caller(&result);
    let number = facts.phone.as_ref().and_then(|phone| phone.e164.as_deref());
    let clients = match number {
        Some(number) => identity::all_with(book, &link::phone(number)).await?,
        None => Vec::new(),
    };
    match clients.is_empty() {
        false => of_clients(book, &clients, result).await,
        true => Ok(stranger(school, facts, result)),
    }
}

/// The order of a call that was matched before (a more exact record has arrived) or that our command started.
async fn bound_order(book: &mut Book, result: &CallResult) -> StoreResult<Option<Order>> {
    if let Some(order) = book.link(&link::call(&result.call)).await? {
        return book.order(&order.into()).await;
    }
    let Some(command) = &result.command else { return Ok(None) };
    match order_of(book, command).await? {
        Some(order) => book.order(&order).await,
        None => Ok(None),
    }
}

fn caller(result: &CallResult) -> ClientFacts {
    let phone = result.number.as_ref().map(|number| Phone::called(number, number));
    ClientFacts { phone, ..ClientFacts::default() }
}

/// Longest time between our call start and its call, if the provider's events do not name the start.
const START_S: i64 = 120;

/// The order whose call the bridge has just started with this manager; else the one with an open call task of
/// his; else the dialling one with the earliest wake; else the newest open one; else the newest, whose feed
/// then shows the call.
async fn of_clients(book: &mut Book, clients: &[ClientId], result: CallResult) -> StoreResult<Option<Aim>> {
    let (mut orders, mut ended) = (Vec::new(), Vec::new());
    for client in clients {
        let Some(record) = book.client(client).await? else { continue };
        for id in open_orders(&record).into_iter().take(ORDERS_MAX) {
            orders.extend(book.order(&id).await?);
        }
        ended.extend(
            newest(&record).and_then(|id| Some((record.orders.get(&id)?.seen_at, id, client.clone()))),
        );
    }
    let has_task = |order: &&Order| {
        let mine = |task: &Task| result.manager.as_ref().is_none_or(|by| *by == task.responsible);
        // A task whose time has not come is no sign: every order that is being dialled has one (K10).
        order.call_task().is_some_and(|(_, task)| mine(task) && !order.call_is_ahead())
    };
    let is_started = |order: &&Order| {
        let start = order.start.as_ref().and_then(|start| start.under_way.as_ref());
        start.is_some_and(|start| {
            result.manager.as_ref() == Some(&start.manager)
                && (result.started_at - start.at).num_seconds().abs() <= START_S
        })
    };
    let chosen = orders
        .iter()
        .find(is_started)
        .or_else(|| orders.iter().find(has_task))
        .or_else(|| {
            let dialling = orders.iter().filter(|order| *order.state() == Wait::Dialling);
            dialling.min_by_key(|order| wake(order))
        })
        .or_else(|| orders.iter().max_by_key(|order| order.seen_at))
        .map(|order| (order.id.clone(), order.client.clone()))
        .or_else(|| ended.into_iter().max().map(|(_, order, client)| (order, client)));
    Ok(chosen.map(|(order, client)| Aim::new(order, client, Event::Call(result))))
}

/// An unknown caller becomes an order of the line's route (L8); an unknown number that a manager dialled does
/// not.
fn stranger(school: &School, facts: ClientFacts, result: CallResult) -> Option<Aim> {
    facts.phone.as_ref()?;
    if result.direction != Direction::Inbound {
        return None;
    }
    let line = result.line.as_deref()?;
    if !school.process.takes_callers_of(line) {
        return None;
    }
    let digest = hex::encode(Sha256::digest(result.call.as_bytes()));
    let order = OrderId::Line(digest[..12].to_owned());
    let client = new_client(&order);
    Some(Aim { facts, ..Aim::new(order, client, Event::Call(result)) })
}
