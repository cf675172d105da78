//! Verbs of a decision: letters of the library to the client, and the variables of texts. Never sends to an
//! address that has bounced, nor the same text twice in a day. Enter at [`Decision::letter`].

use super::Decision;
use crate::message::library::Vars;
use crate::message::phrase::letters;
use crate::message::text::TextId;
use crate::mutant::cut;
use crate::process::calendar::fnv;
use crate::process::case::Sent;
use crate::process::command::{Ask, Letter};
use crate::process::moment::Moment;
use crate::process::value::*;
use crate::process::vars;

impl Decision<'_> {
    /// Sends a text of the library to the client; notes it in the journal if there is no usable address.
    /// Returns whether a letter leaves: no text may promise one that does not.
    pub fn letter(&mut self, rule: &str, text: TextId) -> bool {
        self.letter_with(rule, text, |_| {})
    }

    /// The same, with variables that the case does not contain.
    pub fn letter_with(&mut self, rule: &str, text: TextId, fill: impl FnOnce(&mut Vars)) -> bool {
        let text = if cut("M1.by_name") { TextId::FirstDay } else { text };
        let Some(to) = self.case.client.email().cloned() else {
            self.say(rule, letters::no_address(self.title(&text)));
            return false;
        };
        let mut vars = self.vars(None);
        fill(&mut vars);
        let rendered = self.process.texts.render(&text, &vars);
        if self.is_said_today(&text, &rendered.body) {
            self.say(rule, letters::sent_today(self.title(&text)));
            return false;
        }
        self.moment(Moment::Letter { text: text.clone() });
        self.ask(Ask::SendLetter(Letter { text, to, subject: rendered.subject, body: rendered.body }));
        true
    }

    /// What a letter is called for people.
    pub fn title<'t>(&'t self, text: &'t TextId) -> &'t str {
        self.process.texts.title(text)
    }

    /// Whether the same text was already sent today; records the text that is sent now.
    fn is_said_today(&mut self, text: &TextId, body: &str) -> bool {
        let day = self.now.with_timezone(&self.process.zone).date_naive();
        let last = format!("{day} {:x}", fnv(body));
        let sent =
            self.case.order.letters.entry(text.clone()).or_insert(Sent { times: 0, last: String::new() });
        let again = sent.last == last;
        sent.times += u32::from(!again);
        sent.last = last;
        again
    }

    /// All variables of a text.
    pub fn vars(&self, manager: Option<&ManagerId>) -> Vars {
        vars::build(self.process, &self.case, manager, self.zone(), self.now)
    }
}
