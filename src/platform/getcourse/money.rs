//! Turns amounts as GetCourse writes them into whole minor units (sheet, 1.4). Never joins digits blindly and
//! never reads an amount that is not understood as zero. Enter at [`from_text`] and [`from_number`].

/// An amount and the currency that was written next to it, as an ISO code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    pub minor: i64,
    pub currency: Option<&'static str>,
}

/// The text is not an amount; the caller lists it in `unclear` instead of reading it as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotMoney;

/// Words and signs → ISO codes; a longer one comes before its own beginning.
const CURRENCIES: [(&str, &str); 30] = [
    ("рублей", "RUB"),
    ("рубля", "RUB"),
    ("рубль", "RUB"),
    ("руб.", "RUB"),
    ("руб", "RUB"),
    ("р.", "RUB"),
    ("р", "RUB"),
    ("₽", "RUB"),
    ("rub", "RUB"),
    ("rur", "RUB"),
    ("us$", "USD"),
    ("долларов", "USD"),
    ("доллара", "USD"),
    ("доллар", "USD"),
    ("долл", "USD"),
    ("$", "USD"),
    ("usd", "USD"),
    ("€", "EUR"),
    ("евро", "EUR"),
    ("eur", "EUR"),
    ("uzs", "UZS"),
    ("₸", "KZT"),
    ("kzt", "KZT"),
    ("тенге", "KZT"),
    ("тг", "KZT"),
    ("br", "BYN"),
    ("byn", "BYN"),
    ("₴", "UAH"),
    ("uah", "UAH"),
    ("грн", "UAH"),
];

/// A number with more digits is not a price, and would not fit.
const DIGITS_MAX: usize = 15;

/// `38 500 руб.`, `15 000,40 ₽`, `38500`: text without HTML entities.
pub fn from_text(text: &str) -> Result<Amount, NotMoney> {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\t' | '\n' | '\r' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect();
    let text = with_kopecks(text);
    let (text, currency) = cut_currency(&text);
    let (sign, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let minor = unsigned(&apart(without_dash(text))?)?;
    Ok(Amount { minor: sign * minor, currency })
}

/// `нет`, `—`: a field that was filled in to say that there is no amount. Zero is one.
pub fn is_none(text: &str) -> bool {
    let text = text.trim().trim_end_matches('.').to_lowercase();
    ["нет", "no", "n/a", "н/д", "не оплачен", "не оплачено"].contains(&&*text)
        || (!text.is_empty() && text.chars().all(|c| "-−–—".contains(c)))
}

/// A JSON number: its point is always the decimal mark. Rounded to minor units.
pub fn from_number(number: f64) -> Result<i64, NotMoney> {
    let minor = (number * 100.0).round();
    // Within this bound every whole number is exact in an f64.
    if minor.abs() < 9.0e15 { Ok(minor as i64) } else { Err(NotMoney) }
}

/// `26600руб.50коп.`, `26600-00`: kopecks beside the whole, written as a fraction.
fn with_kopecks(text: String) -> String {
    let is_cents = |cents: &str| cents.len() == 2 && cents.bytes().all(|byte| byte.is_ascii_digit());
    let words = ["копеек", "копейки", "копейка", "коп.", "коп"];
    if let Some(before) = words.iter().find_map(|word| text.strip_suffix(word)) {
        let at = before.find(|c: char| c.is_alphabetic() || c == '₽');
        let whole = at.map(|at| before.split_at(at));
        let apart = whole.and_then(|(whole, rest)| {
            let cents = rest.find(|c: char| c.is_ascii_digit()).map(|at| rest.split_at(at));
            cents.filter(|(_, cents)| is_cents(cents)).map(|(unit, cents)| format!("{whole},{cents}{unit}"))
        });
        return apart.unwrap_or(text);
    }
    match text.rsplit_once(['-', '–']) {
        // Other digits may be the end of a range.
        Some((whole, "00")) if !whole.is_empty() => format!("{whole},00"),
        _ => text,
    }
}

/// `26600.-`, `26600,–`, `26600=`: a dash instead of the kopecks.
fn without_dash(text: &str) -> &str {
    let cut = text.trim_end_matches(['-', '−', '–', '—', '=']);
    let cut = cut.strip_suffix(['.', ',']).unwrap_or(cut);
    cut.trim_end_matches(['.', ','])
}

/// `26'600`: an apostrophe that stands before each three digits, as a mark of thousands.
fn apart(text: &str) -> Result<String, NotMoney> {
    const MARKS: [char; 5] = ['\'', '’', '‘', 'ʼ', '`'];
    let whole = text.split(['.', ',']).next().unwrap_or_default();
    let mut groups = whole.split(MARKS);
    let first = groups.next().unwrap_or_default();
    let is_sound = groups.all(|group| group.len() == 3) && !first.is_empty();
    let is_marked = text.contains(MARKS);
    match is_marked
        && (!is_sound
            || !whole.contains(MARKS)
            || text.matches(MARKS).count() != whole.matches(MARKS).count())
    {
        true => Err(NotMoney),
        false => Ok(text.replace(MARKS, "")),
    }
}

fn cut_currency(text: &str) -> (&str, Option<&'static str>) {
    // A mark at the very end is punctuation, not part of the amount.
    let text = text.trim_end_matches(['.', ',']);
    let cut = CURRENCIES.iter().find_map(|(word, code)| {
        text.strip_suffix(word).or_else(|| text.strip_prefix(word)).map(|rest| (rest, Some(*code)))
    });
    cut.unwrap_or((text, None))
}

fn unsigned(text: &str) -> Result<i64, NotMoney> {
    let last = text.rfind(['.', ',']);
    let both = text.contains('.') && text.contains(',');
    // The last mark is the decimal mark if another kind of mark comes before it, or if it leaves kopecks.
    let decimal = last.filter(|at| both || (1..=2).contains(&(text.len() - at - 1)));
    let (whole, cents) = match decimal {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let whole = ungroup(whole)?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > DIGITS_MAX
        || cents.len() > 2
        || !all_digits(&whole)
        || !all_digits(cents)
    {
        return Err(NotMoney);
    }
    format!("{whole}{cents:0<2}").parse().map_err(|_| NotMoney)
}

/// Removes thousands marks if each of them is followed by exactly three digits.
fn ungroup(whole: &str) -> Result<String, NotMoney> {
    let groups: Vec<&str> = whole.split(['.', ',']).collect();
    let sound = groups.len() == 1
        || (!groups[0].is_empty()
            && groups[0].len() <= 3
            && groups[1..].iter().all(|group| group.len() == 3));
    if sound { Ok(groups.concat()) } else { Err(NotMoney) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_keep_their_kopecks() {
        for (text, minor, currency) in [
            ("38500", 3_850_000, None),
            ("38 500 руб.", 3_850_000, Some("RUB")),
            ("38\u{a0}500\u{202f}₽", 3_850_000, Some("RUB")),
            ("15 000,40 руб.", 1_500_040, Some("RUB")),
            ("15000.4", 1_500_040, None),
            ("0 руб.", 0, Some("RUB")),
            ("1.234,56", 123_456, None),
            ("1,234.56 USD", 123_456, Some("USD")),
            ("$1,234", 123_400, Some("USD")),
            ("1 234 567", 123_456_700, None),
            ("1.234.567", 123_456_700, None),
            ("500 рублей", 50_000, Some("RUB")),
            ("500 р.", 50_000, Some("RUB")),
            ("500руб.,", 50_000, Some("RUB")),
            ("500.", 50_000, None),
            ("26 600.-", 2_660_000, None),
            ("26600,-", 2_660_000, None),
            ("26600,— руб.", 2_660_000, Some("RUB")),
            ("26’600", 2_660_000, None),
            ("1'234'567.50", 123_456_750, None),
            ("26'600.- ₽", 2_660_000, Some("RUB")),
            ("26 600 рублей 00 копеек", 2_660_000, Some("RUB")),
            ("26 600 руб. 50 коп.", 2_660_050, Some("RUB")),
            ("26600=", 2_660_000, None),
            ("15 евро", 1_500, Some("EUR")),
            ("100 долл.", 10_000, Some("USD")),
            ("US$100", 10_000, Some("USD")),
            ("1000 RUR", 100_000, Some("RUB")),
            ("1 000 UZS", 100_000, Some("UZS")),
            ("26 600-00", 2_660_000, None),
            ("12 000 тг", 1_200_000, Some("KZT")),
            ("99,9 Br", 9_990, Some("BYN")),
            ("-500 руб.", -50_000, Some("RUB")),
        ] {
            assert_eq!(from_text(text), Ok(Amount { minor, currency }), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_never_an_amount() {
        for text in [
            "",
            "руб.",
            "бесплатно",
            "38500.0000",
            "12.34.56",
            "1,23,456",
            "1.234,567",
            "5 шт. по 100",
            "1e5",
            "12345678901234567890",
            "..",
            "--5",
            "26'60",
            "'600",
            "26.600'5",
            "5-7",
            "10-20",
            "26 600-500",
            "-",
            "коп.",
            "26 600 руб. 500 коп.",
        ] {
            assert_eq!(from_text(text), Err(NotMoney), "{text:?}");
        }
    }

    #[test]
    fn a_word_for_nothing_is_no_amount() {
        for (text, want) in [
            ("нет", true),
            ("Нет.", true),
            ("—", true),
            ("–", true),
            ("--", true),
            ("Не оплачено", true),
            ("0", false),
            ("", false),
            ("нет данных о 500", false),
            ("-5", false),
        ] {
            assert_eq!(is_none(text), want, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_rounded_to_kopecks() {
        for (number, minor) in
            [(38500.0, Ok(3_850_000)), (1000.125, Ok(100_013)), (0.1, Ok(10)), (1e15, Err(NotMoney))]
        {
            assert_eq!(from_number(number), minor);
        }
        assert_eq!(from_number(f64::NAN), Err(NotMoney));
    }

    proptest! {
        #[test]
        fn any_spelling_of_an_amount_reads_as_that_amount(
            whole in 0i64..100_000_000, cents in 0i64..100,
            space in prop::sample::select(vec!["", " ", "\u{a0}", "\u{202f}"]),
            mark in prop::sample::select(vec![",", "."]),
            unit in prop::sample::select(vec!["", " руб.", " ₽", " RUB"]),
        ) {
            let digits = whole.to_string();
            let mut grouped = String::new();
            for (i, digit) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i) % 3 == 0 {
                    grouped.push_str(space);
                }
                grouped.push(digit);
            }
            let amount = from_text(&format!("{grouped}{mark}{cents:02}{unit}"));
            prop_assert_eq!(amount.map(|amount| amount.minor), Ok(whole * 100 + cents));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,40}") {
            let _ = from_text(&text);
        }
    }
}
