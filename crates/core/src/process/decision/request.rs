//! What one section asks of another. Whose a request is stands in that section; the table finds it.
//! Never carries a decision out. Enter at [`Request`].

use crate::message::text::TextId;
use crate::process::event::{AnswerKind, CallResult, Outcome};
use crate::process::money::{Before, Standing};
use crate::process::value::*;

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
