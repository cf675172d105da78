//! Commands: the actions that a step requests from platforms, with our own ids. The outbox resolves the ids
//! when it sends. Contains no platform's ids and no requests in a platform's format. Enter at [`Command`].

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::event::{Direction, Outcome};
use super::read_back::{self, ReadBack};
use super::value::*;
use crate::message::text::TextId;

/// One action on one platform for one client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub id: CommandId,
    pub order: OrderId,
    pub client: ClientId,
    pub urgency: Urgency,
    #[serde(flatten)]
    pub ask: Ask,
}

impl CommandId {
    /// `number` is the order's own counter; the digest says what is asked for. An order that a store has lost is
    /// decided again from its first number on, perhaps while its former commands are still on their way: the same
    /// request gets the same id and is done once, another one never takes an id that is in use.
    pub fn new(order: &OrderId, number: u32, ask: &Ask) -> Self {
        match ask.digest() {
            Some(digest) => Self(format!("{order}.{number}-{digest:04x}")),
            None => Self(format!("{order}.{number}")),
        }
    }
}

/// The order in which lanes are served (design, section 5). Smaller is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Payment and cancellation.
    Money,
    /// Promised times.
    Promise,
    /// Hot calls: a new order, a client «на линии».
    Hot,
    Usual,
    Backfill,
}

/// The platform that executes a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Crm,
    Getcourse,
    Mail,
    /// The telephony provider that starts calls.
    Line,
}

impl Target {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Getcourse => "getcourse",
            Self::Mail => "mail",
            Self::Line => "line",
        }
    }

    /// Whether the platform can be asked if a command has been executed. If so, a command in doubt is looked
    /// up before it is repeated; otherwise a person has to check.
    pub fn can_look_up(self) -> bool {
        match self {
            Self::Crm | Self::Getcourse => true,
            Self::Mail | Self::Line => false,
        }
    }

    /// Whether one delivery may take several requests: if one is denied, an earlier one may have succeeded.
    pub fn takes_several_requests(self) -> bool {
        self == Self::Crm
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Find or create the contact and the lead, linked, without duplicates (L1, G1–G3, G7).
    SaveLead(Box<SaveLead>),
    /// Update the contact's phone, e-mail and name; numbers are added, never removed.
    SaveContact(PersonFacts),
    /// Move a lead forward (K2); `Won` and `Lost` close it.
    SetStage {
        role: LeadRole,
        /// The sales pipeline of the lead, if it is not the usual one (G1).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pipeline: Option<u64>,
        stage: Stage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<RefusalReason>,
        /// `Lost` also closes the lead that we won: its money was given back (L16).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        refunded: bool,
    },
    SetResponsible {
        role: LeadRole,
        manager: ManagerId,
    },
    /// New price of the lead, in major units on the CRM's side.
    SetPrice {
        role: LeadRole,
        price: Money,
    },
    /// Tags of a lead that come and go with a state (L16).
    SetTags {
        role: LeadRole,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        add: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        remove: Vec<String>,
    },
    /// Clear a field after its answer has been used.
    ClearField {
        role: LeadRole,
        field: u64,
    },
    CreateTask(CreateTask),
    /// Change an open task's deadline, responsible or text.
    MoveTask {
        task: TaskId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<At>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        responsible: Option<ManagerId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    CloseTask {
        task: TaskId,
        result: String,
    },
    /// A note in the lead's feed (K6); the command's id is its marker against duplicates.
    AddNote {
        role: LeadRole,
        text: String,
    },
    /// The pinned note about the next step (K10): one note per lead, written and edited; without a text it is
    /// unpinned.
    ShowNext {
        role: LeadRole,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A call in the lead's feed (K6).
    AddCall {
        role: LeadRole,
        call: CallNote,
    },
    /// GetCourse: set the order's status, with a reason if it is cancelled.
    SetStatus {
        status: Status,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// GetCourse: a comment at each change of state (K6).
    AddComment {
        text: String,
    },
    SetOrderManager {
        manager: ManagerId,
    },
    SendLetter(Letter),
    /// Telephony: call the manager, then the client (D9). Never repeated if it may have been executed.
    StartCall(StartCall),
    /// Read back what was told, before it counts.
    #[serde(untagged, deserialize_with = "read_back::of_any_version")]
    ReadBack(ReadBack),
}

/// The kind of a command, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    SaveLead,
    SaveContact,
    SetStage,
    SetResponsible,
    SetPrice,
    SetTags,
    ClearField,
    CreateTask,
    MoveTask,
    CloseTask,
    AddNote,
    ShowNext,
    AddCall,
    SetStatus,
    AddComment,
    SetOrderManager,
    SendLetter,
    StartCall,
    /// An order's record waits for no other read than that of the order itself.
    #[serde(rename = "read_order")]
    ReadBack,
}

impl Ask {
    /// The name under which it is stored and shown: the `ask` tag.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SaveLead(_) => "save_lead",
            Self::SaveContact(_) => "save_contact",
            Self::SetStage { .. } => "set_stage",
            Self::SetResponsible { .. } => "set_responsible",
            Self::SetPrice { .. } => "set_price",
            Self::SetTags { .. } => "set_tags",
            Self::ClearField { .. } => "clear_field",
            Self::CreateTask(_) => "create_task",
            Self::MoveTask { .. } => "move_task",
            Self::CloseTask { .. } => "close_task",
            Self::AddNote { .. } => "add_note",
            Self::ShowNext { .. } => "show_next",
            Self::AddCall { .. } => "add_call",
            Self::SetStatus { .. } => "set_status",
            Self::AddComment { .. } => "add_comment",
            Self::SetOrderManager { .. } => "set_order_manager",
            Self::SendLetter(_) => "send_letter",
            Self::StartCall(_) => "start_call",
            Self::ReadBack(what) => what.name(),
        }
    }

    pub fn kind(&self) -> AskKind {
        match self {
            Self::SaveLead(_) => AskKind::SaveLead,
            Self::SaveContact(_) => AskKind::SaveContact,
            Self::SetStage { .. } => AskKind::SetStage,
            Self::SetResponsible { .. } => AskKind::SetResponsible,
            Self::SetPrice { .. } => AskKind::SetPrice,
            Self::SetTags { .. } => AskKind::SetTags,
            Self::ClearField { .. } => AskKind::ClearField,
            Self::CreateTask(_) => AskKind::CreateTask,
            Self::MoveTask { .. } => AskKind::MoveTask,
            Self::CloseTask { .. } => AskKind::CloseTask,
            Self::AddNote { .. } => AskKind::AddNote,
            Self::ShowNext { .. } => AskKind::ShowNext,
            Self::AddCall { .. } => AskKind::AddCall,
            Self::SetStatus { .. } => AskKind::SetStatus,
            Self::AddComment { .. } => AskKind::AddComment,
            Self::SetOrderManager { .. } => AskKind::SetOrderManager,
            Self::SendLetter(_) => AskKind::SendLetter,
            Self::StartCall(_) => AskKind::StartCall,
            Self::ReadBack(_) => AskKind::ReadBack,
        }
    }

    /// A short digest of what is asked for, without what differs each time it is decided: it tells two requests of one
    /// order apart and is no proof of anything else. `None` for a call, whose number alone is its name at providers.
    fn digest(&self) -> Option<u16> {
        let what = match self {
            Self::StartCall(_) => return None,
            Self::SaveLead(lead) => json!([lead.role, lead.route, lead.pipeline, lead.stage]),
            Self::CreateTask(task) => json!([task.role, task.kind, task.text, task.responsible]),
            Self::SendLetter(letter) => json!([letter.text, letter.to]),
            ask => json!(ask),
        };
        // FNV-1a, folded: the same in every build, as ids of a store outlive the program that gave them.
        let hash = what
            .to_string()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Some((hash >> 16) as u16 ^ hash as u16)
    }

    pub fn target(&self) -> Target {
        match self {
            Self::SetStatus { .. }
            | Self::AddComment { .. }
            | Self::SetOrderManager { .. }
            | Self::ReadBack(ReadBack::Order | ReadBack::Person) => Target::Getcourse,
            Self::SendLetter(_) => Target::Mail,
            Self::StartCall(_) => Target::Line,
            _ => Target::Crm,
        }
    }
}

/// Everything needed to find or create a lead with its contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveLead {
    pub role: LeadRole,
    /// Route in the school's file: fields, pipeline.
    pub route: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// A sales pipeline other than the usual one (G1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    pub stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// GetCourse's number of the order: the natural key of a lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    /// Field id → value, already rendered (G2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(u64, String)>,
    pub person: PersonFacts,
    /// First note of the lead: the facts of the source (G5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The lead of another role that this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<LeadRole>,
    /// The lead as it was made before all was known: what still stands there of it is replaced (G10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<EarlyLead>,
}

/// What we wrote into a lead before its order was known in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyLead {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u64>,
    pub stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonFacts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The parts of the name, where they are known apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// What may stand in the CRM in place of a name: it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameless: Option<String>,
    /// E.164, the main one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responsible: Option<ManagerId>,
    /// Field id → value (G7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(u64, String)>,
    /// Other clients with the same number or address: their contacts are not this person's (F100).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apart_from: Vec<ClientId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateTask {
    pub task: TaskId,
    pub role: LeadRole,
    pub kind: TaskKind,
    /// Final text without the marker; the CRM courier appends `[<task id>]`.
    pub text: String,
    pub due: At,
    /// Duration of the task in the calendar, in minutes from `due`.
    pub minutes: u32,
    pub responsible: ManagerId,
    /// The route's own person, if the CRM does not let the responsible have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<ManagerId>,
}

/// A call to be started for a call task (D9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartCall {
    pub manager: ManagerId,
    /// The client's, E.164.
    pub number: String,
    /// Caller ID shown to the client (D8); absent: the provider's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// The call task.
    pub task: TaskId,
    /// After this time the call is not started any more.
    pub not_after: At,
}

/// The kind of a task; a school maps it to a task type of its CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// «Позвонить»: done by a call.
    Call,
    /// «Что дальше?»: done by an answer.
    Ask,
    /// Anything else for a person: done when closed.
    Do,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallNote {
    /// `<provider>:<key>`: a call is shown once in the feed.
    pub call: String,
    pub direction: Direction,
    pub outcome: Outcome,
    /// The outcome in the school's words; empty in commands of older versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// `None` if the length is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_seconds: Option<u32>,
    pub at: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// Prefix of the `why` of a letter that cannot be delivered because its address is bad (L11). With any
/// other `why` the address may be right.
pub const BOUNCED: &str = "bounced";

/// Prefixes of the `why` of a letter that the server refused, for its recipient or its content: it has not left.
pub const REFUSED: [&str; 2] = ["recipient", "content"];

/// Prefix of the `why` of a read or a write whose order is not there (any more).
pub const NO_ORDER: &str = "no such order";

/// A letter with its final text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The text of the library (M1).
    pub text: TextId,
    pub to: String,
    pub subject: String,
    pub body: String,
}

#[cfg(test)]
mod tests;
