//! What an unheard answer of the store leaves in doubt. Never commits. Enter at [`Listening::new`].

use super::site::Site;
use crate::process::CommandId;
use crate::store::{CommitError, DeliveryOp, Places};

/// Waits for the answer to a commit that adds or ends deliveries. If no answer arrives, because the store is
/// unreachable or the wait is cancelled, the lanes have to read the store, and may know what it has no longer.
pub struct Listening<'a> {
    site: &'a Site,
    after: Option<u64>,
    /// What the commit ends.
    ends: Vec<CommandId>,
}

impl<'a> Listening<'a> {
    pub fn new(site: &'a Site, deliveries: &[DeliveryOp]) -> Self {
        let adds = deliveries.iter().any(|op| matches!(op, DeliveryOp::Add(_)));
        let ended = |op: &DeliveryOp| match op {
            DeliveryOp::Remove(id) | DeliveryOp::Revoke(id) => Some(id.clone()),
            DeliveryOp::Add(_) | DeliveryOp::Update(_) => None,
        };
        let ends: Vec<_> = deliveries.iter().filter_map(ended).collect();
        // Before it is sent: a try may find one gone earlier than the answer is heard.
        site.store_watch.may_have_ended(&ends);
        Self { site, after: adds.then(|| site.lanes().last_place()), ends }
    }

    pub fn heard(mut self, answer: &Result<Places, CommitError>) {
        if !matches!(answer, Err(CommitError::Store(_))) {
            self.after = None;
            self.site.store_watch.is_answered(&self.ends);
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        if let Some(after) = self.after {
            self.site.unheard(after);
        }
    }
}
