//! What one row of digits is, as a person reads it: a number of +7, of Belarus, of another country.
//! Never looks beyond these digits. Enter at [`read`].

use super::plan;

/// Digits of one piece, with what was typed around them.
pub struct Digits<'t> {
    pub all: &'t str,
    pub plus: bool,
    /// How many digits stand in the first and second group: `8 (903)…` has 1 and 3.
    pub first: usize,
    pub second: usize,
    /// The first group stands in a bracket: `(8412) 55-50-12`.
    pub bracket: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Of Russia, Kazakhstan, or a neighbour as it is dialled at home: of one length.
    Home(String),
    Foreign(String),
}

/// `None`: not a number, or not only one.
pub fn read(digits: &Digits<'_>) -> Option<Reading> {
    let abroad = if digits.plus { Some(digits.all) } else { digits.all.strip_prefix("00") };
    if let Some(abroad) = abroad {
        return with_code(digits, abroad);
    }
    if let Some(abroad) = digits.all.strip_prefix("810").filter(|rest| rest.len() >= 9) {
        return with_code(digits, abroad);
    }
    let home = match digits.all.len() {
        10 => ten(digits),
        11 => eleven(digits, digits.all).or_else(|| belarus(digits)),
        12 => doubled(digits),
        _ => None,
    };
    home.map(Reading::Home)
}

/// A typed plus, 00 or 810: the country's code comes first.
fn with_code(digits: &Digits<'_>, abroad: &str) -> Option<Reading> {
    if abroad.starts_with('7') {
        // Russia and Kazakhstan have eleven digits or it is no number of theirs.
        let own = match abroad.len() {
            11 => eleven(digits, abroad),
            12 if digits.plus => doubled(digits),
            _ => None,
        };
        return own.map(Reading::Home);
    }
    if abroad.starts_with("89") && abroad.len() == 11 && digits.plus {
        // `+8 903…`: nobody's code begins so.
        return eleven(digits, abroad).map(Reading::Home);
    }
    if digits.plus && abroad.len() == 10 && plan::is_person(abroad) {
        let code = plan::foreign(abroad);
        if code.is_none() && abroad.starts_with('9') {
            return Some(Reading::Home(format!("+7{abroad}")));
        }
        if digits.first == 3 && code != Some(3) {
            // `+495 555-01-27`: Moscow or Germany.
            return None;
        }
    }
    let national = abroad.strip_prefix("375").map(|national| match national.len() {
        // The way from a Belarusian town to another, typed behind the code.
        10 => national.strip_prefix('0').unwrap_or(national),
        11 => national.strip_prefix("80").unwrap_or(national),
        _ => national,
    });
    let whole = national.map_or_else(|| abroad.to_owned(), |national| format!("375{national}"));
    plan::foreign(&whole).map(|_| Reading::Foreign(format!("+{whole}")))
}

/// `903 555 01 27`. Where it begins with 8 or 7, a number with a lost digit must be impossible.
fn ten(digits: &Digits<'_>) -> Option<String> {
    let all = digits.all;
    let could_lack_one =
        all.starts_with(['7', '8']) && (digits.first == 1 || all.get(1..4).is_some_and(plan::is_area));
    (plan::is_person(all) && (!could_lack_one || digits.bracket)).then(|| format!("+7{all}"))
}

/// `8 903…`, `7 903…`.
fn eleven(digits: &Digits<'_>, all: &str) -> Option<String> {
    let national = all.strip_prefix(['7', '8'])?;
    // `+7 8 343 555 01 2`: both ways to begin, and a digit was lost.
    let lacks_one = digits.first == 1 && digits.second == 1 && national.starts_with('8');
    // Kazakhstan keeps 6xx. Without its plus, or an 8 that stands alone, it may be Stavropol's 8652.
    let is_kept = national.starts_with('6') && (digits.plus || digits.first == 1);
    ((plan::is_person(national) || is_kept) && !lacks_one).then(|| format!("+7{national}"))
}

/// `+7 8 903…`, `+7 (8) 903…`: both ways to begin, one after the other.
fn doubled(digits: &Digits<'_>) -> Option<String> {
    let all = digits.all;
    let national = all.strip_prefix("78").or_else(|| all.strip_prefix("87"))?;
    let is_apart = digits.first == 1 && digits.second == 1;
    let is_mobile = digits.plus && all.starts_with("789");
    (plan::is_person(national) && (is_apart || is_mobile)).then(|| format!("+7{national}"))
}

/// `80 29 …`, `8 029 …`: Belarus dials home so. 33 and 44 are towns of Ukraine too, unless 80 stands alone.
fn belarus(digits: &Digits<'_>) -> Option<String> {
    let national = digits.all.strip_prefix("80")?;
    let code = national.get(..2)?;
    let is_only = matches!(code, "15" | "16" | "17" | "21" | "22" | "23" | "25" | "29");
    let is_alone = matches!(code, "33" | "44") && digits.first == 2;
    ((is_only || is_alone) && national.len() == 9).then(|| format!("+375{national}"))
}
