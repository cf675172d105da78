//! The mirror of the account's contacts: finds the contact with a number or an address without a request.
//! Never writes (what it reads goes through the inbox), and is not believed while it is incomplete, stale, or
//! has several contacts for one key. Enter at [`Mirror::who`] and [`Mirror::go_on`]. Source:
//! amocrm.ru/developers/content/crm_platform/contacts-api (250 a page, order by id, updated_at).

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use serde_json::Value;

use super::card::{Contact, number, page, text};
use super::client::{AmoClient, Call};
use crate::link::{self, MirrorState, contacts};
use crate::platform::{Fault, Links, Mirroring};
use crate::process::command::PersonFacts;
use crate::process::{At, Urgency};
use crate::signal::{ContactCard, ContactsRead, Signal};

/// Delay between two pages, so that filling uses a small part of the budget.
const PAGE_EVERY: TimeDelta = TimeDelta::seconds(1);
/// More urgent than new orders: until the mirror is believed, each of them costs searches of its own, so a
/// launch would never let the mirror be filled.
const URGENCY: Urgency = Urgency::Promise;
/// For this long after its start, a process waits for a mirror that it has not brought up to date yet.
const SOON: TimeDelta = TimeDelta::seconds(20);
/// Interval between two checks for changes that webhooks may have missed.
const CATCH_UP_EVERY: TimeDelta = TimeDelta::hours(6);
/// A mirror that has not been brought up to date for this long is not believed.
const STALE_AFTER: TimeDelta = TimeDelta::hours(13);
/// Catching up starts this much before the last time, because clocks differ.
const OVERLAP_S: i64 = 60;
/// Most pages of changes; if there are more, the mirror is filled from the start.
const CATCH_UP_PAGES: u32 = 40;

/// The result of a search in the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactMatch {
    /// No contact of the account has any of these numbers and addresses.
    Nobody,
    /// This contact has one; it may have been merged into another since.
    One(u64),
    /// The account has to be asked.
    Doubt,
    /// The mirror is being brought up to date: waiting costs less than asking.
    Soon,
}

/// What this process knows about the mirror's age and progress.
#[derive(Default)]
pub struct Mirror(Mutex<MirrorProgress>);

#[derive(Default)]
struct MirrorProgress {
    /// The mirror is believed once it has been brought up to date after this.
    began: Option<At>,
    /// The page of changes that is read next.
    catching: u32,
    /// The state for which a page was last read, and when: intake may not have stored it yet.
    asked: Option<(Option<MirrorState>, At)>,
}

impl Mirror {
    /// The contact that these numbers and addresses belong to.
    pub async fn who(&self, links: &dyn Links, person: &PersonFacts, now: At) -> Result<ContactMatch, Fault> {
        let mut asked = vec![link::MIRROR.to_owned()];
        asked.extend(link::mirror_keys(&person.phones, &person.emails));
        let known = links.find_all(&asked).await?;
        let (state, known) = known.split_first().map_or((&None, &[][..]), |(state, known)| (state, known));
        let state = MirrorState::read(state.as_deref());
        let began = self.course().began;
        let fresh = match (state, began) {
            (Some(MirrorState::Full { at }), Some(began)) if at < began && now - began <= SOON => {
                return Ok(ContactMatch::Soon);
            }
            (Some(MirrorState::Full { at }), Some(began)) => at >= began && now - at <= STALE_AFTER,
            _ => false,
        };
        if !fresh {
            return Ok(ContactMatch::Doubt);
        }
        let mut found: Vec<u64> = known.iter().flat_map(|known| contacts(known.as_deref())).collect();
        found.sort_unstable();
        found.dedup();
        Ok(match found.as_slice() {
            [] => ContactMatch::Nobody,
            [only] => ContactMatch::One(*only),
            _ => ContactMatch::Doubt,
        })
    }

    /// Reads the next page when it is time: first all contacts by id, later the changed ones.
    pub async fn go_on(&self, client: &AmoClient, links: &dyn Links, now: At) -> Result<Mirroring, Fault> {
        let state = MirrorState::read(links.find(link::MIRROR).await?.as_deref());
        let began = *self.course().began.get_or_insert(now);
        let soon = now + PAGE_EVERY;
        let waits = self
            .course()
            .asked
            .as_ref()
            .is_some_and(|(asked, at)| *asked == state && now - *at < TimeDelta::minutes(1));
        if waits {
            return Ok(Mirroring { read: None, next: soon });
        }
        let read = match &state {
            None => all(client, None, 1, now).await?,
            Some(MirrorState::Filling { page, since }) => all(client, state.clone(), *page, *since).await?,
            Some(MirrorState::Full { at }) if *at >= began && now - *at < CATCH_UP_EVERY => {
                return Ok(Mirroring { read: None, next: *at + CATCH_UP_EVERY });
            }
            Some(MirrorState::Full { at }) => self.changes(client, *at, now).await?,
        };
        self.course().asked = (read.from != Some(read.then.clone())).then_some((state, now));
        Ok(Mirroring { read: Some(Signal::ContactsRead(Box::new(read))), next: soon })
    }

    fn course(&self) -> MutexGuard<'_, MirrorProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes after `at`, the latest first; the mirror is up to date when all of them are read.
    async fn changes(&self, client: &AmoClient, at: At, now: At) -> Result<ContactsRead, Fault> {
        let page = self.course().catching + 1;
        let (contacts, more) = read(client, ("order[updated_at]", "desc"), page).await?;
        let reached = contacts.last().is_none_or(|last| last.updated_at < at.timestamp() - OVERLAP_S);
        let done = reached || !more;
        let from = MirrorState::Full { at };
        let then = match done {
            true => MirrorState::Full { at: now },
            false if page >= CATCH_UP_PAGES => MirrorState::Filling { page: 1, since: now },
            false => from.clone(),
        };
        self.course().catching = if then == from { page } else { 0 };
        Ok(ContactsRead { contacts, from: Some(from), then })
    }
}

/// The next page of all contacts, the oldest first: contacts created meanwhile come at the end.
async fn all(
    client: &AmoClient,
    from: Option<MirrorState>,
    at: u32,
    since: At,
) -> Result<ContactsRead, Fault> {
    let (contacts, more) = read(client, ("order[id]", "asc"), at).await?;
    let then = match more {
        true => MirrorState::Filling { page: at + 1, since },
        false => MirrorState::Full { at: since },
    };
    Ok(ContactsRead { contacts, from, then })
}

async fn read(client: &AmoClient, order: (&str, &str), at: u32) -> Result<(Vec<ContactCard>, bool), Fault> {
    let at = at.to_string();
    let asked = [("limit", "250"), ("page", at.as_str()), order];
    let call = Call::get("/api/v4/contacts", &asked, URGENCY).for_deliveries(0);
    let body = client.read(&call).await?.unwrap_or_default();
    let cards = page(&body, "contacts").iter().filter_map(card);
    Ok((cards.collect(), !body["_links"]["next"].is_null()))
}

/// A contact as the mirror stores it.
pub fn card(value: &Value) -> Option<ContactCard> {
    let contact = Contact::read(value)?;
    let texts =
        |values: &[Value]| values.iter().map(|one| text(&one["value"]).to_owned()).collect::<Vec<_>>();
    Some(ContactCard {
        contact: contact.id,
        keys: link::mirror_keys(&texts(&contact.phones), &texts(&contact.emails)),
        updated_at: contact.updated_at,
        responsible: number(&value["responsible_user_id"]),
    })
}
