//! Converts phone numbers as people type them to E.164 (rule Q1). The typed text is kept, and a number with
//! too few or too many digits is never guessed. Enter at [`Phone::parse`].

use super::value::Phone;
use crate::mutant::cut;

/// Words that start an extension, longest first where one is the start of another.
const EXTENSION_MARKS: [&str; 7] = ["добавочный", "доб", "внутр", "вн.", "extension", "ext", "#"];

/// With more digits than this after such a word, the digits are a number, not an extension.
const EXTENSION_DIGITS_MAX: usize = 6;

/// Fewer digits are an extension or noise, not a number.
const SHORT_DIGITS_MAX: usize = 5;

impl Phone {
    /// `8 900…`, `+7 (900)…`, `9001234567`, with «доб. 123», two numbers in one field (Q1).
    /// Sources: the numbering plan of +7, ITU E.164.
    pub fn parse(raw: &str) -> Self {
        let (numbers, extension) = cut_extension(raw.trim());
        let mut found: Vec<String> = Vec::new();
        let mut extension = extension;
        match russian(&digits(&numbers)).filter(|_| !is_foreign_eight(&numbers) && !numbers.contains('@')) {
            // The usual case: one number, with any separators between its digits.
            Some(number) => found.push(number),
            None => {
                for part in parts(&numbers) {
                    let short = digits(part);
                    if let Some(number) = one_number(part) {
                        found.push(number);
                    } else if found.len() == 1 && (1..=SHORT_DIGITS_MAX).contains(&short.len()) {
                        extension = extension.or(Some(short));
                    }
                }
            }
        }
        found.dedup();
        let mut found = found.into_iter();
        let (e164, second) = (found.next(), found.next().filter(|_| !cut("Q1.second")));
        Self { e164, extension, second, raw: raw.to_owned() }
    }
}

/// The text before «доб.» and the digits right after it.
fn cut_extension(raw: &str) -> (String, Option<String>) {
    let lower = raw.to_lowercase();
    let mark = EXTENSION_MARKS.iter().filter_map(|mark| lower.find(mark).map(|at| (at, mark.len()))).min();
    let Some((at, length)) = mark else {
        return (lower, None);
    };
    let tail = lower[at + length..].trim_start_matches(|c: char| !c.is_ascii_digit());
    let extension: String = tail.chars().take_while(char::is_ascii_digit).collect();
    if extension.len() > EXTENSION_DIGITS_MAX {
        // «вн.» was the end of a name, and the number follows it.
        return (lower, None);
    }
    let rest = &tail[extension.len()..];
    // Text after the extension may contain a second number.
    let numbers = format!("{};{rest}", &lower[..at]);
    (numbers, (!extension.is_empty()).then_some(extension))
}

/// Parts that may each be a number: split at separators, before a plus, and, if a part is still too long, at
/// the space that gives two valid numbers.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for piece in text.split([',', ';', '/', '|', '\n', '\t']).flat_map(|piece| piece.split(" или ")) {
        let mut from = 0;
        for (at, _) in piece.match_indices('+').filter(|(at, _)| *at > 0) {
            parts.push(&piece[from..at]);
            from = at;
        }
        parts.push(&piece[from..]);
    }
    parts.into_iter().flat_map(split_at_space).filter(|part| !digits(part).is_empty()).collect()
}

fn split_at_space(part: &str) -> Vec<&str> {
    if one_number(part).is_some() {
        return vec![part];
    }
    let halves = part.match_indices(' ').map(|(at, _)| part.split_at(at));
    halves
        .into_iter()
        .find(|(left, right)| one_number(left).is_some() && one_number(right).is_some())
        .map_or_else(|| vec![part], |(left, right)| vec![left, right])
}

/// One piece of text → E.164, foreign numbers included.
fn one_number(part: &str) -> Option<String> {
    // An address of a SIP phone or of a mailbox is not a number.
    if part.contains('@') || part.contains("sip:") {
        return None;
    }
    let digits = digits(part);
    if let Some(number) = russian(&digits).filter(|_| !is_foreign_eight(part)) {
        return Some(number);
    }
    let typed_plus = part.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+').starts_with('+');
    let (digits, international) = if typed_plus {
        (digits.as_str(), true)
    } else if let Some(rest) = digits.strip_prefix("810").filter(|rest| rest.len() >= 9) {
        (rest, true)
    } else if let Some(rest) = digits.strip_prefix("00") {
        (rest, true)
    } else {
        (digits.as_str(), false)
    };
    if digits.starts_with('7') {
        // Numbers of Russia and Kazakhstan have exactly eleven digits.
        return russian(digits);
    }
    if !typed_plus && digits.len() == 11 && digits.starts_with('8') {
        // Written as a Russian number but not assigned; it is not a foreign number either.
        return None;
    }
    let shortest = if international { 8 } else { 11 };
    let sound = !digits.starts_with('0') && (shortest..=15).contains(&digits.len());
    sound.then(|| format!("+{digits}"))
}

/// `+84 91…` may have eleven digits too: only `+8 9…` is a mistyped eight (rule 3).
fn is_foreign_eight(text: &str) -> bool {
    let digits = digits(text);
    text.trim_start().starts_with('+') && digits.starts_with('8') && !digits.starts_with("89")
}

/// `8 9…`, `7 9…`, `9…` of the right length, in the country code 7.
fn russian(digits: &str) -> Option<String> {
    let national = match (digits.len(), digits.as_bytes().first()?) {
        (11, b'7' | b'8') => &digits[1..],
        (10, b'9' | b'3' | b'4' | b'8') => digits,
        _ => return None,
    };
    // 9 mobile; 3, 4 and 8 geographic; 6 and 7 Kazakhstan; others are not assigned. Numbers with 80x are
    // services, not clients.
    let is_a_person =
        matches!(national.as_bytes()[0], b'3' | b'4' | b'6'..=b'9') && !national.starts_with("80");
    is_a_person.then(|| format!("+7{national}"))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &str, e164: Option<&str>, extension: Option<&str>, second: Option<&str>) {
        let phone = Phone::parse(raw);
        let found = (phone.e164.as_deref(), phone.extension.as_deref(), phone.second.as_deref());
        assert_eq!(found, (e164, extension, second), "{raw:?}");
        assert_eq!(phone.raw, raw);
    }

    #[test]
    fn every_usual_spelling_of_a_russian_number_is_the_same_number() {
        for raw in [
            "+79035550127",
            "+7 (903) 555-01-27",
            "8 (903) 555-01-27",
            "8-903-555/01/27",
            "89035550127",
            "79035550127",
            "9035550127",
            "903 555 01 27",
            "+89035550127",
            "007 903 555 01 27",
            "тел. 8 903 555 01 27 (Мария)",
            "\u{a0}8\u{a0}903\u{a0}5550127 ",
            "tel:+79035550127",
        ] {
            check(raw, Some("+79035550127"), None, None);
        }
    }

    #[test]
    fn foreign_numbers_keep_their_country() {
        for (raw, e164) in [
            ("+375 29 123-45-67", "+375291234567"),
            ("375291234567", "+375291234567"),
            ("8 10 375 29 123 45 67", "+375291234567"),
            ("00375291234567", "+375291234567"),
            ("+1 202 555 0143", "+12025550143"),
            ("+81 3 5555 0123", "+81355550123"),
            ("+84 91 555 01 23", "+84915550123"),
            ("+86 131 5555 0123", "+8613155550123"),
            ("+998 90 123 45 67", "+998901234567"),
            ("8 701 555 01 23", "+77015550123"),
            ("+7 701 555 01 23", "+77015550123"),
        ] {
            check(raw, Some(e164), None, None);
        }
    }

    #[test]
    fn extensions_and_second_numbers_are_kept_apart() {
        check("8 (495) 555-01-27 доб. 123", Some("+74955550127"), Some("123"), None);
        check("+7 495 555 01 27, 101", Some("+74955550127"), Some("101"), None);
        check("+74955550127#4", Some("+74955550127"), Some("4"), None);
        check("+74955550127 доб 12; 89035550127", Some("+74955550127"), Some("12"), Some("+79035550127"));
        check("89035550127, 89165550128", Some("+79035550127"), None, Some("+79165550128"));
        check("89035550127 89165550128", Some("+79035550127"), None, Some("+79165550128"));
        check("8 903 555 01 27 или 8 916 555 01 28", Some("+79035550127"), None, Some("+79165550128"));
        check("+79035550127+375291234567", Some("+79035550127"), None, Some("+375291234567"));
        check("Ивн. 89035550127", Some("+79035550127"), None, None);
        check("89035550127 / +7 903 555 01 27", Some("+79035550127"), None, None);
    }

    #[test]
    fn what_is_no_number_stays_raw() {
        for raw in [
            "",
            "-",
            "нет",
            "12345",
            "+7 903 555",
            "1111111",
            "sip:79035550127@school.mangosip.ru",
            "79035550127@example.ru",
            "+7 000 555 01 27",
            "0",
            "+7903555012",
            "790355501270",
            "8 800 555 01 01",
            "+7 800 555 01 01",
            "8 101 555 01 27",
            "anonymous",
        ] {
            check(raw, None, None, None);
        }
    }

    proptest! {
        #[test]
        fn a_number_once_understood_reads_as_itself(raw in "[+ 0-9()а-я,;/.#доб-]{0,40}") {
            let phone = Phone::parse(&raw);
            if let Some(e164) = phone.e164 {
                prop_assert_eq!(Phone::parse(&e164).e164, Some(e164));
            }
        }

        #[test]
        fn any_text_is_survived(raw in ".{0,80}") {
            Phone::parse(&raw);
        }
    }
}
