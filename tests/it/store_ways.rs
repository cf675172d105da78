//! Ways to a Redis: over TLS with an authority of its own, and through a Sentinel whose master dies (F50).

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use dozvon::store::redis::RedisStore;
use dozvon::store::{Store, StoreError};

use crate::support::deaf::Deaf;
use crate::support::program::{StoreKind, TestBed, form, get, until};
use crate::support::redis_server::{RedisServer, Sentinel};

/// Writes an authority, and a certificate and a key of 127.0.0.1; the names of the files.
fn certificates(folder: &Path) -> [String; 3] {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = names.signed_by(&key, &authority).expect("a certificate");
    let files = [("ca", authority.pem()), ("cert", certificate.pem()), ("key", key.serialize_pem())];
    files.map(|(name, text)| {
        let path = folder.join(format!("{name}.pem"));
        std::fs::write(&path, text).expect("writable");
        path.display().to_string()
    })
}

async fn order(bench: &TestBed, id: u64) {
    let (id, number) = (id.to_string(), (id % 100_000).to_string());
    let query = form(&[("order_id", &id), ("number", &number), ("status", "Новый")]);
    let url = format!("{}?{query}&phone=%2B79035550127", bench.hook("getcourse", "order-created"));
    assert_eq!(get(&url).await.map(|said| said.status), Some(200));
}

async fn leads(bench: &TestBed, count: usize) {
    until("its leads", async || (bench.world().leads().count() == count).then_some(())).await;
}

/// Half-open connections: the peer has forgotten them and says nothing. They are replaced, not waited for (F72).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_to_redis_are_replaced() {
    let redis = RedisServer::start();
    let url = redis.url();
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()?.parse().ok()).expect("a port");
    let way = Deaf::before(port).await;
    let store =
        RedisStore::connect(&url.replace(&format!(":{port}"), &format!(":{}", way.port))).await.unwrap();
    let school = "rost".into();
    for _ in 0..2 {
        store.counts(&school).await.expect("it answers");
        way.falls_silent();
        let missed = store.counts(&school).await;
        assert!(matches!(missed, Err(StoreError::Unreachable(_))), "{missed:?}");
        until("an answer over a new connection", async || store.counts(&school).await.ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_works_over_tls_and_refuses_an_unknown_authority() {
    let mut bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    let [ca, cert, key] = certificates(bench.folder.path());
    let redis = RedisServer::start_tls(&cert, &key, &ca);
    let address = redis.url().replace("redis://", "rediss://");
    bench.sign_in(format!("{address}?ca={ca}"));
    let bridge = bench.start().await;
    order(&bench, 700_100_200).await;
    leads(&bench, 1).await;
    bridge.settled().await;
    assert_eq!(bridge.terminate().await, Some(0));
    for (address, words) in
        [(address.clone(), "certificate"), (format!("{address}?ca=/nonexistent"), "/nonexistent")]
    {
        let ended = bench.command(&["dead", "list", "rost"]).env("DOZVON_STORE", &address).output().await;
        let ended = ended.expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.to_lowercase().contains(words), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_follows_the_master_that_a_sentinel_names() {
    let mut bench = TestBed::new(StoreKind::Embedded).await;
    bench.mute();
    let mut master = RedisServer::start();
    let replica = RedisServer::start_replica_of(&master);
    let sentinel = Sentinel::watch(&master);
    until("a replica that the Sentinel knows", async || {
        (master.info("replication").contains("state=online") && sentinel.knows_a_replica()).then_some(())
    })
    .await;
    bench.sign_in(sentinel.url());
    let bridge = bench.start().await;
    order(&bench, 700_100_200).await;
    leads(&bench, 1).await;
    bridge.settled().await;
    master.kill();
    // Accepted while nobody is the master; worked when the replica is.
    order(&bench, 700_100_201).await;
    leads(&bench, 2).await;
    bridge.settled().await;
    assert!(replica.info("replication").contains("role:master"), "the replica was promoted");
    assert_eq!(bridge.count("watchdog_repairs").await, 0);
    let ready = get(&bridge.asked("/readyz")).await.expect("an answer");
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert_eq!(bridge.terminate().await, Some(0));
}
