//! The in-process timer wheel: four levels of 64 slots over the near future, 1 ms to 4.6 h. Never reads the
//! clock; its entries are only hints, the order's timers decide. Enter at [`Wheel::insert`],
//! [`Wheel::next_due`] and [`Wheel::advance`].
//!
//! Insert and cancel are O(1). Advancing jumps from one non-empty slot to the next with a bitmap per level,
//! so idle time costs nothing. Entries beyond the horizon are refused: they stay in the store's index and are
//! inserted when their time is near.

use std::collections::HashMap;
use std::hash::Hash;

const LEVELS: usize = 4;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;

/// How far ahead an entry may lie, milliseconds.
pub const HORIZON_MS: i64 = 1 << (SLOT_BITS * LEVELS as u32);

/// The position of an entry: level, slot, index in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SlotIndex {
    level: usize,
    slot: usize,
    at: usize,
}

#[derive(Debug)]
struct Level<K> {
    slots: Vec<Vec<(K, i64)>>,
    /// Bit n is set if slot n is not empty.
    filled: u64,
}

/// Keys with a due time each; a key occurs at most once.
#[derive(Debug)]
pub struct Wheel<K> {
    levels: Vec<Level<K>>,
    positions: HashMap<K, SlotIndex>,
    /// Everything up to and including this has been returned.
    now_ms: i64,
}

/// The entry is too far ahead for the wheel and stays in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFar;

impl<K: Clone + Eq + Hash> Wheel<K> {
    pub fn new(now_ms: i64) -> Self {
        let level = || Level { slots: (0..SLOTS).map(|_| Vec::new()).collect(), filled: 0 };
        Self { levels: (0..LEVELS).map(|_| level()).collect(), positions: HashMap::new(), now_ms }
    }

    /// Everything up to and including this has been returned.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    pub fn len(&self) -> usize {
        self.positions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Sets or moves an entry. A time that is already past becomes due with the next millisecond.
    pub fn insert(&mut self, key: K, at_ms: i64) -> Result<(), TooFar> {
        self.cancel(&key);
        let at_ms = at_ms.max(self.now_ms + 1);
        if at_ms - self.now_ms >= HORIZON_MS {
            return Err(TooFar);
        }
        self.put(key, at_ms);
        Ok(())
    }

    pub fn cancel(&mut self, key: &K) -> bool {
        let Some(position) = self.positions.remove(key) else { return false };
        let level = &mut self.levels[position.level];
        let slot = &mut level.slots[position.slot];
        slot.swap_remove(position.at);
        if let Some((moved, _)) = slot.get(position.at) {
            self.positions.insert(moved.clone(), position);
        }
        if slot.is_empty() {
            level.filled &= !(1 << position.slot);
        }
        true
    }

    /// The earliest due time. Exact on the lowest level; on the others the start of the slot, which is never
    /// later than the entry: such a wake only moves the entry down a level.
    pub fn next_due(&self) -> Option<i64> {
        (0..LEVELS).filter_map(|level| self.next_slot(level)).min()
    }

    /// Moves to `now_ms` and returns everything due, earliest first, at most `max`. If `max` was reached, the
    /// wheel stops in between: call again.
    pub fn advance(&mut self, now_ms: i64, max: usize) -> Vec<(K, i64)> {
        let mut due = Vec::new();
        while due.len() < max {
            let Some(next) = self.next_due().filter(|next| *next <= now_ms) else {
                self.now_ms = self.now_ms.max(now_ms);
                break;
            };
            self.turn_to(next, &mut due);
        }
        due.sort_by_key(|(_, at_ms)| *at_ms);
        due
    }

    /// Empties the slots that begin at `at_ms`: due entries are returned, later ones move down a level.
    fn turn_to(&mut self, at_ms: i64, due: &mut Vec<(K, i64)>) {
        self.now_ms = at_ms;
        for level in (0..LEVELS).rev() {
            let slot = slot_of(at_ms, level);
            if level > 0 && at_ms & ((1 << (SLOT_BITS * level as u32)) - 1) != 0 {
                continue;
            }
            self.levels[level].filled &= !(1 << slot);
            for (key, entry_ms) in std::mem::take(&mut self.levels[level].slots[slot]) {
                self.positions.remove(&key);
                if entry_ms <= at_ms {
                    due.push((key, entry_ms));
                } else {
                    self.put(key, entry_ms);
                }
            }
        }
    }

    fn put(&mut self, key: K, at_ms: i64) {
        let ahead = (at_ms ^ self.now_ms) as u64;
        let highest = 63 - (ahead | 1).leading_zeros();
        let level = ((highest / SLOT_BITS) as usize).min(LEVELS - 1);
        let slot = slot_of(at_ms, level);
        let entries = &mut self.levels[level].slots[slot];
        let position = SlotIndex { level, slot, at: entries.len() };
        entries.push((key.clone(), at_ms));
        self.levels[level].filled |= 1 << slot;
        self.positions.insert(key, position);
    }

    /// When the next non-empty slot of a level begins.
    fn next_slot(&self, level: usize) -> Option<i64> {
        let filled = self.levels[level].filled;
        if filled == 0 {
            return None;
        }
        let width = SLOT_BITS * level as u32;
        let current = slot_of(self.now_ms, level) as u32;
        // The current slot of a level is past: an entry in it is a whole turn ahead.
        let ahead = filled.rotate_right((current + 1) % SLOTS as u32).trailing_zeros() + 1;
        let base = (self.now_ms >> width) + i64::from(ahead);
        Some(base << width)
    }
}

fn slot_of(at_ms: i64, level: usize) -> usize {
    ((at_ms >> (SLOT_BITS * level as u32)) & (SLOTS as i64 - 1)) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_795_000_000_123;

    #[test]
    fn an_entry_is_given_out_at_its_time_and_not_before() {
        let mut wheel = Wheel::new(START);
        for ahead in [1, 63, 64, 65, 4_095, 4_096, 300_000, HORIZON_MS - 1] {
            assert_eq!(wheel.insert(ahead, START + ahead), Ok(()));
        }
        for ahead in [1, 63, 64, 65, 4_095, 4_096, 300_000, HORIZON_MS - 1] {
            assert!(!wheel.advance(START + ahead - 1, 100).iter().any(|(key, _)| *key == ahead));
            assert_eq!(wheel.advance(START + ahead, 100), vec![(ahead, START + ahead)]);
        }
        assert!(wheel.is_empty());
    }

    #[test]
    fn what_is_past_is_due_at_once_and_what_is_far_is_left_to_the_index() {
        let mut wheel = Wheel::new(START);
        assert_eq!(wheel.insert("late", START - 5_000), Ok(()));
        assert_eq!(wheel.insert("far", START + HORIZON_MS), Err(TooFar));
        assert_eq!(wheel.advance(START + 1, 10).len(), 1);
    }

    proptest! {
        /// Whatever is inserted, moved and cancelled: each key is returned once, at the first advance that is
        /// not before its time.
        #[test]
        fn agrees_with_a_plain_map(actions in prop::collection::vec((0u8..40, 0i64..400_000, 0u8..4), 1..300)) {
            let mut wheel = Wheel::new(START);
            let mut plain: BTreeMap<u8, i64> = BTreeMap::new();
            let mut now = START;
            for (key, span, action) in actions {
                match action {
                    0 => {
                        prop_assert_eq!(wheel.cancel(&key), plain.remove(&key).is_some());
                    }
                    1 => {
                        now += span / 7;
                        let mut got: Vec<u8> = wheel.advance(now, usize::MAX).into_iter().map(|(k, _)| k).collect();
                        let mut want: Vec<u8> = plain.iter().filter(|(_, at)| **at <= now).map(|(k, _)| *k).collect();
                        plain.retain(|_, at| *at > now);
                        got.sort_unstable();
                        want.sort_unstable();
                        prop_assert_eq!(got, want);
                    }
                    _ => {
                        wheel.insert(key, now + 1 + span).expect("within the horizon");
                        plain.insert(key, now + 1 + span);
                    }
                }
                prop_assert_eq!(wheel.len(), plain.len());
                if let Some(first) = plain.values().min() {
                    prop_assert!(wheel.next_due().is_some_and(|next| next <= *first && next > now));
                }
            }
        }
    }
}
