//! Keeps a flood of unusable entries, and of reads and writes of orders that GetCourse does not have, from becoming as
//! many dead letters: of one reason only so many are kept whole, the rest is counted in one letter. Never folds another
//! delivery, and what is folded stays among the stored requests as long as any. Enter at [`Folds::bury`].

use std::collections::HashMap;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::process::command::NO_ORDER;
use crate::process::{At, SchoolId};
use crate::store::{DeadLetter, Store, StoreResult};

/// Letters of one reason that are kept whole within a day: more than one mistake makes before it is seen.
const KEPT_MAX: u32 = 1_000;
/// The same of orders that GetCourse does not have: whoever knows an address can name any number of them, and of one that
/// has been worked its own task tells.
const STRANGE_ORDERS_MAX: u32 = 20;
const DAY: TimeDelta = TimeDelta::days(1);
/// Reasons that are told apart; the sender chooses some of their words.
const REASONS_MAX: usize = 200;

/// What this owner has buried.
#[derive(Debug, Default)]
pub(super) struct Folds(HashMap<String, Fold>);

#[derive(Debug)]
struct Fold {
    since: At,
    kept: u32,
    /// The count of the letter that stands for the rest; `None` until the store was asked.
    folded: Option<u64>,
}

impl Folds {
    /// The letter to bury: this one, or the one that stands for all further ones of its reason.
    pub(super) async fn bury(
        &mut self,
        store: &dyn Store,
        school: &SchoolId,
        letter: DeadLetter,
        now: At,
    ) -> StoreResult<DeadLetter> {
        let mut reason = reason(&letter.why);
        if !self.0.contains_key(&reason) && self.0.len() >= REASONS_MAX {
            self.0.retain(|_, fold| now - fold.since < DAY);
            if self.0.len() >= REASONS_MAX {
                "another".clone_into(&mut reason);
            }
        }
        let fold = self.0.entry(reason.clone()).or_insert(Fold { since: now, kept: 0, folded: None });
        if now - fold.since >= DAY {
            (fold.since, fold.kept) = (now, 0);
        }
        let kept_max = if letter.why.starts_with(NO_ORDER) { STRANGE_ORDERS_MAX } else { KEPT_MAX };
        if fold.kept < kept_max {
            fold.kept += 1;
            return Ok(letter);
        }
        let id = format!("in-more-{}", &hex::encode(Sha256::digest(&reason))[..12]);
        let before = match fold.folded {
            Some(count) => count,
            None => store.letter(school, &id).await?.map_or(0, |known| known.folded),
        };
        fold.folded = Some(before + 1);
        Ok(DeadLetter { id, order: None, body: Vec::new(), folded: before + 1, ..letter })
    }

    /// A person tries letters again, or the store has to be asked anew.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// A reason without what differs from entry to entry: quoted words and numbers.
fn reason(why: &str) -> String {
    let words = why.split('`').step_by(2).collect::<String>();
    words.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fake::noon;
    use crate::store::embedded::Embedded;

    fn letter(n: u32, why: &str) -> DeadLetter {
        let (id, why) = (format!("in-{n}"), why.to_owned());
        DeadLetter { id, at: noon(), why, order: None, body: b"{}".to_vec(), folded: 0 }
    }

    #[tokio::test]
    async fn a_flood_becomes_one_letter_with_a_count() {
        let (store, school) = (Embedded::in_memory().expect("memory"), SchoolId::from("rost"));
        let mut folds = Folds::default();
        let mut bury =
            async |n, why: &str, now| folds.bury(&store, &school, letter(n, why), now).await.unwrap();
        for n in 0..KEPT_MAX {
            let kept = bury(n, &format!("broken JSON at line {n}"), noon()).await;
            assert_eq!((kept.id, kept.folded), (format!("in-{n}"), 0));
        }
        let first = bury(9_001, "broken JSON at line 1", noon()).await;
        let second = bury(9_002, "broken JSON at line 2", noon()).await;
        assert_eq!((first.folded, second.folded), (1, 2));
        assert!(first.id == second.id && second.body.is_empty());
        // Another reason has its own; a quoted word is none.
        assert_eq!(bury(9_003, "unknown address `a`; there are b", noon()).await.folded, 0);
        assert_eq!(reason("unknown address `a`; there are b"), reason("unknown address `cd`; there are b"));
        // The next day letters are kept again, and after a retry, too.
        assert_eq!(bury(9_004, "broken JSON at line 1", noon() + DAY).await.folded, 0);
    }

    #[tokio::test]
    async fn reasons_are_bounded() {
        let (store, school) = (Embedded::in_memory().expect("memory"), SchoolId::from("rost"));
        let mut folds = Folds::default();
        for n in 0..2 * REASONS_MAX as u32 {
            let why = format!("reason {}", char::from_u32(0x4e00 + n).expect("a letter"));
            folds.bury(&store, &school, letter(n, &why), noon()).await.unwrap();
        }
        assert_eq!(folds.0.len(), REASONS_MAX + 1);
        folds.forget();
        assert!(folds.0.is_empty());
    }
}
