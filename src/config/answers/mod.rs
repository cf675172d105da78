//! Recognises a manager's answer to «Что дальше?» (L13) by a lead's fields, by a stage, or by the first words
//! of a task's result. Never decides what follows from the answer; dates are read by [`crate::process::dates`].
//! Words that other words turn round are [`AnswerKind::Unclear`]: see [`meant`].
//! Enter at [`Answers::from_field`], [`Answers::from_stage`], [`Answers::from_result`].

use std::collections::BTreeMap;

use self::dates::{field_moment, moment};
use self::meant::is_meant;
use super::raw::AnswersFile;
use crate::problem::nearest;
use crate::process::calendar::Calendar;
use crate::process::dates::{Found, Reader};
use crate::process::event::{Answer, AnswerKind, Extent};
use crate::process::hours::TimeOfDay;
use crate::process::{At, RefusalReason};
use crate::signal::FieldValue;

mod dates;
mod meant;

/// The words and fields of one school.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    field: Option<u64>,
    date_field: Option<u64>,
    why_field: Option<u64>,
    reason_field: Option<u64>,
    stages: BTreeMap<u64, AnswerKind>,
    /// Longest first, so that «не дозвонился» is not recognised as a shorter phrase.
    words: Vec<(Vec<String>, AnswerKind)>,
    reasons: Vec<(Vec<String>, RefusalReason)>,
}

/// Shipped first words, by answer. Case and `ё` do not matter; only whole words match.
pub const WORDS: &[(AnswerKind, &[&str])] = &[
    (AnswerKind::CallBack, &["перезвонить", "перезвон", "созвон", "созвониться", "позвонить"]),
    (
        AnswerKind::Promise,
        &["обещал", "обещала", "обещает", "обещали", "обещал оплатить", "обещала оплатить", "оплатит"],
    ),
    (AnswerKind::Instalment, &["рассрочка", "в рассрочку", "рассрочку"]),
    (AnswerKind::LongCycle, &["долгая сделка", "долгий цикл", "долгий", "долгая"]),
    (AnswerKind::Doubt, &["думает", "подумает", "сомневается", "сомневаются"]),
    (AnswerKind::SpecialTerms, &["особые условия", "спецусловия"]),
    (
        AnswerKind::OwnTry,
        &["сам", "сама", "сами", "самостоятельно", "оплатит сам", "оплатит сама", "попробует сам"],
    ),
    (AnswerKind::Refusal, &["отказ", "отказался", "отказалась", "отказались"]),
    (AnswerKind::Duplicate, &["дубль", "дубликат"]),
    (AnswerKind::Mistake, &["ошибка", "ошибочно", "по ошибке"]),
    (AnswerKind::WrongNumber, &["неверный номер", "не тот номер", "чужой номер", "номер неверный"]),
    (AnswerKind::Paid, &["оплачено", "оплачен", "оплатил", "оплатила", "оплатили"]),
    (AnswerKind::Returned, &["вернули", "вернули деньги", "деньги вернули", "возврат"]),
    (AnswerKind::Stays, &["остается", "клиент остается", "остались", "остался", "осталась"]),
    (AnswerKind::Reached, &["дозвонился", "дозвонилась", "поговорили"]),
    (
        AnswerKind::NotReached,
        &[
            "нет",
            "нет ответа",
            "не дозвонился",
            "не дозвонилась",
            "недозвон",
            "не отвечает",
            "не берет",
            "не взял",
            "не взяла",
            "занято",
            "недоступен",
            "сбросил",
            "сбросила",
        ],
    ),
];

/// Shipped words for a refusal, in addition to the labels of [`RefusalReason`].
pub const REASONS: &[(RefusalReason, &[&str])] = &[
    (RefusalReason::Price, &["дорого", "нет денег"]),
    (RefusalReason::Timing, &["срок", "даты"]),
    (RefusalReason::Instalment, &["рассрочку"]),
    (RefusalReason::NotNow, &["позже"]),
    (RefusalReason::Thinking, &["подумает", "думает"]),
    (RefusalReason::Competitor, &["конкурент", "другая школа"]),
    (RefusalReason::NotReached, &["недозвон"]),
];

impl Default for Answers {
    /// The shipped words, no fields and no stages.
    fn default() -> Self {
        Self::new(&AnswersFile::default())
    }
}

impl Answers {
    /// The school's own words take precedence over the shipped ones. Keys of `stages` that are not numbers
    /// are skipped here; `check` reports them.
    pub fn new(file: &AnswersFile) -> Self {
        let shipped = WORDS.iter().flat_map(|(kind, all)| all.iter().map(|text| ((*text).to_owned(), *kind)));
        let labels = RefusalReason::ALL.into_iter().map(|reason| (reason.label().to_owned(), reason));
        let synonyms =
            REASONS.iter().flat_map(|(reason, all)| all.iter().map(|text| ((*text).to_owned(), *reason)));
        let stages = file.stages.iter().filter_map(|(id, kind)| Some((id.parse().ok()?, *kind)));
        Self {
            field: file.field,
            date_field: file.date_field,
            why_field: file.why_field,
            reason_field: file.reason_field,
            stages: stages.collect(),
            words: phrases(&file.words, shipped),
            reasons: phrases(&file.reasons, labels.chain(synonyms)),
        }
    }

    /// Fields of a lead that may contain an answer: they are read, and cleared after use.
    pub fn fields(&self) -> Vec<u64> {
        [self.field, self.date_field, self.why_field, self.reason_field].into_iter().flatten().collect()
    }

    /// Status ids that mean an answer.
    pub fn stages(&self) -> Vec<u64> {
        self.stages.keys().copied().collect()
    }

    /// The fields by their keys in the school's file.
    pub fn named_fields(&self) -> [(&'static str, Option<u64>); 4] {
        [
            ("field", self.field),
            ("date_field", self.date_field),
            ("why_field", self.why_field),
            ("reason_field", self.reason_field),
        ]
    }

    /// What a choice of the answer field means; if nothing, the answer whose words it resembles.
    pub fn of_choice(&self, choice: &str) -> Result<AnswerKind, Option<AnswerKind>> {
        // A list names no dates.
        let (calendar, hour) = (Calendar::default(), TimeOfDay { minute: 12 * 60 });
        let now = At::UNIX_EPOCH.with_timezone(&chrono_tz::UTC);
        let dates = Reader { now, calendar: &calendar, morning: hour, evening: hour };
        match self.kind_of(choice, &dates) {
            Some((kind, _)) if kind != AnswerKind::Unclear => Ok(kind),
            _ => Err(resembled(choice, &self.words)),
        }
    }

    /// The same for the field with the reason of a refusal.
    pub fn of_reason(&self, choice: &str) -> Result<RefusalReason, Option<RefusalReason>> {
        self.reason_in(choice).ok_or_else(|| resembled(choice, &self.reasons))
    }

    /// What stands in these fields, for comparing: «завтра» means another day each day.
    pub fn typed(&self, fields: &[(u64, Vec<FieldValue>)]) -> Vec<String> {
        let texts = self.fields().into_iter().map(|field| text_of(fields, Some(field)).unwrap_or_default());
        texts.map(str::to_owned).collect()
    }

    /// The answer in a lead's fields; `None` while the list field is empty. A choice without a meaning here is
    /// [`AnswerKind::Unclear`].
    /// The date is that of its field, else the one that is named in the reason.
    pub fn from_field(&self, fields: &[(u64, Vec<FieldValue>)], dates: &Reader) -> Option<Answer> {
        let text = |field: Option<u64>| text_of(fields, field);
        let field = self.field?;
        let chosen = text(Some(field))?;
        let known = self.kind_of(chosen, dates).filter(|(kind, _)| *kind != AnswerKind::Unclear);
        let Some((kind, rest)) = known else {
            // Not cleared after use: the choice may have a meaning of the school's own.
            return Some(Answer { why: Some(chosen.to_owned()), ..bare(AnswerKind::Unclear) });
        };
        let why = text(self.why_field);
        let reason = [text(self.reason_field), Some(rest), why]
            .into_iter()
            .flatten()
            .filter(|_| kind == AnswerKind::Refusal)
            .find_map(|words| self.reason_in(words));
        let moment = match text(self.date_field) {
            Some(date) => field_moment(date, dates),
            None => why.and_then(|why| moment(named(kind, why, dates)?.named, dates)),
        };
        let (at, extent) = moment.unzip();
        Some(Answer {
            at,
            extent: extent.unwrap_or_default(),
            // A reason without a meaning is quoted when the manager is asked.
            why: match text(self.reason_field).filter(|_| kind == AnswerKind::Refusal && reason.is_none()) {
                Some(chosen) => {
                    Some([Some(chosen), why].into_iter().flatten().collect::<Vec<_>>().join(", "))
                }
                None => why.map(str::to_owned),
            },
            reason,
            field: Some(field),
            ..bare(kind)
        })
    }

    /// The answer that a move to this status means.
    pub fn from_stage(&self, status: u64) -> Option<Answer> {
        self.stages.get(&status).map(|kind| bare(*kind))
    }

    /// The answers in a task's result: `перезвонить завтра в 11, просит после работы`, `отказ: цена, ждёт премию`;
    /// two in `недоступен, перезвонить завтра в 11`. A date that is past or can mean two things is left out, so that
    /// the manager is asked for it.
    pub fn from_result(&self, text: &str, dates: &Reader) -> Vec<Answer> {
        let first = match self.kind_of(text, dates) {
            Some((kind, rest)) => self.with_date(kind, rest, named(kind, rest, dates), dates),
            None => time_alone(text, dates),
        };
        let Some(mut first) = first else { return Vec::new() };
        let next = self.after_attempt(&first, text, dates);
        if next.is_some() {
            (first.at, first.why) = (None, None);
        }
        std::iter::once(first).chain(next).collect()
    }

    /// What was agreed beside the outcome of an attempt. A time alone, «не дозвонился в 11», may be the attempt's own.
    fn after_attempt(&self, first: &Answer, text: &str, dates: &Reader) -> Option<Answer> {
        if !matches!(first.kind, AnswerKind::Reached | AnswerKind::NotReached) {
            return None;
        }
        let (_, _, mut rest) = self.known(text)?;
        let starts_part = |text| clauses(text).next().is_some_and(|part| trim_marks(part).is_empty());
        let mut begins = starts_part(rest);
        loop {
            let next = self.kind_of(rest, dates).and_then(|(kind, tail)| {
                let is_said = matches!(kind, AnswerKind::CallBack) || begins;
                let fits = first.kind == AnswerKind::Reached
                    || matches!(kind, AnswerKind::CallBack | AnswerKind::Promise | AnswerKind::OwnTry);
                let is_other =
                    !matches!(kind, AnswerKind::Reached | AnswerKind::NotReached | AnswerKind::Unclear);
                let next = self.with_date(kind, tail, named(kind, tail, dates), dates)?;
                (is_said && fits && is_other && (next.at.is_some() || next.reason.is_some())).then_some(next)
            });
            let alone = || time_alone(rest, dates).filter(|one| begins && one.extent == Extent::Moment);
            if let Some(next) = next.or_else(alone) {
                return Some(next);
            }
            let (_, tail) = next_word(rest)?;
            begins = starts_part(tail);
            rest = tail;
        }
    }

    /// The answer in a note, where a date further on may be anything: it has to follow the first words.
    pub fn from_note(&self, text: &str, dates: &Reader) -> Option<Answer> {
        let (kind, rest) = self.kind_of(text, dates)?;
        let first =
            named(kind, rest, dates).filter(|found| trim_marks(&rest[..found.range.start]).is_empty());
        self.with_date(kind, rest, first, dates)
    }

    /// The date is removed from the reason where the reason stays whole without it.
    fn with_date(
        &self,
        kind: AnswerKind,
        rest: &str,
        found: Option<Found>,
        dates: &Reader,
    ) -> Option<Answer> {
        if kind == AnswerKind::Unclear {
            return Some(Answer { why: Some(rest.trim().to_owned()), ..bare(kind) });
        }
        let (mut rest, mut at, mut extent) = (rest, None, Extent::default());
        if let Some((found, (time, said))) =
            found.and_then(|found| Some((found.clone(), moment(found.named, dates)?)))
        {
            (at, extent) = (Some(time), said);
            let (before, after) = (&rest[..found.range.start], &rest[found.range.end..]);
            match (trim_marks(before).is_empty(), trim_marks(after).is_empty()) {
                (true, _) => rest = after,
                (false, true) => rest = before,
                (false, false) => {}
            }
        }
        let (reason, rest) = match kind {
            AnswerKind::Refusal => self.leading_reason(rest),
            _ => (None, rest),
        };
        let why = trim_marks(rest);
        let why = (!why.is_empty()).then(|| why.to_owned());
        Some(Answer { at, extent, why, reason, ..bare(kind) })
    }

    /// The answer that the first words name, and what follows them; where what follows leaves in doubt whether it is
    /// meant, [`AnswerKind::Unclear`] with the whole text.
    fn kind_of<'a>(&self, text: &'a str, dates: &Reader) -> Option<(AnswerKind, &'a str)> {
        let (kind, words, rest) = self.known(text)?;
        let is_meant = is_meant(self, kind, words, rest, dates);
        Some(if is_meant { (kind, rest) } else { (AnswerKind::Unclear, text) })
    }

    fn known<'a>(&self, text: &'a str) -> Option<(AnswerKind, &[String], &'a str)> {
        self.words.iter().find_map(|(words, kind)| Some((*kind, words.as_slice(), after_words(text, words)?)))
    }

    /// A reason at the very beginning is removed from the text; a later one stays in it.
    fn leading_reason<'a>(&self, text: &'a str) -> (Option<RefusalReason>, &'a str) {
        let leading =
            self.reasons.iter().find_map(|(words, reason)| Some((*reason, after_words(text, words)?)));
        match leading {
            Some((reason, rest)) => (Some(reason), rest),
            None => (self.reason_in(text), text),
        }
    }

    /// The first reason that is named anywhere in the text.
    fn reason_in(&self, text: &str) -> Option<RefusalReason> {
        self.reason_at(text).map(|(reason, _)| reason)
    }

    /// Where that reason begins (bytes).
    fn reason_at(&self, text: &str) -> Option<(RefusalReason, usize)> {
        let mut rest = text;
        loop {
            let found = self.reasons.iter().find(|(words, _)| after_words(rest, words).is_some());
            if let Some((_, reason)) = found {
                return Some((*reason, text.len() - rest.len()));
            }
            let (_, tail) = next_word(rest)?;
            rest = tail;
        }
    }
}

/// «В 11», «завтра в 11» and nothing else: the answer to «во сколько перезвонить?» (D5).
fn time_alone(text: &str, dates: &Reader) -> Option<Answer> {
    let found = dates.meant(text)?;
    let beside = [&text[..found.range.start], &text[found.range.end..]];
    let (at, extent) = moment(found.named, dates)?;
    let whole = extent != Extent::Day && beside.iter().all(|part| trim_marks(part).is_empty());
    whole.then(|| Answer { at: Some(at), extent, ..bare(AnswerKind::CallBack) })
}

/// The date that is meant; where the client thinks, also the time that he needs for it: «думает 3 дня».
fn named(kind: AnswerKind, text: &str, dates: &Reader) -> Option<Found> {
    let meant = dates.meant(text);
    match meant {
        Some(found) if found.of_return => Some(found),
        meant => {
            Some(kind).filter(|kind| *kind == AnswerKind::Doubt).and_then(|_| dates.term(text)).or(meant)
        }
    }
}

fn bare(kind: AnswerKind) -> Answer {
    Answer {
        kind,
        at: None,
        extent: Extent::Moment,
        why: None,
        reason: None,
        by: None,
        field: None,
        said_at: None,
    }
}

/// The value of a field that is not empty.
fn text_of(fields: &[(u64, Vec<FieldValue>)], field: Option<u64>) -> Option<&str> {
    let values = &fields.iter().find(|(id, _)| Some(*id) == field)?.1;
    values.iter().map(|value| value.value.trim()).find(|value| !value.is_empty())
}

/// Own phrases before shipped ones, longest first, each once.
fn phrases<T: Copy>(
    own: &BTreeMap<String, T>,
    shipped: impl Iterator<Item = (String, T)>,
) -> Vec<(Vec<String>, T)> {
    let own = own.iter().map(|(text, meaning)| (text.clone(), *meaning));
    let mut all: BTreeMap<Vec<String>, T> = BTreeMap::new();
    for (text, meaning) in own.chain(shipped) {
        let words = words_of(&text);
        if !words.is_empty() {
            all.entry(words).or_insert(meaning);
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    all
}

/// Words in lower case, `ё` as `е`, without marks.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some((word, tail)) = next_word(rest) {
        words.push(word);
        rest = tail;
    }
    words
}

fn next_word(text: &str) -> Option<(String, &str)> {
    let start = text.find(char::is_alphanumeric)?;
    let tail = &text[start..];
    let end = tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len());
    Some((tail[..end].to_lowercase().replace('ё', "е"), &tail[end..]))
}

/// What the known words mean that the text resembles most, as a whole or in its beginning.
fn resembled<T: Copy>(text: &str, phrases: &[(Vec<String>, T)]) -> Option<T> {
    let said = words_of(text);
    let alike = |words: &[String]| {
        let known = words.join(" ");
        let beginning = said.iter().take(words.len()).cloned().collect::<Vec<_>>().join(" ");
        let near = nearest(&beginning, [known.as_str()])?;
        Some(strsim::damerau_levenshtein(&beginning, near))
    };
    let near = phrases.iter().filter_map(|(words, meaning)| Some((alike(words)?, *meaning)));
    near.min_by_key(|(slips, _)| *slips).map(|(_, meaning)| meaning)
}

/// What follows these words, if the text begins with them.
fn after_words<'a>(text: &'a str, words: &[String]) -> Option<&'a str> {
    words.iter().try_fold(text, |rest, word| {
        let (found, tail) = next_word(rest)?;
        (&found == word).then_some(tail)
    })
}

/// The parts of a text between its marks; a mark within a number or a word parts nothing.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    let mut last = None;
    let mut next = text.chars().skip(1);
    text.split(move |c: char| {
        let (before, after) = (last.replace(c), next.next());
        let is_within = |around: fn(char) -> bool| before.is_some_and(around) && after.is_some_and(around);
        match c {
            ',' | '.' | ':' => !is_within(|c| c.is_ascii_digit()),
            '-' | '–' | '—' => !is_within(char::is_alphanumeric),
            _ => ";()!?\n".contains(c),
        }
    })
}

fn trim_marks(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ",.;:-–—()".contains(c))
}

#[cfg(test)]
mod tests;
