//! Money: what the sums say, the win (L4), a part (L5), what follows (W1), the unconfirmed payment.
//! Never trusts a status alone and never wins on money that is not confirmed.
//! Enter at [`look`] and [`settle`].

use chrono::TimeDelta;

use super::case::{End, Order, Phase};
use super::command::{Ask, TaskKind, Urgency};
use super::decision::{Decision, NewTask};
use super::event::{News, OrderFacts};
use super::timers::Timer;
use super::value::*;
use super::{arrival, calendar, dialling};

/// What the sums and the status say together (GetCourse sheet, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Unpaid,
    Part,
    Full,
    /// Cost 0 and finished: won, but no payment.
    Free,
    /// Cancelled or false, whatever the sums say.
    Void,
    /// More money is said to have come; it is being read back.
    Unconfirmed,
}

fn standing(order: &Order) -> Standing {
    let sum = |money: &Option<Money>| money.as_ref().map(|money| money.minor);
    let (cost, paid, left) = (sum(&order.cost), sum(&order.paid).unwrap_or(0), sum(&order.left));
    match order.status {
        Some(Status::Cancelled | Status::False) => return Standing::Void,
        Some(Status::Paid) if cost == Some(0) && paid <= 0 => return Standing::Free,
        Some(Status::Paid) => return Standing::Full,
        // A refund is under way (L16): money stays what it was.
        Some(Status::WaitingForReturn) if paid > 0 => return Standing::Part,
        _ => {}
    }
    let nothing_left = left.is_none_or(|left| left <= 0);
    match cost {
        Some(cost) if cost > 0 && paid >= cost && nothing_left => Standing::Full,
        None if paid > 0 && left == Some(0) => Standing::Full,
        _ if paid > 0 || order.status == Some(Status::PartPaid) => Standing::Part,
        _ => Standing::Unpaid,
    }
}

/// Takes the facts' money in if it is confirmed; if it is not and says more than we know, stops
/// dialling and letters at once and asks GetCourse (design, «Money without a signature»).
pub(super) fn look(d: &mut Decision, facts: &OrderFacts) -> Standing {
    let mut seen = d.case.order.clone();
    seen.status = facts.status.clone().or(seen.status);
    seen.paid = facts.paid.clone().or(seen.paid);
    seen.left = facts.left.clone().or(seen.left);
    if facts.confirmed {
        let says = standing(&seen);
        d.case.order.paid = seen.paid;
        d.case.order.left = seen.left;
        return says;
    }
    let minor = |money: &Option<Money>| money.as_ref().map_or(0, |money| money.minor);
    let known = &d.case.order;
    let more = match standing(&seen) {
        _ if matches!(known.end, Some(End::Won { .. })) => false,
        Standing::Full | Standing::Free => true,
        Standing::Part => minor(&seen.paid) > minor(&known.paid) || known.parts_paid == 0,
        _ => false,
    };
    if more {
        hold(d);
        return Standing::Unconfirmed;
    }
    match known.payment_unconfirmed && !matches!(known.status, Some(Status::Cancelled | Status::False)) {
        true => Standing::Unconfirmed,
        false => standing(known),
    }
}

/// Acts on confirmed money. `before` is the order as it was before these facts.
pub(super) fn settle(d: &mut Decision, standing: Standing, before: &Order) {
    match standing {
        Standing::Full | Standing::Free => win(d, standing, before),
        Standing::Part => part(d, before),
        Standing::Unpaid if d.case.order.payment_unconfirmed => resume(d),
        Standing::Unpaid
            if before.paid.as_ref().is_some_and(|paid| paid.minor > 0) && d.case.order.is_open() =>
        {
            d.turn("L16", "Оплаченная сумма уменьшилась до нуля: решает руководитель.");
            d.set(Timer::FollowUp, d.work_days(1));
            d.case.order.phase = Phase::FollowUp;
        }
        _ => {}
    }
}

/// An unconfirmed payment: timers are set aside, what has not left is dropped, GetCourse is asked.
fn hold(d: &mut Decision) {
    if d.case.order.payment_unconfirmed {
        d.say("L4", "Оплата уже проверяется.");
        return;
    }
    d.case.order.payment_unconfirmed = true;
    d.case.order.held = std::mem::take(&mut d.case.order.timers);
    let call = d.case.order.call_task().map(|(id, _)| id.clone()).filter(|id| d.is_uncreated(id));
    if let Some(call) = &call {
        d.case.order.notes.insert("call_revoked".to_owned(), String::new());
        d.close_task(call, "");
    }
    d.revoke_where(|pending| pending.ask == "send_letter");
    d.say("L4", "Сообщают об оплате: звонки и письма остановлены, оплата проверяется в GetCourse.");
    ask_getcourse(d);
    d.set(Timer::ConfirmPayment, d.now + minutes(d.process.figures.payment.confirm_minutes));
}

/// Reads the order back, once at a time.
pub(super) fn ask_getcourse(d: &mut Decision) {
    if !d.case.order.unsent.values().any(|pending| pending.ask == "read_order") {
        d.urgency = Urgency::Money;
        d.getcourse(Ask::ReadOrder);
        d.urgency = Urgency::Usual;
    }
}

/// The read-back has not come: ask again, ever more rarely; the third time the head hears of it.
pub(super) fn confirm_again(d: &mut Decision) {
    if !d.case.order.payment_unconfirmed {
        return;
    }
    let asked = d.case.order.notes.get("confirm").and_then(|n| n.parse::<u32>().ok()).unwrap_or(0) + 1;
    d.case.order.notes.insert("confirm".to_owned(), asked.to_string());
    ask_getcourse(d);
    if asked == 3
        && let Some(head) = d.head()
    {
        let due = d.work_minutes(60);
        let why = "GetCourse не подтверждает оплату: проверьте её в кабинете.";
        d.task(NewTask { to: Some(head), why, ..NewTask::new(TaskKind::Do, "task_undeliverable", due) });
    }
    let pause = d.process.figures.payment.confirm_minutes.max(1).saturating_mul(1 << asked.min(7));
    d.set(Timer::ConfirmPayment, d.now + minutes(pause.min(24 * 60)));
    d.say("L4", "Оплата ещё не подтверждена: спрашиваем GetCourse снова.");
}

/// It was no payment: the process goes on where it was.
fn resume(d: &mut Decision) {
    release(d);
    d.say("L4", "Оплата не подтвердилась: процесс идёт дальше с того же места.");
    if d.case.order.notes.remove("call_revoked").is_some() && d.case.order.is_open() {
        d.set(Timer::Attempt, d.now);
    }
    if d.case.order.is_open() && d.case.order.letters.is_empty() {
        arrival::confirm(d);
    }
}

/// The hold ends: what was set aside runs again.
fn release(d: &mut Decision) {
    let order = &mut d.case.order;
    order.payment_unconfirmed = false;
    order.timers.stop(Timer::ConfirmPayment);
    order.notes.remove("confirm");
    for (timer, at) in std::mem::take(&mut order.held).iter() {
        order.timers.set(timer, at);
    }
}

/// L4: in any state, even after a refusal. W1: what follows at once.
fn win(d: &mut Decision, standing: Standing, before: &Order) {
    if matches!(d.case.order.end, Some(End::Won { .. })) {
        return;
    }
    d.urgency = Urgency::Money;
    let cost = d.case.order.cost.clone();
    let paid = d.case.order.paid.clone();
    let short = matches!((&cost, &paid), (Some(cost), Some(paid)) if paid.minor < cost.minor);
    if standing == Standing::Full {
        d.case.order.parts_paid += 1;
    }
    d.end(End::Won { at: d.now }, "Заказ оплачен");
    d.case.order.notes.remove("call_revoked");
    d.stage(Stage::Won, None);
    let sum = paid.or(cost).map(|money| format!(": {}", money.text())).unwrap_or_default();
    match standing {
        Standing::Free => d.turn("L4", "Бесплатный заказ выдан: успешно реализовано без оплаты."),
        _ => d.turn("L4", format!("Заказ оплачен полностью{sum}.")),
    }
    if short && standing == Standing::Full {
        d.turn("L4", "Внимание: заказ завершён, но оплачено меньше его суммы. Проверьте разницу.");
    }
    if before.end.is_some() {
        d.say("L4", "Оплата пришла после того, как заказ был закрыт: он выигран.");
    }
    welcome(d, standing);
    for sibling in arrival::rivals(d) {
        let order = d.case.order.id.clone();
        d.tell(sibling, News::Paid { order });
    }
    d.urgency = Urgency::Usual;
}

/// W1: the receipt and «путь первого дня» at once; a new linked lead in fulfilment where it is on.
fn welcome(d: &mut Decision, standing: Standing) {
    if d.process.figures.payment.welcome {
        if standing != Standing::Free {
            d.letter("W1", "payment_received");
        }
        d.letter("W1", "first_day");
    }
    if d.process.figures.payment.fulfilment {
        arrival::linked_lead(d, LeadRole::Fulfilment, "W1");
    }
}

/// L5: dialling stops, the plan runs; each further part is counted, a repeat is not.
fn part(d: &mut Decision, before: &Order) {
    let minor = |money: &Option<Money>| money.as_ref().map_or(0, |money| money.minor);
    let gained = minor(&d.case.order.paid) - minor(&before.paid);
    if gained < 0 {
        d.turn("L16", "Оплаченная сумма уменьшилась: проверьте возврат.");
    }
    if matches!(d.case.order.end, Some(End::Won { .. })) {
        return;
    }
    if gained <= 0 && (before.parts_paid > 0 || d.case.order.phase == Phase::PartPaid) {
        if d.case.order.payment_unconfirmed {
            resume(d);
        }
        return;
    }
    d.urgency = Urgency::Money;
    if d.case.order.payment_unconfirmed {
        release(d);
    }
    d.case.order.notes.remove("call_revoked");
    if d.case.order.end.take().is_some() {
        d.say("L5", "По закрытому заказу пришла часть оплаты: он снова в работе.");
        if matches!(d.case.order.status, Some(Status::Cancelled | Status::False)) {
            d.case.order.status = Some(Status::PartPaid);
        }
        if let Some(manager) = d.case.order.responsible.take() {
            super::desk::give(d, &manager);
        }
    }
    d.case.order.parts_paid += 1;
    let part = d.case.order.parts_paid;
    dialling::stop(d, "Пришла часть оплаты");
    d.close_tasks(TaskKind::Ask, "Пришла часть оплаты");
    d.stop_many(&[Timer::SelfPay, Timer::AskNext, Timer::FollowUp, Timer::PhoneCheck]);
    super::promise::drop_promise(d);
    d.case.order.phase = Phase::PartPaid;
    d.stage(Stage::PartPaid, None);
    let paid = d.case.order.paid.as_ref().map(|paid| format!(", всего {}", paid.text())).unwrap_or_default();
    d.turn("L5", format!("Получена часть оплаты № {part}{paid}. Звонки остановлены, идёт план платежей."));
    d.urgency = Urgency::Usual;
    plan(d);
}

/// L5: 3 days and 1 day before the next payment the client is reminded, the day after a missed
/// one the manager gets a task.
fn plan(d: &mut Decision) {
    let figures = &d.process.figures;
    let due = d.now + TimeDelta::days(i64::from(figures.payment.part_days.max(1)));
    let morning = |d: &Decision, at: At| {
        let day = at.with_timezone(&d.zone()).date_naive();
        let minute = u32::from(d.process.figures.promise.reminder_at.minute);
        d.letters_open_at(calendar::at_local(day, minute, d.zone()))
    };
    d.case.order.notes.insert("part_due".to_owned(), due.to_rfc3339());
    d.stop_many(&[Timer::PartReminder3, Timer::PartReminder1, Timer::PartMissed]);
    for (timer, days) in [(Timer::PartReminder3, 3), (Timer::PartReminder1, 1)] {
        let at = morning(d, due - TimeDelta::days(days));
        if figures.payment.part_reminders && at > d.now {
            d.set(timer, at);
        }
    }
    d.set(Timer::PartMissed, d.team().next(morning(d, due + TimeDelta::days(1))));
}

/// L5: the client is reminded of the next part.
pub(super) fn part_reminder(d: &mut Decision) {
    let opens = d.letters_open_at(d.now);
    if opens > d.now {
        d.set(Timer::PartReminder1, opens);
        return;
    }
    let due = d.case.order.notes.get("part_due").and_then(|at| at.parse::<At>().ok());
    let zone = d.zone();
    d.letter_with("L5", "part_reminder", |vars| {
        vars.time = due.map(|due| calendar::say_day(due, zone)).unwrap_or_default();
    });
    d.say("L5", "Напоминаем клиенту о следующем платеже.");
}

/// L5: the day after a missed part the manager gets a task, and again while nothing comes.
pub(super) fn part_missed(d: &mut Decision) {
    d.turn("L5", "Очередной платёж не пришёл в срок.");
    let open = d.case.order.tasks.values().any(|task| task.text == "task_part_missed");
    if !open {
        let due = d.work_minutes(60);
        d.task(NewTask::new(TaskKind::Do, "task_part_missed", due));
    }
    d.set(Timer::PartMissed, d.work_days(3));
}

fn minutes(n: u32) -> TimeDelta {
    TimeDelta::minutes(i64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{ClientId, OrderId};

    #[test]
    fn money_is_judged_by_sums_and_status_together() {
        let check = |status: Status, cost: i64, paid: Option<i64>, left: Option<i64>, want: Standing| {
            let now = At::UNIX_EPOCH;
            let mut order = Order::new(OrderId::from("gc-1"), ClientId::from("c-1"), now);
            let money = |sum: i64| Money::new(sum, "RUB");
            order.status = Some(status.clone());
            order.cost = Some(money(cost));
            (order.paid, order.left) = (paid.map(money), left.map(money));
            assert_eq!(standing(&order), want, "{status:?} cost {cost} paid {paid:?} left {left:?}");
        };
        check(Status::New, 100, None, None, Standing::Unpaid);
        check(Status::New, 100, Some(0), Some(100), Standing::Unpaid);
        check(Status::InWork, 100, Some(40), Some(60), Standing::Part);
        check(Status::PartPaid, 100, None, None, Standing::Part);
        check(Status::New, 100, Some(100), None, Standing::Full);
        check(Status::New, 100, Some(100), Some(0), Standing::Full);
        check(Status::New, 100, Some(100), Some(20), Standing::Part);
        check(Status::Paid, 100, Some(100), Some(0), Standing::Full);
        check(Status::Paid, 100, Some(95), Some(5), Standing::Full);
        check(Status::Paid, 0, Some(0), Some(0), Standing::Free);
        check(Status::New, 0, Some(0), Some(0), Standing::Unpaid);
        check(Status::Cancelled, 100, Some(100), Some(0), Standing::Void);
        check(Status::False, 100, Some(40), None, Standing::Void);
        check(Status::WaitingForReturn, 100, Some(100), Some(0), Standing::Part);
    }
}
