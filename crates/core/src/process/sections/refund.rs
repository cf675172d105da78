//! Refunds (L16): the paid sum falls, or a paid order waits for a refund or is cancelled, also after the win. The
//! head decides; meanwhile nothing else moves the order. Never acts on a report that was not read back.
//! Enter at [`settle`] and [`decided`].

use crate::message::phrase::{Phrase, refund, result};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::assign;
use crate::process::case::Doubted;
use crate::process::command::{Ask, AskKind, TaskKind, Urgency};
use crate::process::decision::{Class, Decision, Heard, NewTask, Request, Row, Section, Tasks, Whose};
use crate::process::definition::RefundedLead;
use crate::process::event::{Answer, AnswerKind, Event, TaskChange};
use crate::process::money::{self, Before, PaymentState, is_return, minor};
use crate::process::state::{End, Refund, Wait};
use crate::process::timers::Timer;
use crate::process::value::*;
use crate::process::vars;

pub const SECTION: Section = Section {
    name: "refund",
    rules: &["L16"],
    timers: &[Row {
        timer: Timer::RefundDue,
        class: Class::Step,
        lives: |order| order.refund().is_some(),
        fires: ask_again,
    }],
    tasks: &[Tasks {
        whose: Whose::Texts(&[TextId::TaskRefund]),
        stays: |_, to| matches!(to, Wait::Refund(_)),
    }],
    hears: |d, event| match event {
        Event::Answer(answer) if d.case.order.refund().is_some() => {
            decided(d, answer);
            Heard::Taken
        }
        Event::Task(change) if change.done || change.gone => closed(d, change),
        _ => Heard::Passed,
    },
    enters: |d, request| match request {
        Request::Doubt { said, trusted } => {
            doubt(d, said, *trusted);
            Heard::Taken
        }
        Request::Settle { payment_state, before } => settle(d, *payment_state, before),
        request if d.case.order.refund().is_some() && moves_on(request) => {
            d.say("L16", refund::waits());
            Heard::Refused
        }
        _ => Heard::Passed,
    },
};

/// What must not happen to an order whose refund is not decided. Talks and calls are recorded only.
fn moves_on(request: &Request) -> bool {
    use Request::*;
    let calls = matches!(
        request,
        Round { .. } | CallAtOnce { .. } | Attempt | NotReached { .. } | LastLetter | CallFailed | CallBegun
    );
    let words = matches!(
        request,
        Talked { .. }
            | Word { .. }
            | Question { .. }
            | AskAgain { .. }
            | CallBackAt { .. }
            | PayOn { .. }
            | Restore
    );
    let phone = matches!(request, AskPhone { .. } | NumberArrived | WrongNumber { .. });
    let ends = matches!(request, Refuse { .. } | LostInCrm { .. } | EndOutside | Fold { .. } | DoubleByWord);
    calls || words || phone || ends || matches!(request, Confirm)
}

/// A report of less money that is not confirmed: read back, once for the same report. Where the school trusts
/// webhooks there is nothing to read back: the head checks.
fn doubt(d: &mut Decision, said: &Doubted, trusted: bool) {
    let is_repeat = d.case.order.doubted.replace(said.clone()).as_ref() == Some(said);
    if !trusted {
        d.say("L16", refund::being_read());
    }
    if is_repeat {
        return;
    }
    if !trusted {
        d.read_order();
        return;
    }
    if !d.figures().refund.on {
        d.turn("L16", refund::noted(""));
    } else {
        d.turn("L16", refund::maybe());
        // What was reported last is what is to be checked.
        if !cut("L16.newest") {
            d.close_tasks_where(|task| task.text == TextId::TaskRefundCheck, &result::asked_again());
        }
        let known = minor(&d.case.order.paid);
        let paid = d.case.order.paid.as_ref().map(Money::text).unwrap_or_default();
        let why = match said.paid.as_ref().filter(|now| now.minor < known || cut("L16.same_sum")) {
            Some(now) => refund::sums(paid, now.text()),
            None => refund::status(paid, said.status.as_ref().map(Status::label)),
        };
        let (to, why, due) = (d.head(), d.words(&why), time_to_answer(d));
        let new = NewTask::new(TaskKind::Do, TextId::TaskRefundCheck, due);
        let made = d.task(NewTask { to, why: &why, ..new });
        d.unwatched(made.clone(), None);
        d.keep(made);
    }
}

/// Confirmed sums and the confirmed status, before any other section looks at them.
fn settle(d: &mut Decision, payment_state: PaymentState, before: &Before) -> Heard {
    if let Some(refund) = d.case.order.refund().cloned() {
        undecided(d, payment_state, &refund);
        return Heard::Taken;
    }
    if d.figures().refund.on && is_first_seen(d, before) && !cut("L16.seen_first") {
        seen_first(d, before);
        return Heard::Taken;
    }
    let paid = minor(&d.case.order.paid);
    let less = paid < before.paid && !cut("L16.less");
    let returns = is_return(d.case.order.status.as_ref()) && !is_return(before.status.as_ref());
    let had_money = before.paid > 0 || before.parts_paid > 0;
    if !had_money || !(less || returns) {
        if d.case.order.was_refunded && paid != before.paid {
            price(d);
        }
        return Heard::Passed;
    }
    let may_ask = matches!(d.case.order.end(), None | Some(End::Won { .. }));
    if !may_ask || !d.figures().refund.on {
        if less {
            d.turn("L16", refund::noted(sum(d, before.paid - paid).text()));
        }
        if matches!(d.case.order.end(), Some(End::Refunded { .. })) {
            price(d);
        }
        return Heard::Passed;
    }
    d.urgent(Urgency::Money, |d| start(d, before));
    Heard::Taken
}

/// The refund is the first that is heard of this order's money.
fn is_first_seen(d: &Decision, before: &Before) -> bool {
    let waits = |status: Option<&Status>| status == Some(&Status::WaitingForReturn);
    let had_money = before.paid > 0 || before.parts_paid > 0;
    waits(d.case.order.status.as_ref()) && !waits(before.status.as_ref()) && !had_money && !before.ended
}

/// The payment is counted first, so that «остаётся» leads back to it.
fn seen_first(d: &mut Decision, before: &Before) {
    let payment_state = money::by_sums(&d.case.order);
    if payment_state != PaymentState::Unpaid {
        let before = Before { status: d.case.order.status.clone(), ..before.clone() };
        d.request(Request::Settle { payment_state, before });
    }
    let paid = minor(&d.case.order.paid);
    d.urgent(Urgency::Money, |d| start(d, &Before { paid, ..before.clone() }));
}

/// The state and its timers are held, and the head is asked.
fn start(d: &mut Decision, before: &Before) {
    d.release();
    let now = sum(d, minor(&d.case.order.paid));
    let was = sum(d, before.paid.max(now.minor));
    let from = d.state().clone();
    if let (false, Some(manager)) = (d.case.order.is_open(), d.case.order.responsible.take()) {
        assign::give(d, &manager);
    }
    let timers = std::mem::take(&mut d.case.order.timers);
    let result = &result::refund();
    d.close_tasks_where(|task| !task.kept || task.text == TextId::TaskRefundCheck, result);
    d.revoke_where(|pending| matches!(pending.ask, AskKind::StartCall));
    if d.figures().refund.stop_after_payment && !cut("L16.stops") {
        d.revoke_where(|pending| pending.ask == AskKind::SendLetter);
    }
    let fallen = was.minor - now.minor;
    d.go(Wait::Refund(Box::new(Refund { from, timers, before: was, now, asked: 0 })), result);
    let status = d.case.order.status.clone();
    let head = d.head();
    if fallen > 0 {
        d.turn("L16", refund::less(sum(d, fallen).text(), head.as_ref()));
        price(d);
    } else {
        d.turn("L16", refund::said(status.as_ref().map(Status::label), head.as_ref()));
    }
    tag(d, Tag::On);
    ask(d);
    if d.figures().refund.letter {
        let (due, zone) = (time_to_answer(d), d.zone());
        let now = d.now;
        d.letter_with("L16", TextId::RefundSeen, |vars| vars::about(vars, due, zone, now));
    }
}

/// New facts while the head decides: the sum is back, or it changed once more.
fn undecided(d: &mut Decision, payment_state: PaymentState, refund: &Refund) {
    if d.case.order.is_held() {
        if payment_state == PaymentState::Unconfirmed {
            return;
        }
        d.release();
    }
    // The head decides on what can be compared (F78).
    if d.case.order.paid.as_ref().is_some_and(|paid| !paid.is_like(&refund.before)) {
        return;
    }
    let paid = minor(&d.case.order.paid);
    if paid >= refund.before.minor && !is_return(d.case.order.status.as_ref()) && !cut("L16.back") {
        let before = Before {
            paid: refund.before.minor,
            parts_paid: d.case.order.parts_paid,
            status: d.case.order.status.clone(),
            ended: false,
            worth: money::worth(&d.case.order).cloned(),
        };
        d.urgent(Urgency::Money, |d| {
            untouched(d, refund);
            over(d, refund::back());
        });
        d.request(Request::Settle { payment_state, before });
        return;
    }
    if paid == refund.now.minor {
        return;
    }
    let fallen = refund.now.minor - paid;
    let now = sum(d, paid);
    d.stay(Wait::Refund(Box::new(Refund { now, ..refund.clone() })));
    price(d);
    if fallen > 0 {
        let head = d.head();
        d.turn("L16", refund::less(sum(d, fallen).text(), head.as_ref()));
        ask(d);
    }
}

/// Creates the head's task in place of the one before. Its deadline is not watched (L15): no seller may get it.
fn ask(d: &mut Decision) {
    let Some(refund) = d.case.order.refund().cloned() else { return };
    d.close_tasks_where(|task| task.text == TextId::TaskRefund, &result::asked_again());
    let why = match refund.now.minor < refund.before.minor {
        true => refund::sums(refund.before.text(), refund.now.text()),
        false => {
            let paid = Some(refund.now.text()).filter(|_| refund.now.minor > 0);
            refund::status(paid, d.case.order.status.as_ref().map(Status::label))
        }
    };
    let (to, why, due) = (d.head(), d.words(&why), time_to_answer(d));
    let new = NewTask::new(TaskKind::Do, TextId::TaskRefund, due);
    let made = d.task(NewTask { to, why: &why, time: Some(due), ..new });
    d.unwatched(made, None);
    d.stay(Wait::Refund(Box::new(Refund { asked: refund.asked.saturating_add(1), ..refund })));
    d.set(Timer::RefundDue, d.work_days(1));
}

/// L16: no decision yet: the head is asked again, every working day.
fn ask_again(d: &mut Decision) {
    d.say("L16", refund::asked_again());
    d.urgent(Urgency::Money, ask);
}

/// The head's answer.
fn decided(d: &mut Decision, answer: &Answer) {
    d.clear_field(answer.field);
    let Some(refund) = d.case.order.refund().cloned() else { return };
    d.urgent(Urgency::Money, |d| match answer.kind {
        AnswerKind::Returned => returned(d, &refund),
        AnswerKind::Stays => {
            tag(d, Tag::Off);
            over(d, refund::stays());
        }
        AnswerKind::Mistake => {
            untouched(d, &refund);
            over(d, refund::mistake());
        }
        AnswerKind::Paid => {
            d.say("L16", refund::waits());
            d.read_order();
        }
        _ => d.say("L16", refund::waits()),
    });
}

/// The head closed the task: the words stay in the lead, whatever they were. «Возвращаем» decides nothing yet: asked
/// again on the next working day.
fn closed(d: &mut Decision, change: &TaskChange) -> Heard {
    let text = d.case.order.tasks.get(&change.task).map(|task| task.text.clone());
    let said = change.result.as_deref().map(str::trim).filter(|said| !said.is_empty());
    let phrase = match text {
        Some(TextId::TaskRefundCheck) if !cut("L16.checked") => refund::checked(said),
        Some(TextId::TaskRefund) if d.case.order.refund().is_some() && !cut("L16.undecided") => {
            let at = d.work_days(1);
            d.set(Timer::RefundDue, at);
            refund::undecided(said, at)
        }
        _ => return Heard::Passed,
    };
    d.case.order.tasks.remove(&change.task);
    d.turn("L16", phrase);
    Heard::Taken
}

/// The money was given back: in part, then the order goes on with the rest; else it ends.
fn returned(d: &mut Decision, refund: &Refund) {
    if refund.now.minor > 0 && refund.now.minor < refund.before.minor {
        over(d, refund::returned(refund.now.text()));
        return;
    }
    let was_won = matches!(refund.from, Wait::Ended(End::Won { .. }));
    d.case.order.was_refunded = true;
    d.end(End::Refunded { at: d.now }, &result::refund_over());
    if !was_won || d.figures().refund.lead == RefundedLead::Lost {
        d.stage(Stage::Lost, None);
    }
    d.turn("L16", refund::returned(""));
}

/// There was no refund: tag and price are as before.
fn untouched(d: &mut Decision, refund: &Refund) {
    tag(d, Tag::Off);
    if std::mem::take(&mut d.case.order.was_refunded) && d.has_lead() {
        let price = d.case.order.cost.clone().unwrap_or(refund.before.clone());
        d.ask(Ask::SetPrice { role: LeadRole::Sales, price });
    }
}

/// The order returns to the state before, with its timers.
fn over(d: &mut Decision, said: Phrase) {
    let Wait::Refund(refund) = d.state().clone() else { return };
    let result = &result::refund_over();
    match refund.from {
        Wait::Ended(end) => d.end(end, result),
        from => {
            let stands = matches!(from, Wait::Dialling | Wait::CallBack | Wait::Asking);
            d.go_back(from, &refund.timers, result);
            // The tasks of that state were closed.
            if stands {
                d.set(Timer::Retry, d.now);
            }
        }
    }
    d.turn("L16", said);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    On,
    Off,
}

fn tag(d: &mut Decision, tag: Tag) {
    if !d.has_lead() {
        return;
    }
    let word = vec![d.words(&refund::tag())];
    let (add, remove) = match tag {
        Tag::On => (word, Vec::new()),
        Tag::Off => (Vec::new(), word),
    };
    d.ask(Ask::SetTags { role: LeadRole::Sales, add, remove });
}

/// The lead's price is what is paid: the CRM's own report is right, and the lead moves nowhere.
fn price(d: &mut Decision) {
    d.case.order.was_refunded = true;
    if d.has_lead() {
        let price = sum(d, minor(&d.case.order.paid));
        d.ask(Ask::SetPrice { role: LeadRole::Sales, price });
    }
}

fn time_to_answer(d: &Decision) -> At {
    d.work_minutes(d.figures().refund.answer_work_hours.saturating_mul(60))
}

/// In the currency of the order.
fn sum(d: &Decision, minor: i64) -> Money {
    let order = &d.case.order;
    let known = order.paid.as_ref().or(order.cost.as_ref());
    Money::new(minor, known.map_or(&d.process.currency, |money| &money.currency))
}
