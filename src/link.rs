//! The index: the keys of its entries, and the values that more than one layer reads. Enter at the function
//! of the entry that you need.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::process::{At, ClientId, CommandId, LeadRole, OrderId, TaskId};

/// Our lead → CRM's id.
pub fn lead(order: &OrderId, role: LeadRole) -> String {
    format!("lead:{order}:{}", role.as_str())
}

/// The CRM's ids of our deleted leads, separated by spaces.
pub fn former_leads(order: &OrderId, role: LeadRole) -> String {
    format!("former-leads:{order}:{}", role.as_str())
}

/// The value of a CRM lead's entry: `<order>:<role>`.
pub fn lead_of(order: &OrderId, role: LeadRole) -> String {
    format!("{order}:{}", role.as_str())
}

/// Parses it.
pub fn read_lead_of(text: &str) -> Option<(OrderId, LeadRole)> {
    let (order, role) = text.rsplit_once(':')?;
    let roles = [LeadRole::Sales, LeadRole::Fulfilment, LeadRole::Revival];
    let role = roles.into_iter().find(|known| known.as_str() == role)?;
    Some((OrderId::from(order), role))
}

/// CRM's lead → our lead ([`lead_of`]).
pub fn crm_lead(id: u64) -> String {
    format!("crm-lead:{id}")
}

/// Our client → CRM's contact.
pub fn contact(client: &ClientId) -> String {
    format!("contact:{client}")
}

/// Stored for a contact that was deleted or merged: its replacement has to be looked up.
pub const CONTACT_GONE: &str = "gone";

/// Stored while the client's first contact is being made and another one with his number or address was told of: it may
/// be that one, or a person's.
pub const CONTACT_SEEN: &str = "seen";

/// CRM's contact → our client.
pub fn crm_contact(id: u64) -> String {
    format!("crm-contact:{id}")
}

/// Our task → CRM's id.
pub fn task(task: &TaskId) -> String {
    format!("task:{task}")
}

/// CRM's task → our task id (which contains its order's id).
pub fn crm_task(id: u64) -> String {
    format!("crm-task:{id}")
}

/// Our order → CRM's id of the pinned note about its next step.
pub fn next_note(order: &OrderId) -> String {
    format!("next-note:{order}")
}

/// E.164 → our client.
pub fn phone(e164: &str) -> String {
    format!("phone:{e164}")
}

/// Lower-case e-mail → our client.
pub fn email(email: &str) -> String {
    format!("email:{email}")
}

/// The key of a number or an address → other clients who have the same one, separated by spaces.
pub fn alike(way: &str) -> String {
    format!("alike:{way}")
}

/// GetCourse's user → our client.
pub fn gc_user(id: &str) -> String {
    format!("gc-user:{id}")
}

/// A forgotten order → what is kept of it (`intake::forget::Gone`).
pub fn gone(order: &OrderId) -> String {
    format!("gone:{order}")
}

/// The state of the mirror of the CRM's contacts.
pub const MIRROR: &str = "mirror";

/// A number in any spelling → the CRM's contacts that have it. By its last ten digits, because contacts
/// contain numbers as they were typed; `None` if it is too short.
pub fn mirror_phone(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 7).then(|| format!("mirror-phone:{}", &digits[digits.len().saturating_sub(10)..]))
}

/// An e-mail → the CRM's contacts that have it.
pub fn mirror_email(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    email.contains('@').then(|| format!("mirror-email:{email}"))
}

/// The mirror's keys of a person.
pub fn mirror_keys<'a>(
    phones: impl IntoIterator<Item = &'a String>,
    emails: impl IntoIterator<Item = &'a String>,
) -> Vec<String> {
    let phones = phones.into_iter().filter_map(|phone| mirror_phone(phone));
    phones.chain(emails.into_iter().filter_map(|email| mirror_email(email))).collect()
}

/// A contact of the CRM → its keys in the mirror.
pub fn mirror_contact(id: u64) -> String {
    format!("mirror-contact:{id}")
}

/// Our call start → the provider's names for it, separated by spaces.
pub fn start(command: &CommandId) -> String {
    format!("start:{command}")
}

/// A provider's call, or its name for our call start → order.
pub fn call(call: &str) -> String {
    format!("call:{call}")
}

/// The state of the mirror, stored under [`MIRROR`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mirror", rename_all = "snake_case")]
pub enum MirrorState {
    /// The next page to be read; changes after `since` arrive by webhook or are read later.
    Filling { page: u32, since: At },
    /// Complete up to `at`; later changes arrive by webhook.
    Full { at: At },
}

impl MirrorState {
    /// Parses the stored state; an unreadable one means that the mirror is filled again.
    pub fn read(stored: Option<&str>) -> Option<Self> {
        serde_json::from_str(stored?).ok()
    }

    pub fn to_text(&self) -> String {
        json::text(self)
    }
}

/// Contacts that share a key, in their stored form.
pub fn contacts(stored: Option<&str>) -> Vec<u64> {
    stored.unwrap_or_default().split(' ').filter_map(|id| id.parse().ok()).collect()
}
