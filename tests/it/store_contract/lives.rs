//! Leases of Redis that depend on the life of a process, and what one call tells of many schools.

use dozvon::process::SchoolId;
use dozvon::store::redis::RedisStore;
use dozvon::store::{CommitError, Fence, Glance, Lease, Life, Store, Term, Unit, Word, key};

use super::faults::fill;
use super::world::*;
use crate::support::redis_server::RedisServer;

/// Short enough to wait for.
const SHORT_MS: u64 = 300;

/// The first word of a life, or a later one.
async fn says(store: &RedisStore, life: &Life, n: u64, schools: &[&str]) -> Glance {
    let schools: Vec<_> = schools.iter().map(|school| (SchoolId::from(*school), true)).collect();
    store
        .glance(&Word { life: life.clone(), n, is_first: n == 1 }, &schools)
        .await
        .unwrap()
        .expect("a single Redis")
}

async fn takes(store: &RedisStore, school: &str, who: &Fence, term: Term) -> Lease {
    store.renew(&school.into(), who, &plan("config", 0), &term).await.unwrap().0
}

/// Nobody renews the leases themselves. The words of the process do, and when they cease all its schools are free.
#[tokio::test]
async fn leases_last_as_long_as_the_life_on_which_they_depend() {
    let server = RedisServer::start();
    let [store, other] = [
        RedisStore::connect(&server.url()).await.unwrap(),
        RedisStore::connect(&server.url()).await.unwrap(),
    ];
    let (paused, next) = (fence("paused"), fence("next"));
    let life = Life { ms: SHORT_MS, ..Life::of(0) };
    assert_eq!(says(&store, &life, 1, &[]).await.found, Some(1));
    for school in ["a", "b"] {
        assert_eq!(takes(&store, school, &paused, Term::Life(life.clone())).await, Lease::Held);
        assert_eq!(takes(&other, school, &next, Term::Ms(LONG_MS)).await, Lease::Elsewhere);
        assert!(other.is_owned(&school.into()).await.unwrap());
    }
    let glance = says(&store, &life, 2, &["a", "b", "c"]).await;
    assert_eq!(glance.found, Some(1));
    let owned = glance
        .schools
        .iter()
        .map(|school| school.lease.as_ref().is_some_and(|one| one.is_of(&paused, &life)));
    assert_eq!(owned.collect::<Vec<_>>(), [true, true, false]);

    let school = SchoolId::from("a");
    until("the life's end", || async { !other.is_owned(&school).await.unwrap() }).await;
    let seen = says(&other, &Life::of(LONG_MS), 1, &["a"]).await;
    assert!(seen.schools[0].lease.as_ref().is_some_and(|lease| !lease.lives), "{seen:?}");
    assert_eq!(takes(&other, "a", &next, Term::Ms(LONG_MS)).await, Lease::Held);
    assert_eq!(store.commit(&school, &paused, Unit::default()).await, Err(CommitError::Fenced));

    // It goes on. Its life has ended, and a new one brings back what nobody has taken.
    assert_eq!(says(&store, &life, 3, &["a"]).await.found, None);
    let again = Life::of(LONG_MS);
    says(&store, &again, 1, &[]).await;
    assert_eq!(takes(&store, "a", &paused, Term::Life(again.clone())).await, Lease::Elsewhere);
    assert_eq!(takes(&store, "b", &paused, Term::Life(again.clone())).await, Lease::Held);
    assert_eq!(takes(&other, "b", &next, Term::Ms(LONG_MS)).await, Lease::Elsewhere);
}

/// A school's files have changed, and its former owner in this process could not release it.
#[tokio::test]
async fn a_process_takes_what_depends_on_its_own_life_at_once() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let life = Life::of(LONG_MS);
    says(&store, &life, 1, &[]).await;
    assert_eq!(takes(&store, "a", &fence("before"), Term::Life(life.clone())).await, Lease::Held);
    assert_eq!(takes(&store, "a", &fence("after"), Term::Life(life.clone())).await, Lease::Held);
    assert_eq!(takes(&store, "a", &fence("before"), Term::Ms(LONG_MS)).await, Lease::Elsewhere);
}

/// An instance of an older version still has its lease in a hash with a time of its own.
#[tokio::test]
async fn a_lease_of_an_older_version_is_respected_until_it_ends() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (lease, mut admin) = ("dz:{a}:lease", server.admin());
    redis::cmd("HSET").arg(lease).arg("owner").arg("one/1").exec(&mut admin).unwrap();
    assert_eq!(takes(&store, "a", &fence("x"), Term::Ms(LONG_MS)).await, Lease::Elsewhere);
    redis::cmd("PEXPIRE").arg(lease).arg(1).exec(&mut admin).unwrap();
    until("its end", || async { takes(&store, "a", &fence("x"), Term::Ms(LONG_MS)).await == Lease::Held })
        .await;
}

#[tokio::test]
async fn a_glance_tells_of_lists_and_values_that_are_gone_and_of_places_that_were_given() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store).await;
    let (school, owner) = (SchoolId::from("kept"), fence("owner"));
    let life = Life::of(LONG_MS);
    assert_eq!(takes(&store, "kept", &owner, Term::Life(life.clone())).await, Lease::Held);
    let unit = Unit {
        put: vec![put(key::EPOCH, 0, "run")],
        index: vec![(key::EPOCH.to_owned(), Some("1".to_owned()))],
        wake: vec![wake(key::CANARY, 9)],
        ..Unit::default()
    };
    commit(&store, &school, &owner, unit).await;
    let before = says(&store, &life, 1, &["kept"]).await;
    assert_eq!((before.standing, before.schools[0].is_marked), (7, true), "{before:?}");
    accept(&store, &school, "{}").await;
    let after = says(&store, &life, 2, &["kept"]).await;
    assert!(after.schools[0].place > before.schools[0].place, "{after:?}");
    let mut admin = server.admin();
    for (nth, gone) in ["out", "wake", "promised", "names", "links", "inbox", "dead"].into_iter().enumerate()
    {
        redis::cmd("DEL").arg(format!("dz:{{kept}}:{gone}")).exec(&mut admin).unwrap();
        assert_eq!(says(&store, &life, 3, &["kept"]).await.standing, 6 - nth as u64, "{gone}");
    }
    for gone in ["beat", "token"] {
        takes(&store, "kept", &owner, Term::Life(life.clone())).await;
        assert!(says(&store, &life, 4, &["kept"]).await.schools[0].is_marked);
        redis::cmd("DEL").arg(format!("dz:{{kept}}:{gone}")).exec(&mut admin).unwrap();
        assert!(!says(&store, &life, 5, &["kept"]).await.schools[0].is_marked, "{gone}");
    }
}

/// The server was slow, the first renewal was given up, and it is carried out after the second one: the store is none
/// the older for it.
#[tokio::test]
async fn a_renewal_or_a_word_that_comes_late_leaves_nothing_older() {
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let (life, owner, mut admin) = (Life::of(LONG_MS), fence("owner"), server.admin());
    takes(&store, "a", &owner, Term::Life(life.clone())).await;
    let beat: String = redis::cmd("GET").arg("dz:{a}:beat").query(&mut admin).unwrap();
    let later = format!("{}000", beat.trim_end());
    redis::cmd("SET").arg("dz:{a}:beat").arg(&later).exec(&mut admin).unwrap();
    takes(&store, "a", &owner, Term::Life(life.clone())).await;
    let left: String = redis::cmd("GET").arg("dz:{a}:beat").query(&mut admin).unwrap();
    assert_eq!(left, later);

    says(&store, &life, 1, &[]).await;
    says(&store, &life, 7, &[]).await;
    assert_eq!(says(&store, &life, 6, &[]).await.found, Some(7));
    assert_eq!(says(&store, &life, 8, &[]).await.found, Some(7));
}
