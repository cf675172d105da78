//! Several instances over one Redis or one Cluster, behind one address: one of them works for the school, all
//! of them accept requests, and if the owner stops or is paused another takes over. Also one instance whose
//! configuration changes while it runs.

use std::path::Path;

use dozvon::sandbox::Platform;

use crate::process::{
    ORDERS, answer_late, asked, bench, everything_stands, nothing_is_doubled, order_url, tell,
};
use crate::support::balancer::Balancer;
use crate::support::program::{Program, SECRET, StoreKind, TestBed, get, send, until};
use crate::support::redis_server::free_port;

const SCHOOL: &str = "schools/rost/school.toml";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_instances_over_a_cluster_one_stands_still_and_comes_back_and_nothing_is_doubled() {
    let bench = bench(StoreKind::Cluster).await;
    answer_late(&bench, 150);
    let (mut instances, _balancer) = three(&bench).await;
    for order in 0..ORDERS / 2 {
        tell(&bench, order).await;
    }
    until("requests to amoCRM", async || (asked(&bench) >= 4).then_some(())).await;
    let still = instances.remove(owner(&instances).await);
    still.halt().await;
    for order in ORDERS / 2..ORDERS {
        tell(&bench, order).await;
    }
    until("another owner", async || any_owns(&instances).await.then_some(())).await;
    let before = asked(&bench);
    until("work by the new owner", async || (asked(&bench) > before).then_some(())).await;
    still.go_on().await;
    everything_stands(&bench, ORDERS).await;
    instances[owner(&instances).await].settled().await;
    until("the old owner's word", async || (!still.owns().await).then_some(())).await;
    nothing_is_doubled(&bench).await;
    let refused = bench.world().counters().get(Platform::Amocrm).refused_429;
    assert_eq!(refused, 0, "one budget for all instances");
    assert_eq!(still.terminate().await, Some(0));
    for instance in instances {
        assert_eq!(instance.count("watchdog_repairs").await, 0);
        assert_eq!(instance.terminate().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_stops_hands_over_and_what_the_others_accepted_is_worked() {
    hands_over(StoreKind::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_cluster_an_owner_that_stops_hands_over_too() {
    hands_over(StoreKind::Cluster).await;
}

async fn hands_over(kind: StoreKind) {
    let bench = bench(kind).await;
    let (mut instances, _balancer) = three(&bench).await;
    // Each order is accepted by the next instance in turn; only one of them processes it.
    for order in 0..ORDERS {
        tell(&bench, order).await;
    }
    let mut accepted = 0;
    while instances.len() > 1 {
        let first = instances.remove(owner(&instances).await);
        accepted += first.count("accepted").await;
        assert_eq!(first.terminate().await, Some(0));
    }
    everything_stands(&bench, ORDERS).await;
    instances[0].settled().await;
    assert!(accepted > 0, "the others accepted something too");
    nothing_is_doubled(&bench).await;
}

/// An instance with an older configuration reports that and does not work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_with_an_older_configuration_accepts_and_does_not_work() {
    let bench = bench(StoreKind::Redis).await;
    let other = bench.folder.path().join("config-of-another");
    copy(&bench.config(), &other);
    let old = bench.start_at(bench.port, &other).await;
    until("an owner", async || old.owns().await.then_some(())).await;
    bench.edit(SCHOOL, "Ольга Лебедева", "Ольга Л.");
    let new = bench.start_at(free_port(), &bench.config()).await;
    old.kill().await;
    until("the new owner", async || new.owns().await.then_some(())).await;
    // If it were restarted it would count as loaded later; here it is the paused one that continues.
    new.halt().await;
    let left = bench.start_at(bench.port, &other).await;
    until("the owner with the configuration loaded last", async || left.owns().await.then_some(())).await;
    new.go_on().await;
    until("its word", async || {
        new.health().await.is_some_and(|said| said["here"] == "elsewhere").then_some(())
    })
    .await;
    assert_eq!(left.terminate().await, Some(0));
    until("its word", async || {
        new.health().await.is_some_and(|said| said["here"] == "outdated configuration").then_some(())
    })
    .await;
    let url = order_url(&bench, 0).replace(&bench.port.to_string(), &new.port().to_string());
    let waited = new.health().await.expect("health")["inbox"].as_u64().expect("a count");
    let said = send("GET", &url, "", "").await;
    assert_eq!(said.expect("an answer").status, 200, "accepted, and stored for the owner");
    assert_eq!(new.health().await.expect("health")["inbox"], waited + 1);
}

/// A complete and valid change is applied without a restart; anything else changes nothing and is reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_followed_and_a_torn_one_refused() {
    let bench = bench(StoreKind::Embedded).await;
    let secrets = bench.folder.path().join("secret");
    std::fs::write(&secrets, "n5Jc8Wq3Lz7Vt2Hb9Xk4").expect("writable");
    let bridge = bench.start().await;
    tell(&bench, 0).await;

    let whole = std::fs::read_to_string(bench.config().join(SCHOOL)).expect("the file is there");
    let cut = whole.find("env = \"DEMO_URL").expect("the example has it");
    let torn = &whole[..cut];
    std::fs::write(bench.config().join(SCHOOL), torn).expect("writable");
    until("a refusal", async || refused(&bridge).await).await;
    tell(&bench, 1).await;

    // The old secret stays valid while the addresses are being changed.
    let both = format!("secrets = [{{ file = {secrets:?} }}, {{ env = \"DEMO_URL_SECRET\" }}]");
    let rotated = whole.replace("secrets = [{ env = \"DEMO_URL_SECRET\" }]", &both);
    assert_ne!(rotated, whole);
    std::fs::write(bench.config().join(SCHOOL), rotated).expect("writable");
    let by_new = order_url(&bench, 0).replace(SECRET, "n5Jc8Wq3Lz7Vt2Hb9Xk4");
    let mut forged = 0;
    until("the new secret", async || {
        let status = send("GET", &by_new, "", "").await?.status;
        forged += u64::from(status == 403);
        (status == 200).then_some(())
    })
    .await;
    assert_eq!(refused(&bridge).await, None);
    for order in 2..ORDERS {
        tell(&bench, order).await;
    }
    everything_stands(&bench, ORDERS).await;
    bridge.settled().await;
    assert!(bridge.count("refused").await <= forged, "a genuine request was turned away");
    nothing_is_doubled(&bench).await;
    assert_eq!(bridge.terminate().await, Some(0));
}

/// Three instances on ports of their own, and a balancer on the test bed's address in front of them.
pub async fn three(bench: &TestBed) -> (Vec<Program>, Balancer) {
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(bench.start_at(free_port(), &bench.config()).await);
    }
    let balancer = Balancer::start(bench.port, instances.iter().map(Program::port).collect()).await;
    until("an owner", async || any_owns(&instances).await.then_some(())).await;
    (instances, balancer)
}

pub async fn any_owns(instances: &[Program]) -> bool {
    let mut any = false;
    for instance in instances {
        any |= instance.owns().await;
    }
    any
}

/// The instance that works for the school; there is never more than one.
pub async fn owner(instances: &[Program]) -> usize {
    until("one owner", async || {
        let mut owners = Vec::new();
        for (place, instance) in instances.iter().enumerate() {
            if instance.owns().await {
                owners.push(place);
            }
        }
        (owners.len() == 1).then(|| owners[0])
    })
    .await
}

/// Why the present configuration files are not in use.
async fn refused(bridge: &Program) -> Option<String> {
    let said = get(&bridge.asked("/health")).await?.json();
    said["configuration_refused"].as_str().map(str::to_owned)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).expect("writable");
        }
    }
}
