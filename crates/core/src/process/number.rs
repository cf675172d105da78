//! Phones as people type them, made into E.164 (rules Q1, Q3).
//! Never throws away what was typed, and never gives a number that was not typed: where two readings are possible,
//! there is none. Enter at [`Phone::parse`]; [`Phone::of_line`] reads what machines write.

mod plan;
mod reading;
mod scan;
mod text;
mod words;

use super::value::Phone;
use crate::mutant::cut;

/// Longer fields are notes; behind this many characters nobody looks for a number.
const TYPED_CHARS_MAX: usize = 400;

/// How the services of +7 begin: free, shared and paid ones.
const SERVICES: &str = "80";

impl Phone {
    /// `8 900…`, `+7 (900)…`, `9001234567`, with «доб. 123», two numbers in one field (Q1); what stands beside the
    /// numbers is kept as words. An obvious fake is no number (Q3).
    pub fn parse(raw: &str) -> Self {
        let typed = text::Typed::of(raw, TYPED_CHARS_MAX);
        let mut cuts: Vec<(usize, usize)> = Vec::new();
        let mut numbers: Vec<String> = Vec::new();
        let mut extension = None;
        for found in scan::numbers(&typed) {
            if !numbers.contains(&found.e164) {
                if numbers.len() == 2 {
                    continue;
                }
                numbers.push(found.e164);
            }
            cuts.push((found.start, found.end));
            if numbers.len() == 1
                && extension.is_none()
                && let Some((digits, end)) = words::extension(&typed, found.end)
            {
                extension = Some(digits);
                cuts.push((found.end, end));
            }
        }
        let words = words::left_over(&typed, &cuts);
        let mut numbers = numbers.into_iter();
        let (e164, second) = (numbers.next(), numbers.next().filter(|_| !cut("Q1.second")));
        let words = words.filter(|_| e164.is_some() && !cut("Q1.words"));
        Self { e164, extension, second, words, raw: raw.to_owned() }
    }

    /// A number that a call came from, in E.164 already.
    pub fn called(number: &str, raw: &str) -> Self {
        Self {
            e164: Some(number.to_owned()),
            extension: None,
            second: None,
            words: None,
            raw: raw.to_owned(),
        }
    }

    /// Whether the bridge may call a number by itself: it is of one of these countries, and no service of +7, which may
    /// cost anything (F102).
    pub fn may_be_called(e164: &str, countries: &[String]) -> bool {
        let digits = e164.trim_start_matches('+');
        let code = match digits.strip_prefix('7') {
            Some(national) if plan::is_person(national) && !national.starts_with(SERVICES) => "7",
            Some(_) => return false,
            None => plan::foreign(digits).and_then(|length| digits.get(..length)).unwrap_or_default(),
        };
        countries.iter().any(|country| country == code)
    }

    /// Whether a country has this code; the codes of satellites and paid services are of none.
    pub fn is_country(code: &str) -> bool {
        code == "7" || plan::is_code(code)
    }

    /// What was typed beside the numbers, for people: «доб. 136, после 18:00».
    pub fn beside(&self) -> Option<String> {
        let extension = self.extension.as_ref().map(|digits| format!("доб. {digits}"));
        let parts: Vec<String> = extension.into_iter().chain(self.words.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// A number as a telephone exchange writes it: all digits with the country's code, often without a plus.
    /// `None` for extensions, addresses and hidden callers.
    pub fn of_line(said: &str) -> Option<String> {
        if let Some(number) = Self::parse(said).e164 {
            return Some(number);
        }
        let digits = said.trim().trim_start_matches('+');
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // Whoever calls has a number, whatever it looks like.
        let russian = digits.strip_prefix(['7', '8']).filter(|national| plan::is_person(national));
        russian.map_or_else(
            || plan::foreign(digits).map(|_| format!("+{digits}")),
            |national| Some(format!("+7{national}")),
        )
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
