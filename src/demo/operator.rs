//! The person who operates the bridge: checks the letters whose outcome the bridge does not know, and has the
//! missing ones sent again. Never uses anything but the program's own means: an entry in the inbox, as
//! `dozvon dead retry` writes it. Enter at [`Operator::resend_missing_letters`].

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;

use crate::intake::item::Item;
use crate::platform::mail::IN_DOUBT;
use crate::process::SchoolId;
use crate::sandbox::World;
use crate::sandbox::serve::Shared;
use crate::store::{Backend, DeadLetter, Store, StoreResult};

/// Most doubtful letters at a time; more would be too many for a person.
const LETTERS_MAX: usize = 1_000;

pub struct Operator {
    backend: Backend,
    school: SchoolId,
    shared: Arc<Shared>,
    store: OnceCell<Arc<dyn Store>>,
}

impl Operator {
    pub fn new(backend: Backend, school: &str, shared: Arc<Shared>) -> Self {
        Self { backend, school: SchoolId::from(school), shared, store: OnceCell::new() }
    }

    /// Returns how many letters are to be sent again.
    pub async fn resend_missing_letters(&self, now: DateTime<Utc>) -> StoreResult<u64> {
        let store = self.store.get_or_try_init(|| self.backend.visit()).await?;
        let doubts = store.dead(&self.school, LETTERS_MAX).await?;
        let missing: Vec<String> = self.shared.with(|world, _| {
            let lost = doubts.into_iter().filter(|letter| is_in_doubt(letter) && !has_come(world, letter));
            lost.map(|letter| letter.id).collect()
        });
        for letter in &missing {
            let asked = Item::Retry { letter: letter.clone() }.to_bytes();
            store.append(&self.school, &asked, now).await?;
        }
        Ok(missing.len() as u64)
    }
}

/// A letter for which the bridge does not know whether it was sent.
pub fn is_in_doubt(letter: &DeadLetter) -> bool {
    letter.why == IN_DOUBT
}

/// Whether the letter is in a mailbox, found by the command's id in its Message-ID.
pub fn has_come(world: &World, letter: &DeadLetter) -> bool {
    let Some(command) = letter.id.strip_prefix("out-") else { return false };
    let id = crate::platform::mail::message_id(command, "");
    let id = id.trim_end_matches('@');
    world.letters().iter().any(|received| {
        let inner = received.message_id.trim_matches(['<', '>']);
        inner.rsplit_once('@').is_some_and(|(local, _)| local == id)
    })
}
