//! What was typed, in plain characters: ordinary digits, dashes and blanks, spreadsheets' forms undone.
//! Never decides what is a number, only what cannot be one. Enter at [`Typed::of`].

/// Words behind which digits are something else.
const NO_PHONES: &[&str] =
    &["id", "ид", "айди", "user", "инн", "снилс", "паспорт", "заказ", "заказа", "договор", "№"];

pub struct Typed {
    pub chars: Vec<char>,
    /// Parts of addresses, ids, rounded figures: no number begins here.
    pub barred: Vec<bool>,
}

impl Typed {
    pub fn of(raw: &str, chars_max: usize) -> Self {
        let plain: String = raw.chars().take(chars_max).filter_map(plain).collect();
        let mut typed = Self { chars: Vec::new(), barred: Vec::new() };
        for token in plain.split_inclusive([' ', '\n', ';', '|', '<', '>']) {
            typed.add(token);
        }
        typed.bar_ids();
        typed
    }

    pub fn at(&self, place: usize) -> Option<char> {
        self.chars.get(place).copied()
    }

    pub fn is_digit(&self, place: usize) -> bool {
        self.at(place).is_some_and(|c| c.is_ascii_digit())
    }

    /// Lower case, from `start` on, as long as there are letters.
    pub fn word(&self, start: usize) -> String {
        let rest = self.chars.iter().skip(start).take_while(|c| c.is_alphabetic());
        rest.flat_map(|c| c.to_lowercase()).collect()
    }

    fn add(&mut self, token: &str) {
        let body = token.trim_end_matches([' ', '\n', ';', '|', '<', '>']);
        let end = token.get(body.len()..).unwrap_or_default();
        let (body, is_barred) = match spreadsheet(body) {
            Some(Figure::Whole(digits)) => (digits, false),
            Some(Figure::Rounded) => (body.to_owned(), true),
            None => (body.to_owned(), false),
        };
        for part in body.split_inclusive([',', '(', ')']) {
            let is_address = part.contains('@') || part.to_lowercase().starts_with("sip:");
            self.chars.extend(part.chars());
            self.barred.resize(self.chars.len(), is_barred || is_address);
        }
        self.chars.extend(end.chars());
        self.barred.resize(self.chars.len(), false);
    }

    fn bar_ids(&mut self) {
        let mut at = 0;
        while at < self.chars.len() {
            let word = self.word(at);
            let length = word.chars().count().max(1);
            let is_sign = self.at(at) == Some('№');
            if NO_PHONES.contains(&word.as_str()) || is_sign {
                self.bar_digits(at + length);
            }
            at += length;
        }
    }

    /// The digits right behind: `id 7015550127`, `заказ № 4955550127`.
    fn bar_digits(&mut self, mut at: usize) {
        while self.at(at).is_some_and(|c| matches!(c, ' ' | ':' | '=' | '-' | '№' | '#')) {
            at += 1;
        }
        while self.is_digit(at) {
            if let Some(barred) = self.barred.get_mut(at) {
                *barred = true;
            }
            at += 1;
        }
    }
}

/// One character in its plain form; what cannot be seen is dropped.
fn plain(c: char) -> Option<char> {
    Some(match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32)?,
        '＋' | '﹢' => '+',
        '（' | '［' | '[' | '{' => '(',
        '）' | '］' | ']' | '}' => ')',
        '．' => '.',
        '，' => ',',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{ad}' => '-',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
            return None;
        }
        '\n' | '\r' => '\n',
        c if c.is_whitespace() => ' ',
        c if c.is_control() => return None,
        c => c,
    })
}

enum Figure {
    /// Nothing was lost.
    Whole(String),
    /// Digits were lost: nobody can say which.
    Rounded,
}

/// `79035550127.0`, `7.9035550127E10`, `'+79035550127`.
fn spreadsheet(token: &str) -> Option<Figure> {
    let figure = token.trim_start_matches(['\'', '"', '`', '’', '=']).trim_end_matches(['\'', '"']);
    let (mantissa, power) = match figure.split_once(['E', 'e', 'Е', 'е']) {
        Some((mantissa, power)) => (mantissa, power.trim_start_matches('+').parse::<usize>().ok()?),
        None => (figure, 0),
    };
    let (whole, fraction) = mantissa.split_once(['.', ','])?;
    let sign = if whole.starts_with('+') { "+" } else { "" };
    let whole = whole.trim_start_matches('+');
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    if power == 0 {
        let is_tail = whole.len() >= 10 && fraction.bytes().all(|byte| byte == b'0');
        return is_tail.then(|| Figure::Whole(format!("{sign}{whole}")));
    }
    // A number that ends in zero has a shorter fraction too, but so has one that was rounded.
    let is_whole = whole.len() == 1 && fraction.len() == power;
    Some(if is_whole { Figure::Whole(format!("{sign}{whole}{fraction}")) } else { Figure::Rounded })
}
