//! The demo's own material can be read, and every expectation in it can fail.
