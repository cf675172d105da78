//! Verbs of a decision: texts for the journal, the lead's feed and GetCourse (K6).
//! Never decides. Enter at [`Decision::say`] and [`Decision::turn`].

use super::Decision;
use crate::message::phrase::{Phrase, Told, word};
use crate::mutant::cut;
use crate::process::calendar::{say_day, say_on, say_time};
use crate::process::command::Ask;
use crate::process::dates::Wrong;
use crate::process::moment::Line;
use crate::process::value::*;

impl Decision<'_> {
    /// A phrase of the library in the words of this school.
    pub fn words(&self, phrase: &Phrase) -> String {
        self.process.texts.phrase(phrase, &|told| match told {
            Told::Time(at) => say_time(*at, self.process.zone, self.now),
            Told::Day(at) => say_day(*at, self.process.zone, self.now),
            Told::OnDay(at) => say_on(*at, self.process.zone, self.now),
            Told::Manager(manager) => self.name_of(&ManagerId(manager.clone())),
        })
    }

    /// What is wrong with the date in somebody's words; otherwise the given phrase.
    pub fn wrong(&self, said: Option<&str>, otherwise: Phrase) -> Phrase {
        match said.and_then(|said| self.process.dates(self.now).wrong(said)) {
            Some(wrong) => wrong_day(wrong).unwrap_or(otherwise),
            None => otherwise,
        }
    }

    /// What is wrong with the date that somebody's words begin with.
    pub fn wrong_first(&self, said: &str) -> Option<Phrase> {
        let wrong = self.process.dates(self.now).wrong_first(said)?;
        Some(wrong_day(wrong).unwrap_or_else(word::no_day))
    }

    /// The same where a client needs time, so that any word of time names the day of return.
    pub fn wrong_return(&self, said: &str) -> Option<Phrase> {
        let wrong = self.process.dates(self.now).wrong_return(said)?;
        Some(wrong_day(wrong).unwrap_or_else(word::no_day))
    }

    /// A line of the journal: the reason.
    pub fn say(&mut self, rule: &str, phrase: Phrase) {
        let text = self.words(&phrase);
        self.journal.push(Line { rule: rule.to_owned(), text });
    }

    /// A change of the process: journal, lead's feed and GetCourse comment (K6).
    pub fn turn(&mut self, rule: &str, phrase: Phrase) {
        self.say(rule, phrase.clone());
        self.note(phrase.clone());
        self.comment(phrase);
    }

    /// A comment in GetCourse's order (K6).
    pub fn comment(&mut self, phrase: Phrase) {
        if self.figures().feed.comments {
            let text = self.words(&phrase);
            self.getcourse(Ask::AddComment { text });
        }
    }

    /// A line in the lead's feed (K6).
    pub fn note(&mut self, phrase: Phrase) {
        if self.figures().feed.notes && self.has_lead() {
            let text = self.words(&phrase);
            self.ask(Ask::AddNote { role: LeadRole::Sales, text });
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

fn wrong_day(wrong: Wrong) -> Option<Phrase> {
    match wrong {
        _ if cut("L13.wrong_day") => None,
        Wrong::NoSuchDay => Some(word::no_such_day()),
        Wrong::DayIsPast => Some(word::day_is_past()),
        Wrong::DayIsLongPast => Some(word::day_is_long_past()),
        Wrong::TimeIsPast => Some(word::time_is_past()),
        Wrong::Unclear => None,
    }
}
