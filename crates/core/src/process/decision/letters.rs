//! Verbs of a decision: letters of the library to the client, and the variables of texts. Never sends to an
//! address that has bounced, nor the same text twice in a day, nor more than an address may get. Enter at [`Decision::letter`] and [`Draft`].

use super::Decision;
use crate::message::library::{Rendered, Vars};
use crate::message::phrase::{Phrase, letters, limit as phrase};
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::fnv;
use crate::process::case::Sent;
use crate::process::command::{Ask, Letter};
use crate::process::meters::Limit;
use crate::process::moment::Moment;
use crate::process::payment_link;
use crate::process::value::*;
use crate::process::vars;

/// A letter that is written and has not left yet: what is said about it can be true.
pub enum Draft {
    Ready(Box<Letter>),
    NoAddress(TextId),
    SentToday(TextId),
    /// The address or the school has had its number of letters (F101).
    Held(TextId, Limit),
}

impl Draft {
    /// Whether a letter leaves: no text may promise one that does not.
    pub fn leaves(&self) -> bool {
        matches!(self, Self::Ready(_))
    }
}

impl Decision<'_> {
    /// Sends a text of the library to the client; notes it in the journal if there is no usable address.
    pub fn letter(&mut self, rule: &str, text: TextId) {
        self.letter_with(rule, text, |_| {});
    }

    /// The same, with variables that the case does not contain.
    pub fn letter_with(&mut self, rule: &str, text: TextId, fill: impl FnOnce(&mut Vars)) {
        let draft = self.draft(text, fill);
        self.post(rule, draft);
    }

    /// Writes a letter; it leaves with [`Decision::post`].
    pub fn draft(&mut self, text: TextId, fill: impl FnOnce(&mut Vars)) -> Draft {
        let text = if cut("M1.by_name") { TextId::FirstDay } else { text };
        let Some(to) = self.case.client.email().cloned() else { return Draft::NoAddress(text) };
        let mut vars = vars::for_letter(self.vars(None));
        fill(&mut vars);
        if !self.may_link(&vars.order.payment_link) {
            vars.order.payment_link.clear();
        }
        let Rendered { subject, body } = self.process.texts.render(&text, &vars);
        if self.was_said_today(&text, &body) {
            return Draft::SentToday(text);
        }
        let limits = &self.figures().contact_limits;
        if let Err(limit) = self.case.meters.letter(&to, limits, self.now)
            && !cut("M2.limits")
        {
            return Draft::Held(text, limit);
        }
        self.mark_said(&text, &body);
        Draft::Ready(Box::new(Letter { text, to, subject, body }))
    }

    pub fn post(&mut self, rule: &str, draft: Draft) {
        match draft {
            Draft::Ready(letter) => {
                self.moment(Moment::Letter { text: letter.text.clone() });
                self.ask(Ask::SendLetter(*letter));
            }
            Draft::NoAddress(text) => self.say(rule, letters::no_address(self.title(&text))),
            Draft::SentToday(text) => self.say(rule, letters::sent_today(self.title(&text))),
            Draft::Held(text, limit) => self.held_back(rule, &text, limit),
        }
    }

    /// What a letter is called for people.
    pub fn title<'t>(&'t self, text: &'t TextId) -> &'t str {
        self.process.texts.title(text)
    }

    /// Whether a letter may contain this link to pay by (F105).
    pub fn may_link(&self, link: &str) -> bool {
        payment_link::is_allowed(link, &self.process.link_hosts) || cut("L1.link")
    }

    /// A letter that no limit lets out is not forgotten: a person writes it, or sees that it did not go.
    fn held_back(&mut self, rule: &str, text: &TextId, limit: Limit) {
        let held = letters::held(self.title(text), words_of(limit));
        self.say(rule, held.clone());
        match self.case.order.is_open() {
            true => self.held.push(held),
            false => self.note(held),
        }
    }

    /// The letters of this step that were held back.
    pub fn take_held(&mut self) -> Vec<Phrase> {
        std::mem::take(&mut self.held)
    }

    fn was_said_today(&self, text: &TextId, body: &str) -> bool {
        let sent = self.case.order.letters.get(text);
        sent.is_some_and(|sent| sent.last == self.said(body))
    }

    /// Records the text that is sent now.
    fn mark_said(&mut self, text: &TextId, body: &str) {
        let last = self.said(body);
        let new = Sent { times: 0, last: String::new(), in_doubt: false };
        let sent = self.case.order.letters.entry(text.clone()).or_insert(new);
        (sent.times, sent.in_doubt, sent.last) = (sent.times + 1, false, last);
    }

    /// The day and a digest of the text.
    fn said(&self, body: &str) -> String {
        let day = self.now.with_timezone(&self.process.zone).date_naive();
        format!("{day} {:x}", fnv(body))
    }

    /// All variables of a text.
    pub fn vars(&self, manager: Option<&ManagerId>) -> Vars {
        vars::build(self.process, &self.case, manager, self.zone(), self.now)
    }
}

/// Why a letter or a call is held back, for people.
pub(in crate::process) fn words_of(limit: Limit) -> Phrase {
    match limit {
        Limit::LettersPerAddress => phrase::letters_per_address(),
        Limit::FirstLetters => phrase::first_letters(),
        Limit::Letters => phrase::letters(),
        Limit::CallsPerNumber => phrase::calls_per_number(),
        Limit::Calls => phrase::calls(),
        Limit::CallCountry => phrase::country(),
        Limit::PaymentLink => phrase::link(),
    }
}
