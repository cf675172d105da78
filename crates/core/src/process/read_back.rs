//! What is read back in its platform before it counts: a webhook is only somebody's word (F104), or says too little.
//! Intake asks for it by `intake/read_back.rs`, a step by `Decision::read_order`; the answer comes as a signal of its
//! own, marked as read. Never says when something is read. Enter at [`ReadBack`].

use serde::{Deserialize, Deserializer, Serialize};

/// By the platform's own ids; what a signal says is compared with it, and is not repeated here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask")]
pub enum ReadBack {
    /// GetCourse: the command's order; the answer comes as confirmed facts.
    #[serde(rename = "read_order")]
    Order,
    /// GetCourse: the same with its buyer, of whom a report told something new (F100).
    #[serde(rename = "read_person")]
    Person,
    #[serde(rename = "read_lead")]
    Lead {
        lead: u64,
        /// The order's number, if the lead is reported as deleted: it may have been merged into another lead,
        /// which is found by this number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<String>,
    },
    /// A lead that a person created, with its contact (G9).
    #[serde(rename = "read_made")]
    MadeLead { lead: u64 },
    #[serde(rename = "read_note")]
    Note { lead: u64, note: u64 },
    #[serde(rename = "read_task")]
    Task { task: u64 },
    #[serde(rename = "read_contact")]
    Contact { contact: u64 },
}

impl ReadBack {
    /// The `ask` tag.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Order => "read_order",
            Self::Person => "read_person",
            Self::Lead { .. } => "read_lead",
            Self::MadeLead { .. } => "read_made",
            Self::Note { .. } => "read_note",
            Self::Task { .. } => "read_task",
            Self::Contact { .. } => "read_contact",
        }
    }
}

/// Notes, tasks and contacts were written as `"ask": "read_said"` with one of these as `what`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Note { lead: u64, note: u64 },
    Task(u64),
    Contact(u64),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Now(ReadBack),
    Before { what: Said },
}

/// The stored form of this version, or of one before it.
pub(super) fn of_any_version<'de, D: Deserializer<'de>>(stored: D) -> Result<ReadBack, D::Error> {
    Ok(match Stored::deserialize(stored)? {
        Stored::Now(what) => what,
        Stored::Before { what: Said::Note { lead, note } } => ReadBack::Note { lead, note },
        Stored::Before { what: Said::Task(task) } => ReadBack::Task { task },
        Stored::Before { what: Said::Contact(contact) } => ReadBack::Contact { contact },
    })
}
