//! Free text of people and platforms, made safe to show: no control, direction or invisible characters, one line
//! where one is meant, never longer than its field may be. Never reads a meaning into it, except that it tells what
//! is no name to greet by. Enter at [`one_line`], [`lines`], [`is_greetable`], [`is_token`], [`holds_number`], [`is_link`] and [`as_text`].

mod said;

pub use said::{holds_number, is_greetable, is_token};

/// What stands in place of what was cut.
const ELLIPSIS: char = '…';

/// Marks in a row that one letter may have; more climb over the lines above.
const MARKS_MAX: usize = 3;

/// A text with all that is unsafe taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    pub text: String,
    /// It was longer than its field may be.
    pub cut: bool,
}

/// One line of at most `max` characters.
pub fn one_line(raw: &str, max: usize) -> Cleaned {
    clean(raw, max, false)
}

/// The same where a text may have several lines.
pub fn lines(raw: &str, max: usize) -> Cleaned {
    clean(raw, max, true)
}

fn clean(raw: &str, max: usize, keeps_lines: bool) -> Cleaned {
    // One character more than may stay shows that something was cut.
    let mut kept: Vec<char> = Vec::new();
    let mut marks = 0;
    let mut is_after_gap = false;
    for c in raw.trim().chars() {
        if kept.len() > max {
            break;
        }
        let is_feed = c == '\n' && keeps_lines;
        if is_feed {
            kept.push(c);
        } else if is_break(c) {
            is_after_gap = true;
            if !keeps_lines || c != '\r' {
                push_gap(&mut kept);
            }
            continue;
        } else if is_invisible(c) {
            continue;
        } else if is_mark(c) {
            marks += 1;
            if marks <= MARKS_MAX {
                kept.push(c);
            }
            continue;
        } else if !(is_after_gap && c.is_whitespace()) {
            kept.push(c);
        }
        marks = 0;
        is_after_gap = is_after_gap && c.is_whitespace() && !is_feed;
    }
    while kept.last().is_some_and(|last| last.is_whitespace()) && kept.len() <= max {
        kept.pop();
    }
    let cut = kept.len() > max;
    if cut {
        kept.truncate(max.saturating_sub(1));
        while kept.last().is_some_and(|last| last.is_whitespace()) {
            kept.pop();
        }
        kept.push(ELLIPSIS);
    }
    let text: String = kept.into_iter().collect();
    Cleaned { text: text.trim().to_owned(), cut }
}

fn push_gap(kept: &mut Vec<char>) {
    if kept.last().is_some_and(|last| !last.is_whitespace()) {
        kept.push(' ');
    }
}

/// Ends a line, or does something to a terminal or a printer.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Not seen, or turns the direction of what follows: a text with it is not what it seems to be.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
        | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
        | '\u{110bd}' | '\u{110cd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
        || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff)
}

/// Stands over, under or on the letter before it.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

/// What programs for mail make a link of, without anybody having written one.
pub fn is_link(text: &str) -> bool {
    // Browsers take these for dots, and full-width letters for letters.
    let plain: String = text.chars().map(narrow).collect::<String>().to_lowercase();
    let says = ["://", "www.", "mailto:", "tel:", "@"].iter().any(|sign| plain.contains(sign));
    let words = plain.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.'));
    says || words.filter(|word| !word.starts_with('.')).any(is_host)
}

fn narrow(c: char) -> char {
    match c {
        '。' | '．' | '｡' | '․' => '.',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// Endings of addresses in other than Latin letters; Latin ones are too many to list.
const ENDINGS: &str = include_str!("free_text/endings.txt");

/// `example.ru`, `пример.рф`; also at the end of a sentence.
fn is_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    labels.windows(2).any(|pair| {
        let is_latin = pair[1].len() >= 2 && pair[1].bytes().next().is_some_and(|c| c.is_ascii_alphabetic());
        !pair[0].is_empty() && (is_latin || ENDINGS.lines().any(|ending| ending == pair[1]))
    }) || is_ip(&labels)
}

fn is_ip(labels: &[&str]) -> bool {
    labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok())
}

/// A value for a field that people export: a table must not take it for a formula (F112). Phones and numbers stay.
pub fn as_text(value: &str) -> String {
    let mut rest = value.trim_start().chars().map(narrow);
    let Some(first) = rest.next().filter(|first| "=+-@".contains(*first)) else { return value.to_owned() };
    let is_number = "+-".contains(first)
        && rest.clone().any(|c| c.is_ascii_digit())
        && rest.all(|c| c.is_ascii_digit() || " \u{a0}()-.,".contains(c));
    if is_number { value.to_owned() } else { format!("'{}", value.trim_start()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_stays_one_line() {
        let check = |raw: &str, want: &str| assert_eq!(one_line(raw, 40).text, want, "{raw:?}");
        check("Мария\r\n\r\nВаш приз:\thttps://evil.example", "Мария Ваш приз: https://evil.example");
        check("  Анна\u{2028}Белова \u{7}", "Анна Белова");
        check("ан\u{200b}на\u{202e}авол", "аннаавол");
        check("Й\u{306}ога и е\u{308}лка", "Й\u{306}ога и е\u{308}лка");
        check(&format!("з{}ло", "\u{336}".repeat(50)), "з\u{336}\u{336}\u{336}ло");
        check("38\u{a0}500  ₽", "38\u{a0}500  ₽");
        check("Мария 🌸", "Мария 🌸");
        check("\u{feff}\n\u{200b}", "");
        // What could not be decoded is no letter.
        check("Ма\u{fffd}рия \u{fffd}", "Мария");
        let long = one_line(&"а".repeat(180_000), 40);
        assert_eq!((long.text, long.cut), (format!("{}…", "а".repeat(39)), true));
        assert!(!one_line(&format!("{}  \n", "а".repeat(40)), 40).cut);
        assert_eq!(lines("Позвонить\r\nв пять\u{202e}\n[t3·gc-1]", 40).text, "Позвонить\nв пять\n[t3·gc-1]");
    }

    #[test]
    fn a_formula_is_marked_and_a_phone_is_not() {
        for marked in [
            "=1+1",
            "=HYPERLINK(\"http://a\")",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd",
            "@SUM(1)",
            "＝1",
            "+",
            "- курс",
        ] {
            assert_eq!(as_text(marked), format!("'{marked}"));
        }
        for same in ["+7 (903) 555-01-27", "-5", "-1 500,50", "Мария", "", "'=1"] {
            assert_eq!(as_text(same), same);
        }
        assert_eq!(as_text("  =1"), "'=1", "blanks before it do not hide it");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_safe_bounded_and_stays_as_it_is(raw in "\\PC{0,20}(.|\\n|\\r|\\p{C}|\\p{M}){0,60}", max in 1..50_usize) {
            for (cleaned, keeps_lines) in [(one_line(&raw, max), false), (lines(&raw, max), true)] {
                let text = &cleaned.text;
                prop_assert!(text.chars().count() <= max);
                prop_assert!(!text.chars().any(|c| is_invisible(c) || is_break(c) && !(keeps_lines && c == '\n')));
                prop_assert_eq!(text.trim(), text);
                let again = if keeps_lines { lines(text, max) } else { one_line(text, max) };
                prop_assert_eq!(&again.text, text);
                prop_assert!(!again.cut);
            }
        }

        #[test]
        fn a_field_never_begins_a_formula(value in "[ =+@\\-＝＋a-z0-9]{0,12}") {
            let shown = as_text(&value);
            let begins = shown.trim_start().chars().map(narrow).next().is_some_and(|c| "=@".contains(c));
            prop_assert!(!begins);
            prop_assert_eq!(as_text(&shown), shown);
        }
    }
}
