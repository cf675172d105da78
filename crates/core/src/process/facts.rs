//! An order as GetCourse shows it: what is new in it, in the order in which it matters.
//! Money first, then «has it ended», then what changed; a repeat changes nothing.
//! Enter at [`on_order`] and [`on_client`].

use super::case::{Client, End, Phase};
use super::command::{Ask, PersonFacts};
use super::decision::Decision;
use super::event::{ClientFacts, OrderFacts};
use super::payment::{self, Standing};
use super::value::*;
use super::{arrival, desk, phone, refusal, task};

/// L1–L7, K6: everything that an order's facts may mean.
pub(super) fn on_order(d: &mut Decision, facts: &OrderFacts) {
    let first = d.case.order.phase == Phase::Unseen && d.case.order.is_open();
    let before = d.case.order.clone();
    let known = d.case.client.clone();
    learn(d, facts);
    let person_changed = d.case.client.learn(&facts.client);

    let standing = payment::look(d, facts);
    if first {
        arrival::arrive(d, facts, standing);
        payment::settle(d, standing, &before);
        return;
    }
    payment::settle(d, standing, &before);
    if !d.case.order.is_open() {
        if d.case.order.end == before.end {
            d.say("L6", "Заказ закончен: новые данные ничего не меняют.");
        }
        return;
    }
    if refusal::ended_outside(d) {
        return;
    }
    if person_changed {
        save_person(d, &known);
        phone::arrived(d);
    }
    if before.offers.is_empty() && !d.case.order.offers.is_empty() {
        arrival::fold(d);
    }
    changes(d, facts, &before);
    if d.case.order == before && !person_changed {
        d.say("L1", "В данных заказа ничего нового.");
    }
}

/// A person's phone, e-mail or name changed (L11, Q1): numbers are added, a number starts dialling.
pub(super) fn on_client(d: &mut Decision, facts: &ClientFacts) {
    let known = d.case.client.clone();
    if !d.case.client.learn(facts) {
        d.say("L11", "В данных клиента ничего нового.");
        return;
    }
    save_person(d, &known);
    if d.case.order.is_open() {
        phone::arrived(d);
    }
}

/// Takes in everything but money, which [`payment::look`] judges.
fn learn(d: &mut Decision, facts: &OrderFacts) {
    let order = &mut d.case.order;
    let own_id = order.id.as_str().strip_prefix("gc-").map(str::to_owned);
    order.gc_id = facts.gc_id.clone().or(order.gc_id.take()).or(own_id);
    keep(&mut order.number, &facts.number);
    keep(&mut order.created_at, &facts.created_at);
    keep(&mut order.author, &facts.author);
    keep(&mut order.positions, &facts.positions);
    keep(&mut order.cost, &facts.cost);
    keep(&mut order.payment_link, &facts.payment_link);
    if !facts.offers.is_empty() {
        order.offers.clone_from(&facts.offers);
    }
    order.source.extend(facts.source.iter().map(|(name, value)| (name.clone(), value.clone())));
    let Some(status) = &facts.status else { return };
    let money = matches!(status, Status::Paid | Status::PartPaid);
    if (money && !facts.confirmed) || order.said_status.as_ref() == Some(status) {
        return;
    }
    order.said_status = Some(status.clone());
    // An ended order is only reopened by money; a picture older than our own change is not taken
    // for a change, because it repeats what was said before.
    if order.is_open() || money || matches!(status, Status::Cancelled | Status::False) {
        order.status = Some(status.clone());
    }
}

fn keep<T: Clone>(have: &mut Option<T>, said: &Option<T>) {
    if said.is_some() {
        have.clone_from(said);
    }
}

/// What else is new: price (G2), manager (L10), status in the feed (K6).
fn changes(d: &mut Decision, facts: &OrderFacts, before: &super::Order) {
    if let Some(cost) = d.case.order.cost.clone()
        && before.cost.as_ref() != Some(&cost)
        && d.case.order.leads.contains_key(&LeadRole::Sales)
    {
        d.note(&format!("Новая сумма заказа: {}.", cost.text()));
        d.ask(Ask::SetPrice { role: LeadRole::Sales, price: cost });
    }
    if let Some(manager) = &facts.manager {
        let news = before.gc_manager.as_ref() != Some(manager);
        d.case.order.gc_manager = Some(manager.clone());
        let known = d.process.manager(manager).is_some();
        if d.case.order.responsible.is_none() && news && known {
            arrival::take(d, manager);
        } else if news
            && known
            && before.gc_manager.is_some()
            && d.case.order.responsible.as_ref() != Some(manager)
        {
            task::hand_over(d, manager);
            desk::tell_crm(d, manager);
        }
    }
    if let Some(status) = d.case.order.status.clone()
        && before.status.as_ref() != Some(&status)
    {
        d.say("K6", format!("Статус в GetCourse: «{}».", status.label()));
        d.note(&format!("Статус в GetCourse: «{}».", status.label()));
    }
}

/// The contact in the CRM follows (L11): numbers are added, never dropped. What it does not hold, such
/// as a number's other spelling, is no reason to write: our own writing comes back that way.
fn save_person(d: &mut Decision, known: &Client) {
    let client = &d.case.client;
    let same = (&client.name, &client.phones, &client.emails, &client.zone)
        == (&known.name, &known.phones, &known.emails, &known.zone);
    if !same && d.case.order.leads.contains_key(&LeadRole::Sales) {
        let person = person(d);
        d.ask(Ask::SaveContact(person));
    }
}

/// The contact as the CRM is to have it (G7).
pub(super) fn person(d: &Decision) -> PersonFacts {
    let vars = d.vars(None);
    let route = d.process.route(&d.case.order.route);
    let fields = route.map(|route| rendered(d, &route.contact_fields, &vars)).unwrap_or_default();
    let client = &d.case.client;
    let usable = |all: &[String]| all.iter().filter(|one| !client.bad.contains(*one)).cloned().collect();
    PersonFacts {
        name: client.name.clone(),
        phones: usable(&client.phones),
        emails: usable(&client.emails),
        responsible: d.case.order.responsible.clone(),
        fields,
    }
}

/// Fields of a route: id → rendered template; an empty value is not written (G2, G7).
pub(super) fn rendered(
    d: &Decision,
    fields: &std::collections::BTreeMap<String, String>,
    vars: &crate::message::library::Vars,
) -> Vec<(u64, String)> {
    let values = fields.iter().filter_map(|(id, template)| {
        let value = d.process.texts.inline(template, vars);
        Some((id.parse().ok()?, value)).filter(|(_, value)| !value.trim().is_empty())
    });
    values.collect()
}

/// Ended before it came to us: nothing to work on, and nothing to write anywhere (L6).
pub(super) fn ended_before(d: &mut Decision, standing: Standing) -> bool {
    let end = match d.case.order.status {
        Some(Status::Cancelled) => End::Cancelled { at: d.now },
        Some(Status::False) => End::False { at: d.now },
        _ => return false,
    };
    if standing != Standing::Void {
        return false;
    }
    d.say("L6", "Заказ пришёл уже закрытым: вести нечего.");
    d.end(end, "");
    true
}
