//! Workers: everything that happens after a webhook was answered, per school and only in its owner. Never
//! receives a request (`http` does) and never decides (`process` does). Enter at [`school::own`]; then
//! [`inbox`] and [`outbox`].

pub mod backoff;
pub mod chores;
pub mod denials;
#[cfg(test)]
mod fake;
pub mod inbox;
pub mod keeper;
pub mod landings;
pub mod lanes;
pub mod lease_view;
mod listening;
pub mod marks;
pub mod outbox;
pub mod pacer;
pub mod reconcile;
pub mod retention;
pub mod school;
pub mod site;
pub mod spool_drain;
pub mod store_watch;
pub mod tally;
pub mod troubles;
pub mod unread;
pub mod unsettled;
pub mod watchdog;
pub mod wheel;
pub mod wheel_feed;
pub mod wipe;
