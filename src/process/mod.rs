//! The pure core: what the bridge decides. It knows no clock, no network, no store, and it
//! never fails: every event on every case gives a [`Step`].
//! Enter at [`step`]; the sections of the process are the files beside this one.

pub mod calendar;
pub mod case;
pub mod command;
pub mod definition;
pub mod event;
pub mod timers;
pub mod value;

use serde::{Deserialize, Serialize};

pub use case::{Case, Client, Desk, End, Order, Phase};
pub use command::{Ask, Command, Target, Urgency};
pub use definition::Process;
pub use event::{Event, News};
pub use timers::Timer;
pub use value::*;

/// A decision: all of it is committed at once, or none of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub case: Case,
    /// New commands, in the order in which they are to be carried out.
    pub commands: Vec<Command>,
    /// Commands of earlier steps that no longer hold; dropped if they have not left yet.
    pub revoke: Vec<CommandId>,
    /// What other orders of the same client have to hear.
    pub tell: Vec<(OrderId, News)>,
    pub journal: Vec<Line>,
}

/// Why something was decided, in the words of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The rule's id in the process, for example `D2`.
    pub rule: String,
    /// Russian, for people.
    pub text: String,
}
