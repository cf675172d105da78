//! Requests between sections. The section that handles a request declares it; the table finds that section.
//! Never executes a decision. Enter at [`Request`].

use std::collections::BTreeSet;

use crate::message::phrase::Phrase;
use crate::message::text::TextId;
use crate::process::case::{Doubted, Order};
use crate::process::event::{AnswerKind, CallResult, OrderFacts, Outcome, SameWay};
use crate::process::money::{Before, PaymentState};
use crate::process::state::ToldPayment;
use crate::process::value::*;

/// A request of one section to another, through the table.
#[derive(Debug, Clone)]
pub enum Request {
    /// Read the order from GetCourse (L1).
    AskFacts,
    /// The first report of an order may lack what decides it: read it back first (G10). Refused if it does not.
    ReadFirst {
        facts: Box<OrderFacts>,
    },
    /// A number or an address made the new order this client's (Q4). Refused if it is his first one.
    Join {
        by: BTreeSet<SameWay>,
    },
    /// GetCourse was asked for what only a report told of the client, and will not answer (F100).
    TellUnconfirmed,
    /// Decide by the first report, without what it lacks (G10). Refused if there is none.
    AsTold,
    /// More is known now of an order that was decided early: what it was before (G10). Refused if somebody has
    /// acted on it.
    Complete {
        before: Box<Order>,
    },
    /// The first facts of an order (L1).
    Arrive {
        manager: Option<ManagerId>,
        payment_state: PaymentState,
        /// They are no stranger's word (F104).
        sure: bool,
    },
    /// An unknown person calls in (L8).
    ArriveByCall {
        line: Option<String>,
    },
    /// It is known now that a manager made the order (L3).
    MadeByManager,
    /// The order has other offers now than before (G10).
    Reroute {
        before: Box<Order>,
    },
    /// The pause of an order whose route has changed (L2).
    PauseAgain,
    /// The confirmation with the payment link (L1).
    Confirm,
    /// Check whether it is a double (L7). Refused if it is and has therefore ended.
    Fold {
        /// What is known of it is no stranger's word (F104).
        sure: bool,
    },
    /// A manager says that it is a double (L7).
    DoubleByWord,
    /// A payment was reported but is not confirmed (L4).
    Hold,
    /// What the report of the payment said, for a person who confirms it (L4).
    Told {
        told: ToldPayment,
    },
    /// It was not a payment: the held state continues (L4).
    Resume,
    /// Less money was reported, unconfirmed (L16).
    Doubt {
        said: Doubted,
        trusted: bool,
    },
    /// The sums are confirmed (L4, L5).
    Settle {
        payment_state: PaymentState,
        before: Before,
    },
    /// The confirmed paid sum has changed by so much (L16).
    SumChanged {
        by: i64,
    },
    /// GetCourse shows an end without a payment (L6). Refused if it does not.
    EndOutside,
    /// A manager takes the order (L9).
    Take {
        manager: ManagerId,
    },
    /// A client who is present gets a manager at once (L8).
    LeavePool {
        why: Phrase,
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
    /// The client is called again from now on; an open question is not repeated meanwhile.
    RoundBegins,
    /// A round that begins with a promised call; with `call` its task is created (D5).
    PromisedRound {
        call: Option<PlannedCall>,
    },
    /// The client called and reached nobody (D11), or was cut off: `why` (D12).
    CallAtOnce {
        due: At,
        why: Option<String>,
    },
    /// The ladder's attempt is due now.
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
        seconds: Option<u32>,
        manager: Option<ManagerId>,
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
    /// Ask again, at growing intervals (L13).
    AskAgain {
        why: String,
    },
    /// Ask for the phone (L11).
    AskPhone {
        why: Phrase,
    },
    /// A number may have come (L11).
    NumberArrived,
    /// The number is wrong; without a number it is the dialled one (L11).
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
    /// A follow-up on a named date, however far it is (L13, L14).
    WaitUntil {
        at: At,
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
    /// The promised time, which its text mentions.
    pub time: At,
    pub why: Option<String>,
}
