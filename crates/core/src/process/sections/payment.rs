//! Payments: the win (L4), what follows at once (W1), and payments that are not confirmed yet.
//! Never wins an order on unconfirmed money. Enter at [`hold`] and [`settle`].

use chrono::TimeDelta;

use crate::message::phrase::{Phrase, command, payment, result};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::case::Promise;
use crate::process::command::{Ask, AskKind, TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section};
use crate::process::event::{AnswerKind, Event, News, Unusable};
use crate::process::leads;
use crate::process::moment::Moment;
use crate::process::money::{self, Before, PaymentState};
use crate::process::state::{End, ToldPayment, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;

pub const SECTION: Section = Section {
    name: "payment",
    rules: &["L4", "W1"],
    timers: &[Row {
        timer: Timer::ConfirmPayment,
        class: Class::Step,
        lives: |order| order.is_held(),
        fires: confirm_again,
    }],
    hears: |d, event| {
        let waits = d.case.order.is_held() && is_for_head(d) && !cut("L4.by_word");
        if waits { word(d, event) } else { Heard::Passed }
    },
    enters: |d, request| match request {
        Request::Told { told } => {
            told_payment(d, told);
            Heard::Taken
        }
        Request::Hold => {
            hold(d);
            Heard::Taken
        }
        Request::Resume => {
            resume(d);
            Heard::Taken
        }
        Request::Settle { payment_state, before } => settle(d, *payment_state, before),
        _ => Heard::Passed,
    },
    ..Section::QUIET
};

/// What was reported is kept where a person confirms it: nothing can be read back, or it says nothing more (F78).
fn told_payment(d: &mut Decision, told: &ToldPayment) {
    let is_like = |paid: &Money| money::worth(&d.case.order).is_none_or(|known| known.is_like(paid));
    let is_compared = told.paid.as_ref().is_none_or(is_like);
    if let Wait::Held(held) = &mut d.case.order.wait
        && !(is_compared && d.process.reads_orders)
    {
        held.told = Some(told.clone());
        ask_head(d);
    }
}

/// The head decides, and not what is read back.
fn is_for_head(d: &Decision) -> bool {
    let is_told = matches!(&d.case.order.wait, Wait::Held(held) if held.told.is_some());
    is_told || !d.process.reads_orders
}

/// Acts on confirmed money; partial payments belong to the section `parts`.
fn settle(d: &mut Decision, payment_state: PaymentState, before: &Before) -> Heard {
    match payment_state {
        PaymentState::Full | PaymentState::Free if !cut("L4.wins") => win(d, payment_state, before),
        PaymentState::Part => return Heard::Passed,
        PaymentState::Unpaid if d.case.order.is_held() && !cut("L4.resume") => resume(d),
        // Of a first report, which says so, there is a lead only now.
        _ if d.case.order.is_held() && !cut("L4.head_at_once") => ask_head(d),
        _ => {}
    }
    Heard::Taken
}

/// An unconfirmed payment: the state is suspended, unsent commands are revoked, GetCourse is asked.
fn hold(d: &mut Decision) {
    if d.case.order.is_held() || cut("L4.hold") {
        d.say("L4", payment::being_checked());
        return;
    }
    let call = d.call_task().filter(|id| d.is_uncreated(id));
    let is_ahead = d.case.order.call_is_ahead() && !cut("K10.held");
    d.hold(call.is_some() && !is_ahead);
    if let Some(call) = &call {
        d.close_task(call, &Phrase::NONE);
    }
    d.revoke_where(|pending| pending.ask == AskKind::SendLetter);
    match d.process.reads_orders {
        true => d.say("L4", payment::reported()),
        false => d.say("L4", payment::told()),
    }
    d.read_order();
    ask_head(d);
    d.set(Timer::ConfirmPayment, d.now + minutes(d.figures().payment.confirm_minutes));
}

/// No answer from GetCourse yet: asks again with growing pauses; the third time the head is informed, if he is not
/// asked already.
fn confirm_again(d: &mut Decision) {
    let Wait::Held(held) = &mut d.case.order.wait else { return };
    held.asked += 1;
    let asked = held.asked;
    d.read_order();
    ask_head(d);
    if asked == 3
        && !is_for_head(d)
        && let Some(head) = d.head()
    {
        let due = d.work_minutes(60);
        let why = d.words(&command::confirm_payment());
        d.task(NewTask {
            to: Some(head),
            why: &why,
            ..NewTask::new(TaskKind::Do, TextId::TaskUndeliverable, due)
        });
    }
    let pause = d.figures().payment.confirm_minutes.max(1).saturating_mul(1 << asked.min(7));
    d.set(Timer::ConfirmPayment, d.now + minutes(pause.min(24 * 60)));
    match d.process.reads_orders {
        true => d.say("L4", payment::asked_again()),
        false => d.say("L4", payment::waits()),
    }
}

/// F106: where nothing can be read back, the head looks into GetCourse: until then there is no win and no letter.
fn ask_head(d: &mut Decision) {
    if !is_for_head(d) || !d.has_lead() || d.has_task(TextId::TaskPaymentCheck) {
        return;
    }
    let (to, due) = (d.head(), d.work_minutes(60));
    let why = other_currency(d).map(|said| d.words(&said)).unwrap_or_default();
    let made = d.task(NewTask { to, why: &why, ..NewTask::new(TaskKind::Do, TextId::TaskPaymentCheck, due) });
    d.keep(made);
}

/// Both sums, as they were said (F78).
fn other_currency(d: &Decision) -> Option<Phrase> {
    let Wait::Held(held) = &d.case.order.wait else { return None };
    let paid = held.told.as_ref()?.paid.as_ref()?;
    let known = money::worth(&d.case.order).filter(|known| !known.is_like(paid))?;
    Some(payment::currencies(paid.text(), known.text()))
}

/// A person says whether there was a payment: by an answer, by winning the lead, or by closing the task without either.
fn word(d: &mut Decision, event: &Event) -> Heard {
    let checks = |d: &Decision, task| {
        d.case.order.tasks.get(task).is_some_and(|task| task.text == TextId::TaskPaymentCheck)
    };
    match event {
        Event::Answer(answer) if answer.kind == AnswerKind::Paid => {
            d.clear_field(answer.field);
            confirmed(d);
            Heard::Taken
        }
        // Nobody is called now: it is said of the payment.
        Event::Answer(answer) if answer.kind == AnswerKind::NotReached => Heard::Taken,
        Event::Lead(change) if change.role == LeadRole::Sales && change.stage == Some(Stage::Won) => {
            confirmed(d);
            Heard::Taken
        }
        Event::Task(change) if (change.done || change.gone) && checks(d, &change.task) => {
            d.case.order.tasks.remove(&change.task);
            resume(d);
            Heard::Taken
        }
        _ => Heard::Passed,
    }
}

/// What was reported counts from now on.
fn confirmed(d: &mut Decision) {
    let (before, paid) = (Before::of(&d.case.order), d.case.order.paid.clone());
    let Wait::Held(held) = &mut d.case.order.wait else { return };
    let told = held.told.take();
    let order = &mut d.case.order;
    if let Some(told) = told {
        order.left = None;
        order.paid = told.paid.or(order.paid.take());
        order.paid_at = Some(d.now);
        order.said_status.clone_from(&told.status);
        order.status = told.status.or(order.status.take());
    }
    d.say("L4", payment::by_word());
    // A person's word needs no sum.
    let payment_state = match money::payment_state(&d.case.order) {
        PaymentState::Unpaid | PaymentState::Void | PaymentState::Unconfirmed => PaymentState::Full,
        known => known,
    };
    let before = before.beside(&paid, &d.case.order);
    d.request(Request::Settle { payment_state, before });
}

/// It was no payment: the suspended state is resumed.
fn resume(d: &mut Decision) {
    let Some(held) = d.release() else { return };
    d.say("L4", payment::not_confirmed());
    if held.call_was_revoked && *d.state() == Wait::Dialling {
        d.set(Timer::Attempt, d.now);
    }
    if d.case.order.is_open() && d.case.order.letters.is_empty() {
        d.request(Request::Confirm);
    }
}

/// L4: wins the order in any state, even after a refusal. W1: what follows at once.
fn win(d: &mut Decision, payment_state: PaymentState, before: &Before) {
    let too_late = before.ended && cut("L4.wins_after_the_end");
    if !d.case.order.is_won() && !too_late {
        d.urgent(Urgency::Money, |d| won(d, payment_state, before));
    }
}

fn won(d: &mut Decision, payment_state: PaymentState, before: &Before) {
    let (cost, paid) = (d.case.order.cost.clone(), d.case.order.paid.clone());
    let short =
        matches!((&cost, &paid), (Some(cost), Some(paid)) if paid.is_like(cost) && paid.minor < cost.minor);
    if payment_state == PaymentState::Full || cut("L4.free_counts_no_part") {
        d.case.order.parts_paid += 1;
    }
    d.moment(Moment::Paid { part: d.case.order.parts_paid });
    if matches!(d.case.order.promise, Some(Promise::Pay { .. })) {
        d.moment(Moment::PromiseKept);
    }
    d.end(End::Won { at: d.now }, &result::paid());
    price(d, before);
    d.stage(Stage::Won, None);
    let is_unread = d.case.order.unusable.contains(&Unusable::Paid) && paid.is_none();
    let sum = paid.or(cost.filter(|_| !is_unread)).map(|money| money.text());
    let is_unknown = sum.is_none() && !is_unread && payment_state == PaymentState::Full;
    match payment_state {
        PaymentState::Free => d.turn("L4", payment::free()),
        _ => d.turn("L4", payment::won(sum)),
    }
    if is_unknown && !cut("L4.no_sum") {
        d.turn("L4", payment::no_sum());
    }
    if short && payment_state == PaymentState::Full && !cut("L4.short_sum") {
        d.turn("L4", payment::short());
    }
    if before.ended {
        d.say("L4", payment::after_the_end());
    }
    if d.case.order.status == Some(Status::WaitingForReturn) {
        // First seen in a refund (L16): nothing follows from this payment.
        return;
    }
    welcome(d, payment_state);
    for sibling in d.case.rivals() {
        let order = d.case.order.id.clone();
        d.tell(sibling, News::Paid { order });
    }
}

/// G2: the lead is won at the sum of the order that was paid, also if the payment is the first to tell it.
fn price(d: &mut Decision, before: &Before) {
    if d.case.order.was_refunded || !d.has_lead() || cut("G2.won_price") {
        return;
    }
    let had = leads::price(d, before.worth.as_ref());
    let price = leads::price(d, money::worth(&d.case.order));
    if let Some(price) = price.filter(|price| had.as_ref() != Some(price)) {
        d.ask(Ask::SetPrice { role: LeadRole::Sales, price });
    }
}

/// W1: the receipt and «путь первого дня» at once; a linked lead in the fulfilment pipeline if it is enabled.
fn welcome(d: &mut Decision, payment_state: PaymentState) {
    let figures = &d.figures().payment;
    if figures.welcome {
        if payment_state != PaymentState::Free || cut("L4.free_gets_no_receipt") {
            d.letter("W1", TextId::PaymentReceived);
        }
        d.letter("W1", TextId::FirstDay);
    }
    if figures.fulfilment {
        leads::linked(d, LeadRole::Fulfilment, "W1");
    }
}

fn minutes(n: u32) -> TimeDelta {
    TimeDelta::minutes(i64::from(n))
}
