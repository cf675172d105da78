//! The contract of every store, tested against each of them: embedded in memory, embedded in a folder, a
//! single Redis, a Redis Cluster of three nodes. A claim is an `async fn(&dyn Store)` in a file next to this
//! one and a line of [`CLAIMS`].

mod agree;
mod conflict;
mod evictions;
mod faults;
mod inbox;
mod lists;
mod lives;
mod owners;
mod world;

use std::future::Future;
use std::pin::Pin;

use dozvon::store::Store;
use dozvon::store::embedded::Embedded;
use dozvon::store::redis::RedisStore;

use crate::support::folder::Folder;
use crate::support::redis_server::{RedisCluster, RedisServer};

type Claim = for<'a> fn(&'a dyn Store) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

macro_rules! claims {
    ($($file:ident: $($claim:ident)*;)*) => {
        /// Names and claims; each works in a school of its own, so they share a store.
        const CLAIMS: &[(&str, Claim)] =
            &[$($((stringify!($claim), |store| Box::pin($file::$claim(store))),)*)*];
    };
}

claims! {
    conflict:
        a_refused_unit_changes_nothing
        an_entry_is_acknowledged_once
        a_record_changes_only_from_the_version_that_was_read
        only_the_owner_commits
        a_unit_is_judged_row_by_row
        what_is_sent_in_order_is_done_in_order
        of_many_at_once_one_wins_and_the_others_stay_whole;
    inbox:
        a_to_b_to_a_are_three_events_and_a_repeat_is_one
        a_unique_key_is_forgotten_after_its_life
        entries_come_in_order_and_after_a_place
        a_request_comes_back_as_it_was_and_stays_readable
        old_requests_are_forgotten_but_not_those_in_the_inbox
        bodies_of_a_mebibyte_come_back
        times_come_back_to_the_microsecond
        an_offered_request_is_taken_once_for_its_id
        a_store_is_the_same_run_until_it_is_restarted;
    lists:
        index_entries_are_set_moved_and_removed
        records_are_scanned_by_prefix_in_order
        wakes_come_promised_first_then_by_time
        a_wake_is_moved_and_put_to_sleep
        deliveries_keep_their_place
        pending_deliveries_are_found_by_id
        only_what_has_not_left_is_revoked
        a_command_on_its_way_is_not_added_twice
        the_journal_keeps_order_and_its_last_entries
        dead_letters_are_buried_and_dug
        no_dead_letter_is_out_of_reach
        counts_tell_what_is_held
        what_is_forgotten_leaves_no_trace
        schools_do_not_see_each_other;
    owners:
        a_lease_is_taken_renewed_and_released
        a_lease_of_a_dead_owner_passes_on
        of_two_configurations_the_one_loaded_later_counts
        an_instance_takes_its_own_lease_back_at_once
        a_budget_is_paced_evenly_between_two_takers
        a_budget_lets_a_burst_go_and_counts_by_the_stores_clock
        a_budget_recovers_from_a_clock_set_back
        a_secret_changes_only_from_what_it_was
        a_lock_is_held_by_one;
}

async fn all_hold(store: &dyn Store) {
    store.ping().await.expect("it answers");
    for (name, claim) in CLAIMS {
        eprintln!("claim: {name}");
        claim(store).await;
    }
}

#[tokio::test]
async fn embedded_in_memory_keeps_its_promises() {
    all_hold(&Embedded::in_memory().unwrap()).await;
}

#[tokio::test]
async fn embedded_in_a_folder_keeps_its_promises() {
    let folder = Folder::new();
    all_hold(&Embedded::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn a_single_redis_keeps_its_promises() {
    let server = RedisServer::start();
    all_hold(&RedisStore::connect(&server.url()).await.unwrap()).await;
    owners::what_one_instance_rings_the_others_hear(&server.url()).await;
}

#[tokio::test]
async fn a_redis_cluster_keeps_its_promises() {
    let cluster = RedisCluster::start();
    all_hold(&RedisStore::connect(&cluster.url()).await.unwrap()).await;
    owners::what_one_instance_rings_the_others_hear(&cluster.url()).await;
}
