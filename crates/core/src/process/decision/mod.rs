//! One decision while it is being made: the case, what is asked of the world so far, and what a section
//! of the process is. The verbs in which sections speak are the files of this folder.
//! Never decides anything itself, looks at no clock and knows no section. Enter at [`Decision`] and
//! [`Section`].

mod commands;
mod hours;
mod letters;
mod states;
mod tasks;
mod words;

use super::case::{Case, Order};
use super::command::{Command, TaskKind, Urgency};
use super::definition::{Figures, Process};
use super::event::{AnswerKind, CallResult, Event, News, Outcome};
use super::moment::{Line, Moment};
use super::money::{Before, Standing};
use super::state::Wait;
use super::timers::Timer;
use super::value::*;
use crate::message::text::TextId;

pub(super) use self::tasks::NewTask;

/// All that is known of one section of the process. `step`, the wake, L14, the reference, the scenario
/// suite and the demo read the table of these.
pub struct Section {
    pub name: &'static str,
    /// Ids of the rows of the process that it keeps.
    pub rules: &'static [&'static str],
    pub(super) timers: &'static [Row],
    pub(super) tasks: &'static [Tasks],
    /// What it does with an event.
    pub(super) hears: fn(&mut Decision<'_>, &Event) -> Heard,
    /// What it does when another section asks for it.
    pub(super) enters: fn(&mut Decision<'_>, &Request) -> Heard,
}

impl Section {
    /// A section that keeps rules and does nothing by itself; the others name what they do.
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
    /// It is somebody else's: the next section is asked.
    Passed,
    Taken,
    /// It was this section's, and it could not be accepted.
    Refused,
}

/// A timer of a section.
pub struct Row {
    pub timer: Timer,
    pub class: Class,
    /// Runs only while this holds; stopped as soon as it does not.
    pub lives: fn(&Order) -> bool,
    pub fires: fn(&mut Decision<'_>),
}

/// What a timer means for the order (L14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A time that the client was promised: read from the index first, a next step whatever its date.
    Promised,
    /// Read first, too, as part of a promise; a next step within three working days.
    OfPromise,
    /// A date of its own: a next step whatever its date.
    Date,
    /// A next step within three working days.
    Step,
    /// A repeat that may find that it is needed no more: a next step only while facts are awaited.
    Repeat,
    /// Reminds of what is open anyway: never a next step.
    Reminder,
}

/// Tasks that belong to a state: they close when it is left.
pub struct Tasks {
    pub whose: Whose,
    /// They stay open over this change.
    pub stays: fn(from: &Wait, to: &Wait) -> bool,
}

pub enum Whose {
    Texts(&'static [TextId]),
    Kind(TaskKind),
}

/// What one section asks of another, through the table.
#[derive(Debug, Clone)]
pub enum Request {
    /// GetCourse is asked what the order is (L1).
    AskFacts,
    /// The first facts of an order (L1).
    Arrive {
        manager: Option<ManagerId>,
        standing: Standing,
    },
    /// An unknown person calls in (L8).
    ArriveByCall {
        line: Option<String>,
    },
    /// The confirmation with the payment link (L1).
    Confirm,
    /// Is it a double (L7)? Refused if it is and has ended by that.
    Fold,
    /// A manager says that it is a double (L7).
    DoubleByWord,
    /// A payment was said and is not confirmed (L4).
    Hold,
    /// It was no payment: the state that was held goes on (L4).
    Resume,
    /// The sums are confirmed (L4, L5).
    Settle {
        standing: Standing,
        before: Before,
    },
    /// GetCourse shows an end that is no payment (L6). Refused if it does not.
    EndOutside,
    /// A manager takes the order (L9).
    Take {
        manager: ManagerId,
    },
    /// A client who is there himself gets somebody at once (L8).
    LeavePool {
        why: &'static str,
    },
    /// The responsible changes (L10).
    HandOver {
        manager: ManagerId,
    },
    /// A new round of calls from now on (D1, P2).
    Round {
        task: Option<TextId>,
        why: Option<String>,
    },
    /// The client is called again from now on: a question that is open is not repeated meanwhile.
    RoundBegins,
    /// A round that begins with a promised call; with `call` its task is made (D5).
    PromisedRound {
        call: Option<PlannedCall>,
    },
    /// The client called and got nobody (D11).
    CallAtOnce {
        due: At,
    },
    /// The attempt of the ladder, now.
    Attempt,
    /// A call that did not reach the client (D2).
    NotReached {
        outcome: Outcome,
        at: At,
    },
    /// The round is given up: the last message (D3).
    LastLetter,
    /// Our own leg or the provider failed (D12).
    CallFailed,
    /// A call has its result: a start that may have led to it is over (D9).
    CallOver {
        call: Box<CallResult>,
    },
    /// A talk took place (L13).
    Talked {
        seconds: u32,
    },
    /// A manager's word about a call (D10).
    Word {
        kind: AnswerKind,
    },
    /// «Что дальше?» (L13).
    Question {
        text: TextId,
        why: String,
    },
    /// Asked again, ever more patiently (L13).
    AskAgain {
        why: String,
    },
    /// The phone is asked for (L11).
    AskPhone {
        why: &'static str,
    },
    /// A number may have come (L11).
    NumberArrived,
    /// The number is wrong; none says the one dialled (L11).
    WrongNumber {
        number: Option<String>,
    },
    /// A call shortly before the promised time is the promised one (D5).
    CallBegun,
    /// The promised call task goes back to its time (D5).
    Restore,
    CallBackAt {
        at: Option<At>,
        why: Option<String>,
    },
    PayOn {
        day: Option<At>,
        why: Option<String>,
    },
    Refuse {
        reason: Option<RefusalReason>,
        why: Option<String>,
    },
    /// The lead was closed as lost in the CRM (R1).
    LostInCrm {
        reason: Option<RefusalReason>,
    },
    /// At the end of every step: timers that follow from open tasks (L15, D9).
    Close,
}

/// A call task of a promised round.
#[derive(Debug, Clone)]
pub struct PlannedCall {
    pub due: At,
    /// The promised time, which its text speaks of.
    pub time: At,
    pub why: Option<String>,
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
}

/// What a decision comes to.
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
        }
    }

    pub(super) fn decided(self) -> Decided {
        let Self { case, commands, revoke, tell, journal, moments, .. } = self;
        Decided { case, commands, revoke, tell, journal, moments }
    }

    /// The figures by which this order is worked.
    pub fn figures(&self) -> &'a Figures {
        self.process.figures_of(&self.case.order)
    }

    /// Hands an event to the first section that takes it.
    pub(super) fn hear(&mut self, event: &Event) {
        for section in self.sections {
            if (section.hears)(self, event) != Heard::Passed {
                return;
            }
        }
    }

    /// Asks the section whose it is. Answers whether it was accepted.
    pub fn request(&mut self, request: Request) -> bool {
        for section in self.sections {
            match (section.enters)(self, &request) {
                Heard::Passed => {}
                heard => return heard == Heard::Taken,
            }
        }
        false
    }

    /// Asks all sections.
    pub(super) fn request_all(&mut self, request: &Request) {
        for section in self.sections {
            (section.enters)(self, request);
        }
    }

    /// What is asked meanwhile is so urgent.
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
