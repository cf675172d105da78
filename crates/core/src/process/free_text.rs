//! Free text of people and platforms, made safe to show: no control, direction or invisible characters, one line
//! where one is meant, never longer than its field may be. Never reads a meaning into it, except that it tells what
//! is no name to greet by. Enter at [`one_line`], [`lines`], [`is_greetable`], [`is_token`], [`holds_number`], [`is_link`] and [`as_text`].

/// What stands in place of what was cut.
const ELLIPSIS: char = '…';

/// Marks in a row that one letter may have; more climb over the lines above.
const MARKS_MAX: usize = 3;

/// A name that is greeted has at most so many characters, words of its own, and words between them.
const NAME_CHARS_MAX: usize = 60;
const NAME_WORDS_MAX: usize = 3;
const PARTICLES_MAX: usize = 3;
/// More digits are a number, also the short one of a service.
const NAME_DIGITS_MAX: usize = 2;

/// A number that people see has at most so many characters.
const TOKEN_CHARS_MAX: usize = 24;
/// So many digits in a row, however they are divided, are a telephone number.
const PHONE_DIGITS_MIN: usize = 9;

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

/// Whether a letter may greet by it: an address, a number or a sentence in the field of a name is not said to whoever
/// owns the address (F101). A name is one word, or up to three that each begin with a capital letter, in one script. What
/// remains for somebody who plays is three such words.
pub fn is_greetable(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
    let digits = name.chars().filter(|c| c.is_numeric()).count();
    let is_particle = |word: &&str| words.len() > 1 && PARTICLES.contains(&word.to_lowercase().as_str());
    let (particles, own): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| is_particle(word));
    let lettered = own.iter().filter(|word| word.chars().any(char::is_alphabetic)).count();
    (1..=NAME_WORDS_MAX).contains(&lettered)
        && own.len() <= NAME_WORDS_MAX
        && particles.len() <= PARTICLES_MAX
        && name.chars().count() <= NAME_CHARS_MAX
        && digits <= NAME_DIGITS_MAX
        && own.iter().all(|word| is_name_word(word, own.len() == 1))
        && is_one_script(name)
        && !name.chars().any(|c| is_break(c) || is_invisible(c))
        && !is_link(name)
}

/// Without what people put around a name: brackets, quotes, a picture.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| {
        "()«»„“\"".contains(c) || (c >= '\u{2190}' && !c.is_alphanumeric() && c != '。')
    })
}

/// Small words of real names.
const PARTICLES: [&str; 31] = [
    "аль", "бен", "бин", "ван", "дель", "ден", "дер", "де", "ди", "ду", "да", "зуль", "ибн", "кызы", "ла",
    "оглы", "угли", "улы", "фон", "эль", "al", "bin", "da", "de", "del", "der", "di", "el", "la", "van",
    "von",
];

/// Words of a message or of a disguised address, which are no name in any spelling.
const NO_NAMES: [&str; 28] = [
    "вы",
    "вас",
    "вам",
    "ваш",
    "ваша",
    "ваше",
    "ваши",
    "твой",
    "твоя",
    "мы",
    "нам",
    "код",
    "приз",
    "точка",
    "слеш",
    "слэш",
    "собака",
    "dot",
    "com",
    "ru",
    "рф",
    "net",
    "org",
    "www",
    "http",
    "https",
    "hxxp",
    "hxxps",
];

/// Letters, with hyphens, apostrophes and the dots of initials between them.
fn is_name_word(word: &str, is_alone: bool) -> bool {
    let is_inner = |c: char| "-'’`.".contains(c) || is_mark(c);
    let parts: Vec<&str> = word.split('-').collect();
    let sounds = parts.iter().all(|part| {
        let plain = part.trim_end_matches('.').to_lowercase();
        !NO_NAMES.contains(&plain.as_str())
    });
    let first = |part: &str| part.chars().find(|c| c.is_alphabetic());
    let is_capital = |part: &&str| first(part).is_none_or(|c| !c.is_lowercase());
    let is_particle = |part: &&str| PARTICLES.contains(&part.to_lowercase().as_str());
    let cased = match (is_alone, parts.len()) {
        (true, 1) => true,
        _ => parts.iter().all(|part| is_capital(part) || is_particle(part)),
    };
    // Shouted words are a message; «МАРИЯ» alone, and initials, are not.
    let capitals = word.chars().filter(|c| c.is_uppercase()).count();
    let is_shouted = capitals > 3 && word.chars().all(|c| !c.is_lowercase());
    sounds
        && cased
        && parts.len() <= NAME_WORDS_MAX
        && (is_alone || !is_shouted)
        && word.chars().all(|c| c.is_alphanumeric() || is_inner(c))
}

/// «evil точка рф» is of two.
fn is_one_script(name: &str) -> bool {
    let latin = name.chars().any(|c| c.is_ascii_alphabetic());
    !(latin && name.chars().any(|c| matches!(c, '\u{400}'..='\u{52f}')))
}

/// Whether a letter may name an order by it: `12041`, `A-12/3`, «№ 7», `TILDA_81`. A number can be any text where an order
/// is imported, and then it is the order's id that is said (F101).
pub fn is_token(number: &str) -> bool {
    let bare = number.trim().trim_start_matches(['№', '#']).trim_start();
    let letters = bare.split(|c: char| !c.is_alphabetic()).filter(|run| !run.is_empty());
    let has_one_word = letters.filter(|run| run.chars().count() > 2).count() <= 1;
    !bare.is_empty()
        && number.chars().count() <= TOKEN_CHARS_MAX
        && bare.chars().any(char::is_numeric)
        && has_one_word
        && bare.chars().all(|c| c.is_alphanumeric() || "-/_".contains(c))
        && is_one_script(bare)
        && !is_dialled(bare)
}

/// «8-800-555-35-35», `89035550101`, `9035550101`.
fn is_dialled(token: &str) -> bool {
    let digits: String = token.chars().filter(|c| c.is_numeric()).collect();
    let is_divided = token.split(|c: char| !c.is_numeric()).filter(|run| !run.is_empty()).count() > 1;
    match digits.chars().count() {
        7.. if is_divided => true,
        10 => digits.starts_with('9'),
        11 => digits.starts_with(['7', '8']),
        _ => false,
    }
}

/// Whether a text holds what looks like a telephone number; dates and sums do not.
pub fn holds_number(text: &str) -> bool {
    let mut run = 0;
    for word in text.split_whitespace() {
        let mut in_word = 0;
        if is_date(word) {
            run = 0;
            continue;
        }
        for c in word.chars().map(narrow) {
            match c {
                c if c.is_numeric() => (run, in_word) = (run + 1, in_word + 1),
                '(' | ')' | '-' | '–' | '—' | '.' | '+' | '/' => {}
                _ => run = 0,
            }
            if run >= PHONE_DIGITS_MIN {
                return true;
            }
        }
        if in_word == 0 && word.chars().any(char::is_alphanumeric) {
            run = 0;
        }
    }
    false
}

/// «01.12.2026», «1.12», «2025-2026».
fn is_date(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_numeric());
    let lengths = |by: char| word.split(by).map(|part| part.bytes().filter(u8::is_ascii_digit).count());
    let is_whole = |by: char| word.chars().all(|c| c.is_ascii_digit() || c == by);
    let dotted: Vec<usize> = lengths('.').collect();
    let years: Vec<usize> = lengths('-').chain(lengths('–')).collect();
    (is_whole('.') && matches!(dotted[..], [1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4]))
        || (is_whole('-') && matches!(years[..], [4, 4, ..]))
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
    fn only_a_name_is_greeted() {
        const NAMES: &str = "Мария, мария, МАРИЯ, Анна-Мария, О'Коннор, Иванов А.С., Жан-Люк (Ваня), Мария 🌸, Maria 2, \
            Мария де ла Крус, Алиев Мамед Гусейн оглы, Гульнара Алиева-кызы, Anna Maria, Ludwig van Beethoven, \
            D’Angelo, Салтыков-Щедрин Михаил, Нурлан Абай улы, მარია, 李明, Наталья, Эль, И. О. Петров";
        for name in NAMES.split(", ") {
            assert!(is_greetable(name), "{name}");
        }
        for name in [
            "",
            " ",
            "evil.example",
            "Мария, evil.example/приз",
            "приз на пример.рф",
            "https://a",
            "www.приз",
            "t.me/x",
            "ｅvil．example",
            "evil。example",
            "m@example",
            "+7 903 555-01-27",
            "звоните 900",
            "Карта заблокирована срочно",
            "Вы выиграли приз",
            "Вы Выиграли Приз",
            "КАРТА ЗАБЛОКИРОВАНА СРОЧНО",
            "Верните деньги",
            "Ваш заказ отменён",
            "Купи слона сейчас же",
            "Звоните восемь девятьсот",
            "evil точка рф",
            "Evil Точка Рф",
            "evil dot com",
            "Evil Dot Com",
            "hxxp evil example",
            "www evil example",
            "evil·example",
            "evil-example-com",
            "Evil-Example-Com",
            "evil .example",
            "🌸",
            "де ла",
            "Вы выиграли приз и получите его сегодня",
            "Мария! Вы выиграли",
            "10.0.0.1",
            "Мария\nАнна",
            "а\u{202e}б",
        ] {
            assert!(!is_greetable(name), "{name}");
        }
        assert!(!is_link("Курс «Дизайн». Часть 1. Свет и цвет"));
        assert!(is_link("Смотрите example.ru."));
    }

    #[test]
    fn a_number_that_is_said_is_a_short_token() {
        for token in ["12041", "№ 12041", "#7", "A-12/3", "TILDA_81", "заявка-17", "1748239475", "12041-AB"]
        {
            assert!(is_token(token), "{token}");
        }
        for other in [
            "",
            "№",
            "Вам перевод 5000 руб, код 4821",
            "Позвоните 8 800 555-35-35",
            "8-800-555-35-35",
            "88005553535",
            "evil[.]example",
            "evil .example",
            "evil.example",
            "Срочно-верните-5000",
            "срочно",
            "evil-рф-1",
            "1234567890123456789012345",
        ] {
            assert!(!is_token(other), "{other}");
        }
    }

    #[test]
    fn a_telephone_number_is_none_of_a_title() {
        for title in [
            "Курс «Дизайн». Часть 1",
            "Набор 01.12.2026 19:00",
            "2025-2026 учебный год, 36 занятий",
            "Марафон 90 дней, 38 500 руб.",
            "1000 и 1 ночь",
        ] {
            assert!(!holds_number(title), "{title}");
        }
        for call in [
            "Позвоните 8 800 555-35-35",
            "8.800.555.35.35",
            "+7(903)5550101",
            "＋７ ９０３ ５５５ ０１ ０１",
            "т.88005553535",
            "903–555–01–01",
        ] {
            assert!(holds_number(call), "{call}");
        }
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

        /// Whatever somebody types: what is greeted or named is short, and holds no link and no number.
        #[test]
        fn what_is_said_in_a_letter_is_bounded(
            raw in "(.|[А-Яа-яA-Za-z]{1,9}|[0-9.@:/ -]){0,24}",
        ) {
            if is_greetable(&raw) {
                prop_assert!(!is_link(&raw) && !holds_number(&raw));
                prop_assert!(raw.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() <= NAME_WORDS_MAX + PARTICLES_MAX);
            }
            if is_token(&raw) {
                prop_assert!(!is_link(&raw) && raw.chars().count() <= TOKEN_CHARS_MAX);
                prop_assert!(!is_dialled(&raw));
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
