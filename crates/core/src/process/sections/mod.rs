//! The sections of the process, one file each. A section never calls another one: it goes to a state or
//! makes a request, and `table.rs` lists which section answers it.
//! Enter at the `SECTION` of a file.

pub(super) mod answers;
pub(super) mod arrival;
pub(super) mod call_start;
pub(super) mod calls;
pub(super) mod crm;
pub(super) mod dialling;
pub(super) mod doubles;
pub(super) mod early;
pub(super) mod ended;
pub(super) mod follow_up;
pub(super) mod giving_up;
pub(super) mod guard;
pub(super) mod hand_over;
pub(super) mod letters;
pub(super) mod moved_money;
pub(super) mod next_note;
pub(super) mod orders;
pub(super) mod parts;
pub(super) mod payment;
pub(super) mod phone;
pub(super) mod pool;
pub(super) mod promise;
pub(super) mod refund;
pub(super) mod refusal;
pub(super) mod remake;
pub(super) mod same_person;
pub(super) mod talk;
pub(super) mod task;
pub(super) mod unseen;
