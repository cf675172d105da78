//! Thousands of typed forms: a whole number in any noise is read as exactly that number, and no number is made
//! that was not typed. Never asserts what a form should look like. Enter at [`a_typed_number_is_read_as_itself`].

use super::*;
use proptest::prelude::*;
use proptest::sample::select;

/// A number as its owner knows it.
#[derive(Debug, Clone)]
struct Real {
    e164: String,
    /// Ways to write it before a separator is chosen: groups of digits.
    forms: Vec<Vec<String>>,
}

fn groups(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// Three digits and four, which make no fake.
fn line() -> impl Strategy<Value = (String, String, String)> {
    (200u32..999, 0u32..99, 0u32..99)
        .prop_map(|(a, b, c)| (a.to_string(), format!("{b:02}"), format!("{c:02}")))
}

fn russian() -> impl Strategy<Value = Real> {
    let areas = select(vec![
        "903", "916", "999", "926", "495", "499", "812", "343", "843", "846", "391", "865", "978",
    ]);
    (areas, line()).prop_map(|(area, (a, b, c))| Real {
        e164: format!("+7{area}{a}{b}{c}"),
        forms: vec![
            groups(&["8", area, &a, &b, &c]),
            groups(&["+7", area, &a, &b, &c]),
            groups(&["7", area, &a, &b, &c]),
            groups(&[area, &a, &b, &c]),
            groups(&["8", area, &format!("{a}{b}{c}")]),
            groups(&["+7", area, &format!("{a}{b}"), &c]),
            groups(&["+7", "8", area, &a, &b, &c]),
            groups(&[&format!("8{area}{a}{b}{c}")]),
            groups(&[&format!("+7{area}{a}{b}{c}")]),
            groups(&["8", "10", "7", area, &a, &b, &c]),
        ],
    })
}

fn kazakh() -> impl Strategy<Value = Real> {
    (select(vec!["700", "701", "705", "707", "747", "771", "775", "777", "727", "717"]), line()).prop_map(
        |(area, (a, b, c))| Real {
            e164: format!("+7{area}{a}{b}{c}"),
            forms: vec![
                groups(&["8", area, &a, &b, &c]),
                groups(&["+7", area, &a, &b, &c]),
                groups(&[&format!("8{area}{a}{b}{c}")]),
                groups(&["+7", &format!("{area}{a}{b}{c}")]),
            ],
        },
    )
}

fn belarusian() -> impl Strategy<Value = Real> {
    (select(vec!["25", "29"]), line()).prop_map(|(code, (a, b, c))| Real {
        e164: format!("+375{code}{a}{b}{c}"),
        forms: vec![
            groups(&["+375", code, &a, &b, &c]),
            groups(&["80", code, &a, &b, &c]),
            groups(&["8", &format!("0{code}"), &a, &b, &c]),
            groups(&[&format!("+375{code}{a}{b}{c}")]),
            groups(&["8", "10", "375", code, &a, &b, &c]),
            groups(&["00375", code, &a, &b, &c]),
        ],
    })
}

fn real() -> impl Strategy<Value = Real> {
    prop_oneof![4 => russian(), 1 => kazakh(), 1 => belarusian()]
        .prop_filter("no fake", |real| !plan::is_fake(&real.e164[2..]))
}

/// One way to type it: groups, the marks between them, brackets around the code.
fn typed() -> impl Strategy<Value = (String, String)> {
    let mark = select(vec![" ", "-", "\u{a0}", " - ", "\u{2013}", ".", "\u{202f}", "\u{2011}"]);
    (real(), any::<prop::sample::Index>(), mark, any::<bool>()).prop_map(|(real, form, mark, bracket)| {
        let groups = form.get(&real.forms);
        let whole = if bracket && groups.len() > 2 {
            format!("{} ({}) {}", groups[0], groups[1], groups[2..].join(mark))
        } else {
            groups.join(mark)
        };
        (real.e164, whole)
    })
}

/// What people write beside a number.
const NOISE: &[&str] = &[
    "после 18:00",
    "до 20",
    "с 10 до 18",
    "звонить с 9:00 до 21:00",
    "кв. 12",
    "кв 5",
    "2-й этаж",
    "комн. 214",
    "ватсап",
    "WhatsApp",
    "tg @anna_2",
    "телеграм",
    "вайбер",
    "Мария",
    "Анна Петровна",
    "мама",
    "рабочий",
    "anna12@example.ru",
    "не звонить в выходные",
    "ул. Лесная, 7",
    "дом 3 корп. 2",
    "мск +3",
    "Москва",
];

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The digits of a text, in its order, full-width ones too.
fn digits(text: &str) -> String {
    text.chars().filter_map(|c| c.to_digit(10)).filter_map(|digit| char::from_digit(digit, 10)).collect()
}

/// The national digits stand in the text as they are, nothing added, left out or moved.
fn was_typed(e164: &str, raw: &str) -> bool {
    let national = e164.strip_prefix("+7").or_else(|| e164.strip_prefix("+375"));
    digits(raw).contains(national.unwrap_or(&e164[1..]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_typed_number_is_read_as_itself((e164, whole) in typed()) {
        let phone = Phone::parse(&whole);
        prop_assert_eq!((phone.e164, phone.words, phone.second), (Some(e164), None, None), "{:?}", whole);
    }

    #[test]
    fn noise_around_it_changes_nothing_and_is_kept(
        (e164, whole) in typed(),
        noise in select(NOISE),
        mark in select(vec![" ", ", ", "; ", " / ", "\n", " - "]),
        place in 0..3,
    ) {
        let raw = match place {
            0 => format!("{whole}{mark}{noise}"),
            1 => format!("{whole} ({noise})"),
            _ => format!("{noise}, {whole}"),
        };
        let phone = Phone::parse(&raw);
        prop_assert_eq!((&phone.e164, &phone.second), (&Some(e164), &None), "{:?}", raw);
        prop_assert_eq!(phone.extension, None, "{:?}", raw);
        let words = phone.words.unwrap_or_default();
        prop_assert_eq!(letters(&words), letters(noise), "{:?} keeps {:?}", raw, words);
    }

    #[test]
    fn of_two_numbers_both_are_read(
        (one, first) in typed(),
        (two, second) in typed(),
        mark in select(vec![", ", "; ", "\n", " или ", " | "]),
    ) {
        let raw = format!("{first}{mark}{second}");
        let phone = Phone::parse(&raw);
        let other = Some(two).filter(|two| *two != one);
        prop_assert_eq!((phone.e164, phone.second), (Some(one), other), "{:?}", raw);
    }

    #[test]
    fn an_extension_is_read_behind_its_word(
        (e164, whole) in typed(),
        word in select(vec![" доб. ", ", доб.", " (доб ", " доп. ", " вн. ", " внутр. ", " ext ", "x", " #"]),
        extension in "[1-9][0-9]{0,5}",
    ) {
        let raw = format!("{whole}{word}{extension}");
        let phone = Phone::parse(&raw);
        prop_assert_eq!((phone.e164, phone.extension), (Some(e164), Some(extension)), "{:?}", raw);
    }

    #[test]
    fn a_number_with_a_digit_lost_or_doubled_is_not_read(
        (_, whole) in typed(),
        last in 0usize..7,
        doubled in any::<bool>(),
    ) {
        let places = whole.char_indices().filter(|(_, c)| c.is_ascii_digit());
        let place = places.map(|(at, _)| at).rev().nth(last).expect("a number has more digits");
        let mut raw = whole;
        match doubled {
            true => raw.insert(place, char::from(raw.as_bytes()[place])),
            false => drop(raw.remove(place)),
        }
        prop_assert_eq!(Phone::parse(&raw).e164, None, "{:?}", raw);
    }

    #[test]
    fn never_a_number_that_was_not_typed(raw in "[+ 0-9()а-яёa-z@,;:/.#*E№'\u{a0}\u{2013}-]{0,48}") {
        let phone = Phone::parse(&raw);
        for number in phone.e164.iter().chain(&phone.second) {
            prop_assert!(was_typed(number, &raw), "{:?} gives {}", raw, number);
            prop_assert!(!plan::is_fake(&number[2..]));
            let again = Phone::parse(number);
            prop_assert_eq!(again.e164.as_ref(), Some(number), "a number reads as itself");
        }
        prop_assert!(phone.e164.is_some() || phone.words.is_none());
    }

    #[test]
    fn a_foreign_number_needs_its_sign(raw in "[1-9][0-9]{10,14}") {
        prop_assume!(!raw.starts_with("810"));
        if let Some(number) = Phone::parse(&raw).e164 {
            let is_dialled_at_home = number.starts_with("+375") && raw.starts_with("80");
            prop_assert!(number.starts_with("+7") || is_dialled_at_home, "{:?} gives {}", raw, number);
        }
    }

    #[test]
    fn any_text_is_survived(raw in ".{0,80}") {
        Phone::parse(&raw);
        Phone::of_line(&raw);
    }
}
