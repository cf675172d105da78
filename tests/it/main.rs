//! Tests from outside: what a user of the program or of a port may rely on.

mod cli;
mod config;
mod deploy;
mod getcourse_road;
mod hooks;
mod hooks_fixtures;
mod instances;
mod kills;
mod launch;
mod lines;
mod look_back;
mod mirror;
mod outages;
mod owner;
mod pause;
mod people;
mod process;
mod retention;
mod scenarios;
mod smoke;
mod spool;
mod store_contract;
mod support;
mod tidy;
mod tokens;
mod two_way;
