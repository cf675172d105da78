//! The memory that the open records of all schools of an instance may take. Never closes a record: the books do.
//! Enter at [`RecordBudget`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Budget for the open records of all schools of an instance, by the length of their JSON.
const BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The budget that the books of one instance share.
#[derive(Debug)]
pub struct RecordBudget {
    max: usize,
    pub(super) taken: AtomicUsize,
    books: AtomicUsize,
}

impl Default for RecordBudget {
    fn default() -> Self {
        Self::of(BUDGET_BYTES)
    }
}

impl RecordBudget {
    pub fn of(bytes: usize) -> Self {
        Self { max: bytes, taken: AtomicUsize::new(0), books: AtomicUsize::new(0) }
    }

    pub(super) fn is_short(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > self.max
    }

    /// Over the budget, books that hold more than this close records.
    fn share(&self) -> usize {
        self.max / self.books.load(Ordering::Relaxed).max(1)
    }
}

/// What one book has taken of the budget; returned on drop.
pub struct Held {
    pub record_budget: Arc<RecordBudget>,
    pub(super) bytes: usize,
}

impl Held {
    pub fn new(record_budget: Arc<RecordBudget>) -> Self {
        record_budget.books.fetch_add(1, Ordering::Relaxed);
        Self { record_budget, bytes: 0 }
    }

    pub fn take(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.record_budget.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.record_budget.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn is_too_much(&self) -> bool {
        self.record_budget.is_short() && self.bytes > self.record_budget.share()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
        self.record_budget.books.fetch_sub(1, Ordering::Relaxed);
    }
}
