//! The zone in which a time was said, where it is not the school's: «в 12 по Омску», «по его времени», «МСК+3», «+5»,
//! «у него 16:00». A client in another zone would hear another time than was meant, so the phrase is asked. Never converts
//! a time. Enter at [`Tokens::says_other_zone`].

use super::token::Tokens;

/// Beginnings of what follows «по».
const PLACES: [&str; 50] = [
    "местн",
    "омск",
    "екат",
    "свердл",
    "новосиб",
    "краснояр",
    "иркут",
    "якут",
    "владив",
    "хабар",
    "камчат",
    "магадан",
    "сахалин",
    "самар",
    "саратов",
    "ульянов",
    "астрах",
    "ижевск",
    "удмурт",
    "перми",
    "пермск",
    "уфимск",
    "башк",
    "челяб",
    "тюм",
    "томск",
    "кемеров",
    "новокузн",
    "барнаул",
    "алтай",
    "калинингр",
    "читинск",
    "бурят",
    "улан",
    "алмат",
    "астан",
    "караганд",
    "казахст",
    "ташкент",
    "узбек",
    "бишкек",
    "тбилис",
    "ереван",
    "дуба",
    "берлин",
    "лондон",
    "киев",
    "урал",
    "сибир",
    "дальнев",
];
const SHORT: [&str; 8] = ["екб", "нск", "уфе", "чите", "баку", "гринвичу", "бали", "хмао"];
/// The school's own, if it lives there.
const MOSCOW: [&str; 4] = ["мск", "москв", "московск", "msk"];

impl Tokens<'_> {
    /// Another zone than the school's is named in the sentence of the time that stands from `start` to `end`.
    pub fn says_other_zone(&self, start: usize, end: usize, free: usize, is_moscow: bool) -> bool {
        let begins = |stems: &[&str], word: &str| stems.iter().any(|stem| word.starts_with(stem));
        let is_zone = |place: usize| {
            let (word, before) = (self.word(place), self.before(place));
            let is_shifted =
                self.is_figures(place + 1) && matches!(self.gap(place).trim(), "+" | "-" | "−" | "–");
            let is_city = before == "по"
                && (begins(&PLACES, word) || SHORT.contains(&word) || (begins(&MOSCOW, word) && !is_moscow));
            let whose = (place.saturating_sub(3)..place).any(|one| self.word(one) == "по");
            let is_own = word == "времени" && whose && !(is_moscow && begins(&MOSCOW, before));
            let is_his = before == "у"
                && matches!(word, "него" | "нее" | "них" | "клиента" | "клиентки")
                && self.is_figures(place + 1);
            // «+5», and no phone or quantity.
            let is_plus = place.checked_sub(1).is_some_and(|last| self.gap(last).ends_with('+'))
                && self.figure(place, &[1, 2]).is_some_and(|hours| hours <= 14)
                && !self.is_figures(place + 1)
                && (!self.is_quantity(place) || begins(&MOSCOW, self.word(place + 2)));
            is_city
                || is_own
                || is_his
                || is_plus
                || (is_shifted && begins(&MOSCOW, word))
                || matches!(word, "utc" | "gmt")
        };
        self.sentence(start, end, free).any(is_zone)
    }
}
