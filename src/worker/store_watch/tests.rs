//! What a renewal of the lease tells of a loss, and what it does not.

use super::*;
use crate::store::{Beat, Signs};

/// The index was evicted, and a new order has written to it since: the counts say nothing.
#[test]
fn a_missing_sign_is_a_loss_whatever_was_written_since() {
    let watch = StoreWatch::default();
    let all = Signs { wakes: true, records: true, links: true, ..Signs::default() };
    let mut seen = Vec::new();
    let promised = Signs { promised: true, ..all };
    for (links, signs) in [
        (3, None),
        (3, Some(all)),
        (5, Some(all)),
        (2, Some(Signs { links: false, ..all })),
        // An older version put no sign there.
        (2, Some(promised)),
        (2, Some(all)),
    ] {
        let mut now = contents("a", 9, 1, 0, 2);
        now.kinds = now.kinds.map(|kinds| Kinds { links, signs, ..kinds });
        seen.push(watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind));
    }
    assert_eq!(seen, [None, None, None, Some(LossKind::Part), None, Some(LossKind::Part)]);
}

/// The counter of places is gone, so what came of the requests that the store still knows may be gone, too. An earlier
/// place is that of a copy, also if nobody has left a beat since it was made.
#[test]
fn a_counter_that_is_gone_is_a_part_and_an_earlier_place_is_an_older_copy() {
    for (place, kind, torn) in [(0, LossKind::Part, 1), (2, LossKind::OlderCopy, 0)] {
        let watch = StoreWatch::default();
        let beat = |n| Some(Beat { by: "a".to_owned(), n });
        let seen = [9, place].map(|place| {
            let now = Contents { found: beat(1), left: beat(1), ..contents("a", place, 1, 0, 2) };
            watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind)
        });
        assert_eq!((seen, watch.torn()), ([None, Some(kind)], torn), "{place}");
    }
}

#[test]
fn single_records_and_requests_that_are_gone_are_told_once() {
    let watch = StoreWatch::default();
    let told = |watch: &StoreWatch, names: &[&str]| {
        let records = names.iter().map(|name| (*name).to_owned()).collect();
        let loss = watch.single_ones_gone(&Unlisted { records, ..Unlisted::default() }, At::UNIX_EPOCH);
        loss.and_then(|loss| loss.gone).map(|gone| (gone.orders, gone.requests))
    };
    assert_eq!(told(&watch, &[]), None);
    assert_eq!(told(&watch, &["client/c-1", "order/gc-1"]), Some((1, 0)));
    watch.entry_gone();
    watch.entry_gone();
    assert_eq!(told(&watch, &[]), Some((0, 2)));
    assert_eq!(told(&watch, &[]), None);
}

/// A try found that the store does not have it, so the lanes do not know it any more.
#[test]
fn a_delivery_that_could_not_be_marked_is_a_loss_when_no_commit_has_ended_it() {
    for is_over in [false, true] {
        let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
        watch.observe(contents("a", 9, 1, 1, 2), 1, now);
        watch.missed(&"gc-1.1".into(), now);
        if is_over {
            watch.forget(&"gc-1.1".into());
        }
        let seen: Vec<_> = (0..2).map(|_| watch.observe(contents("a", 9, 1, 0, 2), 0, now)).collect();
        let kinds: Vec<_> = seen.into_iter().map(|loss| loss.map(|loss| loss.kind)).collect();
        assert_eq!(kinds, [None, (!is_over).then_some(LossKind::Part)]);
    }
}

/// The lanes of before still know what the store has lost, and tries find it gone, until the outbox has started over.
#[test]
fn one_loss_is_told_once_until_the_outbox_has_started_over() {
    let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
    watch.observe(contents("a", 9, 2, 2, 2), 2, now);
    let see = |place| watch.observe(contents("a", place, 1, 1, 2), 2, now).map(|loss| loss.kind);
    assert_eq!(see(5), Some(LossKind::OlderCopy));
    watch.wait_for([OUTBOX.to_owned()].into_iter());
    watch.missed(&"gc-1.1".into(), now);
    assert_eq!([see(5), see(5), see(5)], [None; 3]);
    watch.done(OUTBOX);
    assert_eq!([see(5), see(5)], [None, Some(LossKind::Part)], "and whatever is short then is another one");
}

/// Redis was slow: a commit that ends a delivery was carried out and its answer was not heard, so the lanes still know
/// it.
#[test]
fn a_delivery_that_an_unheard_commit_of_ours_may_have_ended_is_no_loss() {
    for is_tried in [false, true] {
        let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
        let id: CommandId = "gc-1.1".into();
        watch.observe(contents("a", 9, 1, 2, 2), 2, now);
        watch.may_have_ended(std::slice::from_ref(&id));
        if is_tried {
            watch.missed(&id, now);
        }
        let waiting = if is_tried { 1 } else { 2 };
        for _ in 0..3 {
            assert_eq!(watch.observe(contents("a", 9, 1, 1, 2), waiting, now), None);
        }
        // Another one is.
        let seen = [0, 0].map(|stored| watch.observe(contents("a", 9, 1, stored, 2), waiting, now).is_some());
        assert_eq!(seen, [false, true]);
    }
}

/// A commit that ends a delivery is under way while a try finds it gone.
#[test]
fn what_our_own_commit_ends_is_not_missed_before_its_answer_is_heard() {
    let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
    let ids: Vec<CommandId> = vec!["gc-1.1".into(), "gc-1.2".into()];
    watch.observe(contents("a", 9, 1, 2, 2), 2, now);
    watch.may_have_ended(&ids[..1]);
    watch.missed(&ids[0], now);
    watch.is_answered(&ids[..1]);
    assert_eq!([0; 3].map(|_| watch.observe(contents("a", 9, 1, 1, 2), 1, now)), [const { None }; 3]);
    watch.missed(&ids[1], now);
    let seen = [0; 2].map(|_| watch.observe(contents("a", 9, 1, 1, 2), 1, now).is_some());
    assert_eq!(seen, [false, true], "nobody of us ends that one");
}

fn contents(token: &str, place: u64, orders: u64, deliveries: u64, wakes: u64) -> Contents {
    let kinds = Kinds {
        orders,
        deliveries,
        wakes,
        records: orders + 1,
        links: 2 * orders,
        dead: orders,
        signs: None,
    };
    Contents { token: token.to_owned(), place, kinds: Some(kinds), found: None, left: None }
}

/// The copy has the same token, and so much was written to it since that its place is not behind.
#[test]
fn an_older_beat_is_a_loss_whatever_was_written_since() {
    let watch = StoreWatch::default();
    let beat = |by: &str, n| Some(Beat { by: by.to_owned(), n });
    let mut seen = Vec::new();
    for (found, left) in [
        (None, beat("a", 1)),
        (beat("a", 1), beat("a", 2)),
        // The answer to the third was lost.
        (beat("a", 3), beat("a", 4)),
        // Another instance had the school meanwhile.
        (beat("b", 1), beat("a", 5)),
        (beat("a", 2), beat("a", 6)),
        (beat("a", 6), beat("a", 7)),
        (None, beat("a", 8)),
    ] {
        let now = Contents { found, left, ..contents("a", 9, 1, 0, 2) };
        seen.push(watch.observe(now, 0, At::UNIX_EPOCH).map(|loss| loss.kind));
    }
    let (older, part) = (Some(LossKind::OlderCopy), Some(LossKind::Part));
    assert_eq!(seen, [None, None, None, None, older, None, part]);
}

/// What two renewals say, the deliveries that the lanes knew before each, and the loss.
#[track_caller]
fn check(first: (Contents, u64), second: (Contents, u64), expected: Option<(LossKind, [u64; 5])>) {
    let (watch, now) = (StoreWatch::default(), At::UNIX_EPOCH);
    assert_eq!(watch.observe(first.0, first.1, now), None, "the first one is only noted");
    let loss = watch.observe(second.0, second.1, now);
    let gone = |gone: Gone| [gone.orders, gone.open_orders, gone.deliveries, gone.wakes, gone.dead];
    assert_eq!(loss.map(|loss| (loss.kind, gone(loss.gone.expect("counts")))), expected);
}

#[test]
fn a_loss_is_noticed_and_ordinary_work_is_none() {
    let before = || (contents("a", 90, 7, 3, 6), 3);
    check(before(), (contents("a", 90, 7, 3, 6), 3), None);
    check(before(), (contents("a", 95, 5, 0, 1), 0), None);
    check(before(), (contents("a", 95, 7, 2, 6), 3), None);
    check(before(), (contents("b", 0, 0, 0, 0), 3), Some((LossKind::Replaced, [7, 5, 3, 6, 7])));
    check(before(), (contents("a", 80, 6, 3, 5), 3), Some((LossKind::OlderCopy, [1, 1, 0, 1, 1])));
    check(before(), (contents("a", 90, 7, 3, 0), 3), Some((LossKind::Part, [0, 0, 0, 6, 0])));
}

#[test]
fn deliveries_that_the_lanes_know_and_the_store_does_not_are_a_loss_when_it_stays_so() {
    let watch = StoreWatch::default();
    let mut seen = Vec::new();
    for (stored, waiting) in [(3, 3), (2, 3), (3, 3), (1, 3), (1, 3), (1, 1)] {
        let loss = watch.observe(contents("a", 9, 1, stored, 2), waiting, At::UNIX_EPOCH);
        seen.push(loss.and_then(|loss| loss.gone).map(|gone| gone.deliveries));
    }
    assert_eq!(seen, [None, None, None, None, Some(2), None]);
}
