//! How an order comes in: lead and contact, confirmation, the pause, whose it is, doubles
//! (L1–L3, L7–L9, G1–G7).
//! Never calls anybody: dialling begins when the pause ends. Enter at [`arrive`].

use chrono::TimeDelta;

use super::case::{End, OrderBrief, Phase};
use super::command::{Ask, SaveLead, TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::event::{Author, CallResult, News, OrderFacts};
use super::payment::Standing;
use super::timers::Timer;
use super::value::*;
use super::{desk, dialling, facts, phone};

/// The first sight of an order (L1).
pub(super) fn arrive(d: &mut Decision, seen: &OrderFacts, standing: Standing) {
    d.case.order.gc_manager = seen.manager.clone();
    if facts::ended_before(d, standing) {
        return;
    }
    d.urgency = Urgency::Hot;
    place(d, seen.manager.as_ref());
    if fold(d) {
        return;
    }
    make_lead(d);
    match standing {
        Standing::Unpaid => first_phase(d),
        // Money decides in a moment; until then nothing is started.
        _ => d.case.order.phase = Phase::Pause,
    }
    if standing == Standing::Unconfirmed {
        first_phase(d);
    }
    d.urgency = Urgency::Usual;
}

/// An unknown person calls in (L8): a lead by the route of the line.
pub(super) fn arrive_by_call(d: &mut Decision, call: &CallResult) {
    d.urgency = Urgency::Hot;
    let by_line = |route: &&super::definition::Route| route.line.is_some() && route.line == call.line;
    let route = d.process.routes.iter().find(by_line).or_else(|| d.process.route_for(&[]));
    d.case.order.route = route.map(|route| route.name.clone()).unwrap_or_default();
    assign(d, None);
    d.say("L8", "Входящий звонок неизвестного клиента: заводим сделку по правилу линии.");
    make_lead(d);
    d.case.order.phase = Phase::Pause;
    d.set(Timer::SelfPay, pause_end(d));
    d.urgency = Urgency::Usual;
}

/// G1, G4: the route and the responsible.
fn place(d: &mut Decision, named: Option<&ManagerId>) {
    let route = d.process.route_for(&d.case.order.offers);
    d.case.order.route = route.map(|route| route.name.clone()).unwrap_or_default();
    assign(d, named);
}

fn assign(d: &mut Decision, named: Option<&ManagerId>) {
    let Some(manager) = desk::choose(d, named) else {
        d.say("L9", "Заказ в свободной очереди: ждём, кто возьмёт.");
        return;
    };
    let own = d.case.client.manager.as_ref() == Some(&manager);
    desk::give(d, &manager);
    let name = desk::name(d, &manager);
    match own {
        true => d.say("L8", format!("Клиент остаётся у своего менеджера: {name}.")),
        false => d.say("G4", format!("Ответственный по правилу маршрута: {name}.")),
    }
}

/// L1, G1–G3, G5, G7: the lead with its contact; twins are never made by the courier.
pub(super) fn make_lead(d: &mut Decision) {
    let Some(route) = d.process.route(&d.case.order.route) else {
        let stage = Stage::New;
        let name = d.case.order.number.clone().unwrap_or_else(|| d.case.order.id.to_string());
        return save_lead(d, LeadRole::Sales, stage, name, None);
    };
    let vars = d.vars(None);
    let name = d.process.texts.inline(&route.lead_name, &vars);
    let note = (route.note && !d.case.order.source.is_empty()).then(|| source_note(d));
    save_lead(d, LeadRole::Sales, route.stage, name, note);
}

fn save_lead(d: &mut Decision, role: LeadRole, stage: Stage, name: String, note: Option<String>) {
    let route = d.process.route(&d.case.order.route);
    let vars = d.vars(None);
    let lead = SaveLead {
        role,
        route: d.case.order.route.clone(),
        name,
        price: d.case.order.cost.clone(),
        stage,
        responsible: d.case.order.responsible.clone(),
        tags: route.map(|route| route.tags.clone()).unwrap_or_default(),
        order_number: d.case.order.number.clone(),
        fields: route.map(|route| facts::rendered(d, &route.fields, &vars)).unwrap_or_default(),
        person: facts::person(d),
        note,
        continues: (role != LeadRole::Sales).then_some(LeadRole::Sales),
    };
    let furthest = d.case.order.leads.get(&role).copied().unwrap_or(stage).max(stage);
    d.case.order.leads.insert(role, furthest);
    d.say("L1", format!("Сделка и контакт в CRM: «{}».", lead.name));
    d.ask(Ask::SaveLead(Box::new(lead)));
}

/// A new linked lead of another role, once per order and pipeline (W1, R2).
pub(super) fn linked_lead(d: &mut Decision, role: LeadRole, rule: &str) {
    if d.case.order.leads.contains_key(&role) || !d.process.pipelines.contains_key(&role) {
        return;
    }
    let vars = d.vars(None);
    let template = d.process.route(&d.case.order.route).map(|route| route.lead_name.clone());
    let name = template.map(|template| d.process.texts.inline(&template, &vars));
    let name = name.unwrap_or_else(|| d.case.order.id.to_string());
    save_lead(d, role, Stage::New, name, None);
    d.say(rule, "Заводим связанную сделку в следующей воронке.");
}

/// G5: form, utm, page, as the source named them.
fn source_note(d: &Decision) -> String {
    let lines = d.case.order.source.iter().map(|(name, value)| format!("{name}: {value}"));
    std::iter::once("Источник заказа".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// L2, L3, L11: what comes first for an unpaid order.
fn first_phase(d: &mut Decision) {
    let figures = &d.process.figures;
    let pool = d.case.order.responsible.is_none();
    if pool {
        d.case.order.phase = Phase::FreePool;
        d.set(Timer::FreePool, d.now + TimeDelta::minutes(i64::from(figures.arrival.free_pool_minutes)));
    }
    if d.case.order.author == Some(Author::Manager) && figures.arrival.short_path && !pool {
        short_path(d);
        return;
    }
    if !d.case.order.payment_unconfirmed {
        confirm(d);
    }
    if d.case.client.phone().is_none() && figures.arrival.ask_phone {
        if pool {
            give_from_pool(d, "Телефона нет, его нужно спросить");
        }
        phone::ask_for(d, "Телефон не указан или записан с ошибкой");
        return;
    }
    let end = pause_end(d);
    d.set(Timer::SelfPay, end);
    if !pool {
        d.case.order.phase = Phase::Pause;
    }
    let minutes = (end - d.now).num_minutes();
    d.say("L2", format!("Пауза на самостоятельную оплату: {minutes} мин., никто не звонит."));
}

/// L1: the confirmation with the payment link leaves at once.
pub(super) fn confirm(d: &mut Decision) {
    if d.process.figures.arrival.confirmation {
        d.letter("L1", "application_received");
    }
}

/// L2: counted from the order's own time where that is believable.
fn pause_end(d: &Decision) -> At {
    let figures = &d.process.figures.arrival;
    let credit = d.process.route(&d.case.order.route).is_some_and(|route| route.credit);
    let pause = match credit {
        true => TimeDelta::hours(i64::from(figures.credit_pause_hours)),
        false => TimeDelta::minutes(i64::from(figures.pause_minutes)),
    };
    let end = d.case.order.made_at() + pause;
    if end > d.now { end } else { d.now + pause }
}

/// L3: made by a manager: no pause; he is asked for the payment date, the link goes with it.
fn short_path(d: &mut Decision) {
    d.case.order.phase = Phase::Asking;
    d.turn("L3", "Заказ создан менеджером: без паузы, спрашиваем дату оплаты.");
    super::talk::ask(d, "task_payment_date", "");
}

/// L2: the pause is over and nothing was paid.
pub(super) fn pause_over(d: &mut Decision) {
    match d.case.order.phase {
        Phase::Pause => {
            d.say("L2", "Пауза закончилась, оплаты нет.");
            dialling::start(d, "");
        }
        Phase::FreePool => d.say("L2", "Пауза закончилась, но заказ ещё никто не взял."),
        _ => {}
    }
}

/// L9: nobody took it in time: by the queue, and the head sees it.
pub(super) fn pool_over(d: &mut Decision) {
    if d.case.order.phase != Phase::FreePool || d.case.order.responsible.is_some() {
        return;
    }
    give_from_pool(d, "Никто не взял заказ вовремя");
    if let Some(head) = d.head() {
        let due = d.work_minutes(d.process.figures.task.escalate_minutes);
        let why = "Свободную заявку никто не взял вовремя, она назначена по очереди.";
        d.task(NewTask { to: Some(head), why, ..NewTask::new(TaskKind::Do, "task_escalated", due) });
    }
    leave_pool(d);
}

/// L8: a client who is there himself gets somebody at once, by the queue.
pub(super) fn out_of_pool(d: &mut Decision, why: &str) {
    if d.case.order.responsible.is_none() {
        give_from_pool(d, why);
        leave_pool(d);
    }
}

fn give_from_pool(d: &mut Decision, why: &str) {
    let Some(manager) = desk::queue(d) else { return };
    desk::give(d, &manager);
    desk::announce(d, &manager);
    let name = desk::name(d, &manager);
    d.turn("L9", format!("{why}: заказ назначен по очереди, {name}."));
}

/// Somebody has it now: the pause goes on, or dialling starts if it is over.
fn leave_pool(d: &mut Decision) {
    d.stop(Timer::FreePool);
    if d.case.order.phase != Phase::FreePool {
        return;
    }
    d.case.order.phase = Phase::Pause;
    if d.at(Timer::SelfPay).is_none() {
        dialling::start(d, "");
    }
}

/// L9: a manager takes the order: status «В работе», who and when kept; once.
pub(super) fn take(d: &mut Decision, manager: &ManagerId) {
    if d.case.order.responsible.is_none() {
        desk::give(d, manager);
        desk::tell_crm(d, manager);
    }
    if d.case.order.taken_at.is_some() {
        return;
    }
    d.case.order.taken_at = Some(d.now);
    let ours = d.case.order.responsible.clone().filter(|ours| d.case.order.gc_manager.as_ref() != Some(ours));
    let told = d.case.order.unsent.values().any(|pending| pending.ask == "set_order_manager");
    if let Some(manager) = ours.filter(|_| !told) {
        d.getcourse(Ask::SetOrderManager { manager });
    }
    let name = desk::name(d, manager);
    d.turn("L9", format!("Заказ в работе: {name}."));
    if matches!(d.case.order.status, None | Some(Status::New)) {
        d.status(Status::InWork, None);
    }
    d.stage(Stage::InWork, None);
    leave_pool(d);
}

/// L7: the younger unpaid order of the same client and offer is «Ложный», linked to the older.
/// Answers whether this one was the younger.
pub(super) fn fold(d: &mut Decision) -> bool {
    if !d.process.figures.arrival.fold_duplicates {
        return false;
    }
    for other in rivals(d) {
        let Some(brief) = d.case.client.orders.get(&other).cloned() else { continue };
        let order = &d.case.order;
        let mine = (order.made_at(), order.id.clone());
        let younger = (brief.seen_at, other.clone()) < mine;
        if !order.has_money() && !order.payment_unconfirmed && (brief.paid || younger) {
            d.tell(other.clone(), News::DuplicateFound { order: d.case.order.id.clone() });
            end_as_duplicate(d, &other);
            return true;
        }
        if !brief.paid {
            d.say("L7", "Более новый неоплаченный заказ на то же предложение складывается в этот.");
            let order = d.case.order.id.clone();
            d.tell(other, News::DuplicateOf { order });
        }
    }
    false
}

/// Open orders of the same client for one of the same offers (L7).
pub(super) fn rivals(d: &Decision) -> Vec<OrderId> {
    let order = &d.case.order;
    let same = |brief: &OrderBrief| brief.offers.iter().any(|offer| order.offers.contains(offer));
    let all = d.case.client.orders.iter();
    let rivals = all.filter(|(id, brief)| *id != &order.id && brief.open && same(brief));
    rivals.map(|(id, _)| id.clone()).collect()
}

/// L7: this one ends; the client gets the older one's link.
pub(super) fn end_as_duplicate(d: &mut Decision, of: &OrderId) {
    let older = d.case.client.orders.get(of).cloned();
    let number = older.as_ref().and_then(|brief| brief.number.clone()).unwrap_or_default();
    d.end(End::Duplicate { at: d.now, of: of.clone() }, "Дубль другого заказа");
    d.stage(Stage::Lost, None);
    d.status(Status::False, None);
    let shown = if number.is_empty() { of.as_str() } else { &number };
    d.turn("L7", format!("Дубль заказа {shown}: этот заказ ложный."));
    if let Some(older) = older.filter(|brief| brief.open && !brief.paid) {
        let own = d.case.order.number.clone().unwrap_or_default();
        d.letter_with("L7", "older_order", |vars| {
            vars.order.number = number;
            vars.order.payment_link = older.payment_link.unwrap_or_default();
            vars.more = own;
        });
    }
}

/// What another order of the same client has to say (L7, «Call → order»).
pub(super) fn on_news(d: &mut Decision, news: &News) {
    match news {
        News::Talked { .. } => dialling::sibling_talked(d),
        News::DuplicateFound { .. } => {
            d.turn("L7", "Клиент оформил тот же заказ ещё раз: новый заказ сложен в этот.");
        }
        News::DuplicateOf { order } | News::Paid { order } => {
            if d.case.order.has_money() || d.case.order.payment_unconfirmed {
                d.turn("L7", "Есть другой заказ на то же предложение, но по этому есть деньги: он остаётся.");
                return;
            }
            end_as_duplicate(d, &order.clone());
        }
    }
}
