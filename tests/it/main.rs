//! Tests from outside: what a user of the program or of a port may rely on.

mod config;
mod scenarios;
mod store_contract;
mod support;

