//! Stored records of version b3825df (`fixtures/records/v1`, see its README) are read, and what is
//! decided for them is what that version decided. Never writes a fixture: that version did.
//! Enter at `orders`, `others` and `store`.

mod orders;
mod others;
mod store;
