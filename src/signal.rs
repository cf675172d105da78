//! What a platform said, in our words but still with the platform's ids.
//! Never decides and never looks anything up; `correlate` finds the order that is meant.
//! Enter at [`Signal`].

use serde::{Deserialize, Serialize};

use crate::link::MirrorState;
use crate::process::At;
use crate::process::event::{ClientFacts, Direction, OrderFacts, Outcome};

/// One thing said by one platform. A request may hold several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Signal {
    /// An order as the school's platform shows it now.
    OrderSeen(Box<SeenOrder>),
    /// A person changed (phone, e-mail), no order named.
    ClientSeen(ClientFacts),
    /// One event of one call; events of a call are merged by its key.
    CallSeen(Box<CallEvent>),
    /// A lead as the CRM shows it.
    LeadSeen(Box<SeenLead>),
    /// A lead that a person made in the CRM, with its contact.
    LeadMade(Box<MadeLead>),
    LeadGone {
        lead: u64,
        /// No other lead has taken its place: this was looked for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        looked: bool,
    },
    /// A contact as the CRM shows it.
    ContactSeen {
        contact: u64,
        facts: ClientFacts,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        card: Option<ContactCard>,
    },
    /// A contact was deleted, or merged into another.
    ContactGone {
        contact: u64,
    },
    /// A page of the CRM's contacts, read for the mirror.
    ContactsRead(Box<ContactsRead>),
    /// A note that a person wrote on a lead.
    NoteSeen(Box<SeenNote>),
    TaskSeen(Box<SeenTask>),
    TaskGone {
        task: u64,
    },
    /// The CRM's consent page came back with a code.
    Consent(Consent),
    /// The integration was switched off in the CRM's account.
    Uninstalled {
        account: String,
    },
    /// A command of ours was answered later, by a call of its own.
    CommandAnswered {
        command: String,
        done: bool,
        why: String,
    },
    /// Nothing that concerns us (a test button, an entity we do not watch); kept in the journal.
    Nothing {
        what: String,
    },
}

/// What the mirror keeps of a contact.
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

/// A page for the mirror: from which state it was read, and how far the mirror is with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactsRead {
    pub contacts: Vec<ContactCard>,
    pub from: Option<MirrorState>,
    pub then: MirrorState,
}

/// An order with words that only the school's configuration can place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenOrder {
    pub facts: OrderFacts,
    /// The manager as the platform names him: e-mail, else name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<u64>,
    /// What could not be understood (an amount, a date), for the journal: field names only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
}

/// A lead as the CRM's webhook or read shows it; absent means «not said».
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
    /// Field id → values. `None` as a whole: the body says nothing of fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<(u64, Vec<FieldValue>)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<At>,
    /// The CRM's own word for who changed it; 0 is a robot or an API. A hint only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<u64>,
    /// True for a digital-pipeline call, which shows less and must be read again.
    pub partial: bool,
    /// True for a read of ours: what it does not show is not there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
}

/// A lead made by hand, read with its main contact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MadeLead {
    pub lead: u64,
    pub name: String,
    /// Major units.
    pub price: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responsible: Option<u64>,
    /// What stands in the field of the order's number.
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
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenNote {
    pub note: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<u64>,
    /// An ordinary note; false for calls, services and what the CRM writes itself.
    pub common: bool,
    pub text: String,
    /// Who wrote it; absent for a robot or an API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    pub code: String,
    pub state: String,
    /// The account's host that the token is to be asked from.
    pub host: String,
}

/// One event of one call, provider's words already translated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEvent {
    /// `<provider>:<conversation key>`.
    pub call: String,
    pub at: At,
    #[serde(flatten)]
    pub what: CallWhat,
}

impl CallEvent {
    /// The command of ours that it names, if any.
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
    /// Counter within the leg: a lower one never overrides a higher.
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
    /// A call-back's first leg: the manager's side, which says nothing of the client.
    pub manager_leg: bool,
    /// Seconds of talk as the provider counts them, with the leg's end; 0 says that there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    Ringing,
    Talking,
    OnHold,
    /// Ended, with the outcome that the provider's reason means.
    Ended(Outcome),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalRecord {
    pub direction: Option<Direction>,
    pub outcome: Outcome,
    pub talk_seconds: u32,
    pub started_at: At,
    pub ended_at: At,
    pub client_number: Option<String>,
    pub extension: Option<String>,
    pub line: Option<String>,
    /// Our command that caused it, where the record says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Provider's key of the recording, where the record says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// True where the provider's own moment of the answer is unsure: what the legs saw of a talk
    /// counts before this record's seconds and extension.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rough: bool,
}

/// A call that was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownCall {
    /// The provider's own record of the whole call has come, and is sure of itself.
    pub is_exact: bool,
    /// Of its result; `None` where there is none yet.
    pub talk_seconds: Option<u32>,
}

/// The last sight of an entity of the CRM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its own time of change.
    pub updated_at: Option<At>,
    pub gone: bool,
}
