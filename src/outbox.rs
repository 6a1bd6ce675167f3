//! The outbox: a pipeline's checkpoints, and what must be delivered until it is.
//!
//! [`Store`] commits how far a pipeline has read, what its plugins and its policy remember, and
//! the deliveries that came of it, in one transaction. [`Sender`] hands the deliveries to sinks
//! and settles them. Owns the store's file, the retry schedule and the terms of a channel
//! ([`Terms`]: its pace, its quiet hours, who stands in for it); knows neither what an alert means
//! nor how a sink speaks.
//!
//! What is promised: a committed delivery reaches its channel at least once or ends as a dead
//! letter with a reason; a second try carries the same id and the same bytes; deliveries of one
//! lane arrive in the order of their commits.
//!
//! Keeps: [commit-is-atomic] [bounded] [fails-alone]

mod error;
mod file;
mod memory;
mod retry;
mod sender;
mod store;
mod terms;

pub use error::StoreError;
pub use file::FileStore;
pub use memory::MemoryStore;
pub use retry::{Delays, RetryPolicy};
pub use sender::{Channel, ChannelCounters, Sender};
pub use store::{
    Checkpoint, Committed, DeadLetter, HORIZON_MS, Head, Limits, REDONE, Settle, Settled, Snapshot, Store,
};
pub use terms::{Quiet, Rate, Terms, Ttl};

#[cfg(test)]
mod tests;
