//! What leaves, how often, and what becomes of it: over the store in memory, with couriers that record what
//! they are asked.

use super::*;
use crate::process::case::Pending;
use crate::process::{Ask, Order, ReadBack};
use crate::store::Put;
use crate::worker::fake::{Bench, asked, letter, sending};
use crate::worker::inbox::mark_first;
use crate::worker::store_watch::{Loss, LossKind};

/// A unit as the inbox makes it: what it adds is marked where it can leave at once.
fn marking(site: &Site, deliveries: Vec<DeliveryOp>) -> Unit {
    let now = site.clock.now();
    let mut unit = Unit { deliveries, at: now, ..Unit::default() };
    mark_first(site, &mut unit, None, now);
    unit
}

fn first(id: &str) -> (String, Try) {
    (id.to_owned(), Try::First)
}

async fn assert_all_done(bench: &Bench) {
    assert_eq!(bench.deliveries().await, []);
    assert_eq!(bench.dead().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_had_not_left_when_the_store_restarted_goes_out_once() {
    let mut bench = Bench::open().await;
    bench.work().await;
    let unit = marking(&bench.site, vec![DeliveryOp::Add(letter("gc-1.1"))]);
    assert!(matches!(&unit.deliveries[..], [DeliveryOp::Add(one)] if one.is_leaving()));
    bench.site.commit_marking(unit).await.expect("the owner commits");
    // Nothing else has run since the commit.
    bench.site.restart_from_store();
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    assert_all_done(&bench).await;
}

/// A commit's answer was lost and the store is away, so the deliveries cannot be listed: what is in flight moves on all
/// the same.
#[tokio::test(start_paused = true)]
async fn a_flight_goes_on_while_the_store_is_away() {
    let mut bench = Bench::open().await;
    bench.mail.gives_turns(0);
    bench.work().await;
    bench.commit(Unit { deliveries: vec![DeliveryOp::Add(letter("gc-1.1"))], ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    bench.store.set_away(true);
    bench.site.unheard(0);
    bench.run_for(TimeDelta::seconds(1)).await;
    bench.mail.gives_turns(1);
    bench.run_for(TimeDelta::seconds(10)).await;
    assert!(bench.mail.turns_taken() > 0, "it has its turn, and nobody looks at it");
    bench.store.set_away(false);
    bench.mail.gives_turns(9);
    bench.run_for(TimeDelta::minutes(5)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    assert_all_done(&bench).await;
}

/// A kill while letters wait for the mail server's budget: in the store they have not left, so the next owner
/// sends them, and no person has to look.
#[tokio::test(start_paused = true)]
async fn a_letter_is_marked_when_its_turn_has_come() {
    let mut bench = Bench::open().await;
    bench.mail.gives_turns(1);
    bench.work().await;
    let unit =
        marking(&bench.site, ["gc-1.1", "gc-2.1", "gc-3.1"].map(|id| DeliveryOp::Add(letter(id))).into());
    bench.site.commit_marking(unit).await.expect("the owner commits");
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    let waiting = bench.deliveries().await;
    assert_eq!(waiting.len(), 2);
    assert!(
        waiting.iter().all(|one| one.state == DeliveryState::Waiting && one.attempts == 0),
        "{waiting:#?}"
    );
    bench.mail.gives_turns(2);
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), ["gc-1.1", "gc-2.1", "gc-3.1"].map(first));
    assert_all_done(&bench).await;
}

/// The store applied the commit, its answer was lost with the connection, and then the store was another.
#[tokio::test(start_paused = true)]
async fn a_letter_marked_by_a_commit_that_was_not_heard_goes_out_once() {
    for restarts in [false, true] {
        let mut bench = Bench::open().await;
        bench.work().await;
        let unit = marking(&bench.site, vec![DeliveryOp::Add(letter("gc-1.1"))]);
        bench.store.lose_next_answer();
        assert!(bench.site.commit_marking(unit).await.is_err(), "as far as the owner knows");
        if restarts {
            bench.store.restart("run-2");
            bench.site.restart_from_store();
        }
        bench.run_for(TimeDelta::minutes(1)).await;
        assert_eq!(bench.mail.asked(), [first("gc-1.1")], "restarts: {restarts}");
        assert_all_done(&bench).await;
    }
}

/// The store lost its last second: the place is another letter's now, which a former owner was sending.
#[tokio::test(start_paused = true)]
async fn a_place_given_to_another_letter_lets_nothing_leave_twice() {
    let mut bench = Bench::open().await;
    bench.work().await;
    let site = bench.site.clone();
    let lost = marking(&site, vec![DeliveryOp::Add(letter("gc-1.1"))]);
    site.marks().note(&lost.deliveries);
    site.marks().placed(&Delivery { seq: 1, ..letter("gc-1.1") });
    let there = vec![DeliveryOp::Add(sending(letter("gc-2.1"), 1))];
    site.store
        .commit(site.id(), &site.fence, Unit { deliveries: there, ..Unit::default() })
        .await
        .expect("applied");
    site.restart_from_store();
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), [("gc-2.1".to_owned(), Try::MayBeDone)], "a person has to look");
    assert_eq!(bench.dead().await.len(), 1);
    // Decided again, it leaves for the first time.
    let again = marking(&site, vec![DeliveryOp::Add(letter("gc-1.1"))]);
    site.commit_marking(again).await.expect("the owner commits");
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked()[1..], [first("gc-1.1")]);
}

/// The process died between the mark and the answer: the next one cannot know whether it has left.
#[tokio::test(start_paused = true)]
async fn what_a_dead_owner_was_sending_is_looked_up_or_shown_to_a_person() {
    let bench = Bench::open().await;
    let unit = marking(&bench.site, vec![DeliveryOp::Add(letter("gc-1.1"))]);
    bench.site.commit_marking(unit).await.expect("the owner commits");
    let store = bench.store.clone();
    bench.die().await;
    let mut next = Bench::over(store, BTreeMap::new(), None).await;
    next.work().await;
    next.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(next.mail.asked(), [("gc-1.1".to_owned(), Try::MayBeDone)]);
    assert_eq!(next.dead().await.len(), 1, "one letter that a person looks for");
    assert_eq!(next.deliveries().await, []);
}

fn crm(id: &str, client: &str) -> Delivery {
    asked(id, client, Ask::ReadBack(ReadBack::Lead { lead: 41, number: None }))
}

async fn add(bench: &Bench, deliveries: impl IntoIterator<Item = Delivery>) {
    let deliveries = deliveries.into_iter().map(DeliveryOp::Add).collect();
    bench.commit(Unit { deliveries, ..Unit::default() }).await;
}

#[tokio::test(start_paused = true)]
async fn each_fault_has_its_consequence_and_nothing_is_lost() {
    let (first, again) = (Try::First, Try::MayBeDone);
    for (fault, tries) in [
        // Nothing was done: the same again.
        (Fault::later("busy"), [first, first]),
        // It may have been done: it is looked for.
        (Fault::unclear("broken off"), [first, again]),
    ] {
        let mut bench = Bench::open().await;
        bench.crm.answers([Err(fault.clone())]);
        add(&bench, [crm("gc-1.1", "c-1")]).await;
        bench.work().await;
        assert_eq!(bench.crm.asked().len(), 1, "{fault}: it waits first");
        bench.run_for(TimeDelta::minutes(10)).await;
        assert_eq!(bench.crm.asked(), tries.map(|tried| ("gc-1.1".to_owned(), tried)), "{fault}");
        assert_all_done(&bench).await;
    }
}

/// After a start the mirror of contacts is read for some seconds: what waits for it is tried every second, also what
/// former owners have tried before, and a failure after that waits as after a first try.
#[tokio::test(start_paused = true)]
async fn what_this_process_is_not_ready_for_is_tried_each_second_and_counts_no_try() {
    let mut bench = Bench::open().await;
    let tried_by_others = Delivery { attempts: 6, ..crm("gc-1.1", "c-1") };
    add(&bench, [tried_by_others, crm("gc-2.1", "c-2")]).await;
    bench.crm.answers((0..10).map(|_| Err(Fault::Soon { why: "the mirror is read".to_owned() })));
    bench.work().await;
    bench.run_for(TimeDelta::milliseconds(4_500)).await;
    assert_eq!(bench.crm.asked().len(), 10, "five tries of each");
    let waiting = bench.deliveries().await;
    assert_eq!(waiting.iter().map(|one| one.attempts).collect::<Vec<_>>(), [6, 0]);
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.crm.asked().len(), 12);
    assert_all_done(&bench).await;
}

/// Doubt outlives a look that fails, and the end of the process.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_never_tried_as_if_it_were_new() {
    let mut bench = Bench::open().await;
    bench.crm.answers([Err(Fault::unclear("broken off"))]);
    bench.crm.answers((0..20).map(|_| Err(Fault::later("busy"))));
    add(&bench, [crm("gc-1.1", "c-1")]).await;
    bench.work().await;
    bench.run_for(TimeDelta::minutes(1)).await;
    let tries = bench.crm.asked();
    assert!(tries.len() > 2 && tries[1..].iter().all(|(_, tried)| *tried == Try::MayBeDone), "{tries:?}");
    let store = bench.store.clone();
    bench.die().await;
    let mut next = Bench::over(store, BTreeMap::new(), None).await;
    next.work().await;
    next.run_for(TimeDelta::hours(1)).await;
    assert_eq!(next.crm.asked(), [("gc-1.1".to_owned(), Try::MayBeDone)]);
    assert_all_done(&next).await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_account_costs_no_delivery_and_is_probed_by_one() {
    let mut bench = Bench::open().await;
    bench.mail.answers([Err(Fault::denied("535"))]);
    bench.work().await;
    add(&bench, [letter("gc-1.1")]).await;
    bench.run_for(TimeDelta::seconds(5)).await;
    add(&bench, [letter("gc-2.1"), crm("gc-3.1", "c-3")]).await;
    bench.run_for(TimeDelta::seconds(50)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")], "the account is shut");
    assert_eq!(bench.crm.asked(), [first("gc-3.1")], "another account is not");
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1"), first("gc-1.1"), first("gc-2.1")]);
    assert_all_done(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_too_often_is_shown_to_a_person_and_its_lane_goes_on() {
    let mut bench = Bench::open().await;
    let tries = crate::worker::backoff::TRIES_MAX as usize;
    bench.crm.answers((0..tries).map(|_| Err(Fault::later("busy"))));
    add(&bench, [crm("gc-1.1", "c-1"), crm("gc-1.2", "c-1")]).await;
    bench.work().await;
    bench.run_for(TimeDelta::days(10)).await;
    let asked = bench.crm.asked();
    assert_eq!((asked.len(), asked.last()), (tries + 1, Some(&first("gc-1.2"))));
    let dead = bench.dead().await;
    assert!(
        matches!(&dead[..], [letter] if letter.id == "out-gc-1.1" && !letter.body.is_empty()),
        "{dead:#?}"
    );
    assert_eq!(bench.deliveries().await, []);
}

/// The store lost the settlement of a letter; this process has seen the letter off.
#[tokio::test(start_paused = true)]
async fn a_letter_that_was_sent_and_forgotten_by_the_store_is_settled_without_sending_it() {
    let folder = std::env::temp_dir().join(format!("dozvon-sent-{}", crate::secret::random_token()));
    let spool = crate::spool::Spools::new(&folder, 1).of(&"rost".into());
    let mut bench = Bench::over(Default::default(), BTreeMap::new(), Some(spool)).await;
    bench.work().await;
    add(&bench, [letter("gc-1.1")]).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    // Decided again under the same id, because the store has lost that it was.
    add(&bench, [letter("gc-1.1")]).await;
    bench.run_for(TimeDelta::minutes(1)).await;
    assert_eq!(bench.mail.asked().len(), 1);
    assert_all_done(&bench).await;
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
}

/// An order that an older copy of the store decides again gives its letter another id, before the loss is noticed.
#[tokio::test(start_paused = true)]
async fn what_was_said_under_another_id_waits_until_a_loss_would_be_noticed() {
    for is_lost in [true, false] {
        let folder = std::env::temp_dir().join(format!("dozvon-said-{}", crate::secret::random_token()));
        let spool = crate::spool::Spools::new(&folder, 1).of(&"rost".into());
        let mut bench = Bench::over(Default::default(), BTreeMap::new(), Some(spool)).await;
        bench.work_for_a_day().await;
        add(&bench, [letter("gc-1.1")]).await;
        bench.run_for(TimeDelta::seconds(1)).await;
        // This one was asked before, and says nothing of what is lost after it.
        let watch = &bench.site.store_watch;
        let before = watch.begins();
        add(&bench, [letter("gc-1.7")]).await;
        bench.run_for(TimeDelta::milliseconds(200)).await;
        watch.compared(before);
        bench.run_for(TimeDelta::milliseconds(200)).await;
        assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
        let next = watch.begins();
        if is_lost {
            notice_loss(&bench);
        }
        watch.compared(next);
        bench.run_for(TimeDelta::seconds(1)).await;
        let twice = [first("gc-1.1"), first("gc-1.7")];
        assert_eq!(bench.mail.asked(), twice[..2 - usize::from(is_lost)], "without a loss it is said again");
        assert_all_done(&bench).await;
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}

/// The store forgets a letter that waits for its next try; the lanes do not, and nobody sends it twice.
#[tokio::test(start_paused = true)]
async fn what_had_not_left_is_given_to_a_store_that_has_lost_it() {
    let mut bench = Bench::open().await;
    bench.work().await;
    let site = bench.site.clone();
    site.lease.hold(crate::clock::stopwatch(), 86_400_000);
    bench.mail.answers([Err(Fault::Later { why: "busy".to_owned(), after_ms: Some(60_000) })]);
    bench.commit(Unit { deliveries: vec![DeliveryOp::Add(letter("gc-1.1"))], ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    bench.lose(&["gc-1.1"]).await;
    notice_loss(&bench);
    assert!(!site.store_watch.is_well());
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.deliveries().await.len(), 1, "the store has it again");
    bench.run_for(TimeDelta::minutes(2)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1"), first("gc-1.1")]);
    assert_all_done(&bench).await;
}

fn notice_loss(bench: &Bench) {
    let loss = Loss { at: bench.site.clock.now(), kind: LossKind::Part, gone: None };
    store_watch::notice(&bench.site, &loss);
}

/// The next try comes between the loss and its notice: the mark is refused, because the delivery is gone.
#[tokio::test(start_paused = true)]
async fn what_was_about_to_be_marked_is_given_to_a_store_that_has_lost_it_and_what_was_revoked_is_not() {
    let mut bench = Bench::open().await;
    bench.work_for_a_day().await;
    // Both wait for their turn, with no mark in the store.
    bench.mail.gives_turns(0);
    let letters = vec![DeliveryOp::Add(letter("gc-1.1")), DeliveryOp::Add(letter("gc-2.1"))];
    bench.commit(Unit { deliveries: letters, ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    bench.lose(&["gc-1.1"]).await;
    let revokes = vec![DeliveryOp::Revoke("gc-2.1".into())];
    bench.commit(Unit { deliveries: revokes, ..Unit::default() }).await;
    bench.mail.gives_turns(2);
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.mail.asked(), []);
    bench.mail.gives_turns(1);
    notice_loss(&bench);
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    assert_all_done(&bench).await;
}

/// The lease was evicted together with deliveries: the owner ends with them in flight and takes the school again.
#[tokio::test(start_paused = true)]
async fn what_was_in_flight_when_its_owner_ended_is_given_to_a_store_that_has_lost_it() {
    let mut bench = Bench::open().await;
    bench.work_for_a_day().await;
    bench.mail.gives_turns(0);
    bench.commit(Unit { deliveries: vec![DeliveryOp::Add(letter("gc-1.1"))], ..Unit::default() }).await;
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.site.lanes().in_flight(), 1);
    bench.lose(&["gc-1.1"]).await;
    notice_loss(&bench);
    bench.mail.gives_turns(1);
    bench.take_again().await;
    bench.run_for(TimeDelta::seconds(1)).await;
    assert_eq!(bench.mail.asked(), [first("gc-1.1")]);
    assert_all_done(&bench).await;
}

/// A task needs the index, and its order waits for it: nobody decides it again.
#[tokio::test(start_paused = true)]
async fn what_the_record_of_an_order_waits_for_is_given_back_whatever_it_needs() {
    for is_awaited in [true, false] {
        let mut bench = Bench::open().await;
        let mut order = Order::new("gc-1".into(), "c-gc-1".into(), bench.site.clock.now());
        order.issued = 100;
        if is_awaited {
            let pending = Pending::new(AskKind::AddNote);
            order.unsent.insert("gc-1.1".into(), pending);
        }
        let body = serde_json::to_vec(&order).expect("an order");
        let put = vec![Put { key: "order/gc-1".to_owned(), expect: 0, body }];
        bench.commit(Unit { put, ..Unit::default() }).await;
        bench.work_for_a_day().await;
        bench.crm.answers([Err(Fault::Later { why: "busy".to_owned(), after_ms: Some(60_000) })]);
        bench.commit(Unit { deliveries: vec![DeliveryOp::Add(note("gc-1.1"))], ..Unit::default() }).await;
        bench.run_for(TimeDelta::seconds(1)).await;
        bench.lose(&["gc-1.1"]).await;
        notice_loss(&bench);
        bench.run_for(TimeDelta::minutes(2)).await;
        assert_eq!(bench.crm.asked().len(), if is_awaited { 2 } else { 1 });
        assert_all_done(&bench).await;
    }
}

/// A letter of an order whose record is gone comes back; its order is told again, and decided without it.
#[tokio::test(start_paused = true)]
async fn what_came_back_and_is_not_needed_when_its_turn_comes_does_not_leave() {
    for is_needed in [true, false] {
        let mut bench = Bench::open().await;
        bench.work_for_a_day().await;
        bench.mail.gives_turns(0);
        bench.commit(Unit { deliveries: vec![DeliveryOp::Add(letter("gc-1.1"))], ..Unit::default() }).await;
        bench.run_for(TimeDelta::seconds(1)).await;
        bench.lose(&["gc-1.1"]).await;
        bench.mail.gives_turns(1);
        notice_loss(&bench);
        bench.run_for(TimeDelta::seconds(1)).await;
        assert!(bench.site.unsettled().is_returned(&"gc-1.1".into()));
        bench.put_order("gc-1").await;
        if is_needed {
            bench.put_order_waiting("gc-1", "gc-1.1").await;
        }
        bench.mail.gives_turns(1);
        bench.run_for(TimeDelta::seconds(1)).await;
        assert_eq!(bench.mail.asked().len(), usize::from(is_needed));
        assert!(!bench.site.unsettled().knows(&"gc-1.1".into()));
        assert!(bench.deliveries().await.iter().all(|left| left.id() != &CommandId::from("gc-1.1")));
        assert_eq!(bench.dead().await, []);
    }
}

/// An eviction takes the lease again and again, with a delivery in the air, and may take the delivery, too.
#[tokio::test(start_paused = true)]
async fn tries_that_were_cut_off_by_the_end_of_their_owner_make_no_later_one_wait() {
    for is_lost in [false, true] {
        let mut bench = Bench::open().await;
        bench.work_for_a_day().await;
        bench.crm.hangs(true);
        add(&bench, [crm("gc-1.1", "c-1")]).await;
        bench.run_for(TimeDelta::seconds(1)).await;
        for _ in 0..10 {
            if is_lost {
                bench.lose(&["gc-1.1"]).await;
                notice_loss(&bench);
            }
            bench.take_again().await;
            bench.run_for(TimeDelta::seconds(1)).await;
        }
        assert_eq!(bench.crm.asked().len(), 11);
        bench.crm.hangs(false);
        bench.crm.answers([Err(Fault::later("busy"))]);
        bench.take_again().await;
        bench.run_for(TimeDelta::seconds(5)).await;
        assert_eq!(bench.crm.asked().len(), 13, "it is tried again soon");
        assert_all_done(&bench).await;
    }
}

fn note(command: &str) -> Delivery {
    let ask = Ask::AddNote { role: crate::process::LeadRole::Sales, text: "·".to_owned() };
    asked(command, "c-gc-1", ask)
}

/// Two notes of one order whose lead is missing: it was refused, its command is still on its way, or the store has
/// lost the entry of a lead that is there.
#[tokio::test(start_paused = true)]
async fn what_needs_a_lead_that_was_refused_gives_way_and_otherwise_goes_behind_it() {
    for (is_coming, is_lost) in [(false, false), (true, false), (false, true)] {
        let mut bench = Bench::open().await;
        let mut order = Order::new("gc-1".into(), "c-gc-1".into(), bench.site.clock.now());
        order.issued = 100;
        if is_coming {
            let pending = Pending::new(AskKind::SaveLead);
            order.unsent.insert("gc-1.9".into(), pending);
        }
        let body = serde_json::to_vec(&order).expect("an order");
        let put = vec![Put { key: "order/gc-1".to_owned(), expect: 0, body }];
        bench.commit(Unit { put, ..Unit::default() }).await;
        bench.crm.answers([Err(Fault::Missing { why: "its sales lead was not made".to_owned() })]);
        let notes = vec![DeliveryOp::Add(note("gc-1.1")), DeliveryOp::Add(note("gc-1.2"))];
        bench.commit(Unit { deliveries: notes, ..Unit::default() }).await;
        if is_lost {
            bench.site.doubt_until(bench.site.clock.now() + TimeDelta::hours(2));
        }
        bench.work().await;
        // Soon: an entry that was lost is found again within seconds.
        bench.run_for(TimeDelta::seconds(3)).await;
        let waits = is_coming || is_lost;
        let again = waits.then_some("gc-1.1");
        let asked: Vec<String> = bench.crm.asked().into_iter().map(|(id, _)| id).collect();
        assert_eq!(asked, ["gc-1.1", "gc-1.2"].into_iter().chain(again).collect::<Vec<_>>());
        assert_eq!(bench.deliveries().await, []);
        let dead: Vec<String> = bench.dead().await.into_iter().map(|letter| letter.why).collect();
        assert_eq!(dead.is_empty(), waits, "{dead:?}");
    }
}
