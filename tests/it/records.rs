//! Stored records of version b3825df (`fixtures/records/v1`, see its README) are read, and what is
//! decided for them is what that version decided. Never writes a fixture: that version did.

pub mod orders;
pub mod others;
pub mod tape;
pub mod write;
pub mod write_others;
