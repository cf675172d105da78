//! The floor of the bridge: what it decides (`process`) and in which words (`message`).
//! Never reads a clock, a file or a socket, and depends on no other member. Enter at [`process::step`].

#[cfg(test)]
mod fuzz_tests;
pub mod message;
pub mod mutant;
pub mod problem;
pub mod process;
