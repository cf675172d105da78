//! Signals: what a platform reported, in our terms but with the platform's ids. `intake::correlate` finds the
//! order.
//! Enter at [`Signal`].

use serde::{Deserialize, Serialize};

use crate::link::MirrorState;
use crate::process::At;
use crate::process::event::{ClientFacts, Direction, OrderFacts, Outcome};

/// One report of one platform. A request may contain several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Signal {
    /// The current state of an order in GetCourse.
    OrderSeen(Box<SeenOrder>),
    /// A person changed (phone, e-mail); no order is named.
    ClientSeen(ClientFacts),
    /// One event of one call; the events of a call are merged by its key.
    CallSeen(Box<CallEvent>),
    /// The current state of a lead in the CRM.
    LeadSeen(Box<SeenLead>),
    /// A lead that a person created in the CRM, with its contact.
    LeadMade(Box<MadeLead>),
    LeadGone {
        lead: u64,
        /// It was checked that the lead was not merged into another one.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        looked: bool,
    },
    /// The current state of a contact in the CRM.
    ContactSeen {
        contact: u64,
        facts: ClientFacts,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<ContactCard>,
        /// True for a read of the CRM; a webhook is only somebody's word.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read: bool,
    },
    /// A contact was deleted, or merged into another.
    ContactGone {
        contact: u64,
        /// True for a read of the CRM.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read: bool,
    },
    /// A page of the CRM's contacts, read for the mirror.
    ContactsRead(Box<ContactsRead>),
    /// A note that a person wrote on a lead.
    NoteSeen(Box<SeenNote>),
    TaskSeen(Box<SeenTask>),
    TaskGone {
        task: u64,
    },
    /// The callback of the CRM's consent page, with a code.
    Consent(Consent),
    /// The integration was switched off in the CRM's account.
    Uninstalled {
        account: String,
    },
    /// The late result of a command of ours, in a webhook of its own.
    CommandAnswered {
        command: String,
        done: bool,
        why: String,
    },
    /// Irrelevant (a test button, an entity that we do not watch); `what` is for the log.
    Nothing {
        what: String,
    },
}

/// The data of a contact in the mirror.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactCard {
    pub contact: u64,
    /// Index keys of all its numbers and addresses.
    pub keys: Vec<String>,
    /// Unix seconds.
    pub updated_at: i64,
    /// The CRM's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<u64>,
}

/// A page for the mirror: the state from which it was read, and the state after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactsRead {
    pub contacts: Vec<ContactCard>,
    pub from: Option<MirrorState>,
    pub then: MirrorState,
}

/// An order with names that only the school's configuration can resolve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenOrder {
    pub facts: OrderFacts,
    /// The manager as named by the platform: e-mail, else name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<u64>,
    /// Names of fields that could not be understood (an amount, a date).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
}

/// A lead from a webhook or a read of the CRM; absent means «not reported».
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenLead {
    pub lead: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_reason: Option<u64>,
    /// Field id → values. `None`: the body contains no fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<(u64, Vec<FieldValue>)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<At>,
    /// The user who changed it, according to the CRM; 0 is a robot or an API. Only a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<u64>,
    /// True for a digital-pipeline call, which contains less, so the lead has to be read.
    pub partial: bool,
    /// True for a read: absent data do not exist.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// True for the lead as we created it: its responsible is the platform's default, whom nobody chose.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// A lead that a person created, read with its main contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MadeLead {
    pub lead: u64,
    pub name: String,
    /// Major units.
    pub price: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<u64>,
    /// The content of the field for the order's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<u64>,
    pub facts: ClientFacts,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldValue {
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenTask {
    pub task: u64,
    pub text: String,
    pub done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<At>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<At>,
    /// True for a read of the CRM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenNote {
    pub note: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<u64>,
    /// An ordinary note; false for notes about calls, of services and of the CRM itself.
    pub common: bool,
    pub text: String,
    /// Who wrote it; absent for a robot or an API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<At>,
    /// True for a read of the CRM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    pub code: String,
    pub state: String,
    /// The host of the account, which issues the token.
    pub host: String,
}

/// One event of one call, in our terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEvent {
    /// `<provider>:<conversation key>`.
    pub call: String,
    pub at: At,
    #[serde(flatten)]
    pub what: CallWhat,
}

impl CallEvent {
    /// Our command that the event names, if any.
    pub fn command(&self) -> Option<&str> {
        match &self.what {
            CallWhat::Leg(leg) => leg.command.as_deref(),
            CallWhat::Final(record) => record.command.as_deref(),
            CallWhat::Recording { .. } => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum CallWhat {
    /// The state of one leg.
    Leg(Leg),
    /// The provider's final record of the whole call.
    Final(FinalRecord),
    /// A recording can be fetched.
    Recording { recording: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    pub leg: String,
    /// Counter within the leg: an event with a lower one does not override a higher one.
    pub seq: u32,
    pub state: LegState,
    pub direction: Option<Direction>,
    pub client_number: Option<String>,
    pub extension: Option<String>,
    pub line: Option<String>,
    /// The leg it was taken from (transfer, second leg of a call-back).
    pub taken_from: Option<String>,
    /// Our command that caused it.
    pub command: Option<String>,
    /// The manager's leg of a call-back, which says nothing about the client.
    pub manager_leg: bool,
    /// A menu or a queue, where no person answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub menu: bool,
    /// Seconds of talk according to the provider, at the leg's end; 0 if there was no talk, `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    Ringing,
    Talking,
    OnHold,
    /// Ended, with the outcome for the provider's reason.
    Ended(Outcome),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalRecord {
    pub direction: Option<Direction>,
    pub outcome: Outcome,
    /// 0 if there was no talk; `None` if it was answered and the length was not reported, or is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
    pub started_at: At,
    pub ended_at: At,
    pub client_number: Option<String>,
    pub extension: Option<String>,
    pub line: Option<String>,
    /// Our command that caused it, if the record names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Provider's key of the recording, if the record names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// True if the provider's time of the answer is unreliable: the legs' talk then takes precedence over the
    /// seconds and the extension of this record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rough: bool,
}

/// A call known to the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCall {
    /// A reliable final record of the provider has arrived.
    pub is_exact: bool,
    /// Seconds of talk of its result; `None` if there is no result yet, or its length is unknown.
    pub talk_seconds: Option<u32>,
}

/// The last known state of an entity of the CRM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its time of change.
    pub updated_at: Option<At>,
    pub gone: bool,
}
