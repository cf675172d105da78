//! The head of a text file: its owner, review month and purpose (M2, M6). Never reads the text below it.
//! Enter at [`Head::split`].

use std::collections::BTreeMap;

use crate::problem::{Problem, nearest};

/// Keys in the head of a letter.
pub const LETTER_KEYS: [&str; 5] = ["title", "subject", "owner", "review", "purpose"];

/// Keys in the head of any other text.
pub const OTHER_KEYS: [&str; 3] = ["title", "owner", "review"];

/// The part above the blank line of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What people call the text, «Не дозвонились»; without it the title of the shipped text, or the name.
    pub title: Option<String>,
    /// Letters only; a template.
    pub subject: Option<String>,
    /// The person responsible for the text.
    pub owner: String,
    /// Year and month of the next review.
    pub review: (i32, u32),
    /// Letters only.
    pub purpose: Option<Purpose>,
}

/// Why a letter may be sent (M6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Belongs to the order itself: link, receipt, promised time.
    Transactional,
    /// Helps with the order: materials, advice.
    Service,
    /// Needs stored consent.
    Advertising,
}

/// A mistake in one file, before its path is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    key: &'static str,
    wrong: String,
    allowed: String,
}

impl Fault {
    pub(super) fn new(key: &'static str, (wrong, allowed): (String, String)) -> Self {
        Self { key, wrong, allowed }
    }

    pub(super) fn at(self, file: &str) -> Problem {
        Problem { file: file.to_owned(), key: self.key.to_owned(), wrong: self.wrong, allowed: self.allowed }
    }
}

/// A letter has a subject and a purpose, the other kinds have neither.
pub(super) fn is_letter(name: &str) -> bool {
    !["task_", "script_", "common_"].iter().any(|prefix| name.starts_with(prefix))
}

impl Head {
    /// Head and body of a file, or all mistakes in the head at once.
    pub(super) fn split<'a>(name: &str, source: &'a str) -> Result<(Self, &'a str), Vec<Fault>> {
        let source = source.trim_start_matches('\u{feff}');
        let (head, body) = split_at_blank(source);
        let mut faults = Vec::new();
        let mut keys = BTreeMap::new();
        for line in head.lines() {
            match line.split_once(':') {
                Some((key, value)) => {
                    keys.insert(key.trim(), value.trim());
                }
                None => faults.push(fault("", "the head has a line without `key: value`", HEAD_SHAPE)),
            }
        }
        if body.trim().is_empty() {
            faults.push(fault("", "no text below the head", HEAD_SHAPE));
        }
        let letter = is_letter(name);
        let known: &[&str] = if letter { &LETTER_KEYS } else { &OTHER_KEYS };
        for key in keys.keys().filter(|key| !known.contains(key)) {
            let wrong = format!("unknown key `{key}` in the head");
            faults.push(Fault::new("", (wrong, format!("one of: {}", known.join(", ")))));
        }
        let owner = keys.get("owner").copied().unwrap_or_default();
        if owner.is_empty() {
            faults.push(fault("owner", "nobody owns this text", "`owner:` and a person or a role"));
        }
        let review = keys.get("review").and_then(|month| year_month(month));
        if review.is_none() {
            faults.push(fault("review", "no month of review", "`review: 2027-06`"));
        }
        let subject = keys.get("subject").map(|subject| (*subject).to_owned());
        if letter && subject.as_ref().is_none_or(String::is_empty) {
            faults.push(fault("subject", "a letter without a subject", "`subject:` and one line"));
        }
        let purpose = keys.get("purpose").and_then(|word| purpose(word));
        if letter && purpose.is_none() {
            faults.push(no_purpose(keys.get("purpose").copied().unwrap_or_default()));
        }
        match review {
            Some(review) if faults.is_empty() => {
                let title = keys.get("title").filter(|title| !title.is_empty());
                let title = title.map(|title| (*title).to_owned());
                Ok((Self { title, subject, owner: owner.to_owned(), review, purpose }, body))
            }
            _ => Err(faults),
        }
    }
}

const HEAD_SHAPE: &str = "lines `key: value`, then an empty line, then the text";

fn fault(key: &'static str, wrong: &str, allowed: &str) -> Fault {
    Fault::new(key, (wrong.to_owned(), allowed.to_owned()))
}

pub(super) fn split_at_blank(source: &str) -> (&str, &str) {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if line.trim().is_empty() {
            return (&source[..at], &source[at + line.len()..]);
        }
        at += line.len();
    }
    (source, "")
}

fn year_month(text: &str) -> Option<(i32, u32)> {
    let (year, month) = text.split_once('-')?;
    let (year, month) = (year.parse().ok()?, month.parse().ok()?);
    ((2000..=2999).contains(&year) && (1..=12).contains(&month)).then_some((year, month))
}

fn no_purpose(word: &str) -> Fault {
    let all = "transactional, service or advertising";
    let meant = nearest(word, ["transactional", "service", "advertising"]);
    let wrong =
        if word.is_empty() { "no purpose".to_owned() } else { format!("no purpose is called `{word}`") };
    Fault::new("purpose", (wrong, meant.map_or(all.to_owned(), |meant| format!("is `{meant}` meant? {all}"))))
}

fn purpose(word: &str) -> Option<Purpose> {
    match word {
        "transactional" => Some(Purpose::Transactional),
        "service" => Some(Purpose::Service),
        "advertising" => Some(Purpose::Advertising),
        _ => None,
    }
}
