//! After a talk: «Что дальше?» and what becomes of the answer (L13, D10).
//! Never reads a field or a task's result: intake makes answers of them. Enter at [`talked`],
//! [`on_answer`].

use chrono::TimeDelta;

use super::case::{End, Phase, Round};
use super::command::{Ask, TaskKind};
use super::decision::{Decision, NewTask};
use super::event::{Answer, AnswerKind, News};
use super::timers::Timer;
use super::value::*;
use super::{arrival, calls, dialling, payment, phone, promise, refusal};

/// A talk took place (D12): dialling stops, the manager is asked what is next.
pub(super) fn talked(d: &mut Decision, seconds: u32) {
    promise::call_back_begun(d);
    arrival::out_of_pool(d, "С клиентом уже говорят");
    d.case.order.talks += 1;
    d.case.order.notes.remove(UNANSWERED);
    let number = d.case.order.round.number;
    d.case.order.round = Round { number, ..Round::default() };
    let length = if seconds == 0 { String::new() } else { format!(" {seconds} с") };
    let text = format!("Разговор с клиентом{length}.");
    d.say("D12", text.clone());
    // The lead's feed has the call itself.
    d.comment(text);
    let promised = matches!(d.case.order.phase, Phase::CallBack);
    if promised {
        // The promised time is law (D5): its task stays until the answer replaces it.
        d.stop_many(&[Timer::Attempt, Timer::GiveUp]);
        promise::restore(d);
    } else {
        dialling::stop(d, "Разговор состоялся");
    }
    d.stop_many(&[Timer::SelfPay, Timer::FollowUp]);
    d.stage(Stage::Talked, None);
    let siblings: Vec<OrderId> =
        d.case.client.orders.iter().filter(|(_, brief)| brief.open).map(|(id, _)| id.clone()).collect();
    for sibling in siblings {
        if sibling != d.case.order.id {
            d.tell(sibling, News::Talked { order: d.case.order.id.clone(), at: d.now });
        }
    }
    if d.case.order.phase != Phase::Promised {
        d.case.order.phase = Phase::Asking;
    }
    ask(d, "task_ask", "");
}

/// L13: the task «Что дальше?» with its own timer; never two of them.
pub(super) fn ask(d: &mut Decision, text: &str, why: &str) {
    if !d.process.figures.talk.ask {
        d.set(Timer::FollowUp, d.work_days(d.process.figures.talk.follow_up_days.clamp(1, 3)));
        d.case.order.notes.insert("follow_up".to_owned(), "task_call".to_owned());
        d.say("L13", "Вопрос «Что дальше?» выключен: позвоним снова через несколько дней.");
        return;
    }
    let asked = d.case.order.tasks.values().any(|task| task.kind == TaskKind::Ask);
    if !asked {
        let due = d.work_minutes(patience(d));
        let bad = d.case.client.email_is_bad();
        let more = if bad {
            "Почта клиента не принимает письма: уточните адрес."
        } else {
            ""
        }
        .to_owned();
        d.task(NewTask { why, more, ..NewTask::new(TaskKind::Ask, text, due) });
        d.say("L13", "Спрашиваем менеджера: «Что дальше?»");
    }
    // Its reminder and its escalation are the task's own (L15); this is for the next morning.
    let due = d.work_minutes(patience(d));
    let next = d.team().next_day(due);
    let next = d.spread(Timer::AskNext, next);
    d.set(Timer::AskNext, next);
}

/// Where the order notes how often it asked in a row without an answer.
const UNANSWERED: &str = "unanswered";

/// The manager's time to answer, working minutes: the first two questions as the school sets it,
/// each further one twice as long as the last, so that nobody is flooded by what he closes.
fn patience(d: &Decision) -> u32 {
    let unanswered: u32 = d.case.order.notes.get(UNANSWERED).and_then(|n| n.parse().ok()).unwrap_or(0);
    d.process.figures.talk.answer_minutes << unanswered.saturating_sub(1).min(4)
}

/// L13: no answer, or a task closed without one: asked again, ever more patiently.
pub(super) fn ask_again(d: &mut Decision, why: &str) {
    let unanswered: u32 = d.case.order.notes.get(UNANSWERED).and_then(|n| n.parse().ok()).unwrap_or(0);
    d.case.order.notes.insert(UNANSWERED.to_owned(), (unanswered + 1).min(9).to_string());
    d.close_tasks(TaskKind::Ask, "Спрашиваем снова");
    d.say("L13", format!("{why}: спрашиваем снова."));
    if matches!(d.case.order.phase, Phase::FollowUp | Phase::Dialling | Phase::Pause) {
        dialling::stop(d, "Ждём ответа менеджера");
        d.stop(Timer::SelfPay);
        d.case.order.phase = Phase::Asking;
    }
    ask(d, "task_ask_again", why);
}

/// A manager said what is next (L13). The first answer wins for a minute; its field is cleared.
pub(super) fn on_answer(d: &mut Decision, answer: &Answer) {
    if let Some(field) = answer.field {
        d.ask(Ask::ClearField { role: LeadRole::Sales, field });
    }
    if let Some(manager) = answer.by.as_ref().filter(|manager| d.process.manager(manager).is_some()) {
        arrival::take(d, manager);
    }
    if matches!(answer.kind, AnswerKind::Reached | AnswerKind::NotReached) {
        calls::on_word(d, answer.kind);
        return;
    }
    let window = TimeDelta::seconds(i64::from(d.process.figures.talk.first_answer_seconds));
    if d.case.order.answered_at.is_some_and(|last| d.now - last < window) {
        d.say("L13", "Второй ответ подряд не принят: действует первый.");
        return;
    }
    if accepted(d, answer) {
        d.case.order.answered_at = Some(d.now);
        d.case.order.notes.remove(UNANSWERED);
    }
}

/// Each answer has its own next step; one that lacks what it needs is asked about, not taken.
fn accepted(d: &mut Decision, answer: &Answer) -> bool {
    let why = answer.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
    match answer.kind {
        AnswerKind::CallBack => promise::call_back(d, answer.at, why),
        AnswerKind::Promise => promise::pay(d, answer.at, why),
        AnswerKind::Refusal => refusal::refuse(d, answer.reason, why),
        AnswerKind::Doubt => {
            leave(d, "Клиент сомневается: материалы сейчас, касание позже.");
            d.letter("L13", "materials");
            let at = answer.at.unwrap_or_else(|| d.work_days(d.process.figures.talk.doubt_days));
            follow_up(d, "task_doubt", at, why)
        }
        AnswerKind::OwnTry => {
            let Some(at) = answer.at.filter(|at| *at > d.now) else {
                ask_again(d, "Нужна дата");
                return false;
            };
            leave(d, "Своя попытка: вернёмся в названный день.");
            follow_up(d, "task_own_try", at, why)
        }
        AnswerKind::Instalment => {
            leave(d, "Рассрочка: клиенту условия, менеджеру задача.");
            d.letter("L13", "instalment");
            work(d, "task_instalment", answer.at, why)
        }
        AnswerKind::LongCycle => {
            leave(d, "Длинный цикл: менеджеру задача на следующий шаг.");
            work(d, "task_long_cycle", answer.at, why)
        }
        AnswerKind::SpecialTerms => special_terms(d, why),
        AnswerKind::Duplicate => duplicate(d),
        AnswerKind::Mistake => {
            d.end(End::False { at: d.now }, "Заказ ошибочный");
            d.stage(Stage::Lost, None);
            d.status(Status::False, None);
            d.turn("L6", "Менеджер: заказ ошибочный. Он ложный и не входит в отчёты.");
            true
        }
        AnswerKind::WrongNumber => {
            leave(d, "Менеджер: номер неверный.");
            phone::wrong_number(d, None);
            true
        }
        AnswerKind::Paid => {
            leave(d, "Менеджер: оплачено. Проверяем оплату в GetCourse.");
            payment::ask_getcourse(d);
            let minutes = d.process.figures.payment.confirm_minutes;
            follow_up(d, "check_payment", d.work_minutes(minutes), None)
        }
        AnswerKind::Reached | AnswerKind::NotReached => true,
    }
}

/// The answer is taken: what was open until now is done with.
pub(super) fn leave(d: &mut Decision, text: &str) {
    d.close_tasks(TaskKind::Ask, "Ответ получен");
    d.close_tasks_where(|task| task.text.starts_with("task_phone"), "Ответ получен");
    if let Some(work) = d.case.order.notes.remove("follow_up") {
        d.close_tasks_where(|task| task.kind == TaskKind::Do && task.text == work, "Ответ получен");
    }
    dialling::stop(d, "Ответ получен");
    d.stop_many(&[Timer::SelfPay, Timer::AskNext, Timer::FollowUp, Timer::PhoneCheck]);
    promise::drop_promise(d);
    d.case.order.notes.remove("phone_ask");
    d.turn("L13", text);
}

/// A date of its own; `what` says what happens then.
fn follow_up(d: &mut Decision, what: &str, at: At, why: Option<&str>) -> bool {
    d.case.order.phase = Phase::FollowUp;
    d.case.order.notes.insert("follow_up".to_owned(), what.to_owned());
    match why {
        Some(why) => d.case.order.notes.insert("follow_up_why".to_owned(), why.to_owned()),
        None => d.case.order.notes.remove("follow_up_why"),
    };
    let at = if what == "check_payment" { at } else { d.calls().next(at.max(d.now)) };
    d.set(Timer::FollowUp, at);
    true
}

/// A task for the manager with its deadline; then he is asked again.
fn work(d: &mut Decision, text: &str, at: Option<At>, why: Option<&str>) -> bool {
    let days = d.process.figures.talk.follow_up_days.clamp(1, 3);
    let due = at.filter(|at| *at > d.now).unwrap_or_else(|| d.work_days(days));
    let why = why.unwrap_or_default();
    d.task(NewTask { why, time: Some(due), ..NewTask::new(TaskKind::Do, text, due) });
    follow_up(d, text, due, None)
}

/// L13: special terms are the head's to grant, within a day.
fn special_terms(d: &mut Decision, why: Option<&str>) -> bool {
    leave(d, "Особые условия: решает руководитель, срок сутки.");
    let due = d.team().next(d.now + TimeDelta::hours(i64::from(d.process.figures.talk.special_hours)));
    let to = d.head();
    let (time, asks) = (Some(due), why.unwrap_or_default());
    d.task(NewTask { to, time, why: asks, ..NewTask::new(TaskKind::Do, "task_special", due) });
    follow_up(d, "task_special", due, why)
}

/// L7 by a manager's word: the other order is kept; without one there is nothing to fold into.
fn duplicate(d: &mut Decision) -> bool {
    let own = d.case.order.id.clone();
    let others = d.case.client.orders.iter().filter(|(id, brief)| **id != own && brief.open);
    let Some(other) = arrival::rivals(d).first().cloned().or_else(|| others.map(|(id, _)| id.clone()).next())
    else {
        ask_again(d, "Другого открытого заказа у клиента нет");
        return false;
    };
    if d.case.order.has_money() {
        ask_again(d, "По этому заказу есть деньги, его нельзя сложить");
        return false;
    }
    d.tell(other.clone(), News::DuplicateFound { order: own });
    arrival::end_as_duplicate(d, &other);
    true
}

/// The follow-up's time has come: a call, or the question again (L13).
pub(super) fn follow_up_due(d: &mut Decision) {
    let what = d.case.order.notes.remove("follow_up").unwrap_or_default();
    let why = d.case.order.notes.remove("follow_up_why").unwrap_or_default();
    match what.as_str() {
        "task_doubt" | "task_own_try" | "task_call" => {
            d.say("L13", "Настал названный день: новый круг звонков.");
            dialling::start(d, if what == "task_call" { "" } else { &what });
            dialling::because(d, Some(why));
        }
        "check_payment" => ask_again(d, "Оплата в GetCourse не найдена"),
        _ => {
            d.close_tasks_where(|task| task.text == what, "Срок наступил");
            let why = if why.is_empty() {
                "Настал срок следующего шага".to_owned()
            } else {
                why
            };
            ask_again(d, &why);
        }
    }
}
