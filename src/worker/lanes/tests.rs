//! Order, urgency, backoff, denials and memory of the lanes.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::process::{Ask, Command, CommandId};

fn at(second: i64) -> At {
    At::from_timestamp(1_795_000_000 + second, 0).expect("in range")
}

fn delivery(seq: u64, client: &str, urgency: Urgency) -> Delivery {
    let command = Command {
        id: CommandId(format!("gc-1.{seq}")),
        order: "gc-1".into(),
        client: client.into(),
        urgency,
        ask: Ask::AddComment { text: "·".to_owned() },
    };
    let state = DeliveryState::Waiting;
    Delivery { seq, command, created_at: at(0), state, attempts: 0, fault: None, raw: None }
}

fn lanes(max: usize) -> Lanes {
    Lanes::new(BTreeMap::from([(Target::Getcourse, Room { together: 0, alone: max, money: 1 })]))
}

fn go(lanes: &mut Lanes, now: At) -> Option<u64> {
    match lanes.next(now) {
        Next::Go(go) => Some(go.place),
        _ => None,
    }
}

#[test]
fn one_client_goes_in_order_one_at_a_time_and_an_urgent_command_lifts_its_lane() {
    let mut lanes = lanes(4);
    lanes.push(delivery(1, "c-1", Urgency::Usual));
    lanes.push(delivery(2, "c-2", Urgency::Hot));
    lanes.push(delivery(3, "c-1", Urgency::Money));
    assert_eq!(go(&mut lanes, at(1)), Some(1), "the payment behind it lifts the first of its lane");
    assert_eq!(go(&mut lanes, at(1)), Some(2));
    assert_eq!(go(&mut lanes, at(1)), None, "the lane of c-1 is busy");
    let busy = lanes.urgency(key_of(&delivery(2, "c-2", Urgency::Hot))).expect("it is in flight");
    assert_eq!(*busy.borrow(), Urgency::Hot);
    lanes.push(delivery(4, "c-2", Urgency::Money));
    lanes.push(delivery(5, "c-2", Urgency::Usual));
    assert_eq!(*busy.borrow(), Urgency::Money, "what is in flight is lifted, too");
    lanes.settle(key_of(&delivery(1, "c-1", Urgency::Usual)), Back::Gone);
    assert_eq!(go(&mut lanes, at(1)), Some(3));
}

#[test]
fn a_backoff_holds_its_lane_only() {
    let mut lanes = lanes(4);
    let mut first = delivery(1, "c-1", Urgency::Usual);
    first.state = DeliveryState::Later { not_before: at(60) };
    lanes.push(first);
    lanes.push(delivery(2, "c-1", Urgency::Usual));
    lanes.push(delivery(3, "c-2", Urgency::Usual));
    assert_eq!(go(&mut lanes, at(1)), Some(3));
    assert_eq!(lanes.next(at(1)), Next::At(at(60)));
    assert_eq!(go(&mut lanes, at(60)), Some(1));
}

#[test]
fn a_denied_account_stops_and_later_lets_one_probe_through() {
    let mut lanes = lanes(4);
    lanes.push(delivery(1, "c-1", Urgency::Usual));
    lanes.push(delivery(2, "c-2", Urgency::Usual));
    lanes.shut(Target::Getcourse, at(300));
    assert_eq!(lanes.next(at(1)), Next::At(at(300)));
    assert_eq!(go(&mut lanes, at(300)), Some(1));
    assert_eq!(lanes.next(at(300) + TimeDelta::seconds(1)), Next::Nothing, "one probe at a time");
    lanes.reopen(Target::Getcourse);
    assert_eq!(go(&mut lanes, at(301)), Some(2));
}

#[test]
fn what_the_store_has_no_longer_does_not_leave_and_what_is_on_its_way_lands_first() {
    let mut lanes = lanes(4);
    (1..=3).for_each(|seq| lanes.push(delivery(seq, "c-1", Urgency::Usual)));
    assert_eq!(go(&mut lanes, at(1)), Some(1));
    lanes.forget(1);
    lanes.forget(2);
    assert_eq!((lanes.in_flight(), lanes.waiting()), (1, 1));
    lanes.settle(key_of(&delivery(1, "c-1", Urgency::Usual)), Back::Gone);
    assert_eq!(go(&mut lanes, at(1)), Some(3));
    // Read again from the store, it is known.
    lanes.push(delivery(3, "c-1", Urgency::Usual));
    assert_eq!((lanes.in_flight(), lanes.waiting()), (1, 0));
}

#[test]
fn what_follows_is_marked_only_if_nothing_else_is_to_leave_before_it() {
    let mut lanes = lanes(1);
    let first = key_of(&delivery(1, "c-1", Urgency::Usual));
    lanes.push(delivery(1, "c-1", Urgency::Usual));
    assert!(lanes.takes_at_once(&delivery(0, "c-2", Urgency::Usual), None));
    assert!(!lanes.takes_at_once(&delivery(0, "c-1", Urgency::Usual), None), "behind another");
    assert_eq!(go(&mut lanes, at(1)), Some(1));
    assert!(!lanes.takes_at_once(&delivery(0, "c-2", Urgency::Usual), None), "no room");
    assert!(lanes.takes_at_once(&delivery(0, "c-1", Urgency::Usual), Some(1)), "settled by the same commit");
    assert_eq!(lanes.following(first, at(1)), None);
    lanes.push(delivery(3, "c-1", Urgency::Usual));
    assert_eq!(lanes.following(first, at(1)).map(|next| next.seq), Some(3));
    lanes.push(delivery(2, "c-2", Urgency::Usual));
    assert_eq!(lanes.following(first, at(1)), None, "the other waits longer");
    lanes.push(delivery(4, "c-1", Urgency::Money));
    assert_eq!(lanes.following(first, at(1)).map(|next| next.seq), Some(3), "lifted");
    lanes.mark(delivery(3, "c-1", Urgency::Usual));
    lanes.settle(first, Back::Gone);
    let Next::Go(go) = lanes.next(at(1)) else { panic!("it goes") };
    assert!(go.place == 3 && go.is_marked);
}

/// The order of the lanes and the urgent ones do not depend on whose body is held.
#[test]
fn a_long_backlog_goes_in_its_order_and_what_is_urgent_overtakes_it() {
    let many = 5 * BODIES_MAX as u64;
    let lifted = [10, 2_000, many];
    let mut lanes = lanes(1);
    for seq in 1..=many {
        let urgency = if seq == many { Urgency::Money } else { Urgency::Usual };
        let client = if lifted.contains(&seq) { "c-0".to_owned() } else { format!("c-{seq}") };
        lanes.push(delivery(seq, &client, urgency));
    }
    assert!(lanes.bodies.len() == BODIES_MAX && lanes.waiting() == many as usize);
    let mut order = Vec::new();
    while let Next::Go(go) = lanes.next(at(1)) {
        order.push(go.place);
        lanes.settle(go.lane, Back::Gone);
    }
    assert_eq!(order[..3], lifted, "the lane of the payment, in its order");
    assert!(order[3..].is_sorted() && order.len() == many as usize);
}

#[test]
fn money_is_never_kept_out_by_full_flights() {
    let mut lanes = lanes(2);
    for seq in 1..=4 {
        lanes.push(delivery(seq, &format!("c-{seq}"), Urgency::Hot));
    }
    assert_eq!((go(&mut lanes, at(1)), go(&mut lanes, at(1))), (Some(1), Some(2)));
    assert_eq!(lanes.next(at(1)), Next::Nothing, "full");
    lanes.push(delivery(5, "c-4", Urgency::Money));
    assert!(lanes.has_ready(at(1)));
    let Next::Go(first) = lanes.next(at(1)) else { panic!("the payment's lane goes") };
    assert_eq!((first.place, first.urgency), (4, Urgency::Money), "with its lane's urgency");
    assert_eq!(lanes.next(at(1)), Next::Nothing);
}

#[test]
fn a_platform_that_is_not_set_up_keeps_its_deliveries() {
    let mut lanes = Lanes::new(BTreeMap::new());
    lanes.push(delivery(1, "c-1", Urgency::Usual));
    assert_eq!(lanes.next(at(1)), Next::Nothing);
    assert_eq!(lanes.waiting(), 1);
}

/// A backoff, a denied account and a new delivery, each before the clock is set back and forth again.
#[test]
fn no_wait_becomes_longer_when_the_clock_is_set_back() {
    for back in [600, 3_600] {
        let mut lanes = lanes(4);
        let later = DeliveryState::Later { not_before: at(30) };
        lanes.push(Delivery { state: later, ..delivery(1, "c-1", Urgency::Usual) });
        assert_eq!(lanes.next(at(10)), Next::At(at(30)));
        assert_eq!(lanes.next(at(10 - back)), Next::At(at(30 - back)), "20 s are left as before");
        lanes.push(delivery(2, "c-2", Urgency::Usual));
        assert_eq!(go(&mut lanes, at(11 - back)), Some(2), "made by the other clock");
        assert_eq!(go(&mut lanes, at(30 - back)), Some(1));
        lanes.settle(key_of(&delivery(1, "c-1", Urgency::Usual)), Back::Gone);
        lanes.settle(key_of(&delivery(2, "c-2", Urgency::Usual)), Back::Gone);

        lanes.push(delivery(3, "c-3", Urgency::Usual));
        lanes.shut(Target::Getcourse, at(90));
        assert_eq!(lanes.next(at(30)), Next::At(at(90)), "and forth again");
        assert_eq!(lanes.next(at(40 - back)), Next::At(at(100 - back)));
        assert_eq!(go(&mut lanes, at(100 - back)), Some(3));
    }
}
