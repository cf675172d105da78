//! What holds for every run of the whole bridge: nothing is lost or done twice, every open order has a next
//! step, and what was decided is there in the platforms.
//! Never changes anything. Enter at [`wrong`].

use chrono::TimeDelta;
use dozvon::intake::calls::CallRecord;
use dozvon::link;
use dozvon::process::{Ask, AskKind, At, LeadRole, Order, OrderId, TaskId, wake};
use dozvon::sandbox::marker;
use dozvon::store::Delivery;

use super::inproc::World;

/// A wake is followed within this.
const LATE_MINUTES_MAX: i64 = 5;
/// A delivery that is older was forgotten: no outage of a run lasts as long.
const DELIVERY_HOURS_MAX: i64 = 12;

/// Everything that is wrong at the end of a run, in words.
pub async fn wrong(world: &World) -> Vec<String> {
    let orders = world.orders().await;
    let now = world.now();
    let mut wrong = next_steps(&orders, now);
    wrong.extend(calls(world, now).await);
    wrong.extend(queues(world, now).await);
    wrong.extend(dead_letters(world).await);
    wrong.extend(lost_orders(world, &orders).await);
    wrong.extend(leads_and_tasks(world, &orders).await);
    wrong.extend(world.sandbox().duplicates().iter().map(|twice| format!("made twice: {twice:?}")));
    let panics = world.site.panics();
    wrong.extend((panics > 0).then(|| format!("{panics} panics")));
    wrong
}

/// L14: an open order has a wake, the wake is followed, and no repair was needed.
fn next_steps(orders: &[Order], now: At) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in orders {
        if order.repairs > 0 {
            wrong.push(format!("{}: L14 needed a repair", order.id));
        }
        match wake(order) {
            _ if !order.is_open() => {}
            None => wrong.push(format!("{} is open without a next step", order.id)),
            Some((at, _)) if is_late(at, now) => wrong.push(format!("{}: nobody followed {at}", order.id)),
            Some(_) => {}
        }
    }
    wrong
}

fn is_late(at: At, now: At) -> bool {
    at < now - TimeDelta::minutes(LATE_MINUTES_MAX)
}

/// A call ends in its result, or is waited for.
async fn calls(world: &World, now: At) -> Vec<String> {
    let site = &world.site;
    let calls = site.store.scan(site.id(), "call/", None, 1_000).await.expect("memory");
    let open = calls.iter().filter_map(|(name, record)| {
        let call: CallRecord = serde_json::from_slice(&record.body).expect("a call");
        call.wake().filter(|at| is_late(*at, now)).map(|at| format!("{name} is open since {at}"))
    });
    open.collect()
}

/// Nothing accepted waits, and nothing that was asked for is forgotten.
async fn queues(world: &World, now: At) -> Vec<String> {
    let site = &world.site;
    let held = site.store.counts(site.id()).await.expect("memory");
    let mut wrong = Vec::new();
    if held.inbox > 0 {
        wrong.push(format!("{} entries are accepted and not worked", held.inbox));
    }
    let waiting = site.store.deliveries(site.id(), 0, 1_000).await.expect("memory");
    let oldest = now - TimeDelta::hours(DELIVERY_HOURS_MAX);
    let forgotten = waiting.iter().filter(|delivery| delivery.created_at < oldest);
    wrong.extend(forgotten.map(|delivery| format!("{} waits since {}", delivery.id(), delivery.created_at)));
    wrong
}

/// Only what cannot be looked up may need a person: letters, comments and call starts of which it is not
/// known whether they left. A story may name orders that it breaks.
async fn dead_letters(world: &World) -> Vec<String> {
    let site = &world.site;
    let mut wrong = Vec::new();
    for head in site.store.dead(site.id(), 1_000).await.expect("memory") {
        let letter = site.store.letter(site.id(), &head.id).await.expect("memory");
        let body = letter.map(|letter| letter.body).unwrap_or_default();
        let is_broken = head.order.as_ref().is_some_and(|order| world.is_broken(order));
        let is_expected = serde_json::from_slice::<Delivery>(&body).is_ok_and(|delivery| {
            matches!(delivery.command.ask, Ask::SendLetter(_) | Ask::AddComment { .. } | Ask::StartCall(_))
        });
        if !is_expected && !is_broken {
            wrong.push(format!("dead letter {}: {}", head.id, head.why));
        }
    }
    wrong
}

/// Every order of the school is known, or was forgotten after its time.
async fn lost_orders(world: &World, orders: &[Order]) -> Vec<String> {
    let site = &world.site;
    let all: Vec<OrderId> = world.sandbox().orders().map(|order| OrderId::of_deal(order.id)).collect();
    let retired: Vec<String> = all.iter().map(link::gone).collect();
    let retired = site.store.find(site.id(), &retired).await.expect("memory");
    let lost = all
        .iter()
        .zip(retired)
        .filter(|(id, retired)| retired.is_none() && orders.iter().all(|order| order.id != **id));
    lost.map(|(id, _)| format!("order {id} is lost")).collect()
}

/// An open order's lead and tasks are there in the CRM, unless their making still waits.
async fn leads_and_tasks(world: &World, orders: &[Order]) -> Vec<String> {
    let mut wrong = Vec::new();
    for order in orders.iter().filter(|order| order.is_open() && !world.is_broken(&order.id)) {
        let waits = |ask: AskKind| order.unsent.values().any(|pending| pending.ask == ask);
        if order.leads.contains_key(&LeadRole::Sales) && !waits(AskKind::SaveLead) {
            let lead = linked(world, link::lead(&order.id, LeadRole::Sales)).await;
            let sandbox = world.sandbox();
            let found = lead.and_then(|lead| sandbox.leads().find(|one| one.id == lead));
            match found {
                None => wrong.push(format!("{} has no lead", order.id)),
                Some(lead) if lead.contacts.is_empty() => wrong.push(format!("{} has no contact", order.id)),
                Some(_) => {}
            }
        }
        for task in order.tasks.keys() {
            let is_made = order.unsent.values().all(|pending| pending.task.as_ref() != Some(task));
            if is_made && !has_task(world, task).await {
                wrong.push(format!("{}: task {task} is not in the CRM", order.id));
            }
        }
    }
    wrong
}

async fn has_task(world: &World, task: &TaskId) -> bool {
    let known = linked(world, link::task(task)).await;
    let sandbox = world.sandbox();
    sandbox.tasks().any(|one| Some(one.id) == known && marker(&one.text) == Some(&task.to_string()))
}

async fn linked(world: &World, name: String) -> Option<i64> {
    let site = &world.site;
    let found = site.store.find(site.id(), &[name]).await.expect("memory");
    found.into_iter().flatten().next()?.parse().ok()
}
