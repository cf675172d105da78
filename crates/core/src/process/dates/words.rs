//! The words of dates and times, in lower case, with `е` for `ё`. Never decides what a phrase means. Enter at
//! the functions, each of which reads one word.

use chrono::Weekday;

use crate::problem::nearest;

/// Which week, month or year, as a pronoun says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    This,
    Next,
    Last,
    /// «Ту пятницу».
    That,
}

/// A part of a week, a month or a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Beginning,
    Middle,
    End,
}

/// A part of the day that a person names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Day,
    Evening,
    Night,
}

/// «ноября», «ноябрь», «нояб», «11» is no word.
pub(super) fn month(word: &str) -> Option<u32> {
    const MONTHS: [&[&str]; 12] = [
        &["января", "январь", "январе", "янв"],
        &["февраля", "февраль", "феврале", "фев", "февр"],
        &["марта", "март", "марте", "мар"],
        &["апреля", "апрель", "апреле", "апр"],
        &["мая", "май", "мае"],
        &["июня", "июнь", "июне", "июн"],
        &["июля", "июль", "июле", "июл"],
        &["августа", "август", "августе", "авг"],
        &["сентября", "сентябрь", "сентябре", "сен", "сент"],
        &["октября", "октябрь", "октябре", "окт"],
        &["ноября", "ноябрь", "ноябре", "ноя", "нояб"],
        &["декабря", "декабрь", "декабре", "дек"],
    ];
    position(&MONTHS, word).map(|place| place as u32 + 1)
}

/// «деко», «нояря»: the first letters are those of a month.
pub(super) fn begins_month(word: &str) -> bool {
    ["янв", "фев", "мар", "апр", "май", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"]
        .iter()
        .any(|stem| word.starts_with(stem))
}

/// In any case, and «пн».
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    const DAYS: [&[&str]; 7] = [
        &["понедельник", "понедельника", "понедельнику", "понедельником", "пн", "пон", "понед"],
        &["вторник", "вторника", "вторнику", "вторником", "вт", "вторн"],
        &["среда", "среду", "среды", "среде", "средой", "ср"],
        &["четверг", "четверга", "четвергу", "четвергом", "чт", "четв"],
        &["пятница", "пятницу", "пятницы", "пятнице", "пятницей", "пт", "пятн"],
        &["суббота", "субботу", "субботы", "субботе", "субботой", "сб", "субб"],
        &["воскресенье", "воскресенья", "воскресенью", "воскресение", "вс", "воскр"],
    ];
    position(&DAYS, word).and_then(|place| Weekday::try_from(place as u8).ok())
}

/// «сегодня» 0, «завтра» 1.
pub(super) fn near_day(word: &str) -> Option<u64> {
    position(&[&["сегодня"], &["завтра"], &["послезавтра"]], word).map(|place| place as u64)
}

/// «первого», «первому», «первое» … «тридцатого». «Тридцать» is only the beginning of «тридцать первого».
pub(super) fn ordinal(word: &str) -> Option<u32> {
    const STEMS: [&str; 20] = [
        "перв",
        "втор",
        "треть",
        "четверт",
        "пят",
        "шест",
        "седьм",
        "восьм",
        "девят",
        "десят",
        "одиннадцат",
        "двенадцат",
        "тринадцат",
        "четырнадцат",
        "пятнадцат",
        "шестнадцат",
        "семнадцат",
        "восемнадцат",
        "девятнадцат",
        "двадцат",
    ];
    let stem =
        ["ого", "ому", "ое", "его", "ему", "е"].into_iter().find_map(|ending| word.strip_suffix(ending))?;
    match stem {
        "тридцат" => Some(30),
        _ => STEMS.iter().position(|known| *known == stem).map(|place| place as u32 + 1),
    }
}

/// «Пятого» in «половина пятого»: the hour that has begun.
pub(super) fn begun_hour(word: &str) -> Option<u32> {
    ordinal(word).filter(|_| word.ends_with("го"))
}

/// «начале», «середину», «конца».
pub(super) fn edge(word: &str) -> Option<Edge> {
    match word {
        "начало" | "начала" | "началу" | "начале" => Some(Edge::Beginning),
        "середина" | "середину" | "середины" | "середине" => {
            Some(Edge::Middle)
        }
        "конец" | "конца" | "концу" | "конце" => Some(Edge::End),
        _ => None,
    }
}

/// «этот», «следующей», «прошлую», «ту».
pub(super) fn which(word: &str) -> Option<Which> {
    let begins = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem));
    match word {
        "этот" | "эту" | "это" | "этой" | "этого" | "этом" => Some(Which::This),
        "след" => Some(Which::Next),
        "тот" | "ту" | "той" => Some(Which::That),
        _ if begins(&["ближайш", "текущ"]) => Some(Which::This),
        _ if begins(&["следующ", "будущ"]) => Some(Which::Next),
        _ if begins(&["прошл", "позапрошл", "минувш", "предыдущ"]) => {
            Some(Which::Last)
        }
        _ => None,
    }
}

/// «Через пятницу», «каждую пятницу», «последнюю пятницу», «чёрную пятницу».
pub(super) fn moves_weekday(word: &str) -> bool {
    const STEMS: [&str; 7] = ["кажд", "перв", "втор", "трет", "последн", "люб", "черн"];
    word == "через" || STEMS.iter().any(|stem| word.starts_with(stem))
}

/// A time that is longer than a day: «неделе», «месяца».
pub(super) fn is_long_time(word: &str) -> bool {
    matches!(
        word,
        "неделе"
            | "неделю"
            | "недели"
            | "месяце"
            | "месяц"
            | "месяца"
            | "году"
            | "год"
            | "года"
    )
}

/// «С половиной», «с лишним»: more than the number that was named.
pub(super) fn is_rest(word: &str) -> bool {
    matches!(word, "половиной" | "четвертью" | "небольшим" | "лишним" | "хвостиком")
}

/// What «через 2» can count that is a day or longer.
pub(super) fn is_days(word: &str) -> bool {
    ["дн", "день", "дене", "сут", "недел", "месяц"].iter().any(|stem| word.starts_with(stem))
}

/// What stands behind a number to make a day of it: «30-го», «к 5му».
pub(super) fn is_ending(word: &str) -> bool {
    matches!(word, "го" | "ого" | "его" | "му" | "ому" | "ему" | "е" | "ое")
}

/// «5 числа».
pub(super) fn is_day_word(word: &str) -> bool {
    matches!(word, "числа" | "число" | "числу" | "числе" | "числом")
}

/// Words that end with a full stop inside a sentence: «5 дек. 15:00».
pub(super) fn is_shortened(word: &str) -> bool {
    let is_month = month(word).is_some() && !word.ends_with(['я', 'а', 'ь', 'й', 'т', 'е']);
    is_month
        || matches!(
            word,
            "сент"
                | "пн"
                | "пон"
                | "вт"
                | "ср"
                | "чт"
                | "пт"
                | "сб"
                | "вс"
                | "понед"
                | "вторн"
                | "четв"
                | "пятн"
                | "субб"
                | "воскр"
                | "след"
                | "г"
                | "ч"
                | "мин"
                | "час"
        )
}

/// It is no word of a day or a month, but looks like a misspelt one.
pub(super) fn resembles_day(word: &str) -> bool {
    const NAMES: [&str; 17] = [
        "января",
        "февраля",
        "апреля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
        "понедельник",
        "вторник",
        "четверг",
        "пятницу",
        "субботу",
        "воскресенье",
        "сегодня",
        "завтра",
        "послезавтра",
    ];
    let is_known =
        month(word).is_some() || weekday(word).is_some() || near_day(word).is_some() || part(word).is_some();
    !is_known && !word.starts_with("завтрак") && word.chars().count() > 4 && nearest(word, NAMES).is_some()
}

/// «двадцать» and «тридцать» before an ordinal below ten.
pub(super) fn tens(word: &str) -> Option<u32> {
    match word {
        "двадцать" => Some(20),
        "тридцать" => Some(30),
        _ => None,
    }
}

/// «два», «двух», «двум» and so on, up to twenty, and the tens up to fifty: as in «через два дня», «к двум».
pub(super) fn count(word: &str) -> Option<u32> {
    const COUNTS: [&[&str]; 20] = [
        &["один", "одну", "одного"],
        &["два", "две", "двух", "двум", "пару"],
        &["три", "трех", "трем"],
        &["четыре", "четырех", "четырем"],
        &["пять", "пяти"],
        &["шесть", "шести"],
        &["семь", "семи"],
        &["восемь", "восьми"],
        &["девять", "девяти"],
        &["десять", "десяти"],
        &["одиннадцать", "одиннадцати"],
        &["двенадцать", "двенадцати"],
        &["тринадцать", "тринадцати"],
        &["четырнадцать", "четырнадцати"],
        &["пятнадцать", "пятнадцати"],
        &["шестнадцать", "шестнадцати"],
        &["семнадцать", "семнадцати"],
        &["восемнадцать", "восемнадцати"],
        &["девятнадцать", "девятнадцати"],
        &["двадцать", "двадцати"],
    ];
    match word {
        "тридцать" | "тридцати" => Some(30),
        "сорок" | "сорока" => Some(40),
        "пятьдесят" | "пятидесяти" => Some(50),
        _ => position(&COUNTS, word).map(|place| place as u32 + 1),
    }
}

/// A part of the day: beside a time («7 вечера») or instead of one («вечером»).
pub(super) fn part(word: &str) -> Option<Part> {
    match word {
        "утром" | "утра" | "утречком" => Some(Part::Morning),
        "днем" | "дня" => Some(Part::Day),
        "вечером" | "вечера" | "вечерком" => Some(Part::Evening),
        "ночью" | "ночи" => Some(Part::Night),
        _ => None,
    }
}

/// Whether it names a part of the day without a number before it: «дня» and «утра» alone do not.
pub(super) fn stands_alone(word: &str) -> bool {
    matches!(word, "утром" | "утречком" | "днем" | "вечером" | "вечерком" | "ночью")
}

pub(super) fn is_hour(word: &str) -> bool {
    matches!(word, "час" | "часа" | "часов" | "часу" | "часам" | "ч")
}

pub(super) fn is_minute(word: &str) -> bool {
    matches!(
        word,
        "минута"
            | "минуту"
            | "минуты"
            | "минут"
            | "минутку"
            | "минуток"
            | "мин"
            | "м"
    )
}

/// Words between the parts of a phrase: «завтра, примерно в 11».
pub(super) fn is_joint(word: &str) -> bool {
    is_time_word(word) || matches!(word, "до" | "после" | "примерно" | "где" | "то" | "ровно" | "же")
}

/// Before the time that somebody needs: «ещё 3 дня», «хочет примерно неделю», «вернуться в марте».
pub(super) fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "еще"
            | "хочет"
            | "просит"
            | "взял"
            | "взяла"
            | "попросил"
            | "попросила"
            | "ближе"
            | "не"
            | "раньше"
    ) || is_joint(word)
        || is_return(word)
}

/// Words between two days of which one is meant: «5 или 6 декабря», «с 3 по 5 декабря».
pub(super) fn is_choice(word: &str) -> bool {
    matches!(word, "или" | "и" | "либо" | "по")
}

/// Before a number that is neither day nor time: «доб. 12».
pub(super) fn is_before_number(word: &str) -> bool {
    const STEMS: [&str; 8] = ["доб", "кв", "номер", "заказ", "счет", "договор", "офис", "каб"];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// Words before a time.
pub(super) fn is_time_word(word: &str) -> bool {
    matches!(word, "в" | "во" | "на" | "к" | "ко" | "с" | "со" | "около" | "часиков" | "часов")
}

/// A number before one of these is a quantity or a sum, not a time or a day.
pub(super) fn is_counted(word: &str) -> bool {
    const STEMS: [&str; 22] = [
        "руб",
        "тыс",
        "проц",
        "раз",
        "чел",
        "этап",
        "плат",
        "част",
        "взнос",
        "лет",
        "год",
        "курс",
        "класс",
        "групп",
        "семест",
        "модул",
        "урок",
        "мест",
        "заняти",
        "недел",
        "месяц",
        "дет",
    ];
    matches!(word, "р" | "к" | "т" | "млн" | "дней" | "пакет" | "пакета")
        || STEMS.iter().any(|stem| word.starts_with(stem))
}

/// After an ordinal number one of these is the third of its kind and no day: «третьего заказа».
pub(super) fn is_ranked(word: &str) -> bool {
    const STEMS: [&str; 17] = [
        "заказ",
        "звон",
        "телефон",
        "номер",
        "менедж",
        "реб",
        "сын",
        "доч",
        "попыт",
        "поток",
        "блок",
        "вебинар",
        "договор",
        "счет",
        "лиц",
        "муж",
        "транш",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// After an ordinal number a verb leaves it a day: «пятого перезвонить».
pub(super) fn is_done(word: &str) -> bool {
    const STEMS: [&str; 16] = [
        "буд",
        "получ",
        "приде",
        "дума",
        "решит",
        "скаж",
        "смож",
        "готов",
        "точно",
        "внес",
        "заплат",
        "придет",
        "верн",
        "набра",
        "напом",
        "напиш",
    ];
    is_return(word) || STEMS.iter().any(|stem| word.starts_with(stem))
}

/// The speaker says when to return to the client or when money comes.
pub(super) fn is_return(word: &str) -> bool {
    is_coming_back(word) || ["оплат", "обеща"].iter().any(|stem| word.starts_with(stem))
}

/// «Вернуться», «перезвонить».
pub(super) fn is_coming_back(word: &str) -> bool {
    is_call(word) || word.starts_with("верну") || word.starts_with("вернит")
}

fn is_call(word: &str) -> bool {
    const STEMS: [&str; 6] = ["перезвон", "позвон", "созвон", "звони", "набрать", "набер"];
    STEMS.iter().any(|stem| word.starts_with(stem)) && !word.starts_with("звонил")
}

/// «Перезвоню», «набрать», and not «перезвонит», «позвонил».
pub(super) fn is_our_call(word: &str) -> bool {
    is_call(word) && (["ю", "у", "м", "мся", "ть", "ться"].iter().any(|ending| word.ends_with(ending)))
}

/// Beside a verb of coming back these add nothing.
pub(super) fn is_beside_return(word: &str) -> bool {
    matches!(
        word,
        "к" | "ему"
            | "ей"
            | "им"
            | "нему"
            | "ней"
            | "ним"
            | "клиенту"
            | "просит"
            | "просил"
            | "просила"
            | "и"
            | "еще"
    )
}

fn position(table: &[&[&str]], word: &str) -> Option<usize> {
    table.iter().position(|forms| forms.contains(&word))
}
