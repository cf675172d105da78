//! The index: names of its entries, and those values that more than one layer reads.
//! Never touches a store. Enter at the function of the entry that you need.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::process::{At, ClientId, CommandId, LeadRole, OrderId, TaskId};

/// Our lead → CRM's id.
pub fn lead(order: &OrderId, role: LeadRole) -> String {
    format!("lead:{order}:{}", role.as_str())
}

/// The CRM's ids of leads that were ours and are gone, a space between two.
pub fn former_leads(order: &OrderId, role: LeadRole) -> String {
    format!("former-leads:{order}:{}", role.as_str())
}

/// Which lead of ours a lead of the CRM is: `<order>:<role>`.
pub fn lead_of(order: &OrderId, role: LeadRole) -> String {
    format!("{order}:{}", role.as_str())
}

/// The same, read.
pub fn read_lead_of(text: &str) -> Option<(OrderId, LeadRole)> {
    let (order, role) = text.rsplit_once(':')?;
    let roles = [LeadRole::Sales, LeadRole::Fulfilment, LeadRole::Revival];
    let role = roles.into_iter().find(|known| known.as_str() == role)?;
    Some((OrderId::from(order), role))
}

/// CRM's lead → which lead of ours it is ([`lead_of`]).
pub fn crm_lead(id: u64) -> String {
    format!("crm-lead:{id}")
}

/// Our client → CRM's contact.
pub fn contact(client: &ClientId) -> String {
    format!("contact:{client}")
}

/// In place of a contact that was deleted or merged: who is there instead has to be asked.
pub const CONTACT_GONE: &str = "gone";

/// CRM's contact → our client.
pub fn crm_contact(id: u64) -> String {
    format!("crm-contact:{id}")
}

/// Our task → CRM's id.
pub fn task(task: &TaskId) -> String {
    format!("task:{task}")
}

/// CRM's task → our task id (which names its order).
pub fn crm_task(id: u64) -> String {
    format!("crm-task:{id}")
}

/// E.164 → our client.
pub fn phone(e164: &str) -> String {
    format!("phone:{e164}")
}

/// Lower-case e-mail → our client.
pub fn email(email: &str) -> String {
    format!("email:{email}")
}

/// GetCourse's user → our client.
pub fn gc_user(id: &str) -> String {
    format!("gc-user:{id}")
}

/// An order that was forgotten → what was left of it (`intake::forget::Gone`).
pub fn gone(order: &OrderId) -> String {
    format!("gone:{order}")
}

/// How far the mirror of the CRM's contacts is.
pub const MIRROR: &str = "mirror";

/// A number as anybody writes it → the CRM's contacts that have it. By its last ten digits,
/// because contacts hold numbers as they were typed; `None` if it is too short to tell.
pub fn mirror_phone(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 7).then(|| format!("mirror-phone:{}", &digits[digits.len().saturating_sub(10)..]))
}

/// An e-mail → the CRM's contacts that have it.
pub fn mirror_email(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    email.contains('@').then(|| format!("mirror-email:{email}"))
}

/// A contact of the CRM → its keys in the mirror.
pub fn mirror_contact(id: u64) -> String {
    format!("mirror-contact:{id}")
}

/// A start of ours → the names that the provider has for it, a space between two.
pub fn start(command: &CommandId) -> String {
    format!("start:{command}")
}

/// A provider's call, or its name for a start of ours → order.
pub fn call(call: &str) -> String {
    format!("call:{call}")
}

/// How far the mirror is, as the index has it under [`MIRROR`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mirror", rename_all = "snake_case")]
pub enum MirrorState {
    /// The next page to be read; what changed since `since` comes by webhook or is caught up on.
    Filling { page: u32, since: At },
    /// Everything up to `at` is in it, and what webhooks have told since.
    Full { at: At },
}

impl MirrorState {
    /// What the index holds; anything that cannot be read means that it has to be filled anew.
    pub fn read(stored: Option<&str>) -> Option<Self> {
        serde_json::from_str(stored?).ok()
    }

    pub fn to_text(&self) -> String {
        json::text(self)
    }
}

/// Contacts that share a key, as the index has them.
pub fn contacts(stored: Option<&str>) -> Vec<u64> {
    stored.unwrap_or_default().split(' ').filter_map(|id| id.parse().ok()).collect()
}
