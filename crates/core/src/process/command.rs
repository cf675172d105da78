//! What a step asks of the world, named by our own ids; the outbox resolves them when it sends.
//! Never holds a platform's id and never says how a platform is asked. Enter at [`Command`].

use serde::{Deserialize, Serialize};

use super::event::{Direction, Outcome};
use super::value::*;
use crate::message::text::TextId;

/// One thing asked of one platform for one client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    pub id: CommandId,
    pub order: OrderId,
    pub client: ClientId,
    pub urgency: Urgency,
    #[serde(flatten)]
    pub ask: Ask,
}

/// The order in which lanes are served (design, section 5). Smaller is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Payment and cancellation.
    Money,
    /// Promised times.
    Promise,
    /// Hot calls: a fresh order, a client «на линии».
    Hot,
    Usual,
    Backfill,
}

/// Which platform carries a command out.
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

    /// Whether it can be seen there that a command has been done: what is in doubt is looked for before it is
    /// done again. Elsewhere a person looks.
    pub fn can_look_up(self) -> bool {
        match self {
            Self::Crm | Self::Getcourse => true,
            Self::Mail | Self::Line => false,
        }
    }

    /// Whether several requests make one delivery: when one is denied, an earlier one may have gone through.
    pub fn takes_several_requests(self) -> bool {
        self == Self::Crm
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Find or make the contact and the lead, linked; twins are never made (L1, G1–G3, G7).
    SaveLead(Box<SaveLead>),
    /// Bring the contact's phone, e-mail and name up to date; numbers are added, never dropped.
    SaveContact(PersonFacts),
    /// Move a lead forward (K2); `Won` and `Lost` close it.
    SetStage {
        role: LeadRole,
        stage: Stage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<RefusalReason>,
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
    /// Empty a field that held an answer, after use.
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
    },
    CloseTask {
        task: TaskId,
        result: String,
    },
    /// A line in the lead's feed (K6); the command's id is its marker against doubling.
    AddNote {
        role: LeadRole,
        text: String,
    },
    /// A call in the lead's feed (K6).
    AddCall {
        role: LeadRole,
        call: CallNote,
    },
    /// Read a lead, by the CRM's id: a webhook told less than has to be known. Asked by intake, not
    /// by a step.
    ReadLead {
        lead: u64,
        /// The order's number, where the lead is said to be gone: another one may have taken its
        /// place (merged by hand), and is then found by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
    },
    /// Read a lead that a person made, with its contact (G9). Asked by intake, not by a step.
    ReadMade {
        lead: u64,
    },
    /// GetCourse: the order's status, with a reason where it is cancelled.
    SetStatus {
        status: Status,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// GetCourse: a comment at each turn (K6).
    AddComment {
        text: String,
    },
    SetOrderManager {
        manager: ManagerId,
    },
    /// GetCourse: read the order back; the answer returns as confirmed facts.
    ReadOrder,
    SendLetter(Letter),
    /// Telephony: ring the manager, then the client (D9). Never repeated once it may have been done.
    StartCall(StartCall),
}

/// Which ask a command is, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    SaveLead,
    SaveContact,
    SetStage,
    SetResponsible,
    SetPrice,
    ClearField,
    CreateTask,
    MoveTask,
    CloseTask,
    AddNote,
    AddCall,
    ReadLead,
    ReadMade,
    SetStatus,
    AddComment,
    SetOrderManager,
    ReadOrder,
    SendLetter,
    StartCall,
}

impl AskKind {
    /// The name under which it is stored and shown: the `ask` tag.
    pub fn name(self) -> &'static str {
        match self {
            Self::SaveLead => "save_lead",
            Self::SaveContact => "save_contact",
            Self::SetStage => "set_stage",
            Self::SetResponsible => "set_responsible",
            Self::SetPrice => "set_price",
            Self::ClearField => "clear_field",
            Self::CreateTask => "create_task",
            Self::MoveTask => "move_task",
            Self::CloseTask => "close_task",
            Self::AddNote => "add_note",
            Self::AddCall => "add_call",
            Self::ReadLead => "read_lead",
            Self::ReadMade => "read_made",
            Self::SetStatus => "set_status",
            Self::AddComment => "add_comment",
            Self::SetOrderManager => "set_order_manager",
            Self::ReadOrder => "read_order",
            Self::SendLetter => "send_letter",
            Self::StartCall => "start_call",
        }
    }
}

impl Ask {
    /// The name under which it is stored and shown: the `ask` tag.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    pub fn kind(&self) -> AskKind {
        match self {
            Self::SaveLead(_) => AskKind::SaveLead,
            Self::SaveContact(_) => AskKind::SaveContact,
            Self::SetStage { .. } => AskKind::SetStage,
            Self::SetResponsible { .. } => AskKind::SetResponsible,
            Self::SetPrice { .. } => AskKind::SetPrice,
            Self::ClearField { .. } => AskKind::ClearField,
            Self::CreateTask(_) => AskKind::CreateTask,
            Self::MoveTask { .. } => AskKind::MoveTask,
            Self::CloseTask { .. } => AskKind::CloseTask,
            Self::AddNote { .. } => AskKind::AddNote,
            Self::AddCall { .. } => AskKind::AddCall,
            Self::ReadLead { .. } => AskKind::ReadLead,
            Self::ReadMade { .. } => AskKind::ReadMade,
            Self::SetStatus { .. } => AskKind::SetStatus,
            Self::AddComment { .. } => AskKind::AddComment,
            Self::SetOrderManager { .. } => AskKind::SetOrderManager,
            Self::ReadOrder => AskKind::ReadOrder,
            Self::SendLetter(_) => AskKind::SendLetter,
            Self::StartCall(_) => AskKind::StartCall,
        }
    }

    pub fn target(&self) -> Target {
        match self {
            Self::SetStatus { .. }
            | Self::AddComment { .. }
            | Self::SetOrderManager { .. }
            | Self::ReadOrder => Target::Getcourse,
            Self::SendLetter(_) => Target::Mail,
            Self::StartCall(_) => Target::Line,
            _ => Target::Crm,
        }
    }
}

/// Everything needed to find or make a lead with its contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveLead {
    pub role: LeadRole,
    /// Route in the school's file: fields, pipeline.
    pub route: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
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
    /// First note of the lead: the source's facts (G5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The lead of another role that this one continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<LeadRole>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonFacts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
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
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateTask {
    pub task: TaskId,
    pub role: LeadRole,
    pub kind: TaskKind,
    /// Final text without the marker; the client of the CRM appends `[<task id>]`.
    pub text: String,
    pub due: At,
    /// Minutes from `due` that the task may take in the calendar.
    pub minutes: u32,
    pub responsible: ManagerId,
}

/// A call to be started for a call task (D9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartCall {
    pub manager: ManagerId,
    /// The client's, E.164.
    pub number: String,
    /// Our line that the client is to see (D8); absent: the provider's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
    /// The task that it serves.
    pub task: TaskId,
    /// Later than this nobody waits for it any more.
    pub not_after: At,
}

/// What a task is about; a school maps it to a task type of its CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// «Позвонить»: done by a call.
    Call,
    /// «Что дальше?»: done by an answer.
    Ask,
    /// Anything else that a person must do: done when closed.
    Do,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallNote {
    /// `<provider>:<key>`: one call stands once in the feed.
    pub call: String,
    pub direction: Direction,
    pub outcome: Outcome,
    pub talk_seconds: u32,
    pub at: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// Begins the `why` of a letter that can never be delivered because its address is bad (L11); any
/// other `why` says nothing against the address.
pub const BOUNCED: &str = "bounced";

/// A letter as it leaves: the text is final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// Which text of the library it is (M1).
    pub text: TextId,
    pub to: String,
    pub subject: String,
    pub body: String,
}
