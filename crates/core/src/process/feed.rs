//! What stands in the lead's feed and in GetCourse's comments (K6): calls, letters, payments,
//! statuses, decisions; each once, in order.
//! Never decides. Enter at [`call`], [`corrected`], [`receipt`]; turns are told by `Decision::turn`.

use super::calendar;
use super::command::{Ask, CallNote};
use super::decision::Decision;
use super::event::CallResult;
use super::value::*;

/// A call in the feed (K6): direction, seconds, recording, who.
pub(super) fn call(d: &mut Decision, call: &CallResult) {
    if !d.process.figures.feed.calls || !d.case.order.leads.contains_key(&LeadRole::Sales) {
        return;
    }
    d.ask(Ask::AddCall {
        role: LeadRole::Sales,
        call: CallNote {
            call: call.call.clone(),
            direction: call.direction,
            outcome: call.outcome,
            talk_seconds: call.talk_seconds,
            at: call.started_at,
            number: call.number.clone(),
            manager: call.manager.clone(),
            recording: call.recording.clone(),
        },
    });
}

/// What was told as no talk was one: the call itself stands in the feed already (K6).
pub(super) fn corrected(d: &mut Decision, call: &CallResult) {
    if !d.process.figures.feed.calls {
        return;
    }
    let recording = call.recording.as_ref().map(|link| format!(" Запись: {link}")).unwrap_or_default();
    let at = calendar::say_time(call.started_at, d.process.zone);
    d.note(&format!("Уточнение: звонок {at} был разговором, {} с.{recording}", call.talk_seconds));
}

/// A command was carried out: a letter's delivery is shown (K6); a task that was revoked while it
/// was on its way stands after all and is closed (L4).
pub(super) fn receipt(d: &mut Decision, command: &CommandId) {
    if let Some(task) = d.case.order.revoked.remove(command) {
        d.say("L4", "Задача успела уйти до отзыва: закрываем её.");
        d.ask(Ask::CloseTask { task, result: "Больше не нужна".to_owned() });
        return;
    }
    let Some(pending) = d.case.order.unsent.remove(command) else { return };
    if matches!(pending.ask.as_str(), "create_task" | "save_lead") {
        d.case.order.notes.remove("failed");
    }
    if let Some(letter) = &pending.letter {
        d.note(&format!("Письмо «{}» отправлено клиенту.", letter_title(letter)));
    }
}

/// A letter's name as people know it (M1).
pub(super) fn letter_title(letter: &str) -> &str {
    match letter {
        "application_received" => "Заявка принята",
        "where_to_pay" => "Куда оплатить",
        "payment_fails" => "Не проходит платёж",
        "other_payment" => "Другой способ оплаты",
        "invoice" => "Счёт и реквизиты",
        "instalment" => "Рассрочка",
        "call_summary" => "Итоги созвона",
        "materials" => "Материалы",
        "documents" => "Договор и документы",
        "not_reached" => "Не дозвонились",
        "confirm_phone" => "Подтвердите телефон",
        "time_confirmed" => "Подтверждение времени",
        "payment_reminder" => "Напоминание об оплате",
        "part_reminder" => "Напоминание о следующем платеже",
        "payment_received" => "Оплата получена",
        "first_day" => "Первый день",
        "older_order" => "Ваш прежний заказ",
        other => other,
    }
}
