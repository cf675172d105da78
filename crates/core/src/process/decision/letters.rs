//! Verbs of a decision: letters of the library to the client, and the variables of texts. Never sends to an
//! address that has bounced, nor the same text twice in a day. Enter at [`Decision::letter`] and [`Draft`].

use super::Decision;
use crate::message::library::{Rendered, Vars};
use crate::message::phrase::letters;
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::fnv;
use crate::process::case::Sent;
use crate::process::command::{Ask, Letter};
use crate::process::moment::Moment;
use crate::process::value::*;
use crate::process::vars;

/// A letter that is written and has not left yet: what is said about it can be true.
pub enum Draft {
    Ready(Box<Letter>),
    NoAddress(TextId),
    SentToday(TextId),
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
        let Rendered { subject, body } = self.process.texts.render(&text, &vars);
        match self.is_said_today(&text, &body) {
            true => Draft::SentToday(text),
            false => Draft::Ready(Box::new(Letter { text, to, subject, body })),
        }
    }

    pub fn post(&mut self, rule: &str, draft: Draft) {
        match draft {
            Draft::Ready(letter) => {
                self.moment(Moment::Letter { text: letter.text.clone() });
                self.ask(Ask::SendLetter(*letter));
            }
            Draft::NoAddress(text) => self.say(rule, letters::no_address(self.title(&text))),
            Draft::SentToday(text) => self.say(rule, letters::sent_today(self.title(&text))),
        }
    }

    /// What a letter is called for people.
    pub fn title<'t>(&'t self, text: &'t TextId) -> &'t str {
        self.process.texts.title(text)
    }

    /// Whether the same text was already sent today; records the text that is sent now.
    fn is_said_today(&mut self, text: &TextId, body: &str) -> bool {
        let day = self.now.with_timezone(&self.process.zone).date_naive();
        let last = format!("{day} {:x}", fnv(body));
        let new = Sent { times: 0, last: String::new(), in_doubt: false };
        let sent = self.case.order.letters.entry(text.clone()).or_insert(new);
        let again = sent.last == last;
        sent.times += u32::from(!again);
        sent.in_doubt &= again;
        sent.last = last;
        again
    }

    /// All variables of a text.
    pub fn vars(&self, manager: Option<&ManagerId>) -> Vars {
        vars::build(self.process, &self.case, manager, self.zone(), self.now)
    }
}
