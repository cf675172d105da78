//! Words of time: months, weeks, holidays, ordinal numbers, «после отпуска», «позже». Beside a time of day that has no
//! day, one that no part of a date has read makes the phrase asked, so that it never means today. Never reads a date.
//! Enter at [`Tokens::time_word`] and [`Reader::says_time`].

use super::token::Tokens;
use super::{Reader, TOKENS_MAX, words};

/// What an unread word of time can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeWord {
    /// Names or moves a day of the calendar: «январе», «недели».
    Calendar,
    /// Something that happens on a day: «отпуска», «зарплаты».
    Event,
    /// What has to happen first: «до урока», «во время лекции», «как освободится». Its day is not known.
    Condition,
}

/// Whole words.
const CALENDAR: &str = "янв фев февр мар март марта марту марте мартом апр май мая маю мае маем авг сен сент окт ноя нояб \
    дек день дня дню дней дням дни днями днях денек денька деньков сутки суток суткам сутках год года году годом годы годах \
    годика полгода мес нед нг лето лета лету летом лете осень осени осенью зима зимы зиме зиму зимой весна весны весне \
    весну весной конец конца концу концом конце начало началу началом начале числа число числу числе числом числах \
    средам утрам вечерам позже попозже позднее скоро вскоре назавтра \
    jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september october \
    november december mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday \
    today tomorrow week month day";
/// Beginnings of words.
const CALENDAR_STEMS: [&str; 38] = [
    "январ",
    "феврал",
    "апрел",
    "июн",
    "июл",
    "август",
    "сентябр",
    "октябр",
    "ноябр",
    "декабр",
    "понед",
    "вторн",
    "четверг",
    "пятниц",
    "пятн",
    "суббот",
    "воскр",
    "недел",
    "месяц",
    "числ",
    "середин",
    "квартал",
    "полугод",
    "декад",
    "выходн",
    "будн",
    "завтр",
    "послезавтр",
    "сегодняшн",
    "новогод",
    "рождеств",
    "сочельн",
    "пасх",
    "масленн",
    "майск",
    "каникул",
    "ежедн",
    "накануне",
];
const EVENTS: &str =
    "зп др премии премию премия выйдет выйдут приедет приедут прилетит вернется вернутся вернемся";
const EVENT_STEMS: [&str; 12] = [
    "отпуск",
    "праздн",
    "зарплат",
    "получк",
    "пенси",
    "стипенд",
    "рожден",
    "юбиле",
    "командиров",
    "больнич",
    "выпиш",
    "сесси",
];
/// Parts of a day.
const TIME_STEMS: [&str; 5] = ["утр", "вечер", "ноч", "обед", "полд"];
/// After «после» or «до» these happen every day, or are no time: «после работы», «до неё».
const EVERYDAY: &str = "работы работой школы школой сада садика садиком учебы смены пар завтрака завтраком ужина ужином сна \
    дороги него нее них меня нас вас этого того сих связи";
/// «Как» and a word with one of these endings is a condition: «как освободится», «когда придёт».
const FUTURE_ENDINGS: [&str; 8] = ["ет", "ит", "ется", "ится", "ут", "ят", "утся", "ятся"];
const NO_CONDITION: [&str; 4] = ["прос", "говор", "хоч", "буд"];
/// «На Николу», «к Покрову».
const FEASTS: &str = "николу николе николы покров покрова покрову троицу троице троицы крещение крещения крещению \
    благовещение благовещения спас спаса спасу сретение сретения вознесение вознесения курбан ураза уразы рамадан рамадана \
    навруз навруза хануку хануки песах песаха хэллоуин хэллоуина";
/// «Рассрочка на 6 месяцев», «курс на 3 месяца» last so long.
const LASTING_STEMS: [&str; 10] =
    ["рассроч", "кредит", "плат", "оплат", "курс", "програм", "обуч", "учеб", "взнос", "срок"];

impl Reader<'_> {
    /// A text beside a day says a time of day that was not read: «в районе обеда», «ближе к вечеру», «с 9ти».
    pub fn says_time(&self, text: &str) -> bool {
        let tokens = Tokens::of(text, TOKENS_MAX);
        let read = self.read(text);
        (0..tokens.len()).any(|place| {
            let (word, start) = (tokens.word(place), tokens.range(place, place + 1).start);
            let is_number = tokens.is_figures(place) && tokens.is_stray(place, 0, tokens.len());
            let is_time = is_number
                || (words::count(word).is_some() && !tokens.is_quantity(place))
                || (words::is_hour(word) && word != "ч")
                || TIME_STEMS.iter().any(|stem| word.starts_with(stem))
                || words::begun_hour(word).is_some()
                || tokens.half(place).is_some();
            is_time && !read.iter().any(|found| found.range.contains(&start))
        })
    }
}

impl Tokens<'_> {
    /// What the word is, if it is one of time and may name a day.
    pub fn time_word(&self, place: usize) -> Option<TimeWord> {
        let word = self.word(place);
        let begins = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem));
        let is_in = |list: &str| list.split_whitespace().any(|one| one == word);
        if self.is_no_time(place) {
            return None;
        }
        let is_calendar = is_in(CALENDAR)
            || begins(&CALENDAR_STEMS)
            || words::ordinal(word).is_some()
            || self.is_roman_month(place)
            || self.is_misspelt_month(place)
            || (word == "начала" && matches!(self.before(place), "с" | "до" | "после" | "от" | "со"));
        match () {
            () if is_calendar => Some(TimeWord::Calendar),
            () if is_in(EVENTS) || begins(&EVENT_STEMS) => Some(TimeWord::Event),
            () if is_in(FEASTS) && self.is_behind_preposition(place) => Some(TimeWord::Event),
            () if word.starts_with("ближайш") && self.word(place + 1) == "время" => {
                Some(TimeWord::Event)
            }
            // «После аванса» is a day, «внесёт аванс» is none.
            () if word.starts_with("аванс") && matches!(self.before(place), "с" | "до" | "после" | "к") => {
                Some(TimeWord::Event)
            }
            () if self.is_condition(place) => Some(TimeWord::Condition),
            () => None,
        }
    }

    /// «После работы», «до неё».
    pub fn is_everyday(&self, place: usize) -> bool {
        let is_one = || EVERYDAY.split_whitespace().any(|one| one == self.word(place));
        matches!(self.before(place), "после" | "до" | "перед") && is_one()
    }

    /// «До урока», «после первого занятия», «во время лекции», «как освободится»; «после работы» is every day.
    fn is_condition(&self, place: usize) -> bool {
        let word = self.word(place);
        if matches!(word, "как" | "когда") {
            let is_future = |word: &str| {
                FUTURE_ENDINGS.iter().any(|ending| word.ends_with(ending))
                    && !NO_CONDITION.iter().any(|stem| word.starts_with(stem))
            };
            let mut next = place;
            return (0..3).any(|_| {
                let joins = self.joins_next(next);
                next += 1;
                joins && is_future(self.word(next))
            });
        }
        let is_number = |place: usize| {
            let word = self.word(place);
            self.is_figures(place) || words::is_ending(word) || words::ordinal(word).is_some()
        };
        // «До 2-го урока», and not «до 5 тысяч».
        let is_ranked = place > 0 && is_number(place - 1) && !self.is_figures(place - 1);
        let first = (0..place).rev().find(|last| !is_number(*last)).map_or(0, |last| last + 1);
        let before = self.before(if is_ranked { first } else { place });
        let is_time = words::count(word).is_some()
            || words::is_hour(word)
            || words::is_joint(word)
            || words::part(word).is_some()
            || words::weekday(word).is_some()
            || self.half(place).is_some()
            || TIME_STEMS.iter().any(|stem| word.starts_with(stem));
        (word == "время" && before == "во")
            || (matches!(before, "после" | "до" | "перед")
                && !(is_time || self.is_everyday(place) || self.is_figures(place) || words::is_ending(word)))
    }

    /// «На Николу», «на яблочный Спас».
    fn is_behind_preposition(&self, place: usize) -> bool {
        let is_one = |word: &str| {
            matches!(word, "на" | "в" | "во" | "к" | "ко" | "до" | "с" | "со" | "после" | "перед")
        };
        is_one(self.before(place)) || place.checked_sub(1).is_some_and(|last| is_one(self.before(last)))
    }

    /// «Добрый день», «марта» of a person, «третьего заказа», «3 дня назад», «ему 5 лет», «рассрочка на 6 месяцев».
    fn is_no_time(&self, place: usize) -> bool {
        let (word, before, next) = (self.word(place), self.before(place), self.word(place + 1));
        let is_number = |place: usize| self.is_figures(place) || words::count(self.word(place)).is_some();
        let is_counted = place > 0 && is_number(place - 1) && self.joins_next(place - 1);
        let is_age = is_counted
            && matches!(word, "год" | "года")
            && self.word(place - 1).len() != 4
            && !matches!(self.before(place - 1), "через" | "на" | "в" | "до" | "за");
        let lasts = |from: usize| {
            let words = (from.saturating_sub(4)..from).map(|place| self.word(place));
            let mut words = words.filter(|word| LASTING_STEMS.iter().any(|stem| word.starts_with(stem)));
            words.next().is_some()
        };
        match word {
            "марта" | "мая" | "август" | "май" | "апрель" | "июнь" if self.begins_sentence(place) => {
                place > 0 || !words::is_joint(next)
            }
            "день" | "дня" | "году" | "год" if matches!(before, "добрый" | "доброго" | "весь" | "целый") => {
                true
            }
            "конце" if next == "концов" => true,
            "числе" if before == "том" => true,
            _ if word.starts_with("завтрак") => true,
            _ if word.starts_with("численн") || word.starts_with("числит") => true,
            _ if next == "назад" => true,
            _ if is_age => true,
            _ if is_counted && self.before(place - 1) == "на" && lasts(place - 1) => true,
            _ => words::ordinal(word).is_some() && self.is_ranked(place),
        }
    }

    /// «Третьего заказа», «до первого урока»: a number in a row, and «второе» without «на».
    pub fn is_ranked(&self, place: usize) -> bool {
        let is_neuter = self.word(place).ends_with('е') && !matches!(self.before(place), "на" | "по");
        let next = self.word(place + 1);
        let is_named = words::is_day_word(next) || words::month(next).is_some();
        !is_named && (is_neuter || self.is_quantity(place) || words::is_ranked(next))
    }

    /// «5.XII», «5 XII».
    fn is_roman_month(&self, place: usize) -> bool {
        let word = self.word(place);
        let is_roman =
            matches!(word.len(), 1..=8) && word.chars().all(|c| matches!(c, 'i' | 'v' | 'x' | 'х' | 'і'));
        is_roman && place > 0 && self.is_figures(place - 1) && self.gap(place - 1).len() <= 2
    }

    /// «5 деко».
    fn is_misspelt_month(&self, place: usize) -> bool {
        let number = place.checked_sub(1).filter(|number| matches!(self.gap(*number), "" | " " | "." | "-"));
        let is_day =
            number.and_then(|number| self.figure(number, &[1, 2])).is_some_and(|day| (1..=31).contains(&day));
        is_day && words::begins_month(self.word(place))
    }

    /// The word before, if nothing parts them.
    pub fn before(&self, place: usize) -> &str {
        match place.checked_sub(1).filter(|before| self.joins_next(*before)) {
            Some(before) => self.word(before),
            None => "",
        }
    }
}
