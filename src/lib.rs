//! tradehook: a keepalive-managed Upbit trade stream, and your sandboxed plugins on every trade.
//!
//! The library exists so that tests and benches use the real modules; ARCHITECTURE.md shows the
//! rooms in the order in which data meets them.

pub mod alert;
pub mod delivery;
pub mod entry;
pub mod market;
pub mod quote;
pub mod refusal;
pub mod trade;

pub mod cli;
pub mod config;
pub mod control;
pub mod feed;
pub mod http;
pub mod outbox;
pub mod packed;
pub mod pipeline;
pub mod plugin;
pub mod policy;
pub mod rehearse;
pub mod replay;
pub mod rest;
pub mod runtime;
pub mod sink;
pub mod splice;
pub mod status;
pub mod tape;
pub mod upbit;
pub mod venue;
