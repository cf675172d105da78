//! Reads that many commands need at once: the newest contacts and leads, tasks and notes of several leads.
//! One read serves all waiting callers; a result that was read before the caller asked is never used. Enter
//! at [`SharedReads::read_shared`]. Source: lists of amocrm.ru/developers/content/crm_platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::oneshot;

use super::card::{number, page};
use super::client::{AmoClient, Asked, Call};
use crate::platform::Fault;
use crate::platform::http::{BudgetRequest, Granted, Group};
use crate::process::Urgency;

/// Most pages of 250 that one read fetches.
const PAGES_MAX: usize = 4;
/// Leads named in one request; a longer address may be cut on its way.
const LEADS_MAX: usize = 50;
/// Largest difference between the platform's clock and ours, seconds.
const SKEW_S: i64 = 3;
/// Group names below this belong to the write batcher.
const GROUP_FIRST: u32 = 100;

/// The lists that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Contacts with their leads, the newest first.
    NewestContacts,
    /// Leads with their contacts, the newest first.
    NewestLeads,
    /// Tasks of the named leads, the newest first.
    Tasks,
    /// Notes that people or we wrote on the named leads.
    Notes,
}

/// The result of a read.
#[derive(Debug, Default)]
pub struct ListingRead {
    pub items: Vec<Value>,
    /// There are no further pages.
    whole: bool,
}

impl ListingRead {
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Every entity created at `since` (Unix seconds) or later would be among the items.
    pub fn reaches(&self, since: i64) -> bool {
        let oldest = self.items.last().and_then(|item| number::<i64>(&item["created_at"]));
        self.whole || oldest.is_some_and(|oldest| oldest < since - SKEW_S)
    }
}

/// What one command wants to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    pub listing: Listing,
    /// Leads whose tasks or notes are wanted.
    pub leads: &'a [u64],
    /// For the newest entities: reading back to here is enough, Unix seconds.
    pub since: i64,
    pub urgency: Urgency,
}

/// The shared reads of one account.
pub struct SharedReads {
    client: AmoClient,
    waiting: Mutex<BTreeMap<u64, PendingRead>>,
    last: AtomicU64,
}

struct PendingRead {
    leads: Vec<u64>,
    since: i64,
    urgency: Urgency,
    done: oneshot::Sender<Result<Arc<ListingRead>, Fault>>,
}

impl Listing {
    fn name(self) -> &'static str {
        match self {
            Self::NewestContacts => "contacts",
            Self::NewestLeads => "leads",
            Self::Tasks => "tasks",
            Self::Notes => "notes",
        }
    }

    fn question(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            Self::NewestContacts => {
                ("/api/v4/contacts", &[("with", "leads"), ("limit", "250"), ("order[id]", "desc")])
            }
            Self::NewestLeads => {
                ("/api/v4/leads", &[("with", "contacts"), ("limit", "250"), ("order[id]", "desc")])
            }
            Self::Tasks => (
                "/api/v4/tasks",
                &[("filter[entity_type]", "leads"), ("limit", "250"), ("order[created_at]", "desc")],
            ),
            Self::Notes => ("/api/v4/leads/notes", &[("limit", "250"), ("filter[note_type][]", "common")]),
        }
    }
}

impl SharedReads {
    pub fn new(client: AmoClient) -> Self {
        Self { client, waiting: Mutex::default(), last: AtomicU64::new(0) }
    }

    /// Reads once for all callers that want the same list and wait for a turn.
    pub async fn read_shared(&self, request: ReadRequest<'_>) -> Result<Arc<ListingRead>, Fault> {
        let ReadRequest { listing, leads, since, urgency } = request;
        let (item, asked) = (self.last.fetch_add(1, Ordering::SeqCst), self.client.asked());
        let (done, seen) = oneshot::channel();
        self.waiting().insert(item, PendingRead { leads: leads.to_vec(), since, urgency, done });
        let _guard = RemoveReadOnDrop(self, item);
        let group = Some(Group { name: GROUP_FIRST + listing as u32, item, most: LEADS_MAX });
        if let Granted::Send(items) =
            self.client.turn(BudgetRequest { urgency, deliveries: 1, group }).await?
        {
            let askers: Vec<PendingRead> = {
                let mut waiting = self.waiting();
                items.iter().filter_map(|item| waiting.remove(item)).collect()
            };
            let seen = self.read(listing, &askers, asked).await.map(Arc::new);
            askers.into_iter().for_each(|asker| drop(asker.done.send(seen.clone())));
        }
        seen.await.unwrap_or_else(|_| Err(Fault::later("the caller that read for this group was stopped")))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, PendingRead>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the first page in the turn that was granted, the others in turns of their own.
    async fn read(
        &self,
        listing: Listing,
        askers: &[PendingRead],
        asked: Asked,
    ) -> Result<ListingRead, Fault> {
        let (path, question) = listing.question();
        let leads: BTreeSet<u64> = askers.iter().flat_map(|asker| asker.leads.iter().copied()).collect();
        let leads: Vec<String> = leads.iter().map(u64::to_string).collect();
        let since = askers.iter().map(|asker| asker.since).min().unwrap_or_default();
        let urgency = askers.iter().map(|asker| asker.urgency).min().unwrap_or(Urgency::Usual);
        let mut seen = ListingRead::default();
        for at in 1..=PAGES_MAX {
            let at_text = at.to_string();
            let mut asks = question.to_vec();
            asks.extend(leads.iter().map(|lead| ("filter[entity_id][]", lead.as_str())));
            asks.extend((at > 1).then_some(("page", at_text.as_str())));
            let call = Call::get(path, &asks, urgency).for_deliveries(askers.len() as u64);
            let body = match at {
                1 => self.client.read_now(&call, asked).await?,
                _ => self.client.read(&call).await?,
            };
            let body = body.unwrap_or_default();
            seen.items.extend_from_slice(page(&body, listing.name()));
            seen.whole = body["_links"]["next"].is_null();
            let newest = matches!(listing, Listing::NewestContacts | Listing::NewestLeads);
            if seen.whole || (newest && seen.reaches(since)) {
                break;
            }
        }
        Ok(seen)
    }
}

/// Removes a waiting caller when it goes away.
struct RemoveReadOnDrop<'a>(&'a SharedReads, u64);

impl Drop for RemoveReadOnDrop<'_> {
    fn drop(&mut self) {
        self.0.waiting().remove(&self.1);
    }
}
