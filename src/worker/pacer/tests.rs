//! Leases, groups, panics and jumps of the clock, with the account's turn-giver running.

use super::*;

use crate::clock::{DrivenClock, TokioClock};
use crate::store::embedded::Embedded;

/// A paused process continues with turns granted before; its successor already does the work.
#[tokio::test(start_paused = true)]
async fn an_owner_with_an_expired_lease_sends_nothing() {
    let clock = Arc::new(TokioClock::starting_at(At::from_timestamp(1_795_000_000, 0).expect("in range")));
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    let budget = || Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 6.0, burst: 1 } };
    let lease = LeaseView::default();
    let pacer = Pacer::start(budget(), store.clone(), clock.clone(), Some(lease.clone()));
    assert_eq!(pacer.is_ours(), Err(NotOurs), "never held");
    lease.hold(stopwatch(), 4_000);
    assert_eq!(pacer.is_ours(), Ok(()));
    assert!(pacer.turn(BudgetRequest::alone(Urgency::Money)).await.is_ok());
    tokio::time::advance(Duration::from_millis(4_000)).await;
    assert_eq!(pacer.is_ours(), Err(NotOurs), "the turn was given before the pause");
    let looking = Pacer::start(budget(), store, clock, None);
    assert_eq!(looking.is_ours(), Ok(()), "a command line needs no lease");
}

/// A clock that is set back by an hour in the middle of a pause does not make it longer, and forth not
/// either.
#[tokio::test(start_paused = true)]
async fn a_pause_after_a_429_is_no_longer_when_the_clock_jumps() {
    let start = At::from_timestamp(1_795_000_000, 0).expect("in range");
    for jump in [TimeDelta::minutes(-10), TimeDelta::hours(-1), TimeDelta::hours(1)] {
        let driven = DrivenClock::starting_at(start);
        let clock: Arc<dyn Clock> = Arc::new(driven.clone());
        let store = Arc::new(Embedded::in_memory().expect("memory"));
        let budget = Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 6.0, burst: 1 } };
        let pacer = Pacer::start(budget, store, clock, None);
        assert!(pacer.turn(BudgetRequest::alone(Urgency::Usual)).await.is_ok());
        pacer.on_status(429);
        driven.jump(start + jump);
        let turn = pacer.turn(BudgetRequest::alone(Urgency::Usual));
        let time = async {
            for second in 1..=3 {
                // Everything that is due runs first: paused time moves when all wait.
                tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>())
                    .await
                    .unwrap_err();
                driven.advance(start + jump + TimeDelta::seconds(second));
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            given = turn => assert!(given.is_ok()),
            () = time => {}
            () = clock_of_patience() => panic!("no turn within three seconds after {jump}"),
        }
    }
}

async fn clock_of_patience() {
    tokio::time::timeout(Duration::from_secs(60), std::future::pending::<()>()).await.unwrap_err();
}

/// Requests in a queue: urgency, group (0: none), item. The items that each turn then sends.
#[track_caller]
fn check(requests: &[(Urgency, u32, u64)], turns: &[&[u64]]) {
    let (pace, mut queue) = (Arc::new(Pace::default()), Queue::default());
    let mut waiting = Vec::new();
    for (ticket, (urgency, name, item)) in requests.iter().enumerate() {
        let group = (*name > 0).then_some(Group { name: *name, item: *item, most: 2 });
        let (go, turn) = oneshot::channel();
        let (request, count) =
            (BudgetRequest { urgency: *urgency, deliveries: 1, group }, Counted::new(&pace, 1));
        queue.push(ticket as u64, Waiter { request, go, count });
        waiting.push((*item, turn));
    }
    for (nth, expected) in turns.iter().enumerate() {
        queue.give();
        let mut went = Vec::new();
        waiting.retain_mut(|(item, turn)| match turn.try_recv() {
            Ok(turn) => {
                went.push((turn != Granted::SentByPeer, *item));
                false
            }
            Err(error) => {
                assert_eq!(error, oneshot::error::TryRecvError::Empty, "no caller is dropped");
                true
            }
        });
        let items: Vec<u64> = went.iter().map(|(_, item)| *item).collect();
        assert_eq!(items, *expected, "turn {nth}");
        assert_eq!(went.iter().filter(|(leads, _)| *leads).count(), 1, "one sends for all");
        assert_eq!(pace.waiting.load(Ordering::SeqCst), waiting.len() as u64);
    }
}

#[test]
fn a_turn_goes_to_the_most_urgent_and_to_its_group() {
    use Urgency::{Hot, Money, Usual};
    check(&[(Usual, 0, 1), (Usual, 0, 2)], &[&[1], &[2]]);
    check(&[(Usual, 0, 1), (Money, 0, 2), (Hot, 0, 3)], &[&[2], &[3], &[1]]);
    // Members of the group go along whatever their own urgency, but no more than fit, the most urgent
    // first.
    let mixed = [(Usual, 7, 1), (Hot, 8, 2), (Usual, 7, 3), (Hot, 7, 4), (Money, 7, 5)];
    check(&mixed, &[&[4, 5], &[2], &[1, 3]]);
}

/// The payment of a client waits behind his note, and the note behind everybody's calls: it must not wait for
/// these.
#[tokio::test(start_paused = true)]
async fn a_waiting_request_becomes_as_urgent_as_its_lane() {
    let start = At::from_timestamp(1_795_000_000, 0).expect("in range");
    let clock = Arc::new(TokioClock::starting_at(start));
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    let budget = Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 1.0, burst: 1 } };
    let pacer = Pacer::start(budget, store, clock, None);
    let lane = watch::Sender::new(Urgency::Usual);
    let given = std::sync::Mutex::new(Vec::new());
    let take = async |name: u32, urgency| {
        pacer.turn(BudgetRequest::alone(urgency)).await.expect("a turn");
        let mut given = given.lock().expect("no panic");
        given.push(name);
        // Between the first turn and the second the client pays.
        lane.send_if_modified(|urgency| std::mem::replace(urgency, Urgency::Money) != Urgency::Money);
    };
    let calls = futures_util::future::join_all((1..=5).map(|name| take(name, Urgency::Hot)));
    let note = in_lane(lane.subscribe(), take(100, Urgency::Usual));
    tokio::join!(calls, note);
    assert_eq!(*given.lock().expect("no panic"), [1, 100, 2, 3, 4, 5]);
}

#[test]
fn a_caller_that_went_away_costs_no_turn() {
    let (pace, mut queue) = (Arc::new(Pace::default()), Queue::default());
    let request = BudgetRequest::alone(Urgency::Usual);
    let (gone, _) = oneshot::channel();
    let (go, mut turn) = oneshot::channel();
    queue.push(1, Waiter { request, go: gone, count: Counted::new(&pace, 1) });
    queue.push(2, Waiter { request, go, count: Counted::new(&pace, 1) });
    queue.give();
    assert_eq!(turn.try_recv(), Ok(Granted::Send(Vec::new())));
    assert_eq!(pace.waiting.load(Ordering::SeqCst), 0);
}

/// Panics on the first reading.
struct Broken(TokioClock, AtomicU64);

#[async_trait]
impl Clock for Broken {
    fn now(&self) -> At {
        assert!(self.1.fetch_add(1, Ordering::SeqCst) > 0, "a defect");
        self.0.now()
    }

    async fn sleep_until(&self, at: At) {
        self.0.sleep_until(at).await;
    }

    fn driven_ms(&self) -> Option<i64> {
        self.0.driven_ms()
    }
}

/// Nothing was sent for them, so they can be repeated.
#[tokio::test(start_paused = true)]
async fn after_a_panic_of_the_turn_giver_callers_get_an_error_and_turns_continue() {
    let clock = TokioClock::starting_at(At::from_timestamp(1_795_000_000, 0).expect("in range"));
    let store = Arc::new(Embedded::in_memory().expect("memory"));
    let budget = Budget { account: "crm:a".to_owned(), rate: Rate { per_second: 6.0, burst: 1 } };
    let pacer = Pacer::start(budget, store, Arc::new(Broken(clock, AtomicU64::new(0))), None);
    assert_eq!(pacer.turn(BudgetRequest::alone(Urgency::Usual)).await, Err(NoTurn));
    assert_eq!(pacer.turn(BudgetRequest::alone(Urgency::Usual)).await, Ok(Granted::Send(Vec::new())));
    assert_eq!(pacer.pace.panics.load(Ordering::Relaxed), 1);
    assert_eq!(pacer.pace.waiting.load(Ordering::SeqCst), 0, "a failed caller is not counted as waiting");
}
