//! From files to a checked configuration, with all problems at once.
//! Enter at [`problem`].

pub mod problem;
