//! Tests from outside: what a user of the program or of a port may rely on.

mod config;
mod getcourse_road;
mod hooks_fixtures;
mod scenarios;
mod smoke;
mod store_contract;
mod support;
