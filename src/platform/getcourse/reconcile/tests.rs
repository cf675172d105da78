//! What a store has lost is read back.

use super::*;

/// What was handed on or checked before is believed to be gone; orders from before the bridge stay foreign.
#[test]
fn after_a_loss_a_round_begins_at_once_and_goes_back() {
    let begun = At::UNIX_EPOCH + TimeDelta::days(20_000);
    for (days, back_to) in [(90, begun + TimeDelta::days(60)), (10, begun)] {
        let now = begun + TimeDelta::days(days);
        let mut cursor = Cursor::begin(begun, TimeDelta::hours(2));
        (cursor.seen_to, cursor.next_round_at) = (now, now + TimeDelta::hours(2));
        cursor.handed_on.insert("7".to_owned(), ("digest".to_owned(), now));
        cursor.payments.insert("8".to_owned());
        cursor.start_over(now);
        assert_eq!((cursor.seen_to, cursor.next_round_at), (back_to, now));
        assert!(cursor.handed_on.is_empty() && cursor.payments.is_empty());
    }
}

/// A round that was given up, or lacked a column, has read nothing of it.
#[test]
fn what_was_lost_is_read_back_when_a_whole_round_was_read() {
    let (begun, mut cursor) = (At::UNIX_EPOCH + TimeDelta::days(20_000), None);
    let now = begun + TimeDelta::days(10);
    let later = now + TimeDelta::hours(2);
    for (end, is_over, back_to) in
        [(None, false, begun), (Some(Some("not ready")), false, begun), (Some(None), true, now)]
    {
        let cursor: &mut Cursor = cursor.get_or_insert_with(|| {
            let mut cursor = Cursor::begin(begun, TimeDelta::hours(2));
            cursor.seen_to = now;
            cursor.start_over(now);
            cursor
        });
        cursor.round_at = Some(now);
        cursor.trouble = end.flatten().map(str::to_owned);
        match end {
            None => cursor.give_up("not ready".to_owned(), now),
            Some(_) => cursor.rest(later, now),
        }
        assert_eq!((!cursor.starts_over, cursor.seen_to), (is_over, back_to), "{end:?}");
    }
}
