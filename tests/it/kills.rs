//! The demo's own kills, a short run of them: the program kills the program, on both stores.
//! The whole run is `dozvon demo --kills 20`.

use crate::support::folder::Folder;
use crate::support::program::program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_with_kills_loses_and_doubles_nothing_on_the_embedded_store() {
    let facts = day(&["--kills", "6", "--seed", "5"]).await;
    assert_eq!((facts["kills"].as_u64(), facts["redis_kills"].as_u64()), (Some(6), Some(0)), "{facts:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_with_kills_loses_and_doubles_nothing_on_redis_that_is_killed_too() {
    let facts = day(&["--kills", "6", "--seed", "6", "--kill-redis"]).await;
    assert_eq!((facts["kills"].as_u64(), facts["redis_kills"].as_u64()), (Some(6), Some(1)), "{facts:#}");
    assert!(facts["redis_resumed_ms_max"].as_u64().is_some_and(|ms| ms > 0), "{facts:#}");
}

/// The facts of a shortened run: its exit code is not meaningful, its counts are. One of them,
/// `kills_missed`, shows whether work continued in time.
async fn day(args: &[&str]) -> serde_json::Value {
    let folder = Folder::new();
    let json = folder.path().join("facts.json");
    let mut command = program(&["demo", "--days", "1", "--json", &json.to_string_lossy()]);
    // It is needed to find `redis-server`.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let done = command.args(args).env("TMPDIR", folder.path()).env("PATH", path).output();
    let done = done.await.expect("the program is built");
    let text = std::fs::read_to_string(&json);
    let text = text.unwrap_or_else(|_| panic!("no facts: {}", String::from_utf8_lossy(&done.stderr)));
    let facts: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for bad in ["lost", "doubled_creates", "open_without_next_step", "watchdog_repairs", "kills_missed"] {
        assert_eq!(facts[bad], 0, "{bad}: {facts:#}");
    }
    assert!(facts["orders"].as_u64().is_some_and(|orders| orders > 10), "{facts:#}");
    let (kills, in_flight) = (&facts["kills"], &facts["kills_in_flight"]);
    assert!(in_flight.as_u64() >= kills.as_u64().map(|kills| kills * 4 / 5), "{facts:#}");
    facts
}
