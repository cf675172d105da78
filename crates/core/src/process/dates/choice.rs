//! Of several dates in a text, which ones are not meant: two that are offered («завтра или в пятницу», «вт/чт»), one that
//! is refused («завтра не может»), one that another replaces («в 11, а лучше в 12»). Never reads a date itself. Enter at
//! [`Reader::offers_another`], [`Tokens::is_refused_behind`] and [`Tokens::is_preferred`].

use super::phrase::Phrase;
use super::token::Tokens;
use super::{Reader, words};

/// Before the second of two that are offered.
const OFFERS: &str =
    "или либо и по а то ли может быть можно максимум также возможно наверное наверно вероятно";
/// Before such words; alone they offer nothing.
const TURNS: &str = "но хотя";
/// These say by themselves that what follows is another choice.
const SURE_OFFERS: &str = "или либо";
/// Before the date that replaces the one before it.
const PREFERS: &str = "лучше скорее скорей удобнее удобней вернее точнее нет ой желательно";
/// Between such a word and the date.
const BESIDE_PREFERENCE: &str = "всего будет было бы все же уже";
/// Behind a date on which he cannot be reached.
const REFUSES: &str =
    "не нет ни нельзя никак некогда неудобно занят занята заняты занято уезжает уедет улетает улетит";
/// Between the date and such a word.
const BESIDE_REFUSAL: &str =
    "он она они у него нее них точно тоже уже лучше пока совсем весь целый день будет";
/// After «не» they belong to the time: «завтра не раньше 12».
const OF_TIME: &str = "раньше ранее позже позднее поздно рано менее более забыть";

fn is_of(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

impl Reader<'_> {
    /// «Завтра или послезавтра», «в 12 и в 15», «вт/чт», «3 декабря, но скорее 5»: another day or time stands behind, of the
    /// same kind if it can be read.
    pub(super) fn offers_another(
        &self,
        tokens: &Tokens,
        end: usize,
        is_same_kind: impl Fn(&Phrase) -> bool,
    ) -> bool {
        let last = end.saturating_sub(1);
        let other = tokens.behind_offers(end);
        let is_slash = tokens.gap(last).trim() == "/";
        let is_offered = (end..other).any(|place| !is_of(tokens.word(place), TURNS))
            && (tokens.joins_next(last) || tokens.prefers(end));
        if !is_slash && !is_offered {
            return false;
        }
        let is_sure = (end..other).any(|place| is_of(tokens.word(place), SURE_OFFERS));
        let is_better = (end..other).any(|place| tokens.prefers(place));
        // «До обеда или после».
        if is_sure && matches!(tokens.word(other), "до" | "после") && !tokens.joins_next(other) {
            return true;
        }
        let first = if is_slash { Some(other) } else { tokens.behind_joints(other) };
        let Some(place) = first.filter(|place| is_slash || tokens.joins_next(place - 1)) else {
            return false;
        };
        // «Через час, лучше через два».
        let place = place + usize::from(tokens.word(place) == "через");
        let is_alone = tokens.gap(place) != " " || words::is_joint(tokens.word(place + 1));
        let is_count = words::count(tokens.word(place)).is_some() && !tokens.is_quantity(place);
        let is_figure = tokens.is_figures(place) && tokens.is_stray(place, place, tokens.len());
        let is_number = is_count || is_figure;
        match self.longest(tokens, other) {
            Some((other, _)) => is_sure || is_same_kind(&other),
            None if (is_sure || is_better) && tokens.time_word(place).is_some() => true,
            None => (is_sure || is_slash || is_alone) && is_number,
        }
    }
}

impl Tokens<'_> {
    /// The first token from here on that is no word before another choice.
    fn behind_offers(&self, end: usize) -> usize {
        let is_offer = |place: usize| {
            let word = self.word(place);
            is_of(word, TURNS)
                || is_of(word, OFFERS)
                || self.prefers(place)
                || (place > end && is_of(word, BESIDE_PREFERENCE))
        };
        (end..self.len()).find(|place| !(is_offer(*place) && self.joins_next(*place))).unwrap_or(self.len())
    }

    /// What follows replaces what stands before; «нет» only if a mark parts it: «завтра в 11, мужа нет в 12».
    fn prefers(&self, place: usize) -> bool {
        let word = self.word(place);
        is_of(word, PREFERS) && (word != "нет" || self.gap(place).trim() != "")
    }

    /// «Завтра не может», «сегодня она занята»; a comma parts what follows from the date.
    pub fn is_refused_behind(&self, end: usize) -> bool {
        let is_beside = |place: usize| place > 0 && place < self.len() && self.gap(place - 1) == " ";
        let mut place = end;
        while is_beside(place) && is_of(self.word(place), BESIDE_REFUSAL) {
            place += 1;
        }
        is_beside(place) && is_of(self.word(place), REFUSES) && !is_of(self.word(place + 1), OF_TIME)
    }

    /// «А лучше в 12» behind another date. Tokens before `free` belong to other phrases.
    pub fn is_preferred(&self, start: usize, free: usize) -> bool {
        let is_small = |word: &str| is_of(word, BESIDE_PREFERENCE) || words::is_joint(word);
        let before = (free..start).rev().find(|place| !is_small(self.word(*place)));
        before.is_some_and(|place| self.prefers(place))
    }

    /// «11:00–12:00»: the end of a range.
    pub fn is_behind_dash(&self, place: usize) -> bool {
        place.checked_sub(1).is_some_and(|last| matches!(self.gap(last).trim(), "-" | "–" | "—"))
    }
}
