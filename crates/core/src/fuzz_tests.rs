//! Invented texts for everything in the core that reads texts: dates, numbers, conditions, templates. Nothing may
//! panic. `PROPTEST_CASES=100000 cargo test -p dozvon-core fuzz` looks longer.

use chrono::TimeZone;
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::message::condition::{self, Condition, Facts};
use crate::message::library::{Library, TextFile};
use crate::process::Phone;
use crate::process::calendar::Calendar;
use crate::process::dates::Reader;
use crate::process::hours::TimeOfDay;

/// What people write into tasks, with what they never write.
const WORDS: [&str; 52] = [
    "завтра",
    "послезавтра",
    "сегодня",
    "в",
    "на",
    "до",
    "после",
    "через",
    "утром",
    "вечером",
    "понедельник",
    "следующий",
    "пятницу",
    "месяц",
    "неделю",
    "2",
    "31",
    "30",
    "29",
    "февраля",
    "11:00",
    "25:61",
    "8",
    "час",
    "31.02",
    "0",
    "99999999999",
    "2026",
    "9999-12-31",
    "праздников",
    "пятого",
    "двадцать",
    "полтора",
    "часа",
    "минут",
    "без",
    "половине",
    "четверть",
    "конце",
    "недели",
    "дня",
    "1:30",
    "+7",
    "903",
    "доб.",
    "(",
    ")",
    "-",
    "/",
    ".",
    "\u{a0}",
    "🙂",
];

/// What stands in templates and conditions.
const PARTS: [&str; 36] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "if",
    "endif",
    "for",
    "in",
    "endfor",
    "else",
    "client.name",
    "order",
    "order.source",
    ".",
    "|",
    "plural(",
    "'один', 'два', 'пять'",
    ")",
    "(",
    "[",
    "]",
    "==",
    "<",
    "and",
    "not",
    "offer",
    "cost_sum",
    "'a'",
    "1",
    "-1",
    "9999999999999999999",
    "0.5",
    "~",
    "*",
    "x",
    "\n",
];

fn joined(words: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    vec((select(words), select(vec![" ", "", " "])), 0..most)
        .prop_map(|words| words.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
}

fn clock(text: &str) -> TimeOfDay {
    serde_json::from_value(text.into()).expect("a time")
}

proptest! {
    #[test]
    fn texts_of_people_are_read_or_not(
        words in joined(&WORDS, 24),
        other in "\\PC{0,60}",
        at in -2_000_000_000_i64..8_000_000_000,
        zone in select(vec![Tz::Europe__Moscow, Tz::Asia__Kamchatka, Tz::America__New_York, Tz::Pacific__Apia]),
    ) {
        let calendar = Calendar::default();
        let (morning, evening) = (clock("10:00"), clock("18:00"));
        let now = zone.timestamp_opt(at, 0).single().expect("an instant");
        let reader = Reader { now, calendar: &calendar, morning, evening };
        for text in [words, other] {
            for found in reader.read(&text) {
                prop_assert!(text.get(found.range).is_some());
            }
            let _ = (reader.meant(&text), reader.wrong(&text), reader.says_time(&text));
            let _ = (reader.term(&text), reader.wrong_first(&text), reader.wrong_return(&text));
            let phone = Phone::parse(&text);
            prop_assert!(phone.e164.is_none_or(|number| number.len() <= 16));
            let _ = Phone::of_line(&text);
        }
    }

    #[test]
    fn conditions_are_read_or_faulted(when in joined(&PARTS, 16), other in "\\PC{0,40}") {
        for text in [when, other] {
            let condition = Condition::new(&*text);
            let _ = condition.holds(&Facts::default());
            let _ = condition::number(&text, Some(24_900.0));
            let _ = condition::needed(&text);
            let _ = condition.always();
            let _ = (condition::faults(&text), condition::price_faults(&text));
        }
    }
}

proptest! {
    // A library is checked as a whole: milliseconds each.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn templates_are_checked_before_they_are_rendered(body in joined(&PARTS, 20), which: prop::sample::Index) {
        let shipped = Library::shipped();
        let texts: Vec<(&str, &str)> = shipped.texts().map(|(name, text)| (name, &*text.source)).collect();
        let (name, source) = *which.get(&texts);
        let file = format!("texts/{name}.txt");
        let source = format!("{source}\n{body}");
        let own = TextFile { name: name.to_owned(), file, source };
        let (library, problems) = Library::checked(&[own]);
        let _ = (library.check_inline(&body), library.variables_of(&body), problems.len());
    }
}
