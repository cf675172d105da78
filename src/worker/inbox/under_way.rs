//! The commits of one round, which may go on while the next one is stepped. They are sent in the order of their units,
//! and each is applied whole or refused. Never repeats one. Enter at [`UnderWay::take`].

use std::collections::HashSet;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};

use super::settle::revoked_by;
use super::{Cause, Doubt, Failure, Inbox, Refused};
use crate::process::CommandId;
use crate::store::{CommitError, Unit};
use crate::worker::landings::Written;
use crate::worker::site::Site;

/// What a unit was for, and its answer.
type Answer = (Cause, Result<(), Failure>);

#[derive(Default)]
pub(super) struct UnderWay {
    commits: FuturesOrdered<BoxFuture<'static, Answer>>,
    answered: Vec<Answer>,
    landed: HashSet<u64>,
    revoked: HashSet<CommandId>,
}

impl UnderWay {
    /// Takes the units of a round; the one before has been answered.
    pub fn take(&mut self, site: &Arc<Site>, units: Vec<(Cause, Unit)>) {
        for (cause, unit) in units {
            self.landed.extend(if let Cause::Landed(place) = cause { Some(place) } else { None });
            self.revoked.extend(revoked_by(&unit).cloned());
            self.commits.push_back(Box::pin(finish(site.clone(), unit, cause)));
        }
    }

    /// Sends them, without waiting for the answers. What carries them is a task of its own: it has its turn before another
    /// round is stepped `meanwhile`.
    pub async fn send(&mut self, meanwhile: bool) {
        while let Poll::Ready(Some(answer)) = futures_util::poll!(self.commits.next()) {
            self.answered.push(answer);
        }
        if meanwhile {
            tokio::task::yield_now().await;
        }
    }

    /// The answers to all of them; after this, none is under way.
    pub async fn answers(&mut self) -> Vec<Answer> {
        let commits = std::mem::take(&mut self.commits);
        let later = commits.collect::<Vec<_>>().await;
        let Self { mut answered, .. } = std::mem::take(self);
        answered.extend(later);
        answered
    }

    pub fn is_none(&self) -> bool {
        self.commits.is_empty() && self.answered.is_empty()
    }

    /// Places of the deliveries that they settle.
    pub fn landed(&self) -> &HashSet<u64> {
        &self.landed
    }

    /// The commands that they revoke.
    pub fn revoked(&self) -> &HashSet<CommandId> {
        &self.revoked
    }
}

impl Inbox {
    /// Waits for the commits under way; the error is the first refusal.
    pub(super) async fn committed(&mut self) -> Result<(), Refused> {
        let mut refused = None;
        for (cause, result) in self.under_way.answers().await {
            match result {
                Ok(()) => self.done(&cause, Written::Now),
                Err(error) => {
                    if let Cause::Landed(place) = cause {
                        let doubt = match &error {
                            Failure::Commit(CommitError::Conflict(_)) => Doubt::Refused,
                            _ => Doubt::Unheard,
                        };
                        self.doubtful
                            .entry(place)
                            .and_modify(|known| *known = doubt.max(*known))
                            .or_insert(doubt);
                    }
                    refused.get_or_insert(Refused::by(cause, error));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

async fn finish(site: Arc<Site>, unit: Unit, cause: Cause) -> Answer {
    let done = site.guard("commit", site.commit_marking(unit)).await;
    (cause, done.map_err(Failure::from).and_then(|done| Ok(done?)))
}
