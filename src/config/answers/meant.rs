//! Whether an answer's first words mean it: «ошибка» does, «ошибка при оплате картой» and «рассрочка не нужна» do
//! not. Never finds the words themselves; a doubtful answer is asked for again. Enter at [`is_meant`].

use super::{Answers, clauses, next_word, words_of};
use crate::process::dates::Reader;
use crate::process::event::AnswerKind::{self, *};

/// A word that turns the others round.
const NEGATIONS: &str = "не нет без никогда ни нельзя ненужно ненужна ненужен ненадо неактуально";

/// After «не»: about the time only, beside a date that is named.
const OF_TIME: &str = "позже позднее раньше ранее сейчас";

/// After «не» in another part of the text: not a reason, but the answer taken back.
const REFUSING: &str = "надо нужно нужен нужна нужны стоит будет будем будут звонить звоните перезванивать перезванивайте \
    перезвонить беспокоить платить оплатит оплатят оплачивать актуально требуется";

/// Before a date, a sum or a number.
const LITTLE: &str =
    "в во на до к ко с со по за через около примерно и уже р руб рублей рубля тыс тысяч тысячи тысячу т";

/// What may stand beside the words of an answer that must be certain; an ending `*` takes every ending.
fn companions(kind: AnswerKind) -> Option<&'static str> {
    Some(match kind {
        Mistake => "оформил* создал* создан* заказал* нажал*",
        Duplicate => "заказ* заявк* сделк* лид* номер* первого старого предыдущего",
        WrongNumber => "телефон* тел клиент* указан* указал* у заказе карточке анкете",
        Paid => {
            "картой наличными переводом полностью целиком все всю сам сама сейчас сегодня вчера только \
             что сбп ссылке счет* частично часть половину предоплату предоплата сумм* заказ курс"
        }
        Instalment => {
            "месяц* мес год* лет полгода банк* от хочет хотят просит нужна нужно интересна интересует \
             оформ* готов* сразу"
        }
        Returned => "деньги денег средств* сделан оформлен полный полностью часть части",
        Refusal => {
            "из так как очень слишком у от клиент* покупки курса обучения заказа оплаты причина потому \
             что"
        }
        _ => return None,
    })
}

/// What these say first is the answer's own matter; other matters are not.
const OF_PAYING: &str = "оплат* оплач* заплат* доплат* внес* перевести переведет перевод* платеж* попроб*";
const OF_PROMISE: &str = "сам сама точно твердо позже сегодня завтра на весь все";
const OF_STAY: &str = "с на в у учиться клиент* курс* дальше нами все пока";

/// Words of a call, which are no payment.
const OF_CALL: &str = "звон* перезвон* позвон* созвон*";

/// What a mistake in an order is not: something did not work.
const OF_FAILURE: &str = "оплат* карт* сайт* ссылк* платеж* банк* страниц* кабинет*";

fn is_of(word: &str, list: &str) -> bool {
    list.split(' ').any(|known| match known.strip_suffix('*') {
        Some(stem) => word.starts_with(stem),
        None => word == known,
    })
}

/// Whether `rest`, which follows the words of an answer, leaves them as they are.
pub(super) fn is_meant(
    answers: &Answers,
    kind: AnswerKind,
    said: &[String],
    rest: &str,
    dates: &Reader,
) -> bool {
    let mut parts = clauses(rest);
    let beside = parts.next().unwrap_or_default();
    let asks = rest[beside.len()..].starts_with('?');
    !asks
        && !words_of(rest).iter().any(|word| word == "никогда")
        && !denies(answers, kind, beside, rest, dates)
        && !offers_other(answers, kind, rest)
        && goes_on(answers, kind, said, beside, dates)
        && parts.all(|part| stands(answers, kind, part))
}

/// A negation in the same part of the text.
fn denies(answers: &Answers, kind: AnswerKind, beside: &str, whole: &str, dates: &Reader) -> bool {
    let is_certain = companions(kind).is_some();
    let mut rest = beside;
    while let Some((word, tail)) = next_word(rest) {
        let from = rest;
        rest = tail;
        if !is_of(&word, NEGATIONS) {
            continue;
        }
        let is_same =
            kind == NotReached && answers.known(from).is_some_and(|(found, _, _)| found == NotReached);
        let is_reason = kind == Refusal && answers.reason_at(beside).is_some();
        let of_time = word == "не"
            && !is_certain
            && dates.meant(whole).is_some()
            && (next_word(tail).is_some_and(|(next, _)| is_of(&next, OF_TIME))
                || begins_with_date(tail, dates));
        if !(is_same || is_reason || of_time) {
            return true;
        }
    }
    false
}

/// «Завтра или рассрочка»: one of two answers. Of «перезвонить завтра или сам наберёт» the first is meant.
fn offers_other(answers: &Answers, kind: AnswerKind, mut rest: &str) -> bool {
    while let Some((word, tail)) = next_word(rest) {
        rest = tail;
        let other = answers.known(tail).map(|(other, _, _)| other).filter(|other| *other != kind);
        let is_other = other.is_some_and(|other| !(kind == CallBack && other == OwnTry));
        if matches!(word.as_str(), "или" | "либо") && is_other {
            return true;
        }
    }
    false
}

fn begins_with_date(text: &str, dates: &Reader) -> bool {
    let found = dates.read(text);
    let first = found.first().map(|found| words_of(&text[..found.range.start]));
    first.is_some_and(|before| before.iter().all(|word| is_of(word, LITTLE)))
}

/// The same part of the text goes on as this answer may.
fn goes_on(answers: &Answers, kind: AnswerKind, said: &[String], beside: &str, dates: &Reader) -> bool {
    let words = without_dates(beside, dates);
    if let Some(own) = companions(kind) {
        let lead = match (kind, answers.reason_at(beside)) {
            (Refusal, Some((_, at))) => words_of(&beside[..at]),
            _ => words,
        };
        return lead.iter().all(|word| is_small(word) || is_of(word, own));
    }
    let bare = said.len() == 1;
    match kind {
        NotReached if bare && said[0] == "нет" => {
            words.is_empty() || answers.known(beside).is_some_and(|(found, _, _)| found == NotReached)
        }
        Promise | OwnTry => {
            let says_paying = said.iter().chain(&words).any(|word| is_of(word, OF_PAYING));
            let begins = words.first().is_none_or(|word| is_small(word) || is_of(word, OF_PROMISE));
            let begins = begins || begins_with_date(beside, dates);
            (says_paying || begins) && !words.iter().any(|word| is_of(word, OF_CALL))
        }
        Stays => words.first().is_none_or(|word| is_of(word, OF_STAY)),
        _ => true,
    }
}

fn is_small(word: &str) -> bool {
    is_of(word, LITTLE) || word.chars().all(|c| c.is_ascii_digit())
}

/// The words of a text that belong to no date.
fn without_dates(text: &str, dates: &Reader) -> Vec<String> {
    let (mut words, mut from) = (Vec::new(), 0);
    for found in dates.read(text) {
        words.extend(words_of(&text[from..found.range.start]));
        from = found.range.end;
    }
    words.extend(words_of(&text[from..]));
    words
}

/// A further part of the text lets the answer stand.
fn stands(answers: &Answers, kind: AnswerKind, part: &str) -> bool {
    let words = words_of(part);
    let denied = |word: &String| is_of(word, NEGATIONS);
    if !words.is_empty() && words.iter().all(denied) {
        return matches!(kind, NotReached);
    }
    let other = || {
        let found = answers.known(part).or_else(|| answers.known(after_joints(part)));
        found.map(|(found, _, _)| found).filter(|found| *found != kind)
    };
    match kind {
        Mistake | Duplicate | WrongNumber | Paid | Instalment | Returned => {
            let same = answers.known(part).is_some_and(|(found, _, rest)| found == kind && !says_no(rest));
            (same || !words.iter().any(denied))
                && other().is_none_or(|found| matches!(found, Instalment | Doubt | Reached | NotReached))
                && !(kind == Mistake && words.iter().any(|word| is_of(word, OF_FAILURE)))
        }
        Refusal => !matches!(other(), Some(CallBack | Promise | OwnTry | Paid)),
        NotReached | Reached | Stays => true,
        _ => !takes_back(&words),
    }
}

fn says_no(text: &str) -> bool {
    words_of(text).iter().any(|word| is_of(word, NEGATIONS))
}

/// «Не надо», «нет смысла звонить» is no reason.
fn takes_back(words: &[String]) -> bool {
    let negated = words.windows(2).any(|pair| pair[0] == "не" && is_of(&pair[1], REFUSING));
    negated || words.iter().any(|word| word.starts_with("нен") && is_of(word, NEGATIONS))
}

/// «Но», «и», «потом» before another answer.
fn after_joints(mut part: &str) -> &str {
    while let Some((word, tail)) = next_word(part) {
        if !matches!(word.as_str(), "но" | "а" | "и" | "потом" | "затем" | "все" | "же") {
            break;
        }
        part = tail;
    }
    part
}
