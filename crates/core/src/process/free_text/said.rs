//! What of a typed text a letter may say: a name to greet by, a number of an order, a text without a number to call. Anybody
//! fills in a form, and the letter goes to whoever owns the address beside it (F101). Never changes a text. Enter at
//! [`is_greetable`], [`is_token`] and [`holds_number`].

use super::{is_break, is_invisible, is_link, is_mark, narrow};

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
/// So many are the number of a card or an account, also if some of its groups could be years.
const CARD_DIGITS_MIN: usize = 13;

/// Whether a letter may greet by it: an address, a number or a sentence in the field of a name is not said to whoever
/// owns the address (F101). A name is one word, or up to three that each begin with a capital letter, in one script. What
/// remains for somebody who plays is three such words.
pub fn is_greetable(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
    let digits = name.chars().filter(|c| c.is_numeric()).count();
    let is_particle = |word: &&str| words.len() > 1 && is_in(PARTICLES, word);
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

/// Small words of real names, one a line.
const PARTICLES: &str = include_str!("particles.txt");

/// Words of a message or of a disguised address, which are no name in any spelling.
const NO_NAMES: &str = include_str!("no_names.txt");

fn is_in(list: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    list.lines().any(|listed| listed == word)
}

/// Letters, with hyphens, apostrophes and the dots of initials between them.
fn is_name_word(word: &str, is_alone: bool) -> bool {
    let is_inner = |c: char| "-'’`.".contains(c) || is_mark(c);
    let parts: Vec<&str> = word.split('-').collect();
    let sounds = parts.iter().all(|part| !is_in(NO_NAMES, part.trim_end_matches('.')));
    let first = |part: &str| part.chars().find(|c| c.is_alphabetic());
    let is_capital = |part: &&str| first(part).is_none_or(|c| !c.is_lowercase());
    let is_particle = |part: &&str| is_in(PARTICLES, part);
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

/// Whether a text holds what looks like a number of a telephone, a card or an account; dates and sums do not.
pub fn holds_number(text: &str) -> bool {
    let (mut run, mut years) = (0, 0);
    // A group of a card's digits may look like a date or a year: it does not end the number around it.
    for word in text.split_whitespace().filter(|word| !is_date(word)) {
        let is_year = is_year(bare_digits(word));
        for c in word.chars().map(narrow) {
            match c {
                c if c.is_numeric() && is_year => years += 1,
                c if c.is_numeric() => run += 1,
                '(' | ')' | '-' | '–' | '—' | '.' | '+' | '/' | '_' | '*' => {}
                _ => (run, years) = (0, 0),
            }
            if run >= PHONE_DIGITS_MIN || run + years >= CARD_DIGITS_MIN {
                return true;
            }
        }
    }
    false
}

/// «01.12.2026», «1.12», «2026-12-01», and from one to another: «2025-2026», «01.12.26–15.12.26», «1–15.12».
fn is_date(word: &str) -> bool {
    let word = bare_digits(word);
    let is_span = |(from, to)| {
        let is_begun = is_day(from) || is_up_to(from, 31);
        (is_begun && is_day(to)) || (is_year(from) && is_year(to))
    };
    is_day(word) || ['-', '–', '—'].iter().any(|dash| word.split_once(*dash).is_some_and(is_span))
}

fn is_day(word: &str) -> bool {
    let is_of_month = |day: &str, month: &str| is_up_to(day, 31) && is_up_to(month, 12);
    let is_iso = match word.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => is_year(year) && is_of_month(day, month),
        _ => false,
    };
    is_iso
        || match word.split('.').collect::<Vec<_>>()[..] {
            [day, month] => is_of_month(day, month),
            [day, month, year] => is_of_month(day, month) && (is_up_to(year, 99) || is_year(year)),
            _ => false,
        }
}

fn is_up_to(part: &str, max: u8) -> bool {
    part.len() <= 2 && part.parse().is_ok_and(|n: u8| (1..=max).contains(&n))
}

/// «2026».
fn is_year(part: &str) -> bool {
    part.len() == 4 && part.parse().is_ok_and(|year: u16| (1900..2100).contains(&year))
}

fn bare_digits(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    fn a_number_of_a_telephone_or_a_card_is_none_of_a_title() {
        for title in [
            "Курс «Дизайн». Часть 1",
            "Набор 01.12.2026 19:00",
            "2025-2026 учебный год, 36 занятий",
            "Марафон 90 дней, 38 500 руб.",
            "1000 и 1 ночь",
            "01.12.2026 - 15.12.2026",
            "Поток 01.12.26–15.12.26",
            "01.12.2026-15.12.2026",
            "Марафон 1–15.12.2026, 19:00",
            "2026-12-01 — 2026-12-15",
            "2026-12-01–2026-12-15",
            "Поток 2025–2026, 2026-2027",
            "Набор 2026 38 500 руб.",
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
            "8 (903) 555 01-01",
            "8 903 555-01-01",
            "01.12.26–8.903.555.01.01",
            "Переведите деньги на карту 4276 1600 1111 2222",
            "4276-1600 1111-2222",
            "4276 1600 2011 2022",
            "42.76 16.00 11.11 22.22",
            "4276_1600_1111_2222",
            "карта 2200 7001 2345 6789 012",
            "счёт 40817 810 0 1234 5678901",
        ] {
            assert!(holds_number(call), "{call}");
        }
    }

    proptest! {
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
    }
}
