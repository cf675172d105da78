//! The disk of all spools: a reserve for each school, and a common part of which one school gets at most a half, so
//! that a flood at one school leaves room for the others. Never touches the disk. Enter at [`DiskQuota::take`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::SchoolId;

/// Limit of the bytes of all spools together, and what each school has taken of it.
#[derive(Debug)]
pub struct DiskQuota {
    max: u64,
    taken: Mutex<BTreeMap<SchoolId, u64>>,
}

impl DiskQuota {
    pub fn new(max: u64) -> Self {
        Self { max, taken: Mutex::default() }
    }

    /// What lies on the disk counts even if the limit is lower now.
    pub fn join(&self, school: &SchoolId, bytes: u64) {
        *self.taken().entry(school.clone()).or_default() += bytes;
    }

    /// Reserves the bytes and returns true, if there is room for them.
    pub fn take(&self, school: &SchoolId, bytes: u64) -> bool {
        let mut taken = self.taken();
        let fits = bytes <= room(&taken, self.max, school);
        if fits {
            *taken.entry(school.clone()).or_default() += bytes;
        }
        fits
    }

    pub fn give_back(&self, school: &SchoolId, bytes: u64) {
        if let Some(taken) = self.taken().get_mut(school) {
            *taken = taken.saturating_sub(bytes);
        }
    }

    pub fn has_room(&self, school: &SchoolId) -> bool {
        room(&self.taken(), self.max, school) > 0
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<SchoolId, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that the school may still take. Half of the disk is reserved, in equal parts; a school alone has all of it.
fn room(taken: &BTreeMap<SchoolId, u64>, max: u64, school: &SchoolId) -> u64 {
    let own = taken.get(school).copied().unwrap_or_default();
    let others: Vec<u64> = taken.iter().filter(|(id, _)| *id != school).map(|(_, bytes)| *bytes).collect();
    if others.is_empty() {
        return max.saturating_sub(own);
    }
    let common = max / 2;
    let reserve = (max - common) / (others.len() as u64 + 1);
    let used: u64 = others.iter().map(|bytes| bytes.saturating_sub(reserve)).sum();
    let share = (common / 2).min(common.saturating_sub(used));
    (reserve + share).saturating_sub(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_school_leaves_room_for_the_others() {
        let (rost, volna) = (SchoolId::from("rost"), SchoolId::from("volna"));
        let quota = DiskQuota::new(1_000);
        quota.join(&rost, 0);
        assert!(quota.take(&rost, 600), "alone it has all");
        quota.join(&volna, 0);
        // A reserve of 250, and half of the common 500: what is there counts, and no more is taken.
        assert!(!quota.take(&rost, 1) && !quota.has_room(&rost));
        assert!(quota.take(&volna, 250) && quota.take(&volna, 150), "its reserve and what is left");
        assert!(!quota.take(&volna, 1));
        quota.give_back(&rost, 600);
        assert!(quota.take(&volna, 100) && !quota.take(&volna, 1), "a half of the common part");
        assert!(quota.take(&rost, 500) && !quota.take(&rost, 1));
        let taken: u64 = quota.taken().values().sum();
        assert!(taken <= 1_000, "{taken}");
    }

    #[test]
    fn no_disk_is_no_room() {
        let (quota, rost) = (DiskQuota::new(0), SchoolId::from("rost"));
        quota.join(&rost, 0);
        assert!(!quota.has_room(&rost) && !quota.take(&rost, 1));
    }
}
