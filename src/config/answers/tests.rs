//! Answers as managers write them, and how they are recognised.

use chrono::DateTime;
use chrono_tz::Tz;

use super::*;
use crate::process::At;
use crate::process::calendar::Calendar;
use crate::process::hours::TimeOfDay;

const MOSCOW: Tz = chrono_tz::Europe::Moscow;

/// Sunday noon in Moscow.
fn sunday_noon(calendar: &Calendar) -> Reader<'_> {
    let now = DateTime::parse_from_rfc3339("2026-11-22T12:00:00+03:00").expect("an instant");
    let clock = |hour: u16| TimeOfDay { minute: hour * 60 };
    Reader { now: now.with_timezone(&MOSCOW), calendar, morning: clock(10), evening: clock(18) }
}

/// Kind, local time in Moscow (`~` if only the time was said), reason, why.
type Told<'a> = (AnswerKind, Option<&'a str>, Option<RefusalReason>, Option<&'a str>);

fn check(answer: Option<Answer>, expected: Option<Told>, said: &str) {
    let told = answer.map(|answer| {
        let (local, format) = match answer.extent {
            Extent::Moment => ("", "%Y-%m-%d %H:%M"),
            Extent::Day => ("", "%Y-%m-%d"),
            Extent::TimeOfDay => ("~", "%Y-%m-%d %H:%M"),
        };
        let at = answer.at.map(|at: At| format!("{local}{}", at.with_timezone(&MOSCOW).format(format)));
        (answer.kind, at, answer.reason, answer.why)
    });
    let expected =
        expected.map(|(kind, at, reason, why)| (kind, at.map(str::to_owned), reason, why.map(str::to_owned)));
    assert_eq!(told, expected, "{said}");
}

fn one(answers: Vec<Answer>) -> Option<Answer> {
    assert!(answers.len() < 2, "{answers:?}");
    answers.into_iter().next()
}

#[test]
fn a_tasks_result_is_read_by_its_first_words() {
    use AnswerKind::*;
    use RefusalReason::{Competitor, NotNow, Price};
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let check = |said: &str, kind, at, reason, why| {
        check(one(Answers::default().from_result(said, &dates)), Some((kind, at, reason, why)), said);
    };
    check(
        "перезвонить 24.11 11:00, просит после работы",
        CallBack,
        Some("2026-11-24 11:00"),
        None,
        Some("просит после работы"),
    );
    check("Перезвонить 24.11.2026 в 9:30", CallBack, Some("2026-11-24 09:30"), None, None);
    check("ПЕРЕЗВОНИТЬ: 15:00", CallBack, Some("~2026-11-22 15:00"), None, None);
    check("перезвонить в 11:00", CallBack, Some("~2026-11-23 11:00"), None, None);
    check("перезвонить 30.11", CallBack, Some("2026-11-30"), None, None);
    check(
        "перезвонить завтра в 11, после работы",
        CallBack,
        Some("2026-11-23 11:00"),
        None,
        Some("после работы"),
    );
    check("перезвонить, занят, завтра в 11", CallBack, Some("2026-11-23 11:00"), None, Some("занят"));
    check("оплатит в пятницу", Promise, Some("2026-11-27"), None, None);
    check("перезвонить через 2 дня", CallBack, Some("2026-11-24"), None, None);
    check("обещал оплатить 30 ноября", Promise, Some("2026-11-30"), None, None);
    check(
        "отказ: не сейчас, вернуться 20 января",
        Refusal,
        Some("2027-01-20"),
        Some(NotNow),
        Some("вернуться"),
    );
    check("перезвонить 10.01 10:00", CallBack, Some("2027-01-10 10:00"), None, None);
    check("перезвонить 24.11.26 11:00.", CallBack, Some("2026-11-24 11:00"), None, None);
    check("перезвонить завтра в 11", CallBack, Some("2026-11-23 11:00"), None, None);
    check("перезвонить завтра в 8", CallBack, None, None, Some("завтра в 8"));
    check("перезвонить 5,12 15:00", CallBack, None, None, Some("5,12 15:00"));
    check("перезвонить 5/12 15:00", CallBack, Some("2026-12-05 15:00"), None, None);
    check("обещал к 5", Promise, None, None, Some("к 5"));
    check("обещал к 5му", Promise, Some("2026-12-05"), None, None);
    check("обещал в прошлую пятницу", Promise, None, None, Some("в прошлую пятницу"));
    check("перезвонить 20.11 11:00", CallBack, None, None, Some("20.11 11:00"));
    check("перезвонить 31.02 11:00", CallBack, None, None, Some("31.02 11:00"));
    check("перезвонить 2.5 тысячи", CallBack, None, None, Some("2.5 тысячи"));
    check("в 11", CallBack, Some("~2026-11-23 11:00"), None, None);
    check("завтра в 11.", CallBack, Some("2026-11-23 11:00"), None, None);
    check("обещал 25.11", Promise, Some("2026-11-25"), None, None);
    check("обещала оплатить 25.11", Promise, Some("2026-11-25"), None, None);
    check("Обещала до 25.11, после зарплаты", Promise, Some("2026-11-25"), None, Some("после зарплаты"));
    check("оплатит сам 26.11", OwnTry, Some("2026-11-26"), None, None);
    check("сам 26.11, другой картой", OwnTry, Some("2026-11-26"), None, Some("другой картой"));
    check("рассрочка", Instalment, None, None, None);
    check("думает — смотрит программу", Doubt, None, None, Some("смотрит программу"));
    check("думает 3 дня", Doubt, Some("2026-11-25"), None, None);
    check("думает неделю, муж", Doubt, Some("2026-11-29"), None, Some("муж"));
    check("думает ещё дней 5", Doubt, Some("2026-11-27"), None, None);
    check("думает до 3 часов", Doubt, None, None, Some("до 3 часов"));
    check("думает до пятого", Doubt, Some("2026-12-05"), None, None);
    check("думает до конца месяца", Doubt, Some("2026-11-30"), None, None);
    check("думает 2-3 дня", Doubt, None, None, Some("2-3 дня"));
    check("думает неделю, вернуться 25.11", Doubt, Some("2026-11-25"), None, Some("неделю, вернуться"));
    check("рассрочка на 6 месяцев", Instalment, None, None, Some("на 6 месяцев"));
    check("перезвонить четвёртого в 10", CallBack, Some("2026-12-04 10:00"), None, None);
    check("перезвонить после отпуска в 13", CallBack, None, None, Some("после отпуска в 13"));
    check("особые условия: скидка 10 %", SpecialTerms, None, None, Some("скидка 10 %"));
    check("отказ: цена, ждёт премию", Refusal, None, Some(Price), Some("ждёт премию"));
    check("Отказ, очень дорого", Refusal, None, Some(Price), Some("очень дорого"));
    check("отказ не сейчас", Refusal, None, Some(NotNow), None);
    check("отказ: без объяснений", Refusal, None, None, Some("без объяснений"));
    check("отказ (у конкурента, ближе к дому)", Refusal, None, Some(Competitor), Some("ближе к дому"));
    check("дубль", Duplicate, None, None, None);
    check("ошибка", Mistake, None, None, None);
    check("неверный номер", WrongNumber, None, None, None);
    check("оплачено", Paid, None, None, None);
    check("вернули", Returned, None, None, None);
    check("Остаётся, возьмёт другой поток", Stays, None, None, Some("возьмёт другой поток"));
    check("Дозвонился, ждёт счёт", Reached, None, None, Some("ждёт счёт"));
    check("не берёт трубку", NotReached, None, None, Some("трубку"));
    check("нет", NotReached, None, None, None);
    check("не дозвонился", NotReached, None, None, None);
}

#[test]
fn other_words_are_no_answer() {
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    for said in [
        "завтра в 8",
        "25.11",
        "сделано в 11",
        "",
        "  ",
        "самое важное сделано",
        "ок",
        "нетто 5 000",
        "сделано",
        "—",
    ] {
        check(one(Answers::default().from_result(said, &dates)), None, said);
    }
}

#[test]
fn a_schools_own_words_win() {
    let file = AnswersFile {
        words: BTreeMap::from([
            ("Дожать".to_owned(), AnswerKind::CallBack),
            ("думает".to_owned(), AnswerKind::LongCycle),
        ]),
        reasons: BTreeMap::from([("муж против".to_owned(), RefusalReason::Thinking)]),
        ..AnswersFile::default()
    };
    let answers = Answers::new(&file);
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let kind = |said: &str| one(answers.from_result(said, &dates)).map(|answer| answer.kind);
    assert_eq!(kind("дожать 24.11 11:00"), Some(AnswerKind::CallBack));
    assert_eq!(kind("Думает"), Some(AnswerKind::LongCycle));
    assert_eq!(kind("обещал 25.11"), Some(AnswerKind::Promise));
    let refusal = one(answers.from_result("отказ: муж против", &dates)).expect("an answer");
    assert_eq!((refusal.reason, refusal.why), (Some(RefusalReason::Thinking), None));
}

#[test]
fn a_leads_fields_give_answer_date_reason_and_why() {
    use AnswerKind::*;
    let file = AnswersFile {
        field: Some(501),
        date_field: Some(502),
        why_field: Some(503),
        reason_field: Some(504),
        ..AnswersFile::default()
    };
    let answers = Answers::new(&file);
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let check = |fields: &[(u64, &str)], expected: Option<Told>| {
        let value = |text: &str| FieldValue { value: text.to_owned(), choice: None };
        let fields: Vec<_> = fields.iter().map(|(id, text)| (*id, vec![value(text)])).collect();
        let answer = answers.from_field(&fields, &dates);
        assert!(answer.iter().all(|answer| answer.field == Some(501)), "the field is cleared after use");
        super::tests::check(answer, expected, &format!("{fields:?}"));
    };
    // 1795593600 is 2026-11-25 08:00 UTC, 1795554000 is midnight of that day in Moscow.
    check(&[(501, "Обещал оплатить"), (502, "1795554000")], Some((Promise, Some("2026-11-25"), None, None)));
    check(
        &[(501, "Перезвонить"), (502, "1795593600")],
        Some((CallBack, Some("2026-11-25 11:00"), None, None)),
    );
    check(
        &[(501, "Обещал оплатить"), (502, "25.11.2026"), (503, "после зарплаты")],
        Some((Promise, Some("2026-11-25"), None, Some("после зарплаты"))),
    );
    check(
        &[(501, "Перезвонить"), (502, "завтра в 11")],
        Some((CallBack, Some("2026-11-23 11:00"), None, None)),
    );
    check(
        &[(501, "Перезвонить"), (503, "в понедельник в 11, просил")],
        Some((CallBack, Some("2026-11-23 11:00"), None, Some("в понедельник в 11, просил"))),
    );
    check(&[(501, "Думает"), (503, "3 дня")], Some((Doubt, Some("2026-11-25"), None, Some("3 дня"))));
    check(&[(501, "Сам попробует оплатить")], Some((OwnTry, None, None, None)));
    check(
        &[(501, "Отказ"), (504, "Цена"), (503, "ждёт премию")],
        Some((Refusal, None, Some(RefusalReason::Price), Some("ждёт премию"))),
    );
    check(&[(501, "Отказ: не сейчас")], Some((Refusal, None, Some(RefusalReason::NotNow), None)));
    check(
        &[(501, "Отказ"), (503, "это дорого")],
        Some((Refusal, None, Some(RefusalReason::Price), Some("это дорого"))),
    );
    check(&[(501, "Отказ")], Some((Refusal, None, None, None)));
    check(
        &[(501, "Отказ"), (504, "Переехал"), (503, "в другой город")],
        Some((Refusal, None, None, Some("Переехал, в другой город"))),
    );
    check(&[(501, "")], None);
    super::tests::check(
        answers.from_field(&[(501, vec![FieldValue { value: "Прочее".to_owned(), choice: None }])], &dates),
        Some((Unclear, None, None, Some("Прочее"))),
        "a choice without a meaning",
    );
    check(&[(502, "1795593600")], None);
    check(&[], None);
}

/// F24: what destroys, sends or pays counts only if it is meant; the rest is asked.
#[test]
fn words_that_say_something_else_are_asked() {
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let kind = |said: &str| one(Answers::default().from_result(said, &dates));
    for said in [
        "ошибка при оплате картой",
        "ошибка на сайте, не может оплатить",
        "ошибка, не может оплатить",
        "ошибка: сайт завис",
        "ошибка?",
        "дубль страницы не открывается",
        "дубль, перезвонить завтра в 12",
        "неверный номер карты",
        "неверный номер договора, исправили",
        "неверный номер, не надо менять",
        "рассрочка не нужна",
        "рассрочку не одобрили",
        "рассрочка, не нужна",
        "оплачено не будет",
        "оплачено, нет",
        "оплатил другой курс",
        "возврат не нужен",
        "остались вопросы",
        "нет денег",
        "нет, не надо денег перезвонить не надо никогда",
        "перезвонить завтра в 12 не надо",
        "перезвонить завтра в 12, не надо",
        "перезвонить не надо",
        "обещал перезвонить сам завтра в 12",
        "обещал скидку до 5 декабря",
        "обещал подумать до 5 декабря",
        "обещал не платить до 5 декабря",
        "сам перезвонит завтра в 12",
        "думает не покупать",
        "особые условия не нужны",
        "долгая сделка не подходит",
        "отказ не окончательный",
        "отказ не принял",
        "отказ банка, думает",
        "отказался от звонка, думает",
        "отказ: цена, но потом согласился, перезвонить завтра в 12",
        "отказ: цена, но перезвонить завтра в 12",
    ] {
        let answer = kind(said).expect(said);
        let is_asked = answer.kind == AnswerKind::Unclear && answer.why.as_deref() == Some(said);
        assert!(is_asked, "{said}: {answer:?}");
    }
}

/// Of two answers that are offered, none is taken; which day or time is meant is for the dates.
#[test]
fn one_of_two_answers_is_asked() {
    use AnswerKind::*;
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    for said in [
        "перезвонить завтра или рассрочка",
        "перезвонить завтра в 12 или рассрочка",
        "обещал оплатить завтра, или перезвонить в среду",
        "отказ или перезвонить завтра",
        "думает 3 дня либо отказ",
    ] {
        let told = one(Answers::default().from_result(said, &dates));
        check(told, Some((Unclear, None, None, Some(said))), said);
    }
    for (said, at) in [
        ("перезвонить завтра в 12 или сам наберёт", Some("2026-11-23 12:00")),
        ("перезвонить завтра в 11, а лучше в 12", Some("2026-11-23 12:00")),
        ("перезвонить завтра в 11 и в 15", None),
        ("перезвонить пятница/понедельник", None),
        ("перезвонить перед занятием в 12", None),
        ("перезвонить во вторник в 12, сегодня не может", Some("2026-11-24 12:00")),
    ] {
        let told = one(Answers::default().from_result(said, &dates));
        let told = told.map(|answer| Answer { why: None, ..answer });
        check(told, Some((CallBack, at, None, None)), said);
    }
}

#[test]
fn what_goes_on_in_its_own_words_is_meant() {
    use AnswerKind::*;
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    for (said, kind) in [
        ("дубль заказа 12068", Duplicate),
        ("дубль, первый заказ в работе", Duplicate),
        ("ошибка", Mistake),
        ("по ошибке оформила", Mistake),
        ("ошибка, случайно нажала", Mistake),
        ("неверный номер телефона", WrongNumber),
        ("неверный номер: не тот номер", WrongNumber),
        ("оплатил 5 000 руб", Paid),
        ("оплатила вчера картой", Paid),
        ("оплачено, чек у клиента", Paid),
        ("рассрочка на 6 месяцев", Instalment),
        ("рассрочка 3 декабря", Instalment),
        ("рассрочку хочет, ждёт условия", Instalment),
        ("возврат сделан", Returned),
        ("вернули деньги 5 000 ₽", Returned),
        ("остаётся с нами", Stays),
        ("остаётся, возврат не нужен", Stays),
        ("обещал 5 000 руб 25.11", Promise),
        ("обещал в пятницу после зарплаты", Promise),
        ("обещал оплатить 25.11, раньше нет денег", Promise),
        ("обещала точно 25.11", Promise),
        ("обещал оплатить не позже 25.11", Promise),
        ("оплатит муж 25.11", Promise),
        ("сам оплатит 26.11", OwnTry),
        ("перезвонить не завтра, а во вторник в 12", CallBack),
        ("перезвонить завтра в 11, сейчас не может", CallBack),
        ("перезвонить завтра в 11, без вопросов", CallBack),
        ("отказ очень дорого не потянет", Refusal),
        ("отказ: цена, не потянет", Refusal),
        ("отказ из-за: цена", Refusal),
        ("отказ, переехал", Refusal),
        ("нет, не берёт", NotReached),
        ("не берёт трубку и не отвечает на письма", NotReached),
        ("не дозвонился, нет ответа", NotReached),
        ("дозвонился, ему не нужно", Reached),
    ] {
        let answer = one(Answers::default().from_result(said, &dates)).expect(said);
        assert_eq!(answer.kind, kind, "{said}: {answer:?}");
    }
    // What texts offer as examples, in any combination.
    for said in
        ["рассрочка; думает; особые условия; долгая сделка", "неверный номер; дубль; ошибка; оплачено"]
    {
        for part in said.split("; ") {
            let answer = one(Answers::default().from_result(part, &dates)).expect(part);
            assert_ne!(answer.kind, Unclear, "{part}");
        }
    }
}

/// F24, for every shipped phrase: with a negation beside it, before it or behind a date, nothing is done that was not
/// meant.
#[test]
fn a_negated_answer_never_acts() {
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let answers = Answers::default();
    let shipped: Vec<&str> = WORDS.iter().flat_map(|(_, all)| all.iter().copied()).collect();
    let negations = ["не", "нет", "без", "никогда", "Не надо", "не нужно", "не будет", "нельзя", "ни за что"];
    let dated = ["", " завтра в 12", " 25.11", " 5 000 руб", " картой", " на 6 месяцев"];
    let tails = ["", " никак", ", дорого", ", муж против"];
    for phrase in &shipped {
        for negation in negations {
            for date in dated {
                for tail in tails {
                    for said in [
                        format!("{phrase}{date} {negation}{tail}"),
                        format!("{phrase} {negation}{date}{tail}"),
                        format!("{negation} {phrase}{date}{tail}"),
                        format!("{phrase}{date}, {}{tail}", negation),
                    ] {
                        check_negated(&answers, &dates, &shipped, phrase, negation, &said);
                    }
                }
            }
        }
    }
}

fn check_negated(
    answers: &Answers,
    dates: &Reader,
    shipped: &[&str],
    phrase: &str,
    negation: &str,
    said: &str,
) {
    use AnswerKind::*;
    for answer in answers.from_result(said, dates) {
        let words = words_of(said).join(" ");
        // «Не» and «дозвонился» are «не дозвонился».
        let longer = shipped.iter().any(|known| {
            known.len() > phrase.len()
                && words.starts_with(&words_of(known).join(" "))
                && known.contains(negation)
        });
        // Without a date or a reason a call, a payment and a refusal are asked about anyway.
        let asked = match answer.kind {
            Unclear | Reached | NotReached => true,
            CallBack | Promise | OwnTry => answer.at.is_none(),
            Refusal => answer.reason.is_none() || said.contains(", "),
            Doubt | LongCycle | SpecialTerms | Stays => said.contains(", "),
            _ => false,
        };
        // Behind a mark a negation may be the reason: «без вопросов»; «не надо» takes the answer back.
        let refuses = matches!(negation, "Не надо" | "не нужно" | "не будет" | "никогда");
        let explained = said.contains(", ") && answer.at.is_some() && !refuses;
        assert!(asked || longer || explained, "{said}: {answer:?}");
    }
}

/// F24: a time that is named beside the outcome of an attempt is an agreement.
#[test]
fn an_outcome_and_what_was_agreed_are_two_answers() {
    use AnswerKind::*;
    let calendar = Calendar::default();
    let dates = sunday_noon(&calendar);
    let told = |said: &str| -> Vec<(AnswerKind, Option<String>)> {
        let local = |at: At| at.with_timezone(&MOSCOW).format("%d.%m %H:%M").to_string();
        let all = Answers::default().from_result(said, &dates);
        all.into_iter().map(|answer| (answer.kind, answer.at.map(local))).collect()
    };
    for (said, first, second, at) in [
        ("недоступен, перезвонить завтра в 12", NotReached, CallBack, "23.11 12:00"),
        ("недоступен перезвонить завтра в 12", NotReached, CallBack, "23.11 12:00"),
        ("нет, перезвонить завтра в 12", NotReached, CallBack, "23.11 12:00"),
        ("не берёт трубку, завтра в 12", NotReached, CallBack, "23.11 12:00"),
        ("занято, через час", NotReached, CallBack, "22.11 13:00"),
        ("занято - через час", NotReached, CallBack, "22.11 13:00"),
        ("не дозвонился, перезвонить завтра", NotReached, CallBack, "23.11 00:00"),
        ("дозвонилась, обещал завтра", Reached, Promise, "23.11 00:00"),
        ("поговорили. Думает до 25.11", Reached, Doubt, "25.11 00:00"),
    ] {
        assert_eq!(told(said), [(first, None), (second, Some(at.to_owned()))], "{said}");
    }
    for said in [
        "не дозвонился в 11",
        "не дозвонился, в 11",
        "не берёт трубку",
        "недоступен, перезвонить не надо завтра в 12",
    ] {
        assert_eq!(told(said).len(), 1, "{said}");
    }
    assert_eq!(
        Answers::default().from_result("поговорили, отказ: цена, ждёт премию", &dates)[1].kind,
        Refusal
    );
}

#[test]
fn a_stage_is_an_answer_only_where_it_is_mapped() {
    let file = AnswersFile {
        stages: BTreeMap::from([("66104110".to_owned(), AnswerKind::Promise)]),
        ..AnswersFile::default()
    };
    let answers = Answers::new(&file);
    assert_eq!(answers.from_stage(66104110).map(|answer| answer.kind), Some(AnswerKind::Promise));
    assert_eq!(answers.from_stage(142), None);
}

#[test]
fn every_answer_has_shipped_words() {
    let said: Vec<AnswerKind> = WORDS.iter().map(|(kind, _)| *kind).collect();
    // One per variant of the enum; a new one without words fails here when it is added to the list.
    assert_eq!(said.len(), 16);
}
