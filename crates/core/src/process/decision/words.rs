//! Verbs of a decision: texts for the journal, the lead's feed and GetCourse (K6).
//! Never decides. Enter at [`Decision::say`] and [`Decision::turn`].

use super::Decision;
use crate::process::command::Ask;
use crate::process::moment::Line;
use crate::process::value::*;

impl Decision<'_> {
    /// A line of the journal: the reason.
    pub fn say(&mut self, rule: &str, text: impl Into<String>) {
        self.journal.push(Line { rule: rule.to_owned(), text: text.into() });
    }

    /// A change of the process: journal, lead's feed and GetCourse comment (K6).
    pub fn turn(&mut self, rule: &str, text: impl Into<String>) {
        let text = text.into();
        self.say(rule, text.clone());
        self.note(&text);
        self.comment(text);
    }

    /// A comment in GetCourse's order (K6).
    pub fn comment(&mut self, text: String) {
        if self.figures().feed.comments {
            self.getcourse(Ask::AddComment { text });
        }
    }

    /// A line in the lead's feed (K6).
    pub fn note(&mut self, text: &str) {
        if self.figures().feed.notes && self.has_lead() {
            self.ask(Ask::AddNote { role: LeadRole::Sales, text: text.to_owned() });
        }
    }

    /// Whether the CRM has the sales lead, or will have it.
    pub fn has_lead(&self) -> bool {
        self.case.order.leads.contains_key(&LeadRole::Sales)
    }

    /// A manager's name for people.
    pub fn name_of(&self, manager: &ManagerId) -> String {
        self.process.manager(manager).map_or_else(|| manager.to_string(), |manager| manager.name.clone())
    }
}
