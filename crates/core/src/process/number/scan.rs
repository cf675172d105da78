//! Finds the numbers in a text: runs of digits, and the piece of each that is a whole number.
//! Never joins digits over letters or commas. Enter at [`numbers`].

use super::plan;
use super::reading::{Digits, Reading, read};
use super::text::Typed;
use crate::mutant::cut;

/// A number and the place that it takes in the text.
pub struct Found {
    pub e164: String,
    pub start: usize,
    pub end: usize,
}

/// Digits of something else before a number, at most: «после 18 8 903 …».
const SKIPPED_MAX: usize = 4;

/// Digits with nothing but blanks, brackets, dashes, dots and slashes between them.
#[derive(Default)]
struct Run {
    plus: bool,
    start: usize,
    digits: String,
    places: Vec<usize>,
    /// What stands before each digit; the first has `None`.
    gaps: Vec<Option<Gap>>,
    bracket: bool,
    end: usize,
}

/// Between two digits of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// A dash or a dot: the number goes on.
    Joint,
    /// A blank, a bracket, a slash: a number may end here.
    Break,
}

/// All numbers, in the order in which they stand. Obvious fakes are passed over.
pub fn numbers(typed: &Typed) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < typed.chars.len() {
        let Some(run) = run(typed, at) else {
            at += 1;
            continue;
        };
        match piece(&run) {
            Some((from, to, e164)) => {
                let start = if from == 0 { run.start } else { run.place(from) };
                at = run.place(to) + 1;
                if !plan::is_fake(e164.get(2..).unwrap_or_default()) || cut("Q3.fake") {
                    found.push(Found { e164, start, end: at });
                }
            }
            None => at = run.end,
        }
    }
    found
}

fn run(typed: &Typed, start: usize) -> Option<Run> {
    let plus = typed.at(start) == Some('+');
    let before = start.checked_sub(1).and_then(|before| typed.at(before));
    let mut run = Run { plus, start, end: start + 1, bracket: before == Some('('), ..Run::default() };
    let mut at = start + usize::from(plus);
    let mut gap = None;
    while let Some(c) = typed.at(at) {
        match c {
            '0'..='9' if typed.barred.get(at).is_some_and(|barred| !barred) => {
                run.digits.push(c);
                run.places.push(at);
                run.gaps.push(gap.filter(|_| run.digits.len() > 1));
                run.end = at + 1;
                gap = None;
            }
            ' ' | '(' | ')' | '/' | '\\' if plus || !run.digits.is_empty() => gap = Some(Gap::Break),
            '-' | '.' | '_' | '~' if !run.digits.is_empty() => gap = gap.or(Some(Gap::Joint)),
            _ => break,
        }
        at += 1;
    }
    if typed.at(run.end) == Some(':') && typed.is_digit(run.end + 1) {
        run.drop_hour();
    }
    (!run.digits.is_empty()).then_some(run)
}

/// The first whole number of a run: where its first digit and its last are.
fn piece(run: &Run) -> Option<(usize, usize, String)> {
    if let Some((to, e164)) = leading(run, 0) {
        return Some((0, to, e164));
    }
    if run.plus || run.is_abroad() {
        return None;
    }
    // Behind digits of something else only a mobile number with its 8 or 7 is plain to see.
    (1..run.digits.len().min(SKIPPED_MAX + 1)).filter(|from| run.breaks_before(*from)).find_map(|from| {
        let (to, e164) = leading(run, from)?;
        let is_plain = to + 1 - from == 11 && e164.starts_with("+79");
        let is_foreign = run.digits.get(..=to).and_then(plan::foreign).is_some();
        (is_plain && !is_foreign).then_some((from, to, e164))
    })
}

/// The piece from `from` on that is a whole number and ends where a piece may end: the index of its last digit.
fn leading(run: &Run, from: usize) -> Option<(usize, String)> {
    let last = run.digits.len().checked_sub(1)?;
    let ends = (from..=last).filter(|to| *to == last || run.breaks_before(to + 1));
    let all: Vec<(usize, Reading)> = ends.filter_map(|to| Some((to, run.reading(from, to)?))).collect();
    let whole = all.iter().find(|(to, reading)| *to == last && matches!(reading, Reading::Foreign(_)));
    let (to, reading) = match (all.as_slice(), whole) {
        (_, Some(whole)) => whole,
        ([one], None) => one,
        // Two readings: nobody can say which.
        _ => return None,
    };
    match reading {
        Reading::Foreign(e164) => Some((*to, e164.clone())),
        Reading::Home(_) if *to < last && run.is_abroad() => None,
        Reading::Home(_) if *to == last && run.is_ten_and_more(from) => None,
        Reading::Home(e164) => Some((*to, e164.clone())),
    }
}

impl Run {
    fn place(&self, digit: usize) -> usize {
        self.places.get(digit).copied().unwrap_or(self.end)
    }

    /// `… 18:00`: the last digits are a time.
    fn drop_hour(&mut self) {
        let Some(start) = self.gaps.iter().rposition(Option::is_some) else { return };
        if self.digits.len() - start <= 2 {
            self.digits.truncate(start);
            self.places.truncate(start);
            self.gaps.truncate(start);
        }
    }

    fn breaks_before(&self, digit: usize) -> bool {
        self.gaps.get(digit) == Some(&Some(Gap::Break))
    }

    /// How many digits stand together from `from` on.
    fn group(&self, from: usize) -> usize {
        let more = self.gaps.iter().skip(from + 1).take_while(|gap| gap.is_none());
        1 + more.count()
    }

    fn reading(&self, from: usize, to: usize) -> Option<Reading> {
        let first = self.group(from);
        let digits = Digits {
            all: self.digits.get(from..=to)?,
            plus: self.plus && from == 0,
            first,
            second: self.group(from + first),
            bracket: self.bracket && from == 0,
        };
        read(&digits).or_else(|| self.without_zero(from, to))
    }

    /// `+49 (0) 30 …`: the zero is dialled at home only.
    fn without_zero(&self, from: usize, to: usize) -> Option<Reading> {
        if !self.plus || from > 0 {
            return None;
        }
        let first = self.group(0);
        let all = self.digits.get(..=to)?;
        let (code, rest) = (all.get(..first)?, all.get(first..)?);
        let rest = rest.strip_prefix('0').filter(|_| self.group(first) == 1 && first <= 3)?;
        let whole = format!("{code}{rest}");
        (plan::foreign(&whole)? == first).then(|| Reading::Foreign(format!("+{whole}")))
    }

    /// The whole run is a number abroad, written without its plus or behind a `+7` of the form: `998 90 123 45 67`.
    fn is_abroad(&self) -> bool {
        let skips = if self.digits.starts_with(['7', '8']) && self.group(0) == 1 { 0..=1 } else { 0..=0 };
        skips.into_iter().any(|skip| {
            let whole = self.digits.get(skip..).and_then(plan::foreign);
            whole.is_some_and(|code| self.group(skip) == code)
        })
    }

    /// `8342 55 50 12 5`: ten digits of Saransk and a flat, or eleven of Perm.
    fn is_ten_and_more(&self, from: usize) -> bool {
        self.digits.len() == from + 11
            && self.group(from) > 1
            && self.breaks_before(from + 10)
            && self.digits.get(from..from + 10).is_some_and(plan::is_person)
    }
}
