//! One decision in progress: the case, the commands so far, and the definition of a section of the process.
//! The verbs that sections use are the files of this folder. Never decides anything itself, reads no clock
//! and names no section. Enter at [`Decision`] and [`Section`].

mod commands;
mod hours;
mod letters;
mod newest;
mod request;
mod states;
mod tasks;
mod words;

use super::case::{Case, Order};
use super::command::{Command, TaskKind, Urgency};
use super::definition::{Figures, Process};
use super::event::{Event, News};
use super::moment::{Line, Moment};
use super::state::Wait;
use super::timers::Timer;
use super::value::*;
use crate::message::phrase::Phrase;
use crate::message::text::TextId;

pub(super) use self::letters::{Draft, words_of};
pub(super) use self::request::{PlannedCall, Request};

/// The description of one section of the process. `step`, the wake, L14, the reference, the scenario
/// suite and the demo read the table of these.
pub struct Section {
    pub name: &'static str,
    /// Ids of the rules that it implements.
    pub rules: &'static [&'static str],
    pub(super) timers: &'static [Row],
    pub(super) tasks: &'static [Tasks],
    /// Handles an event.
    pub(super) hears: fn(&mut Decision<'_>, &Event) -> Heard,
    /// Handles a request of another section.
    pub(super) enters: fn(&mut Decision<'_>, &Request) -> Heard,
}

impl Section {
    /// A section that only implements rules; the other sections override what they handle.
    pub(super) const QUIET: Self = Self {
        name: "",
        rules: &[],
        timers: &[],
        tasks: &[],
        hears: |_, _| Heard::Passed,
        enters: |_, _| Heard::Passed,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It belongs to another section: the next one is asked.
    Passed,
    Taken,
    /// It belongs to this section, which refused it.
    Refused,
}

/// A timer of a section.
pub struct Row {
    pub timer: Timer,
    pub class: Class,
    /// It runs only while this condition holds.
    pub lives: fn(&Order) -> bool,
    pub fires: fn(&mut Decision<'_>),
}

/// What a timer means for the order (L14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A time promised to the client: read from the index first; a next step whatever its date.
    Promised,
    /// Part of a promise, so also read first; a next step within three working days.
    OfPromise,
    /// A named date: a next step whatever its date.
    Date,
    /// A named date of a follow-up: a next step within a month.
    Month,
    /// A next step within three working days.
    Step,
    /// A repeat that may turn out to be unnecessary: a next step only while facts are awaited.
    Repeat,
    /// A reminder of something that is open anyway: never a next step.
    Reminder,
}

/// Tasks that belong to a state: they close when the order leaves it.
pub struct Tasks {
    pub whose: Whose,
    /// They stay open over this change.
    pub stays: fn(from: &Wait, to: &Wait) -> bool,
}

pub enum Whose {
    Texts(&'static [TextId]),
    Kind(TaskKind),
}

/// The parts of a task that a section chooses; the rest is filled in by [`Decision::task`].
pub struct NewTask<'t> {
    pub kind: TaskKind,
    pub text: TextId,
    pub due: At,
    pub minutes: u32,
    /// `None`: the order's responsible, else the head.
    pub to: Option<ManagerId>,
    /// The moment that the text mentions.
    pub time: Option<At>,
    pub why: &'t str,
    pub more: String,
}

impl NewTask<'_> {
    pub fn new(kind: TaskKind, text: TextId, due: At) -> Self {
        Self { kind, text, due, minutes: 15, to: None, time: None, why: "", more: String::new() }
    }
}

pub struct Decision<'a> {
    pub process: &'a Process,
    pub case: Case,
    pub now: At,
    sections: &'static [Section],
    urgency: Urgency,
    commands: Vec<Command>,
    revoke: Vec<CommandId>,
    tell: Vec<(OrderId, News)>,
    journal: Vec<Line>,
    moments: Vec<Moment>,
    /// What is said of the letters that were held back.
    held: Vec<Phrase>,
}

/// The result of a decision.
pub(super) struct Decided {
    pub case: Case,
    pub commands: Vec<Command>,
    pub revoke: Vec<CommandId>,
    pub tell: Vec<(OrderId, News)>,
    pub journal: Vec<Line>,
    pub moments: Vec<Moment>,
}

impl<'a> Decision<'a> {
    pub(super) fn new(process: &'a Process, case: Case, now: At, sections: &'static [Section]) -> Self {
        Self {
            process,
            case,
            now,
            sections,
            urgency: Urgency::Usual,
            commands: Vec::new(),
            revoke: Vec::new(),
            tell: Vec::new(),
            journal: Vec::new(),
            moments: Vec::new(),
            held: Vec::new(),
        }
    }

    pub(super) fn decided(self) -> Decided {
        let Self { case, commands, revoke, tell, journal, moments, .. } = self;
        Decided { case, commands, revoke, tell, journal, moments }
    }

    /// The figures of this order's process.
    pub fn figures(&self) -> &'a Figures {
        self.process.figures_of(&self.case.order)
    }

    /// Passes an event to the first section that handles it.
    pub(super) fn hear(&mut self, event: &Event) {
        for section in self.sections {
            if (section.hears)(self, event) != Heard::Passed {
                return;
            }
        }
    }

    /// Passes a request to its section. Returns whether it was accepted.
    pub fn request(&mut self, request: Request) -> bool {
        for section in self.sections {
            match (section.enters)(self, &request) {
                Heard::Passed => {}
                heard => return heard == Heard::Taken,
            }
        }
        false
    }

    /// Asks the manager once more what is next; `why` is a whole sentence (L13).
    pub fn ask_again(&mut self, why: &Phrase) {
        self.request(Request::AskAgain { why: self.words(why) });
    }

    /// Asks all sections.
    pub(super) fn request_all(&mut self, request: &Request) {
        for section in self.sections {
            (section.enters)(self, request);
        }
    }

    /// Runs `work`; its commands get this urgency.
    pub fn urgent<T>(&mut self, urgency: Urgency, work: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.urgency, urgency);
        let done = work(self);
        self.urgency = outside;
        done
    }

    pub fn moment(&mut self, moment: Moment) {
        self.moments.push(moment);
    }

    pub fn tell(&mut self, order: OrderId, news: News) {
        self.tell.push((order, news));
    }
}
