//! The whole program as an operator meets it: its commands, its files, its port and its signals,
//! against the stand-in venue.
//!
//! One binary, because linking takes longer than running. Whoever waits here waits for a condition,
//! within one deadline for all ([`support::PATIENCE`]); no test judges speed. Ports are free ones.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ban;
mod check;
mod config;
mod control;
mod crash;
mod demo;
mod facts;
mod faults;
mod history;
mod hostile;
mod live;
mod plugin;
mod python;
mod readme;
mod reload;
mod replay;
mod rule;
mod run;
mod splice;
mod stand_in;
mod streams;
mod support;
