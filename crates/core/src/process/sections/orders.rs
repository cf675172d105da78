//! Changes of an order in GetCourse, in a fixed order: money first, then «has it ended», then other changes.
//! A repeated report changes nothing.
//! Enter at [`on_order`] and [`on_client`].

use std::collections::BTreeSet;

use crate::message::phrase::{arrival, crm, orders, payment, refund};
use crate::mutant::cut;
use crate::process::case::{Client, Doubted, Order, ToldChange};
use crate::process::command::Ask;
use crate::process::decision::{Decision, Heard, Request, Section};
use crate::process::event::{self, Author, ClientFacts, Event, OrderFacts, Unusable};
use crate::process::meters::Limit;
use crate::process::money::{self, Before, Judged, PaymentState};
use crate::process::state::ToldPayment;
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::{assign, leads};

pub const SECTION: Section = Section {
    name: "orders",
    hears: |d, event| {
        match event {
            Event::Order(facts) => on_order(d, facts),
            Event::Client(facts) => on_client(d, facts),
            _ => return Heard::Passed,
        }
        Heard::Taken
    },
    enters: |d, request| match request {
        Request::AsTold if as_told(d) => Heard::Taken,
        Request::AsTold => Heard::Refused,
        Request::TellUnconfirmed => {
            tell_unconfirmed(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// A new order may have to wait for what its first report lacks (G10).
fn on_order(d: &mut Decision, facts: &OrderFacts) {
    let facts = &money::in_currency_of(&d.case.order, &d.process.currency, facts.clone());
    if !d.case.order.is_unseen() {
        return take_in(d, facts);
    }
    d.request(Request::Join { by: facts.client.by.clone() });
    if d.request(Request::ReadFirst { facts: Box::new(facts.clone()) }) {
        return;
    }
    let told = untold(d);
    match told.as_ref().filter(|_| !cut("G10.told")) {
        Some(told) => take_in(d, &facts.clone().over(told)),
        None => take_in(d, facts),
    }
    // No reported payment is forgotten.
    let is_paid = |told: &OrderFacts| {
        let is_money = matches!(told.status, Some(Status::Paid | Status::PartPaid));
        is_money || money::minor(&told.paid) > 0
    };
    if let Some(told) = told.filter(|told| is_paid(told) && !facts.is_read_back()) {
        take_in(d, &told);
    }
}

/// The order waits for no answer any more.
fn untold(d: &mut Decision) -> Option<Box<OrderFacts>> {
    let told = d.case.order.told.take()?;
    d.stop(Timer::Retry);
    Some(told)
}

/// No answer came in time: the first report decides (G10).
fn as_told(d: &mut Decision) -> bool {
    let Some(told) = untold(d) else { return false };
    d.say("G10", arrival::as_told());
    take_in(d, &told);
    true
}

fn take_in(d: &mut Decision, facts: &OrderFacts) {
    compare(d, facts);
    settle_unconfirmed(d, &facts.client);
}

/// L1–L7, K6: compares the facts with the known order and acts on each difference.
fn compare(d: &mut Decision, facts: &OrderFacts) {
    let first = d.case.order.is_unseen();
    let (before, known) = (d.case.order.clone(), d.case.client.clone());
    let facts = without_older(d, facts.clone());
    let facts = &without_told(d, facts);
    learn(&mut d.case.order, facts);
    check_link(d, facts, &before);
    let unusable = new_unusable(d, facts);
    let own = d.case.order.id.clone();
    let is_of_another = facts.client.read && d.case.client.is_another(&facts.client);
    if is_of_another && !d.case.client.joined.contains_key(&own) {
        // GetCourse itself says that it is another user's: it leaves (F100).
        d.case.client.join(&own, &BTreeSet::new(), d.now);
    }
    let person_changed = d.case.client.told_by(&own, &facts.client, &d.process.texts);
    ask_person(d, &known, &facts.client);

    let payment_state = look(d, facts);
    let mut was = Before::of(&before).beside(&before.paid, &d.case.order);
    if first {
        // Its lead is made with the sum that is known now.
        was.worth = money::worth(&d.case.order).cloned();
        let (manager, sure) = (facts.manager.clone(), facts.confirmed);
        d.request(Request::Arrive { manager, payment_state, sure });
        d.request(Request::Settle { payment_state, before: was });
        sum_changed(d, facts, &before);
        tell_unusable(d, &unusable);
        return;
    }
    d.request(Request::Settle { payment_state, before: was });
    sum_changed(d, facts, &before);
    tell_unusable(d, &unusable);
    if !d.case.order.is_open() {
        // What comes with the payment belongs on the person's card, too.
        if person_changed && d.case.order.is_won() && !cut("L4.person") {
            save_person(d, &known);
        }
        if d.case.order.end() == before.end() {
            d.say("L6", orders::closed());
        }
        return;
    }
    if d.request(Request::EndOutside) {
        return;
    }
    if person_changed {
        save_person(d, &known);
        d.request(Request::NumberArrived);
    }
    let waited = facts.confirmed && std::mem::take(&mut d.case.order.fold_waits);
    if waited || (before.offers.is_empty() && !d.case.order.offers.is_empty()) {
        d.request(Request::Fold { sure: facts.confirmed });
    }
    // A double has ended now.
    let is_open = d.case.order.is_open();
    if !(is_open && d.request(Request::Complete { before: Box::new(before.clone()) }))
        && before.offers != d.case.order.offers
    {
        d.request(Request::Reroute { before: Box::new(before.clone()) });
    }
    changes(d, facts, &before);
    d.tell_sums(&before);
    if before.author.is_none() && d.case.order.author == Some(Author::Manager) {
        d.request(Request::MadeByManager);
    }
    if d.case.order == before && !person_changed {
        d.say("L1", orders::nothing_new());
    }
}

/// L16: where a report is not read back, one that is older than the known money takes none of it back: it was submitted
/// again after a loss, or came late.
fn without_older(d: &mut Decision, mut facts: OrderFacts) -> OrderFacts {
    let order = &d.case.order;
    let is_older = facts.told_at.zip(order.paid_at).is_some_and(|(told, known)| told < known);
    let is_believed = facts.trusted || !d.can_read();
    if is_older && is_believed && money::is_doubtful(order, &facts) && !cut("L16.older") {
        (facts.paid, facts.left, facts.status) = (None, None, None);
        d.say("L16", refund::older());
    }
    facts
}

/// F104: where orders can be read, a report alone neither ends one without money (L6; with money it is L16) nor changes its
/// sum (G2): the order goes on as it is known, and is read, once for the same report. Where they cannot, and the head is
/// looking for a payment, it does not end one either: the head is told.
fn without_told(d: &mut Decision, mut facts: OrderFacts) -> OrderFacts {
    if facts.confirmed {
        d.case.order.told_change = None;
    }
    let order = &d.case.order;
    let is_checked = order.is_held() && !d.can_read() && !cut("L4.another_report");
    if facts.confirmed || order.is_unseen() || !order.is_open() || !(d.can_read() || is_checked) {
        return facts;
    }
    let is_end = |status: &Status| matches!(status, Status::Cancelled | Status::False) && !order.has_money();
    let is_news = |status: &Status| is_end(status) && order.status.as_ref() != Some(status);
    let is_other = |cost: &Money| order.cost.as_ref().is_some_and(|known| known != cost);
    let status = facts.status.take_if(|status| is_news(status) && !cut("L6.read_back"));
    if is_checked {
        let told = status.map(|status| ToldChange { status: Some(status), cost: None });
        if told.is_some() && d.case.order.told_change != told {
            d.case.order.told_change = told;
            d.note(orders::end_beside_a_payment());
        }
        return facts;
    }
    let cost = facts.cost.take_if(|cost| is_other(cost) && !cut("G2.read_back"));
    if status.is_some() {
        d.say("L6", orders::end_is_read());
    }
    if cost.is_some() {
        d.say("G2", orders::sum_is_read());
    }
    let told = (status.is_some() || cost.is_some()).then_some(ToldChange { status, cost });
    if told.is_some() && d.case.order.told_change != told {
        d.case.order.told_change = told;
        d.read_order();
    }
    facts
}

/// F105: a link that leads away from the school is not taken in: a letter would ask to pay there.
fn check_link(d: &mut Decision, facts: &OrderFacts, before: &Order) {
    if facts.payment_link.as_ref().is_none_or(|link| d.may_link(link)) {
        return;
    }
    d.case.order.payment_link.clone_from(&before.payment_link);
    d.case.meters.hold(Limit::PaymentLink, d.now);
    d.say("L1", orders::strange_link());
}

/// What nobody can use of a report, and was not told yet (L4, L10).
fn new_unusable(d: &mut Decision, facts: &OrderFacts) -> Vec<Unusable> {
    let counts = |what: &Unusable| match what {
        // A report that is not confirmed is read back, or the head looks.
        Unusable::Paid => facts.confirmed && !cut("L4.unread_sum"),
        Unusable::Manager => !cut("L10.unknown_manager"),
    };
    let known = &mut d.case.order.unusable;
    facts.unusable.iter().filter(|what| counts(what) && known.insert(**what)).copied().collect()
}

/// A person reads the sum in GetCourse, or gives the order a manager of the school.
fn tell_unusable(d: &mut Decision, news: &[Unusable]) {
    for what in news {
        match what {
            Unusable::Paid => d.turn("L4", payment::no_sum()),
            Unusable::Manager => d.turn("L10", orders::unknown_manager()),
        }
    }
}

fn sum_changed(d: &mut Decision, facts: &OrderFacts, before: &Order) {
    if d.case.order.paid != before.paid {
        d.case.order.paid_at = facts.told_at.or(Some(d.now));
    }
    let by = money::minor(&d.case.order.paid) - money::minor(&before.paid);
    if by != 0 && money::are_like(&d.case.order.paid, &before.paid) {
        d.request(Request::SumChanged { by });
    }
}

/// An unconfirmed payment that exceeds the known one stops dialling and letters at once.
fn look(d: &mut Decision, facts: &OrderFacts) -> PaymentState {
    match money::judge(&mut d.case.order, facts) {
        Judged::Confirmed(payment_state) | Judged::NoMore(payment_state) => payment_state,
        Judged::More => {
            d.request(Request::Hold);
            let told = ToldPayment { paid: facts.paid.clone(), status: facts.status.clone() };
            d.request(Request::Told { told });
            PaymentState::Unconfirmed
        }
        Judged::OtherCurrency { paid, known } => other_currency(d, facts, &paid, &known),
        Judged::Less(payment_state) => {
            let said = Doubted { paid: facts.paid.clone(), status: facts.status.clone() };
            d.request(Request::Doubt { said, trusted: facts.trusted || !d.process.reads_orders });
            payment_state
        }
    }
}

/// F78: a payment in another currency is not compared with the order's sum: the head looks, told once.
fn other_currency(d: &mut Decision, facts: &OrderFacts, paid: &Money, known: &Money) -> PaymentState {
    let said = Doubted { paid: Some(paid.clone()), status: facts.status.clone() };
    let is_new = d.case.order.doubted.as_ref() != Some(&said);
    let phrase = payment::currencies(paid.text(), known.text());
    match is_new {
        true => d.turn("L4", phrase),
        false => d.say("L4", phrase),
    }
    d.case.order.doubted = Some(said);
    // Told before, and a person has answered.
    let is_answered = !is_new && !d.case.order.is_held();
    if is_answered || d.case.order.is_won() || d.case.order.refund().is_some() {
        return money::payment_state(&d.case.order);
    }
    let told = ToldPayment { paid: Some(paid.clone()), status: facts.status.clone() };
    d.request(Request::Hold);
    d.request(Request::Told { told });
    PaymentState::Unconfirmed
}

/// A person's phone, e-mail or name changed (L11, Q1): numbers are added; a first number starts dialling.
fn on_client(d: &mut Decision, facts: &ClientFacts) {
    let known = d.case.client.clone();
    let echo = facts.name.as_deref().filter(|name| known.is_late_echo(name, d.now) && !cut("G7.late_echo"));
    let facts = match echo {
        Some(_) => &ClientFacts { name: None, first_name: None, last_name: None, ..facts.clone() },
        None => facts,
    };
    let is_changed = match facts.guessed && !cut("Q4.no_order") {
        true => {
            d.case.client.guess(facts, &d.process.texts);
            false
        }
        false => d.case.client.told(facts, &d.process.texts),
    };
    let waits = ask_person(d, &known, facts);
    settle_unconfirmed(d, facts);
    if facts.guessed && (is_changed || waits) {
        d.say("Q4", crm::guessed(leads::ways(&facts.by)));
    }
    if !is_changed {
        if !waits {
            d.say("L11", orders::client_nothing_new());
        }
        return;
    }
    save_person(d, &known);
    if d.case.order.is_open() {
        d.request(Request::NumberArrived);
    }
}

/// F100: what only a report told of a known client does not count, and GetCourse is asked, once. Whether anything is new of
/// it.
fn ask_person(d: &mut Decision, known: &Client, facts: &ClientFacts) -> bool {
    let client = &d.case.client;
    let is_new = client.has_new_to_confirm(known) || client.is_doubted(facts);
    if is_new && !facts.read {
        d.say("L11", orders::unconfirmed());
        d.read_person();
    }
    is_new
}

/// GetCourse confirms it, or people do.
fn settle_unconfirmed(d: &mut Decision, facts: &ClientFacts) {
    let is_asked = facts.read && facts.gc_user.is_some();
    if is_asked || !d.can_read() {
        tell_unconfirmed(d);
    }
}

/// People are told, once: the contact in the CRM is theirs.
fn tell_unconfirmed(d: &mut Decision) {
    if d.case.client.is_leaving(&d.case.order.id) || !d.has_lead() {
        return;
    }
    let new = d.case.client.unconfirmed.iter_mut().filter(|one| !one.noted);
    let values: Vec<String> = new
        .map(|one| {
            one.noted = true;
            one.value.clone()
        })
        .collect();
    if !values.is_empty() {
        d.note(orders::confirm_by_hand(values.join(", ")));
    }
}

/// Stores all facts except money, which `money` handles.
fn learn(order: &mut Order, facts: &OrderFacts) {
    // It is there again, or a read had missed it.
    order.gone &= !facts.confirmed || facts.trusted;
    let own_id = order.id.deal().map(str::to_owned);
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
    if order.id.lead().is_some() {
        keep(&mut order.pipeline, &facts.pipeline);
    }
    event::add_labels(&mut order.source, &facts.source);
    let Some(status) = &facts.status else { return };
    let money = matches!(status, Status::Paid | Status::PartPaid | Status::WaitingForReturn);
    let doubtful = money::is_doubtful(order, facts) || (order.refund().is_some() && !facts.confirmed);
    let is_apart = money::in_other_currency(order, facts).is_some() && !cut("L4.currency_status");
    if (money && (!facts.confirmed || is_apart)) || doubtful || order.said_status.as_ref() == Some(status) {
        return;
    }
    order.said_status = Some(status.clone());
    // Only money reopens an ended order. A state older than our own last write is not a change: it repeats
    // what was reported before.
    if order.is_open() || money || money::is_return(Some(status)) {
        order.status = Some(status.clone());
    }
}

fn keep<T: Clone>(have: &mut Option<T>, said: &Option<T>) {
    if said.is_some() {
        have.clone_from(said);
    }
}

/// Other changes: price (G2), manager (L10), status in the feed (K6).
fn changes(d: &mut Decision, facts: &OrderFacts, before: &Order) {
    if let Some(cost) = d.case.order.cost.clone()
        && before.cost.as_ref() != Some(&cost)
        && !d.case.order.was_refunded
        && d.has_lead()
        && !cut("G2.new_price")
    {
        d.note(orders::new_sum(cost.text()));
        // A route's own price may not depend on the sum.
        if let Some(price) = leads::price(d, Some(&cost))
            && leads::price(d, before.cost.as_ref()).as_ref() != Some(&price)
        {
            d.ask(Ask::SetPrice { role: LeadRole::Sales, price });
        }
    }
    if let Some(manager) = &facts.manager {
        shown_manager(d, manager, before.gc_manager.as_ref());
    }
    if let Some(status) = d.case.order.status.clone()
        && before.status.as_ref() != Some(&status)
    {
        d.say("K6", orders::status(status.label()));
        d.note(orders::status(status.label()));
    }
}

/// L9, L10: the manager shown in GetCourse takes the order, or the responsible changes.
fn shown_manager(d: &mut Decision, manager: &ManagerId, before: Option<&ManagerId>) {
    let news = before != Some(manager);
    d.case.order.gc_manager = Some(manager.clone());
    if !news || d.process.manager(manager).is_none() {
        return;
    }
    if d.case.order.responsible.is_none() {
        d.request(Request::Take { manager: manager.clone() });
    } else if before.is_some() && d.case.order.responsible.as_ref() != Some(manager) {
        d.request(Request::HandOver { manager: manager.clone() });
        assign::tell_crm(d, manager);
    } else if let Some(ours) =
        d.case.order.responsible.clone().filter(|ours| ours != manager && !cut("L10.other_manager"))
    {
        // The first one that GetCourse shows may be older than our own choice.
        d.say("L10", orders::other_manager(manager, &ours));
    }
}

/// Updates the contact in the CRM (L11): numbers are added, never removed. A difference in spelling only is
/// not written, because our own writes come back in that form.
fn save_person(d: &mut Decision, known: &Client) {
    let client = &d.case.client;
    let same = (&client.name, &client.phones, &client.emails, &client.zone)
        == (&known.name, &known.phones, &known.emails, &known.zone);
    if !same && d.has_lead() {
        let person = leads::person(d);
        d.ask(Ask::SaveContact(person));
    }
}
