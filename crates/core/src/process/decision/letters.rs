//! Verbs of a decision: letters of the library to the client, and the variables of texts. Never sends to an
//! address that has bounced, nor the same text twice in a day. Enter at [`Decision::letter`].

use super::Decision;
use crate::message::library::Vars;
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
    pub fn letter(&mut self, rule: &str, text: TextId) {
        self.letter_with(rule, text, |_| {});
    }

    /// The same, with variables that the case does not contain.
    pub fn letter_with(&mut self, rule: &str, text: TextId, fill: impl FnOnce(&mut Vars)) {
        let text = if cut("M1.by_name") { TextId::FirstDay } else { text };
        let Some(to) = self.case.client.email().cloned() else {
            self.say(rule, format!("Письмо «{}» не ушло: нет действующего адреса.", text.title()));
            return;
        };
        let mut vars = self.vars(None);
        fill(&mut vars);
        let rendered = self.process.texts.render(&text, &vars);
        if self.is_said_today(&text, &rendered.body) {
            let title = text.title();
            self.say(rule, format!("Письмо «{title}» сегодня уже ушло: второй раз не отправляем."));
            return;
        }
        self.moment(Moment::Letter { text: text.clone() });
        self.ask(Ask::SendLetter(Letter { text, to, subject: rendered.subject, body: rendered.body }));
    }

    /// One of two texts: for a client with a good address, and for one who cannot be written to.
    pub fn by_letter<'t>(&self, written: &'t str, not: &'t str) -> &'t str {
        if self.case.client.email().is_some() { written } else { not }
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
