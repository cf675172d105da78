//! Phones, prices and texts in the form that amoCRM accepts and that can be compared. Never decides whether a
//! number may be dialled; intake does (Q1). Enter at [`same_phone`], [`whole_units`], [`cut`].

use crate::process::Money;

/// Entity names, tags and short text fields; not documented, so kept small (sheet, 2.2).
pub const NAME_MAX: usize = 255;
/// Notes: 20 000 characters; one more gives a 400.
pub const NOTE_MAX: usize = 20_000;
/// Higher prices are not documented to be accepted.
const PRICE_MAX: i64 = 2_147_483_647;

/// Digits with one Russian trunk prefix: `8 916 …`, `916 …` and `+7 916 …` are equal.
pub fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match (digits.len(), digits.as_bytes().first()) {
        (11, Some(b'8')) => format!("7{}", &digits[1..]),
        (10, Some(b'9')) => format!("7{digits}"),
        _ => digits,
    }
}

/// The last ten digits, because numbers are stored as people typed them. `None` for a text that is too short
/// to search by.
pub fn phone_query(text: &str) -> Option<String> {
    let digits = digits(text);
    (digits.len() >= 7).then(|| digits[digits.len().saturating_sub(10)..].to_owned())
}

/// The same number: equal digits, or one without its country code.
pub fn same_phone(one: &str, other: &str) -> bool {
    let (one, other) = (digits(one), digits(other));
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    one == other && one.len() >= 7 || short.len() >= 9 && short.len() < 11 && long.ends_with(short.as_str())
}

/// Whole major units, half up; amoCRM accepts neither decimals nor negative amounts. `None`: too large.
pub fn whole_units(money: &Money) -> Option<i64> {
    let minor = money.minor.max(0);
    Some(minor / 100 + i64::from(minor % 100 >= 50)).filter(|units| *units <= PRICE_MAX)
}

/// At most `max` characters, with an ellipsis if something was cut; control characters other than line feeds
/// are dropped. Never cuts between a character and its modifiers.
pub fn cut(text: &str, max: usize) -> String {
    let clean = text.chars().filter(|c| *c == '\n' || !c.is_control());
    let mut kept: Vec<char> = clean.collect();
    if kept.len() <= max {
        return kept.into_iter().collect();
    }
    let mut end = max.saturating_sub(1);
    while end > 0 && joins(kept[end]) {
        end -= 1;
    }
    kept.truncate(end);
    kept.push('…');
    kept.into_iter().collect()
}

/// Combining marks, joiners and variation selectors belong to the character before them.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_was_typed() {
        let check = |one, other, same| assert_eq!(same_phone(one, other), same, "{one} {other}");
        check("+79165550137", "8 (916) 555-01-37", true);
        check("+79165550137", "9165550137", true);
        check("+79165550137", "+79165550138", false);
        check("+79165550137", "+3809165550137", false);
        check("+375291234567", "291234567", true);
        check("123", "123", false);
        check("", "", false);
    }

    #[test]
    fn searching_uses_the_last_ten_digits() {
        assert_eq!(phone_query("+79165550137").as_deref(), Some("9165550137"));
        assert_eq!(phone_query("12345"), None);
    }

    #[test]
    fn a_price_is_whole_and_rounds_half_up() {
        let check = |minor, expected| assert_eq!(whole_units(&Money::new(minor, "RUB")), expected);
        check(2_490_000, Some(24_900));
        check(2_490_049, Some(24_900));
        check(2_490_050, Some(24_901));
        check(-500, Some(0));
        check(214_748_364_700, Some(2_147_483_647));
        check(i64::MAX, None);
    }

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(cut("привет", 6), "привет");
        assert_eq!(cut("приветы", 6), "приве…");
        assert_eq!(cut("a\u{0}b\nc\r", 9), "ab\nc");
        assert_eq!(cut("ae\u{301}ab", 3), "a…", "an accent is not torn off");
    }
}
