//! After an erasure or a retention, removes what the store's files still hold of it. Never deletes a record: that is
//! done already. A mark in the store says that it is to be done, so a crash in between changes nothing. Enter at
//! [`mark`] and [`run`].

use chrono::TimeDelta;

use super::site::Site;
use crate::process::At;
use crate::store::key;
use crate::store::{CommitError, Forget, Put, Record, StoreResult, Unit, Wiped, Wiping};

/// Until a store that is busy is asked again.
const BUSY: TimeDelta = TimeDelta::seconds(5);

/// Until one that failed is asked again.
const FAILED: TimeDelta = TimeDelta::minutes(1);

/// After a retention the files are written anew this often at most, because the store stands meanwhile; between, only
/// their logs are.
const WHOLE: TimeDelta = TimeDelta::days(7);

/// Why something left the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    Person,
    Past,
}

impl Removed {
    /// The stored form of the mark.
    fn body(self) -> &'static [u8] {
        match self {
            Self::Person => b"1",
            Self::Past => b"past",
        }
    }

    fn read(body: &[u8]) -> Self {
        if body == Self::Past.body() { Self::Past } else { Self::Person }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Person => "the erased person",
            Self::Past => "what was past its time",
        }
    }
}

/// For the last unit of an erasure or of a retention.
pub async fn mark(site: &Site, why: Removed) -> StoreResult<Put> {
    let known = site.store.read(site.id(), &[key::WIPE.to_owned()]).await?.pop().flatten();
    let why = known.as_ref().map_or(why, |known| match Removed::read(&known.body) {
        Removed::Person => Removed::Person,
        Removed::Past => why,
    });
    let expect = known.map_or(0, |known| known.version);
    Ok(Put { key: key::WIPE.to_owned(), expect, body: why.body().to_vec() })
}

/// Runs until the bridge stops.
pub async fn run(site: &Site) {
    let mut stop = site.stop.clone();
    while !site.stopping() {
        let again = match site.guard("wipe", once(site)).await {
            Ok(Ok(again)) => again.then_some(BUSY),
            Err(_) => Some(FAILED),
            Ok(Err(error)) => {
                tracing::warn!(school = %site.id(), %error, "the store's files still hold what was removed; it is tried again");
                Some(FAILED)
            }
        };
        let later = async {
            match again {
                Some(pause) => site.clock.sleep_until(site.clock.now() + pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = site.wipe_bell.notified() => {}
            () = later => {}
        }
    }
}

/// True if it has to be tried again.
async fn once(site: &Site) -> Result<bool, CommitError> {
    let keys = [key::WIPE.to_owned(), key::WIPED.to_owned()];
    let mut found = site.store.read(site.id(), &keys).await?.into_iter();
    let (Some(mark), last) = (found.next().flatten(), found.next().flatten()) else { return Ok(false) };
    let (why, now) = (Removed::read(&mark.body), site.clock.now());
    let what =
        if why == Removed::Person || is_due(last.as_ref(), now) { Wiping::Person } else { Wiping::Past };
    let words = why.words();
    let wiped = site.store.wipe(site.id(), what).await?;
    let is_whole = what == Wiping::Person && wiped == Wiped::Done;
    match wiped {
        Wiped::Later(why) => {
            tracing::info!(school = %site.id(), why, "the store's files still hold {words}; it is tried again");
            return Ok(true);
        }
        Wiped::Refused(why) => tracing::warn!(
            school = %site.id(), why,
            "Redis' files hold {words} until it writes them anew by itself: let its user run BGREWRITEAOF and BGSAVE, \
             see the README, «Stores»"
        ),
        Wiped::Done => {
            tracing::info!(school = %site.id(), "the store's files are written without {words}");
        }
    }
    // Something else may have been removed meanwhile: then the mark has changed, and it is done once more.
    let forget = vec![Forget::Record { key: key::WIPE.to_owned(), expect: mark.version }];
    let expect = last.map_or(0, |last| last.version);
    let body = now.to_rfc3339().into_bytes();
    let whole = Put { key: key::WIPED.to_owned(), expect, body };
    let put = Some(whole).filter(|_| is_whole).into_iter().collect();
    match site.commit(Unit { forget, put, at: now, ..Unit::default() }).await {
        Err(CommitError::Conflict(_)) => Ok(true),
        done => done.map(|()| false),
    }
}

/// A moment that cannot be read, or lies ahead, is none.
fn is_due(last: Option<&Record>, now: At) -> bool {
    let last = last.and_then(|last| std::str::from_utf8(&last.body).ok());
    let last = last.and_then(|last| last.parse::<At>().ok());
    last.is_none_or(|last| last > now || now - last >= WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::fake::Bench;

    async fn marked(bench: &Bench, whys: &[Removed]) {
        for why in whys {
            let put = vec![mark(&bench.site, *why).await.expect("memory")];
            bench.commit(Unit { put, ..Unit::default() }).await;
        }
    }

    async fn is_marked(bench: &Bench) -> bool {
        let found = bench.site.store.read(bench.site.id(), &[key::WIPE.to_owned()]).await.expect("memory");
        found.into_iter().flatten().next().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_are_written_anew_for_a_person_at_once_and_for_the_past_once_a_week() {
        let bench = Bench::open().await;
        // A clock that was set back says nothing of the last time.
        for (days, whys, expected) in [
            (0, &[Removed::Past][..], Wiping::Person),
            (1, &[Removed::Past], Wiping::Past),
            (5, &[Removed::Past, Removed::Person], Wiping::Person),
            (6, &[Removed::Past], Wiping::Past),
            (0, &[Removed::Person, Removed::Past], Wiping::Person),
            (7, &[Removed::Past], Wiping::Person),
        ] {
            bench.run_for(TimeDelta::days(days)).await;
            marked(&bench, whys).await;
            assert_eq!(once(&bench.site).await, Ok(false));
            assert_eq!(bench.store.wiped().last(), Some(&expected), "{days} {whys:?}");
            assert!(!is_marked(&bench).await);
        }
        assert_eq!(once(&bench.site).await, Ok(false));
        assert_eq!(bench.store.wiped().len(), 6, "without a mark nothing is done");
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_were_not_written_are_written_the_next_time() {
        let bench = Bench::open().await;
        let [later, refused] = [Wiped::Later, Wiped::Refused].map(|answer| answer("busy".to_owned()));
        bench.store.wipes_answer([later, refused]);
        marked(&bench, &[Removed::Past]).await;
        assert_eq!(once(&bench.site).await, Ok(true));
        assert!(is_marked(&bench).await);
        assert_eq!(once(&bench.site).await, Ok(false));
        marked(&bench, &[Removed::Past]).await;
        assert_eq!(once(&bench.site).await, Ok(false));
        assert_eq!(bench.store.wiped(), [Wiping::Person; 3]);
    }

    #[test]
    fn a_moment_that_lies_ahead_or_cannot_be_read_is_none() {
        let now = crate::config::fake::noon();
        let last = |body: &str| Record { version: 1, body: body.as_bytes().to_vec() };
        for (body, expected) in [
            ((now - TimeDelta::days(6)).to_rfc3339(), false),
            (now.to_rfc3339(), false),
            ((now + TimeDelta::days(1)).to_rfc3339(), true),
            ("yesterday".to_owned(), true),
        ] {
            assert_eq!(is_due(Some(&last(&body)), now), expected, "{body}");
        }
    }
}
