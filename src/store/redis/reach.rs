//! Which connections a call uses: those that are held, or new ones after a failure that the client of Redis does not
//! mend by itself. Never waits for a try of another call; a try goes on when nobody waits for it. Enter at
//! [`Reach::link`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::address::Address;
use super::link::Link;
use crate::clock::stopwatch;
use crate::store::{StoreError, StoreResult};

/// A server that has never answered is tried again after this.
const REACH_AGAIN: Duration = Duration::from_millis(300);

/// While the server refuses its user, new connections are tried with pauses that grow up to this.
const REFUSED_AGAIN_MAX: Duration = Duration::from_secs(5);

/// Tries to connect anew.
#[derive(Default)]
struct Tries {
    /// When the last one failed.
    failed: Option<Instant>,
    /// When the last one was made because the server refused, and the pause after it.
    refused: Option<(Instant, Duration)>,
}

/// The connections to one server or cluster.
pub struct Reach {
    held: Arc<Held>,
    /// Held by the task that tries to reach it.
    tries: Arc<tokio::sync::Mutex<Tries>>,
}

struct Held {
    url: String,
    /// Empty until a server has answered for the first time.
    link: Mutex<Option<Arc<Link>>>,
    /// Why the last try failed, while none has succeeded: a certificate, the name of a service.
    why: Mutex<Option<StoreError>>,
}

impl Reach {
    pub fn new(url: &str) -> Self {
        let held = Held { url: url.to_owned(), link: Mutex::default(), why: Mutex::default() };
        Self { held: Arc::new(held), tries: Arc::default() }
    }

    pub fn hold(&self, link: Link) -> Arc<Link> {
        self.held.hold(link)
    }

    /// A try has failed: calls that do not wait for the next one say why.
    pub fn missed(&self, error: StoreError) {
        self.held.missed(error);
    }

    /// The connections; new ones after a refusal, and after a failure if Sentinels may name another master.
    pub async fn link(&self) -> StoreResult<Arc<Link>> {
        let held = self.held.link.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let held = held.filter(|link| !link.is_stale());
        if let Some(link) = held.as_ref().filter(|link| !link.is_refused()) {
            return Ok(link.clone());
        }
        // One task tries at a time, and the others do not wait for it.
        let Ok(mut tries) = self.tries.clone().try_lock_owned() else {
            return held.ok_or_else(|| self.held.why());
        };
        let all = self.held.clone();
        // A task of its own: the caller may be one of several that nobody polls while they wait for the store.
        let trying = tokio::spawn(async move {
            match held {
                Some(held) => Ok(all.refresh(held, &mut tries).await),
                None => all.reach(&mut tries).await,
            }
        });
        trying.await.unwrap_or_else(|_| Err(self.held.why()))
    }
}

impl Held {
    fn hold(&self, link: Link) -> Arc<Link> {
        let link = Arc::new(link);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = Some(link.clone());
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = None;
        link
    }

    fn missed(&self, error: StoreError) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn why(&self) -> StoreError {
        if let Some(error) = &*self.why.lock().unwrap_or_else(PoisonError::into_inner) {
            return error.clone();
        }
        let name = Address::read(&self.url).map(|address| address.name()).unwrap_or_default();
        StoreError::Unreachable("Redis has not answered yet".to_owned()).of(&name)
    }

    async fn reach(&self, tries: &mut Tries) -> StoreResult<Arc<Link>> {
        if tries.failed.is_some_and(|failed| failed.elapsed() < REACH_AGAIN) {
            return Err(self.why());
        }
        match Link::connect(&self.url).await {
            Ok(link) => {
                tracing::info!("Redis answers");
                Ok(self.hold(link))
            }
            Err(missed) => {
                tries.failed = Some(stopwatch());
                let error = StoreError::from(missed);
                self.missed(error.clone());
                Err(error)
            }
        }
    }

    /// New connections in place of those that the server refuses; until they are made, its calls say why.
    async fn refresh(&self, held: Arc<Link>, tries: &mut Tries) -> Arc<Link> {
        let pause = match tries.refused {
            Some((tried, pause)) if tried.elapsed() < pause => return held,
            // It was well meanwhile.
            Some((tried, _)) if tried.elapsed() > 2 * REFUSED_AGAIN_MAX => REACH_AGAIN,
            Some((_, pause)) => (2 * pause).min(REFUSED_AGAIN_MAX),
            None => REACH_AGAIN,
        };
        let link = Link::connect(&self.url).await;
        tries.refused = Some((stopwatch(), pause));
        link.map_or(held, |link| self.hold(link))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    /// A call that nobody polls any more does not keep the others from the store.
    #[tokio::test]
    async fn a_try_goes_on_when_its_caller_is_not_looked_at() {
        let closed =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
        let reach = Reach::new(&format!("redis://{closed}/0"));
        let mut left_alone = Box::pin(reach.link());
        assert!(poll!(&mut left_alone).is_pending());
        let said = async {
            loop {
                match reach.link().await {
                    Err(error) if !error.to_string().contains("has not answered yet") => return error,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(10), said).await;
        assert!(said.is_ok_and(|error| error.to_string().contains("refused")));
    }
}
