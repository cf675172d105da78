//! Dates as managers write them, and properties: what we write is read back, and nothing else is a date.

use chrono::{TimeDelta, TimeZone};
use proptest::prelude::*;

use super::*;
use crate::process::calendar::{say_date, say_day, say_on, say_time};

mod choice;
mod words;

const MOSCOW: Tz = chrono_tz::Europe::Moscow;

fn local(text: &str) -> DateTime<Tz> {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time");
    MOSCOW.from_local_datetime(&time).single().expect("one instant")
}

fn reader<'a>(now: DateTime<Tz>, calendar: &'a Calendar) -> Reader<'a> {
    let clock = |hour: u16| TimeOfDay { minute: hour * 60 };
    Reader { now, calendar, morning: clock(10), evening: clock(18) }
}

/// `2026-11-24`, `2026-11-24 11:00`, `~2026-11-24 11:00` for a time without a day, `?`.
fn shown(named: Named) -> String {
    let at = |at: At| at.with_timezone(&MOSCOW).format("%Y-%m-%d %H:%M").to_string();
    match named {
        Named::Day(day) => day.to_string(),
        Named::Time(time) => at(time),
        Named::Clock(time) => format!("~{}", at(time)),
        Named::Unclear => "?".to_owned(),
    }
}

#[track_caller]
fn check_at(now: &str, rows: &[(&str, &[&str])]) {
    let calendar = Calendar::default();
    let reader = reader(local(now), &calendar);
    for (text, expected) in rows {
        let found: Vec<String> = reader.read(text).into_iter().map(|found| shown(found.named)).collect();
        assert_eq!(found, *expected, "{now}: {text}");
    }
}

/// Friday noon.
#[track_caller]
fn check(rows: &[(&str, &[&str])]) {
    check_at("2026-11-27 12:00", rows);
}

#[test]
fn days_by_name() {
    check(&[
        ("сегодня", &["2026-11-27"]),
        ("перезвонить завтра", &["2026-11-28"]),
        ("Послезавтра, не раньше", &["2026-11-29"]),
        ("в понедельник", &["2026-11-30"]),
        ("до четверга", &["2026-12-03"]),
        ("в пятницу", &["2026-12-04"]),
        ("в следующий вторник", &["2026-12-01"]),
        ("в следующее воскресенье", &["2026-12-06"]),
        ("в эту субботу", &["2026-11-28"]),
        ("пн в 11:00", &["2026-11-30 11:00"]),
        ("после пятницы", &["?"]),
        ("не завтра", &[]),
        ("в понедельник 30 ноября", &["2026-11-30"]),
        ("в понедельник 7 декабря в 11", &["2026-12-07 11:00"]),
        ("во вторник 30 ноября", &["?"]),
    ]);
}

#[test]
fn todays_weekday_means_in_a_week_unless_a_later_time_stands_with_it() {
    check(&[
        ("в пятницу вечером", &["2026-12-04 18:00"]),
        ("сегодня, в пятницу, вечером", &["2026-11-27 18:00"]),
        ("в пятницу в 18:00", &["2026-11-27 18:00"]),
        ("в пятницу в 11:00", &["2026-12-04 11:00"]),
    ]);
}

#[test]
fn days_by_number() {
    check(&[
        ("30 ноября", &["2026-11-30"]),
        ("30.11", &["2026-11-30"]),
        ("30.11.2026", &["2026-11-30"]),
        ("30.11.26.", &["2026-11-30"]),
        ("2026-11-30", &["2026-11-30"]),
        ("30/11/2026", &["2026-11-30"]),
        ("1 декабря 2026 года, в 9:30", &["2026-12-01 09:30"]),
        ("до 30-го", &["2026-11-30"]),
        ("5 числа", &["2026-12-05"]),
        ("тридцатого ноября", &["2026-11-30"]),
        ("тридцать первого декабря", &["2026-12-31"]),
        ("10 января", &["2027-01-10"]),
        ("10.01 в 10", &["2027-01-10 10:00"]),
        ("31 числа", &["2026-12-31"]),
        ("29.02", &["?"]),
        ("31.02 11:00", &["?"]),
        ("обсуждали 20.11", &[]),
        ("20.11 11:00", &[]),
        ("24.11 или 1.12", &["2026-12-01"]),
        ("1.12, 2.12", &["?"]),
        ("в начале месяца", &["2026-12-03"]),
        ("в середине декабря", &["2026-12-15"]),
        ("в конце месяца", &["2026-11-27"]),
        ("в конце декабря", &["2026-12-28"]),
    ]);
}

#[test]
fn spans_ahead() {
    check(&[
        ("через 2 дня", &["2026-11-29"]),
        ("через два дня в 11", &["2026-11-29 11:00"]),
        ("через неделю", &["2026-12-04"]),
        ("через 2 недели, утром", &["2026-12-11 10:00"]),
        ("через месяц", &["2026-12-27"]),
        ("через пару дней", &["2026-11-29"]),
        ("через 2 рабочих дня", &["2026-12-01"]),
        ("через час", &["2026-11-27 13:00"]),
        ("через 2 часа", &["2026-11-27 14:00"]),
        ("через полчаса", &["2026-11-27 12:30"]),
        ("через полтора часа", &["2026-11-27 13:30"]),
        ("через 20 минут", &["2026-11-27 12:20"]),
        ("через день", &["?"]),
        ("через 100000 дней", &[]),
        ("через 999 дней", &["?"]),
        ("через администратора", &[]),
    ]);
}

#[test]
fn times_of_day() {
    check(&[
        ("завтра в 11", &["2026-11-28 11:00"]),
        ("завтра в 11 просит после работы", &["2026-11-28 11:00"]),
        ("в 11 завтра", &["2026-11-28 11:00"]),
        ("завтра, в 11:30", &["2026-11-28 11:30"]),
        ("завтра в 11.30", &["2026-11-28 11:30"]),
        ("завтра в 11-30", &["2026-11-28 11:30"]),
        ("завтра в 11 30", &["2026-11-28 11:30"]),
        ("в 11 30 ноября", &["2026-11-30 11:00"]),
        ("завтра в 11 часов", &["2026-11-28 11:00"]),
        ("завтра 15 ч 30 мин", &["2026-11-28 15:30"]),
        ("завтра в три", &["2026-11-28 15:00"]),
        ("завтра к трём", &["2026-11-28 15:00"]),
        ("завтра в час", &["2026-11-28 13:00"]),
        ("завтра в 5", &["2026-11-28 17:00"]),
        ("завтра в 8", &["?"]),
        ("завтра в 8 утра", &["2026-11-28 08:00"]),
        ("завтра в 8 вечера", &["2026-11-28 20:00"]),
        ("завтра вечером в 8", &["2026-11-28 20:00"]),
        ("завтра в 08:30", &["2026-11-28 08:30"]),
        ("завтра утром", &["2026-11-28 10:00"]),
        ("завтра с утра", &["2026-11-28 10:00"]),
        ("завтра днём", &["2026-11-28 14:00"]),
        ("в понедельник вечером", &["2026-11-30 18:00"]),
        ("завтра после обеда", &["2026-11-28 14:00"]),
        ("завтра до обеда", &["2026-11-28 10:00"]),
        ("завтра в обед", &["2026-11-28 13:00"]),
        ("завтра ночью", &["?"]),
        // The night before tomorrow, or the one behind it.
        ("завтра в 12 ночи", &["?"]),
        ("завтра в час ночи", &["?"]),
        ("завтра ночью в 2", &["?"]),
        ("в 12 ночи", &["?"]),
        ("завтра в 23 ночи", &["2026-11-28 23:00"]),
        ("завтра в 00:30", &["2026-11-28 00:30"]),
        ("завтра после 18:00", &["2026-11-28 18:00"]),
        ("завтра с 11 до 12", &["2026-11-28 11:00"]),
        ("завтра 11:00–12:00", &["2026-11-28 11:00"]),
        ("завтра до 18:00", &["?"]),
        ("15:00", &["~2026-11-27 15:00"]),
        ("в 11:00", &["~2026-11-28 11:00"]),
        ("вечером", &["~2026-11-27 18:00"]),
        ("утром", &["~2026-11-28 10:00"]),
        ("в 7 вечера", &["~2026-11-27 19:00"]),
        ("завтра в 25:00", &["?"]),
        ("24.11 в 11:00, потом 30.11 в 12:00", &["2026-11-30 12:00"]),
    ]);
}

#[test]
fn after_the_holidays() {
    check_at(
        "2026-12-21 12:00",
        &[
            ("после праздников", &["2027-01-11"]),
            ("после нового года", &["2027-01-11"]),
            ("после майских", &["2027-05-04"]),
            ("после праздников, 20 января", &["2027-01-20"]),
            ("после праздников в 11", &["2027-01-11 11:00"]),
        ],
    );
    check_at("2027-02-09 12:00", &[("после праздников", &["2027-02-24"])]);
    check_at("2027-01-04 12:00", &[("после праздников", &["2027-01-11"])]);
}

#[test]
fn numbers_that_are_no_dates() {
    check(&[
        ("звонил 20.11, тел. 9005550101", &[]),
        ("8-903-555-01-27", &[]),
        ("+7 903 555-01-27", &[]),
        ("тел 8 903 555 01 27, доб 12", &[]),
        ("2.5 тысячи", &[]),
        ("внесёт 10.12 тыс", &[]),
        ("скидка 10.12 %", &[]),
        ("38 500 ₽", &[]),
        ("в 3 раза дороже", &[]),
        ("на 2 человека", &[]),
        ("сын в 5 классе", &[]),
        ("до 5 тысяч", &[]),
        ("24/7", &[]),
        ("заказ № 12.10", &[]),
        ("в рассрочку на 6 месяцев", &[]),
        ("сравнивает с 2 другими школами", &[]),
        ("часто звонит", &[]),
        ("третьего заказа нет", &[]),
    ]);
}

/// F24: Monday, 12:20. A day that is not understood never becomes today.
#[test]
fn a_number_beside_a_time_is_read_or_asked_about() {
    check_at(
        "2026-11-30 12:20",
        &[
            ("перезвонить 5/12 15:00", &["2026-12-05 15:00"]),
            ("перезвонить 5.12 к 15:00", &["2026-12-05 15:00"]),
            ("перезвонить 5/12 к трём", &["2026-12-05 15:00"]),
            ("перезвонить 5/12 в 15", &["2026-12-05 15:00"]),
            ("15:00 5/12", &["2026-12-05 15:00"]),
            ("5.1 15:00", &["2027-01-05 15:00"]),
            ("2026/12/05 15:00", &["2026-12-05 15:00"]),
            ("2026.12.05 15:00", &["2026-12-05 15:00"]),
            ("05-12-2026 15:00", &["2026-12-05 15:00"]),
            // The nearer day would be the fifth of December.
            ("12/05 15:00", &["?"]),
            ("перезвонить 5-12 15:00", &["?"]),
            ("перезвонить 5,12 15:00", &["?"]),
            ("перезвонить 05122026 15:00", &["?"]),
            ("перезвонить 5 12 15:00", &["?"]),
            ("перезвонить 5 в 15:00", &["?"]),
            ("перезвонить 5 вечером", &["?"]),
            ("15:00 5-12", &["?"]),
            ("15:00, 5", &["?"]),
            ("завтра 5,12 15:00", &["?", "?"]),
            ("в пятницу 5/12", &["?"]),
            ("5 дкабря 15:00", &["?"]),
            ("завтрв в 15:00", &["?"]),
            ("5 или 6 декабря", &["?"]),
            ("5, 6 декабря", &["?"]),
            ("в 15 или 16 часов", &["?"]),
            ("обещал 5/12", &[]),
            ("работает 24/7", &[]),
            ("завтра в 11, на связи 24/7", &["2026-12-01 11:00"]),
            ("на 8 903 555-01-27 в 15:00", &["~2026-11-30 15:00"]),
            ("в 15:00 на +79035550127", &["~2026-11-30 15:00"]),
            ("внесёт 5000 ₽ в 15:00", &["~2026-11-30 15:00"]),
            ("в 15:00, 2 модуля", &["~2026-11-30 15:00"]),
            ("заказ № 1201, в 15:00", &["~2026-11-30 15:00"]),
            ("Осталось 2. В 15:00", &["~2026-11-30 15:00"]),
        ],
    );
}

#[test]
fn days_as_they_are_said() {
    check_at(
        "2026-11-30 12:20",
        &[
            ("к 5му", &["2026-12-05"]),
            ("к 5-му числу", &["2026-12-05"]),
            ("до 5ого", &["2026-12-05"]),
            ("5-е", &["2026-12-05"]),
            ("к 5", &["?"]),
            ("к 17", &["?"]),
            ("после 18", &["?"]),
            ("с 5 по 10", &[]),
            ("на 5", &["?"]),
            ("завтра к 5", &["2026-12-01 17:00"]),
            ("к 5 завтра", &["2026-12-01 17:00"]),
            ("к 5 вечера", &["~2026-11-30 17:00"]),
            ("к пяти", &["~2026-11-30 17:00"]),
            ("в 5", &["~2026-11-30 17:00"]),
            ("до 2-го урока", &[]),
            ("5 дек. 15:00", &["2026-12-05 15:00"]),
            ("пт. в 11", &["2026-12-04 11:00"]),
            ("5 декабря 2026 г. в 11:00", &["2026-12-05 11:00"]),
            ("Думает до 5 дек. Завтра в 11", &["2026-12-05", "2026-12-01 11:00"]),
            ("3 декабря 15-00", &["2026-12-03 15:00"]),
            ("завтра 15.30", &["2026-12-01 15:30"]),
            ("завтра 10-12", &["2026-12-01"]),
            ("в прошлую пятницу", &[]),
            ("на прошлой неделе в пятницу", &[]),
            ("в ту пятницу", &["?"]),
            ("в пятницу следующей недели", &["2026-12-11"]),
            ("5 числа следующего месяца", &["2026-12-05"]),
            ("30 числа этого месяца", &["2026-11-30"]),
            ("30 числа следующего месяца", &["2026-12-30"]),
            ("5 декабря следующего года", &["2027-12-05"]),
        ],
    );
}

#[test]
fn of_two_dates_the_one_of_return_is_meant() {
    let calendar = Calendar::default();
    let reader = reader(local("2026-11-27 12:00"), &calendar);
    let meant = |text: &str| reader.meant(text).map(|found| shown(found.named));
    assert_eq!(meant("5 декабря уезжает, вернуться 30 ноября"), Some("2026-11-30".to_owned()));
    assert_eq!(meant("думает"), None);
}

#[test]
fn the_phrase_is_found_where_it_stands() {
    let calendar = Calendar::default();
    let text = "Просит: Завтра, в 11 — после работы";
    let found = reader(local("2026-11-27 12:00"), &calendar).meant(text).expect("a date");
    assert_eq!(&text[found.range], "Завтра, в 11");
}

const FILLERS: &[&str] = &[
    "перезвонить",
    "клиент",
    "просит",
    "думает",
    "до",
    "после",
    "работы",
    "в",
    "отпуске",
    "смета",
    "муж",
    "школа",
    "курс",
    "дизайн",
    "оплатит",
    "сама",
    "через",
    "сайт",
    "карта",
    "не",
    "проходит",
    "банк",
    "и",
    "на",
];

#[test]
fn what_is_wrong_with_a_date_is_told() {
    let calendar = Calendar::default();
    let reader = reader(local("2026-11-27 12:00"), &calendar);
    for (text, wrong) in [
        ("31.02", Some(Wrong::NoSuchDay)),
        ("31 февраля в 11", Some(Wrong::NoSuchDay)),
        ("вчера", Some(Wrong::DayIsPast)),
        ("20.11 11:00", Some(Wrong::DayIsPast)),
        ("сегодня в 11", Some(Wrong::TimeIsPast)),
        ("27.11 11:00", Some(Wrong::TimeIsPast)),
        ("сегодня", None),
        ("завтра в 8", None),
        ("после работы", None),
        ("", None),
    ] {
        assert_eq!(reader.wrong(text), wrong, "{text}");
    }
    assert_eq!(reader.read("вчера в 13 не взял"), Vec::new());
    assert_eq!(reader.wrong("1 июня"), Some(Wrong::DayIsLongPast));
    for (text, wrong) in [
        ("до 1 июня", Some(Wrong::DayIsLongPast)),
        ("до 1 июня 2026", Some(Wrong::DayIsPast)),
        ("31.02, потом отпуск", Some(Wrong::NoSuchDay)),
        ("вчера", Some(Wrong::DayIsPast)),
        ("на следующей неделе", Some(Wrong::Unclear)),
        // Words about the past are no date of return.
        ("вчера ещё хотел", None),
        ("обсуждали 20.11", None),
        ("до 14.12", None),
        ("дорого", None),
        ("", None),
    ] {
        assert_eq!(reader.wrong_first(text), wrong, "{text}");
    }
    assert_eq!(reader.read("на следующей неделе в четверг").len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Every date that a text of ours contains is read back to the same moment.
    #[test]
    fn what_we_write_is_read_back(
        start in 1_795_000_000_i64..1_890_000_000,
        ahead in 1_i64..500 * 1440,
        words in prop::sample::subsequence(FILLERS, 0..4),
    ) {
        let now = At::from_timestamp(start, 0).expect("in range").with_timezone(&MOSCOW);
        let at = (now + TimeDelta::minutes(ahead)).to_utc();
        let at = at - TimeDelta::seconds(at.timestamp().rem_euclid(60));
        prop_assume!(at > now);
        let calendar = Calendar::default();
        let reader = reader(now, &calendar);
        let day = at.with_timezone(&MOSCOW).date_naive();
        let clock = at.with_timezone(&MOSCOW).format("%H:%M").to_string();
        let text = words.join(" ");
        let written = now.to_utc();
        let mut cases = vec![
            (say_time(at, MOSCOW, written), Named::Time(at)),
            (say_on(at, MOSCOW, written), Named::Time(at)),
            (format!("{} в {clock}", say_day(at, MOSCOW, written)), Named::Time(at)),
            (format!("{} {clock}", day.format("%d.%m.%Y")), Named::Time(at)),
            (say_date(day, now.date_naive()), Named::Day(day)),
        ];
        // What people type without a year.
        if ahead < 180 * 1440 {
            cases.push((format!("{} {clock}", day.format("%d.%m")), Named::Time(at)));
            cases.push((day.format("%d.%m").to_string(), Named::Day(day)));
        }
        for (written, expected) in cases {
            let text = format!("{text}: {written}. {text}");
            let found = reader.read(&text);
            prop_assert_eq!(found.len(), 1, "{}", text);
            prop_assert_eq!(found[0].named, expected, "{}", text);
        }
    }

    /// Nothing is read from words and numbers that are no dates, however they stand together.
    #[test]
    fn other_words_are_no_dates(words in prop::collection::vec(prop::sample::select(FILLERS), 0..12)) {
        let calendar = Calendar::default();
        let found = reader(local("2026-11-27 12:00"), &calendar).read(&words.join(" "));
        prop_assert_eq!(found, Vec::new());
    }

    /// F24: whatever number stands beside a time without a day, the time is not believed to be today's.
    #[test]
    fn a_number_that_is_not_read_is_no_time_of_today(
        number in "[0-9]{1,8}([.,/ -][0-9]{1,4}){0,2}",
        clock in prop::sample::select(vec!["15:00", "в 15", "в 15:00", "к 3 часам", "вечером", "в 5", "к трём"]),
        between in prop::sample::select(vec![" ", ", ", " - ", " в ", " примерно "]),
        is_first in any::<bool>(),
    ) {
        let digits = number.chars().filter(char::is_ascii_digit).count();
        prop_assume!(digits < 10);
        let calendar = Calendar::default();
        let now = local("2026-11-30 12:20");
        let text = match is_first {
            true => format!("перезвонить {number}{between}{clock}"),
            false => format!("перезвонить {clock}{between}{number}"),
        };
        for found in reader(now, &calendar).read(&text) {
            let is_whole = number.chars().all(|c| c.is_ascii_digit() || " -.,/".contains(c))
                && text[found.range.clone()].contains(number.as_str());
            prop_assert!(is_whole || !matches!(found.named, Named::Clock(_)), "{}: {:?}", text, found);
        }
    }

    /// Any text is read without a panic, and what is found lies inside it, in order, in the future.
    #[test]
    fn any_text_is_read(text in "([а-яё]{1,9}|[0-9]{1,4}|[.:,/ -]|завтра|в|к|через|после|до|\\PC){0,30}") {
        let calendar = Calendar::default();
        let now = local("2026-11-27 12:00");
        let mut end = 0;
        for found in reader(now, &calendar).read(&text) {
            prop_assert!(text.get(found.range.clone()).is_some() && found.range.start >= end);
            end = found.range.end;
            match found.named {
                Named::Day(day) => prop_assert!(day >= now.date_naive()),
                Named::Time(at) | Named::Clock(at) => prop_assert!(at > now),
                Named::Unclear => {}
            }
        }
    }
}
