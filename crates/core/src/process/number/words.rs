//! What stands beside a number: its extension, and the words that are kept for a manager (Q1).
//! An extension only stands behind a word or sign for one. Enter at [`extension`] and [`left_over`].

use super::text::Typed;

/// Words for an extension. «доп» too: more digits behind it than an extension has are another number.
const MARKS: &[&str] = &[
    "доб",
    "добав",
    "добавочный",
    "добавочного",
    "доп",
    "дополнительный",
    "внутр",
    "внутренний",
    "вн",
    "ext",
    "extn",
    "extension",
    "x",
    "х",
];

/// More digits after such a word are a number of their own.
const EXTENSION_DIGITS_MAX: usize = 6;

/// What is left of these says nothing.
const LABELS: &[&str] = &[
    "тел",
    "телефон",
    "т",
    "м",
    "моб",
    "мобильный",
    "сот",
    "номер",
    "tel",
    "phone",
    "mob",
    "callto",
    "и",
    "или",
    "7",
    "8",
];

/// Kept at most.
const WORDS_CHARS_MAX: usize = 200;

/// The extension right behind a number, and where it ends.
pub fn extension(typed: &Typed, from: usize) -> Option<(String, usize)> {
    let skip = |mut at: usize, marks: &str| {
        while typed.at(at).is_some_and(|c| marks.contains(c)) {
            at += 1;
        }
        at
    };
    let mark = skip(from, " ,;.(-/");
    let word = typed.word(mark);
    let behind = match typed.at(mark)? {
        '#' => mark + 1,
        _ if MARKS.contains(&word.as_str()) => mark + word.chars().count(),
        _ => return None,
    };
    let start = skip(behind, " .:№#");
    let digits: String = typed.chars.iter().skip(start).take_while(|c| c.is_ascii_digit()).collect();
    let end = start + digits.len();
    let goes_on = typed.at(end).is_some_and(|c| matches!(c, '-' | ':')) && typed.is_digit(end + 1);
    ((1..=EXTENSION_DIGITS_MAX).contains(&digits.len()) && !goes_on).then_some((digits, end))
}

/// The text without the numbers; `None` if nothing is left that says something.
pub fn left_over(typed: &Typed, cuts: &[(usize, usize)]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut from = 0;
    for (start, end) in cuts.iter().copied().chain([(typed.chars.len(), typed.chars.len())]) {
        let part = typed.chars.get(from..start).unwrap_or_default();
        parts.extend(said(part.iter().collect()));
        from = end;
    }
    let words = parts.join(", ");
    (!words.is_empty()).then(|| words.chars().take(WORDS_CHARS_MAX).collect())
}

/// One part in one line, without the marks that stood between it and the number.
fn said(part: String) -> Option<String> {
    const AROUND: &[char] =
        &[' ', ',', ';', ':', '.', '/', '\\', '|', '-', '"', '\'', '`', '=', '+', '_', '~'];
    let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = line.as_str();
    loop {
        let trimmed = outside_brackets(text.trim_matches(AROUND));
        if trimmed == text {
            break;
        }
        text = trimmed;
    }
    let is_label = LABELS.contains(&text.to_lowercase().as_str());
    (!is_label && text.chars().any(|c| !c.is_whitespace())).then(|| text.to_owned())
}

/// Without a bracket whose other half is gone, and without a pair around the whole.
fn outside_brackets(text: &str) -> &str {
    let count = |bracket| text.matches(bracket).count();
    let (opened, closed) = (count('('), count(')'));
    if opened == 1 && closed == 1 && text.starts_with('(') && text.ends_with(')') {
        return text.get(1..text.len() - 1).unwrap_or_default();
    }
    let text = if opened > closed { text.strip_prefix('(').unwrap_or(text) } else { text };
    let text = if opened > closed { text.strip_suffix('(').unwrap_or(text) } else { text };
    let text = if closed > opened { text.strip_suffix(')').unwrap_or(text) } else { text };
    if closed > opened { text.strip_prefix(')').unwrap_or(text) } else { text }
}
