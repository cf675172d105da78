//! Phones as people type them, made into E.164 (rule Q1).
//! Never throws away what was typed and never guesses a number that has too few or too many
//! digits. Enter at [`Phone::parse`].

use super::value::Phone;

impl Phone {
    /// `8 900…`, `+7 (900)…`, `9001234567`, with «доб. 123», two numbers in one field (Q1).
    /// Sources of the rules: numbering plan of +7, ITU E.164.
    pub fn parse(raw: &str) -> Self {
        let (text, extension) = cut_extension(raw);
        let mut numbers: Vec<String> = Vec::new();
        for part in split(text) {
            if let Some(number) = e164(&part)
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        let mut numbers = numbers.into_iter();
        Self { e164: numbers.next(), extension, second: numbers.next(), raw: raw.to_owned() }
    }
}

/// The text before «доб.», «ext.», `#`, and the digits after it.
fn cut_extension(raw: &str) -> (&str, Option<String>) {
    const MARKS: [&str; 8] = ["доб", "Доб", "ДОБ", "внутр", "ext", "Ext", "#", "x"];
    let cut = MARKS.iter().filter_map(|mark| Some((raw.find(mark)?, mark.len()))).min();
    let Some((start, _)) = cut else { return (raw, None) };
    let (text, tail) = raw.split_at(start);
    // A number that follows the extension after a separator is another number.
    let tail = tail.split([',', ';', '/']).next().unwrap_or_default();
    let digits: String = tail.chars().filter(char::is_ascii_digit).take(6).collect();
    (text, (!digits.is_empty()).then_some(digits))
}

/// The field's parts that may each be a number.
fn split(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split([',', ';', '/', '\n', '|']).flat_map(|part| part.split(" или ")) {
        let clean: String = part.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        // Two numbers with nothing but a blank between them: the second begins with a plus.
        let starts: Vec<usize> = clean.match_indices('+').map(|(at, _)| at).collect();
        let mut from = 0;
        for start in starts.into_iter().filter(|start| *start > 0).chain([clean.len()]) {
            parts.push(clean.get(from..start).unwrap_or_default().to_owned());
            from = start;
        }
    }
    parts.iter().flat_map(|part| halves(part)).collect()
}

/// `89001234567 89007654321` without a separator that we know: 22 digits are two numbers.
fn halves(part: &str) -> Vec<String> {
    match (part.starts_with('+'), part.len(), part.get(..11), part.get(11..)) {
        (false, 22, Some(first), Some(second)) if part.is_ascii() => {
            vec![first.to_owned(), second.to_owned()]
        }
        _ => vec![part.to_owned()],
    }
}

fn e164(text: &str) -> Option<String> {
    let plus = text.starts_with('+');
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !plus && digits.starts_with("810") && digits.len() > 12 {
        // International from Russia: 8, then 10, then the country.
        return abroad(digits.get(3..)?);
    }
    if !plus && digits.starts_with("00") && digits.len() > 11 {
        digits.drain(..2);
        return if digits.starts_with('7') { russian(digits.get(1..)?) } else { abroad(&digits) };
    }
    match (digits.len(), digits.chars().next()?) {
        (11, '7' | '8') => russian(digits.get(1..)?),
        (10, '3' | '4' | '8' | '9') if !plus => russian(&digits),
        _ if plus && !digits.starts_with('7') => abroad(&digits),
        _ => None,
    }
}

/// Ten digits after +7. Service codes (80x) cannot be dialled by a seller.
fn russian(rest: &str) -> Option<String> {
    let first = rest.chars().next()?;
    let usable =
        rest.len() == 10 && matches!(first, '3' | '4' | '6' | '7' | '8' | '9') && !rest.starts_with("80");
    usable.then(|| format!("+7{rest}"))
}

fn abroad(digits: &str) -> Option<String> {
    let usable = (8..=15).contains(&digits.len()) && !digits.starts_with('0') && !digits.starts_with('7');
    usable.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_understood_as_people_type_them() {
        let check = |raw: &str, main: Option<&str>, second: Option<&str>, extension: Option<&str>| {
            let phone = Phone::parse(raw);
            assert_eq!(phone.e164.as_deref(), main, "{raw}");
            assert_eq!(phone.second.as_deref(), second, "{raw}");
            assert_eq!(phone.extension.as_deref(), extension, "{raw}");
            assert_eq!(phone.raw, raw);
        };
        let main = Some("+79005550101");
        for raw in [
            "+7 (900) 555-01-01",
            "8 900 555-01-01",
            "89005550101",
            "79005550101",
            "9005550101",
            "+8 900 555 01 01",
            "007 900 555 01 01",
        ] {
            check(raw, main, None, None);
        }
        check("8 900 555-01-01 доб. 123", main, None, Some("123"));
        check("+79005550101, +79005550102", main, Some("+79005550102"), None);
        check("89005550101 / 8 (900) 555-01-02", main, Some("+79005550102"), None);
        check("89005550101 89005550102", main, Some("+79005550102"), None);
        check("+79005550101 +79005550102", main, Some("+79005550102"), None);
        check("89005550101, 89005550101", main, None, None);
        check("+375 29 555-01-01", Some("+375295550101"), None, None);
        check("810 375 29 555 01 01", Some("+375295550101"), None, None);
        check("+86 138 0013 8000", Some("+8613800138000"), None, None);
        check("+7 701 555 01 01", Some("+77015550101"), None, None);
        for raw in ["", "нет", "555-01-01", "8 800 555 01 01", "+7 900 555", "890055501011", "12345"] {
            check(raw, None, None, None);
        }
    }
}
